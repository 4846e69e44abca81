import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { knownAmong } from '../cases/step.ts';
import { SECOND, toIso } from '../clock.ts';
import { mustHaveRoom } from '../delivery/room.ts';
import { decide, judge, remove, reviewed, standingRemovals, vouch } from '../roster/admission.ts';
import { applyUnseen, roomIn } from '../roster/apply.ts';
import { Address, Entry, GroupName, NOT_ON_A_LINE } from '../roster/entries.ts';
import { askForProof } from '../roster/prove.ts';
import * as admission from '../store/admission.ts';
import * as contacts from '../store/contacts.ts';
import * as exposure from '../store/exposure.ts';
import type { Member } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { IfMatch, seenVersion } from './etag.ts';
import { knownMember, shown } from './members.ts';
import { limitRate, mustWait, placeOf } from './rate.ts';
import { AdmissionView, ById, CriteriaView, Exposed, MemberView, Reason } from './schemas.ts';

const tags = ['roster'];
const strict = { additionalProperties: false } as const;
const { organisation, product } = Entry.properties;
const { name } = Entry.properties.contacts.items.properties;

const Words = Type.String({ minLength: 1, maxLength: 5000, pattern: '^[^\\u0000]*$' });
const Criterion = Type.String({ minLength: 1, maxLength: 40, description: 'the id of a criterion' });

const Application = Type.Object(
  {
    organisation,
    product,
    contact: Type.Object({ address: Address, name, certificate: Type.String({ minLength: 1, description: 'armored' }) }, strict),
    terms: Type.Optional(
      Type.String({
        pattern: `^[^${NOT_ON_A_LINE}]{1,100}$`,
        description: 'the version of the terms that is accepted; a project that has none keeps nothing of it',
      }),
    ),
    answers: Type.Array(
      Type.Object(
        {
          criterion: Criterion,
          answer: Words,
          evidence: Type.Optional(Type.String({ pattern: '^https?://[!-~]{1,1000}$', description: 'a link' })),
        },
        strict,
      ),
      { maxItems: 50, description: 'one to each criterion of GET /api/v1/criteria' },
    ),
  },
  strict,
);

export function admissionRoutes(app: App, api: Api): void {
  listCriteria(app, api);
  postApplication(app, api);
  showAdmission(app, api);
  postVouch(app, api);
  postVerdicts(app, api);
  postProveKey(app, api);
  postDecision(app, api, 'activate', 'Make a candidate who has proved his key active, for a recorded reason');
  postDecision(
    app,
    api,
    'suspend',
    'Suspend an active member: he gets and posts nothing; what he has seen is at `/members/{id}/exposure`',
  );
  postDecision(app, api, 'reinstate', 'Make a suspended member active again');
  postDecision(app, api, 'reject', 'Reject a candidate');
  postRemoval(app, api);
  postReview(app, api);
  showExposure(app, api);
}

function listCriteria(app: App, { admission: { criteria, terms } }: Api): void {
  const response = { 200: CriteriaView };
  const schema = { tags, summary: 'What an applicant answers', response };
  app.get('/criteria', { schema }, async () => ({ criteria: [...criteria], terms }));
}

/** From one place, which may be a proxy that everybody comes through: a minute, whatever becomes of them. Of all places `roomIn` says how many. */
const MOST_APPLICATIONS = 10;
const MANY = 'There were many applications within an hour; try again later';

/** Nobody learns from the answer who is on the roster: what is wrong with the form itself is said, and nothing else. */
function postApplication(app: App, { seams, changed, room, admission: rules }: Api): void {
  const applications = limitRate(seams.clock, MOST_APPLICATIONS);
  const schema = {
    tags,
    summary: 'Apply to be a member; without a token',
    description:
      'The answer is the same whether or not the organisation or the address is known; what comes of it is told by mail.',
    body: Application,
    response: { 202: Type.Object({ status: Type.Literal('received') }) },
  };
  // Before its body is read, and before its Idempotency-Key is kept.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    mustWait(reply, applications.count(placeOf(request.ip)), MANY);
    mustHaveRoom(room);
  };
  app.post('/applications', { schema, onRequest }, async (request, reply) => {
    mustWait(reply, Math.ceil((await roomIn(seams)) / SECOND), MANY);
    const { body, once } = request;
    const { contact, product: what, terms, answers } = body;
    const application = {
      organisation: body.organisation,
      product: what ?? null,
      contact: { ...contact, name: contact.name ?? null },
      terms: terms ?? null,
      answers: answers.map((answer) => ({ ...answer, evidence: answer.evidence ?? null })),
    };
    if (!(await applyUnseen({ ...seams, ...(once ? { once } : {}) }, rules, application)))
      request.log.info({ reqId: request.id }, 'an application was not taken: what it names is there already');
    changed.deliveries();
    return reply.code(202).send({ status: 'received' });
  });
}

async function admissionView(
  { db, clock }: Pick<Api['seams'], 'db' | 'clock'>,
  reply: FastifyReply,
  member: Member,
): Promise<Static<typeof AdmissionView>> {
  const round = { memberId: member.id, round: member.round };
  const [answers, vouches, verdicts, removals] = await Promise.all([
    admission.answers(db, round),
    admission.vouches(db, round),
    admission.verdicts(db, round),
    standingRemovals(db, round, clock.now()),
  ]);
  const people = [...vouches.map((one) => one.contact_id), ...[...verdicts, ...removals].map((one) => one.person_id)];
  const addresses = new Map((await contacts.byIds(db, [...new Set(people)])).map(({ id, address }) => [id, address]));
  const addressOf = (id: string) => addresses.get(id) ?? id;
  return {
    member: await shown(db, reply, member),
    answers: answers.map(({ criterion, answer, evidence }) => ({ criterion, answer, evidence })),
    vouches: vouches.map(({ contact_id, statement, created_at }) => ({
      contactId: contact_id,
      address: addressOf(contact_id),
      statement,
      at: toIso(created_at),
    })),
    verdicts: verdicts.map(({ person_id, criterion, pass, note, created_at }) => ({
      personId: person_id,
      address: addressOf(person_id),
      criterion,
      pass: pass === 1,
      note,
      at: toIso(created_at),
    })),
    removals: removals.map(({ person_id, reason, created_at }) => ({
      personId: person_id,
      address: addressOf(person_id),
      reason,
      at: toIso(created_at),
    })),
  };
}

