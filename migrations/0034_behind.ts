import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Certificates that lack what is known to be revoked of them, until it is laid over them. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('certificates_behind');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('certificate_id', 'text', (c) => c.primaryKey().notNull().references('certificates.id'))
    .execute();
  // What was one copy alone says what it revokes itself.
  await sql`delete from revocations where word like 'copy %'
    and (select count(*) from certificates where certificates.fingerprint = revocations.fingerprint) = 1
    and (select count(*) from revocations as others where others.fingerprint = revocations.fingerprint) = 1`.execute(db);
  await sql`insert into certificates_behind (certificate_id) select id from certificates
    where fingerprint in (select fingerprint from revocations)`.execute(db);
}
