import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, type Instant, MINUTE, toIso } from '../../src/clock.ts';
import {
  areReconcilable,
  checkRelease,
  deadlinesOf,
  type NamedPolicy,
  type Policy,
  type Start,
  type Starts,
} from '../../src/embargo/policy.ts';
import { allPolicies, policyNamed, presets } from '../../src/embargo/presets.ts';
import { ORBIT } from './orbit.ts';

const ALL = allPolicies({ policies: { orbit: ORBIT }, holidays: [] });
const at = (text: string) => Date.parse(text);
/** Before all instants of the examples. */
const LONG_AGO = at('2026-01-01T00:00:00Z');

test('policies of which each refuses what the others want leave no instant', () => {
  const named = (...names: string[]) => names.map((name) => policyNamed(ALL, name));
  for (const { name } of ALL) expect(areReconcilable(named(name), LONG_AGO), name).toBe(true);
  expect(areReconcilable([], LONG_AGO)).toBe(true);
  expect(areReconcilable(named('k8s', 'kernel', 'linux-distros'), LONG_AGO)).toBe(true);
  // 16:00 against 15:00.
  expect(areReconcilable(named('k8s', 'openstack'), LONG_AGO)).toBe(false);
  expect(areReconcilable([{ name: 'mine', policy: { ...ORBIT, notice: { days: 15 } } }], LONG_AGO)).toBe(false);
});

interface Wish {
  policy: string | string[];
  starts?: Partial<Record<Start, string>>;
  release: string;
  now?: string;
  reason?: string;
}

function judged({ policy, starts = {}, release, now, reason }: Wish) {
  return checkRelease(
    [policy].flat().map((name) => policyNamed(ALL, name)),
    {
      release: at(release),
      now: now ? at(now) : LONG_AGO,
      reason: reason ?? null,
      starts: Object.fromEntries(Object.entries(starts).map(([start, text]) => [start, at(text)])),
    },
  );
}