function showAdmission(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'What was said of a member’s application', params: ById, response: { 200: AdmissionView } };
  app.get('/members/:id/admission', { schema }, async ({ params }, reply) =>
    admissionView(seams, reply, await knownMember(seams.db, params.id)),
  );
}

function postVouch(app: App, { seams, admission: rules }: Api): void {
  const schema = {
    tags,
    summary: 'Vouch for an applicant, as a person of another organisation',
    params: ById,
    body: Type.Object({ statement: Words }, strict),
    response: { 201: MemberView },
  };
  app.post('/members/:id/vouches', { schema }, async ({ params, body, caller }, reply) => {
    const member = await vouch(acting(seams, caller), rules, params.id, callerOf({ caller }).personId, body.statement);
    reply.code(201);
    return shown(seams.db, reply, member);
  });
}

function postVerdicts(app: App, { seams, admission: rules }: Api): void {
  const Judgement = Type.Object({ criterion: Criterion, pass: Type.Boolean(), note: Type.Optional(Words) }, strict);
  const schema = {
    tags,
    summary: 'Say of each criterion whether it is met; two different people make a member vetted',
    params: ById,
    body: Type.Object({ verdicts: Type.Array(Judgement, { minItems: 1, maxItems: 50 }) }, strict),
    response: { 201: MemberView },
  };
  app.post('/members/:id/verdicts', { schema }, async ({ params, body, caller }, reply) => {
    const verdicts = body.verdicts.map((verdict) => ({ ...verdict, note: verdict.note ?? null }));
    const member = await judge(acting(seams, caller), rules, params.id, callerOf({ caller }).personId, verdicts);
    reply.code(201);
    return shown(seams.db, reply, member);
  });
}

function postProveKey(app: App, { seams, changed, admission: rules }: Api): void {
  const schema = {
    tags,
    summary: 'Ask the contacts of a member to prove their certificates: a nonce, sealed to each',
    params: ById,
    response: {
      202: Type.Object({
        asked: Type.Integer({ description: 'how many; 0 where all who are left have proved theirs: the member is key_proved' }),
      }),
    },
  };
  app.post('/members/:id/prove-key', { schema }, async ({ params, caller }, reply) => {
    const asked = await askForProof(acting(seams, caller), rules, params.id);
    changed.deliveries();
    reply.code(202);
    return { asked };
  });
}

function postDecision(
  app: App,
  { seams, changed, admission: rules }: Api,
  step: 'activate' | 'suspend' | 'reinstate' | 'reject',
  summary: string,
): void {
  const lists = Type.Optional(
    Type.Array(Address, { maxItems: 100, description: 'of an activation: addresses of the lists that he is put on' }),
  );
  const groups = Type.Optional(
    Type.Array(GroupName, { maxItems: 100, description: 'of an activation: names of the groups that he is put into' }),
  );
  const body = Type.Object({ reason: Reason, lists, groups }, strict);
  const schema = { tags, summary, params: ById, headers: IfMatch, body, response: { 200: MemberView } };
  app.post(`/members/:id/${step}`, { schema }, async ({ params, headers, body: decision, caller }, reply) => {
    const wish = { lists: [], ...decision };
    const member = await decide(acting(seams, caller), rules, params.id, step, wish, seenVersion(headers));
    changed.deliveries();
    return shown(seams.db, reply, member);
  });
}

function postRemoval(app: App, { seams, changed, admission: rules }: Api): void {
  const schema = {
    tags,
    summary: 'Remove a member: the first admin asks for it (202), a second one does it (200)',
    params: ById,
    body: Type.Object({ reason: Reason }, strict),
    response: { 200: MemberView, 202: MemberView },
  };
  app.post('/members/:id/remove', { schema }, async ({ params, body, caller }, reply) => {
    const { member, pending } = await remove(acting(seams, caller), rules, params.id, callerOf({ caller }).personId, body.reason);
    changed.deliveries();
    return reply.code(pending ? 202 : 200).send(await shown(seams.db, reply, member));
  });
}

function postReview(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Say that an active member was looked at again; the next time is a year from now',
    params: ById,
    response: { 200: MemberView },
  };
  app.post('/members/:id/review', { schema }, async ({ params, caller }, reply) =>
    shown(seams.db, reply, await reviewed(acting(seams, caller), params.id, callerOf({ caller }).personId)),
  );
}

function showExposure(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Which cases that are not public a member was sent something of',
    params: ById,
    response: { 200: Type.Object({ items: Type.Array(Exposed) }) },
  };
  app.get('/members/:id/exposure', { schema }, async ({ params, caller }) => {
    const { id } = await knownMember(seams.db, params.id);
    const all = (await exposure.ofMember(seams.db, id)).map((row) => ({ ...row, case_id: row.caseId }));
    const items = await knownAmong(seams.db, acting(seams, caller), all);
    return {
      items: items.map(({ case_id, ...row }) => ({ ...row, releaseAt: orNull(row.releaseAt), settledAt: orNull(row.settledAt) })),
    };
  });
}
