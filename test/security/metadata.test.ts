/**
 * What the outside of a copy tells those who carry it (RFC 9788, RFC 5321 §4.4): headers are made anew and say the same of every mail,
 * each recipient has a mail of his own with one key id, and the order of sending is not that of the roster.
 */
import { beforeEach, expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { fieldText, parseEntity } from '../../src/mail/message.ts';
import { destination } from '../../src/post/destination.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as cases from '../../src/store/cases.ts';
import { headerOf, OPTIONS, outbox, type Sent } from '../delivery/outbox.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let everybody: Party[];
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    const more = await Promise.all(['c', 'd', 'e', 'f', 'g', 'h'].map((name) => makeParty(`${name}@${name}.example`)));
    const entries = more.map(({ address, public: certificate }) => ({
      organisation: address,
      lists: [LISTS.distributors],
      contacts: [{ address, certificate }],
    }));
    await importRoster(house, entries, { activate: { reason: 'x' }, dryRun: false });
    everybody = [...house.members, ...more];
  });

  async function post(change: Partial<Letter> = {}): Promise<Sent[]> {
    house.clock.moveTo(house.clock.now() + MINUTE);
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors, ...change }), sealing);
    await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
    // One at a time, so that the order is the queue's own.
    return outbox(house, { ...OPTIONS, connections: 1 }).drain();
  }
  const telling = [
    'Received: from victim.example by mx.evil.example; Tue, 1 Sep 2026 00:00:00 +0000',
    'In-Reply-To: <earlier@alpha.example>',
    'References: <first@alpha.example> <earlier@alpha.example>',
    'Cc: other@alpha.example',
    'User-Agent: Frobnicator 1.0',
    'X-Originating-IP: [192.0.2.7]',
    'Keywords: embargo',
    'Autocrypt: addr=alpha@alpha.example; keydata=AAAA',
  ];

  const neutral = (raw: Buffer) =>
    headerOf(raw)
      .replace(/^Message-ID: .*$/m, 'Message-ID: *')
      .replace(/^Date: .*$/m, 'Date: *')
      .replace(/boundary="[^"]*"/, 'boundary=*');

  test('every copy says the same, whoever wrote it and whatever it answers', async () => {
    const plain = await post();
    const sent = [...plain, ...(await post({ headers: telling, subject: 'Re: other', text: `${CANARY}\n`.repeat(9) }))];
    expect(sent).toHaveLength(2 * everybody.length);
    const [first] = sent;
    const header = neutral(first?.raw ?? Buffer.alloc(0));
    expect(header).toContain('Subject: [...]');
    expect(header.match(/^To: .*$/gm)).toEqual([`To: ${LISTS.distributors}\r`.trim()]);
    for (const { raw } of sent) {
      expect(neutral(raw)).toBe(header);
      expect(raw.toString()).not.toMatch(
        /alpha[@.]|victim\.|Frobnicator|192\.0\.2\.7|canary|embargo|In-Reply-To|References|Received|Cc:/i,
      );
    }
    expect(new Set(sent.map(({ raw }) => /^Message-ID: (.*)$/m.exec(headerOf(raw))?.[1])).size).toBe(sent.length);
    expect(new Set(plain.map(({ raw }) => /^Date: (.*)$/m.exec(headerOf(raw))?.[1])).size).toBe(1);
    expect(new Set(sent.map(({ from }) => from)).size).toBe(sent.length); // Each bounces to an address of its own.
  });

  test('each is for one person: one envelope, one key id, and no word inside of who else has it', async () => {
    const sent = await post();
    expect(sent.map(({ to }) => to).sort()).toEqual(everybody.map(({ address }) => address).sort());
    for (const { raw, to } of sent) {
      const party = await makeParty(to);
      const copy = await openCopy(raw, party, undefined, house.clock.now());
      expect(copy.encryptedTo).toHaveLength(1);
      const others = everybody.filter(({ address }) => address !== to && address !== alpha.address);
      for (const other of others) {
        expect(copy.entity.toString()).not.toContain(other.address);
        expect(copy.entity.toString()).not.toContain(other.fingerprint);
      }
    }
  });

  test('the order is another one for each mail, and not that of the roster', async () => {
    const roster = everybody.map(({ address }) => address).join();
    const orders: string[] = [];
    for (let mails = 0; mails < 4; mails++) orders.push((await post()).map(({ to }) => to).join());
    expect(orders.filter((order) => order === roster).length).toBeLessThan(2);
    expect(new Set(orders).size).toBeGreaterThan(1);
    expect(orders.some((order) => order !== order.split(',').sort().join())).toBe(true);
  });

  test('a copy of what belongs to a case looks like any other: its case, title and thread are inside alone', async () => {
    const title = 'Heap overflow in the parser';
    const caseId = await house.report({ subject: title });
    const token = (await cases.byId(house.db, caseId))?.thread_token ?? '';
    const thread = threadAddress(LISTS.distributors, caseId, token);
    const [number = ''] = /\d{4}-\d{4}$/.exec(caseId) ?? [];
    await outbox(house).drain();
    const plain = await post();
    const secrets = new RegExp(`${number}|${token}|${LISTS.distributors.replace('@', '\\+')}|heap|overflow|canary`, 'i');

    house.clock.moveTo(house.clock.now() + MINUTE);
    const copyForAlpha = plain.find(({ to }) => to === alpha.address);
    const answered = /^Message-ID: (.*)$/m.exec(headerOf(copyForAlpha?.raw ?? Buffer.alloc(0)))?.[1];
    const letter = letterOf(house, alpha, {
      to: thread,
      subject: `Re: [${caseId}] ${title}`,
      outerSubject: `Re: [${caseId}] ${title}`,
      headers: [...telling.filter((line) => !line.startsWith('References')), `Reply-To: ${thread}`, `References: ${answered}`],
    });
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha });
    await arrive(house, raw, { to: thread, sender: alpha.address });
    const sent = await outbox(house, { ...OPTIONS, connections: 1 }).drain();

    const header = neutral(plain[0]?.raw ?? Buffer.alloc(0));
    expect(sent.map(({ to }) => to).sort()).toEqual([...everybody, ...house.team].map(({ address }) => address).sort());
    for (const { from, to, raw: copy } of sent) {
      expect(neutral(copy)).toBe(header);
      // All that stands outside of the ciphertext, in whatever encoding, and the envelope.
      const outside = copy.toString('latin1').replace(/-----BEGIN PGP MESSAGE-----[\s\S]*-----END PGP MESSAGE-----/, '');
      for (const shown of [outside, from ?? '']) expect(shown).not.toMatch(secrets);
      expect(outside.match(/^[A-Za-z0-9+/=]{40,}$/gm)).toBeNull();
      expect(outside).not.toMatch(/Reply-To|In-Reply-To|References/i);
      const entity = parseEntity((await openCopy(copy, await makeParty(to), undefined, house.clock.now())).entity);
      expect(fieldText(entity, 'reply-to')).toBe(thread);
      expect(fieldText(entity, 'subject')).toBe(`Re: [${caseId}] ${title}`);
    }
    expect(new Set(sent.map(({ from }) => from)).size).toBe(sent.length);
  });

  test('the address of a thread is not guessed from its case, and a wrong one is answered as a case that there is not', async () => {
    const ids = [await house.report({ text: 'one\n' }), await house.report({ text: 'another\n' })];
    const tokens: string[] = [];
    for (const id of ids) tokens.push((await cases.byId(house.db, id))?.thread_token ?? '');
    // 128 bits, in the letters of newToken.
    for (const token of tokens) expect(token).toMatch(/^[a-z0-9]{26}$/);
    const [[one = '', other = ''], [token = '', anothers = '']] = [ids, tokens];
    expect(token).not.toBe(anothers);
    const guesses = [
      threadAddress(LISTS.distributors, one, anothers),
      threadAddress(LISTS.distributors, one, token.slice(0, -1)),
      threadAddress(LISTS.distributors, one, `${token}a`),
      threadAddress(LISTS.distributors, one, 'x'),
      threadAddress(LISTS.distributors, 'ORBIT-2026-9999', token),
      threadAddress(LISTS.announce, one, token),
      LISTS.distributors.replace('@', `+${one}@`),
      LISTS.distributors.replace('@', `+${token}@`),
    ];
    for (const guess of guesses)
      await expect(destination(house.db, house.identity.domain, guess), guess).rejects.toMatchObject({
        reason: 'no-such-address',
      });
    const found = await destination(house.db, house.identity.domain, threadAddress(LISTS.distributors, other, anothers));
    expect(found).toMatchObject({ purpose: 'thread', case: { id: other } });
  });
});
