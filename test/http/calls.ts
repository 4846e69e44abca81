import { draftArchive, retrospect } from '../../src/cases/after.ts';
import { sendNotice } from '../../src/cases/notices.ts';
import { claim } from '../../src/cases/people.ts';
import { HOUR, newToken, toIso } from '../../src/clock.ts';
import { tokenFor } from '../../src/delivery/code.ts';
import { leak } from '../../src/embargo/aside.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { noteLeak } from '../../src/embargo/incidents.ts';
import { release } from '../../src/embargo/release.ts';
import { acceptPost } from '../../src/post/moderate.ts';
import { remove } from '../../src/roster/admission.ts';
import { addCertificate, addContact, setContactActive } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { addMember as newMember } from '../../src/roster/enter.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import { confirmIdentity, signIn } from '../../src/roster/sign-in.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import * as clocks from '../../src/store/clock.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as incidents from '../../src/store/incidents.ts';
import * as lists from '../../src/store/lists.ts';
import * as restorations from '../../src/store/restorations.ts';
import type { MemberState } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { arm, armed, KNOWN, PUBLIC, scheduled } from '../embargo/armed.ts';
import { holdPost } from '../post/hold.ts';
import { as, type House, LISTS } from '../support/house.ts';
import { keyProved } from '../support/key-proved.ts';
import { generate } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';
import { ISSUER } from './app.ts';

/** How a route is called so that it does what it is there for. */
export interface Call {
  /** What stands for its parameters, by the segment before them. */
  at?: Record<string, string>;
  body?: unknown;
  /** Instead of the token of whoever calls the others. */
  token?: string;
}

const fresh = () => `x${newToken(5)}`;
const reader = () => ({ address: `${fresh()}@example.net`, kind: 'subscriber' as const });
const draft = ({ clock }: House) => ({ releaseAt: toIso(clock.now() + HOUR), subject: 'Fixed', text: 'Update.\n' });

async function member(house: House, active = false): Promise<string> {
  const { id } = await newMember(house, { organisation: fresh(), product: null, lists: [LISTS.distributors] });
  if (active) await put(house, id, 'active');
  return id;
}

async function memberIn(house: House, state: MemberState): Promise<string> {
  const id = await member(house);
  await put(house, id, state);
  return id;
}

async function put(house: House, id: string, state: MemberState): Promise<void> {
  if (state === 'key_proved') await keyProved(house, id);
  else await house.db.updateTable('members').set({ state }).where('id', '=', id).execute();
}

/** Somebody new on the roster, with a certificate. */
async function contact(house: House): Promise<{ id: string; memberId: string; address: string }> {
  const memberId = await member(house, true);
  const address = `${fresh()}@gamma.example`;
  const { public: certificate } = await generate(address, 'Gina', {});
  const added = await addContact(house, house.identity, memberId, { address, name: null, certificate });
  return { id: added.contact.id, memberId, address };
}

/** His next certificate, which waits for a person. */
async function proposed(house: House): Promise<Call> {
  const { id, address } = await contact(house);
  const { public: certificate } = await generate(address, 'Gina', {});
  const given = await addCertificate(house, id, certificate);
  await proveCertificate(house, id, given.certificate.id);
  return { at: { contacts: id, certificates: given.certificate.id } };
}

/** A case that the second of the team leads. */
async function led(house: House): Promise<string> {
  const id = await house.report();
  await claim(house, id, { lead: house.team[1].contactId });
  return id;
}

async function patchOf({ db }: House, caseId: string): Promise<string> {
  return (await db.selectFrom('patches').select('id').where('case_id', '=', caseId).executeTakeFirstOrThrow()).id;
}

async function releasedCase(house: House): Promise<string> {
  const { id, release_at } = await armed(house);
  house.clock.moveTo(release_at ?? 0);
  await release(house, id);
  return id;
}

/** None of a release, which goes out whatever happens. */
async function queuedCopy({ db }: House): Promise<string> {
  const queued = db.selectFrom('deliveries').select('id').where('state', '=', 'queued').where('audience', '=', 'contact');
  return (await queued.executeTakeFirstOrThrow()).id;
}

async function heldCopy(house: House): Promise<string> {
  const { db } = house;
  const id = await queuedCopy(house);
  await db.updateTable('deliveries').set({ state: 'held', reason: 'expired' }).where('id', '=', id).execute();
  return id;
}

/** The account with which the first of the team signs in. */
/** Distributed to the list, with copies that wait for a relay. */
async function stoppable(house: House): Promise<string> {
  const id = await holdPost(house);
  await acceptPost(house, id, null);
  return id;
}

