import { PostgresAdapter, sql } from 'kysely';
import type { Database, Db } from '../../src/store/database.ts';

/** Changes rows as a damaged disk or a hand with all rights would: past the triggers, which stand again when it resolves. */
export async function unguarded(db: Database, change: (trx: Db) => Promise<unknown>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (db.getExecutor().adapter instanceof PostgresAdapter) {
      await sql`set local session_replication_role = replica`.execute(trx);
      await change(trx);
      return;
    }
    const { rows } = await sql<Trigger>`select name, sql as definition from sqlite_master where type = 'trigger'`.execute(trx);
    for (const { name } of rows) await sql`drop trigger ${sql.ref(name)}`.execute(trx);
    await change(trx);
    for (const { definition } of rows) await sql.raw(definition).execute(trx);
  });
}

interface Trigger {
  name: string;
  definition: string;
}
