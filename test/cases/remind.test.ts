import { describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { askToLead, claim, staff } from '../../src/cases/people.ts';
import { everybodyFor, remind } from '../../src/cases/remind.ts';
import { overdueSince, owed, pageOf } from '../../src/cases/reminders.ts';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/clock.ts';
import { reopen } from '../../src/embargo/aside.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import type { Seams } from '../../src/seams.ts';
import type { Case } from '../../src/store/schema.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { caseOf, scheduled } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing } from '../support/house.ts';
import { openCopy } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  /** Under a policy with an acknowledgement within 24 hours and 21 days from the report. */
  const open = async () => {
    const opened = await engine.open();
    const house = await build(opened.db);
    return { opened, house: { ...house, project: { ...house.project, usual: ['k8s-2017'] } } };
  };
  /** Who is mailed, once the duty has run at that instant. */
  const at = async (house: House, instant: Instant, seams: Seams = house) => {
    house.clock.moveTo(instant);
    await remind(seams, silent);
    return (await outbox(house).drain()).map(({ to }) => to.split('@')[0]).sort();
  };
  const told = async ({ db }: House) =>
    (await db.selectFrom('reminders').select(['what', 'level']).orderBy('level').orderBy('what').execute()).map(
      ({ what, level }) => `${what} ${level}`,
    );

  test('who owes something is reminded once before, at and after the deadline: the team, the lead and his deputy, the admins', async () => {
    const { house } = await open();
    const [lena, dirk, ada] = house.team;
    const id = await house.report();
    const { received_at: start } = await caseOf(house, id);
    await outbox(house).drain();
    await house.token('admin', ada.address);
    expect(await at(house, start + 17 * HOUR)).toEqual([]);
    expect(await at(house, start + 18 * HOUR)).toEqual(['ada', 'dirk', 'lena']);
    expect(await at(house, start + 18 * HOUR + MINUTE)).toEqual([]);
    await claim(as(house, lena), id, { deputy: dirk.contactId });
    expect(await at(house, start + DAY - 1)).toEqual([]);
    expect(await at(house, start + DAY)).toEqual(['dirk', 'lena']);
    expect(await at(house, start + DAY + 2 * HOUR)).toEqual(['ada', 'dirk', 'lena']);
    expect(await at(house, start + DAY + 3 * HOUR)).toEqual([]);
    expect(await told(house)).toEqual(['acknowledge 0', 'lead 0', 'acknowledge 1', 'acknowledge 2']);
    const actions = await house.db.selectFrom('audit').select('action').where('action', '=', 'case.remind').execute();
    expect(actions).toHaveLength(3);
  });

  test('what nobody leads is said again and again, and so is what its lead has set no date for, also under no policy', async () => {
    const { house: under } = await open();
    const house = { ...under, project: { ...under.project, usual: [] } };
    const [lena] = house.team;
    const id = await house.report();
    const { received_at: start } = await caseOf(house, id);
    await outbox(house).drain();
    const everybody = ['ada', 'dirk', 'lena'];
    const late = start + DAY + 2 * HOUR;
    for (const days of [0, 3, 70]) {
      expect(await at(house, late + days * DAY)).toEqual(everybody);
      expect(await at(house, late + days * DAY + 23 * HOUR)).toEqual([]);
    }
    await sendNotice(as(house, lena), id, 'not-a-vulnerability', { text: 'no', list: null });
    await outbox(house).drain();
    expect(await at(house, start + 90 * DAY)).toEqual([]);
    await reopen(as(house, lena), id, 'She sent an exploit.');
    await outbox(house).drain();
    for (const days of [1, 30]) expect(await at(house, start + (90 + days) * DAY)).toEqual(everybody);
    await claim(as(house, lena), id, {});
    const led = house.clock.now();
    expect(await at(house, led + 5 * DAY)).toEqual([]);
    expect(await at(house, led + 6 * DAY)).toEqual(['lena']);
    for (const days of [7, 8, 80]) expect(await at(house, led + days * DAY + 2 * HOUR)).toEqual(everybody);
    await schedule(as(house, lena), id, { releaseAt: led + 200 * DAY });
    expect(await at(house, led + 120 * DAY)).toEqual([]);
  });

  test('two nodes remind once, and one that was down says the latest alone, with what is due', async () => {
    const { house, opened } = await open();
    const id = await house.report();
    const { received_at: start } = await caseOf(house, id);
    await outbox(house).drain();
    house.clock.moveTo(start + DAY + HOUR);
    const other = opened.elsewhere();
    const both = await Promise.all([remind(house, silent), remind({ ...house, db: other }, silent)]);
    expect(both.filter(Boolean)).toHaveLength(1);
    const [lena] = house.team;
    const sent = await outbox(house).drain();
    expect(sent).toHaveLength(3);
    const toLena = sent.find(({ to }) => to === lena.address)?.raw ?? Buffer.alloc(0);
    const { entity } = await openCopy(toLena, lena, undefined, house.clock.now());
    expect(entity.toString()).toMatch(/DUE NOW: lead, acknowledge[\s\S]*curfew case lead ORBIT/);
    expect(await told(house)).toEqual(['acknowledge 1', 'lead 1']);
  });

  test('who is asked to take a case over is reminded with its lead, and others of a staffed case are not', async () => {
    const { house } = await open();
    const [lena, dirk] = house.team;
    const id = await house.report();
    await claim(as(house, lena), id, {});
    await house.db.updateTable('cases').set({ acknowledged_at: 1, forthcoming_at: 1 }).execute();
    await staff(as(house, lena), id, [lena.contactId]);
    await askToLead(as(house, lena), id, dirk.contactId);
    const start = house.clock.now();
    await outbox(house).drain();
    expect(await at(house, start + 18 * HOUR)).toEqual(['dirk', 'lena']);
    // Nobody has a token of an admin: those who handle the case are told instead.
    expect(await at(house, start + 26 * HOUR)).toEqual(['dirk', 'lena']);
  });

  test('a lead who is silent, without a deputy and an admin, is not the only one who is told so', async () => {
    const { house } = await open();
    const [lena, dirk, ada] = house.team;
    await house.token('admin');
    await house.token('admin', lena.address);
    const id = await house.report();
    const { received_at: start } = await caseOf(house, id);
    await claim(as(house, lena), id, {});
    await outbox(house).drain();
    expect(await at(house, start + 18 * HOUR)).toEqual(['lena']);
    expect(await at(house, start + DAY)).toEqual(['ada', 'dirk', 'lena']);
    await staff(as(house, lena), id, [dirk.contactId]);
    expect(await at(house, start + DAY + 2 * HOUR)).toEqual(['dirk', 'lena']);
    await staff(as(house, lena), id, [lena.contactId]);
    await house.db.deleteFrom('reminders').where('level', '=', 2).execute();
    expect(await at(house, start + DAY + 2 * HOUR)).toEqual(['ada', 'dirk', 'lena']);
    const pagedOf = async () => (await everybodyFor(house.db, house, await caseOf(house, id))).map(({ address }) => address);
    await house.db.updateTable('tokens').set({ revoked_at: 1 }).execute();
    expect(await pagedOf()).toHaveLength(3);
    await house.token('admin', ada.address);
    expect(await pagedOf()).toHaveLength(2);
    await house.db.deleteFrom('reminders').where('level', '=', 2).execute();
    expect(await at(house, start + DAY + 2 * HOUR)).toEqual(['ada', 'lena']);
  });

  test('a case under a policy that is gone keeps nobody from being reminded of another', async () => {
    const { house } = await open();
    const lost = await house.report();
    await house.db.updateTable('cases').set({ policies: 'gone' }).where('id', '=', lost).execute();
    const id = await house.report({}, 'ron@example.org');
    await outbox(house).drain();
    const { received_at: start } = await caseOf(house, id);
    expect(await at(house, start + 18 * HOUR)).toEqual(['ada', 'dirk', 'lena']);
  });

  test('a text that is not approved is reminded of a day and two hours before its instant', async () => {
    const { house } = await open();
    const about = await scheduled({ ...house, project: { ...house.project, usual: [] } }, house.clock.now() + 3 * DAY);
    const instant = about.release_at ?? 0;
    await house.db.updateTable('cases').set({ acknowledged_at: 1, lead_id: house.team[0].contactId, noticed_at: 1 }).execute();
    await outbox(house).drain();
    expect(await at(house, instant - DAY - 1)).toEqual([]);
    expect(await at(house, instant - DAY)).toEqual(['lena']);
    expect(await at(house, instant - 2 * HOUR)).toEqual(['ada', 'dirk', 'lena']);
    expect(await told(house)).toEqual(['approve 0', 'approve 1']);
  });
});

