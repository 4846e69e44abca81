import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueIn, judge, policiesOf } from '../../src/cases/clocks.ts';
import { DAY, HOUR, type Instant, MINUTE, toIso } from '../../src/clock.ts';
import { allPolicies, presets } from '../../src/embargo/presets.ts';
import { ORBIT } from '../embargo/orbit.ts';
import { PROJECT } from '../support/project.ts';

const at = (text: string): Instant => Date.parse(text);
const policies = allPolicies({ policies: { orbit: ORBIT }, holidays: [] });
const project = { ...PROJECT, policies, usual: ['orbit'] };
const REPORT = at('2026-09-07T09:12:00Z');
const reported = {
  received_at: REPORT,
  fix_ready_at: null,
  noticed_at: null,
  policies: null,
  release_at: null,
  exception_at: null,
  aside: null,
  aside_at: null,
  original_at: null,
} as const;
const codes = (answer: ReturnType<typeof judge>) => answer.violations.map(({ code }) => code);

describe('what is due in a case', () => {
  test('runs from the report under the policy of the project', () => {
    const due = dueIn(project, reported);
    const text = Object.fromEntries(Object.entries(due).map(([what, { at: instant }]) => [what, toIso(instant)]));
    expect(text).toEqual({
      acknowledge: '2026-09-08T09:12:00.000Z',
      forthcoming: '2026-09-14T09:12:00.000Z',
      notice: '2026-09-21T09:12:00.000Z',
      release: '2026-09-28T09:12:00.000Z',
    });
  });

  test('is that of its own policies where it has some, and nothing where it is under none', () => {
    expect(policiesOf(project, { policies: 'xen kernel' }).map(({ name }) => name)).toEqual(['xen', 'kernel']);
    expect(dueIn(project, { ...reported, policies: '' })).toEqual({});
  });

  test('of a policy that the configuration has no more is not known, and is nothing once the case is over', () => {
    const about = { ...reported, policies: 'mine orbit' };
    expect(() => dueIn(project, { ...about, state: 'armed' })).toThrow('There is no policy mine');
    for (const past of [{ state: 'released' }, { closed_at: REPORT }, { aside: 'rejected' }] as const)
      expect(policiesOf(project, { ...about, ...past }).map(({ name }) => name)).toEqual(['orbit']);
  });

  test('an exception with its reason makes the embargo of the kernel longer', () => {
    const fixed = { ...reported, policies: 'kernel', fix_ready_at: REPORT };
    expect(dueIn(project, fixed).release?.at).toBe(REPORT + 7 * DAY);
    expect(dueIn(project, { ...fixed, exception_at: REPORT }).release?.at).toBe(REPORT + 14 * DAY);
  });
});

describe('an instant', () => {
  const now = at('2026-09-11T15:30:00Z');

  test('of the story is allowed before and after distributors were told', () => {
    const release = at('2026-09-22T16:00:00Z');
    expect(judge(project, reported, release, now).ok).toBe(true);
    expect(judge(project, { ...reported, noticed_at: at('2026-09-14T16:00:00Z') }, release, now).ok).toBe(true);
  });

  test('that leaves distributors too little time from now on is refused before they were told', () => {
    const answer = judge(project, reported, at('2026-09-17T16:00:00Z'), now);
    expect(codes(answer)).toEqual(['NOTICE_TOO_SHORT']);
    expect(toIso(answer.suggestion ?? 0)).toBe('2026-09-21T16:00:00.000Z');
  });

  test('where the longest embargo leaves distributors less than their time is one of the last that are left', () => {
    const late = at('2026-09-22T10:00:00Z');
    const early = judge(project, reported, at('2026-09-23T16:00:00Z'), late);
    expect([codes(early), toIso(early.suggestion ?? 0)]).toEqual([['NOTICE_TOO_SHORT'], '2026-09-24T16:00:00.000Z']);
    expect(judge(project, reported, at('2026-09-24T16:00:00Z'), late)).toMatchObject({ ok: true, waived: ['NOTICE_TOO_SHORT'] });
  });

  test('is suggested so that it is taken at once', () => {
    const minute = fc.integer({ min: 0, max: (60 * DAY) / MINUTE }).map((n) => REPORT + n * MINUTE);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom('orbit', ...Object.keys(presets)), { minLength: 1, maxLength: 2 }),
        minute,
        minute,
        fc.boolean(),
        (names, release, from, told) => {
          const about = { ...reported, policies: names.join(' '), noticed_at: told ? from - HOUR : null };
          const { ok, suggestion } = judge(project, about, release, from);
          if (!ok && suggestion !== undefined) expect(judge(project, about, suggestion, from).violations).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
