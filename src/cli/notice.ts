import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Refusal } from '../refusal.ts';
import { type Described, describe, readWords } from '../wording/read.ts';
import { columns, type LocalOptions, localCommand, print } from './local.ts';

export function register(program: Command): void {
  const notice = program.command('notice').description('the mails that Curfew writes, and the words of the project for them');
  localCommand(notice, 'list', 'list the notices that can be worded otherwise, and what each can name').action(list);
  localCommand(notice, 'show', 'show one as it would be sent, filled in with examples')
    .argument('<file>', 'its file, as "member-changed.txt"')
    .action(show);
}

function described({ config }: LocalOptions): Described[] {
  return describe(readWords(loadConfig(config).notices));
}

function list(options: LocalOptions): void {
  const all = described(options).map(({ file, names }) => ({ file, names }));
  print(options, all, columns([['FILE', 'NAMES'], ...all.map(({ file, names }) => [file, names.join(' ')])]));
}

function show(file: string, options: LocalOptions): void {
  const all = described(options);
  const found = all.find((one) => one.file === file || one.file === `${file}.txt`);
  if (!found) throw new Refusal('not-found', `There is no notice ${file}; there are ${all.map((one) => one.file).join(', ')}`);
  const { subject, text } = found.example;
  print(options, found, [`Subject: ${subject}`, '', text.trimEnd()]);
}
