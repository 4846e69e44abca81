import { type Db, isSqlite } from './database.ts';
import { asMade, LATEST, schemaOf } from './migrate.ts';
import { DISABLED, holdsRows, liftedOf, type Part, partsOf } from './structure.ts';
import { ON_POSTGRES } from './structure-postgres.ts';

/**
 * Where the schema is not what the migrations make that the database has had: `what` is missing, or another one, and `line` says so; and what keeps
 * its guards from doing anything. Without them a database holds nothing back. What somebody added is nothing that lacks. Throws Refusal as `schemaOf` does.
 */
export async function changesOf(db: Db): Promise<Change[]> {
  const last = await schemaOf(db);
  const wanted = await partsAfter(last, isSqlite(db));
  // Another node may migrate it meanwhile: PostgreSQL then says of one thing how it was, of another one how it is, or that it is gone.
  const isOther = async () => (await schemaOf(db)) !== last;
  try {
    const changes = [...changesBetween(wanted, await partsOf(db)), ...(await liftedFrom(db, wanted))];
    if (changes.length === 0 || !(await isOther())) return changes;
  } catch (error) {
    if (!(await isOther().catch(() => false))) throw error;
  }
  return changesOf(db);
}

export interface Change {
  what: string;
  line: string;
  /** What ends it, where nothing is lost. */
  undo?: string;
}

async function liftedFrom(db: Db, wanted: readonly Wanted[]): Promise<Change[]> {
  const ours = new Set<string | null>([null, ...wanted.map(({ table }) => table)]);
  const lifted = (await liftedOf(db)).filter(({ table }) => ours.has(table));
  return lifted.map(({ line, undo }) => ({ what: line, line: `${line} (${undo})`, undo }));
}

/** Triggers on tables of ours that no migration made, which may do anything: the database has had all migrations. */
export async function addedTriggers(db: Db): Promise<string[]> {
  const made = await partsAfter(LATEST, isSqlite(db));
  const ours = new Set(made.map(({ table }) => table));
  const known = new Set(made.map(({ what }) => what));
  const added = (await partsOf(db)).filter(({ table, what }) => ours.has(table) && !known.has(what));
  return added.map(({ what }) => what).filter((what) => what.startsWith('the trigger '));
}

/** What the migrations to that one make. PostgreSQL makes no database beside the one that there is: of an older one its tables and columns are known by name. */
async function partsAfter(last: string, onSqlite: boolean): Promise<readonly Wanted[]> {
  if (!onSqlite && last === LATEST) return ON_POSTGRES;
  const parts = await asMade(last, partsOf);
  return onSqlite ? parts : parts.filter(holdsRows).map(({ table, what }) => ({ table, what, as: null }));
}

/** A part; `as`: null where only that it is there is known. */
type Wanted = Omit<Part, 'as'> & { as: string | null };

function changesBetween(wanted: readonly Wanted[], found: readonly Part[]): Change[] {
  const there = new Map(found.map(({ what, as }) => [what, as]));
  const changes: Change[] = [];
  for (const { table, what, as } of wanted) {
    const now = there.get(what);
    const itself = `the table ${table}`;
    // Of a table that is missing nothing else has to be said.
    if (now === undefined && (what === itself || there.has(itself) || what.startsWith('the view ')))
      changes.push({ what, line: `${what} is missing` });
    else if (now !== undefined && as !== null && now !== as)
      changes.push({ what, line: `${what} is ${now === DISABLED ? 'disabled' : 'not as Curfew makes it'}` });
  }
  return changes;
}

/** The first of them, for one line. */
export function firstOf(changes: readonly Change[]): string {
  const named = changes.slice(0, MOST_NAMED).map(({ line }) => line);
  const more = changes.length - named.length;
  return `${named.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

const MOST_NAMED = 3;
