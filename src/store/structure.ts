import { sql } from 'kysely';
import { type Db, isSqlite } from './database.ts';

/*
 * What a schema consists of, so that two can be compared that were not made at the same time, nor by the same version of the engine. ALTER
 * TABLE edits the texts that SQLite keeps, and PostgreSQL writes its own from what it has understood: blanks, letter case, quotes of names,
 * casts and needless parentheses are no difference, nor is the order of the columns.
 */

export interface Part {
  /** Whose it is: a table, or a view. */
  table: string;
  /** Its kind and its name, as a person is told of it: `the column deliveries.reason`. No two parts of a schema have the same. */
  what: string;
  /** How it is: two parts that are the same have the same text here. */
  as: string;
}

/** A table or a column, without which rows are lost; all else a restore makes anew. */
export function holdsRows({ what }: Pick<Part, 'what'>): boolean {
  return /^the (table|column) /.test(what);
}

/** Tables, columns, triggers, constraints and indexes, in this order, and views; of `kysely*`, which the migrator keeps, none. */
export async function partsOf(db: Db): Promise<Part[]> {
  return isSqlite(db) ? ofSqlite(db) : ofPostgres(db);
}

/** The words and signs of a piece of SQL, but for what is no difference; a literal stays as it is. */
function wordsOf(text: string): string[] {
  const words = text.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|\S/g) ?? [];
  return words.map((word) => (word.startsWith("'") ? word : word.replaceAll('"', '').toLowerCase()));
}

function plain(text: string): string {
  return wordsOf(text).join(' ');
}

interface Made {
  table: string;
  type: 'table' | 'view' | 'index' | 'trigger';
  name: string;
  sql: string;
}

interface SqliteColumn {
  table: string;
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
  pk: number;
}

/** Columns that go together: those of a key, or of a reference. */
interface Together {
  table: string;
  columns: string;
  as: string;
}

async function ofSqlite(db: Db): Promise<Part[]> {
  // A virtual table is nobody's but of whoever added it, and may need what is not loaded here.
  const kept = sql`select tbl_name as "table", type, name, sql from sqlite_master
    where sql is not null and sql not like 'create virtual %' and tbl_name not like 'kysely%' order by tbl_name, name`;
  const { rows: made } = await sql<Made>`${kept}`.execute(db);
  const { rows: columns } = await sql<SqliteColumn>`select kept."table", column.name, column.type, "notnull", dflt_value, pk
    from (${kept}) as kept, pragma_table_xinfo(kept.name) as column where kept.type = 'table'`.execute(db);
  const { rows: keys } = await sql<Together>`select kept."table", '' as "as",
      (select string_agg(name, ', ' order by seqno) from pragma_index_info(key.name)) as columns
    from (${kept}) as kept, pragma_index_list(kept.name) as key where kept.type = 'table' and origin = 'u'`.execute(db);
  const { rows: references } = await sql<Together>`select kept."table", string_agg("from", ', ' order by seq) as columns,
      reference."table" || ' ' || string_agg(coalesce("to", ''), ', ' order by seq) || ' ' || on_update || ' ' || on_delete as "as"
    from (${kept}) as kept, pragma_foreign_key_list(kept.name) as reference where kept.type = 'table'
    group by kept."table", id`.execute(db);
  const of = (type: Made['type'], how: (sql: string) => string) =>
    made
      .filter((each) => each.type === type)
      .map(({ table, name, sql }) => ({ table, what: `the ${type} ${name}`, as: how(sql) }));
  return [
    ...of('table', (text) => wordsOf(text.slice(text.lastIndexOf(')') + 1)).join(' ')),
    ...columns.map(({ table, name, type, notnull, dflt_value, pk }) => ({
      table,
      what: `the column ${table}.${name}`,
      as: plain(`${type}${notnull ? ' not null' : ''}${dflt_value === null ? '' : ` default ${dflt_value}`} key ${pk}`),
    })),
    ...of('trigger', plain),
    ...made.filter(({ type }) => type === 'table').flatMap(({ table, sql }) => checksOf(table, wordsOf(sql))),
    ...keys.map(({ table, columns, as }) => ({ table, what: `the unique key of ${table} (${columns})`, as })),
    ...references.map(({ table, columns, as }) => ({ table, what: `the reference of ${table} (${columns}) to ${as}`, as })),
    ...of('index', plain),
    ...of('view', plain),
  ];
}

/** SQLite says what a table checks in the text of the table alone. */
function checksOf(table: string, words: readonly string[]): Part[] {
  return words.flatMap((word, i) => {
    if (word !== 'check' || words[i + 1] !== '(') return [];
    let depth = 0;
    const end = words.findIndex((each, j) => {
      if (j <= i) return false;
      depth += each === '(' ? 1 : each === ')' ? -1 : 0;
      return depth === 0;
    });
    const as = words.slice(i + 1, end + 1).join(' ');
    const name = words[i - 2] === 'constraint' ? words[i - 1] : as;
    return [{ table, what: `the check of ${table}, ${name}`, as }];
  });
}

