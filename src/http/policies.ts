import { type Static, Type } from 'typebox';
import { answerInIso, checkRelease, type Start, type Starts } from '../embargo/policy.ts';
import { policyNamed } from '../embargo/presets.ts';
import { PolicyFile } from '../policy-schema.ts';
import type { Api, App } from './api.ts';
import { InstantText, readInstant } from './instant.ts';
import { PolicyAnswer, Reason } from './schemas.ts';

const tags = ['policies'];
const PolicyView = Type.Object({ name: Type.String(), policy: PolicyFile });

export function policyRoutes(app: App, api: Api): void {
  list(app, api);
  check(app, api);
}

function list(app: App, { policies }: Api): void {
  const schema = {
    tags,
    summary: 'List the policies of embargoes: the presets, and those of the project',
    response: { 200: Type.Object({ items: Type.Array(PolicyView) }) },
  };
  app.get('/policies', { schema }, async () => ({ items: [...policies] }));
}

const Asked = Type.Object(
  {
    policies: Type.String({
      pattern: '^[a-z0-9-]{1,40}(,[a-z0-9-]{1,40}){0,4}$',
      description: 'names of policies, with commas between; of each rule the strictest counts',
    }),
    release: InstantText,
    report: Type.Optional(InstantText),
    firstPost: Type.Optional(InstantText),
    fixReady: Type.Optional(InstantText),
    notice: Type.Optional(InstantText),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
);

function check(app: App, { seams: { clock }, policies }: Api): void {
  const schema = {
    tags,
    summary: 'Say whether a release may be at an instant, and which rules it breaks; nothing is changed',
    querystring: Asked,
    response: { 200: PolicyAnswer },
  };
  app.get('/policies/check', { schema }, async ({ query }) => {
    const asked = {
      release: readInstant(query.release, 'release'),
      now: clock.now(),
      starts: startsIn(query),
      reason: query.reason ?? null,
    };
    const named = query.policies.split(',').map((name) => policyNamed(policies, name));
    return answerInIso(checkRelease(named, asked));
  });
}

function startsIn(query: Static<typeof Asked>): Starts {
  const written: [Start, string, string | undefined][] = [
    ['report', 'report', query.report],
    ['first-post', 'firstPost', query.firstPost],
    ['fix-ready', 'fixReady', query.fixReady],
    ['notice', 'notice', query.notice],
  ];
  return Object.fromEntries(
    written.flatMap(([start, path, text]) => (text === undefined ? [] : [[start, readInstant(text, path)]])),
  );
}
