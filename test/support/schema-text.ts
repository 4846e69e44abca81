import { SqliteAdapter, sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/** Every table, constraint, index and trigger of a database, one definition a paragraph; what the migrator keeps is left out. */
export function schemaText(db: Database): Promise<string> {
  return db.getExecutor().adapter instanceof SqliteAdapter ? ofSqlite(db) : ofPostgres(db);
}

interface Definition {
  definition: string;
}

async function ofSqlite(db: Database): Promise<string> {
  const { rows } = await sql<Definition>`select sql as definition from sqlite_master
    where sql is not null and name not like 'kysely%' order by tbl_name, type = 'table' desc, type, name`.execute(db);
  return text(rows);
}

async function ofPostgres(db: Database): Promise<string> {
  const { rows } = await sql<Definition>`
    with relation as (select oid, relname from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not like 'kysely%')
    select definition from (
      select relname, 1 as part, '' as name, 'create table ' || relname || ' (' || (
        select string_agg(attname || ' ' || format_type(atttypid, atttypmod)
          || case when attnotnull then ' not null' else '' end
          || coalesce(' default ' || pg_get_expr(adbin, adrelid), ''), ${',\n  '} order by attnum)
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = relation.oid and attnum > 0 and not attisdropped) || ')' as definition from relation
      union all select relname, 2, conname, 'alter table ' || relname || ' add constraint ' || conname || ' ' || pg_get_constraintdef(c.oid)
        from pg_constraint c join relation on conrelid = relation.oid where contype <> 'n'
      union all select relname, 3, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
        from pg_index join relation on indrelid = relation.oid
        where not exists (select 1 from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
      union all select relname, 4, p.proname, pg_get_functiondef(p.oid)
        from pg_trigger join pg_proc p on p.oid = tgfoid join relation on tgrelid = relation.oid where not tgisinternal
      union all select relname, 5, tgname, pg_get_triggerdef(t.oid)
        from pg_trigger t join relation on tgrelid = relation.oid where not tgisinternal
    ) parts order by relname collate "C", part, name collate "C"`.execute(db);
  return text(rows);
}

/** One definition a paragraph, one column a line. */
function text(rows: Definition[]): string {
  const paragraphs = rows.map(({ definition }) =>
    definition.replaceAll(/, (?="|constraint )/g, ',\n  ').replaceAll(/[ \t]+$/gm, ''),
  );
  return `${paragraphs.join(';\n\n')};\n`;
}
