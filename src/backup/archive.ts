import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Instant, toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Database } from '../store/database.ts';
import { type Value as Column, type DumpedTable, openDump } from '../store/dump.ts';
import { migrations } from '../store/migrate.ts';

/*
 * A backup is text: a JSON value a line (docs/backup.md).
 *
 *   {"curfew":"backup","version":1,...}           its head
 *   {"file":"config.json","text":"..."}           the configuration, and the list keys where they were asked for
 *   {"table":"cases","columns":["id",...]}        a table
 *   ["ORBIT-2026-0001",...]                       a row of it; octets are {"base64":"..."}
 *   {"end":{"cases":1,...}}                       how many rows each table has: without it, something was cut off
 *
 * Either engine writes and reads it, so that it is a way from the one to the other as well.
 */

const VERSION = 1;
/** Before it no database can say that it is being restored, and a server would start on half of one. */
const FIRST_SCHEMA = '0029_restored';

const Head = Type.Object({
  curfew: Type.Literal('backup'),
  version: Type.Integer(),
  /** When it was begun: nothing later is in it. */
  takenAt: Type.String(),
  /** The version of Curfew that wrote it. */
  program: Type.String(),
  /** The last migration that its tables have had. */
  schema: Type.String(),
  project: Type.String(),
  domain: Type.String(),
});
export type Head = Static<typeof Head>;

const File = Type.Object({
  file: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$' }),
  text: Type.String(),
});
const Table = Type.Object({
  table: Type.String({ pattern: '^[a-z_]+$' }),
  columns: Type.Array(Type.String({ pattern: '^[a-z0-9_]+$' }), { minItems: 1 }),
});
const Octets = Type.Object({ base64: Type.String() });
const Row = Type.Array(Type.Union([Type.String(), Type.Number(), Type.Null(), Octets]));
const End = Type.Object({ end: Type.Record(Type.String(), Type.Integer()) });

/** A file beside the database, by its place in the folder of the project. */
export type KeptFile = Static<typeof File>;

/**
 * The lines of a backup, each with its LF. `db`: opened to read, by nobody else. Throws Refusal `not-ready` before the first of them where the
 * database is none that could be restored.
 */
export async function* writeArchive(
  db: Database,
  { takenAt, ...of }: { takenAt: Instant; program: string; project: string; domain: string },
  files: readonly KeptFile[],
): AsyncGenerator<string> {
  const { schema, tables, end } = await openDump(db);
  try {
    if (schema < FIRST_SCHEMA)
      throw new Refusal(
        'not-ready',
        `The database is of a Curfew that made no backups (${schema}): stop the server, copy the database as it lies there, and start this version, which brings it up to date`,
      );
    const head: Head = { curfew: 'backup', version: VERSION, takenAt: toIso(takenAt), schema, ...of };
    yield lineOf(head);
    for (const file of files) {
      const fits: boolean = Value.Check(File, file);
      if (!fits) throw new Refusal('invalid', `A file of that name cannot be in a backup: ${file.file}`);
      yield lineOf(file);
    }
    const counts: Record<string, number> = {};
    for await (const { name, columns, rows } of tables()) {
      yield lineOf({ table: name, columns });
      counts[name] = 0;
      for await (const row of rows) {
        yield lineOf(row.map(written));
        counts[name]++;
      }
    }
    yield lineOf({ end: counts });
  } finally {
    await end();
  }
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function written(value: Column) {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
}

export interface Archive {
  head: Head;
  files: KeptFile[];
  /** Its tables, in its order; the rows of one are read before the next one is asked for. Throws Refusal('invalid') in the end where something lacks. */
  tables(): AsyncGenerator<DumpedTable>;
}

/** Reads as far as the first table. Throws Refusal('invalid') where it is no backup, or one that this version cannot read. */
export async function openArchive(lines: AsyncIterable<string>): Promise<Archive> {
  const reader = numbered(lines);
  const head = headOf(await reader.next());
  const files: KeptFile[] = [];
  let at = await reader.next();
  for (; at && Value.Check(File, at.value); at = await reader.next()) files.push(at.value);
  return { head, files, tables: () => tablesOf(reader, at) };
}

interface Line {
  number: number;
  value: unknown;
}

/** Line by line; undefined where there are no more. */
function numbered(lines: AsyncIterable<string>) {
  const iterator = lines[Symbol.asyncIterator]();
  let number = 0;
  return {
    async next(): Promise<Line | undefined> {
      const { value: line, done } = await iterator.next();
      if (done) return undefined;
      number++;
      try {
        return { number, value: JSON.parse(line) };
      } catch {
        throw broken(number);
      }
    },
  };
}
type Reader = ReturnType<typeof numbered>;

function headOf(line: Line | undefined): Head {
  if (!line || !Value.Check(Head, line.value)) throw new Refusal('invalid', 'It is no backup of Curfew');
  const { version, schema, program } = line.value;
  if (version !== VERSION || !(schema in migrations) || schema < FIRST_SCHEMA)
    throw new Refusal('invalid', `Curfew ${program} made this backup, and this version cannot read it: restore it with that one`);
  return line.value;
}

async function* tablesOf(reader: Reader, first: Line | undefined): AsyncGenerator<DumpedTable> {
  const counts: Record<string, number> = {};
  let at = first;
  while (at && Value.Check(Table, at.value)) {
    const { table: name, columns } = at.value;
    let count = 0;
    yield {
      name,
      columns,
      rows: (async function* () {
        for (at = await reader.next(); at && Value.Check(Row, at.value); at = await reader.next()) {
          if (at.value.length !== columns.length) throw broken(at.number);
          yield at.value.map(read);
          count++;
        }
      })(),
    };
    counts[name] = count;
  }
  if (!at) throw new Refusal('invalid', 'The end of the backup lacks: it was cut off, or could not be decrypted to its end');
  if (!Value.Check(End, at.value) || !isSame(at.value.end, counts) || (await reader.next())) throw broken(at.number);
}

function read(value: Static<typeof Row>[number]): Column {
  return typeof value === 'object' && value !== null ? Buffer.from(value.base64, 'base64') : value;
}

function isSame(one: Record<string, number>, other: Record<string, number>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function broken(line: number): Refusal {
  return new Refusal('invalid', `The backup is damaged: line ${line} is not what it should be`);
}
