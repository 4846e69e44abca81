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
    ['552 5.2.3 longer than the mailbox takes', 'mail'],
    ['552 5.3.4 too big', 'mail'],
    ['554 5.6.0 content', 'mail'],
  ])('%s: %s', (line, failure) => {
    expect(failureOf(line)).toBe(failure);
  });

  test('of a stranger’s line the code alone is told on', () => {
    expect(['5.1.1 <x@y.example> canary', '550 canary', 'canary', null].map(codeOf)).toEqual(['5.1.1', '550', null, null]);
  });
});
