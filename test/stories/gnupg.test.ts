import { type ParsedMail, simpleParser } from 'mailparser';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { armoredMail, entity, type Letter, pgpMimeMail } from '../support/compose.ts';
import { absent, openGnuPG } from '../support/gnupg.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, type Instance, memberOf, openInstance } from '../support/instance.ts';
import { type Sink, type SunkMail, startSink } from '../support/sink.ts';
import { swaks, swaksAbsent } from '../support/swaks.ts';
import { armoredIn, type Correspondent, gpgUser, type ListCertificate, sqUser } from './correspondent.ts';
import { messageIdOf } from './embargo.ts';

const missing = absent.gpg ?? absent.sq ?? swaksAbsent;

/** Every octet there is, and line ends that a mail program likes to mend. */
const BINARY = Buffer.concat([Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256)), Buffer.from('\r\n\r\r\n\n.\n..\n')]);

describe.skipIf(missing)(`people with gpg and sq${missing ? ` (${missing})` : ''}`, () => {
  let sink: Sink;
  let house: Instance;
  let security: ListCertificate;
  let distributors: ListCertificate;
  const people = new Map<string, Correspondent>();
  const who = (name: string) => people.get(name) as Correspondent;

  beforeAll(async () => {
    sink = await startSink();
    house = await openInstance({ relay: sink, roster: [] });
    const list = async (address: string) => ({
      armored: await house.certificate(address),
      fingerprint: house.fingerprints[address] ?? '',
    });
    [security, distributors] = [await list(LISTS.security), await list(LISTS.distributors)];
    const lists = [security, distributors];
    for (const address of ['rita@research.example', 'lena@team.example', 'dirk@team.example', 'alpha@alpha.example'])
      people.set(address.split('@')[0] ?? '', await gpgUser(address, lists));
    for (const address of ['sam@study.example', 'ada@team.example', 'beta@beta.example'])
      people.set(address.split('@')[0] ?? '', await sqUser(address));
    const member = (name: string) => memberOf(LISTS.distributors, contactOf(who(name)));
    await house.enrol(memberOf(LISTS.security, ...['lena', 'dirk', 'ada'].map((name) => contactOf(who(name)))));
    await house.enrol(member('alpha'), member('beta'));
  });
  beforeEach(() => {
    sink.mails.length = 0;
  });
  afterAll(async () => {
    await house?.close();
    await sink?.close();
    for (const person of people.values()) await person.close();
  });

  /** Writes it with the sender's own program, sends it with swaks, and gives what the sink then holds, by recipient. */
  async function post(from: string, letter: Omit<Letter, 'from'>, list: ListCertificate, copies: number) {
    const whole = { ...letter, from: who(from) };
    return deliver(who(from).address, letter.to, pgpMimeMail(whole, await who(from).encrypt(entity(whole, true), list)), copies);
  }

  async function deliver(from: string, to: string, mail: Buffer, copies: number): Promise<Map<string, SunkMail>> {
    const { code, stdout } = await swaks({ server: { port: house.smtpPort }, from, to, mail });
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/<- {2}250 2\.0\.0 Accepted as \w+/);
    await sink.waitFor(copies, 20_000);
    await house.settled();
    expect(sink.mails).toHaveLength(copies);
    return new Map(sink.mails.map((mail) => [mail.to.join(), mail]));
  }

  /** What its reader sees, after everything that can be said about the outside of a sealed copy was looked at. */
  async function openedBy(name: string, mails: Map<string, SunkMail>, list: ListCertificate): Promise<ParsedMail> {
    const reader = who(name);
    const mail = mails.get(reader.address) as SunkMail;
    expect(mail, `a copy for ${name}`).toBeDefined();
    const outside = await simpleParser(mail.raw);
    expect(outside.subject).toBe('[...]');
    const others = [...people.values()].filter((person) => person !== reader);
    await expectNoTrace(mail.raw, others);
    expect(await packetKeyIds(mail.raw)).toEqual([expect.toBeOneOf(reader.keyIds)]);
    for (const other of others) expect(await other.open(mail.raw, list), `${other.address} opens it`).toBeNull();
    const copy = await reader.open(mail.raw, list);
    expect(copy?.signer).toBe(list.fingerprint);
    return simpleParser(copy?.entity ?? '');
  }

  test('a PGP/MIME report by gpg reaches each of the team under one key, and its writer is answered under his', async () => {
    const files = [
      { name: 'crash input.bin', type: 'application/octet-stream', data: BINARY },
      { name: 'rita.asc', type: 'application/pgp-keys', data: Buffer.from(who('rita').public) },
    ];
    const letter = { to: LISTS.security, subject: 'Heap overflow in the parser', outerSubject: '...', text: 'See.\n' };
    const mails = await post('rita', { ...letter, attachments: files }, security, 4);
    for (const name of ['lena', 'dirk', 'ada']) {
      const read = await openedBy(name, mails, security);
      expect(read.subject).toMatch(/^\[ORBIT-\d{4}-0001\] Heap overflow in the parser$/);
      expect(read.text).toMatch(/^\w{5}\| Signature: good, but by a certificate that is not on the roster/m);
      expect(read.text).toContain('See.');
      const got = read.attachments
        .filter(isNoSignature)
        .map(({ filename, content }) => [filename, content.equals(byName(files, filename))]);
      expect(got).toEqual([
        ['crash input.bin', true],
        ['rita.asc', true],
      ]);
    }
    const receipt = await openedBy('rita', mails, security);
    expect(receipt.subject).toMatch(/^\[ORBIT-\d{4}-0001\] We have your report$/);
    expect(mails.get(who('rita').address)?.from).toBe('');
    expect(new Set([...mails.values()].map(messageIdOf)).size).toBe(4);
    expect(sink.mails.map(({ raw }) => raw.toString('latin1')).join()).not.toContain('overflow');
  });

  test('a report by sq, its certificate in the Autocrypt header, is answered under that certificate', async () => {
    const keydata = Buffer.from(who('sam').public.replace(/-----.*-----|^=....$|^\w+: .*$/gm, ''), 'base64').toString('base64');
    const autocrypt = `Autocrypt: addr=sam@study.example; keydata=${keydata.replaceAll(/.{70}/g, '\r\n $&')}`;
    const letter = { to: LISTS.security, subject: 'Wrong length check', outerSubject: '...', text: 'In frame.c.\n' };
    const mails = await post('sam', { ...letter, headers: [autocrypt] }, security, 4);
    for (const name of ['lena', 'dirk', 'ada']) expect((await openedBy(name, mails, security)).text).toContain('In frame.c.');
    expect((await openedBy('sam', mails, security)).subject).toMatch(/^\[ORBIT-\d{4}-0002\] We have your report$/);
  });

  test('an unsigned `gpg -ea` in the body reaches the team, and its sender is told nothing of it', async () => {
    const anna = { name: 'Anna', address: 'anna@street.example' };
    const letter = { from: anna, to: LISTS.security, subject: 'please read', text: '' };
    const armored = await who('rita').encrypt('It is in the décoder.\n', security, false);
    const mails = await deliver(anna.address, LISTS.security, armoredMail(letter, armored), 4);
    for (const name of ['lena', 'ada']) {
      const read = await openedBy(name, mails, security);
      expect(read.subject).toMatch(/^\[ORBIT-\d{4}-0003\] please read$/);
      expect(read.text).toMatch(/^\w{5}\| Signature: none$/m);
      expect(read.text).toContain('It is in the décoder.');
    }
    const answer = await simpleParser(mails.get(anna.address)?.raw ?? '');
    expect([answer.subject, answer.headers.get('auto-submitted')]).toEqual([`Your mail to ${LISTS.security}`, 'auto-replied']);
    expect(answer.text).not.toMatch(/ORBIT|decoder|please read/);
  });

  test.each(['alpha', 'beta'])('a post by %s goes to every active contact of the private list, one copy each', async (name) => {
    const letter = { to: LISTS.distributors, subject: `Builds by ${name}`, outerSubject: '...', text: 'They pass here.\n' };
    const mails = await post(name, letter, distributors, 2);
    for (const reader of ['alpha', 'beta']) {
      const read = await openedBy(reader, mails, distributors);
      expect(read.subject).toBe(`Builds by ${name}`);
      expect(read.text).toContain(`Signature: good, by ${who(name).address} of ${who(name).address.split('@')[1]}`);
      expect(read.text).toContain('They pass here.');
    }
    const outside = await simpleParser(mails.get(who('beta').address)?.raw ?? '');
    expect(outside.headers.get('list')).toMatchObject({ id: { name: 'distributors.orbit.example' } });
    expect(new Set([...mails.values()].map(messageIdOf)).size).toBe(2);
  });

  test('the signature of a person who is not on the roster opens no door to the private list', async () => {
    const letter = { from: { ...who('alpha'), name: 'Alpha' }, to: LISTS.distributors, subject: 'Hello', text: 'I am alpha.\n' };
    const mail = pgpMimeMail(letter, await who('rita').encrypt(entity(letter, true), distributors));
    const { code, stdout } = await swaks({
      server: { port: house.smtpPort },
      from: who('alpha').address,
      to: LISTS.distributors,
      mail,
    });
    expect([code, stdout]).toEqual([26, expect.stringContaining('550 5.7.1 This list takes signed posts from its members only')]);
    await house.settled();
    expect(sink.mails).toEqual([]);
  });
});

