/**
 * Replay: a signed mail sent again, as it was, under another Message-ID, sealed anew, to another list or to another case. It is
 * recognised by what was signed and when, and is never distributed a second time.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { threadAddress } from '../../src/mail/address.ts';
import * as cases from '../../src/store/cases.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, encryptedMail, entity } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';
import {
  blockOf,
  copyFor,
  encrypted,
  encryptedPackets,
  head,
  mailOf,
  membersOf,
  outcomeOf,
  pgpMime,
  readersOf,
  secretOf,
  signed,
  teamOf,
  text,
} from './attack.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
  });

  /** What Alpha signed: whoever reads it can seal it anew. */
  async function statement(to: string = LISTS.distributors): Promise<Uint8Array> {
    const message = await openpgp.createMessage({ binary: Buffer.from(entity(letterOf(house, alpha, { to }), true)) });
    const date = new Date(house.clock.now());
    return (await openpgp.sign({ message, signingKeys: await secretOf(alpha), date, format: 'binary' })) as Uint8Array;
  }
  const sealed = async (said: Uint8Array, list: string = LISTS.distributors) =>
    mailOf(...head(alpha.address), ...pgpMime(await encryptedPackets(house, said, list)));
  const changed = (raw: Buffer, from: RegExp | string, to: string) =>
    Buffer.from(raw.toString('latin1').replace(from, to), 'latin1');

  /** With a Marker packet before the message (RFC 9580 §5.8), which everybody passes over. */
  const marked = (raw: Buffer) => {
    const text = raw.toString('latin1');
    const [armored = ''] = /-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/.exec(text) ?? [];
    const data = armored.split(/\r?\n\r?\n/)[1]?.replace(/\r?\n=....\r?\n[\s\S]*$|\r?\n-----END[\s\S]*$/, '') ?? '';
    const binary = Buffer.concat([Buffer.from('ca03504750', 'hex'), Buffer.from(data, 'base64')]);
    return Buffer.from(text.replace(armored, armor(binary)), 'latin1');
  };
  const armor = (binary: Buffer) =>
    `-----BEGIN PGP MESSAGE-----\r\n\r\n${binary.toString('base64').replace(/.{64}/g, '$&\r\n')}\r\n-----END PGP MESSAGE-----`;

  const encodedAnew = (raw: Buffer) => {
    const [fields = '', ...body] = raw.toString('latin1').split('\r\n\r\n');
    const others = fields.replace(/\r\nContent-Transfer-Encoding:.*/i, '');
    return Buffer.from(
      `${others}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(`${body.join('\r\n\r\n')}\r\n`).toString('base64')}\r\n`,
    );
  };

  const copies = async () => (await everything(house)).copies.length;

  test.each<[string, (raw: Buffer, said: Uint8Array) => Buffer | Promise<Buffer>]>([
    ['as it was', (raw) => raw],
    ['under another Message-ID', (raw) => changed(raw, /Message-ID: <[^>]*>/, 'Message-ID: <again@evil.example>')],
    ['under the same one, with other words in clear', (raw) => changed(raw, 'Subject: ...', 'Subject: new')],
    ['sealed anew', (_, said) => sealed(said)],
  ])('%s: said to be taken, as it was, and goes to nobody', async (_, again) => {
    const said = await statement();
    const raw = await sealed(said);
    const first = await arrive(house, raw, { to: LISTS.distributors });
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    const before = await copies();
    house.clock.moveTo(house.clock.now() + 400 * DAY);
    const second = await arrive(house, await again(raw, said), { to: LISTS.distributors, sender: 'eve@evil.example' });
    expect(second).toMatchObject({ id: first.id });
    expect(await copies()).toBe(before);
    expect(await outbox(house).drain()).toEqual([]);
  });

  const words = () => text('The embargo holds.', 'text/plain; protected-headers="v1"', `To: ${LISTS.distributors}`);
  const sealedEntity = async (octets: Buffer, by?: Person) =>
    mailOf(...head(alpha.address), ...pgpMime(await encrypted(house, octets, LISTS.distributors, by)));

  test('with the second of its two signatures: refused with both, as each would do without the other', async () => {
    const both = mailOf(...(await signed(house, words(), alpha, alpha))).toString('latin1');
    const [armored = ''] = /-----BEGIN PGP SIGNATURE[\s\S]*-----END PGP SIGNATURE-----/.exec(both) ?? [];
    const { packets } = await openpgp.readSignature({ armoredSignature: armored });
    const second = new openpgp.PacketList<openpgp.SignaturePacket>();
    second.push(...packets.slice(1));
    const alone = both.replace(armored, new openpgp.Signature(second).armor().trim());
    const send = async (octets: string) =>
      outcomeOf(arrive(house, await sealedEntity(Buffer.from(octets, 'latin1')), { to: LISTS.distributors }));
    expect(await send(both)).toBe('refused: malformed-mail');
    expect(await send(alone)).toBe('taken');
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    expect(await send(both)).toBe('refused: malformed-mail');
  });

  test('without the signature that was around it: goes nowhere', async () => {
    const inner = mailOf(...(await signed(house, words(), alpha)));
    house.clock.moveTo(house.clock.now() + 1000);
    const first = await arrive(house, await sealedEntity(inner, alpha), { to: LISTS.distributors });
    expect(first.held).toBeNull();
    const before = await everything(house);
    const again = await arrive(house, await sealedEntity(inner), { to: LISTS.distributors, sender: 'eve@evil.example' });
    expect(again).toMatchObject({ id: first.id, repeated: true });
    expect(await everything(house)).toEqual(before);
  });

  test('to another list: its readers do not get it, the team decides', async () => {
    const said = await statement(LISTS.security);
    await arrive(house, await sealed(said, LISTS.security));
    await outbox(house).drain();
    const again = await arrive(house, await sealed(said), { to: LISTS.distributors });
    expect(again.held).toBe('unaddressed');
    expect((await readersOf(house, again)).sort()).toEqual(teamOf(house));
  });

  const threadOf = async (list: string, id: string) =>
    threadAddress(list, id, (await cases.byId(house.db, id))?.thread_token ?? '');

  /** Sealed anew by somebody else, it is said to be taken, and nothing comes of it. */
  async function goesNowhere(said: Uint8Array, list: string, to: string, first: string): Promise<void> {
    const before = await everything(house);
    const raw = await sealed(said, list);
    const taken = await arrive(house, raw, { to, sender: 'eve@evil.example' });
    expect(taken).toEqual({ id: first, caseId: null, held: null, repeated: true });
    expect(await everything(house)).toEqual(before);
  }

  test.each([LISTS.distributors, LISTS.security])('to another place of %s than where it was: goes nowhere', async (list) => {
    const [one, other] = [await house.report(), await house.report({ text: 'another\n' })];
    const [here, there] = [await threadOf(list, one), await threadOf(list, other)];
    const forCase = await statement(here);
    const inCase = await arrive(house, await sealed(forCase, list), { to: here });
    expect(inCase.held).toBeNull();
    for (const to of [there, list]) await goesNowhere(forCase, list, to, inCase.id);
    house.clock.moveTo(house.clock.now() + 1000);
    const forList = await statement(list);
    const onList = await arrive(house, await sealed(forList, list), { to: list });
    expect(onList.held).toBeNull();
    for (const to of [here, there]) await goesNowhere(forList, list, to, onList.id);
  });

  /** What lena got of a case, and answers to. */
  const answeredId = async (caseId: string, list: string) => {
    const { message_id } = await house.db
      .selectFrom('deliveries')
      .select('message_id')
      .where('case_id', '=', caseId)
      .where('list_id', '=', list)
      .executeTakeFirstOrThrow();
    return message_id;
  };
  const answering = async (said: Uint8Array, list: string, messageId: string) =>
    mailOf(...head(alpha.address, `In-Reply-To: ${messageId}`), ...pgpMime(await encryptedPackets(house, said, list)));

  test('a report that somebody else files in a case of his first still opens its own', async () => {
    const id = await house.report();
    await outbox(house).drain();
    const said = await statement(LISTS.security);
    const filed = await arrive(house, await answering(said, LISTS.security, await answeredId(id, 'security')), {
      sender: 'eve@evil.example',
    });
    expect(filed).toMatchObject({ caseId: id, held: null });
    const own = await arrive(house, await sealed(said, LISTS.security), { sender: alpha.address });
    expect(own.caseId).not.toBe(id);
    expect(own.caseId).not.toBeNull();
    await goesNowhere(said, LISTS.security, LISTS.security, own.id);
  });

  test('what is held where somebody else has sent it takes no place from what its signer sends', async () => {
    const id = await house.report();
    const thread = await threadOf(LISTS.distributors, id);
    await outbox(house).drain();
    const said = await statement(thread);
    expect(await arrive(house, await sealed(said), { to: LISTS.distributors, sender: 'eve@evil.example' })).toMatchObject({
      held: 'unaddressed',
    });
    await outbox(house).drain();
    expect(await arrive(house, await sealed(said), { to: thread })).toMatchObject({ held: null, caseId: id });
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(
      [...membersOf(house), ...teamOf(house)].filter((one, at, all) => all.indexOf(one) === at).sort(),
    );
  });

  test('as what a program answers: it is nobody’s word', async () => {
    const said = await statement();
    await arrive(house, await sealed(said), { to: LISTS.distributors });
    await outbox(house).drain();
    for (const field of ['X-Autoreply: yes', 'X-Vacation: 1', 'Auto-Submitted: auto-replied']) {
      const raw = mailOf(...head(alpha.address, field), ...pgpMime(await encryptedPackets(house, said, LISTS.distributors)));
      await arrive(house, raw, { to: LISTS.distributors, sender: 'eve@evil.example' });
      const sent = await outbox(house).drain();
      expect(sent.map(({ to }) => to).sort()).toEqual(teamOf(house));
      const [lena] = house.team;
      expect(blockOf(await copyFor(house, sent, lena))).not.toContain('good');
    }
  });

  test('to the people behind the list: held', async () => {
    const said = await statement();
    await arrive(house, await sealed(said), { to: LISTS.distributors });
    const again = await arrive(house, await sealed(said), { to: 'distributors-owner@orbit.example', sender: 'eve@evil.example' });
    expect(again.held).toBe('unaddressed');
  });

  test.each<[string, boolean, (raw: Buffer) => Buffer]>([
    [
      'an encrypted report that nobody signed, with another Message-ID',
      true,
      (raw) => changed(raw, /Message-ID: <[^>]*>/, 'Message-ID: <x@y>'),
    ],
    ['an encrypted report that nobody signed, with a packet before it', true, (raw) => marked(raw)],
    ['an encrypted report that nobody signed, wrapped anew', true, (raw) => changed(raw, /pgp-[0-9a-f]{12}/g, 'other')],
    ['a report in clear that a relay has encoded', false, (raw) => encodedAnew(raw)],
    [
      'a report in clear that came another way',
      false,
      (raw) => Buffer.concat([Buffer.from('Received: from x by y; Tue, 1 Sep 2026 00:00:00 +0000\r\n'), raw]),
    ],
  ])('%s: opens no case', async (_, secret, again) => {
    const rita = await makeParty('rita@example.org');
    const letter = letterOf(house, rita);
    const raw = secret
      ? await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.security)] })
      : clearMail(letter);
    const first = await arrive(house, raw);
    const before = await everything(house);
    expect(await arrive(house, again(raw))).toMatchObject({ id: first.id, caseId: null });
    expect(await everything(house)).toEqual(before);
  });

  test('a report whose certificate is not here, sealed anew: opens no case', async () => {
    const rita = await makeParty('rita@example.org');
    const message = await openpgp.createMessage({ binary: Buffer.from(entity(letterOf(house, rita), true)) });
    const date = new Date(house.clock.now());
    const said = (await openpgp.sign({ message, signingKeys: await secretOf(rita), date, format: 'binary' })) as Uint8Array;
    const first = await arrive(house, await sealed(said, LISTS.security));
    await goesNowhere(said, LISTS.security, LISTS.security, first.id);
  });

  /** Octets that somebody signed in clear, as GnuPG does in the locale of its user; the charset is what the mail says of them. */
  async function clearsigned(octets: Buffer, by: Party): Promise<(charset: string) => Promise<Buffer>> {
    const armored = await openpgp.sign({
      message: await openpgp.createMessage({ binary: octets }),
      signingKeys: await secretOf(by),
      detached: true,
      date: new Date(house.clock.now()),
    });
    const lines = ['-----BEGIN PGP SIGNED MESSAGE-----', 'Hash: SHA512', '', octets.toString('latin1'), armored];
    return async (charset) => {
      const content = mailOf(...text(lines.join('\r\n'), `text/plain; charset=${charset}`));
      return mailOf(...head(by.address), ...pgpMime(await encrypted(house, content, LISTS.security)));
    };
  }

  test.each([['somebody on the roster'], ['a stranger']])(
    'signed in clear by %s, under other charsets: goes nowhere',
    async (who) => {
      await house.db.updateTable('lists').set({ unaddressed: 'accept' }).where('address', '=', LISTS.security).execute();
      const signer = who === 'a stranger' ? await makeParty('rita@example.org') : alpha;
      const under = await clearsigned(Buffer.from('D\xe9j\xe0 vu: the patch is wrong.', 'latin1'), signer);
      const first = await arrive(house, await under('iso-8859-1'), { sender: signer.address });
      expect(first).toMatchObject({ held: null, caseId: expect.any(String) });
      const before = await everything(house);
      for (const charset of ['windows-1251', 'iso-8859-7', 'koi8-r', 'cp850', 'us-ascii']) {
        house.clock.moveTo(house.clock.now() + 1000);
        const again = await arrive(house, await under(charset), { sender: 'eve@evil.example' });
        expect(again).toMatchObject({ id: first.id, repeated: true });
      }
      expect(await everything(house)).toEqual(before);
    },
  );

  test('two reports of the same words in clear, by two people, are two', async () => {
    for (const name of ['rita', 'rolf'])
      await arrive(house, clearMail(letterOf(house, await makeParty(`${name}@example.org`))), { sender: `${name}@example.org` });
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'report')).toHaveLength(2);
  });

  test('what was signed for one case, first in another: the team decides', async () => {
    const [one, other] = [await house.report(), await house.report({ text: 'another\n' })];
    const said = await statement(await threadOf(LISTS.distributors, one));
    await outbox(house).drain();
    const held = await arrive(house, await sealed(said), { to: await threadOf(LISTS.distributors, other) });
    expect(held.held).toBe('unaddressed');
    expect((await readersOf(house, held)).sort()).toEqual(teamOf(house));
    // Whoever signed it is told that it waits.
    const [signer] = house.members;
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual([signer.address, ...teamOf(house)].sort());
  });
});
