import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { type Instant, toIso } from '../clock.ts';
import { type Facts, healthOf, ofNow, UNKNOWN } from '../delivery/health.ts';
import { armorCertificate, type Usable } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import {
  addCertificate,
  addContact,
  approveCertificate,
  type GivenCertificate,
  ownedBy,
  refuseCertificate,
  retireCertificate,
  setContactActive,
} from '../roster/contacts.ts';
import { Address, Entry } from '../roster/entries.ts';
import { checkMember } from '../roster/expiry.ts';
import { renewKnown, withRevoked } from '../roster/known.ts';
import { addFound } from '../roster/looked-up.ts';
import { shownOf } from '../roster/shown.ts';
import type { Seams } from '../seams.ts';
import * as admission from '../store/admission.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as health from '../store/health.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { etagOf, IfMatch, seenVersion } from './etag.ts';
import { knownMember } from './members.ts';
import { PageOf, Paging, readPageBy } from './page.ts';
import { Armored, ById, CertificateView, ContactView, GivenView, type HealthView, Name, Reason } from './schemas.ts';

const tags = ['roster'];
const strict = { additionalProperties: false } as const;
const { name } = Entry.properties.contacts.items.properties;
export function contactRoutes(app: App, api: Api): void {
  listContacts(app, api);
  postContact(app, api);
  showContact(app, api);
  setActive(app, api, 'retire', 'Retire a contact: he gets and posts nothing from now on');
  setActive(app, api, 'reinstate', 'Let a retired contact get and post again');
  listCertificates(app, api);
  showCertificate(app, api);
  postCertificate(app, api);
  lookUpCertificate(app, api);
  decideCertificate(app, api, 'approve', approveCertificate, 'Let a proposed certificate count; the old one is retired');
  decideCertificate(app, api, 'refuse', refuseCertificate, 'Refuse a proposed certificate');
  decideCertificate(app, api, 'retire', retireCertificate, 'Retire a certificate: nothing is encrypted to it from now on');
}

async function contactViews(
  { db, clock }: Pick<Seams, 'db' | 'clock'>,
  found: readonly Contact[],
): Promise<Static<typeof ContactView>[]> {
  const ids = found.map(({ id }) => id);
  const current = await certificates.currentFingerprints(db, ids);
  const unsubscribed = await contacts.unsubscribedFrom(db, ids);
  const known = await health.ofContacts(db, ids);
  return found.map(({ id, member_id, address, name, active, created_at, proved_at }) => ({
    id,
    memberId: member_id,
    address,
    name,
    active: active === 1,
    fingerprint: current.get(id) ?? null,
    unsubscribed: unsubscribed.get(id) ?? [],
    createdAt: toIso(created_at),
    provedAt: orNull(proved_at),
    health: healthView(known.get(id) ?? UNKNOWN, clock.now()),
  }));
}

function healthView(facts: Facts, now: Instant): Static<typeof HealthView> {
  // What a run that is over had is past.
  const { delivered_at, delayed_at, line, warned_at, ...run } = ofNow(facts, now);
  return {
    state: healthOf(facts, now),
    deliveredAt: orNull(delivered_at),
    hard: { count: run.hard_count, firstAt: orNull(run.hard_first_at), lastAt: orNull(run.hard_last_at) },
    soft: { count: run.soft_count, firstAt: orNull(run.soft_first_at), lastAt: orNull(run.soft_last_at) },
    delayedAt: orNull(delayed_at),
    line,
    warnedAt: orNull(warned_at),
  };
}

/** `proved`: ids of those of the contact that were. */
async function certificateView(
  seams: Seams,
  certificate: Certificate,
  proved: ReadonlySet<string>,
): Promise<Static<typeof CertificateView>> {
  const { id, fingerprint, state, data, created_at } = certificate;
  if (state === 'mail') throw new Error(`the certificate ${id} belongs to no contact`);
  const { version, waiting: newer } = await shownOf(seams.db, certificate);
  const renewal = newer && (await renewKnown(seams, certificate, newer.data));
  const [known, next] = await withRevoked(seams, newer ? [data, newer.data] : [data]);
  const usable: Usable = known ? await seams.pgp.usable(known, seams.clock.now()) : { usable: false, reason: 'unreadable' };
  return {
    id,
    fingerprint,
    state,
    certificate: armorCertificate(known ?? data),
    createdAt: toIso(created_at),
    endsAt: usable.usable ? orNull(usable.until) : null,
    whyNot: usable.usable ? null : usable.reason,
    proved: proved.has(id),
    waiting: renewal ? { ...renewal.encryptionKey, certificate: armorCertificate(next ?? newer.data) } : null,
    etag: etagOf(version),
  };
}

