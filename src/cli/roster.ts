import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { createPgp, type Pgp } from '../pgp/pool.ts';
import { Refusal } from '../refusal.ts';
import { decide } from '../roster/admission.ts';
import { setContactActive } from '../roster/contacts.ts';
import { certificateFolder, entriesFromCsv } from '../roster/csv.ts';
import { type EntryLines, type LocatedProblem, locate, type RosterProblem } from '../roster/entries.ts';
import { exportRoster } from '../roster/export.ts';
import { type ImportOptions, type ImportReport, importRoster, type ReportedRenewal, type Telling } from '../roster/import.ts';
import { importSchleuder } from '../roster/schleuder.ts';
import { teamList } from '../roster/tell.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import * as members from '../store/members.ts';
import { readWords } from '../wording/read.ts';
import { readJson, readText } from './file.ts';
import { readKey } from './keys.ts';
import { type Local, type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { printable } from './printable.ts';
import { progressBar } from './progress.ts';
import { listMapping, readSource, reportLines, type SchleuderOptions } from './schleuder.ts';

interface ImportCommand extends LocalOptions, Partial<SchleuderOptions> {
  certificates?: string;
  activate?: true;
  reason?: string;
  quiet?: true;
  dryRun?: true;
  acceptChangedCertificates?: true;
  leaveOut?: true;
}

export function register(program: Command): void {
  const roster = program.command('roster').description('members, their contacts and certificates, as a whole');
  const take = localCommand(
    roster,
    'import',
    'take over members from JSON, from CSV with a folder of certificates, or from Schleuder',
  )
    .argument('[file]', 'JSON, or CSV where the name ends in .csv')
    .option('--certificates <folder>', 'where the certificate files of a CSV are (default: the folder of the CSV)')
    .option('--schleuder <path>', 'in place of a file: the folder of a Schleuder (with db.sqlite and lists), or its database')
    .option('--list <old=new>', 'which list of Schleuder becomes which one here; once for each that is taken', listMapping)
    .option('--lists-dir <folder>', 'the GnuPG homes of its lists (default: lists, beside the database)')
    .option('--organisations <file>', 'CSV with the columns address,organisation (default: the domain of the address)')
    .option('--activate', 'make the members active at once (needs --reason)')
    .option('--reason <reason>', 'why they are vouched for; recorded with each member')
    .option(
      '--quiet',
      'send no mail: neither to those who become active or are changed, nor to those who are to prove their keys',
    )
    .option(
      '--accept-changed-certificates',
      'let certificates count at once by which another key is encrypted to; else these wait for `contact approve`',
    )
    .option(
      '--leave-out',
      'of a file: take what is right, and tell on standard error what is left out; else nothing is taken where anything is wrong',
    )
    .option('--dry-run', 'check everything, write nothing')
    .action(async (file: string | undefined, options: ImportCommand) => {
      if (Boolean(options.activate) !== (options.reason !== undefined))
        take.error('error: --activate and --reason belong together');
      const { schleuder } = options;
      if (file !== undefined && schleuder === undefined) return importFile(file, options);
      if (file === undefined && schleuder !== undefined) return importFrom({ ...options, schleuder });
      take.error('error: a file or --schleuder is needed, and not both');
    });
  localCommand(
    roster,
    'reinstate',
    'make a suspended member, or a retired contact, active again; who is of the response team comes back in this way alone',
  )
    .argument('<member|address>', 'the name of the organisation, or the address of the contact')
    .requiredOption('--reason <reason>', 'recorded, and told to those who are back and the other contacts of the organisation')
    .action(reinstate);
  const give =
    'print the members who get copies as JSON, in the form that import reads; who is left out is told on standard error';
  localCommand(roster, 'export', give).action(exportFile);
}

async function reinstate(who: string, options: LocalOptions & { reason: string }): Promise<void> {
  const pgp = createPgp(1);
  const taking = withLocal(options, async (local) => {
    const seams = { ...local, pgp, ...(await telling(local)) };
    return who.includes('@') ? contactBack(seams, who, options.reason) : memberBack(seams, who, options.reason);
  });
  const back = await taking.finally(() => pgp.close());
  print(options, back, [printable(`${'address' in back ? back.address : `"${back.organisation}"`} acts and gets mail again`)]);
}

type Reinstating = Local & Telling & { pgp: Pgp };

async function contactBack(seams: Reinstating, called: string, reason: string) {
  const contact = await contacts.byAddress(seams.db, called);
  if (!contact) throw new Refusal('not-found', `There is no contact ${called}`);
  const { address, name } = await setContactActive(seams, contact.id, true, reason);
  return { address, name, active: true };
}

async function memberBack(seams: Reinstating, called: string, reason: string) {
  const member = await members.byOrganisation(seams.db, called);
  if (!member) throw new Refusal('not-found', `There is no member "${called}"`);
  const { organisation, state } = await decide(seams, seams, member.id, 'reinstate', { reason });
  return { organisation, state };
}

async function importFile(file: string, options: ImportCommand): Promise<void> {
  const read = readRoster(file, options.certificates);
  const how = { problems: read.problems, leaveOut: options.leaveOut === true };
  const made = await importing(options, (seams, more) => importRoster(seams, read.entries, { ...more, ...how }));
  const located = (problems: readonly RosterProblem[]) => problems.map((one) => locate(one, read.entries, read.lines));
  const report = { ...made, problems: located(made.problems), leftOut: made.leftOut && located(made.leftOut) };
  for (const one of report.leftOut ?? []) process.stderr.write(`${printable(`Left out: ${lineOf(one).trim()}`)}\n`);
  if (report.problems.length === 0) return print(options, report, [summary(report), ...changeLines(report)]);
  if (options.json) print(options, report, []);
  const count = report.problems.length === 1 ? '1 problem' : `${report.problems.length} problems`;
  throw new Refusal('invalid', [`Nothing was imported: ${count} in ${file}`, ...report.problems.map(lineOf)].join('\n'));
}

async function importFrom(options: ImportCommand & SchleuderOptions): Promise<void> {
  const bar = progressBar(options);
  const known = await withLocal(options, ({ db }) => certificates.keptFingerprints(db));
  const told = (done: number, total: number) => bar.show('Exporting from GnuPG', done, total);
  const source = await readSource(options, known, told).finally(bar.clear);
  const report = await importing(options, (seams, how) => importSchleuder(seams, source, how));
  const lines = [summary(report), ...changeLines(report), ...reportLines(source.lists, report)];
  print(options, { ...report, lists: source.lists }, lines);
}

type Importing = Pick<ImportOptions, 'activate' | 'tell' | 'dryRun' | 'acceptChanged' | 'progress'>;

/** With a thread for each processor, and a bar where somebody looks. */
async function importing<Report>(
  options: ImportCommand,
  act: (seams: Local & { pgp: Pgp }, how: Importing) => Promise<Report>,
): Promise<Report> {
  const pgp = createPgp(availableParallelism());
  const bar = progressBar(options);
  const how: Omit<Importing, 'tell'> = {
    activate: options.reason === undefined ? null : { reason: options.reason },
    dryRun: options.dryRun === true,
    acceptChanged: options.acceptChangedCertificates === true,
    progress: (step, done, total) => bar.show(DOING[step], done, total),
  };
  const taking = withLocal(options, async (local) => {
    const tells = !how.dryRun && options.quiet !== true;
    return act({ ...local, pgp }, tells ? { ...how, tell: { pgp, ...(await telling(local)) } } : how);
  });
  return await taking.finally(() => pgp.close()).finally(bar.clear);
}

/** The server sends the mails. To write them takes the certificate of the list alone, and no passphrase. */
async function telling({ config, db }: Local): Promise<Omit<Telling, 'pgp'>> {
  const { fingerprint } = await teamList(db);
  const key = await readKey(config.keys, fingerprint);
  const find = (named: string) => (named === fingerprint ? key : undefined);
  return { keyring: { find }, words: readWords(config.notices), project: config.project };
}

const DOING = { reading: 'Reading certificates', telling: 'Writing mails', writing: 'Writing members' } as const;

async function exportFile(options: LocalOptions): Promise<void> {
  const bar = progressBar(options);
  const told = (done: number, total: number) => bar.show('Exporting members', done, total);
  const pgp = createPgp(availableParallelism());
  const exporting = withLocal(options, (local) => exportRoster({ ...local, pgp }, told));
  const { entries, remarks } = await exporting.finally(() => pgp.close()).finally(bar.clear);
  for (const { organisation, address, remark } of remarks) {
    const who = address === null ? `"${organisation}"` : `${address} ("${organisation}")`;
    process.stderr.write(`${printable(`${who} ${remark}`)}\n`);
  }
  print({ json: true }, entries, []);
}

function readRoster(
  file: string,
  folder: string | undefined,
): { entries: unknown; lines: EntryLines[]; problems: RosterProblem[] } {
  if (!file.toLowerCase().endsWith('.csv')) return { entries: readJson(file), lines: [], problems: [] };
  return entriesFromCsv(readText(file), certificateFolder(folder ?? dirname(file)));
}

function lineOf({ entry, line, organisation, address, problem }: LocatedProblem): string {
  if (entry === null) return problem;
  const where = line === undefined ? `entry ${entry}` : `line ${line}`;
  const whose = [organisation === null ? [] : JSON.stringify(organisation), address ?? []].flat();
  return `  ${[where, ...whose].join(', ')}: ${problem}`;
}

function summary(report: Omit<ImportReport, 'problems' | 'leftOut'>): string {
  const { written, members, contacts, activated, renewed, waiting, unchanged } = report;
  const some = (count: number, what: string) => (count === 0 ? '' : `${count} ${what}, `);
  const changed = [
    some(waiting, 'waiting for approval'),
    some(report.vouched.length, 'vouched for'),
    some(report.putOnLists.length, 'put on lists'),
    some(report.putIntoGroups.length, 'put into groups'),
  ].join('');
  const counts = `${members} new members, ${contacts} new contacts, ${activated} activated, ${renewed} renewed, ${changed}${unchanged} unchanged`;
  return written ? `Imported: ${counts}` : `Would import: ${counts}`;
}

/** What changes of members who are there, one a line. */
function changeLines({ vouched, putOnLists, putIntoGroups, renewals }: Omit<ImportReport, 'problems' | 'leftOut'>): string[] {
  return [
    ...vouched.map(({ organisation, address }) =>
      printable(`  ${organisation}: ${address} has copies without a proof of his key`),
    ),
    ...putOnLists.map(({ organisation, list }) => printable(`  ${organisation}: put on ${list}`)),
    ...putIntoGroups.map(({ organisation, group }) => printable(`  ${organisation}: put into the group ${group}`)),
    ...renewals.map(renewalLine),
  ];
}

function renewalLine({ organisation, address, fingerprint, encryptionKey, whyNot, waits, holds }: ReportedRenewal): string {
  const { before, after } = encryptionKey;
  if (whyNot !== null) return `  ${address}: the certificate cannot be used now (${whyNot}): copies are held`;
  if (before === after) return `  ${address}: encrypted to ${after}, as before`;
  if (!waits) return `  ${address}: encrypted to ${after}, until now to ${before ?? 'none'}`;
  const meanwhile = holds ? 'copies are held until then' : `encrypted to ${before ?? 'none'} until then`;
  const what = `waits for approval, ${meanwhile}; would be encrypted to ${after}`;
  return printable(`  ${address} (${organisation}): ${what}: curfew contact approve ${address} ${fingerprint}`);
}
