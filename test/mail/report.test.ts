import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseMessage } from '../../src/mail/message.ts';
import { deliveryReport } from '../../src/mail/report.ts';
import { effort } from '../support/effort.ts';
import { corpus } from '../support/gnupg.ts';
import { BOUNCES } from './reports.ts';

const parse = (text: string) => parseMessage(Buffer.from(text.replace(/\r?\n/g, '\r\n')));
const report = (fields: string) =>
  deliveryReport(
    parse(
      `Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n${fields}\n--b--\n`,
    ),
  );

describe('what a bounce says of', () => {
  test.each(BOUNCES.filter(({ says }) => says))('$name', ({ mail, says }) => {
    const found = deliveryReport(parse(mail));
    expect(found?.recipients).toHaveLength(1);
    const { address, action, status, diagnostic } = found?.recipients[0] ?? {};
    expect({ address, permanent: found?.permanent }).toEqual({ address: says?.address, permanent: says?.permanent });
    if (says?.action !== undefined) expect(action).toBe(says.action);
    if (says?.status !== undefined) expect(status).toBe(says.status);
    if (says?.diagnostic) expect(diagnostic).toMatch(says.diagnostic);
    if (mail.includes('<original.1@')) expect(found?.originalMessageId).toBe('<original.1@orbit.example>');
  });
});

describe('a delivery status (RFC 3464)', () => {
  it('has a group of fields for each recipient, told apart by blank lines', () => {
    expect(
      report(
        'Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@B.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550\n 5.1.1 gone\n\nFinal-Recipient: rfc822; c@b.example\nAction: relayed\nStatus: 2.0.0',
      )?.recipients,
    ).toEqual([
      { address: 'a@b.example', action: 'failed', status: '5.1.1', diagnostic: '550 5.1.1 gone' },
      { address: 'c@b.example', action: 'relayed', status: '2.0.0', diagnostic: null },
    ]);
  });

  it('is read where the blank lines are lost, or stand inside of a group', () => {
    const fields = (between: string, inside: string) =>
      `Final-Recipient: rfc822; a@b.example\n${inside}Action: failed\nStatus: 5.0.0\n${between}Final-Recipient: rfc822; c@b.example\n${inside}Action: delayed\nStatus: 4.0.0`;
    for (const [between, inside] of [
      ['', ''],
      ['\n', '\n'],
      ['', '\n'],
      ['\n\n', ''],
    ] as const)
      expect(report(fields(between, inside))?.recipients.map(({ address, action }) => [address, action])).toEqual([
        ['a@b.example', 'failed'],
        ['c@b.example', 'delayed'],
      ]);
  });

  it('names whom the mail was sent to, before where it ended', () => {
    const fields =
      'Original-Recipient: rfc822;list@b.example\nFinal-Recipient: rfc822;person@c.example\nAction: failed\nStatus: 5.1.1';
    expect(report(fields)?.recipients[0]?.address).toBe('list@b.example');
  });

  it.each([
    ['failed', '5.1.1', true],
    ['failed', '4.4.7', false],
    ['failed', '', true],
    ['delayed', '4.4.1', false],
    ['delayed', '5.0.0', false],
    ['delivered', '2.0.0', false],
    ['expanded', '', false],
    ['', '5.1.1', true],
  ])('that is %j with %j is permanent: %j', (action, status, permanent) => {
    expect(report(`Final-Recipient: rfc822; a@b.example\nAction: ${action}\nStatus: ${status}`)?.permanent).toBe(permanent);
  });

  it('is read out of base64, and out of a text that a gateway made of it', () => {
    const fields = 'Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n';
    const part = (type: string) =>
      parse(
        `Content-Type: multipart/mixed; boundary=b\n\n--b\n\nNot delivered.\n--b\nContent-Type: ${type}\nContent-Transfer-Encoding: base64\n\n${Buffer.from(fields).toString('base64')}\n--b--\n`,
      );
    for (const type of ['message/delivery-status', 'text/plain', 'application/octet-stream'])
      expect(deliveryReport(part(type))?.recipients[0]).toMatchObject({ address: 'a@b.example', status: '5.1.1' });
  });

  it('lets nothing through that moves a cursor, ends a line or has no end', () => {
    const hostile = `Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; \u001b[2Jx\u202ey\u2028z ${'w'.repeat(3000)}`;
    const diagnostic = report(hostile)?.recipients[0]?.diagnostic ?? '';
    expect(diagnostic).toHaveLength(500);
    expect(diagnostic.startsWith('[2Jx y z w')).toBe(true);
    const many = 'Final-Recipient: rfc822; a@b.example\nAction: failed\n\n'.repeat(1000);
    expect(report(many)?.recipients).toHaveLength(100);
    expect(report(`Final-Recipient: rfc822; ${'a'.repeat(400)}@b.example\nAction: failed`)?.recipients[0]?.address).toBeNull();
    expect(report('Final-Recipient: rfc822; a\u0007@b.example\nAction: failed')?.recipients[0]?.address).toBeNull();
  });
});

