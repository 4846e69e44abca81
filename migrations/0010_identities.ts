import { type Kysely, PostgresAdapter, sql } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

/** Which account of an identity provider is which person, and which sign-in a token comes of. */
export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const instant = postgres ? sql`bigint` : sql`integer`;
  const table = db.schema.createTable('identities');
  await (postgres ? table : table.modifyEnd(sql`strict`))
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('contact_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addColumn('created_at', instant, (c) => c.notNull())
    // Until an admin has said so, an account is nobody.
    .addColumn('confirmed_at', instant)
    .addColumn('signed_in_at', instant)
    .addPrimaryKeyConstraint('identities_pk', ['issuer', 'subject'])
    .execute();
  // One account a person.
  await db.schema
    .createIndex('identities_contact')
    .unique()
    .on('identities')
    .column('contact_id')
    .where(sql.ref('confirmed_at'), 'is not', null)
    .execute();

  // SHA-256 of what finished the sign-in, hex: it makes one token.
  await db.schema.alterTable('tokens').addColumn('sign_in', 'text').execute();
  await db.schema.createIndex('tokens_sign_in').unique().on('tokens').column('sign_in').execute();
}
