import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { automatic, isLoop, listId } from '../../src/mail/automatic.ts';
import { fieldsNamed, parseMessage } from '../../src/mail/message.ts';
import { effort } from '../support/effort.ts';
import { corpus } from '../support/gnupg.ts';
import { PEOPLE } from './people.ts';
import { BOUNCES, NOTICES, REPLIES } from './reports.ts';

const mail = (...fields: string[]) =>
  parseMessage(Buffer.from(`From: a@b.example\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\nx`));

describe('automatic mail (RFC 3834)', () => {
  it.each([
    ['a person', 'a@b.example', [], null],
    ['Auto-Submitted: no', 'a@b.example', ['Auto-Submitted: no'], null],
    ['the null sender', null, [], 'auto-reply'],
    ['the null sender, as it is written', '', [], 'auto-reply'],
    ['a mailer daemon', 'MAILER-DAEMON@b.example', [], 'bounce'],
    ['a vacation note', 'a@b.example', ['Auto-Submitted: auto-replied (vacation)'], 'auto-reply'],
    ['a delivery report', 'a@b.example', ['Content-Type: multipart/report; boundary=x'], 'bounce'],
    ['a scanner', 'a@b.example', ['Auto-Submitted: auto-generated'], 'notice'],
    ['a notification (RFC 5436)', 'a@b.example', ['Auto-Submitted: auto-notified; owner-email="a@b.example"'], 'notice'],
    ['a mailing list', 'a@b.example', ['List-Id: <x.b.example>'], 'notice'],
    ['bulk mail', 'a@b.example', ['Precedence: bulk'], 'notice'],
    ['an address that nobody reads', 'no-reply@b.example', [], 'notice'],
    ['a field that says no', 'a@b.example', ['X-Autoreply: no'], null],
    ['the end of receipts alone', 'a@b.example', ['X-Auto-Response-Suppress: DR, RN, NRN'], null],
  ] as const)('%s', (_, sender, fields, verdict) => {
    expect(automatic(mail(...fields), sender)).toBe(verdict);
  });

  const asSent = (text: string) => parseMessage(Buffer.from(text.replace(/\n/g, '\r\n')));
  describe('is a bounce:', () => {
    test.each(BOUNCES)('$name', ({ sender, mail }) => expect(automatic(asSent(mail), sender)).toBe('bounce'));
  });
  describe('is an automatic reply:', () => {
    test.each(REPLIES)('$name', ({ sender, mail }) => expect(automatic(asSent(mail), sender)).toBe('auto-reply'));
  });
  describe('is a notice:', () => {
    test.each(NOTICES)('$name', ({ sender, mail }) => expect(automatic(asSent(mail), sender)).toBe('notice'));
  });
  describe('is a person who', () => {
    test.each(PEOPLE)('$name', ({ sender, mail }) => expect(automatic(asSent(mail), sender)).toBeNull());
  });
});

const { dir, absent } = corpus('schleuder');
describe.skipIf(absent)(`the corpus of Schleuder${absent ? ` (${absent})` : ''}`, () => {
  const rows = absent
    ? []
    : readFileSync(join(dir, 'expected.tsv'), 'utf8')
        .split('\n')
        .map((line) => line.split('\t'));
  const mails = rows.filter(([path = '', kind]) => path.startsWith('mails/') && kind === 'mail').map(([path = '']) => path);
  test.each(mails)('%s', (path) => {
    const mail = parseMessage(readFileSync(join(dir, path)));
    const returnPath = fieldsNamed(mail, 'return-path')[0]?.value.replace(/[<>\s]/g, '');
    const kind = automatic(mail, returnPath ?? 'unknown@example.org');
    if (path.startsWith('mails/bounce')) expect(kind).toBe('bounce');
    else if (path.includes('/Bug_')) expect(kind).toBe('notice');
    else if (path.includes('tt_1234211024')) expect(kind).toBe('auto-reply');
    else expect([null, 'notice']).toContain(kind);
  });
});