describe('what is owed', () => {
  const received = {
    ...{ state: 'received', received_at: 0, closed_at: null, aside: null, lead_id: null, handover_id: null },
    ...{ release_at: null, told_release_at: null, reporter_release_at: null, disarmed_at: null, reopened_at: null, led_at: null },
    ...{ proposal: null, proposed_at: null, agreed_release_at: null, forthcoming_at: null, forthcoming_release_at: null },
  } as Case;
  const kinds = (about: Partial<Case>, now: Instant) =>
    owed({ ...received, ...about }, {}, now).map(({ what, level }) => `${what} ${level}`);

  test('of a case that is rejected or closed is nothing', () => {
    expect(kinds({}, 2 * DAY)).toContain('lead 2');
    expect(kinds({ aside: 'rejected' }, 2 * DAY)).toEqual([]);
    expect(kinds({ closed_at: 1 }, 2 * DAY)).toEqual([]);
  });

  test('of one that was armed is its approval, also where it has leaked, and not where it is withdrawn', () => {
    const disarmed = { state: 'scheduled', release_at: DAY * 9, disarmed_at: 0 } as const;
    for (const aside of [null, 'leaked'] as const) expect(kinds({ ...disarmed, aside }, 0)).toContain('disarmed 1');
    expect(kinds({ ...disarmed, aside: 'withdrawn' }, 0)).not.toContain('disarmed 1');
  });

  test('after the release is the retrospective, from a day on, and overdue after three', () => {
    const released = { state: 'released', released_at: 0, retrospective_at: null } as const;
    expect([0, 1, 3, 4].map((days) => kinds(released, days * DAY))).toEqual([
      [],
      ['retrospective 0'],
      ['retrospective 1'],
      ['retrospective 2'],
    ]);
    expect(kinds({ ...released, retrospective_at: 1 }, 4 * DAY)).toEqual([]);
  });

  test('of a leak is a decision within two hours, and no notice that would come before the release', () => {
    const leaked = {
      aside: 'leaked',
      aside_at: DAY,
      leak_decided_at: null,
      lead_id: 'l',
      acknowledged_at: 1,
      noticed_at: null,
    } as const;
    const notice = { notice: { at: DAY, policy: 'p' } };
    const all = (aside: Case['aside']) => owed({ ...received, ...leaked, aside }, notice, 26 * HOUR).map(({ what }) => what);
    expect(all('leaked')).toEqual(['leak']);
    expect(owed({ ...received, ...leaked, leak_decided_at: DAY }, notice, 26 * HOUR)).toEqual([]);
    expect(all(null)).toEqual(['notice']);
  });
});

