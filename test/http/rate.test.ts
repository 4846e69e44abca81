import { expect, test } from 'vitest';
import { MINUTE, movingClock, SECOND } from '../../src/clock.ts';
import { limitRate } from '../../src/http/rate.ts';
import { NOW } from '../store/roster-rows.ts';

test('so many a minute, from the first one on, each for himself', () => {
  const clock = movingClock(NOW);
  const rate = limitRate(clock, 3);
  expect([1, 2, 3].map(() => rate.count('a'))).toEqual([0, 0, 0]);
  clock.moveTo(NOW + 20 * SECOND + 1);
  expect([rate.count('a'), rate.count('b')]).toEqual([40, 0]);
  clock.moveTo(NOW + MINUTE - 1);
  expect(rate.count('a')).toBe(1);
  clock.moveTo(NOW + MINUTE);
  expect(rate.count('a')).toBe(0);
});

test('whoever comes from everywhere does not fill the memory: the oldest are forgotten', () => {
  const rate = limitRate(movingClock(NOW), 1);
  rate.count('first');
  rate.count('second');
  for (let i = 0; i < 9_999; i++) rate.count(`stranger ${i}`);
  expect([rate.count('second'), rate.count('first')]).toEqual([60, 0]);
});