describe('the mail that came back', () => {
  const withOriginal = (part: string) =>
    deliveryReport(
      parse(`Content-Type: multipart/report; boundary=b\n\n--b\n\nUndeliverable: <a@b.example>: gone\n--b\n${part}\n--b--\n`),
    );

  it.each(['message/rfc822', 'text/rfc822-headers', 'message/global', 'message/global-headers'])('is found in %s', (type) => {
    const found = withOriginal(`Content-Type: ${type}\n\nMessage-ID: <1@orbit.example>\nContent-Type: text/plain\n\nx`);
    expect(found?.originalMessageId).toBe('<1@orbit.example>');
    expect(found?.original?.mediaType).toBe('text/plain');
  });

  it('is given as its header section where it cannot be parsed whole', () => {
    const deep = `Content-Type: multipart/mixed; boundary=c\nMessage-ID: <1@orbit.example>\n\n${'--c\n\nx\n'.repeat(2000)}--c--`;
    const found = withOriginal(`Content-Type: message/rfc822\n\n${deep}`);
    expect(found).toMatchObject({ originalMessageId: '<1@orbit.example>', original: { parts: [] } });
  });

  it('is named by what the bounce answers, where it did not come back', () => {
    const bounce = parse('Subject: Undeliverable: a\nIn-Reply-To: <1@orbit.example>\n\nYour message was not delivered.\n');
    expect(deliveryReport(bounce)).toMatchObject({ originalMessageId: '<1@orbit.example>', original: null });
  });
});

it('says nothing of a mail that speaks of no delivery', () => {
  expect(deliveryReport(parse('Subject: Hello\n\nHow are you, a@b.example?\n'))).toBeNull();
});

const { dir, absent } = corpus('schleuder');
describe.skipIf(absent)(`the corpus of Schleuder${absent ? ` (${absent})` : ''}`, () => {
  const rows = absent
    ? []
    : readFileSync(join(dir, 'expected.tsv'), 'utf8')
        .split('\n')
        .map((line) => line.split('\t'));
  const bounces = rows.filter(([path]) => path?.startsWith('mails/bounces/')).map((row) => [row[0] ?? '', row[9] ?? ''] as const);
  test.each(bounces)('%s: %s', (path, detail) => {
    const found = deliveryReport(parseMessage(readFileSync(join(dir, path))));
    expect(found?.permanent).toBe(/permanent/.test(detail));
    const status = /status=(\d\.\d+\.\d+)/.exec(detail)?.[1];
    if (status) expect(found?.recipients.map((one) => one.status)).toContain(status);
    // Exchange 5.5 names a person, not an address.
    expect(found?.recipients.map(({ address }) => address !== null)).toEqual([!path.includes('tt_bounce_11')]);
    // What two of them return has no header section.
    expect(found?.originalMessageId !== null).toBe(!/tt_bounce_0[12]/.test(path));
  });
});

describe('whatever a stranger sends', () => {
  it('is read without an exception, into something bounded', () => {
    const line = fc.constantFrom(
      'Final-Recipient: rfc822; ',
      'Action: failed',
      'Status: 5.1.1',
      '<a@b.example>:',
      '550 5.1.1 ',
      '',
      '--b',
      'Content-Type: message/rfc822',
      'Undelivered',
    );
    const body = fc.array(fc.oneof(line, fc.string({ unit: 'binary', maxLength: 40 })), { maxLength: 40 });
    fc.assert(
      fc.property(
        body,
        fc.constantFrom('message/delivery-status', 'text/plain', 'message/rfc822', 'text/html'),
        (lines, type) => {
          const text = `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: ${type}\r\n\r\n${lines.join('\r\n')}\r\n--b--`;
          for (const { address, status, diagnostic } of deliveryReport(parseMessage(Buffer.from(text)))?.recipients ?? []) {
            expect(address ?? 'a@b').toMatch(/^[^\s\p{Cc}]{1,256}@[^\s\p{Cc}]{1,256}$/u);
            expect(status ?? '5.0.0').toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/);
            expect(diagnostic ?? 'x').toMatch(/^[^\p{Cc}\p{Cf}]{1,500}$/u);
          }
        },
      ),
    );
  });

  const unit = fc.constantFrom(
    '<a@b.example>:\n',
    'a@',
    '@',
    ' a@b.example\n',
    '550 5.1.1 ',
    'Final-Recipient: a@b.example\n',
    ' x\n',
    '--- Below\n',
    'recipient: ',
    '<style',
    '\n\n',
    '5.1.1',
    'Message-ID: <',
    'delivered to ',
  );
  const type = fc.constantFrom('text/plain', 'text/html', 'message/delivery-status', 'message/rfc822');
  it('of 25 MB is read within 300 ms', () => {
    fc.assert(
      fc.property(unit, type, (one, kind) => {
        const body = one.repeat(Math.ceil(25e6 / one.length));
        const mail = parseMessage(
          Buffer.from(
            `Subject: Undelivered mail\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: ${kind}\n\n${body}\n--b--\n`,
          ),
        );
        const spent = effort();
        deliveryReport(mail);
        expect(spent()).toBeLessThan(300);
      }),
      { numRuns: 30 },
    );
  });
});