describe('what is overdue', () => {
  const about = { state: 'scheduled', closed_at: null, aside: null, release_at: 10 * DAY, accepted_at: 1 } as Case;
  const due = { release: { at: 5 * DAY, policy: 'p' } };

  test.each<[string, Partial<Case>, number | null]>([
    ['is so by the longest embargo where that ends first', {}, 5 * DAY],
    ['is so also where nobody has accepted the report', { accepted_at: null }, 5 * DAY],
    ['is so also where nobody has accepted it and it has no instant', { accepted_at: null, release_at: null }, 5 * DAY],
    ['is so of a withdrawn one by the instant of its note alone', { aside: 'withdrawn', release_at: 8 * DAY }, 8 * DAY],
    ['is not what is released', { state: 'released' }, null],
    ['is not what is rejected', { aside: 'rejected' }, null],
  ])('%s', (_, change, since) => {
    expect(overdueSince({ ...about, ...change }, due, 11 * DAY)).toBe(since);
    expect(overdueSince({ ...about, ...change }, due, 5 * DAY - 1)).toBe(null);
  });

  test('is said at once, then after 15 and 30 minutes, twice as long each time, and each day at last', () => {
    const pages = [0, 14, 15, 45, 105].map((minutes) => pageOf(DAY, DAY + minutes * MINUTE).page);
    expect(pages).toEqual([0, 0, 1, 2, 3]);
    const { page, nextAt } = pageOf(0, 30 * DAY);
    expect(nextAt - 30 * DAY).toBeLessThanOrEqual(DAY);
    expect(pageOf(0, nextAt)).toEqual({ page: page + 1, nextAt: nextAt + DAY });
  });
});
