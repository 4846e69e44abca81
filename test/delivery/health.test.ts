import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { type Event, eventOf, eventOfBounce, failsSince, healthOf, noted, UNKNOWN } from '../../src/delivery/health.ts';

const delivered = (at: number): Event => ({ what: 'delivered', at });
const hard = (at: number): Event => ({ what: 'hard', since: at, at, line: '5.1.1' });
const soft = (at: number, since = at): Event => ({ what: 'soft', since, at, line: '5.2.2' });
const delayed = (at: number): Event => ({ what: 'delayed', at, line: '4.4.1' });
const known = (...events: Event[]) => events.reduce(noted, UNKNOWN);

describe('how mail to a contact fares', () => {
  test('of whom nothing is known it is well, and so it is of whose copies are taken', () => {
    expect([healthOf(UNKNOWN, 0), healthOf(known(delivered(1), delivered(2)), 3)]).toEqual(['well', 'well']);
  });

  test('one hard failure is enough; the relay that takes the next copies says nothing yet', () => {
    const facts = known(delivered(0), hard(SECOND), delivered(HOUR));
    expect(healthOf(facts, HOUR)).toBe('failing');
    expect(known(hard(SECOND), delivered(HOUR), hard(HOUR + SECOND))).toMatchObject({ hard_count: 2, hard_first_at: SECOND });
  });

  test('a copy that was not given back for a day ends it, and for six where mail was given up', () => {
    const once = known(hard(0), delivered(HOUR));
    expect([DAY, DAY + HOUR].map((now) => healthOf(once, now))).toEqual(['failing', 'well']);
    const given = known(soft(5 * DAY, 0), delivered(6 * DAY));
    expect([11.9 * DAY, 12 * DAY].map((now) => healthOf(given, now))).toEqual(['failing', 'well']);
  });

  test('soft failures are failing when they go on for more than three days', () => {
    expect(healthOf(known(soft(0)), 99 * DAY)).toBe('soft');
    expect(healthOf(known(soft(0), soft(3 * DAY)), 3 * DAY)).toBe('soft');
    expect(healthOf(known(soft(0), soft(3 * DAY + 1)), 4 * DAY)).toBe('failing');
    expect(healthOf(known(soft(5 * DAY, 0)), 5 * DAY)).toBe('failing');
  });

  test('what is delayed is soft, and nothing more, however often', () => {
    expect(healthOf(known(delayed(0), delayed(9 * DAY)), 9 * DAY)).toBe('soft');
  });

  test('after it was well, a failure begins another run', () => {
    const again = known(hard(0), hard(1), delivered(DAY), hard(3 * DAY));
    expect(again).toMatchObject({ hard_count: 1, hard_first_at: 3 * DAY, warned_at: null, delivered_at: DAY });
    expect(failsSince(again)).toBe(3 * DAY);
    const warned = { ...known(hard(0)), warned_at: 1 };
    expect(noted(warned, hard(2)).warned_at).toBe(1);
    expect(noted(noted(warned, delivered(2)), hard(2 * DAY)).warned_at).toBeNull();
  });

  test('whatever came before, a failure is not well, and a day without one after a copy that was taken is never failing for a hard one', () => {
    const step = fc.record({ what: fc.constantFrom(delivered, hard, soft, delayed), wait: fc.integer({ min: 0, max: 9 * DAY }) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let at = 0;
        let facts = UNKNOWN;
        for (const { what, wait } of steps) {
          at += wait;
          facts = noted(facts, what(at));
          if (what !== delivered) expect(healthOf(facts, at)).not.toBe('well');
        }
        expect(healthOf(noted(facts, delivered(at)), at + 6 * DAY)).toBe('well');
      }),
    );
  });
});

describe('what the end of a copy says of its address', () => {
  const copy = { state: 'delivered', tried_at: 1, settled_at: 2 } as const;
  const failed = (reason: string, response: string | null) => eventOf(copy, { state: 'failed', reason, response }, 9);

  test.each([
    ['rejected', '550 5.1.1 no', 'hard'],
    ['rejected', '552 5.2.2 full', 'soft'],
    ['rejected', '552 5.3.4 too big', undefined],
    ['bad-address', 'no', 'hard'],
    ['gave-up', '450 4.2.2 full', 'soft'],
    ['gave-up', '421 4.3.2 closing', undefined],
    ['gave-up', 'connect ECONNREFUSED', undefined],
    ['too-large', '552 5.3.4 too big', undefined],
    ['dropped', null, undefined],
    ['refused', null, undefined],
    ['bounced', '5.1.1', undefined],
  ])('%s, %s: %s', (reason, response, what) => {
    expect(failed(reason, response)?.what).toBe(what);
  });

  test('it failed since it was tried first, and what came back since it was taken', () => {
    expect(failed('gave-up', '451 later')).toMatchObject({ since: 1, at: 9 });
    expect(eventOfBounce(copy, { what: 'failed', words: '4.4.7 expired' }, 9)).toMatchObject({ what: 'soft', since: 2 });
    expect(eventOfBounce(copy, { what: 'failed', words: '5.3.4 too big' }, 9)).toBeNull();
    expect(eventOfBounce(copy, { what: 'delayed', words: '4.4.1' }, 9)).toEqual({ what: 'delayed', at: 9, line: '4.4.1' });
  });

  test('what is said of a copy that has stood, or that it is delayed when it has failed, says nothing', () => {
    const said = (what: 'failed' | 'delayed', of: Partial<Parameters<typeof eventOfBounce>[0]>, at: number) =>
      eventOfBounce({ ...copy, ...of }, { what, words: '5.1.1' }, at)?.what ?? null;
    expect([6 * DAY + 1, 6 * DAY + 2].map((at) => said('failed', {}, at))).toEqual(['hard', null]);
    expect([6 * DAY + 1, 6 * DAY + 2].map((at) => said('delayed', {}, at))).toEqual(['delayed', null]);
    expect(said('delayed', { state: 'failed' }, 9)).toBeNull();
  });
});
