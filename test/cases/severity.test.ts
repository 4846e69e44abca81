import { describe, expect, test } from 'vitest';
import { ratingOf, severityOf } from '../../src/cases/severity.ts';

const BASE = 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H';

/** Scores as the calculators of FIRST give them: of all metrics, and of the base ones. */
test.each([
  [BASE, 8.8, 8.8, 'high'],
  ['CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', 8.8, 8.8, 'high'],
  ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10, 10, 'critical'],
  ['CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L', 1.6, 1.6, 'low'],
  ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', 0, 0, 'none'],
  [`${BASE}/E:P/RL:O/RC:C`, 7.9, 8.8, 'high'],
  ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 9.3, 9.3, 'critical'],
  ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U', 8.1, 9.3, 'high'],
  [`${BASE}/MAV:L`, 7.8, 8.8, 'high'],
])('%s has %f (%f), %s', (vector, score, base, rating) => {
  expect(severityOf(vector)).toMatchObject({ vector, score, base, rating });
});

describe('a vector is refused', () => {
  test.each([
    ['of another version', 'CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C', 'begins with'],
    ['that is none', 'high', 'begins with'],
    ['without a base metric', 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H', 'lacks a base metric'],
    ['with a metric twice', `${BASE}/AV:L`, 'AV twice'],
    ['with a metric that there is not', `${BASE}/ZZ:1`, 'cannot be read'],
    ['with a value that there is not', BASE.replace('AV:N', 'AV:Q'), 'value Q for component AV'],
    ['with a base metric that is not defined', BASE.replace('AV:N', 'AV:X'), 'AV:X'],
    ['of the next version’s metrics', `${BASE}/AT:N`, 'cannot be read'],
    ['with something behind it', `${BASE}/`, 'cannot be read'],
    ['in small letters', BASE.toLowerCase(), 'begins with'],
    ['with a line end', `${BASE}\n`, ''],
  ])('%s', (_, vector, why) => {
    expect(() => severityOf(vector)).toThrow(expect.objectContaining({ reason: 'invalid', hint: expect.stringContaining(why) }));
  });
});

test('the scale has its bounds where the specification has them', () => {
  expect([0, 0.1, 3.9, 4, 6.9, 7, 8.9, 9, 10].map(ratingOf)).toEqual([
    'none',
    'low',
    'low',
    'medium',
    'medium',
    'high',
    'high',
    'critical',
    'critical',
  ]);
});
