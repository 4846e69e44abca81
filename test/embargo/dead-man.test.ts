import { describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { claim, staff } from '../../src/cases/people.ts';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { reopen } from '../../src/embargo/aside.ts';
import { openClock } from '../../src/embargo/clock-watch.ts';
import { endLongest, pageOverdue } from '../../src/embargo/dead-man.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { minimalGate } from '../../src/embargo/gate.ts';
import { presets } from '../../src/embargo/presets.ts';
import { release } from '../../src/embargo/release.ts';
import { retract } from '../../src/embargo/retract.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import type { Project, Seams } from '../../src/seams.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { unguarded } from '../support/unguarded.ts';
import { actor, arm, armed, caseOf, KNOWN, OUTSIDE, PATCH, PUBLIC, READER, reasonOf, scheduled, subscribe } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  const under = (house: House, project: Partial<Project>): House => ({ ...house, project: { ...house.project, ...project } });
  const open = async () => {
    const opened = await engine.open();
    const house = under(await build(opened.db), { usual: ['k8s-2017'] });
    await subscribe(house);
    return { opened, house };
  };
  /** A case that somebody leads; `end`: of its longest embargo. */
  const accepted = async (house: House) => {
    const id = await house.report();
    const about = await claim(as(house, house.team[0]), id, {});
    await outbox(house).drain();
    return { id, end: about.received_at + 21 * DAY };
  };
  const sent = async (house: House) => outbox(house).drain();
  const publicly = (mails: readonly { to: string }[]) =>
    mails.flatMap(({ to }) => (to === READER || to === OUTSIDE ? [to] : [])).sort();
  const fire = async (house: House, instant: Instant, seams: Seams = house) => {
    house.clock.moveTo(instant);
    return endLongest(seams, silent);
  };

  test('where the longest embargo ends without an advisory the public is told that, once, and nothing of the case', async () => {
    const { house, opened } = await open();
    const { id, end } = await accepted(house);
    await house.report({}, 'ron@example.org');
    await outbox(house).drain();
    await fire(house, end - 1);
    expect(publicly(await sent(house))).toEqual([]);
    const other = opened.elsewhere();
    house.clock.moveTo(end);
    await Promise.all([endLongest(house, silent), endLongest({ ...house, db: other }, silent)]);
    const mails = await sent(house);
    // What nobody accepted may be no vulnerability: nothing is said of the other one.
    expect(publicly(mails)).toEqual([OUTSIDE, READER]);
    const text = mails.find(({ to }) => to === READER)?.raw.toString() ?? '';
    expect(text).toContain('orbit has a security issue under embargo since 2026-');
    for (const secret of [id, 'rita', 'A hole', 'It crashes', 'lena', KNOWN.cve ?? '', KNOWN.title ?? '', PATCH.name])
      expect(text).not.toContain(secret);
    // Both are overdue, and the public was told of one.
    expect(mails.filter(({ to }) => to === house.team[0].address)).toHaveLength(3);
    await fire(house, end + MINUTE);
    expect(await sent(house)).toEqual([]);
    const logged = house.db.selectFrom('audit').select('subject').where('action', '=', 'case.minimal-notice');
    expect(await logged.execute()).toEqual([{ subject: `case:${id}` }]);
  });

  test('it is told that, too, of what two people agreed on, or others were told of, though nobody leads it', async () => {
    const { house } = await open();
    const [lena, dirk] = house.team;
    const { id, received_at, release_at } = await armed(house, house.clock.now() + 10 * DAY);
    await retract(house, id);
    const planned = await house.report({ text: 'Another.\n' });
    const { schedule_hash } = await schedule(as(house, lena), planned, { releaseAt: release_at ?? 0, ...PUBLIC });
    await approve(house, planned, schedule_hash ?? '', await actor(house, dirk));
    await sent(house);
    await fire(house, received_at + 21 * DAY);
    expect(publicly(await sent(house))).toEqual([OUTSIDE, OUTSIDE, READER, READER]);
    const opened = await armed(house, house.clock.now() + 10 * DAY);
    await sendNotice(as(house, lena), opened.id, 'not-a-vulnerability', { text: 'It is meant to.', list: null });
    expect((await reopen(house, opened.id, 'It is one.')).accepted_at).toBeNull();
    await dispatch(house, opened.id, LISTS.distributors);
    expect((await caseOf(house, opened.id)).accepted_at).toBe(house.clock.now());
  });

  test('a case under a policy that is gone keeps no other from being told of', async () => {
    const { house } = await open();
    const lost = await accepted(house);
    await house.db.updateTable('cases').set({ policies: 'gone' }).where('id', '=', lost.id).execute();
    const { end } = await accepted(house);
    await fire(house, end);
    expect(publicly(await sent(house))).toEqual([OUTSIDE, READER]);
  });

  test('what is scheduled and not approved at that end is said to the public too; what is armed is released instead', async () => {
    const { house } = await open();
    const late = await accepted(house);
    await scheduled(house, late.end, late.id);
    const fine = await accepted(house);
    await arm(house, await scheduled(house, late.end, fine.id));
    await outbox(house).drain();
    await fire(house, late.end);
    const notices = await house.db.selectFrom('minimal_notices').select('case_id').execute();
    expect(notices).toEqual([{ case_id: late.id }]);
    // Whatever keeps an armed case back: ten minutes later the public is told.
    await fire(house, late.end + 10 * MINUTE);
    expect(await house.db.selectFrom('minimal_notices').select('case_id').execute()).toHaveLength(2);
  });

  test('under a policy that only pages, nothing goes to the public, and everybody is paged', async () => {
    const { house } = await open();
    const pages = { ...presets['k8s-2017'], deadMan: 'page_only' } as (typeof presets)[string];
    const strict = under(house, { policies: [{ name: 'k8s-2017', policy: pages }] });
    const { end } = await accepted(strict);
    await fire(strict, end);
    const mails = await sent(strict);
    expect(publicly(mails)).toEqual([]);
    expect(mails.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
  });

  test('a clock in doubt says nothing to the public, and neither does a copy that was queued before the doubt', async () => {
    const { house } = await open();
    const { end } = await accepted(house);
    house.clock.moveTo(end);
    const clock = await openClock(house.db, house.clock, DAY);
    house.clock.jumpTo(end + HOUR);
    const seams = { ...house, clock };
    await endLongest(seams, silent);
    expect(await house.db.selectFrom('minimal_notices').selectAll().execute()).toEqual([]);
    await outbox(house).drain();
    house.clock.jumpTo(end);
    await endLongest(seams, silent);
    house.clock.jumpTo(end + HOUR);
    expect(publicly(await outbox(seams).drain())).toEqual([]);
    house.clock.jumpTo(end);
    house.clock.moveTo(end + 2 * MINUTE);
    expect(publicly(await outbox(seams).drain())).toEqual([OUTSIDE, READER]);
  });

  test('no other octets go out as those fixed words, whatever stands in the database', async () => {
    const { house } = await open();
    const about = await armed(under(house, { usual: [] }));
    const { id, end } = await accepted(house);
    await fire(house, end);
    await unguarded(house.db, async (trx) => {
      const { content, digest } = await trx
        .selectFrom('posts')
        .select(['content', 'digest'])
        .where('id', '=', about.draft_post_id ?? '')
        .executeTakeFirstOrThrow();
      await trx.updateTable('posts').set({ content, digest }).where('kind', '=', 'minimal').where('case_id', '=', id).execute();
      await trx.updateTable('minimal_notices').set({ digest }).execute();
    });
    expect(publicly(await sent(house))).toEqual([]);
    const held = house.db.selectFrom('deliveries').select(['state', 'reason']).where('audience', '=', 'public');
    expect(await held.execute()).toEqual([
      { state: 'held', reason: 'approval-voided' },
      { state: 'held', reason: 'approval-voided' },
    ]);
  });

  test('everybody who handles an overdue case is paged at once, and again at growing intervals', async () => {
    const { house } = await open();
    const { id } = await accepted(house);
    const [lena, , ada] = house.team;
    await house.token('admin', ada.address);
    await staff(as(house, lena), id, [lena.contactId]);
    const about = await scheduled(house, house.clock.now() + DAY, id);
    await outbox(house).drain();
    const instant = about.release_at ?? 0;
    const counts = [];
    for (const minutes of [0, 1, 14, 15, 16, 44, 45]) {
      house.clock.moveTo(instant + minutes * MINUTE);
      await pageOverdue(house, await caseOf(house, id), 'Why.');
      counts.push((await sent(house)).map(({ to }) => to).sort());
    }
    const both = [ada.address, lena.address];
    expect(counts).toEqual([both, [], [], both, [], [], both]);
  });

  test('what was approved, moved to another instant and moved back is to be approved anew', async () => {
    const { house } = await open();
    const { id } = await accepted(house);
    const free = under(house, { usual: [] });
    const about = await scheduled(free, house.clock.now() + 2 * DAY, id);
    const instant = about.release_at ?? 0;
    await arm(free, about, [await actor(house, house.team[0]), await actor(house, house.team[1])]);
    await schedule(free, id, { releaseAt: instant + DAY });
    const back = await schedule(free, id, { releaseAt: instant });
    expect([back.state, back.release_at]).toEqual(['armed', instant]);
    expect(back.proposed_hash).not.toBe(about.bundle_hash);
    const taken = await retract(free, id);
    expect([about.bundle_hash, back.proposed_hash]).not.toContain(taken.bundle_hash);
    house.clock.moveTo(instant);
    expect(await reasonOf(release(free, id))).toBe('not-approved');
    await arm(free, taken, [await actor(house, house.team[0]), await actor(house, house.team[1])]);
    expect((await release(free, id)).state).toBe('released');
  });
});

