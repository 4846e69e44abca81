import type { Command } from 'commander';
import type { Static } from 'typebox';
import { CaseView, DetailsView } from '../http/schemas.ts';
import { Refusal } from '../refusal.ts';
import { connect, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { print } from './local.ts';
import { printable } from './printable.ts';

type View = Static<typeof CaseView>;

/** What the other commands of a case do as well. */
export interface Shared {
  at: (id: string, rest?: string) => string;
  tell: (options: RemoteOptions, about: View) => void;
}

/** Who works on a case, and what is known of it. */
export function addProcess(command: Command, { at, tell }: Shared): void {
  const add = (name: string, description: string) =>
    remoteCommand(command, name, description).argument('<case>', 'its id, as in ORBIT-2026-0001');
  const moving = (name: string, description: string) => ({
    command: add(name, description),
    move: async (options: RemoteOptions, request: string, body?: object) =>
      tell(options, await connect(options).ask(request, CaseView, body)),
  });

  const lead = moving('lead', 'claim a case that nobody leads');
  lead.command
    .option('--person <address>', 'somebody else than you; for admins')
    .option('--deputy <address>', 'who stands in for the lead')
    .action((id: string, { person, deputy, ...options }: RemoteOptions & { person?: string; deputy?: string }) =>
      lead.move(options, `POST ${at(id, '/lead')}`, {
        ...(person === undefined ? {} : { lead: person }),
        ...(deputy === undefined ? {} : { deputy }),
      }),
    );
  const deputy = moving('deputy', 'name the deputy of the lead; nobody named is none');
  deputy.command
    .argument('[address]', 'of somebody of the response team')
    .action((id: string, address: string | undefined, options: RemoteOptions) =>
      deputy.move(options, `PUT ${at(id, '/deputy')}`, { deputy: address ?? null }),
    );
  const handOver = moving('hand-over', 'ask somebody to be the next lead');
  handOver.command
    .requiredOption('--to <address>', 'of somebody of the response team')
    .action((id: string, { to, ...options }: RemoteOptions & { to: string }) =>
      handOver.move(options, `POST ${at(id, '/handover')}`, { to }),
    );
  const takeOver = moving('take-over', 'take a case over as its lead');
  takeOver.command.action((id: string, options: RemoteOptions) => takeOver.move(options, `POST ${at(id, '/handover/accept')}`));
  const team = moving('team', 'say who of the response team alone works on a case, besides those who lead it');
  team.command
    .argument('[address...]', 'of people of the response team')
    .option('--everyone', 'all of the response team')
    .action((id: string, people: string[], { everyone, ...options }: RemoteOptions & { everyone?: true }) => {
      if (people.length > 0 === (everyone === true)) throw misused('Who works on it? Name people, or --everyone');
      return team.move(options, `PUT ${at(id, '/team')}`, { people });
    });

  add('details', 'show what is known of a case, in clear').action(async (id: string, options: RemoteOptions) =>
    tellDetails(options, await connect(options).ask(`GET ${at(id, '/details')}`, DetailsView)),
  );
  add('describe', 'change what is known of a case: the fields that a file of JSON has, as `case details --json` shows them')
    .requiredOption('--file <file>', 'with an object of fields; - for standard input')
    .action(async (id: string, { file, ...options }: RemoteOptions & { file: string }) =>
      tellDetails(options, await connect(options).ask(`PATCH ${at(id)}`, DetailsView, fieldsIn(readText(file)))),
    );
  add('severity', 'score a case with a CVSS vector')
    .requiredOption('--vector <vector>', 'of CVSS 3.0, 3.1 or 4.0')
    .option('--rating <rating>', 'that the lead gives it instead: none, low, medium, high or critical')
    .option('--reason <words>', 'why')
    .action(async (id: string, { vector, rating, reason, ...options }: SeverityOptions) => {
      if ((rating === undefined) !== (reason === undefined)) throw misused('--rating and --reason go together');
      const body = { vector, ...(rating === undefined ? {} : { override: { rating, reason } }) };
      tellDetails(options, await connect(options).ask(`PUT ${at(id, '/severity')}`, DetailsView, body));
    });
}

interface SeverityOptions extends RemoteOptions {
  vector: string;
  rating?: string;
  reason?: string;
}

function fieldsIn(text: string): object {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read;
  } catch {
    // Said below.
  }
  throw new Refusal('invalid', 'The file is no JSON object of fields, as in {"cve": "CVE-2026-0001"}');
}

function wishLines({ wish }: Static<typeof DetailsView>): string[] {
  if (wish === null) return [];
  if (wish.at === null) return [`Wish:      ${wish.words} (the reporter’s words: no instant with its offset from UTC)`];
  const against = wish.answer?.violations.map(({ code, message }) => `           ${code}: ${message}`) ?? [];
  return [`Wish:      ${wish.at}, as the reporter asks`, ...against];
}

function tellDetails(options: RemoteOptions, view: Static<typeof DetailsView>): void {
  const { details, severity, lacking } = view;
  const lines = [
    `Title:     ${details.title ?? '-'}`,
    `CVE:       ${details.cve ?? '-'}`,
    `CWE:       ${details.cwe.join(', ') || '-'}`,
    `Severity:  ${severity ? `${severity.score.toFixed(1)} ${severity.rating}, ${severity.vector}` : '-'}`,
    ...(details.override ? [`           ${details.override.rating}, as the lead has it: ${details.override.reason}`] : []),
    ...wishLines(view),
    `Lacking:   ${lacking.join(', ') || 'nothing that distributors have to be told'}`,
    '',
    ...JSON.stringify(details, null, 2).split('\n'),
  ];
  print(options, view, lines.map(printable));
}
