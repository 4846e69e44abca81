import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { certificateText } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import { type EntryLines, type RosterEntry, type RosterProblem, showableAddress } from './entries.ts';

const COLUMNS = ['organisation', 'product', 'lists', 'address', 'name', 'certificate'] as const;
/** A roster of before there were groups is one too. */
const OPTIONAL = ['groups'] as const;

/**
 * A roster in CSV (RFC 4180, with a header row), one contact a row, as the entries of the JSON form.
 * Rows of one organisation become one entry. `certificate` gives the text in the file of that name, armored.
 * Contacts whose certificate cannot be read are left out and told of. `lines`: of each entry. Throws Refusal('invalid') where it is no such CSV.
 */
export function entriesFromCsv(
  csv: string,
  certificate: (file: string) => string,
): { entries: RosterEntry[]; lines: EntryLines[]; problems: RosterProblem[] } {
  const entries = new Map<string, { entry: RosterEntry; index: number; lines: EntryLines }>();
  const problems: RosterProblem[] = [];
  for (const { row, line } of readRows(csv, COLUMNS, 'a roster', OPTIONAL)) {
    const found = entries.get(row.organisation) ?? {
      entry: { organisation: row.organisation, lists: [], contacts: [] },
      index: entries.size,
      lines: { first: line, contacts: [] },
    };
    entries.set(row.organisation, found);
    const { entry, index, lines } = found;
    const tell = (problem: string) => problems.push({ entry: index, address: showableAddress(row.address), line, problem });

    entry.lists.push(...wordsOf(row.lists).filter((list) => !entry.lists.includes(list)));
    const groups = wordsOf(row.groups ?? '').filter((name) => !entry.groups?.includes(name));
    if (groups.length > 0) entry.groups = [...(entry.groups ?? []), ...groups];
    if (row.product !== '' && entry.product !== undefined && entry.product !== row.product)
      tell(`the product is ${JSON.stringify(row.product)} here and ${JSON.stringify(entry.product)} above`);
    else if (row.product !== '') entry.product = row.product;
    try {
      const name = row.name === '' ? {} : { name: row.name };
      entry.contacts.push({ address: row.address, ...name, certificate: certificate(row.certificate) });
      lines.contacts.push(line);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      tell(error.message);
    }
  }
  const found = [...entries.values()];
  return { entries: found.map(({ entry }) => entry), lines: found.map(({ lines }) => lines), problems };
}

/** Of a cell that may have several. */
function wordsOf(cell: string): string[] {
  return cell.split(/[\s;]+/).filter((word) => word !== '');
}

/** Spreadsheets of half of Europe separate by semicolons. Then several lists or groups of a row are separated by blanks. */
function delimiterOf(csv: string): ',' | ';' {
  const [header = ''] = csv.split('\n', 1);
  return header.includes(';') && !header.includes(',') ? ';' : ',';
}

/**
 * Whose organisation each address is: CSV with the columns `address` and `organisation`. Addresses are in lower case.
 * Throws Refusal('invalid') where it is no such CSV, or names an address twice for different ones.
 */
export function organisationsFromCsv(csv: string): Map<string, string> {
  const organisations = new Map<string, string>();
  for (const { row, line } of readRows(csv, ['address', 'organisation'], 'organisations')) {
    const address = row.address.toLowerCase();
    if ((organisations.get(address) ?? row.organisation) !== row.organisation)
      throw new Refusal('invalid', `Line ${line}: ${JSON.stringify(address)} has another organisation above`);
    organisations.set(address, row.organisation);
  }
  return organisations;
}

function readRows<Column extends string, Optional extends string = never>(
  csv: string,
  columns: readonly Column[],
  what: string,
  optional: readonly Optional[] = [],
): { row: Record<Column, string> & Partial<Record<Optional, string>>; line: number }[] {
  try {
    const rows = parse<{ record: Record<Column, string> & Partial<Record<Optional, string>>; info: { lines: number } }>(csv, {
      bom: true,
      columns: (header: string[]) => checkHeader(header, columns, optional),
      delimiter: delimiterOf(csv),
      info: true,
      skip_empty_lines: true,
      trim: true,
    });
    return rows.map(({ record, info }) => ({ row: record, line: info.lines }));
  } catch (error) {
    if (error instanceof CsvError) throw new Refusal('invalid', `Not the CSV of ${what}: ${error.message}`);
    throw error;
  }
}

function checkHeader(header: string[], columns: readonly string[], optional: readonly string[]): string[] {
  const names = header.map((name) => name.toLowerCase());
  const missing = columns.filter((column) => !names.includes(column));
  const unknown = names.filter((name) => !columns.includes(name) && !optional.includes(name));
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (missing.length + unknown.length + twice.length === 0) return names;
  const named = (what: string, list: readonly string[]) => (list.length > 0 ? `; ${what}: ${list.join(', ')}` : '');
  throw new Refusal(
    'invalid',
    `The first line must name the columns ${columns.join(', ')}${named('missing', missing)}${named('unknown', unknown)}${named('twice', twice)}`,
  );
}

const LARGEST_CERTIFICATE = 1024 * 1024;

/** Reads certificate files of one folder by name, and armors what is binary. What leads out of the folder, by its name or as a link, is refused. */
export function certificateFolder(folder: string): (file: string) => string {
  const real = realpathSync(folder);
  return (file) => {
    const no = (why: string) => new Refusal('invalid', `the certificate ${JSON.stringify(file)} ${why}`);
    if (file === '') throw new Refusal('invalid', 'the name of the certificate file is missing');
    if (basename(file) !== file || file === '..' || file === '.' || file.includes('\0'))
      throw no('must be the name of a file in the certificate folder');
    const path = realpath(join(real, file));
    if (path === undefined) throw no('is not in the certificate folder');
    if (!path.startsWith(real + sep)) throw no('leads out of the certificate folder');
    const { size } = statSync(path);
    if (!statSync(path).isFile() || size > LARGEST_CERTIFICATE) throw no('is no file of at most 1 MiB');
    return certificateText(readFileSync(path));
  };
}

function realpath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