describe('the gate', () => {
  const notice = { case_id: 'C', post_id: 'p', digest: 'd', not_before: 100 };
  const attempt = {
    case: { id: 'C', aside: null },
    notice,
    going: { postId: 'p', digest: 'd' },
    fixed: 'd',
    now: 100,
    doubt: null,
  };

  test.each<[string, object, string | undefined]>([
    ['lets the fixed words out when the longest embargo has ended', {}, undefined],
    ['does so not a moment before', { now: 99 }, 'not-released'],
    ['nor where the clock is in doubt', { doubt: 'clock-suspect' }, 'clock-suspect'],
    ['nor after a backup was restored', { doubt: 'restored' }, 'restored'],
    ['nor of a withdrawn case', { case: { id: 'C', aside: 'withdrawn' } }, 'withdrawn'],
    ['nor of another case', { case: { id: 'D', aside: null } }, 'not-released'],
    ['nor where nothing was written down', { notice: undefined }, 'not-released'],
    ['nor as another post', { going: { postId: 'q', digest: 'd' } }, 'not-released'],
    ['nor with other octets', { going: { postId: 'p', digest: 'e' } }, 'approval-voided'],
    ['nor with words that are not the fixed ones', { fixed: 'e' }, 'approval-voided'],
  ])('%s', (_, change, reason) => {
    const answer = minimalGate({ ...attempt, ...change });
    expect(answer.open ? undefined : answer.reason).toBe(reason);
  });
});
