import { describe, expect, it } from 'vitest';
import { automatic, isLoop, listId } from '../../src/mail/automatic.ts';
import { parseMessage } from '../../src/mail/message.ts';

const mail = (...fields: string[]) =>
  parseMessage(Buffer.from(`From: a@b.example\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\nx`));

describe('automatic mail (RFC 3834)', () => {
  it.each([
    ['a person', 'a@b.example', [], null],
    ['Auto-Submitted: no', 'a@b.example', ['Auto-Submitted: no'], null],
    ['the null sender', null, [], 'reply'],
    ['a mailer daemon', 'MAILER-DAEMON@b.example', [], 'reply'],
    ['a vacation note', 'a@b.example', ['Auto-Submitted: auto-replied (vacation)'], 'reply'],
    ['a delivery report', 'a@b.example', ['Content-Type: multipart/report; boundary=x'], 'reply'],
    ['a scanner', 'a@b.example', ['Auto-Submitted: auto-generated'], 'notice'],
    ['a mailing list', 'a@b.example', ['List-Id: <x.b.example>'], 'notice'],
    ['bulk mail', 'a@b.example', ['Precedence: bulk'], 'notice'],
  ] as const)('%s', (_, sender, fields, verdict) => {
    expect(automatic(mail(...fields), sender)).toBe(verdict);
  });

  it('knows its own lists by their List-Id', () => {
    const own = [listId('security@orbit.example')];
    expect(isLoop(mail('List-Id: Orbit <Security.Orbit.Example>'), own)).toBe(true);
    expect(isLoop(mail('List-Id: <other.orbit.example>'), own)).toBe(false);
    expect(isLoop(mail(), own)).toBe(false);
    const begin = performance.now();
    expect(isLoop(mail(`List-Id: ${'<'.repeat(250_000)}`), own)).toBe(false);
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
