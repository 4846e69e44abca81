import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { jsonFault } from '../json-fault.ts';
import { createPgp } from '../pgp/pool.ts';
import { Refusal } from '../refusal.ts';
import { certificateFolder, entriesFromCsv } from '../roster/csv.ts';
import type { RosterProblem } from '../roster/entries.ts';
import { exportRoster } from '../roster/export.ts';
import { type ImportReport, importRoster, type ReportedRenewal } from '../roster/import.ts';
import { readNamed } from './file.ts';
import { type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { progressBar } from './progress.ts';

interface ImportCommand extends LocalOptions {
  certificates?: string;
  activate?: true;
  reason?: string;
  dryRun?: true;
}

export function register(program: Command): void {
  const roster = program.command('roster').description('members, their contacts and certificates, as a whole');
  const take = localCommand(roster, 'import', 'take over members from JSON, or from CSV with a folder of certificates')
    .argument('<file>', 'JSON, or CSV where the name ends in .csv')
    .option('--certificates <folder>', 'where the certificate files of a CSV are (default: the folder of the CSV)')
    .option('--activate', 'make the members active at once (needs --reason)')
    .option('--reason <reason>', 'why they are vouched for; recorded with each member')
    .option('--dry-run', 'check everything, write nothing')
    .action(async (file: string, options: ImportCommand) => {
      if (Boolean(options.activate) !== (options.reason !== undefined))
        take.error('error: --activate and --reason belong together');
      await importFile(file, options);
    });
  localCommand(roster, 'export', 'print the roster as JSON, in the form that import reads').action(exportFile);
}

async function importFile(file: string, options: ImportCommand): Promise<void> {
  const read = readRoster(file, options.certificates);
  const pgp = createPgp(availableParallelism());
  const bar = progressBar(options);
  const taking = withLocal(options, (local) =>
    importRoster({ ...local, pgp }, read.entries, {
      activate: options.reason === undefined ? null : { reason: options.reason },
      dryRun: options.dryRun === true,
      problems: read.problems,
      progress: (step, done, total) => bar.show(DOING[step], done, total),
    }),
  );
  const report = await taking.finally(() => pgp.close()).finally(bar.clear);
  if (report.problems.length === 0) return print(options, report, [summary(report), ...report.renewals.map(renewalLine)]);
  if (options.json) print(options, report, []);
  const count = report.problems.length === 1 ? '1 problem' : `${report.problems.length} problems`;
  throw new Refusal('invalid', [`Nothing was imported: ${count} in ${file}`, ...report.problems.map(line)].join('\n'));
}

const DOING = { reading: 'Reading certificates', writing: 'Writing members' } as const;

async function exportFile(options: LocalOptions): Promise<void> {
  const bar = progressBar(options);
  const told = (done: number, total: number) => bar.show('Exporting members', done, total);
  const entries = await withLocal(options, ({ db }) => exportRoster(db, told)).finally(bar.clear);
  print({ json: true }, entries, []);
}

function readRoster(file: string, folder: string | undefined): { entries: unknown; problems: RosterProblem[] } {
  const text = readNamed(file).toString('utf8');
  if (file.toLowerCase().endsWith('.csv')) return entriesFromCsv(text, certificateFolder(folder ?? dirname(file)));
  const fault = jsonFault(text);
  if (fault) throw new Refusal('invalid', `${file} is not JSON: line ${fault.line}, column ${fault.column}`);
  return { entries: JSON.parse(text), problems: [] };
}

function line({ entry, address, problem }: RosterProblem): string {
  const where = entry === null ? '' : `  entry ${entry}${address === null ? '' : `, ${address}`}: `;
  return `${where}${problem}`;
}

function summary({ written, members, contacts, activated, renewed, unchanged }: ImportReport): string {
  const counts = `${members} new members, ${contacts} new contacts, ${activated} activated, ${renewed} renewed, ${unchanged} unchanged`;
  return written ? `Imported: ${counts}` : `Would import: ${counts}`;
}

function renewalLine({ address, encryptionKey: { before, after }, whyNot }: ReportedRenewal): string {
  if (whyNot !== null) return `  ${address}: the certificate cannot be used now (${whyNot}): copies are held`;
  if (before === after) return `  ${address}: encrypted to ${after}, as before`;
  return `  ${address}: encrypted to ${after}, until now to ${before ?? 'none'}`;
}
