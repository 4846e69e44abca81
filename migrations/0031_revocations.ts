import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What is known to be revoked of a certificate, by the fingerprint of its primary key. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('revocations');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('word', 'text', (c) => c.notNull())
    .addColumn('data', postgres ? sql`bytea` : sql`blob`, (c) => c.notNull())
    .addPrimaryKeyConstraint('revocations_pk', ['fingerprint', 'word'])
    .execute();
  // Every copy that was kept says what it revokes itself.
  await sql`insert into revocations (fingerprint, word, data)
    select fingerprint, 'copy ' || min(id), data from certificates group by fingerprint, data`.execute(db);
}
