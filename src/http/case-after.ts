import { Type } from 'typebox';
import { archive, close, closeRestored, draftArchive, retrospect, writingsOf } from '../cases/after.ts';
import { caseKnownTo } from '../cases/step.ts';
import { toIso } from '../clock.ts';
import type { Api, App } from './api.ts';
import { acting, mustReadInClear } from './auth.ts';
import { answer } from './case-moves.ts';
import { IfMatch, seenRevision } from './etag.ts';
import { ArchiveDraft, ById, CaseView, Sha256, Writings } from './schemas.ts';

const tags = ['cases'];
const strict = { additionalProperties: false } as const;

/** What comes after the release. */
export function caseAfter(app: App, api: Api): void {
  postRetrospective(app, api);
  postArchiveDraft(app, api);
  postArchive(app, api);
  postClose(app, api);
  show(app, api, 'retrospective', 'Read the retrospectives of a case, in clear, the newest first');
  show(app, api, 'archive', 'Read the sanitised thread of a case, in clear, the newest first');
}

function postRetrospective(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Write the retrospective of a released case; it is kept sealed',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ note: Type.String({ minLength: 1, maxLength: 200_000, description: 'a text' }) }, strict),
    response: { 201: CaseView },
  };
  app.post('/cases/:id/retrospective', { schema }, async ({ params, headers, body, caller }, reply) => {
    const about = await retrospect(acting(seams, caller), params.id, body.note, seenRevision(headers));
    changed.deliveries();
    reply.code(201);
    return answer(reply, seams, about);
  });
}

const Without = Type.Optional(
  Type.Array(Type.String({ minLength: 3, maxLength: 100 }), {
    maxItems: 100,
    description: 'names and words that are to be taken out too, each of 3 to 100 characters',
  }),
);

function postArchiveDraft(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Read the thread of a released case as it would be kept, without addresses, names and files; for its lead',
    description:
      'Nothing of it is kept. Names that no From and no roster has are not known: whoever reads it says which are to be taken out.',
    params: ById,
    body: Type.Object({ without: Without }, strict),
    response: { 200: ArchiveDraft },
  };
  app.post('/cases/:id/archive/draft', { schema }, async (request) => {
    mustReadInClear(request);
    return draftArchive(acting(seams, request.caller), request.params.id, request.body.without ?? []);
  });
}

function postArchive(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Make the thread of a released case into a text without addresses, names and files; for its lead',
    description:
      'He has read it (`/archive/draft`) and names its hash. It is published nowhere. Who reported it is named where the details say that he is to be credited, and by what name.',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ hash: Sha256, without: Without }, strict),
    response: { 201: CaseView },
  };
  app.post('/cases/:id/archive', { schema }, async ({ params, headers, body, caller }, reply) => {
    const approved = { hash: body.hash, without: body.without ?? [] };
    const about = await archive(acting(seams, caller), params.id, approved, seenRevision(headers));
    changed.deliveries();
    reply.code(201);
    return answer(reply, seams, about);
  });
}

function postClose(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Close a case: released with its retrospective, rejected or withdrawn',
    params: ById,
    headers: IfMatch,
    querystring: Type.Object(
      {
        alreadyOut: Type.Optional(
          Type.Boolean({
            description: 'it was released after the backup was taken that was restored: nothing of it goes out again',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    response: { 200: CaseView },
  };
  app.post('/cases/:id/close', { schema }, async ({ params, query, headers, caller }, reply) => {
    const end = query.alreadyOut === true ? closeRestored : close;
    const about = await end(acting(seams, caller), params.id, seenRevision(headers));
    changed.deliveries();
    return answer(reply, seams, about);
  });
}

function show(app: App, { seams }: Api, kind: 'retrospective' | 'archive', summary: string): void {
  const schema = { tags, summary, params: ById, response: { 200: Writings } };
  app.get(`/cases/:id/${kind}`, { schema }, async (request) => {
    mustReadInClear(request);
    const about = await caseKnownTo(seams.db, acting(seams, request.caller), request.params.id);
    return { items: (await writingsOf(seams, about, kind)).map(({ at, text }) => ({ writtenAt: toIso(at), text })) };
  });
}
