import type { Instant } from '../clock.ts';
import type { Database, Db } from './database.ts';
import { OPEN } from './deliveries.ts';
import type { Delivery } from './schema.ts';

/*
 * What is over: copies that have ended leave the table that the queue works in, and what is kept sealed is taken away where the project wants
 * that. Both are looked for from the oldest on, a portion in each transaction.
 */

/** All that is known of a copy, in either table. */
export const COLUMNS = [
  'id',
  'post_id',
  'list_id',
  'case_id',
  'audience',
  'address',
  'contact_id',
  'certificate_id',
  'message_id',
  'state',
  'priority',
  'due_at',
  'attempts',
  'tried_at',
  'lease',
  'lease_until',
  'reason',
  'response',
  'created_at',
  'settled_at',
  'told_at',
  'bounced_at',
  'late_told_at',
] as const satisfies readonly (keyof Delivery)[];

/** Copies that one transaction moves. */
export const PORTION = 200;

/**
 * Moves copies that ended before `before` to where the past is, of posts of which no copy is open: those who count the copies of a post never
 * find a part of them. One that failed stays until the team was told. Gives how many; fewer than `PORTION` are all there were.
 */
export async function moveEnded(db: Database, before: Instant): Promise<number> {
  return db.transaction().execute(async (trx) => {
    // An update that changes nothing: a bounce that comes just now waits until they are where it will look for them.
    const moved = await trx
      .updateTable('deliveries')
      .set((eb) => ({ told_at: eb.ref('told_at') }))
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('deliveries')
          .select('deliveries.id')
          .where('deliveries.settled_at', '<', before)
          .where('deliveries.state', 'not in', OPEN)
          .where((of) => of.or([of('deliveries.state', '=', 'delivered'), of('deliveries.told_at', 'is not', null)]))
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('deliveries as open')
                  .select('open.id')
                  .whereRef('open.post_id', '=', 'deliveries.post_id')
                  .where('open.state', 'in', OPEN),
              ),
            ),
          )
          .orderBy('deliveries.settled_at')
          .limit(PORTION),
      )
      .where('state', 'not in', OPEN)
      .returning('id')
      .execute();
    const ids = moved.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await trx
      .insertInto('past_deliveries')
      .columns([...COLUMNS])
      .expression((eb) => eb.selectFrom('deliveries').select(COLUMNS).where('id', 'in', ids))
      .execute();
    await trx.deleteFrom('deliveries').where('id', 'in', ids).execute();
    return ids.length;
  });
}

/** A post or a patch of which the content may be taken away. */
export interface Spent {
  what: 'post' | 'patch';
  id: string;
  caseId: string | null;
  listId: string;
}

/**
 * Those whose case was closed before `before`; of what is of no case, those that came before it. Nothing that the public has or may get, that
 * waits for a person, or of which a copy is open.
 */
export async function spent(db: Db, before: Instant, most: number): Promise<Spent[]> {
  const posts = await db
    .selectFrom('posts')
    .leftJoin('cases', 'cases.id', 'posts.case_id')
    .select(['posts.id', 'posts.case_id as caseId', 'posts.list_id as listId'])
    .where('posts.purged_at', 'is', null)
    .where('posts.received_at', '<', before)
    .where('posts.kind', 'not in', ['public', 'archive'])
    .where('posts.state', '<>', 'held')
    .where((eb) => eb.or([eb('posts.case_id', 'is', null), eb('cases.closed_at', '<', before)]))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('deliveries')
            .select('deliveries.id')
            .whereRef('deliveries.post_id', '=', 'posts.id')
            .where('deliveries.state', 'in', OPEN),
        ),
      ),
    )
    .orderBy('posts.received_at')
    .limit(most)
    .execute();
  const patches = await db
    .selectFrom('patches')
    .innerJoin('cases', 'cases.id', 'patches.case_id')
    .select(['patches.id', 'cases.id as caseId', 'cases.list_id as listId'])
    .where('patches.purged_at', 'is', null)
    .where('cases.closed_at', '<', before)
    .limit(most)
    .execute();
  return [
    ...posts.map((post) => ({ what: 'post' as const, ...post })),
    ...patches.map((patch) => ({ what: 'patch' as const, ...patch })),
  ].slice(0, most);
}

const NOTHING = new Uint8Array();

/** Takes their content away. Gives of which it was there. */
export async function purge(db: Db, those: readonly Spent[], now: Instant): Promise<Spent[]> {
  const taken = new Set<string>();
  for (const [what, table] of [
    ['post', 'posts'],
    ['patch', 'patches'],
  ] as const) {
    const ids = those.filter((one) => one.what === what).map(({ id }) => id);
    if (ids.length === 0) continue;
    const rows = await db
      .updateTable(table)
      .set({ content: NOTHING, purged_at: now })
      .where('id', 'in', ids)
      .where('purged_at', 'is', null)
      .returning('id')
      .execute();
    for (const { id } of rows) taken.add(id);
  }
  return those.filter(({ id }) => taken.has(id));
}