function listContacts(app: App, { seams }: Api): void {
  const { db } = seams;
  const response = { 200: PageOf(ContactView) };
  const schema = { tags, summary: 'List the contacts of a member', params: ById, querystring: Paging, response };
  app.get('/members/:id/contacts', { schema }, async ({ params, query }) => {
    const { id } = await knownMember(db, params.id);
    const { items, next } = await readPageBy(
      query,
      (of) => contacts.page(db, { ...of, memberId: id }),
      ({ address }) => address,
    );
    return { items: await contactViews(seams, items), next };
  });
}

function postContact(app: App, { seams, changed, admission: rules }: Api): void {
  const body = Type.Object({ address: Address, name, certificate: Armored }, strict);
  const description =
    'He is asked by mail to prove the certificate, and has copies from when he has done so (`provedAt`): of a candidate when the others are asked, of a member at once. Who was retired from another member is no longer of that one.';
  const schema = {
    tags,
    summary: 'Add a contact with his certificate',
    description,
    params: ById,
    body,
    response: { 201: ContactView },
  };
  app.post('/members/:id/contacts', { schema }, async ({ params, body: wish, caller }, reply) => {
    const named = { ...wish, name: wish.name ?? null };
    const { contact } = await addContact(acting(seams, caller), rules, params.id, named);
    changed.deliveries();
    reply.code(201);
    return shownContact(seams, contact);
  });
}

/** By his id or, in any case, his address. */
async function knownContact(db: Db, named: string): Promise<Contact> {
  const found = await contacts.byIdOrAddress(db, named);
  if (!found) throw new Refusal('not-found', `There is no contact ${named}`);
  return found;
}

const ByContact = Type.Object({ id: Name }, { description: 'the id or the address of a contact' });

async function shownContact(seams: Seams, contact: Contact): Promise<Static<typeof ContactView>> {
  const [view] = await contactViews(seams, [contact]);
  if (!view) throw new Error('a contact has no view');
  return view;
}

function showContact(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Show a contact', params: ByContact, response: { 200: ContactView } };
  app.get('/contacts/:id', { schema }, async ({ params }) => shownContact(seams, await knownContact(seams.db, params.id)));
}

function setActive(
  app: App,
  { seams, changed, admission: { project } }: Api,
  verb: 'retire' | 'reinstate',
  summary: string,
): void {
  const body = Type.Object({ reason: Reason }, strict);
  const schema = { tags, summary, params: ByContact, body, response: { 200: ContactView } };
  app.post(`/contacts/:id/${verb}`, { schema }, async ({ params, body: { reason }, caller }) => {
    const by = acting(seams, caller);
    const { id } = await knownContact(seams.db, params.id);
    const contact = await setContactActive(by, id, verb === 'reinstate', reason);
    await checkMember(by, project, contact.member_id);
    changed.deliveries();
    return shownContact(seams, contact);
  });
}

function showCertificate(app: App, { seams }: Api): void {
  const params = Type.Object({ id: Name, certificate: Name });
  const schema = { tags, summary: 'Show a certificate, and what of it waits', params, response: { 200: CertificateView } };
  app.get('/contacts/:id/certificates/:certificate', { schema }, async ({ params }, reply) => {
    const { id } = await knownContact(seams.db, params.id);
    return shownCertificate(seams, reply, await ownedBy(seams.db, id, params.certificate));
  });
}

async function shownCertificate(
  seams: Seams,
  reply: FastifyReply,
  certificate: Certificate,
): Promise<Static<typeof CertificateView>> {
  const proved = await admission.provedCertificates(seams.db, certificate.contact_id ?? '');
  const view = await certificateView(seams, certificate, proved);
  reply.header('etag', view.etag);
  return view;
}

