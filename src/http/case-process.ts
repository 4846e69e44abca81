import { Type } from 'typebox';
import { describe, detailsOf } from '../cases/describe.ts';
import { Details, lacksForDispatch, scored } from '../cases/details.ts';
import { askToLead, claim, nameDeputy, staff, takeOver } from '../cases/people.ts';
import { caseKnownTo } from '../cases/step.ts';
import { wishOf } from '../cases/wish.ts';
import { proposedCase } from '../embargo/proposal.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, mustReadInClear } from './auth.ts';
import { answer } from './case-moves.ts';
import { etagOf, IfMatch, seenRevision } from './etag.ts';
import { ById, CaseView, DetailsView, Name, OrNull } from './schemas.ts';

const tags = ['cases'];
const strict = { additionalProperties: false } as const;

/** Who works on a case, and what is known of it. */
export function caseProcess(app: App, api: Api): void {
  showDetails(app, api);
  patchDetails(app, api);
  putSeverity(app, api);
  postLead(app, api);
  putDeputy(app, api);
  postHandover(app, api);
  postTakeOver(app, api);
  putTeam(app, api);
}

const shown = ({ project, clock }: Api['seams'], about: Case, details: Details) => ({
  details,
  severity: scored(details),
  lacking: lacksForDispatch(details),
  wish: wishOf(project, about, details, clock.now()),
});

function showDetails(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Read what is known of a case, in clear, and what lacks before distributors can be told',
    params: ById,
    response: { 200: DetailsView },
  };
  app.get('/cases/:id/details', { schema }, async (request, reply) => {
    mustReadInClear(request);
    const about = await caseKnownTo(seams.db, acting(seams, request.caller), request.params.id);
    reply.header('etag', etagOf(about.revision));
    // As they were written last, also where that waits for two people: they are changed from there.
    return shown(seams, about, await detailsOf(seams, proposedCase(about)));
  });
}

function patchDetails(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Change what is known of a case: the fields that are given; it is kept sealed',
    params: ById,
    headers: IfMatch,
    body: Type.Partial(Details, strict),
    response: { 200: DetailsView },
  };
  app.patch('/cases/:id', { schema }, async ({ params, headers, body, caller }, reply) => {
    const described = await describe(acting(seams, caller), params.id, body, seenRevision(headers));
    reply.header('etag', etagOf(described.case.revision));
    return shown(seams, described.case, described.details);
  });
}

function putSeverity(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Score a case: a CVSS vector, and perhaps the rating that the lead gives it instead, with his reason',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ vector: Details.properties.cvss, override: Type.Optional(Details.properties.override) }, strict),
    response: { 200: DetailsView },
  };
  app.put('/cases/:id/severity', { schema }, async ({ params, headers, body, caller }, reply) => {
    const fields = { cvss: body.vector, override: body.override ?? null };
    const described = await describe(acting(seams, caller), params.id, fields, seenRevision(headers));
    reply.header('etag', etagOf(described.case.revision));
    return shown(seams, described.case, described.details);
  });
}

const Who = Type.String({ ...Name, description: 'a contact of the response team: an id or an address' });

/** Throws Refusal('invalid'). */
async function contactId(db: Db, who: string): Promise<string> {
  const found = who.includes('@') ? await contacts.byAddress(db, who.toLowerCase()) : await contacts.byId(db, who);
  if (!found) throw new Refusal('invalid', `${who} is nobody of the response team`);
  return found.id;
}

async function orNobody({ db }: Seams, who: string | null | undefined): Promise<string | null> {
  return who === null || who === undefined ? null : contactId(db, who);
}

function postLead(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Claim a case that nobody leads; an admin may name the lead',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ lead: Type.Optional(Who), deputy: Type.Optional(OrNull(Who)) }, strict),
    response: { 201: CaseView },
  };
  app.post('/cases/:id/lead', { schema }, async ({ params, headers, body, caller }, reply) => {
    const lead = body.lead === undefined ? {} : { lead: await contactId(seams.db, body.lead) };
    const leading = { ...lead, deputy: await orNobody(seams, body.deputy) };
    const about = await claim(acting(seams, caller), params.id, leading, seenRevision(headers));
    reply.code(201);
    return answer(reply, seams, about);
  });
}

function putDeputy(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Name the deputy of the lead, or nobody',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ deputy: OrNull(Who) }, strict),
    response: { 200: CaseView },
  };
  app.put('/cases/:id/deputy', { schema }, async ({ params, headers, body, caller }, reply) => {
    const deputy = await orNobody(seams, body.deputy);
    return answer(reply, seams, await nameDeputy(acting(seams, caller), params.id, deputy, seenRevision(headers)));
  });
}

function postHandover(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Ask somebody to be the next lead; until he takes the case over, nothing changes',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ to: Who }, strict),
    response: { 202: CaseView },
  };
  app.post('/cases/:id/handover', { schema }, async ({ params, headers, body, caller }, reply) => {
    const next = await contactId(seams.db, body.to);
    const about = await askToLead(acting(seams, caller), params.id, next, seenRevision(headers));
    changed.deliveries();
    reply.code(202);
    return answer(reply, seams, about);
  });
}

function postTakeOver(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Take a case over as its lead: whom the lead has asked, his deputy, or an admin',
    params: ById,
    headers: IfMatch,
    response: { 201: CaseView },
  };
  app.post('/cases/:id/handover/accept', { schema }, async ({ params, headers, caller }, reply) => {
    const about = await takeOver(acting(seams, caller), params.id, seenRevision(headers));
    reply.code(201);
    return answer(reply, seams, about);
  });
}

function putTeam(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Say who of the response team works on a case: nobody else of it sees the case then; nobody named is everybody',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ people: Type.Array(Who, { maxItems: 200, description: 'ids or addresses' }) }, strict),
    response: { 200: CaseView },
  };
  app.put('/cases/:id/team', { schema }, async ({ params, headers, body, caller }, reply) => {
    const people = [];
    for (const who of body.people) people.push(await contactId(seams.db, who));
    return answer(reply, seams, await staff(acting(seams, caller), params.id, people, seenRevision(headers)));
  });
}
