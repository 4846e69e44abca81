import { beforeEach, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { isOvertaken } from '../../src/delivery/order.ts';
import { decideLeak, leak, withdraw } from '../../src/embargo/aside.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { when } from '../../src/notices/templates.ts';
import { arm, armed, KNOWN, PATCH, PUBLIC } from '../embargo/armed.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { OPTIONS, outbox } from './outbox.ts';

const build = housing();

test('what says when a case will be public holds until it is, or is set aside', () => {
  const about = { state: 'armed', released_at: null, aside: null, aside_at: null } as const;
  const kinds = ['dispatch', 'notice', 'prenotice', 'leaked', 'withdrawn', 'lifted', 'post', 'alert'] as const;
  const overtaken = (at: number, what: object) =>
    kinds.filter((kind) => isOvertaken({ kind, received_at: at }, { ...about, ...what }));
  const until = ['dispatch', 'notice', 'prenotice', 'leaked'];
  expect(overtaken(5, {})).toEqual([]);
  expect(overtaken(5, { state: 'released', released_at: 6 })).toEqual(until);
  expect(overtaken(6, { state: 'released', released_at: 6 })).toEqual([]);
  for (const aside of ['withdrawn', 'rejected']) {
    expect(overtaken(5, { aside, aside_at: 6 })).toEqual(until);
    expect(overtaken(6, { aside, aside_at: 6 })).toEqual([]);
  }
  expect(overtaken(5, { aside: 'leaked', aside_at: 6 })).toEqual([]);
});

eachEngine((engine) => {
  let house: House;
  let box: ReturnType<typeof outbox>;
  let until: number;
  let X: number;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    box = outbox(house, { ...OPTIONS, giveUp: 5 * 86400 });
    X = house.clock.now() + 10 * HOUR;
    until = 0;
    box.answers = ({ to }) =>
      to === house.members[1].address && house.clock.now() < until
        ? { state: 'deferred', reason: 'try-later', response: '451 later' }
        : { state: 'delivered', response: '250 2.0.0 taken' };
  });

  /** What Beta gets in that time, a mail each: its subject, and the instants among these that it names. */
  async function toBeta(time: number, step: number, instants: Record<string, number> = {}): Promise<string[]> {
    const [, beta] = house.members;
    const got: string[] = [];
    for (const end = house.clock.now() + time; house.clock.now() < end; house.clock.moveTo(house.clock.now() + step))
      for (const { to, from, raw } of await box.drain()) {
        if (to !== beta.address) continue;
        const through = from?.startsWith('distributors') ? LISTS.distributors : LISTS.security;
        const text = (await openCopy(raw, beta, listCertificate(house, through), house.clock.now())).entity.toString();
        const subject = /^Subject: (.*(?:\r\n .*)*)/m.exec(text)?.[1]?.replaceAll(/\r\n/g, '') ?? '';
        const named = Object.entries(instants).flatMap(([name, instant]) => (text.includes(when(instant)) ? [name] : []));
        got.push([subject, ...named].join(' '));
      }
    return got;
  }

  test('an older word that was put off goes first, as soon as the relay takes it, and what waits for it soon after', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    until = house.clock.now() + 100 * MINUTE;
    await dispatch(house, id, LISTS.distributors);
    expect(await toBeta(50 * MINUTE, MINUTE)).toEqual([]);
    const Y = X + 5 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    expect(await toBeta(40 * MINUTE, MINUTE)).toEqual([]);
    const Z = X + 7 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Z }));
    const got = await toBeta(2 * HOUR, MINUTE / 2, { X, Y, Z });
    expect(got).toEqual([
      expect.stringMatching(/EMBARGOED.* X$/),
      expect.stringMatching(/ X Y$/),
      expect.stringMatching(/ Y Z$/),
    ]);
    const copies = house.db.selectFrom('deliveries').select(['reason', 'state']).where('address', '=', house.members[1].address);
    expect(new Set((await copies.execute()).map(({ state }) => state))).toEqual(new Set(['delivered']));
  });

  test('what is told sooner than a dispatch that waits is not read before it', async () => {
    const id = await house.report({ text: 'another\n' });
    await describeCase(house, id, KNOWN);
    await addPatch(house, id, PATCH);
    await leak(house, id, 'seen');
    house.clock.moveTo(house.clock.now() + MINUTE);
    await arm(house, await schedule(house, id, { releaseAt: X, ...PUBLIC }));
    await box.drain();
    until = house.clock.now() + SECOND;
    await dispatch(house, id, LISTS.distributors);
    expect(await toBeta(SECOND, SECOND)).toEqual([]);
    await decideLeak(house, id, { decision: 'keep', reason: 'other' });
    const [first, second, ...more] = await toBeta(MINUTE, SECOND);
    expect(first).toContain('EMBARGOED');
    expect(second).not.toContain('EMBARGOED');
    expect(more).toEqual([]);
  });

  test('nobody waits for what was put off longer than it takes to be tried: it is tried at once', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    await dispatch(house, id, LISTS.distributors);
    house.clock.moveTo(house.clock.now() + SECOND);
    const later = { state: 'deferred', reason: 'try-later', attempts: 9, due_at: house.clock.now() + 4 * HOUR } as const;
    await house.db.updateTable('deliveries').set(later).where('address', '=', house.members[1].address).execute();
    await arm(house, await schedule(house, id, { releaseAt: X + HOUR }));
    expect(await toBeta(3 * SECOND, SECOND)).toHaveLength(2);
  });

  test('a dispatch of a case that was withdrawn or released meanwhile goes to nobody, and what follows it does not wait', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    until = house.clock.now() + SECOND;
    await dispatch(house, id, LISTS.distributors);
    await toBeta(SECOND, SECOND);
    await withdraw(house, id, 'None');
    const got = await toBeta(2 * HOUR, MINUTE);
    expect(got).toHaveLength(1);
    expect(got[0]).not.toContain('EMBARGOED');
    const other = await armed(house, house.clock.now() + 10 * HOUR);
    await box.drain();
    until = house.clock.now() + 20 * HOUR;
    await dispatch(house, other.id, LISTS.distributors);
    await toBeta(SECOND, SECOND);
    house.clock.moveTo(other.release_at ?? 0);
    await release(house, other.id);
    until = 0;
    const lifted = await toBeta(5 * HOUR, 10 * MINUTE);
    expect(lifted.filter((subject) => subject.includes('EMBARGOED'))).toEqual([]);
    expect(lifted.length).toBeGreaterThan(0);
    const ended = house.db.selectFrom('deliveries').select(['case_id', 'reason']).where('state', '=', 'failed').orderBy('id');
    expect(await ended.execute()).toEqual([
      { case_id: id, reason: 'overtaken' },
      { case_id: other.id, reason: 'overtaken' },
    ]);
  });
});