describe('whatever a stranger sends', () => {
  const field = fc.constantFrom(
    'Subject',
    'From',
    'Auto-Submitted',
    'Content-Type',
    'X-Failed-Recipients',
    'List-Id',
    'Precedence',
  );
  const words = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, '')),
    fc.constantFrom(
      'auto-replied',
      'multipart/report; boundary=b',
      'MAILER-DAEMON',
      '<>',
      '=?utf-8?Q?=FF?=',
      '"',
      '(((',
      'multipart/mixed; boundary=b',
    ),
  );
  it('is looked at without an exception', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(field, words), { selector: ([name]) => name }),
        fc.uint8Array({ maxLength: 300 }),
        (fields, body) => {
          const header = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
          const mail = parseMessage(Buffer.concat([Buffer.from(`${header}\r\n--b\r\n\r\n`), body, Buffer.from('\r\n--b--')]));
          for (const sender of [null, 'a@b.example'])
            expect([null, 'bounce', 'auto-reply', 'notice']).toContain(automatic(mail, sender));
          expect(isLoop(mail, ['a.example'])).toBe(false);
        },
      ),
    );
  });

  const unit = fc.constantFrom(
    '<',
    '"',
    '(',
    ' ',
    '@',
    'your message ',
    '550 ',
    '<style',
    '&#9;',
    '-- ',
    'a@',
    '=?',
    'message ',
    '\t',
    '\n ',
    '550 5.1.1 ',
  );
  it('takes no longer than its octets', () => {
    fc.assert(
      fc.property(unit, fc.constantFrom('text/plain', 'text/html'), (one, type) => {
        const field = one.replace('\n', '\r\n').repeat(20_000).slice(0, 200_000);
        const body = one.repeat(Math.ceil(5e6 / one.length));
        const mail = parseMessage(
          Buffer.from(
            `From: ${field}\r\nSubject: ${field}\r\nList-Id: ${field.slice(0, 50_000)}\r\nContent-Type: ${type}\r\n\r\n${body}`,
          ),
        );
        const spent = effort();
        automatic(mail, null);
        isLoop(mail, ['a.example']);
        expect(spent()).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a loop', () => {
  const own = [listId('security@orbit.example')];
  it.each([
    'Orbit <Security.Orbit.Example>',
    '<security.orbit.example>',
    'security.orbit.example',
    '"Orbit <the team>" <security.orbit.example>',
    '<security.orbit.example> (the team (of Orbit))',
    '(was: <other.orbit.example>) <security.orbit.example>',
    'Orbit\r\n <security.\r\n orbit.example>',
    '<other.orbit.example>\r\nList-Id: <security.orbit.example>',
  ])('carries %s', (value) => expect(isLoop(mail(`List-Id: ${value}`), own)).toBe(true));

  it.each([
    '<other.orbit.example>',
    '"<security.orbit.example>" <other.orbit.example>',
    '<other.orbit.example> (<security.orbit.example>)',
    '<security.orbit.example.net>',
    '<>',
    '',
    '<'.repeat(250_000),
    '"\\'.repeat(100_000),
    '('.repeat(250_000),
  ])('does not carry %.40s', (value) => {
    const spent = effort();
    expect(isLoop(mail(`List-Id: ${value}`), own)).toBe(false);
    expect(spent()).toBeLessThan(1000);
  });

  it('has come through more than a hundred hosts (RFC 5321 §6.3)', () => {
    const received = (count: number) => mail(...Array.from({ length: count }, (_, i) => `Received: from h${i}.example`));
    expect(isLoop(received(100), own)).toBe(false);
    expect(isLoop(received(101), own)).toBe(true);
  });

  it('is a notice of our own that lost its List-Id, and no answer to it', () => {
    const from = (address: string, submitted: string) =>
      isLoop(parseMessage(Buffer.from(`From: Orbit <${address}>\r\nAuto-Submitted: ${submitted}\r\n\r\nx`)), own);
    expect(from('Security@orbit.example', 'auto-generated')).toBe(true);
    expect(from('security@orbit.example', 'no')).toBe(false);
    expect(from('rita@example.org', 'auto-replied')).toBe(false);
    expect(isLoop(mail(), own)).toBe(false);
  });
});