/** No other person is named in what stands outside, nor as the recipient of a packet. */
async function expectNoTrace(raw: Buffer, others: readonly Correspondent[]): Promise<void> {
  const armor = armoredIn(raw);
  const body = armor.slice(armor.search(/\r?\n\r?\n/)).replace(/^=....\r?$|-----.*-----/gm, '');
  const text = `${raw.toString('latin1')} ${Buffer.from(body, 'base64').toString('hex')}`.toUpperCase();
  for (const { address, keyIds } of others)
    for (const trace of [address, ...keyIds]) expect(text.includes(trace.toUpperCase()), `a trace of ${trace}`).toBe(false);
}

/** Of every packet that lets somebody decrypt the message, as gpg without any key reads them. */
async function packetKeyIds(raw: Buffer): Promise<string[]> {
  const home = openGnuPG();
  try {
    const { out } = await home.run(['--list-packets'], armoredIn(raw));
    const packets = out.toString().matchAll(/^:(?:pubkey|symkey) enc packet:.*$/gm);
    return [...packets].map(([line]) => /keyid ([0-9A-F]{16})/.exec(line)?.[1] ?? line);
  } finally {
    await home.close();
  }
}

/** The writer's own signature goes along with what he signed. */
const isNoSignature = ({ contentType }: { contentType: string }) => contentType !== 'application/pgp-signature';

function byName(files: readonly { name: string; data: Buffer }[], name: string | undefined): Buffer {
  return files.find((file) => file.name === name)?.data ?? Buffer.from(`no file ${name}`);
}
