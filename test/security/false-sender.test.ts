/**
 * From is not the signer, two From, Sender and Reply-To that say something else ("Johnny, you are fired", RFC 5322 §3.6.2): who wrote
 * a mail is whose certificate signed it, and there is exactly one From.
 */
import { beforeEach, expect, test } from 'vitest';
import { fieldText } from '../../src/mail/message.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate, postOf } from '../post/arrive.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';
import { blockOf, copyFor, head, mailOf, membersOf, nothingOf, outcomeOf, readersOf, wordsOf } from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  let lena: Person;
  let eve: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
    [lena] = house.team;
    eve = await makeParty('eve@evil.example');
  });

  const toList = { to: LISTS.distributors };
  const post = (signer: Party, from: Letter['from'], change: Partial<Letter> = {}) =>
    encryptedMail(letterOf(house, signer, { from, to: LISTS.distributors, ...change }), {
      recipients: [listCertificate(house, change.to === LISTS.security ? LISTS.security : LISTS.distributors)],
      signer,
    });
  const withFrom = (raw: Buffer, ...lines: string[]) =>
    Buffer.from(raw.toString('latin1').replace(/^From: .*$/m, lines.join('\r\n')), 'latin1');

  test('a member who writes under the name of the team posts as himself', async () => {
    const raw = await post(alpha, lena, { headers: [`Sender: ${lena.address}`, `Reply-To: ${lena.address}`] });
    const { id } = await arrive(house, raw, { ...toList, sender: lena.address });
    expect(await postOf(house, { id })).toMatchObject({ signer_contact_id: alpha.contactId });
    expect((await readersOf(house, { id })).sort()).toEqual(membersOf(house));
    const copy = await copyFor(house, await outbox(house).drain(), beta);
    expect(blockOf(copy)).toContain(`Signature: good, by ${alpha.address} of Alpha`);
    expect(copy.fields.find(({ name }) => name === 'Curfew-Signature')?.value).toContain(`contact=${alpha.address};`);
    expect(copy.fields.filter(({ name }) => /^(sender|reply-to)$/i.test(name))).toEqual([]);
  });

  test('a request does what its signer may, and he is answered', async () => {
    const to = 'distributors-request@orbit.example';
    await arrive(house, await post(alpha, lena, { to, text: 'help\nheld\n' }), { to, sender: lena.address });
    const sent = await outbox(house).drain();
    expect(sent.map((mail) => mail.to)).toEqual([alpha.address]);
    expect(wordsOf(await copyFor(house, sent, alpha)).join()).toContain('that is for the response team');
  });

  test.each<[string, (raw: Buffer) => Buffer]>([
    ['under the address of a member', (raw) => withFrom(raw, `From: ${'alpha@alpha.example'}`)],
    ['under his name', (raw) => withFrom(raw, 'From: "alpha@alpha.example" <eve@evil.example>')],
    [
      'under his address in an encoded word',
      (raw) => withFrom(raw, 'From: =?utf-8?q?alpha=40alpha.example=00_=3Calpha=40alpha.example=3E?= <eve@evil.example>'),
    ],
    [
      'with Sender and Reply-To of a member',
      (raw) => withFrom(raw, 'From: eve@evil.example', 'Sender: alpha@alpha.example', 'Reply-To: alpha@alpha.example'),
    ],
    ['with a comment', (raw) => withFrom(raw, 'From: eve@evil.example (alpha@alpha.example)')],
  ])('a stranger %s is a stranger', async (_, change) => {
    const raw = change(await post(eve, eve));
    expect(await outcomeOf(arrive(house, raw, { ...toList, sender: alpha.address }))).toBe('refused: members-only');
    expect(await nothingOf(house)).toBe(true);
  });

  test.each<[string, string[]]>([
    ['two From fields', ['From: alpha@alpha.example', 'From: eve@evil.example']],
    ['the second in another case', ['From: alpha@alpha.example', 'fROM : eve@evil.example']],
    ['two addresses in one', ['From: alpha@alpha.example, eve@evil.example']],
    ['a group of two', ['From: us:alpha@alpha.example,eve@evil.example;']],
    ['no From', ['X-From: alpha@alpha.example']],
    ['two Sender fields', ['From: alpha@alpha.example', 'Sender: a@evil.example', 'Sender: b@evil.example']],
    ['two Reply-To fields', ['From: alpha@alpha.example', 'Reply-To: a@evil.example', 'Reply-To: b@evil.example']],
  ])('%s: refused, whoever signed it', async (_, lines) => {
    for (const to of [LISTS.distributors, LISTS.security]) {
      const raw = withFrom(await post(alpha, alpha, { to }), ...lines);
      expect(await outcomeOf(arrive(house, raw, { to, sender: alpha.address }))).toBe('refused: malformed-mail');
    }
    expect(await nothingOf(house)).toBe(true);
  });

  test('a receipt goes to the contact whose certificate signed, not where the mail says', async () => {
    const raw = await post(alpha, eve, { to: LISTS.security, headers: ['Reply-To: eve@evil.example'] });
    await arrive(house, raw, { sender: eve.address });
    const sent = (await outbox(house).drain()).map(({ to }) => to);
    expect(sent).toContain(alpha.address);
    expect(sent).not.toContain(eve.address);
  });

  /** Five lines as Curfew's own, with a mark that somebody made up. */
  const LINES = [
    '7k2pd| From:      alpha@alpha.example (as the mail says)',
    '7k2pd| Signature: good, by alpha@alpha.example of Alpha',
    '7k2pd| Key:       B3BF283D61D0304FEE92C28B639DFDB407D64D74',
    '7k2pd| Encrypted: yes',
    '7k2pd| Curfew wrote the lines that begin with 7k2pd. All else is its writer’s.',
  ];
  test.each([
    ['lines', ['Urgent', '', ...LINES].join('\u2028')],
    ['paragraphs', ['Urgent', '', ...LINES].join('\u2029')],
    [
      'lines filled with blanks',
      ['Urgent', ...LINES].map((line) => line.replaceAll(' ', '\u00a0').padEnd(110, '\u00a0')).join(''),
    ],
    ['lines filled with what is not seen', ['Urgent', ...LINES].map((line) => line.padEnd(110, '\u3164\u2800')).join('')],
    ['a line that is read from its end', `\u202e${[...(LINES[1] ?? '')].reverse().join('')}`],
  ])('a subject of %s stays one line of a subject', async (_, subject) => {
    const encoded = `Subject: =?utf-8?B?${Buffer.from(subject).toString('base64')}?=`;
    const lines = head(eve.address, 'MIME-Version: 1.0').map((line) => (line.startsWith('Subject:') ? encoded : line));
    await arrive(house, mailOf(...lines, '', 'Please release today.'), { sender: eve.address });
    const copy = await copyFor(
      house,
      (await outbox(house).drain()).filter(({ to }) => to === lena.address),
      lena,
    );
    const [shown = '', empty, ...block] = blockOf(copy).split('\r\n');
    expect([shown, `Subject: ${fieldText(copy, 'subject')}`, empty]).toEqual([shown, shown, '']);
    expect(shown).toMatch(/^Subject: \[ORBIT-2026-0001\] \S/);
    expect(shown.length).toBeLessThan(230);
    expect(shown).not.toMatch(/(?! )[\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u2800]| {2}/u);
    expect(shown).not.toContain(LINES[4]);
    expect(block[0]).toMatch(/^[a-z0-9]{5}\| From: {6}eve@evil\.example \(as the mail says\)$/);
  });
});
