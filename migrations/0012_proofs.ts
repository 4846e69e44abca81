import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Who has shown that he has the key of his certificate: nobody else gets copies. And what finds whose a key is. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  await db.schema
    .alterTable('contacts')
    .addColumn('proved_at', postgres ? sql`bigint` : sql`integer`)
    .execute();
  // Who got copies until now goes on getting them.
  await sql`update contacts set proved_at = created_at
    where member_id in (select id from members where state in ('active', 'key_hold', 'suspended'))`.execute(db);
  await sql`update contacts set proved_at =
      (select max(p.proved_at) from key_proofs p join certificates c on c.id = p.certificate_id
        where p.contact_id = contacts.id and c.state = 'current')
    where proved_at is null`.execute(db);
  await db.schema.createIndex('certificate_keys_fingerprint').on('certificate_keys').column('fingerprint').execute();
  await db.schema.createIndex('certificates_fingerprint').on('certificates').column('fingerprint').execute();
}
