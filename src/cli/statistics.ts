import type { Command } from 'commander';
import { StatisticsView } from '../http/schemas.ts';
import { connect, type RemoteOptions, remoteCommand } from './client.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

interface Options extends RemoteOptions {
  from?: string;
  to?: string;
}

export function register(program: Command): void {
  remoteCommand(program, 'statistics', 'how long cases were kept back, and whether they were released on time')
    .option('--from <instant>', 'with its offset from UTC (default: 365 days before the end)')
    .option('--to <instant>', 'the end (default: now)')
    .action(show);
}

async function show({ from, to, ...options }: Options): Promise<void> {
  const query = new URLSearchParams({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
  const found = await connect(options).ask(`GET /statistics${query.size === 0 ? '' : `?${query}`}`, StatisticsView);
  const { reports, rejected, duplicates, released, onTime, late, severity, median } = found;
  const days = (value: number | null) => (value === null ? '-' : `${value.toFixed(2)} d`);
  const rows = found.cases.map((one) => [
    one.id,
    one.severity ?? 'unrated',
    days(one.embargoed),
    days(one.reportToPublic),
    one.onTime ? 'yes' : 'no',
    one.cause ?? '',
  ]);
  const ratings = Object.entries(severity).map(([rating, count]) => `${count} ${rating}`);
  print(
    options,
    found,
    [
      `From ${found.from} to ${found.to}`,
      `Reports:   ${reports}, of them ${rejected} rejected and ${duplicates} duplicates`,
      `Released:  ${released}, of them ${onTime} on time and ${late} not`,
      `Severity:  ${ratings.join(', ') || '-'}`,
      `Median:    embargoed ${days(median.embargoed)}, report to public ${days(median.reportToPublic)}`,
      '',
      ...columns([['ID', 'SEVERITY', 'EMBARGOED', 'REPORT TO PUBLIC', 'ON TIME', 'CAUSE'], ...rows]),
    ].map(printable),
  );
}
