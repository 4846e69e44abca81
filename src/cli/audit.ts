import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { type Fault, type MailedHead, verifyLog } from '../audit/verify.ts';
import * as audit from '../store/audit.ts';
import { readNamed } from './file.ts';
import { type LocalOptions, localCommand, print, withLocal } from './local.ts';

export function register(program: Command): void {
  const command = program.command('audit').description('the log of everything that was done');
  localCommand(command, 'export', 'print the whole log, a JSON object a line, for `audit verify`')
    .option('--format <format>', 'jsonl, the only one', 'jsonl')
    .option('--out <file>', 'where to write it (default: standard output)')
    .action(exportLog);
  command
    .command('verify')
    .description('verify an export, without the server or its database')
    .argument('<export>', 'what `audit export` printed; - for standard input')
    .requiredOption('--key <certificate>', 'the certificate of the intake list, which signs heads')
    .option('--head <file>', 'audit-head-N.txt of a mail, its .asc beside it (repeat it for more)', collect, [])
    .option('--json', 'print JSON')
    .action(verify);
}

const collect = (value: string, all: string[]) => [...all, value];

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
  key: string;
  head: string[];
  json?: true;
}

/** Exit 1 where anything is wrong with it. */
async function verify(file: string, { key, head, json }: VerifyOptions): Promise<void> {
  const heads: MailedHead[] = head.map((name) => ({ name, statement: readNamed(name), signature: readNamed(`${name}.asc`) }));
  const input = file === '-' ? process.stdin : createReadStream(file);
  const lines = createInterface({ input, crlfDelay: 0 });
  const verified = await verifyLog(lines, readNamed(key), heads);
  const { faults, ...said } = verified;
  const whole = faults.length === 0;
  print(json ? { json } : {}, { whole, ...said, faults }, [
    `${said.lines} lines, the last with SHA-256 ${said.hash}`,
    `${said.heads} signed heads hold; the last covers ${said.covered} lines`,
    ...faults.map(faultLine),
    whole ? 'The log is whole.' : 'THE LOG IS NOT WHOLE.',
  ]);
  if (!whole) process.exitCode = 1;
}

function faultLine({ line, text }: Fault): string {
  return line === 0 ? text : `line ${line}: ${text}`;
}
