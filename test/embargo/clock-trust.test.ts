import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import {
  BOUND,
  believed,
  CALM,
  doubtOf,
  doubtOfNodes,
  expected,
  firstLine,
  follow,
  type Line,
  lineThrough,
  type Reading,
  stepOf,
} from '../../src/embargo/clock-trust.ts';
import '../support/properties.ts';

const NOON = Date.parse('2026-09-22T12:00:00Z');
const at = (passed: number, jump = 0): Reading => ({ wall: NOON + passed + jump, monotonic: 5_000 + passed });
const LINE = lineThrough(at(0));

describe('the wall clock', () => {
  test.each([0, 1, -1, SECOND, -SECOND, BOUND, -BOUND])(
    'that is off by %d ms is believed, and the earlier of both is the time',
    (jump) => {
      expect(doubtOf(LINE, at(HOUR, jump))).toBeNull();
      expect(believed(LINE, at(HOUR, jump))).toBe(NOON + HOUR + Math.min(jump, 0));
    },
  );

  test.each([BOUND + 1, -BOUND - 1, HOUR, -HOUR, 400 * DAY, -30 * DAY, -NOON])(
    'that is off by %d ms is in doubt, and the time goes on as it did',
    (jump) => {
      expect(doubtOf(LINE, at(HOUR, jump))).toEqual({ why: jump > 0 ? 'ahead' : 'behind', by: Math.abs(jump) });
      expect(believed(LINE, at(HOUR, jump))).toBe(NOON + HOUR);
    },
  );

  test('that another node was ahead of is in doubt', () => {
    expect(doubtOfNodes(NOON + BOUND, NOON)).toBeNull();
    expect(doubtOfNodes(NOON + BOUND + 1, NOON)).toEqual({ why: 'nodes', by: BOUND + 1 });
    expect(doubtOfNodes(NOON - 9 * DAY, NOON)).toBeNull();
  });
});

describe('the line', () => {
  test('follows a clock that was set right by a thousandth of the time that passes, in both directions', () => {
    for (const sign of [1, -1]) {
      const after = follow(LINE, at(HOUR, sign * 10 * SECOND), HOUR);
      expect(expected(after, at(HOUR))).toBe(NOON + HOUR + sign * 3_600);
      expect(expected(follow(after, at(3 * HOUR, sign * 10 * SECOND), 2 * HOUR), at(3 * HOUR))).toBe(
        NOON + 3 * HOUR + sign * 10 * SECOND,
      );
    }
  });

  test('hurries nothing on, whatever is done to the wall clock and however often', () => {
    const jumps = fc.array(fc.tuple(fc.integer({ min: 1, max: MINUTE }), fc.integer({ min: -BOUND * 2, max: BOUND * 2 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(jumps, (steps) => {
        let line: Line = LINE;
        let [passed, jump] = [0, 0];
        for (const [elapsed, by] of steps) {
          passed += elapsed;
          jump += by;
          const reading = at(passed, jump);
          expect(believed(line, reading) - (NOON + passed)).toBeLessThanOrEqual(passed / 1000 + 1);
          if (!doubtOf(line, reading)) line = follow(line, reading, elapsed);
        }
      }),
    );
  });
});

describe('when a process starts', () => {
  const start = (of: { saved?: number; highWater?: number; wall?: number }) => {
    const reading = { wall: NOON + (of.wall ?? 0), monotonic: 77 };
    const line = firstLine({ reading, saved: of.saved ?? null, highWater: of.highWater ?? null, downtime: DAY });
    return { trusted: doubtOf(line, reading) === null && line.slack === 0, time: believed(line, reading) };
  };

  test('a new database believes the wall clock', () => {
    expect(start({})).toEqual({ trusted: true, time: NOON });
  });

  test.each([
    ['half a minute before', -BOUND, true],
    ['more than that before', -BOUND - 1, false],
    ['in 1970', -NOON, false],
    ['a minute after', MINUTE, true],
    ['a day after', DAY, true],
    ['more than a day after', DAY + BOUND + 1, false],
    ['400 days after', 400 * DAY, false],
  ])('after a start of the machine, %s the high-water mark', (_, wall, trusted) => {
    expect(start({ highWater: NOON, wall })).toEqual({ trusted, time: trusted ? NOON + wall : NOON });
  });

  test('in the same run of the machine the line goes on, for however long nothing ran', () => {
    expect(start({ saved: NOON - 77, highWater: NOON - 90 * DAY })).toEqual({ trusted: true, time: NOON });
    expect(start({ saved: NOON - 77, highWater: NOON - MINUTE, wall: HOUR })).toEqual({ trusted: false, time: NOON });
    expect(start({ saved: NOON - 77, highWater: NOON - MINUTE, wall: -HOUR })).toEqual({ trusted: false, time: NOON });
  });

  test('a clock that comes to where it may be after a start is believed from there', () => {
    const lost = firstLine({ reading: { wall: 0, monotonic: 0 }, saved: null, highWater: NOON, downtime: DAY });
    const set = { wall: NOON + HOUR, monotonic: MINUTE };
    expect(doubtOf(lost, set)).toBeNull();
    expect(follow(lost, set, MINUTE)).toEqual(lineThrough(set));
  });
});

test.each([
  ['nothing is wrong', null, null, CALM, 'follow'],
  ['a doubt comes', 'ahead', null, 0, 'raise'],
  ['it lasts', 'ahead', 'here', 0, 'wait'],
  ['another node doubts', null, 'there', CALM, 'wait'],
  ['it agrees for a while', null, 'here', CALM - 1, 'wait'],
  ['it agrees for five minutes', null, 'here', CALM, 'clear'],
] as const)('where %s', (_, why, boot, calm, step) => {
  const doubt = why && { why, by: HOUR };
  expect(stepOf({ doubt, suspicion: boot && { boot }, boot: 'here', calm })).toBe(step);
});
