import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Static } from 'typebox';
import { type Fault, type MailedHead, type Verified, verifyLog } from '../audit/verify.ts';
import { AuditView } from '../http/schemas.ts';
import * as audit from '../store/audit.ts';
import { certificatesIn } from './certificates.ts';
import { connect, everyPage, type RemoteOptions, remoteCommand } from './client.ts';
import { readNamed } from './file.ts';
import { linesOf } from './lines.ts';
import { collect, columns, type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { printable } from './printable.ts';

export function register(program: Command): void {
  const command = program.command('audit').description('the log of everything that was done');
  remoteCommand(command, 'list', 'list what was done, newest first, over the API of a running server')
    .option('--actor <actor>', 'who: "person:ID", "token:ID", "host:USER" or "system"')
    .option('--action <action>', 'what, as in "case.approve"')
    .option('--subject <subject>', 'to what, as in "case:ORBIT-2026-0001"')
    .option('--from <instant>', 'since when, with its offset from UTC: 2026-09-22T16:00:00Z')
    .option('--to <instant>', 'before when')
    .option('--limit <lines>', 'how many at most', lines, 50)
    .action(list);
  localCommand(command, 'export', 'print the whole log, a JSON object a line, for `audit verify`')
    .addOption(new Option('--format <format>', 'a JSON object a line').choices(['jsonl']).default('jsonl'))
    .option('--out <file>', 'where to write it (default: standard output)')
    .action(exportLog);
  command
    .command('verify')
    .description('verify an export, without the server or its database')
    .argument('<export>', 'what `audit export` printed; - for standard input')
    .requiredOption(
      '--key <certificate>',
      'a file with certificates of the intake list, which signs heads, as `keys export --all` or `gpg --export` writes it (repeat it for more)',
      collect,
    )
    .option('--head <file>', 'audit-head-N.txt of a mail, its .asc beside it (repeat it for more)', collect, [])
    .option('--json', 'print JSON')
    .action(verify);
}

function lines(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number of lines.');
  return Number(text);
}

interface ListOptions extends RemoteOptions {
  actor?: string;
  action?: string;
  subject?: string;
  from?: string;
  to?: string;
  limit: number;
}

async function list(options: ListOptions): Promise<void> {
  const { actor, action, subject, from, to, limit } = options;
  const query = { actor, action, subject, from, to };
  const items = await everyPage(connect(options), '/audit', AuditView, { query, most: limit });
  const rows = items.map((item) => [
    String(item.seq),
    item.at,
    whoOf(item.actor),
    item.action,
    item.subject,
    JSON.stringify(item.detail),
  ]);
  print(options, items, columns([['LINE', 'AT', 'BY', 'ACTION', 'SUBJECT', 'DETAIL'], ...rows]).map(printable));
}

function whoOf({ type, name, id }: Static<typeof AuditView>['actor']): string {
  return type === 'person' ? (name ?? type) : id === null ? type : `${type}:${name ?? id}`;
}

async function exportLog(options: LocalOptions & { out?: string; format: string }): Promise<void> {
  const out = options.out === undefined ? process.stdout : createWriteStream(options.out, { mode: 0o600 });
  await withLocal(options, ({ db }) =>
    pipeline(Readable.from(withLineEnds(audit.lines(db))), out, { end: options.out !== undefined }),
  );
}

async function* withLineEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

interface VerifyOptions {
  key: string[];
  head: string[];
  json?: true;
}

/** What a chain without a fault is worth. */
function sayWhole({ lines: many, heads, covered }: Pick<Verified, 'lines' | 'heads' | 'covered'>): string {
  if (many === 0) return 'THERE IS NO LINE IN IT: no log of Curfew is empty.';
  if (heads > 0 && covered === many) return 'The log is whole.';
  const rest = covered + 1 === many ? `line ${many}` : `lines ${covered + 1} to ${many}`;
  if (heads > 0)
    return `The log is whole as far as line ${covered}; the chain holds from there on, and nothing signed covers ${rest}.`;
  return 'The chain holds; nothing signed covers it: whoever can write the database could have made all of it.';
}

/** Exit 1 where anything is wrong with it, and where nothing that was signed speaks for it. */
async function verify(file: string, { key, head, json }: VerifyOptions): Promise<void> {
  const heads: MailedHead[] = head.map((name) => ({ name, statement: readNamed(name), signature: readNamed(`${name}.asc`) }));
  const certificates = (await Promise.all(key.map(certificatesIn))).flat().map(({ data }) => data);
  // Opened first: a stream of a file that is not there fails before anybody listens to it.
  const log = file === '-' ? process.stdin : (await open(file)).createReadStream();
  const verified = await verifyLog(linesOf(log), certificates, heads);
  const { faults, ...said } = verified;
  const whole = faults.length === 0 && said.lines > 0;
  print(json ? { json } : {}, { whole, ...said, faults }, [
    `${said.lines} lines, the last with SHA-256 ${said.hash}`,
    `${said.heads} signed heads hold; the last covers ${said.covered} lines`,
    ...faults.map(faultLine),
    faults.length === 0 ? sayWhole(said) : 'THE LOG IS NOT WHOLE.',
  ]);
  if (!whole || said.heads === 0) process.exitCode = 1;
}

function faultLine({ line, text }: Fault): string {
  return line === 0 ? text : `line ${line}: ${text}`;
}
