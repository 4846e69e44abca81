import { type Instant, MINUTE } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from './database.ts';
import type { PageOf } from './rows.ts';
import type { Token } from './schema.ts';

/** Throws Refusal('conflict') where a token of this name is there; one that was revoked keeps its name. */
export async function insert(db: Db, token: Token): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('tokens')
    .values(token)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (!numInsertedOrUpdatedRows)
    throw new Refusal('conflict', `A token named "${token.name}" is there already (a revoked one keeps its name)`);
}

/** `hash`: SHA-256 of the token, hex. Revoked and expired ones are found too: the caller decides. */
export async function byHash(db: Db, hash: string): Promise<Token | undefined> {
  return await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
}

export async function byNameOrId(db: Db, nameOrId: string): Promise<Token | undefined> {
  return await db
    .selectFrom('tokens')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', nameOrId), eb('name', '=', nameOrId)]))
    // An id wins over a token that somebody named like it.
    .orderBy((eb) => eb.case().when('id', '=', nameOrId).then(0).else(1).end())
    .limit(1)
    .executeTakeFirst();
}

/** Whether a sign-in was finished, by what is kept of it. */
export async function isOfSignIn(db: Db, signIn: string): Promise<boolean> {
  return (await db.selectFrom('tokens').select('id').where('sign_in', '=', signIn).executeTakeFirst()) !== undefined;
}

/** In the order of their making. */
export async function all(db: Db): Promise<Token[]> {
  return await db.selectFrom('tokens').selectAll().orderBy('id').execute();
}

/** As `all`, after the one with that id. */
export async function page(db: Db, { limit, after }: PageOf): Promise<Token[]> {
  let query = db.selectFrom('tokens').selectAll().orderBy('id').limit(limit);
  if (after !== undefined) query = query.where('id', '>', after);
  return await query.execute();
}

/** False where it was revoked before, or there is none. */
export async function revoke(db: Db, id: string, now: Instant): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Gives how many there were. */
export async function revokeAll(db: Db, now: Instant): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Ends all that come of sign-ins of a person; how many. */
export async function revokeSignIns(db: Db, personId: string, now: Instant): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('person_id', '=', personId)
    .where('sign_in', 'is not', null)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Forgets those that come of sign-ins and ended before `instant`, but for those that approved something. */
export async function purgeSignIns(db: Db, instant: Instant): Promise<void> {
  await db
    .deleteFrom('tokens')
    .where('sign_in', 'is not', null)
    .where('expires_at', '<', instant)
    // Who approved by mail has no token there, and nothing is `not in` what holds a null.
    .where('id', 'not in', (eb) => eb.selectFrom('approvals').select('token_id').where('token_id', 'is not', null))
    .execute();
}

/** Notes that a token was used: at most once a minute, however often it is. */
export async function used(db: Db, { id, last_used_at }: Token, now: Instant): Promise<void> {
  if (last_used_at !== null && now - last_used_at < MINUTE) return;
  await db
    .updateTable('tokens')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', now - MINUTE)]))
    .execute();
}

/** Ids of the people who have an admin's token that holds at `now`. */
export async function admins(db: Db, now: Instant): Promise<string[]> {
  const rows = await db
    .selectFrom('tokens')
    .select('person_id')
    .distinct()
    .where('role', '=', 'admin')
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .execute();
  return rows.flatMap(({ person_id }) => person_id ?? []);
}
