import { type Static, Type } from 'typebox';
import { knownAmong } from '../cases/step.ts';
import { toIso } from '../clock.ts';
import { closeIncident, incidentKnownTo } from '../embargo/incidents.ts';
import * as incidents from '../store/incidents.ts';
import type { Incident } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { orNull } from './case-view.ts';
import { PageOf, paging, readPage } from './page.ts';
import { ById, IncidentView, Name, Reason } from './schemas.ts';

const tags = ['incidents'];

export function incidentRoutes(app: App, api: Api): void {
  list(app, api);
  show(app, api);
  close(app, api);
}

function view(one: Incident): Static<typeof IncidentView> {
  const { id, mails, kind, place, percent, sender } = one;
  return {
    id,
    state: one.closed_at === null ? 'open' : 'closed',
    at: toIso(one.at),
    lastAt: toIso(one.last_at),
    mails,
    caseId: one.case_id,
    kind,
    place,
    percent,
    listId: one.list_id,
    refused: one.refused === 1,
    encrypted: one.encrypted === 1,
    sender,
    from: one.from_address,
    signerId: one.signer_contact_id,
    toldAt: orNull(one.told_at),
    closedBy: one.closed_by,
    closedAt: orNull(one.closed_at),
  };
}

const Filter = Type.Object(
  { ...paging, state: Type.Optional(Type.Enum(['open', 'closed'])), caseId: Type.Optional(Name) },
  { additionalProperties: false },
);

function list(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'List mails on their way to the public in which something under embargo was recognised, newest first',
    description: 'Those of cases that others of the team handle alone are left out: a page may have fewer than it could.',
    querystring: Filter,
    response: { 200: PageOf(IncidentView) },
  };
  app.get('/incidents', { schema }, async ({ query, caller }) => {
    const { state, caseId } = query;
    const filter = {
      ...(state === undefined ? {} : { open: state === 'open' }),
      ...(caseId === undefined ? {} : { caseIds: [caseId] }),
    };
    const { items, next } = await readPage(query, (of) => incidents.page(seams.db, { ...filter, ...of }));
    return { items: (await knownAmong(seams.db, acting(seams, caller), items)).map(view), next };
  });
}

function show(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Show an incident', params: ById, response: { 200: IncidentView } };
  app.get('/incidents/:id', { schema }, async ({ params, caller }) =>
    view(await incidentKnownTo(seams.db, acting(seams, caller), params.id)),
  );
}

function close(app: App, { seams }: Api): void {
  const body = Type.Object({ reason: Reason }, { additionalProperties: false });
  const schema = {
    tags,
    summary: 'Say that an incident was dealt with; the reason is in the audit log',
    params: ById,
    body,
    response: { 200: IncidentView },
  };
  app.post('/incidents/:id/close', { schema }, async ({ params, body: { reason }, caller }) =>
    view(await closeIncident(acting(seams, caller), params.id, reason)),
  );
}
