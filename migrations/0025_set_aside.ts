import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

const INSTANTS = ['agreed_release_at', 'told_release_at', 'original_at'] as const;
/** When it was armed is not known any more: two people approve it again. */
const UNKNOWN = { aside: null, aside_at: null, state: 'received', bundle_hash: null, schedule_hash: null, scheduled_at: null };

/** What stood of a case when it was set aside, as JSON: that stands again where it turns out that it has not leaked, or is not public. */
export async function up(db: AnyDatabase): Promise<void> {
  await db.schema.alterTable('cases').addColumn('set_aside', 'text').execute();
  const aside = ['leaked', 'public_already'];
  const rows = db
    .selectFrom('cases')
    .select(['id', ...INSTANTS])
    .where('aside', 'in', aside);
  for (const { id, ...row } of await rows.execute()) {
    const instants = INSTANTS.map((name) => [name, row[name] === null ? null : Number(row[name])]);
    const before = { ...UNKNOWN, ...Object.fromEntries(instants), set_aside: null };
    const set_aside = JSON.stringify(before);
    await db.updateTable('cases').set({ set_aside }).where('id', '=', id).execute();
  }
}
