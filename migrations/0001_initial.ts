import { type Kysely, PostgresAdapter, sql } from 'kysely';

// Instants are milliseconds since 1970 (UTC). `content` is always an OpenPGP message for a list key, never plaintext.
// biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the schema of today
type AnyDatabase = Kysely<any>;

export async function up(db: AnyDatabase): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const bytes = postgres ? sql`bytea` : sql`blob`;
  const instant = postgres ? sql`bigint` : sql`integer`;
  // Without STRICT, SQLite takes a text for an instant, and any text is later than any number.
  const createTable = (name: string) => {
    const table = db.schema.createTable(name);
    return postgres ? table : table.modifyEnd(sql`strict`);
  };

  await createTable('lists')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('address', 'text', (c) => c.notNull().unique().check(sql`address = lower(address)`))
    .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('intake', 'private', 'public')`))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .execute();

  await createTable('members')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('organisation', 'text', (c) => c.notNull().unique())
    .addColumn('product', 'text')
    .addColumn('state', 'text', (c) =>
      c
        .notNull()
        .check(
          sql`state in ('applied', 'vouched', 'vetted', 'key_proved', 'active', 'key_hold', 'suspended', 'removed', 'rejected')`,
        ),
    )
    .addColumn('reason', 'text')
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('updated_at', instant, (c) => c.notNull())
    .execute();

  // Which lists a member belongs to. Who is on an intake list is the response team.
  await createTable('member_lists')
    .addColumn('member_id', 'text', (c) => c.notNull().references('members.id'))
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addPrimaryKeyConstraint('member_lists_pk', ['member_id', 'list_id'])
    .execute();
  await db.schema.createIndex('member_lists_list').on('member_lists').column('list_id').execute();

  await createTable('contacts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('member_id', 'text', (c) => c.notNull().references('members.id'))
    .addColumn('address', 'text', (c) => c.notNull().unique().check(sql`address = lower(address)`))
    .addColumn('name', 'text')
    .addColumn('active', 'integer', (c) => c.notNull().defaultTo(1).check(sql`active in (0, 1)`))
    .addColumn('created_at', instant, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('contacts_member').on('contacts').column('member_id').execute();

  // A certificate without a contact came with a mail: it can be written to, and proves nobody.
  await createTable('certificates')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('contact_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('data', bytes, (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('current', 'proposed', 'retired', 'mail')`))
    .addColumn('created_at', instant, (c) => c.notNull())
    .addCheckConstraint('certificates_owner', sql`(state = 'mail') = (contact_id is null)`)
    .addUniqueConstraint('certificates_once', ['contact_id', 'fingerprint'])
    .execute();
  await db.schema
    .createIndex('certificates_current')
    .on('certificates')
    .column('contact_id')
    .unique()
    .where(sql.ref('state'), '=', 'current')
    .execute();

  // Every key of a certificate that may have made a signature, by fingerprint and by key id (its last or first 8 octets).
  await createTable('certificate_keys')
    .addColumn('certificate_id', 'text', (c) => c.notNull().references('certificates.id').onDelete('cascade'))
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('certificate_keys_pk', ['certificate_id', 'fingerprint'])
    .execute();
  await db.schema.createIndex('certificate_keys_key_id').on('certificate_keys').column('key_id').execute();

  // Who gets what a public list publishes: subscribers, and external addresses (another project's list).
  await createTable('recipients')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('address', 'text', (c) => c.notNull().check(sql`address = lower(address)`))
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('subscriber', 'external')`))
    .addColumn('created_at', instant, (c) => c.notNull())
    .addUniqueConstraint('recipients_once', ['list_id', 'address'])
    .execute();
  await db.schema.createIndex('recipients_address').on('recipients').column('address').execute();

  await createTable('tokens')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('admin', 'team', 'auditor')`))
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('person_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('expires_at', instant)
    .addColumn('revoked_at', instant)
    .addUniqueConstraint('tokens_person', ['id', 'person_id'])
    .execute();

  await createTable('case_numbers')
    .addColumn('year', 'integer', (c) => c.primaryKey())
    .addColumn('last', 'integer', (c) => c.notNull())
    .execute();

  await createTable('cases')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('year', 'integer', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('received', 'scheduled', 'armed', 'released')`))
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('thread_token', 'text', (c) => c.notNull().unique())
    .addColumn('received_at', instant, (c) => c.notNull())
    .addColumn('reporter_address', 'text')
    .addColumn('reporter_certificate_id', 'text', (c) => c.references('certificates.id'))
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('release_at', instant)
    .addColumn('channels', 'text')
    .addColumn('draft_post_id', 'text')
    .addColumn('bundle_hash', 'text')
    .addColumn('public_post_id', 'text')
    .addColumn('dispatched_at', instant)
    .addColumn('overdue_told_at', instant)
    .addColumn('released_at', instant)
    .addColumn('updated_at', instant, (c) => c.notNull())
    .addUniqueConstraint('cases_number', ['year', 'number'])
    .addCheckConstraint(
      'cases_bundle',
      sql`state = 'received' or (release_at is not null and draft_post_id is not null and bundle_hash is not null)`,
    )
    .addCheckConstraint(
      'cases_not_early',
      sql`state <> 'released' or (released_at is not null and public_post_id is not null and released_at >= release_at)`,
    )
    .execute();
  await db.schema.createIndex('cases_due').on('cases').columns(['state', 'release_at']).execute();

  await createTable('posts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('case_id', 'text', (c) => c.references('cases.id'))
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('signature_digest', 'text')
    .addColumn('message_id_digest', 'text')
    .addColumn('sender', 'text')
    .addColumn('signer_contact_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('signer_fingerprint', 'text')
    .addColumn('encrypted', 'integer', (c) => c.notNull().check(sql`encrypted in (0, 1)`))
    .addColumn('received_at', instant, (c) => c.notNull())
    .addColumn('size', 'integer', (c) => c.notNull())
    .addColumn('content', bytes, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('posts_case').on('posts').column('case_id').execute();
  await db.schema
    .createIndex('posts_signature')
    .on('posts')
    .columns(['list_id', 'signature_digest'])
    .where(sql.ref('signature_digest'), 'is not', null)
    .execute();
  await db.schema.createIndex('posts_message_id').on('posts').columns(['list_id', 'message_id_digest']).execute();

  // The name of a patch tells what it mends, so it is inside the sealed content.
  await createTable('patches')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('size', 'integer', (c) => c.notNull())
    .addColumn('content', bytes, (c) => c.notNull())
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('withdrawn_at', instant)
    .execute();
  await db.schema.createIndex('patches_case').on('patches').column('case_id').execute();

  await createTable('approvals')
    .addColumn('case_id', 'text', (c) => c.notNull().references('cases.id'))
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('person_id', 'text', (c) => c.notNull().references('contacts.id'))
    .addColumn('token_id', 'text', (c) => c.notNull())
    .addColumn('approved_at', instant, (c) => c.notNull())
    .addPrimaryKeyConstraint('approvals_pk', ['case_id', 'hash', 'person_id'])
    // A token approves for the person it belongs to, and for nobody else.
    .addForeignKeyConstraint('approvals_own_token', ['token_id', 'person_id'], 'tokens', ['id', 'person_id'])
    .execute();

  await createTable('deliveries')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('post_id', 'text', (c) => c.notNull().references('posts.id'))
    .addColumn('list_id', 'text', (c) => c.notNull().references('lists.id'))
    .addColumn('case_id', 'text', (c) => c.references('cases.id'))
    .addColumn('audience', 'text', (c) => c.notNull().check(sql`audience in ('contact', 'reporter', 'stranger', 'public')`))
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('contact_id', 'text', (c) => c.references('contacts.id'))
    .addColumn('certificate_id', 'text', (c) => c.references('certificates.id'))
    .addColumn('message_id', 'text', (c) => c.notNull().unique())
    .addColumn('state', 'text', (c) =>
      c.notNull().check(sql`state in ('queued', 'leased', 'deferred', 'held', 'delivered', 'failed')`),
    )
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('due_at', instant, (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('tried_at', instant)
    .addColumn('lease', 'text')
    .addColumn('lease_until', instant)
    .addColumn('reason', 'text')
    .addColumn('response', 'text')
    .addColumn('created_at', instant, (c) => c.notNull())
    .addColumn('settled_at', instant)
    .addColumn('told_at', instant)
    .addCheckConstraint(
      'deliveries_audience',
      sql`(audience = 'contact' and contact_id is not null)
        or (audience = 'reporter' and certificate_id is not null)
        or audience = 'stranger'
        or (audience = 'public' and case_id is not null)`,
    )
    .execute();
  await db.schema.createIndex('deliveries_due').on('deliveries').columns(['state', 'priority', 'due_at']).execute();
  await db.schema.createIndex('deliveries_post').on('deliveries').column('post_id').execute();
  await db.schema.createIndex('deliveries_case').on('deliveries').column('case_id').execute();
  await db.schema.createIndex('deliveries_address').on('deliveries').columns(['address', 'created_at']).execute();
}
