import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acknowledgementIn, type Command, grammar, parseRequest } from '../../src/post/commands.ts';

const POST = '01m34xgw00dtmsdx2p84zdyymk';
const FINGERPRINT = '25F8D60764DF5AF30BDCBCF87CA8153527C59562';

describe('a request is read', () => {
  test.each<[string, Command]>([
    ['help', { name: 'help' }],
    ['  HELP \r', { name: 'help' }],
    ['subscribe', { name: 'subscribe' }],
    ['unsubscribe', { name: 'unsubscribe' }],
    ['certificate', { name: 'certificate' }],
    [`Certificate   Update ${FINGERPRINT}`, { name: 'update-certificate', fingerprint: FINGERPRINT }],
    [
      `certificate update ${FINGERPRINT.toLowerCase().replace(/.{4}(?=.)/g, '$& ')}`,
      { name: 'update-certificate', fingerprint: FINGERPRINT },
    ],
    ['key', { name: 'key' }],
    ['archive orbit-2026-0001', { name: 'archive', caseId: 'ORBIT-2026-0001' }],
    ['ack ORBIT-2026-0001', { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'acknowledged' }],
    ['acknowledge\u00a0X-Y-2026-10001', { name: 'acknowledge', caseId: 'X-Y-2026-10001', status: 'acknowledged' }],
    ['ack ORBIT-2026-0001 Affected', { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'affected' }],
    ['ack ORBIT-2026-0001 NOT  affected', { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'not_affected' }],
    ['ack ORBIT-2026-0001 not_affected', { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'not_affected' }],
    ['ack ORBIT-2026-0001 problem', { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'problem' }],
    [`approve orbit-2026-0001 ${'A1'.repeat(32)}`, { name: 'approve', caseId: 'ORBIT-2026-0001', hash: 'a1'.repeat(32) }],
    ['held', { name: 'held' }],
    [`accept ${POST}`, { name: 'accept', postId: POST }],
    [`reject ${POST.toUpperCase()}`, { name: 'reject', postId: POST, reason: '' }],
    [`reject ${POST} off topic, sorry`, { name: 'reject', postId: POST, reason: 'off topic, sorry' }],
    [`hold ${POST}`, { name: 'hold', postId: POST }],
  ])('%j', (line, command) => {
    expect(parseRequest(line)).toEqual({ commands: [command], list: null, problems: [] });
  });

  const ACK = 'acknowledge ORBIT-2026-0001 not affected';
  test.each<[string, string, boolean | null]>([
    ['alone', `${ACK}\n`, false],
    ['above what he answers, and a signature', `\n${ACK}\r\n\r\n> Please say that you have it.\n-- \nAlpha\n`, false],
    ['below a salutation', `Hello all,\n\n${ACK}\n`, false],
    ['above other words', `${ACK}\nBut it does not build on 1.2.\n`, true],
    ['below a salutation and above other words', `Hi!\n${ACK}\nBye\n`, true],
    ['below other words', `We looked into it.\n${ACK}\n`, null],
    ['below two salutations', `Hi,\nall,\n${ACK}\n`, null],
    ['quoted', `> ${ACK}\nWhy that?\n`, null],
    ['in a sentence', `${ACK}, we think\n`, null],
    ['in a signature', `-- \n${ACK}\n`, null],
  ])('an acknowledgement in a mail to others, %s', (_, text, more) => {
    const command = { name: 'acknowledge', caseId: 'ORBIT-2026-0001', status: 'not_affected' };
    expect(acknowledgementIn(text)).toEqual(more === null ? null : { command, more });
  });

  test('a line each, past empty and quoted ones, up to the signature block', () => {
    const text = [
      'list Distributors@Orbit.example',
      '',
      '> On Monday somebody wrote',
      'help',
      'key',
      '-- ',
      'Alpha Linux',
      'held',
    ];
    expect(parseRequest(text.join('\r\n'))).toEqual({
      commands: [{ name: 'help' }, { name: 'key' }],
      list: 'distributors@orbit.example',
      problems: [],
    });
  });

  test('the list is named as clients copy an address, in angle brackets, and not in a half of them', () => {
    const listOf = (line: string) => parseRequest(`${line}\nhelp\n`);
    expect(listOf('list <Distributors@orbit.example>')).toEqual({
      commands: [{ name: 'help' }],
      list: 'distributors@orbit.example',
      problems: [],
    });
    for (const line of ['list <a@x.example', 'list a@x.example>', 'list <<a@x.example>>', 'list <>', 'list <a@x.example> b'])
      expect(listOf(line), line).toMatchObject({ list: null, problems: [{ line: 1, text: line }] });
  });

  const WORDS = 'we have had their patches in our distribution for six years, and they answered every report within a day';
  const broken = (text: string, width: number) => text.replace(new RegExp(`(.{1,${width}})(?: |$)`, 'g'), '$1\n');

  test.each([60, 65, 72, 76, 78])('the words of a vouch and a rejection, broken at %i characters', (width) => {
    const text = `${broken(`vouch for Beta: ${WORDS}`, width)}${broken(`reject ${POST} ${WORDS}`, width)}help\n`;
    expect(parseRequest(text)).toEqual({
      commands: [
        { name: 'vouch', organisation: 'Beta', statement: WORDS },
        { name: 'reject', postId: POST, reason: WORDS },
        { name: 'help' },
      ],
      list: null,
      problems: [],
    });
  });

  test.each([
    ['a short line above', `reject ${POST} no\nacept ${POST}`, 2],
    ['an empty line between', `reject ${POST} ${WORDS.slice(0, 60)}\n\nacept ${POST}`, 3],
    ['a mistyped command', `reject ${POST} ${WORDS.slice(0, 60)}\nacept ${POST}`, 2],
    ['a command for a post that is none', `reject ${POST} ${WORDS.slice(0, 60)}\nreject ${POST}x and more`, 2],
    ['a case that is none', `vouch for Beta: ${WORDS.slice(0, 60)}\narchive ORBIT-2026-1`, 2],
    ['a command with more to it', `vouch for Beta: ${WORDS.slice(0, 60)}\nunsubscribe me`, 2],
    ['a command that has no words', `archive ORBIT-2026-${'1'.repeat(60)}\nnow`, 2],
  ])('%s: what is below is a line of its own', (_, text, line) => {
    expect(parseRequest(text).problems).toMatchObject([{ line }]);
  });

  test('what is not understood is named by its line', () => {
    const { problems } = parseRequest(`help\n\nHello,\naccept ${POST}x\narchive\nsubscribe me\n`);
    expect(problems).toEqual([
      { line: 3, text: 'Hello,' },
      { line: 4, text: `accept ${POST}x` },
      { line: 5, text: 'archive' },
      { line: 6, text: 'subscribe me' },
    ]);
  });

  test('a list is named once, above the commands: else what was meant for one might run on another', () => {
    const named = parseRequest('list a@x.example\nlist A@X.example\nunsubscribe\nlist b@x.example\ncertificate\n');
    expect(named).toMatchObject({ list: 'a@x.example', problems: [{ line: 4, text: 'list b@x.example' }] });
    expect(parseRequest('unsubscribe\nlist a@x.example')).toMatchObject({ list: null, problems: [{ line: 2 }] });
  });

  test('what is longer than anybody writes is a problem, and not cut off', () => {
    const { problems } = parseRequest(`${'\n'.repeat(500)}unsubscribe\n`);
    expect(problems).toEqual([{ line: 501, text: 'there are too many lines' }]);
    const long = `vouch for Gamma: ${'x'.repeat(10_000)}`;
    expect(parseRequest(`help\n${long}\n> ${long}\nkey`).problems).toEqual([{ line: 2, text: 'the line is too long' }]);
  });

  test('whatever people write, nothing throws, and no line is both', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        const { commands, problems } = parseRequest(text);
        expect(commands.length + problems.length).toBeLessThanOrEqual(text.split('\n').length);
      }),
    );
  });
});

test('help shows how each command is written, so that it is read again', () => {
  for (const { usage } of grammar) {
    const line = usage
      .replace('FINGERPRINT', FINGERPRINT)
      .replace('CASE', 'ORBIT-2026-0001')
      .replace('POST', POST)
      .replace('prove WORDS', `prove ${POST}`)
      .replace('[REASON]', 'why')
      .replace('[STATUS]', 'not affected')
      .replace('HASH', 'a1'.repeat(32));
    expect(parseRequest(line).problems).toEqual([]);
  }
});
