import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** What was laid over a certificate of what is known to be revoked of it; whoever lacks some of that is behind. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const table = db.schema.createTable('revocations_laid');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('certificate_id', 'text', (c) => c.notNull().references('certificates.id'))
    .addColumn('word', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('revocations_laid_pk', ['certificate_id', 'word'])
    .execute();
  // Empty: some were taken for laid that were not, so all are laid once more.
  await db.schema.dropTable('certificates_behind').execute();
}
