import { expect, test } from 'vitest';
import { type Released, statisticsOf } from '../../src/cases/statistics.ts';

const at = (text: string) => Date.parse(`2026-${text}Z`);

/** The acceptance story. */
const story: Released = {
  id: 'ORBIT-2026-0001',
  receivedAt: at('09-07T09:12'),
  noticedAt: at('09-14T16:00'),
  releaseAt: at('09-22T16:00'),
  releasedAt: at('09-22T16:00'),
  reachedAt: at('09-22T16:00'),
  approvedAt: at('09-22T12:00'),
  aside: null,
  severity: 'high',
  grace: 60,
};
const reports = { reports: 3, rejected: 1, duplicates: 1 };

test('a case has the time that it was embargoed, and that from its report to the public, in days', () => {
  const { cases, ...sums } = statisticsOf([story], reports);
  expect(cases).toEqual([
    {
      id: story.id,
      severity: 'high',
      receivedAt: story.receivedAt,
      noticedAt: story.noticedAt,
      releasedAt: story.releasedAt,
      embargoed: 8,
      reportToPublic: 15.28,
      onTime: true,
      cause: null,
    },
  ]);
  expect(sums).toEqual({
    ...reports,
    released: 1,
    onTime: 1,
    late: 0,
    severity: { high: 1 },
    median: { embargoed: 8, reportToPublic: 15.28 },
  });
});

const late = (ms: number) => ({ releasedAt: story.releaseAt + ms, reachedAt: story.releaseAt + ms });

test.each<[string, Partial<Released>, boolean, string | null]>([
  ['within its grace', late(60_000), true, null],
  ['later, as something held it up', late(60_001), false, 'held-up'],
  ['later, as it was approved late', { ...late(61_000), approvedAt: story.releaseAt + 1 }, false, 'approved-late'],
  ['in time that reached somebody later', { reachedAt: story.releaseAt + 60_001 }, false, 'channel'],
  ['in time that a channel never got', { reachedAt: null }, false, 'channel'],
  ['early by an error', late(-1), false, 'held-up'],
  ['after a leak, at the instant that was set then', { aside: 'leaked' }, true, 'leaked'],
  ['when it was public already', { aside: 'public_already' }, true, 'public-already'],
])('a release %s', (_, change, onTime, cause) => {
  expect(statisticsOf([{ ...story, ...change }], reports).cases[0]).toMatchObject({ onTime, cause });
});

test('medians are of what there is: of two the mean, and none of nothing', () => {
  const longer = { ...story, noticedAt: at('09-12T16:00'), severity: null };
  const untold = { ...story, noticedAt: null };
  expect(statisticsOf([story, longer], reports)).toMatchObject({ median: { embargoed: 9 }, severity: { high: 1, unrated: 1 } });
  expect(statisticsOf([story, longer, untold], reports).median.embargoed).toBe(9);
  expect(statisticsOf([], reports)).toMatchObject({ released: 0, median: { embargoed: null, reportToPublic: null } });
});
