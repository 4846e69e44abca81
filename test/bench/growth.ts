import { join } from 'node:path';
import { newId, SECOND, systemClock } from '../../src/clock.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import type { Instance } from '../support/instance.ts';
import { accepts } from './accept.ts';
import { fansOut } from './fan-out.ts';
import { atMost, between, interleaved, type Measurement, median, type Row, ratio, row } from './measure.ts';
import { opens } from './open.ts';
import { enrol, openProject, type Project } from './project.ts';
import { live } from './years.ts';

const FULL = {
  runs: 5,
  members: 100,
  mails: 100,
  sealed: 10,
  leases: 20,
  years: { members: 200, contacts: 1, posts: 100_000, copies: 10, cases: 5000 },
};
const QUICK = {
  runs: 1,
  members: 2,
  mails: 10,
  sealed: 1,
  leases: 2,
  years: { members: 5, contacts: 1, posts: 120, copies: 3, cases: 5 },
};
type Plan = typeof FULL;
/** So many times as long as without years may anything take. */
const SLOWER = 1.2;

/** A project after years beside one of today: how fast it takes mail, sends it to a list, and leases the copies of a mail. */
export async function growth(quick = false): Promise<Row[]> {
  const plan = quick ? QUICK : FULL;
  const [old, young] = [await openProject(), await openProject()];
  try {
    await old.house.stop();
    await live(fileOf(old), plan.years);
    await old.house.start();
    const [ofOld, ofYoung] = [await listOf(old, plan), await listOf(young, plan)];
    const beside = (what: string, unit: string, of: (project: Project, list: string) => Measurement, better?: 'more') =>
      besideToday({ what, unit, ...(better ? { better } : {}) }, plan, of(old, ofOld), of(young, ofYoung));
    const rows = [
      await beside(
        '10 KB, 10 connections, durable, right after a start',
        'mails/s',
        ({ house }) => startedAnew(house, accepts(house, plan.mails)),
        'more',
      ),
      await beside('10 KB, 10 connections, durable', 'mails/s', ({ house }) => accepts(house, plan.mails), 'more'),
      await beside('10 KB, sealed and signed, last octet to 250', 'ms', (project) => opens(project, 10_000, plan.sealed)),
      await beside(`10 KB, N = ${plan.members}`, 'ms a member', (project, list) => fansOut(project, list, plan.members, 10_000)),
    ];
    // What the servers lease themselves is not measured.
    for (const { house } of [old, young]) await house.stop();
    const open = [old, young].map((project) => openDatabase({ sqlite: fileOf(project) })) as [Database, Database];
    for (const db of open) await queue(db, plan.members);
    const [first, second] = open.map((db) => leases(db, plan)) as [Measurement, Measurement];
    rows.push(await besideToday({ what: `a lease of ${plan.members} copies`, unit: 'ms' }, plan, first, second));
    for (const db of open) await db.destroy();
    return rows;
  } finally {
    for (const project of [old, young]) await project.close();
  }
}

/** What is done once after a start, for as long as the project has been there, is done then. */
function startedAnew(house: Instance, measure: Measurement): Measurement {
  return async () => {
    await house.stop();
    await house.start();
    return measure();
  };
}

const fileOf = ({ house }: Project) => join(house.dir, 'data', 'curfew.db');

async function listOf(project: Project, { members }: Plan): Promise<string> {
  return (await enrol(project, 'x25519', [members])).get(members) ?? '';
}

async function besideToday(
  figure: Pick<Row, 'what' | 'unit'> & Partial<Pick<Row, 'better'>>,
  { runs, years }: Plan,
  curfew: Measurement,
  today: Measurement,
): Promise<Row> {
  const of = await interleaved(runs, { curfew, today });
  const many = `${years.posts} posts, ${years.posts * years.copies} deliveries`;
  const made = row({ section: 'growth', ...figure, what: `${figure.what}, with ${many}`, of });
  made.targets.push(atMost('times as long as without', 1 / ratio(made, 'today'), SLOWER));
  return made;
}

/** A mail to the members waits to be sent: as the last one that was sent did. */
async function queue(db: Database, members: number): Promise<void> {
  const last = await db.selectFrom('deliveries').select('post_id').orderBy('id', 'desc').limit(1).executeTakeFirstOrThrow();
  const { numUpdatedRows } = await db
    .updateTable('deliveries')
    .set({ state: 'queued', response: null, settled_at: null, lease: null, lease_until: null, due_at: systemClock.now() })
    .where('post_id', '=', last.post_id)
    .executeTakeFirstOrThrow();
  if (Number(numUpdatedRows) !== members) throw new Error(`${numUpdatedRows} copies wait, not ${members}`);
}

/** Milliseconds of one; what is not committed is there to be leased again. */
function leases(db: Database, { members, leases: times }: Plan): Measurement {
  return async () => {
    const took: number[] = [];
    for (let time = 0; time < times; time++) {
      const trx = await db.startTransaction().execute();
      const now = systemClock.now();
      const begun = process.hrtime.bigint();
      const leased = await deliveries.lease(trx, { id: newId(systemClock), until: now + 60 * SECOND }, now, { copies: members });
      took.push(between(begun, process.hrtime.bigint()));
      await trx.rollback().execute();
      if (leased.length !== members) throw new Error(`${leased.length} copies were leased, not ${members}`);
    }
    return median(took);
  };
}
