import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { applicationForm, isApplication, parseApplication } from '../../src/post/application.ts';
import { MOST_APPLICATIONS } from '../../src/roster/apply.ts';
import { addCertificate, approveCertificate } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { askForProof } from '../../src/roster/prove.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import * as admission from '../../src/store/admission.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { applied } from '../support/applied.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { generate, makeParty, openCopy, type Party } from '../support/party.ts';
import { arrive, everything, letterOf, listCertificate } from './arrive.ts';

const REQUEST = 'distributors-request@orbit.example';
const answers = (more: Record<string, string> = {}) =>
  CRITERIA.map(({ id }) => `${id}: ${more[id] ?? 'Yes,\nsee there.\nhttps://gamma.example/security'}`);
const application = (organisation: string, ...lines: string[]) =>
  [
    `list ${LISTS.distributors}`,
    '',
    'Apply',
    `Organisation: ${organisation}`,
    'product: Gamma',
    'name: Gina',
    ...answers(),
    ...lines,
  ].join('\n');

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let gina: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    gina = await makeParty('security@gamma.example');
  });

  interface Way {
    by?: Party;
    certificate?: string | null;
    signs?: boolean;
    change?: Partial<Letter>;
  }
  const send = async (text: string, { by = gina, certificate = by.public, signs = true, change = {} }: Way = {}) => {
    const key = certificate === null ? [] : [{ name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(certificate) }];
    const letter = letterOf(house, by, { to: REQUEST, subject: 'x', text, attachments: key, ...change });
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], ...(signs ? { signer: by } : {}) };
    return arrive(house, await encryptedMail(letter, sealing), { to: REQUEST, sender: by.address });
  };
  /** What he was sent, opened. */
  const told = async (to: Party = gina) => {
    const mails = (await outbox(house).drain()).filter((mail) => mail.to === to.address);
    const opened = mails.map(
      async ({ raw }) => viewOf(parseEntity((await openCopy(raw, to, undefined, house.clock.now())).entity)).text,
    );
    // Without the line for clients that show no protected subject.
    return (await Promise.all(opened)).map((text) => text.replace(/^Subject: .*\n\n/, ''));
  };

  test('whoever is not on the roster applies by mail, and is told what comes next', async () => {
    await send(application('Gamma Linux', '-- ', 'Gina'));
    const member = await members.byOrganisation(house.db, 'Gamma Linux');
    expect(member).toMatchObject({ state: 'applied', product: 'Gamma' });
    expect(await contacts.byAddress(house.db, gina.address)).toMatchObject({ name: 'Gina', member_id: member?.id });
    const said = await admission.answers(house.db, { memberId: member?.id ?? '', round: 1 });
    expect(said).toHaveLength(CRITERIA.length);
    expect(said[0]).toMatchObject({ answer: 'Yes,\nsee there.', evidence: 'https://gamma.example/security' });
    const mails = await told();
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain('has the application of "Gamma Linux"');
  });

  test('nobody learns from the answer who is on the roster', async () => {
    await send(application('Alpha'));
    const known = await told();
    expect((await members.byOrganisation(house.db, 'Alpha'))?.state).toBe('active');
    expect(await contacts.byAddress(house.db, gina.address)).toBeUndefined();
    const dora = await makeParty('security@delta.example');
    await send(application('Delta'), { by: dora });
    const unknown = await told(dora);
    expect(known.map((text) => text.replaceAll('Alpha', 'Delta'))).toEqual(unknown);
    // Whoever has the address is not written to for what others make up.
    const [alpha] = house.members;
    const forged = await generate(alpha.address, 'Mallory', {});
    const mallory = { ...gina, address: alpha.address, secret: forged.secret, public: forged.public };
    for (const text of [application('Epsilon'), `list ${LISTS.distributors}\napply\n`]) await send(text, { by: mallory });
    expect((await outbox(house).drain()).filter(({ to }) => to === alpha.address)).toEqual([]);
  });

  test.each(['the certificate', 'the user ID'])(
    'where it is known here alone that %s was revoked, the team is told, and not he',
    async (what) => {
      const date = new Date(house.clock.now() - DAY);
      const userIDs = [{ email: 'gina@gamma.example' }, { email: gina.address }];
      const { privateKey } = await openpgp.generateKey({ userIDs, date, format: 'object' });
      const by = { ...gina, secret: privateKey.armor(), public: privateKey.toPublic().armor() };
      const users = await Promise.all(
        privateKey.users.map((user) =>
          user.userID?.email === gina.address
            ? user.revoke(privateKey.keyPacket as openpgp.SecretKeyPacket, undefined, date)
            : user,
        ),
      );
      const whole = await openpgp.revokeKey({ key: privateKey, date, format: 'object' });
      const copy = what === 'the user ID' ? Object.assign(privateKey.toPublic(), { users }) : whole.publicKey;
      const facts = await house.pgp.readCertificate(copy.armor());
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
      await send(application('Gamma'), { by });
      expect(await members.byOrganisation(house.db, 'Gamma')).toBeUndefined();
      const [lena] = house.team;
      expect((await told(lena)).join()).toMatch(
        what === 'the user ID' ? /has\s+no\s+user\s+ID\s+with/ : /what\s+is\s+known\s+of\s+it:\s+revoked/,
      );
      const { copies } = await everything(house);
      expect(copies.filter(({ address }) => address === gina.address)).toEqual([]);
    },
  );

  test('whose certificate has another address is told so in the session, and nobody is written to', async () => {
    const other = { ...gina, address: 'other@gamma.example' };
    await expect(send(application('Gamma'), { by: other })).rejects.toMatchObject({ reason: 'unusable-certificate' });
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test('what is wrong with the form is answered with it, sealed, ten times a day at the most', async () => {
    await send(`list ${LISTS.distributors}\napply\norganisation: Gamma\nalias: yes\n`);
    const [text] = await told();
    expect(text).toContain('An answer is missing to: ');
    for (const { id, text: sentence } of CRITERIA) expect(text).toContain(`${id}: (${sentence})`);
    expect(await members.byOrganisation(house.db, 'Gamma')).toBeUndefined();
    await send(`list ${LISTS.distributors}\napply\nwhat is this\norganisation: Gamma\norganisation: Delta\n`);
    expect((await told())[0]).toMatch(/line 3: what is this\n +line 5: "organisation" stands twice/);
    for (let more = 0; more < 10; more++) await send(`list ${LISTS.distributors}\napply\nname: ${more}\n`);
    expect(await told()).toHaveLength(8);
  });

  test('one that was signed for another list, or long ago, is none', async () => {
    await send(application('Gamma').replace(LISTS.distributors, LISTS.security));
    expect((await told())[0]).toContain(`what you signed is for ${LISTS.security}`);
    const at = house.clock.now();
    house.clock.moveTo(at + 2 * DAY);
    await send(application('Gamma'), { change: { at } });
    expect((await told())[0]).toContain('it was signed more than a day ago');
    expect(await members.byOrganisation(house.db, 'Gamma')).toBeUndefined();
  });

  test.each<[string, Way]>([
    ['without the certificate that signed it', { certificate: null }],
    ['unsigned', { signs: false }],
  ])('%s it is refused in the session', async (_, way) => {
    await expect(send(application('Gamma'), way)).rejects.toMatchObject({ reason: 'request-unsigned' });
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test('a member has no need to, and who was removed applies again with the certificate that he had', async () => {
    const [alpha] = house.members;
    await send(application('Alpha'), { by: alpha, certificate: null });
    expect((await told(alpha))[0]).toContain('was not understood');
    await house.db.updateTable('members').set({ state: 'removed' }).where('organisation', '=', 'Alpha').execute();
    house.clock.moveTo(house.clock.now() + HOUR);
    await send(application('Alpha'), { by: alpha, certificate: null });
    expect(await members.byOrganisation(house.db, 'Alpha')).toMatchObject({ state: 'applied', round: 2 });
  });

  test('who is out, and extended his certificate since, applies again with what he encloses', async () => {
    const gina = await generate('security@gamma.example', 'Gina', {
      born: house.clock.now() - DAY,
      lifetime: (30 * DAY) / SECOND,
    });
    await send(application('Gamma'), { by: gina });
    await house.db.updateTable('members').set({ state: 'removed' }).where('organisation', '=', 'Gamma').execute();
    house.clock.moveTo(house.clock.now() + 60 * DAY);
    const longer = await openpgp.reformatKey({
      privateKey: await openpgp.readPrivateKey({ armoredKey: gina.secret }),
      userIDs: [{ name: 'Gina', email: gina.address }],
      date: new Date(house.clock.now()),
      format: 'object',
    });
    await send(application('Gamma'), { by: { ...gina, secret: longer.privateKey.armor(), public: longer.publicKey.armor() } });
    expect(await members.byOrganisation(house.db, 'Gamma')).toMatchObject({ state: 'applied' });
  });

  test('a certificate that waits is proved by the words that were sealed to it, signed with it, and can do nothing else', async () => {
    const [alpha] = house.members;
    const fresh = await generate(alpha.address, 'Alpha', {});
    const { certificate } = await addCertificate(house, alpha.contactId, fresh.public);
    const { id: memberId } = (await members.byOrganisation(house.db, 'Alpha')) ?? { id: '' };
    await askForProof(house, house.identity, memberId);
    const asked = (await outbox(house).drain()).filter(({ to }) => to === alpha.address);
    const open = ({ raw }: { raw: Buffer }, key: Party) => openCopy(raw, key, undefined, house.clock.now());
    const texts = await Promise.allSettled(asked.map(async (mail) => (await open(mail, fresh)).entity.toString()));
    const [text] = texts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const nonce = /^prove (\S+)/m.exec(text ?? '')?.[1] ?? '';
    const by = { ...alpha, secret: fresh.secret, public: fresh.public };
    const lena = house.team[0].contactId;
    await expect(send(`list ${LISTS.distributors}\nhelp\n`, { by, certificate: null })).rejects.toMatchObject({
      reason: 'request-unsigned',
    });
    await send(`list ${LISTS.distributors}\nprove ${nonce}x\n`, { by, certificate: null });
    await send(`list ${LISTS.security}\nprove ${nonce}\n`, { by, certificate: null });
    await expect(approveCertificate(house, alpha.contactId, certificate.id, lena)).rejects.toMatchObject({ reason: 'conflict' });
    expect((await told(by)).map((one) => one.split('\n')[0]).sort()).toEqual([
      expect.stringContaining(`is for ${LISTS.security}`),
      expect.stringContaining('That proves nothing'),
    ]);
    await send(`list ${LISTS.distributors}\nprove ${nonce}\narchive ORBIT-2026-0001\n`, { by, certificate: null });
    const [answered] = await told(by);
    expect(answered).toContain('is proved to be yours: a person has to approve it now');
    expect(answered).toContain('"archive" is not for who signs with a certificate that is not approved');
    expect(await approveCertificate(house, alpha.contactId, certificate.id, lena)).toMatchObject({ state: 'current' });
    // The team is told, and whoever has the old one: it may be somebody else.
    const mails = await outbox(house).drain();
    expect(mails.map(({ to }) => to).sort()).toEqual([alpha.address, ...house.team.map(({ address }) => address)].sort());
    const toOld = mails.find(({ to }) => to === alpha.address)?.raw ?? Buffer.alloc(0);
    const words = (await openCopy(toOld, alpha, undefined, house.clock.now())).entity.toString();
    expect(words).toContain(fresh.fingerprint);
    expect(words).toContain('By a person of the team');
  });

  test('more than fifty an hour wait in the queues of those who send them', async () => {
    await applied(house, MOST_APPLICATIONS);
    await expect(send(application('Gamma'))).rejects.toMatchObject({ reason: 'too-many-attempts' });
    house.clock.moveTo(house.clock.now() + HOUR + 1);
    await send(application('Gamma'));
    expect(await members.byOrganisation(house.db, 'Gamma')).toMatchObject({ state: 'applied' });
  });
});

describe('what is an application', () => {
  test.each([
    ['apply', true],
    ['\n> quoted\nlist x@y.example\n  APPLY \nhelp', true],
    ['help\napply', false],
    ['apply please', false],
    ['', false],
  ])('%j', (text, is) => {
    expect(isApplication(text)).toBe(is);
  });

  const rules = { criteria: [{ id: 'alias', text: 'An alias' }] };
  test('words go on below their field, and end at a signature', () => {
    const text =
      'apply\nAlias : read by five\n\n> what is it?\nat: all hours\nhttps://a.example/\norganisation: G\n-- \nname: no';
    expect(parseApplication(text, rules)).toMatchObject({
      organisation: 'G',
      name: null,
      answers: [{ criterion: 'alias', answer: 'read by five\nat: all hours', evidence: 'https://a.example/' }],
      problems: [],
    });
  });

  test.each([
    ['as it was sent', '', ''],
    ['folded by a mail program', '(It has an alias that\n  is monitored)', ''],
    ['with a link', 'https://a.example/', 'https://a.example/'],
    ['with words in its place', 'Read by five', 'Read by five'],
    [
      'with words below',
      '(It has an alias that is monitored)\nRead by five',
      '(It has an alias that is monitored)\nRead by five',
    ],
  ])('what stands in the form is no answer: %s', (_, written, answer) => {
    const asking = { criteria: [{ id: 'alias', text: 'It has an alias that is monitored' }], terms: null };
    const form = applicationForm(LISTS.distributors, asking).join('\n');
    const below = written.startsWith('https') ? `${form}\n${written}` : form.replace(/\(.*\)/, written || '$&');
    expect(parseApplication(below, asking)).toMatchObject({ answers: [{ criterion: 'alias', answer }], problems: [] });
  });

  test.each([
    ['a name with signs that steer a terminal', 'apply\norganisation: \u001b[2J', 2],
    ['a name that is too long', `apply\n\norganisation: ${'x'.repeat(201)}`, 3],
    ['an answer that is too long', `apply\nalias: ${'x'.repeat(5001)}`, 2],
    ['a line that is too long', `apply\nalias: x\nlist ${'@'.repeat(100_000)}`, 3],
    ['too many lines', `apply\nalias: x\n${'y\n'.repeat(2000)}`, 1001],
  ])('%s', (_, text, line) => {
    expect(parseApplication(text, rules).problems[0]?.line).toBe(line);
  });
});