describe('a release is checked against every rule at once', () => {
  test.each<[string, Wish, string[]]>([
    [
      'linux-distros, 90 days',
      { policy: 'linux-distros', starts: { 'first-post': '2026-06-21T13:42:06Z' }, release: '2026-09-19T13:42:06Z' },
      ['OVER_MAX', 'WEEKEND'],
    ],
    [
      'linux-distros, 19 days, a Sunday',
      { policy: 'linux-distros', starts: { 'first-post': '2026-03-10T10:33:41Z' }, release: '2026-03-29T16:00:00Z' },
      ['OVER_MAX', 'WEEKEND'],
    ],
    ['orbit, a Friday', { policy: 'orbit', release: '2026-09-25T16:00:00Z' }, ['BAD_WEEKDAY']],
    [
      'orbit, 21 days from the report and a few hours',
      {
        policy: 'orbit',
        starts: { report: '2026-09-07T09:12:00Z', notice: '2026-09-14T16:00:00Z' },
        release: '2026-09-28T16:00:00Z',
      },
      ['OVER_REPORT_MAX'],
    ],
    [
      'orbit, noticed late',
      { policy: 'orbit', starts: { notice: '2026-09-16T17:00:00Z' }, release: '2026-09-22T16:00:00Z' },
      ['NOTICE_TOO_SHORT'],
    ],
    ['orbit, a holiday', { policy: 'orbit', release: '2026-09-07T16:00:00Z' }, ['HOLIDAY']],
    ['orbit, at another time', { policy: 'orbit', release: '2026-09-22T16:00:01Z' }, ['BAD_SLOT']],
    ['orbit, as the story has it', { policy: 'orbit', starts: STORY, release: '2026-09-22T16:00:00Z' }, []],
    ['past', { policy: 'orbit', release: '2026-09-22T16:00:00Z', now: '2026-09-22T16:00:00Z' }, ['PAST']],
    ['k8s at a weekend', { policy: 'k8s', release: '2026-09-26T16:00:00Z' }, ['BAD_WEEKDAY']],
    ['k8s-2017, 21 days', { policy: 'k8s-2017', starts: { report: REPORT }, release: '2026-09-28T09:12:00Z' }, []],
    [
      'k8s-2017, a second more',
      { policy: 'k8s-2017', starts: { report: REPORT }, release: '2026-09-28T09:12:01Z' },
      ['OVER_MAX'],
    ],
    ['kernel, a week', { policy: 'kernel', starts: { 'fix-ready': REPORT }, release: '2026-09-14T09:12:00Z' }, []],
    [
      'kernel, ten days',
      { policy: 'kernel', starts: { 'fix-ready': REPORT }, release: '2026-09-17T09:12:00Z' },
      ['OVERRIDE_NEEDS_REASON'],
    ],
    [
      'kernel, ten days, why',
      { policy: 'kernel', starts: { 'fix-ready': REPORT }, release: '2026-09-17T09:12:00Z', reason: 'x' },
      [],
    ],
    [
      'kernel, 15 days, why',
      { policy: 'kernel', starts: { 'fix-ready': REPORT }, release: '2026-09-22T09:12:00Z', reason: 'x' },
      ['OVER_MAX'],
    ],
    ['xen, a week', { policy: 'xen', starts: { notice: REPORT }, release: '2026-09-14T09:12:00Z' }, ['OVERRIDE_NEEDS_REASON']],
    ['xen, exploited', { policy: 'xen', starts: { notice: REPORT }, release: '2026-09-08T09:12:00Z', reason: 'exploited' }, []],
    // From Friday five business days are a week, from Saturday they end on a Friday.
    [
      'openstack, five business days',
      { policy: 'openstack', starts: { notice: '2026-09-10T15:00:00Z' }, release: '2026-09-17T15:00:00Z' },
      [],
    ],
    [
      'openstack, four',
      { policy: 'openstack', starts: { notice: '2026-09-10T15:00:00Z' }, release: '2026-09-16T15:00:00Z' },
      ['NOTICE_TOO_SHORT'],
    ],
    [
      'openstack, eleven',
      { policy: 'openstack', starts: { notice: '2026-09-08T15:00:00Z' }, release: '2026-09-23T15:00:00Z' },
      ['OVER_MAX'],
    ],
    [
      'envoy, too early from the notice and too late from the report',
      {
        policy: 'envoy',
        starts: { report: '2026-06-01T00:00:00Z', 'fix-ready': '2026-08-15T00:00:00Z', notice: '2026-08-15T00:00:00Z' },
        release: '2026-09-01T00:00:00Z',
      },
      ['OVER_REPORT_MAX', 'NOTICE_TOO_SHORT'],
    ],
    [
      'two policies, the stricter rule of each',
      {
        policy: ['k8s', 'linux-distros'],
        starts: { notice: '2026-09-01T16:00:00Z', 'first-post': '2026-09-01T16:00:00Z' },
        release: '2026-09-19T10:00:00Z',
      },
      ['BAD_WEEKDAY', 'BAD_SLOT', 'OVER_MAX', 'WEEKEND'],
    ],
  ])('%s', (_, wish, codes) => {
    const answer = judged(wish);
    expect(answer.violations.map(({ code }) => code)).toEqual(codes);
    expect(answer.ok).toBe(codes.length === 0);
  });

  test('a violation says whose rule it is, and its bound', () => {
    const { violations, suggestion } = judged({
      policy: 'linux-distros',
      starts: { 'first-post': '2026-06-21T13:42:06Z' },
      release: '2026-09-19T13:42:06Z',
    });
    expect(violations[0]).toEqual({
      code: 'OVER_MAX',
      policy: 'linux-distros',
      message: '90.00 days from the first post: at most 14 days',
      latest: at('2026-07-05T13:42:06Z'),
    });
    // The 5th is a Sunday.
    expect(toIso(suggestion ?? 0)).toBe('2026-07-03T13:42:06.000Z');
  });

  test('what nobody said is not checked, and that is told', () => {
    expect(judged({ policy: 'openstack', release: '2026-09-22T15:00:00Z' })).toEqual({
      ok: true,
      violations: [],
      unchecked: [
        'openstack: not checked: the longest embargo, from the notice',
        'openstack: not checked: the longest time from the report',
        'openstack: not checked: the shortest notice to distributors',
        'openstack: not checked: holidays, of which the project has named none',
      ],
    });
  });

  test('holidays of the project count where a policy keeps holidays', () => {
    const all = allPolicies({ policies: {}, holidays: ['2026-09-22'] });
    const codes = (name: string) => {
      const policies = all.filter((one) => one.name === name);
      const asked = { release: at('2026-09-22T15:00:00Z'), now: LONG_AGO, starts: {}, reason: null };
      return checkRelease(policies, asked).violations.map(({ code }) => code);
    };
    expect(codes('openstack')).toEqual(['HOLIDAY']);
    expect(codes('linux-distros')).toEqual([]);
  });

  test('where rules leave no instant, none is suggested', () => {
    const never = { ...ORBIT, slot: { ...ORBIT.slot, time: '09:00' } };
    const policies = [...ALL.filter(({ name }) => name === 'orbit'), { name: 'never', policy: never }];
    const asked = { release: at('2026-09-22T16:00:00Z'), now: LONG_AGO, starts: {}, reason: null };
    expect(checkRelease(policies, asked)).toMatchObject({ ok: false });
    expect(checkRelease(policies, asked)).not.toHaveProperty('suggestion');
  });
});

