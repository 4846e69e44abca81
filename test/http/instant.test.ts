import { expect, test } from 'vitest';
import { readInstant } from '../../src/http/instant.ts';

const AT = Date.UTC(2026, 8, 22, 16);

test.each([
  ['2026-09-22T16:00:00Z', AT],
  ['2026-09-22t16:00:00z', AT],
  ['2026-09-22 18:00:00+02:00', AT],
  ['2026-09-22T16:00:00.000Z', AT],
  ['2026-09-22T10:30:00-05:30', AT],
  ['2026-09-22T16:00Z', AT],
  ['2026-09-22 18:00+02:00', AT],
  ['2026-09-22T16:00:00.1239Z', AT + 123],
  ['2026-09-22T16:00:00.5Z', AT + 500],
  ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
])('%s is an instant', (text, instant) => {
  expect(readInstant(text, 'releaseAt')).toBe(instant);
});

test.each([
  ...['2026-09-22T16:00:00', '2026-09-22T16:00', '2026-09-22', '2026-09-22 16:00:00.5'],
  ...['2026-09-22T16:00:00-00:00', '2026-09-22 16:00-00:00'],
  ...['9am PT', '9 a.m.', '2026-09-22 16:00 CEST', '22 Sep 2026 4pm CET'],
])('%s lacks its offset', (text) => {
  expect(() => readInstant(text, 'releaseAt')).toThrow(expect.objectContaining({ reason: 'no-utc-offset' }));
});

test.each([
  '',
  'tomorrow',
  '1790092800000',
  '2026-02-30T00:00:00Z',
  '2027-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-09-22T25:00:00Z',
  '2026-09-22T24:00:00Z',
  '2026-09-22T16:00:00+25:00',
  '2026-09-00T16:00:00Z',
  '2026-09-22T16:00:00Z and more',
])('%j is no instant', (text) => {
  expect(() => readInstant(text, 'releaseAt')).toThrow(
    expect.objectContaining({ reason: 'invalid', message: expect.stringContaining('releaseAt must be an instant') }),
  );
});
