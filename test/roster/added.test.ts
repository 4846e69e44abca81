import { beforeEach, expect, test } from 'vitest';
import { DAY, SECOND } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { decide } from '../../src/roster/admission.ts';
import { type AdmissionRules, apply } from '../../src/roster/apply.ts';
import { addContact, retireCertificate } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { addMember } from '../../src/roster/enter.ts';
import { checkMember } from '../../src/roster/expiry.ts';
import { importRoster } from '../../src/roster/import.ts';
import { askForProof, takeProof } from '../../src/roster/prove.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import type { MemberState } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { generate, makeParty, openCopy, type Party } from '../support/party.ts';

const RULES: AdmissionRules = { project: 'orbit', criteria: CRITERIA, terms: null };
const REQUEST = 'security-request@orbit.example';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let lena: Person;
  let greg: Party;
  let memberId: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [[alpha], [lena]] = [house.members, house.team];
    greg = await makeParty('greg@alpha.example');
    memberId = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
  });

  const add = (of: string, { address, public: certificate }: Pick<Party, 'address' | 'public'>) =>
    addContact(house, RULES, of, { address, name: null, certificate });
  const put = (id: string, state: MemberState) => house.db.updateTable('members').set({ state }).where('id', '=', id).execute();

  /** The texts that he was sent, opened with his key, and the addresses that anything went to. */
  async function sent(to: Party) {
    const mails = await outbox(house).drain();
    const his = mails.filter((mail) => mail.to === to.address);
    const opened = await Promise.all(his.map(({ raw }) => openCopy(raw, to, undefined, house.clock.now())));
    return {
      addresses: mails.map((mail) => mail.to).sort(),
      texts: opened.map(({ entity }) => viewOf(parseEntity(entity)).text),
    };
  }

  /** He sends the words back that were sealed to his key, and gives what he is answered. */
  async function prove(from: Party, texts: readonly string[]): Promise<string> {
    const nonce = /^prove (\S+)/m.exec(texts.join('\n'))?.[1] ?? 'none';
    return ask(from, `prove ${nonce}\n`);
  }

  async function ask(from: Party, command: string): Promise<string> {
    const letter = letterOf(house, from, { to: REQUEST, subject: 'request', text: command });
    const how = { recipients: [listCertificate(house, LISTS.security)], signer: from };
    await arrive(house, await encryptedMail(letter, how), { to: REQUEST, sender: from.address });
    return (await sent(from)).texts.join('\n');
  }

  test('who is added to an active member is asked to prove his key at once, and has copies from when he has done so', async () => {
    const { contact } = await add(memberId, greg);
    const { texts } = await sent(greg);
    const { id } = await armed(house);
    await outbox(house).drain();
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({
      copies: 2,
      unproved: [{ id: contact.id, address: greg.address, organisation: 'Alpha' }],
    });
    expect((await sent(greg)).addresses).toEqual([alpha.address, house.members[1].address].sort());
    await expect(dispatch(house, id, LISTS.distributors)).rejects.toMatchObject({
      reason: 'conflict',
      message: expect.stringContaining(`keys are not proved of: ${greg.address}`),
    });
    expect(await prove(greg, texts)).toContain('from now on you get what the lists of your organisation distribute');
    expect(await dispatch(house, id, LISTS.distributors)).toMatchObject({ copies: 1, unproved: [] });
    expect((await sent(greg)).addresses).toEqual([greg.address]);
  });

  test('until he has proved it, his signature is good for the proof alone', async () => {
    await add(memberId, greg);
    const { texts } = await sent(greg);
    const { id } = await armed(house);
    await outbox(house).drain();
    expect(await ask(greg, `archive ${id}\n`)).toContain('answer the mail that asks you for it first');
    const letter = letterOf(house, greg, { to: LISTS.distributors, subject: 'hello', text: 'Hello.\n' });
    const how = { recipients: [listCertificate(house, LISTS.distributors)], signer: greg };
    const post = async () => arrive(house, await encryptedMail(letter, how), { to: LISTS.distributors, sender: greg.address });
    await expect(post()).rejects.toMatchObject({ reason: 'members-only' });
    await prove(greg, texts);
    expect(await post()).toMatchObject({ held: null });
  });

  test('who has lost the mail is asked again; who has proved his key is not', async () => {
    await add(memberId, greg);
    await sent(greg);
    expect(await askForProof(house, RULES, memberId)).toBe(1);
    const { addresses, texts } = await sent(greg);
    expect(addresses).toEqual([greg.address]);
    await prove(greg, texts);
    await expect(askForProof(house, RULES, memberId)).rejects.toMatchObject({ reason: 'conflict' });
  });

  test.each(['contact', 'certificate'] as const)('a proof that comes when its %s is retired proves nobody', async (what) => {
    const { id } = await addMember(house, { organisation: 'Gamma', product: null, lists: [] });
    await put(id, 'vetted');
    await add(id, greg);
    const { texts } = await sent(greg);
    const { id: contactId = '' } = (await contacts.byAddress(house.db, greg.address)) ?? {};
    const { id: certificateId = '' } = (await certificates.current(house.db, contactId)) ?? {};
    if (what === 'contact') await contacts.setActive(house.db, contactId, false);
    else await certificates.retire(house.db, certificateId);
    const nonce = /^prove (\S+)/m.exec(texts.join('\n'))?.[1] ?? 'none';
    await takeProof(house, RULES, { contactId, certificateId, nonce });
    expect(await members.byId(house.db, id)).toMatchObject({ state: 'vetted' });
  });

  test('of a member who is activated, only those who have proved their keys have copies', async () => {
    const gina = await makeParty('security@gamma.example');
    const { id } = await apply(house, RULES, {
      organisation: 'Gamma',
      product: null,
      contact: { address: gina.address, name: null, certificate: gina.public },
      terms: null,
      answers: CRITERIA.map((criterion) => ({ criterion: criterion.id, answer: 'Yes.', evidence: null })),
    });
    await put(id, 'vetted');
    await askForProof(house, RULES, id);
    await prove(gina, (await sent(gina)).texts);
    expect(await members.byId(house.db, id)).toMatchObject({ state: 'key_proved' });
    await add(id, greg);
    expect((await sent(greg)).texts.join('\n')).toMatch(/^prove \S+/m);
    await decide(house, RULES, id, 'activate', { reason: 'test', lists: [LISTS.distributors] });
    await outbox(house).drain();
    const { id: caseId } = await armed(house);
    await outbox(house).drain();
    expect(await dispatch(house, caseId, LISTS.distributors)).toMatchObject({ copies: 3, unproved: [{ address: greg.address }] });
    const { addresses } = await sent(greg);
    expect(addresses).toContain(gina.address);
    expect(addresses).not.toContain(greg.address);
  });

  test('an import that activates answers for the keys of its contacts, and the log says so', async () => {
    const { contact } = await add(memberId, greg);
    const hana = await makeParty('hana@alpha.example');
    const named = (party: Party) => ({ address: party.address, certificate: party.public });
    const entry = { organisation: 'Alpha', lists: [LISTS.distributors], contacts: [named(greg), named(hana)] };
    const done = await importRoster(house, [entry], { activate: { reason: 'met them' }, dryRun: false });
    expect(done).toMatchObject({ written: true, contacts: 1, problems: [] });
    const fresh = (await contacts.byAddress(house.db, hana.address))?.id;
    const getting = (await contacts.activeOfList(house.db, 'distributors')).map(({ id }) => id);
    expect(getting).toEqual(expect.arrayContaining([contact.id, fresh]));
    const lines = await house.db
      .selectFrom('audit')
      .select('line')
      .where('action', '=', 'member.activate')
      .where('subject', '=', `member:${memberId}`)
      .orderBy('seq', 'desc')
      .execute();
    expect(JSON.parse(lines[0]?.line ?? '{}')).toMatchObject({
      detail: { reason: 'met them', withoutProof: [fresh, contact.id] },
    });
    expect(await importRoster(house, [entry], { activate: { reason: 'again' }, dryRun: false })).toMatchObject({ unchanged: 1 });
  });

  test('who was added while his member was suspended is asked when it is reinstated, and who has proved his key is not', async () => {
    const brief = await generate('brief@alpha.example', 'Brief', { born: house.clock.now(), lifetime: (20 * DAY) / SECOND });
    await decide(house, RULES, memberId, 'suspend', { reason: 'test' });
    await add(memberId, greg);
    await add(memberId, brief);
    expect((await sent(greg)).texts.join('\n')).not.toMatch(/^prove /m);
    house.clock.moveTo(house.clock.now() + 10 * DAY);
    await decide(house, RULES, memberId, 'reinstate', { reason: 'test' });
    const { addresses, texts } = await sent(greg);
    expect(addresses).toEqual([alpha.address, brief.address, greg.address, greg.address].sort());
    await prove(greg, texts);
    expect((await contacts.activeOfList(house.db, 'distributors')).map(({ address }) => address)).toContain(greg.address);
  });

  test('a certificate that ends within 14 days is none to be added to a member', async () => {
    const born = house.clock.now() - DAY;
    const brief = await generate('brief@alpha.example', 'Brief', { born, lifetime: (14 * DAY) / SECOND });
    await expect(add(memberId, brief)).rejects.toMatchObject({ reason: 'unusable-certificate' });
    expect(await contacts.byAddress(house.db, brief.address)).toBeUndefined();
  });

  test('a member whose other keys have ended is held for them, and let go by the proof of the one who was added', async () => {
    await add(memberId, greg);
    const { texts } = await sent(greg);
    await retireCertificate(
      house,
      alpha.contactId,
      (await certificates.current(house.db, alpha.contactId))?.id ?? '',
      lena.contactId,
    );
    await checkMember(house, 'orbit', memberId);
    expect(await members.byId(house.db, memberId)).toMatchObject({ state: 'key_hold' });
    await outbox(house).drain();
    await prove(greg, texts);
    expect(await members.byId(house.db, memberId)).toMatchObject({ state: 'active' });
  });
});
