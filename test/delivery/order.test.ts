import { beforeEach, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { sendNotice } from '../../src/cases/notices.ts';
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { dropCopy } from '../../src/delivery/by-hand.ts';
import { behindOlder, isOvertaken } from '../../src/delivery/order.ts';
import { approve } from '../../src/embargo/approve.ts';
import { decideLeak, leak, withdraw } from '../../src/embargo/aside.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { release } from '../../src/embargo/release.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { when } from '../../src/notices/templates.ts';
import { destination } from '../../src/post/destination.ts';
import { letReporterHave } from '../../src/post/reporter.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import { ofCopy as attemptsOf } from '../../src/store/attempts.ts';
import { byId as postById } from '../../src/store/posts.ts';
import type { DeliveryState } from '../../src/store/schema.ts';
import { actor, arm, armed, KNOWN, PATCH, PUBLIC } from '../embargo/armed.ts';
import { memberOf } from '../embargo/limited.ts';
import { listCertificate } from '../post/arrive.ts';
import { sealedReport } from '../post/sealed-report.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { OPTIONS, outbox, silent } from './outbox.ts';

const build = housing();

test('what says when a case will be public holds until it is, or is set aside', () => {
  const about = { state: 'armed', aside: null, told_until: 5 } as const;
  const kinds = ['dispatch', 'notice', 'prenotice', 'leaked', 'withdrawn', 'lifted', 'post', 'alert'] as const;
  const overtaken = (place: number, what: object) => kinds.filter((kind) => isOvertaken({ kind, place }, { ...about, ...what }));
  const until = ['dispatch', 'notice', 'prenotice', 'leaked'];
  expect(overtaken(5, {})).toEqual([]);
  for (const what of [{ state: 'released' }, { aside: 'withdrawn' }, { aside: 'rejected' }]) {
    expect(overtaken(5, what)).toEqual(until);
    expect(overtaken(6, what)).toEqual([]);
  }
  expect(overtaken(5, { aside: 'leaked' })).toEqual([]);
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

  /** From now on the relay puts off what is large and for that address, and takes all else, until what this gives is called. */
  const scanning = (address: string) => {
    let scans = true;
    box.answers = ({ to, raw }) =>
      to === address && scans && raw.length > 20_000
        ? { state: 'deferred', reason: 'try-later', response: '451 4.7.1 scanner timed out' }
        : { state: 'delivered', response: '250 2.0.0 taken' };
    return () => {
      scans = false;
    };
  };
  const LARGE = 'larger\n'.repeat(5000);

  /** Other patches, approved and dispatched. */
  const revise = async (id: string, words: string) => {
    await addPatch(house, id, { name: PATCH.name, bytes: Buffer.from(`--- a/x\n+++ b/x\n${words}`), replace: true });
    const hash = (await presentPatchSet(house.db, id)) ?? '';
    for (const one of house.team.slice(0, 2)) await approve(house, id, hash, await actor(house, one));
    await dispatch(house, id, LISTS.distributors);
  };

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

  /** Beta's copies that are in that state, oldest first. */
  const ofBeta = (state: DeliveryState) =>
    house.db
      .selectFrom('deliveries')
      .selectAll()
      .where('address', '=', house.members[1].address)
      .where('state', '=', state)
      .orderBy('id')
      .execute();

  test('an older word that was put off goes first, as soon as the relay takes it, and what waits for it soon after', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    // Nothing waits for longer than a quarter of an hour.
    until = house.clock.now() + 60 * MINUTE;
    await dispatch(house, id, LISTS.distributors);
    expect(await toBeta(50 * MINUTE, MINUTE)).toEqual([]);
    const Y = X + 5 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    expect(await toBeta(8 * MINUTE, MINUTE)).toEqual([]);
    const Z = X + 7 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Z }));
    const got = await toBeta(2 * HOUR, MINUTE / 2, { X, Y, Z });
    expect(got).toEqual([
      // It says itself what stands by then.
      expect.stringMatching(/EMBARGOED.* X Z$/),
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

  /** What the reporter gets in that time. */
  async function toReporter(rita: Party, time: number, step: number, instants: Record<string, number>): Promise<string[]> {
    const got: string[] = [];
    for (const end = house.clock.now() + time; house.clock.now() < end; house.clock.moveTo(house.clock.now() + step))
      for (const { to, raw } of await box.drain()) {
        if (to !== rita.address) continue;
        const by = listCertificate(house, LISTS.security);
        const text = (await openCopy(raw, rita, by, house.clock.now())).entity.toString();
        got.push(
          Object.entries(instants)
            .flatMap(([name, instant]) => (text.includes(when(instant)) ? [name] : []))
            .join(' '),
        );
      }
    return got;
  }

  test.each(['moved', 'withdrawn'])('a reporter, too, reads last what stands: %s', async (what) => {
    const rita = await makeParty('rita@example.org');
    const { id } = await armed(house, X, await sealedReport(house, rita));
    await box.drain();
    until = house.clock.now() + 25 * MINUTE;
    box.answers = ({ to }) =>
      to === rita.address && house.clock.now() < until
        ? { state: 'deferred', reason: 'try-later', response: '451 later' }
        : { state: 'delivered', response: '250 2.0.0 taken' };
    await sendNotice(as(house, house.team[0]), id, 'status', { text: null, list: null });
    const Y = X + 4 * HOUR;
    expect(await toReporter(rita, 20 * MINUTE, MINUTE, { X, Y })).toEqual([]);
    if (what === 'withdrawn') await withdraw(house, id, 'None of it is so.');
    else await arm(house, await schedule(house, id, { releaseAt: Y }));
    expect(await toReporter(rita, 2 * HOUR, MINUTE / 2, { X, Y })).toEqual(what === 'withdrawn' ? [''] : ['X', 'X Y']);
  });

  test('after the relay was away for an hour, a reporter and a contact read one word right after the other, and no word more', async () => {
    const rita = await makeParty('rita@example.org');
    const { id } = await armed(house, X, await sealedReport(house, rita));
    await box.drain();
    const [Y, Z] = [X + 4 * HOUR, X + 6 * HOUR];
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    until = house.clock.now() + HOUR;
    box.answers = () =>
      house.clock.now() < until
        ? { state: 'deferred', reason: 'relay-unreachable', response: '' }
        : { state: 'delivered', response: '250 2.0.0 taken' };
    await sendNotice(as(house, house.team[0]), id, 'status', { text: null, list: null });
    for (const [releaseAt, at] of [
      [Y, 0],
      [Z, MINUTE],
    ] as const) {
      house.clock.moveTo(house.clock.now() + at);
      await arm(house, await schedule(house, id, { releaseAt }));
      await box.drain();
    }
    const read: { to: string; words: string; at: number }[] = [];
    for (const end = house.clock.now() + 8 * HOUR; house.clock.now() < end; house.clock.moveTo(house.clock.now() + MINUTE / 2)) {
      await tellLetIn(house, silent);
      for (const { to, raw, from } of await box.drain()) {
        const [who, list] = to === rita.address ? [rita, LISTS.security] : [house.members[1], LISTS.distributors];
        if (to !== who.address || !from?.startsWith(list.split('@')[0] ?? '')) continue;
        const text = (await openCopy(raw, who, listCertificate(house, list), house.clock.now())).entity.toString();
        const words = Object.entries({ X, Y, Z }).flatMap(([name, instant]) => (text.includes(when(instant)) ? [name] : []));
        read.push({ to, words: words.join(' '), at: house.clock.now() });
      }
    }
    const byRita = read.filter(({ to }) => to === rita.address);
    expect(byRita.map(({ words }) => words)).toEqual(['X', 'X Y', 'Y Z']);
    const byBeta = read.filter(({ to }) => to !== rita.address);
    expect(byBeta.map(({ words }) => words)).toEqual(['X Y', 'Y Z']);
    for (const reader of [byRita, byBeta])
      expect((reader.at(-1)?.at ?? Infinity) - (reader[0]?.at ?? 0)).toBeLessThanOrEqual(MINUTE);
    const told = house.db.selectFrom('audit').select('subject').where('action', '=', 'case.let-in');
    expect(await told.execute()).toEqual([]);
  });

  test('what waits for an older word is not tried: its own patience, and how soon it is tried again, begin when it goes', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    until = house.clock.now() + HOUR;
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    house.clock.moveTo(house.clock.now() + MINUTE);
    await arm(house, await schedule(house, id, { releaseAt: X + HOUR }));
    expect(await toBeta(14 * MINUTE, MINUTE / 2)).toEqual([]);
    const waiting = (await ofBeta('deferred')).find(({ reason }) => reason === 'behind-older');
    expect(waiting).toMatchObject({ attempts: 0, tried_at: null });
    expect(await attemptsOf(house.db, waiting?.id ?? '')).toEqual([]);
  });

  test('an older word that the relay never takes does not come to a reporter after the later one', async () => {
    const rita = await makeParty('rita@example.org');
    const { id } = await armed(house, X, await sealedReport(house, rita));
    await box.drain();
    const letThrough = scanning(rita.address);
    await sendNotice(as(house, house.team[0]), id, 'status', { text: 'A long word.\n'.repeat(3000), list: null });
    const Y = X + 4 * HOUR;
    expect(await toReporter(rita, MINUTE, SECOND, { X, Y })).toEqual([]);
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    expect(await toReporter(rita, 14 * MINUTE, SECOND, { X, Y })).toEqual([]);
    expect(await toReporter(rita, 2 * MINUTE, SECOND, { X, Y })).toEqual(['X Y']);
    letThrough();
    expect(await toReporter(rita, 2 * HOUR, MINUTE, { X, Y })).toEqual([]);
    const failed = house.db.selectFrom('deliveries').select(['address', 'reason']).where('state', '=', 'failed');
    expect(await failed.execute()).toEqual([{ address: rita.address, reason: 'passed' }]);
  });

  test('several words wait for one that the relay never takes, and go in their order; it is tried a few times, and not each second', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    house.clock.moveTo(house.clock.now() + SECOND);
    scanning(house.members[1].address);
    await revise(id, LARGE);
    const instants = { X, Y: X + 2 * HOUR, Z: X + 4 * HOUR };
    for (const releaseAt of [instants.Y, instants.Z]) {
      await arm(house, await schedule(house, id, { releaseAt }));
      expect(await toBeta(MINUTE, SECOND, instants)).toEqual([]);
    }
    expect(await toBeta(12 * MINUTE, SECOND, instants)).toEqual([]);
    const got = await toBeta(4 * MINUTE, SECOND, instants);
    expect(got).toEqual([expect.stringMatching(/ X Y$/), expect.stringMatching(/ Y Z$/)]);
    const [first, ...more] = await ofBeta('deferred');
    expect(more).toEqual([]);
    expect(first?.attempts).toBeLessThan(20);
  });

  test('whoever waits behind one that waits does not have tried again what was put off just now, or that one would never see it', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    until = Number.POSITIVE_INFINITY;
    await dispatch(house, id, LISTS.distributors);
    for (const more of [HOUR, 2 * HOUR]) {
      house.clock.moveTo(house.clock.now() + SECOND);
      await arm(house, await schedule(house, id, { releaseAt: X + more }));
      await box.drain();
    }
    house.clock.moveTo(house.clock.now() + HOUR);
    const [first] = await ofBeta('deferred');
    await house.db
      .updateTable('deliveries')
      .set({ due_at: house.clock.now() + HOUR })
      .where('id', '=', first?.id ?? '')
      .execute();
    await house.db
      .updateTable('delivery_attempts')
      .set({ at: house.clock.now() - SECOND })
      .execute();
    const looks = async (which: 1 | 2) => {
      const copy = (await ofBeta('deferred'))[which];
      const post = copy && (await postById(house.db, copy.post_id));
      if (!post) throw new Error('there are not three copies');
      const { until, passing } = await behindOlder(house, post, [copy]);
      return passing.has(copy.id) ? 'goes' : (until.get(copy.id) ?? 0) - house.clock.now();
    };
    expect((await ofBeta('deferred')).map(({ reason }) => reason)).toEqual(['try-later', 'behind-older', 'behind-older']);
    expect(await looks(2)).toBe(SECOND);
    expect(await looks(1)).toBe('goes');
  });

  test('nobody waits for good for a mail that the relay never takes: he is told in a quarter of an hour, and again after it', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    house.clock.moveTo(house.clock.now() + SECOND);
    const letThrough = scanning(house.members[1].address);
    await revise(id, LARGE);
    expect(await toBeta(MINUTE, SECOND)).toEqual([]);
    const Y = X + 5 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    expect(await toBeta(14 * MINUTE, SECOND, { X, Y })).toEqual([]);
    expect(await toBeta(20 * MINUTE, SECOND, { X, Y })).toEqual([expect.stringMatching(/another instant X Y$/)]);
    // When it is let through after all it says itself what stands, and he is told once more.
    letThrough();
    await house.db.updateTable('deliveries').set({ due_at: 0 }).where('state', '=', 'deferred').execute();
    expect(await toBeta(SECOND, SECOND, { X, Y })).toEqual([expect.stringMatching(/EMBARGOED.* X Y$/)]);
    await tellLetIn(house, silent);
    expect(await toBeta(SECOND, SECOND, { X, Y })).toEqual([expect.stringMatching(/ Y$/)]);
  });

  test('older patches that the relay never took do not come after the newer ones', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    const letThrough = scanning(house.members[1].address);
    await revise(id, LARGE);
    expect(await toBeta(MINUTE, SECOND)).toEqual([]);
    await revise(id, 'smaller\n');
    expect(await toBeta(20 * MINUTE, SECOND)).toEqual([expect.stringContaining('Revision')]);
    letThrough();
    await tellLetIn(house, silent);
    const after = await toBeta(2 * HOUR, MINUTE);
    expect(after.filter((subject) => subject.includes('EMBARGOED'))).toEqual([]);
    const failed = house.db.selectFrom('deliveries').select(['address', 'reason']).where('state', '=', 'failed');
    expect(await failed.execute()).toEqual([{ address: house.members[1].address, reason: 'superseded' }]);
  });

  test('who may know of a case again hears in a quarter of an hour how it stands, also where the relay never takes what he lacks', async () => {
    const [alpha, beta] = house.members;
    const { id } = await armed(house, X);
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    await limitCase(house, id, { groups: [], members: [await memberOf(house, alpha)] });
    await revise(id, LARGE);
    const Y = X + 5 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    await box.drain();
    const letThrough = scanning(beta.address);
    await limitCase(house, id, null);
    const minutes = async (count: number) => {
      const got: string[] = [];
      for (let minute = 0; minute < count; minute++) {
        await tellLetIn(house, silent);
        got.push(...(await toBeta(MINUTE, 20 * SECOND, { X, Y })));
      }
      return got;
    };
    expect(await minutes(14)).toEqual([]);
    expect(await minutes(3)).toEqual([expect.stringMatching(/You have it again Y$/)]);
    letThrough();
    await house.db.updateTable('deliveries').set({ due_at: 0 }).where('state', '=', 'deferred').execute();
    expect(await minutes(5)).toEqual([expect.stringContaining('EMBARGOED'), expect.stringMatching(/You have it again Y$/)]);
  });

  test('newer patches go out also where the clock was ahead when the older ones did', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    house.clock.moveTo(house.clock.now() + 3 * HOUR);
    await dispatch(house, id, LISTS.distributors);
    expect(await toBeta(SECOND, SECOND)).toHaveLength(1);
    house.clock.jumpTo(house.clock.now() - 2 * HOUR);
    await revise(id, 'newer\n');
    expect(await toBeta(SECOND, SECOND)).toEqual([expect.stringContaining('Revision 2')]);
  });

  test('what waited for the certificate of a reporter goes to him in the order in which it was written', async () => {
    const id = await house.report({}, 'rita@example.org');
    const rita = await makeParty('rita@example.org');
    const instants: Record<string, number> = { 0: X };
    await armed(house, X, id);
    await sendNotice(as(house, house.team[0]), id, 'status', { text: null, list: null });
    for (let n = 1; n < 6; n++) {
      instants[n] = X + n * HOUR;
      await arm(house, await schedule(house, id, { releaseAt: X + n * HOUR }));
    }
    await box.drain();
    const certificate = await house.pgp.readCertificate(rita.public);
    const { list } = await destination(house.db, house.identity.domain, LISTS.security);
    await house.db.transaction().execute(async (trx) => {
      const certificateId = await keepStranger(trx, house, certificate);
      await letReporterHave(trx, house, { case_id: id, list }, { audience: 'reporter', address: rita.address, certificateId });
    });
    const read = await toReporter(rita, 3 * SECOND, SECOND, instants);
    expect(read.map((named) => named.split(' ').at(-1))).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test('what waited for a copy that failed, or was dropped, goes at once', async () => {
    const { id } = await armed(house, X);
    await box.drain();
    until = house.clock.now() + HOUR;
    await dispatch(house, id, LISTS.distributors);
    await box.drain();
    house.clock.moveTo(house.clock.now() + SECOND);
    await arm(house, await schedule(house, id, { releaseAt: X + HOUR }));
    expect(await toBeta(5 * SECOND, SECOND)).toEqual([]);
    until = 0;
    const { id: copy } = await house.db
      .selectFrom('deliveries')
      .innerJoin('posts', 'posts.id', 'deliveries.post_id')
      .select('deliveries.id')
      .where('posts.kind', '=', 'dispatch')
      .where('deliveries.state', '=', 'deferred')
      .executeTakeFirstOrThrow();
    await dropCopy(as(house, house.team[0]), copy, 'It is too large for him.');
    expect(await toBeta(SECOND, SECOND)).toHaveLength(1);
  });
});