/** Of the link in a copy of a dispatch that has arrived. */
async function linkToken(house: House): Promise<string> {
  const { id } = await armed(house);
  const { postId } = await dispatch(house, id, LISTS.distributors);
  await outbox(house).drain();
  const [copy] = await deliveries.page(house.db, { limit: 1, postId });
  return tokenFor(house.db, 'acknowledgement', copy?.id ?? '');
}

async function account(house: House) {
  const [{ address }] = house.team;
  const lena = { issuer: ISSUER, subject: 'lena', address };
  const rules = { hours: 8, admins: [] };
  const first = await signIn(house, lena, newToken(), rules).catch(() => null);
  if (first === null) await confirmIdentity(house, address, lena);
  return { signIn: () => signIn(house, lena, newToken(), rules) };
}

/** Every route that changes something, as an admin of the team calls it. What it needs is made by Curfew itself. */
export const calls: Readonly<Record<string, (house: House) => Promise<Call>>> = {
  'POST /acknowledge/:token': async (house) => ({ at: { acknowledge: await linkToken(house) }, body: { status: 'affected' } }),

  'POST /api/v1/lists': async () => ({ body: { address: `${fresh()}@orbit.example`, role: 'private' } }),
  'PATCH /api/v1/lists/:list': async () => ({ at: { lists: LISTS.announce }, body: { subjectPrefix: fresh() } }),
  'DELETE /api/v1/lists/:list/key/next': async ({ db, clock }) => {
    const list = await lists.byAddress(db, LISTS.announce);
    const next = { next_fingerprint: 'A'.repeat(40), next_at: clock.now() + HOUR };
    await lists.change(db, list?.id ?? '', next);
    return { at: { lists: LISTS.announce } };
  },
  'POST /api/v1/lists/:list/recipients': async () => ({ at: { lists: LISTS.announce }, body: reader() }),
  'DELETE /api/v1/lists/:list/recipients/:recipient': async (house) => {
    const { id } = await addRecipient(house, { list: LISTS.announce, ...reader() });
    return { at: { lists: LISTS.announce, recipients: id } };
  },

  'PATCH /api/v1/members/:id': async (house) => ({ at: { members: await member(house, true) }, body: { product: fresh() } }),
  'POST /api/v1/contacts/:id/retire': async (house) => ({
    at: { contacts: (await contact(house)).id },
    body: { reason: 'left' },
  }),
  'POST /api/v1/contacts/:id/reinstate': async (house) => {
    const { id } = await contact(house);
    await setContactActive(house, id, false, 'left');
    return { at: { contacts: id }, body: { reason: 'back' } };
  },
  'POST /api/v1/contacts/:id/certificates/:certificate/retire': proposed,

  'POST /api/v1/members': async () => ({ body: { organisation: fresh(), lists: [LISTS.distributors] } }),
  'POST /api/v1/members/:id/activate': async (house) => ({
    at: { members: await memberIn(house, 'key_proved') },
    body: { reason: 'vetted' },
  }),
  'POST /api/v1/members/:id/suspend': async (house) => ({ at: { members: await member(house, true) }, body: { reason: 'why' } }),
  'POST /api/v1/members/:id/reinstate': async (house) => {
    const { memberId } = await contact(house);
    await put(house, memberId, 'suspended');
    return { at: { members: memberId }, body: { reason: 'why' } };
  },
  'POST /api/v1/members/:id/reject': async (house) => ({ at: { members: await member(house) }, body: { reason: 'why' } }),
  'POST /api/v1/members/:id/review': async (house) => ({ at: { members: await member(house, true) } }),
  'POST /api/v1/members/:id/vouches': async (house) => ({ at: { members: await member(house) }, body: { statement: 'known' } }),
  'POST /api/v1/members/:id/verdicts': async (house) => ({
    at: { members: await memberIn(house, 'vouched') },
    body: { verdicts: CRITERIA.map(({ id: criterion }) => ({ criterion, pass: true })) },
  }),
  'POST /api/v1/members/:id/prove-key': async (house) => {
    const { memberId } = await contact(house);
    await house.db.updateTable('members').set({ state: 'vetted' }).where('id', '=', memberId).execute();
    return { at: { members: memberId } };
  },
  'POST /api/v1/members/:id/remove': async (house) => {
    const id = await member(house, true);
    await remove(house, { project: 'orbit' }, id, house.team[1].contactId, 'why');
    return { at: { members: id }, body: { reason: 'why' } };
  },
  'POST /api/v1/applications': async () => {
    const address = `${fresh()}@gamma.example`;
    const { public: certificate } = await generate(address, 'Gina', {});
    const answers = CRITERIA.map(({ id: criterion }) => ({ criterion, answer: 'Yes.' }));
    return { body: { organisation: fresh(), contact: { address, certificate }, answers } };
  },
  'POST /api/v1/contacts/:id/certificates/look-up': async (house) => ({
    at: { contacts: (await contact(house)).id },
    body: { from: 'wkd' },
  }),
  'POST /api/v1/contacts/:id/certificates/:certificate/approve': proposed,
  'POST /api/v1/contacts/:id/certificates/:certificate/refuse': proposed,
  'POST /api/v1/members/:id/contacts': async (house) => {
    const address = `${fresh()}@gamma.example`;
    const { public: certificate } = await generate(address, 'Gina', {});
    return { at: { members: await member(house) }, body: { address, certificate } };
  },
  'POST /api/v1/contacts/:id/certificates': async ({ members: [alpha] }) => {
    const { public: certificate } = await generate(alpha.address, 'Alpha', {});
    return { at: { contacts: alpha.contactId }, body: { certificate } };
  },

  'POST /api/v1/clock/confirm': async ({ db, clock }) => {
    await clocks.raise(db, { since: clock.now(), why: 'nodes', boot: 'another' });
    return { body: { wall: toIso(clock.now()) } };
  },

  'POST /api/v1/restoration/confirm': async ({ db, clock }) => {
    await restorations.insert(db, { id: fresh(), taken_at: clock.now() - 1, restored_at: clock.now() });
    return { body: { restoredAt: toIso(clock.now()) } };
  },

  'PATCH /api/v1/cases/:id': async (house) => ({ at: { cases: await house.report() }, body: { title: 'overflow' } }),
  'PUT /api/v1/cases/:id/severity': async (house) => ({ at: { cases: await house.report() }, body: { vector: KNOWN.cvss } }),
  'POST /api/v1/cases/:id/lead': async (house) => ({ at: { cases: await house.report() }, body: {} }),
  'PUT /api/v1/cases/:id/deputy': async (house) => ({ at: { cases: await led(house) }, body: { deputy: house.team[2].address } }),
  'POST /api/v1/cases/:id/handover': async (house) => ({ at: { cases: await led(house) }, body: { to: house.team[2].address } }),
  'POST /api/v1/cases/:id/handover/accept': async (house) => ({ at: { cases: await led(house) } }),
  'PUT /api/v1/cases/:id/team': async (house) => ({
    at: { cases: await led(house) },
    body: { people: [house.team[0].address] },
  }),
  'PUT /api/v1/cases/:id/text': async (house) => ({ at: { cases: await house.report() }, body: PUBLIC }),
  'PUT /api/v1/cases/:id/schedule': async (house) => ({ at: { cases: await house.report() }, body: draft(house) }),
  'POST /api/v1/cases/:id/patches': async (house) => ({
    at: { cases: await house.report() },
    body: { name: 'fix.patch', content: 'QUJD' },
  }),
  'DELETE /api/v1/cases/:id/patches/:patch': async (house) => {
    const { id } = await scheduled(house);
    return { at: { cases: id, patches: await patchOf(house, id) } };
  },
  'POST /api/v1/cases/:id/retract': async (house) => {
    const about = await scheduled(house);
    await arm(house, about);
    return { at: { cases: about.id } };
  },
  'POST /api/v1/cases/:id/approvals': async (house) => {
    const { id, bundle_hash } = await scheduled(house);
    return { at: { cases: id }, body: { hash: bundle_hash } };
  },
  'PUT /api/v1/cases/:id/need-to-know': async (house) => ({
    at: { cases: await house.report() },
    body: { members: [await member(house, true)] },
  }),
  'DELETE /api/v1/cases/:id/need-to-know': async (house) => ({ at: { cases: await house.report() } }),
  'POST /api/v1/cases/:id/dispatch': async (house) => ({
    at: { cases: (await armed(house)).id },
    body: { list: LISTS.distributors },
  }),
  'POST /api/v1/cases/:id/release-now': async (house) => {
    const { id, release_at } = await armed(house);
    house.clock.moveTo(release_at ?? 0);
    return { at: { cases: id } };
  },

  'POST /api/v1/cases/:id/notices/preview': async (house) => ({
    at: { cases: await house.report() },
    body: { kind: 'acknowledgement' },
  }),
  'POST /api/v1/cases/:id/notices': async (house) => ({
    at: { cases: await house.report() },
    body: { kind: 'needs-info', text: 'Which version?' },
  }),
  'POST /api/v1/cases/:id/duplicate': async (house) => ({
    at: { cases: await house.report() },
    body: { of: await house.report({}, 'ron@example.org') },
  }),
  'POST /api/v1/cases/:id/retrospective': async (house) => ({
    at: { cases: await releasedCase(house) },
    body: { note: 'It went well.' },
  }),
  'POST /api/v1/cases/:id/archive/draft': async (house) => ({
    at: { cases: await releasedCase(house) },
    body: { without: ['Rita'] },
  }),
  'POST /api/v1/cases/:id/archive': async (house) => {
    const id = await releasedCase(house);
    return { at: { cases: id }, body: { hash: (await draftArchive(house, id, [])).hash } };
  },
  'POST /api/v1/cases/:id/close': async (house) => {
    const id = await releasedCase(house);
    await retrospect(house, id, 'It went well.');
    return { at: { cases: id } };
  },
  'POST /api/v1/cases/:id/leak': async (house) => ({ at: { cases: await house.report() }, body: { evidence: 'A post.' } }),
  'POST /api/v1/cases/:id/leak/decision': async (house) => {
    const { id } = await leak(house, await house.report(), 'A post.');
    return { at: { cases: id }, body: { decision: 'keep', reason: 'It is none.' } };
  },
  'POST /api/v1/cases/:id/withdraw': async (house) => ({ at: { cases: await house.report() }, body: { reason: 'No hole.' } }),
  'POST /api/v1/cases/:id/reopen': async (house) => {
    const id = await house.report();
    await sendNotice(as(house, house.team[0]), id, 'not-a-vulnerability', { text: 'It is none.', list: null });
    return { at: { cases: id }, body: { reason: 'It is one.' } };
  },
  'POST /api/v1/cases/:id/public-already': async (house) => ({
    at: { cases: await house.report() },
    body: { reference: 'https://example.org/' },
  }),

  'POST /api/v1/deliveries/:id/retry': async (house) => {
    await house.report();
    return { at: { deliveries: await heldCopy(house) } };
  },
  'POST /api/v1/deliveries/:id/hold': async (house) => {
    await house.report();
    return { at: { deliveries: await queuedCopy(house) }, body: { reason: 'wrong list' } };
  },
  'POST /api/v1/deliveries/:id/drop': async (house) => {
    await house.report();
    return { at: { deliveries: await heldCopy(house) }, body: { reason: 'wrong list' } };
  },
  'POST /api/v1/deliveries/retry': async (house) => {
    await house.report();
    return { body: { ids: [await heldCopy(house)] } };
  },
  'POST /api/v1/deliveries/hold': async (house) => {
    await house.report();
    return { body: { ids: [await queuedCopy(house)], reason: 'wrong list' } };
  },
  'POST /api/v1/deliveries/drop': async (house) => {
    await house.report();
    return { body: { ids: [await heldCopy(house)], reason: 'wrong list' } };
  },
  'POST /api/v1/posts/:id/approve': async (house) => ({ at: { posts: await holdPost(house) } }),
  'POST /api/v1/posts/:id/refuse': async (house) => ({ at: { posts: await holdPost(house) }, body: { reason: 'no' } }),
  'POST /api/v1/posts/:id/hold': async (house) => ({ at: { posts: await stoppable(house) } }),

  'POST /api/v1/incidents/:id/close': async (house) => {
    const hits = [{ caseId: await house.report(), kind: 'id', place: 'text', score: 1 } as const];
    const from = { sender: null, from: null, signerId: null };
    await noteLeak(house, { ...from, listId: 'announce', refused: true, encrypted: false, digest: '', hits });
    const [{ id } = { id: '' }] = await incidents.page(house.db, { limit: 1 });
    return { at: { incidents: id }, body: { reason: 'asked him' } };
  },

  'POST /api/v1/session': async (house) => {
    await account(house);
    return { body: { secret: newToken(32), answer: 'http://127.0.0.1:49152/?code=c&state=s' } };
  },
  'DELETE /api/v1/session': async (house) => {
    const { token } = await (await account(house)).signIn();
    return { token };
  },
  'POST /api/v1/tokens': async () => ({ body: { name: fresh(), role: 'auditor' } }),
  'DELETE /api/v1/tokens/:id': async (house) => {
    const { id } = await issueToken(house, { name: fresh(), role: 'auditor', person: null, days: null });
    return { at: { tokens: id } };
  },
};
