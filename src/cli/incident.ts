import { type Command, Option } from 'commander';
import type { Static } from 'typebox';
import { IncidentView } from '../http/schemas.ts';
import { connect, everyPage, type RemoteOptions, remoteCommand } from './client.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

type View = Static<typeof IncidentView>;

interface ListOptions extends RemoteOptions {
  state: 'open' | 'closed' | 'any';
  case?: string;
}

export function register(program: Command): void {
  const command = program
    .command('incident')
    .description('mails on their way to the public with something under embargo, over the API of a running server');
  remoteCommand(command, 'list', 'list the incidents, newest first')
    .addOption(new Option('--state <state>', 'in which state').choices(['open', 'closed', 'any']).default('open'))
    .option('--case <case>', 'of this case alone')
    .action(list);
  remoteCommand(command, 'show', 'show an incident: who sent it, and what of which case was recognised')
    .argument('<incident>', 'its id')
    .action(show);
  remoteCommand(command, 'close', 'say that it was dealt with')
    .argument('<incident>', 'its id')
    .requiredOption('--reason <reason>', 'recorded in the audit log')
    .action(close);
}

const at = (id: string, rest = '') => `/incidents/${encodeURIComponent(id)}${rest}`;

async function list(options: ListOptions): Promise<void> {
  const state = options.state === 'any' ? undefined : options.state;
  const items = await everyPage(connect(options), '/incidents', IncidentView, { query: { state, caseId: options.case } });
  const rows = items.map((one) => [one.id, one.state, one.at, one.caseId, one.kind, String(one.mails), one.sender ?? '-']);
  print(options, items, columns([['ID', 'STATE', 'AT', 'CASE', 'KIND', 'MAILS', 'SENDER'], ...rows]).map(printable));
}

async function show(id: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`GET ${at(id)}`, IncidentView));
}

async function close(id: string, options: RemoteOptions & { reason: string }): Promise<void> {
  tell(options, await connect(options).ask(`POST ${at(id, '/close')}`, IncidentView, { reason: options.reason }));
}

function tell(options: RemoteOptions, one: View): void {
  const lines = [
    `${one.id}, ${one.state}`,
    `Case:        ${one.caseId}`,
    `Recognised:  ${one.kind}, in: ${one.place}, ${one.percent} % of it`,
    `List:        ${one.listId}, ${one.refused ? 'which refused it' : 'beside a public address'}`,
    `Sender:      ${one.sender ?? '-'} (envelope), ${one.from ?? '-'} (From)`,
    `Signed by:   ${one.signerId ?? 'nobody of the roster'}`,
    `Encrypted:   ${one.encrypted ? 'yes' : 'no'}`,
    `Mails:       ${one.mails}, ${one.at} to ${one.lastAt}`,
    `Told:        ${one.toldAt ?? 'not yet'}`,
    `Closed:      ${one.closedAt === null ? '-' : `${one.closedAt} by ${one.closedBy}`}`,
  ];
  print(options, one, lines.map(printable));
}
