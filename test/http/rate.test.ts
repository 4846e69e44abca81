import { expect, test } from 'vitest';
import { MINUTE, movingClock, SECOND } from '../../src/clock.ts';
import { limitRate, placeOf } from '../../src/http/rate.ts';
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

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:db8:1::9', '2001:db8:1:0::/64'],
  ['2001:db8::2:0:0:0:1', '2001:db8:0:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
])('%s is counted as %s', (ip, place) => {
  expect(placeOf(ip)).toBe(place);
});
