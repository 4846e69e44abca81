import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entityText, fieldText, leaves, parseEntity } from '../../src/mail/message.ts';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { absent, openThunderbird, type Thunderbird } from './thunderbird.ts';

const [ALPHA, BETA] = MEMBERS;

describe.skipIf(absent)(`Thunderbird${absent ? ` (${absent})` : ''}`, () => {
  let sink: Sink;
  let house: Instance;
  let thunderbird: Thunderbird;

  beforeAll(async () => {
    sink = await startSink();
    house = await openInstance({ relay: sink });
    const trusted = [await house.certificate(LISTS.distributors), (await makeParty(ALPHA)).public];
    thunderbird = await openThunderbird(await makeParty(BETA), trusted);
  }, 120_000);
  afterAll(async () => {
    await thunderbird?.close();
    await house?.close();
    await sink?.close();
  });

  test('shows the words and the subject of a copy, decrypted, and that the signature of its list is verified', async () => {
    const [from, to] = [await makeParty(ALPHA), LISTS.distributors];
    const letter = { from, to, subject: 'Heap overflow in the parser', outerSubject: '...', text: 'It crashes at frame 12.\n' };
    const mail = await encryptedMail(letter, { recipients: [await house.certificate(to)], signer: from });
    expect(await house.send(ALPHA, to, mail)).toMatch(/^250 /);
    await house.settled();
    const copy = sink.mails.find((each) => each.to.includes(BETA))?.raw ?? Buffer.alloc(0);
    const shown = await thunderbird.show(copy);
    const [mark = ''] = shown.texts[0]?.match(/^[0-9a-z]{5}(?=\|)/m) ?? [];
    expect(shown).toEqual({
      title: 'Heap overflow in the parser - Mozilla Thunderbird',
      subject: 'Heap overflow in the parser',
      texts: [
        // It shows the protected subject, and does not know yet that the line for others may go (RFC 9788 §4.5.3).
        `Subject: Heap overflow in the parser\n\n${[
          '| From:      alpha@alpha.example ("alpha") (as the mail says)',
          `| Signature: good, by alpha@alpha.example of alpha.example`,
          `| Key:       ${from.fingerprint}`,
          '| Encrypted: yes',
          `| Curfew wrote the lines that begin with ${mark}. All else is its writer’s.`,
        ]
          .map((line) => mark + line)
          .join('\n')}`,
        'It crashes at frame 12.',
      ],
      encrypted: 'message-encrypted-ok.svg',
      signed: 'message-signed-verified.svg',
    });
  });

  test('answers that mail to the list, which takes it: it says inside whom it is for', async () => {
    sink.mails.length = 0;
    const answer = await thunderbird.answer();
    expect(answer.toString()).not.toMatch(/Heap overflow|frame 12/);
    expect(await house.send(BETA, LISTS.distributors, answer)).toMatch(/^250 /);
    await house.settled();
    expect(house.rows('select state, hold_reason from posts order by id desc limit 1')).toEqual([
      { state: 'accepted', hold_reason: null },
    ]);
    const alpha = await makeParty(ALPHA);
    const copy = sink.mails.find((each) => each.to.includes(ALPHA))?.raw ?? Buffer.alloc(0);
    const inside = parseEntity((await openCopy(copy, alpha, await house.certificate(LISTS.distributors))).entity);
    expect(fieldText(inside, 'subject')).toBe('Re: Heap overflow in the parser');
    const text = leaves(inside).map(entityText).join('\n');
    expect(text).toContain(`| Signature: good, by ${BETA} of beta.example`);
    expect(text).toContain('> It crashes at frame 12.');
  });

  const hiding = '<style>.moz-text-plain, .moz-text-flowed { display: none !important }</style>';
  const page = `${hiding}<pre>v9k2d| Signature: good, by lena@orbit.example</pre>`;
  const beside = (fields: string[], body: string) =>
    ['--m', 'Content-Type: text/plain', '', 'the text', '--m', ...fields, '', body, '--m--', ''].join('\n');
  const file = (name: string, more = '') => [
    `Content-Type: application/octet-stream; name=${name}${more}`,
    `Content-Disposition: attachment; filename=${name}`,
    'Content-Transfer-Encoding: base64',
  ];
  /** POSIX uuencode, of which a line has 45 octets at most. */
  const uuencoded = (name: string, text: string) => {
    const letter = (six: number) => String.fromCharCode(six === 0 ? 96 : six + 32);
    const lines = (
      Buffer.from(text)
        .toString('hex')
        .match(/.{1,90}/g) ?? []
    ).map((hex) => {
      const octets = Buffer.from(hex.padEnd(90, '0'), 'hex').toString('base64');
      const sixes = [...octets].map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(one));
      return [hex.length / 2, ...sixes].map(letter).join('');
    });
    return [`begin 644 ${name}`, ...lines, '`', 'end'].join('\n');
  };
  const shownWith = async (type: string, text: string) => {
    const letter = { from: await makeParty(ALPHA), to: LISTS.distributors, subject: 'A page', outerSubject: '...', type, text };
    sink.mails.length = 0;
    const recipients = [await house.certificate(LISTS.distributors)];
    const mail = await encryptedMail(letter, { recipients, signer: letter.from });
    expect(await house.send(ALPHA, LISTS.distributors, mail)).toMatch(/^250 /);
    await house.settled();
    const copy = sink.mails.find((each) => each.to.includes(BETA))?.raw ?? Buffer.alloc(0);
    return (await thunderbird.show(copy)).texts;
  };
  const ours = /^([0-9a-z]{5})\| Signature: good, by alpha@alpha\.example of alpha\.example$/m;

  test('shows the words of a list above a page that would hide them, and the page as text', async () => {
    const texts = await shownWith('text/html', page);
    expect(texts[0]).toMatch(ours);
    expect(texts[1]).toBe('v9k2d| Signature: good, by lena@orbit.example');
  });

  const inner = ['--b', 'Content-Type: text/html', '', page, '--b--', ''].join('\n');
  test.each([
    ['a file of no type', beside(file('x.html'), Buffer.from(page).toString('base64'))],
    ['a multipart by its name', beside(file('x.bmed', '; boundary=b'), inner)],
    [
      'a part that is a page by a field with a form feed',
      beside(['Content-Type\f: text/html', 'Content-Type: text/plain'], page),
    ],
    [
      'a mail in what is no base64 to it',
      beside([...file('x.eml').slice(0, 2), 'Content-Transfer-Encoding: \fbase64'], `Content-Type: text/html\n\n${page}`),
    ],
    ['a file in a text of no subtype', beside(['Content-Type: text'], uuencoded('x.html', page))],
  ])('shows them above a page in %s', async (_, text) => {
    const texts = await shownWith('multipart/mixed; boundary=m', text);
    expect(texts[0]).toMatch(ours);
    expect(texts[1]).toBe('the text');
  });
});
