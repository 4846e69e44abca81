import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import { addCertificate, addContact, approveCertificate, type GivenCertificate, refuseCertificate } from '../roster/contacts.ts';
import { Address, Entry } from '../roster/entries.ts';
import { checkMember } from '../roster/expiry.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Certificate, Contact } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { InstantUtc } from './instant.ts';
import { knownMember } from './members.ts';
import { PageOf, Paging, readPageBy } from './page.ts';
import { ById, Name, OrNull } from './schemas.ts';

const tags = ['roster'];
const strict = { additionalProperties: false } as const;
const { name } = Entry.properties.contacts.items.properties;
const Armored = Type.String({ minLength: 1, description: 'an armored OpenPGP certificate' });

const ContactView = Type.Object({
  id: Type.String(),
  memberId: Type.String(),
  address: Type.String(),
  name: OrNull(Type.String()),
  active: Type.Boolean(),
  fingerprint: OrNull(Type.String({ description: 'of the current certificate' })),
  createdAt: InstantUtc,
});

const CertificateView = Type.Object({
  id: Type.String(),
  fingerprint: Type.String(),
  state: Type.Enum(['current', 'proposed', 'retired']),
  certificate: Armored,
  createdAt: InstantUtc,
});

const EncryptionKey = OrNull(Type.String({ description: 'fingerprint of the key that copies are encrypted to' }));
const GivenView = Type.Object({
  ...CertificateView.properties,
  encryptionKey: OrNull(
    Type.Object(
      { before: EncryptionKey, after: EncryptionKey },
      {
        description: 'of a certificate that was renewed; `after` is null where it cannot be encrypted to, as when it is revoked',
      },
    ),
  ),
});

export function contactRoutes(app: App, api: Api): void {
  listContacts(app, api);
  postContact(app, api);
  listCertificates(app, api);
  postCertificate(app, api);
  lookUpCertificate(app, api);
  decideCertificate(app, api, 'approve', approveCertificate, 'Let a proposed certificate count; the old one is retired');
  decideCertificate(app, api, 'refuse', refuseCertificate, 'Refuse a proposed certificate');
}

/** `fingerprint`: of his current certificate. */
function contactView(contact: Contact, fingerprint: string | null = null): Static<typeof ContactView> {
  const { id, member_id, address, name, active, created_at } = contact;
  return { id, memberId: member_id, address, name, active: active === 1, fingerprint, createdAt: toIso(created_at) };
}

function certificateView({ id, fingerprint, state, data, created_at }: Certificate): Static<typeof CertificateView> {
  if (state === 'mail') throw new Error(`the certificate ${id} belongs to no contact`);
  return { id, fingerprint, state, certificate: armorCertificate(data), createdAt: toIso(created_at) };
}

function listContacts(app: App, { seams: { db } }: Api): void {
  const response = { 200: PageOf(ContactView) };
  const schema = { tags, summary: 'List the contacts of a member', params: ById, querystring: Paging, response };
  app.get('/members/:id/contacts', { schema }, async ({ params, query }) => {
    const { id } = await knownMember(db, params.id);
    const { items, next } = await readPageBy(
      query,
      (of) => contacts.page(db, { ...of, memberId: id }),
      ({ address }) => address,
    );
    const current = await certificates.currentFingerprints(
      db,
      items.map((contact) => contact.id),
    );
    return { items: items.map((contact) => contactView(contact, current.get(contact.id))), next };
  });
}

function postContact(app: App, { seams }: Api): void {
  const body = Type.Object({ address: Address, name, certificate: Armored }, strict);
  const schema = { tags, summary: 'Add a contact with his certificate', params: ById, body, response: { 201: ContactView } };
  app.post('/members/:id/contacts', { schema }, async ({ params, body: wish, caller }, reply) => {
    const { contact, certificate } = await addContact(acting(seams, caller), params.id, { ...wish, name: wish.name ?? null });
    reply.code(201);
    return contactView(contact, certificate.fingerprint);
  });
}

function listCertificates(app: App, { seams: { db } }: Api): void {
  const response = { 200: PageOf(CertificateView) };
  const schema = { tags, summary: 'List the certificates of a contact', params: ById, querystring: Paging, response };
  app.get('/contacts/:id/certificates', { schema }, async ({ params, query }) => {
    const contact = await contacts.byId(db, params.id);
    if (!contact) throw new Refusal('not-found', `There is no contact ${params.id}`);
    const { items, next } = await readPageBy(
      query,
      (of) => certificates.page(db, { ...of, contactId: contact.id }),
      ({ id }) => id,
    );
    return { items: items.map(certificateView), next };
  });
}

function answer(reply: FastifyReply, { certificate, encryptionKey, waits }: GivenCertificate): FastifyReply {
  const status = waits ? 202 : encryptionKey ? 200 : 201;
  return reply.code(status).send({ ...certificateView(certificate), encryptionKey });
}

function postCertificate(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Give a contact a certificate',
    description:
      'The first one is current at once (201). A newer copy of one that the contact has is merged into it, and counts at once (200): new expiry, subkeys, revocations. Any other, and one by which another key would be encrypted to, waits until it is approved (202); until then nothing changes.',
    params: ById,
    body: Type.Object({ certificate: Armored }, strict),
    response: { 200: GivenView, 201: GivenView, 202: GivenView },
  };
  app.post('/contacts/:id/certificates', { schema }, async ({ params, body, caller }, reply) => {
    return answer(reply, await addCertificate(acting(seams, caller), params.id, body.certificate));
  });
}

function decideCertificate(
  app: App,
  { seams, changed, admission: { project } }: Api,
  verb: 'approve' | 'refuse',
  decide: typeof approveCertificate,
  summary: string,
): void {
  const params = Type.Object({ id: Name, certificate: Name });
  const schema = { tags, summary, params, response: { 200: CertificateView } };
  app.post(`/contacts/:id/certificates/:certificate/${verb}`, { schema }, async ({ params: { id, certificate }, caller }) => {
    const decided = await decide(acting(seams, caller), id, certificate, callerOf({ caller }).personId);
    const contact = await contacts.byId(seams.db, id);
    if (contact) await checkMember(acting(seams, caller), project, contact.member_id);
    changed.deliveries();
    return certificateView(decided);
  });
}

function lookUpCertificate(app: App, { seams, lookUp }: Api): void {
  const schema = {
    tags,
    summary: 'Look the certificate of a contact up, in the Web Key Directory of his domain or on a key server',
    description:
      'What comes is treated as a certificate that an admin gives: what is new in it waits until a person approves it.',
    params: ById,
    body: Type.Object({ from: Type.Enum(['wkd', 'keyserver'], { description: '"wkd" or "keyserver"' }) }, strict),
    response: { 200: GivenView, 201: GivenView, 202: GivenView },
  };
  app.post('/contacts/:id/certificates/look-up', { schema }, async ({ params, body, caller }, reply) => {
    const contact = await contacts.byId(seams.db, params.id);
    if (!contact) throw new Refusal('not-found', `There is no contact ${params.id}`);
    const found = await lookUp(contact.address, body.from);
    return answer(reply, await addCertificate(acting(seams, caller), contact.id, found));
  });
}