function listCertificates(app: App, { seams }: Api): void {
  const { db } = seams;
  const response = { 200: PageOf(CertificateView) };
  const schema = { tags, summary: 'List the certificates of a contact', params: ByContact, querystring: Paging, response };
  app.get('/contacts/:id/certificates', { schema }, async ({ params, query }) => {
    const contact = await knownContact(db, params.id);
    const { items, next } = await readPageBy(
      query,
      (of) => certificates.page(db, { ...of, contactId: contact.id }),
      ({ id }) => id,
    );
    const proved = await admission.provedCertificates(db, contact.id);
    return { items: await Promise.all(items.map((one) => certificateView(seams, one, proved))), next };
  });
}

async function answer(
  seams: Seams,
  reply: FastifyReply,
  { certificate, encryptionKey, waits }: GivenCertificate,
): Promise<FastifyReply> {
  const view = await shownCertificate(seams, reply, certificate);
  const status = waits ? 202 : encryptionKey ? 200 : 201;
  return reply.code(status).send({ ...view, encryptionKey });
}

function postCertificate(app: App, { seams, changed, admission: { project } }: Api): void {
  const schema = {
    tags,
    summary: 'Give a contact a certificate',
    description:
      'The first one is current at once (201). A newer copy of one that the contact has is merged into it, and counts at once (200): new expiry, subkeys, revocations. Any other, and one by which another key would be encrypted to, waits until it is approved (202); until then nothing changes.',
    params: ByContact,
    body: Type.Object({ certificate: Armored }, strict),
    response: { 200: GivenView, 201: GivenView, 202: GivenView },
  };
  app.post('/contacts/:id/certificates', { schema }, async ({ params, body, caller }, reply) => {
    const { id, member_id } = await knownContact(seams.db, params.id);
    const by = acting(seams, caller);
    const given = await addCertificate(by, id, body.certificate);
    // Who may have another key as soon as a person has looked at it need not be asked for one.
    if (!given.waits) await checkMember(by, project, member_id);
    changed.deliveries();
    return answer(seams, reply, given);
  });
}

function decideCertificate(
  app: App,
  { seams, changed, admission: { project } }: Api,
  verb: 'approve' | 'refuse' | 'retire',
  decide: typeof approveCertificate,
  summary: string,
): void {
  const params = Type.Object({ id: Name, certificate: Name });
  const description =
    'With the ETag of the certificate (`etag`) in If-Match nothing counts but what was shown: where something else waits by now, it is refused with 412. Of somebody of the response team whoever gave a certificate does not approve it, unless it is his own.';
  const schema = { tags, summary, description, params, headers: IfMatch, response: { 200: CertificateView } };
  app.post(`/contacts/:id/certificates/:certificate/${verb}`, { schema }, async ({ params, headers, caller }, reply) => {
    const contact = await knownContact(seams.db, params.id);
    const by = acting(seams, caller);
    const decided = await decide(by, contact.id, params.certificate, callerOf({ caller }).personId, seenVersion(headers));
    await checkMember(by, project, contact.member_id);
    changed.deliveries();
    return shownCertificate(seams, reply, decided);
  });
}

function lookUpCertificate(app: App, { seams, changed, lookUp, admission: { project } }: Api): void {
  const schema = {
    tags,
    summary: 'Look the certificate of a contact up, in the Web Key Directory of his domain or on a key server',
    description:
      'What comes is treated as a certificate that an admin gives: what is new in it waits until a person approves it. Several may come: those that the contact has are renewed, and the answer is about the one other that can be used.',
    params: ByContact,
    body: Type.Object({ from: Type.Enum(['wkd', 'keyserver'], { description: '"wkd" or "keyserver"' }) }, strict),
    response: { 200: GivenView, 201: GivenView, 202: GivenView },
  };
  app.post('/contacts/:id/certificates/look-up', { schema }, async ({ params, body, caller }, reply) => {
    const contact = await knownContact(seams.db, params.id);
    const found = await lookUp(contact.address, body.from);
    const by = acting(seams, caller);
    let waits = false;
    try {
      const given = await addFound(by, contact, found);
      waits = given.waits;
      return await answer(seams, reply, given);
    } finally {
      // One of several may count although another one is refused.
      if (!waits) await checkMember(by, project, contact.member_id);
      changed.deliveries();
    }
  });
}