const REPORT = '2026-09-07T09:12:00Z';
const STORY = { report: REPORT, notice: '2026-09-14T16:00:00Z' };

describe('deadlines', () => {
  const orbit = [policyNamed(ALL, 'orbit')];
  const isos = (policies: NamedPolicy[], starts: Starts, release: Instant | null = null) =>
    Object.fromEntries(
      Object.entries(deadlinesOf(policies, starts, { release, reason: null })).map(([what, due]) => [what, toIso(due.at)]),
    );

  test('of the acceptance story', () => {
    expect(isos(orbit, { report: at(REPORT) })).toEqual({
      acknowledge: '2026-09-08T09:12:00.000Z',
      forthcoming: '2026-09-14T09:12:00.000Z',
      notice: '2026-09-21T09:12:00.000Z',
      release: '2026-09-28T09:12:00.000Z',
    });
    expect(isos(orbit, { report: at(REPORT) }, at('2026-09-22T16:00:00Z'))).toMatchObject({
      notice: '2026-09-15T16:00:00.000Z',
      'second-notice': '2026-09-21T16:00:00.000Z',
    });
  });

  test('of two policies the stricter counts, and is named', () => {
    const both = [...orbit, policyNamed(ALL, 'k8s-2017')];
    const deadlines = deadlinesOf(
      both,
      { report: at(REPORT), notice: at('2026-09-08T00:00:00Z') },
      { release: null, reason: null },
    );
    expect(deadlines.release).toEqual({ at: at('2026-09-22T00:00:00Z'), policy: 'orbit' });
    expect(deadlines.notice).toEqual({ at: at('2026-09-15T00:00:00Z'), policy: 'orbit' });
  });

  test('business days before a release leave out weekends and holidays', () => {
    const policy: Policy = { ...ORBIT, notice: { businessDays: 5 }, holidays: ['2026-09-17'] };
    const due = deadlinesOf([{ name: 'x', policy }], {}, { release: at('2026-09-22T16:00:00Z'), reason: null });
    expect(toIso(due.notice?.at ?? 0)).toBe('2026-09-14T16:00:00.000Z');
  });
});

