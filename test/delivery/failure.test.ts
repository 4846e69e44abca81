import { describe, expect, test } from 'vitest';
import { codeOf, type Failure, failureOf } from '../../src/delivery/failure.ts';

describe('what a failure says of its address', () => {
  test.each<[string | null, Failure]>([
    ['550 5.1.1 no such user', 'hard'],
    ['5.1.1 <x@y.example>: unknown', 'hard'],
    ['550 no such user', 'hard'],
    ['5.2.1 disabled', 'hard'],
    ['554 5.7.1 not for you', 'hard'],
    ['5.0.0', 'hard'],
    [null, 'hard'],
    ['a mail server further on gave it back', 'hard'],
    ['4 servers gave it back', 'hard'],
    ['552 5.2.2 over quota', 'soft'],
    ['552 exceeded storage allocation', 'soft'],
    ['452 4.2.2 over quota', 'soft'],
    ['550 5.3.1 disk full', 'soft'],
    ['5.4.7 too old', 'soft'],
    ['4.4.7 delivery time expired', 'soft'],
    ['451 later', 'soft'],
    ['450 4.7.1 greylisted', 'soft'],
    // Exim: its own status says nothing, and the answer that it got does.
    ['5.0.0 552-5.2.2 The account is over quota. 552 5.2.2 Ask it', 'soft'],
    ['5.0.0 552 mailbox full', 'soft'],
    ['5.0.0 452 4.3.1 later', 'soft'],
    ['5.0.0 451 later', 'soft'],
    ['5.0.0 550-5.1.1 no such user', 'hard'],
    ['5.0.0 550 no such user', 'hard'],
    ['5.0.0 mx450.example gave it back', 'hard'],
    // qmail
    ['5.0.0 192.0.2.4 said: 552 5.3.4 too big', 'mail'],
    ['2.0.0', 'hard'],
    ['552 5.2.3 longer than the mailbox takes', 'mail'],
    ['552 5.3.4 too big', 'mail'],
    ['554 5.6.0 content', 'mail'],
  ])('%s: %s', (line, failure) => {
    expect(failureOf(line)).toBe(failure);
  });

  test('of a stranger’s line the code alone is told on', () => {
    const lines = ['5.1.1 <x@y.example> canary', '550 canary', '5.0.0 550-5.1.1 canary', '5.0.0 canary', 'canary', null];
    expect(lines.map(codeOf)).toEqual(['5.1.1', '550', '5.1.1', '5.0.0', null, null]);
  });
});