async function ofPostgres(db: Db): Promise<Part[]> {
  // What a name means that names no schema, as all of ours do. What was dropped since the question began may have no text any more.
  const relation = sql`(select oid, relname, relkind from pg_class
    where relkind in ('r', 'p', 'v') and relname not like 'kysely%' and pg_table_is_visible(oid)
      and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))`;
  const parts = (rows: ReturnType<typeof sql<Part>>) => rows.execute(db).then((result) => result.rows);
  const tables = await parts(sql`select relname as table, 'the table ' || relname as what, '' as as
    from ${relation} as relation where relkind <> 'v' order by relname collate "C"`);
  const columns = await parts(sql`select relname as table, 'the column ' || relname || '.' || attname as what,
      format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
        || coalesce(' default ' || pg_get_expr(adbin, adrelid), '') as as
    from pg_attribute join ${relation} as relation on attrelid = relation.oid left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relkind <> 'v' and attnum > 0 and not attisdropped order by relname collate "C", attnum`);
  const triggers = await parts(sql`select relname as table, 'the trigger ' || tgname || ' of ' || relname as what,
      case when tgenabled not in ('O', 'A') then ${DISABLED} else concat_ws(' ', tgtype,
        (select string_agg(attname, ' ' order by attname collate "C") from pg_attribute where attrelid = tgrelid and attnum = any(tgattr)),
        case when tgqual is not null then 'when ' || pg_get_triggerdef(pg_trigger.oid) end, prosrc) end as as
    from pg_trigger join ${relation} as relation on tgrelid = relation.oid join pg_proc on pg_proc.oid = tgfoid
    where not tgisinternal order by relname collate "C", tgname collate "C"`);
  // Those of not null are of the column, and newer versions alone have them here as well.
  const constraints = await parts(sql`select relname as table, 'the constraint ' || conname || ' of ' || relname as what,
      coalesce(pg_get_constraintdef(pg_constraint.oid), '') as as
    from pg_constraint join ${relation} as relation on conrelid = relation.oid
    where contype in ('p', 'u', 'f', 'c') order by relname collate "C", conname collate "C"`);
  const indexes = await parts(sql`select relation.relname as table, 'the index ' || index.relname as what,
      concat_ws(' ', case when indisunique then 'unique' end, case when not indisvalid then 'invalid' end,
        (select string_agg(pg_get_indexdef(indexrelid, n, false), ', ' order by n) from generate_series(1, indnkeyatts) as n),
        'where ' || pg_get_expr(indpred, indrelid)) as as
    from pg_index join ${relation} as relation on indrelid = relation.oid join pg_class as index on index.oid = indexrelid
    where not exists (select 1 from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
    order by relation.relname collate "C", index.relname collate "C"`);
  const views = await parts(sql`select relname as table, 'the view ' || relname as what,
      concat_ws(' ', (select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = relation.oid and attnum > 0),
        'as', pg_get_viewdef(relation.oid)) as as
    from ${relation} as relation where relkind = 'v' order by relname collate "C"`);
  const understood = (some: Part[]) => some.map((part) => ({ ...part, as: ofExpression(part.as) }));
  return [
    ...tables,
    ...understood(columns),
    ...triggers.map((part) => ({ ...part, as: plain(part.as) })),
    ...understood(constraints),
    ...understood(indexes),
    // Before version 16 it writes of which table each column is.
    ...understood(views.map((part) => ({ ...part, as: part.as.replaceAll(/"?\w+"?\./g, '') }))),
  ];
}

/** What there is, beside its structure, that keeps the guards of a database from doing anything. */
export interface Lifted {
  /** Whose guards: a table; null for all of them. */
  table: string | null;
  /** What is so, for a person. */
  line: string;
  /** The SQL that ends it, or where it was set. */
  undo: string;
}

/** On PostgreSQL, where a role, a table or a rule may do it, as this connection is; SQLite has none that is kept. */
export async function liftedOf(db: Db): Promise<Lifted[]> {
  if (isSqlite(db)) return [];
  const { rows } = await sql<Lifted>`
    with relation as (select oid, relname, relpersistence, quote_ident(relname) as name from pg_class
      where relkind in ('r', 'p') and pg_table_is_visible(oid))
    select null as table, 'session_replication_role is replica, so that no trigger does anything' as line,
        case source
          when 'user' then 'alter role ' || quote_ident(session_user) || ' reset '
          when 'database' then 'alter database ' || quote_ident(current_database()) || ' reset '
          when 'database user' then 'alter role ' || quote_ident(session_user) || ' in database ' || quote_ident(current_database()) || ' reset '
          else 'which is of the ' || source || ': reset ' end || name as undo
      from pg_settings where name = 'session_replication_role' and setting = 'replica'
    union all select relname, 'the references of ' || relname || ' are disabled', 'alter table ' || name || ' enable trigger all' from relation
      where exists (select 1 from pg_trigger where tgrelid = relation.oid and tgisinternal and tgenabled not in ('O', 'A'))
    union all select relname, 'a crash empties ' || relname || ', which is unlogged', 'alter table ' || name || ' set logged' from relation
      where relpersistence <> 'p'
    union all select relname, 'row-level security hides rows of ' || relname, 'alter table ' || name || ' disable row level security' from relation
      where row_security_active(relation.oid)
    union all select relname, 'the rule ' || rulename || ' changes what is done to ' || relname,
        'drop rule ' || quote_ident(rulename) || ' on ' || name from relation join pg_rewrite on ev_class = relation.oid
      where ev_enabled <> 'D'
    order by 1 nulls first, 2`.execute(db);
  return rows;
}

/** How a trigger is that is there, and does nothing. */
export const DISABLED = 'disabled';

/** What PostgreSQL writes of an expression that it keeps parsed; whether what is there already is so is no part of it. */
function ofExpression(text: string): string {
  // With quote_all_identifiers it has quotes everywhere.
  const bare = text
    .replaceAll(/"(\w+)"/g, '$1')
    .replaceAll(/::\w+( varying)?(\[\])?/g, '')
    .replace(/ NOT VALID$/, '');
  return wordsOf(bare)
    .filter((word) => word !== '(' && word !== ')')
    .join(' ');
}