describe('whatever the policy and the dates', () => {
  const span = fc.oneof(
    fc.record({ hours: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ days: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ businessDays: fc.integer({ min: 0, max: 30 }) }),
  );
  const orNone = fc.option(span, { nil: null });
  const day = fc.integer({ min: 0, max: 120 }).map((n) => toIso(LONG_AGO + n * DAY).slice(0, 10));
  const policy: fc.Arbitrary<Policy> = fc
    .record({
      notice: orNone,
      shorterWithReason: fc.boolean(),
      clock: fc.constantFrom<Start>('report', 'first-post', 'fix-ready', 'notice'),
      embargo: orNone,
      longerWithReason: orNone,
      fromReport: orNone,
      slot: fc.record({
        time: fc.constantFrom(null, '00:00', '15:00', '23:59'),
        weekdays: fc.option(fc.subarray(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const, { minLength: 1 }), {
          nil: null,
        }),
        weekends: fc.boolean(),
      }),
      holidays: fc.uniqueArray(day, { maxLength: 20 }),
    })
    .map((parts) => ({ ...ORBIT, ...parts, slot: { ...parts.slot, weekdays: parts.slot.weekdays && [...parts.slot.weekdays] } }));
  const instant = fc.integer({ min: 0, max: (90 * DAY) / MINUTE }).map((minutes) => LONG_AGO + minutes * MINUTE);
  const asked = fc.record({
    release: instant,
    now: instant,
    reason: fc.constantFrom(null, 'a reason'),
    starts: fc.record({ report: instant, notice: instant, 'first-post': instant, 'fix-ready': instant }, { requiredKeys: [] }),
  });
  const policies = fc
    .array(policy, { minLength: 1, maxLength: 2 })
    .map((all) => all.map((one, index) => ({ name: `p${index}`, policy: one })));

  /** Written anew, a day at a time and in words of its own. */
  function isLegal(one: Policy, { release, now, reason, starts }: Parameters<typeof checkRelease>[1]): boolean {
    const iso = toIso(release);
    const counted = (from: Instant, length: Policy['embargo']): Instant => {
      if (length === null) return Number.POSITIVE_INFINITY;
      if ('hours' in length) return from + length.hours * HOUR;
      if ('days' in length) return from + length.days * 24 * HOUR;
      const date = new Date(from);
      for (let left = length.businessDays; left > 0; ) {
        date.setUTCDate(date.getUTCDate() + 1);
        if (![0, 6].includes(date.getUTCDay()) && !one.holidays.includes(date.toISOString().slice(0, 10))) left -= 1;
      }
      return date.getTime();
    };
    const start = starts[one.clock];
    const notice = starts.notice ?? starts['first-post'];
    const longest =
      start === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(
            counted(start, one.embargo),
            reason !== null && one.embargo !== null && one.longerWithReason !== null ? counted(start, one.longerWithReason) : 0,
          );
    const name = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][new Date(release).getUTCDay()] as 'sun';
    return (
      release > now &&
      release <= longest &&
      (starts.report === undefined || release <= counted(starts.report, one.fromReport)) &&
      (notice === undefined ||
        one.notice === null ||
        (one.shorterWithReason && reason !== null) ||
        release >= counted(notice, one.notice)) &&
      (one.slot.time === null || iso.slice(11) === `${one.slot.time}:00.000Z`) &&
      (one.slot.weekdays === null ? one.slot.weekends || !['sat', 'sun'].includes(name) : one.slot.weekdays.includes(name)) &&
      !one.holidays.includes(iso.slice(0, 10))
    );
  }

  test('what is accepted breaks no rule, and what is suggested is accepted', () => {
    fc.assert(
      fc.property(policies, asked, (all, wish) => {
        const answer = checkRelease(all, wish);
        expect(answer.ok).toBe(all.every((one) => isLegal(one.policy, wish)));
        if (answer.suggestion === undefined) return;
        expect(checkRelease(all, { ...wish, release: answer.suggestion }).violations).toEqual([]);
        expect(all.every((one) => isLegal(one.policy, { ...wish, release: answer.suggestion as number }))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('where a day has a legal instant at the time of the slot, something is suggested, and nothing nearer is legal', () => {
    fc.assert(
      fc.property(policies, asked, (all, wish) => {
        const { ok, suggestion } = checkRelease(all, wish);
        if (ok) return;
        const times = all.flatMap(({ policy: { slot } }) => (slot.time === null ? [] : [slot.time]));
        const time = times[0] ?? toIso(wish.release).slice(11, 16);
        const days = Array.from({ length: 200 }, (_, n) => at(`${toIso(LONG_AGO + (n - 10) * DAY).slice(0, 10)}T${time}:00Z`));
        const legal = days.filter((release) => all.every((one) => isLegal(one.policy, { ...wish, release })));
        if (legal.length === 0) return;
        const nearest = Math.min(...legal.map((release) => Math.abs(release - wish.release)));
        expect(Math.abs((suggestion ?? Number.NaN) - wish.release)).toBeLessThanOrEqual(nearest);
      }),
      { numRuns: 1000 },
    );
  });
});

test('every preset has what every policy has', () => {
  for (const preset of Object.values(presets))
    expect(preset).toMatchObject({
      acknowledge: { hours: 24 },
      forthcoming: { days: 7 },
      grace: 60,
      deadMan: 'publish_approved',
    });
});
