import { describe, expect, it } from 'vitest';
import { outcomeOfFailure, outcomeOfReply, responseLine } from '../../src/delivery/outcome.ts';

function failure(fields: { code?: string; command?: string; responseCode?: number; response?: string; message?: string }): Error {
  return Object.assign(new Error(fields.message ?? 'failed'), fields);
}

describe('the reply to the dot', () => {
  it.each([
    ['250 2.0.0 queued', { state: 'delivered' }],
    ['451 4.3.0 later', { state: 'deferred', reason: 'try-later' }],
    ['554 5.7.1 no', { state: 'failed', reason: 'rejected' }],
    ['354 what', { state: 'deferred', reason: 'relay-error' }],
    ['2500 what', { state: 'deferred', reason: 'relay-error' }],
    ['', { state: 'deferred', reason: 'relay-error' }],
  ])('%j', (response, expected) => {
    expect(outcomeOfReply(response)).toMatchObject(expected);
  });
});

describe('a failure', () => {
  it.each([400, 421, 450, 451, 452, 454, 499])('with %i defers at every step', (responseCode) => {
    for (const command of ['CONN', 'EHLO', 'STARTTLS', 'AUTH PLAIN', 'MAIL FROM', 'RCPT TO', 'DATA'])
      expect(outcomeOfFailure(failure({ command, responseCode, response: `${responseCode} x` })).state).toBe('deferred');
  });

  it.each([500, 521, 535, 550, 554])('with %i fails no copy before MAIL', (responseCode) => {
    for (const command of ['CONN', 'EHLO', 'HELO', 'STARTTLS', 'AUTH PLAIN', 'API', 'RSET', ''])
      expect(outcomeOfFailure(failure({ command, responseCode, response: `${responseCode} x` })).state).toBe('deferred');
  });

  it.each([
    ['550 5.1.1 unknown user', 'failed', 'rejected'],
    ['550 no such user', 'failed', 'rejected'],
    ['501 5.1.3 bad address', 'failed', 'rejected'],
    ['501 syntax error', 'deferred', 'relay-refuses-us'],
    ['502 5.5.1 not implemented', 'deferred', 'relay-refuses-us'],
    ['530 5.7.0 Must issue a STARTTLS command first', 'deferred', 'relay-refuses-us'],
    ['550 5.7.1 Relaying denied', 'deferred', 'relay-refuses-us'],
    ['550 relay not permitted', 'deferred', 'relay-refuses-us'],
    ['550 5.1.1 the relay says: no such user', 'failed', 'rejected'],
    ['552 5.3.4 too large', 'failed', 'too-large'],
  ])('at RCPT with %s is %s: %s', (response, state, reason) => {
    const responseCode = Number(response.slice(0, 3));
    expect(outcomeOfFailure(failure({ code: 'EENVELOPE', command: 'RCPT TO', responseCode, response }))).toEqual({
      state,
      reason,
      response,
    });
  });

  it.each([
    ['ETLS', 'x', 'relay-tls'],
    ['ESOCKET', 'self-signed certificate', 'relay-tls'],
    ['ESOCKET', "Hostname/IP does not match certificate's altnames", 'relay-tls'],
    ['EAUTH', 'Missing credentials', 'relay-refuses-us'],
    ['ETIMEDOUT', 'Timeout', 'timeout'],
    ['EABORT', 'Message sending aborted', 'timeout'],
    ['EDNS', 'queryA ENOTFOUND relay.example', 'relay-unreachable'],
    ['ESOCKET', 'connect ECONNREFUSED 127.0.0.1:25', 'relay-unreachable'],
    ['ESOCKET', 'read ECONNRESET', 'connection-lost'],
    ['ECONNECTION', 'Connection closed unexpectedly', 'connection-lost'],
    ['EPROTOCOL', 'Unexpected Response', 'relay-error'],
    ['', 'anything', 'relay-error'],
  ])('without a reply defers: %s %s', (code, message, reason) => {
    expect(outcomeOfFailure(failure({ code, command: 'CONN', message }))).toEqual({
      state: 'deferred',
      reason,
      response: message,
    });
  });

  it('that is no Error defers', () => {
    for (const thrown of [undefined, null, 'text', 5, {}]) expect(outcomeOfFailure(thrown)).toMatchObject({ state: 'deferred' });
  });
});

it('keeps a response to one line without control characters', () => {
  expect(responseLine('250-a\r\n250 b\u0000\u001b[31m\u0085\u2028c ')).toBe('250-a 250 b [31m c');
  expect(responseLine('x'.repeat(501))).toHaveLength(500);
});
