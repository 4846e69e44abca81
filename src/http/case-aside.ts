import { Type } from 'typebox';
import { decideLeak, leak, publicAlready, reopen, withdraw } from '../embargo/aside.ts';
import type { Seams } from '../seams.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { answer } from './case-moves.ts';
import { IfMatch, seenRevision } from './etag.ts';
import { ById, CaseView } from './schemas.ts';

const tags = ['cases'];
const strict = { additionalProperties: false } as const;
/** Kept sealed, and sent sealed to those alone who may know of the case. */
const Words = (description: string) =>
  Type.String({ minLength: 1, maxLength: 50_000, pattern: '^[^\\u0000]*\\S[^\\u0000]*$', description });

type Move = (seams: Seams, id: string, body: never, expected?: number) => Promise<Case>;

/** What happens to a case beside its way: a leak, a withdrawal, others who publish it, a verdict that did not hold. Everybody of the case is told by mail, at once. */
export function caseAside(app: App, api: Api): void {
  const post = <Body extends ReturnType<typeof Type.Object>>(path: string, summary: string, body: Body, move: Move) => {
    const schema = { tags, summary, params: ById, headers: IfMatch, body, response: { 200: CaseView } };
    app.post(`/cases/:id/${path}`, { schema }, async (request, reply) => {
      const { params, headers, caller } = request;
      const about = await move(acting(api.seams, caller), params.id, request.body as never, seenRevision(headers));
      api.changed.deliveries();
      api.changed.releases();
      return answer(reply, api.seams, about);
    });
  };
  post(
    'leak',
    'Say that the contents of a case leaked: everybody of it is told, and a decision is due within two hours',
    Type.Object({ evidence: Words('what was seen where, by whom') }, strict),
    (seams, id, { evidence }: { evidence: string }, expected) => leak(seams, id, evidence, expected),
  );
  post(
    'leak/decision',
    'Decide on a leak, or on what was taken for public: the embargo stands; or, of a leak, the case is released as soon as two people approve it',
    Type.Object(
      { decision: Type.Enum(['keep', 'release'], { description: '"keep" or "release"' }), reason: Words('why') },
      strict,
    ),
    (seams, id, body: Parameters<typeof decideLeak>[2], expected) => decideLeak(seams, id, body, expected),
  );
  post(
    'withdraw',
    'Withdraw a case: nothing of it is released; where it was announced, a note is owed at its instant, to be approved as its bundle',
    Type.Object({ reason: Words('why, as members and the reporter read it') }, strict),
    (seams, id, { reason }: { reason: string }, expected) => withdraw(seams, id, reason, expected),
  );
  post(
    'reopen',
    'Open a case again that was rejected or linked as a duplicate: everybody of it is told, and somebody has to claim it',
    Type.Object({ reason: Words('why, as the team reads it') }, strict),
    (seams, id, { reason }: { reason: string }, expected) => reopen(seams, id, reason, expected),
  );
  post(
    'public-already',
    'Say that others published it: all its clocks have run out, and it is released as soon as two people approve it',
    Type.Object({ reference: Words('where it is public') }, strict),
    (seams, id, { reference }: { reference: string }, expected) => publicAlready(seams, id, reference, expected),
  );
}
