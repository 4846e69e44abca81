import { describe, expect, test } from 'vitest';
import { asRefusal, Refusal, reasons, refusalRow } from '../src/refusal.ts';

describe('the table of refusals', () => {
  test.each(reasons)('%s: reply code, enhanced code and HTTP status agree', (reason) => {
    const row = refusalRow(reason);
    const kind = row.temporary ? 4 : 5;
    expect(Math.floor(row.code / 100), 'class of the reply').toBe(kind);
    expect(row.enhanced).toMatch(new RegExp(`^${kind}\\.[0-7]\\.\\d{1,3}$`));
    expect(row.http).toBeGreaterThanOrEqual(400);
    expect(row.http).toBeLessThanOrEqual(599);
  });

  test.each(reasons)('%s: the text fits one line of a reply', (reason) => {
    const { text } = refusalRow(reason);
    // RFC 5321 §4.5.3.1.5: 512 octets with codes and CRLF; 7-bit, because not every client knows more.
    expect(text).toMatch(/^[\x20-\x7e]{5,480}$/);
    expect(text, 'public text never names the mechanism').not.toMatch(
      /openpgp|sqlite|postgres|worker|signature packet|MDC|session key/i,
    );
  });

  test('no two reasons are told in the same words', () => {
    const texts = reasons.map((reason) => refusalRow(reason).text);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('what may pass later is never told as final over HTTP, and the other way round', () => {
    const later = new Set([408, 409, 429, 500, 503, 507]);
    for (const reason of reasons) {
      const { temporary, http } = refusalRow(reason);
      if (temporary) expect([...later], reason).toContain(http);
      else expect(http, reason).toBeLessThan(500);
    }
  });
});

test('a refusal says the hint where there is one, and never the detail', () => {
  expect(new Refusal('too-large').message).toBe(refusalRow('too-large').text);
  const refusal = new Refusal('invalid', 'release_at is missing', 'body was {...}');
  expect(refusal.message).toBe('release_at is missing');
  expect(refusal.detail).toBe('body was {...}');
});

test('what is no refusal is told as an error of our own, its message kept for the log', () => {
  const known = new Refusal('busy');
  expect(asRefusal(known)).toBe(known);
  expect(asRefusal(new TypeError('x is not a function'))).toMatchObject({
    reason: 'internal-error',
    detail: 'x is not a function',
  });
  expect(asRefusal(new TypeError('secret')).message).toBe(refusalRow('internal-error').text);
  expect(asRefusal('thrown text')).toMatchObject({ reason: 'internal-error', detail: 'thrown text' });
});
