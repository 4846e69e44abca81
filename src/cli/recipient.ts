import type { Command } from 'commander';
import { toIso } from '../clock.ts';
import { addRecipient, publicList, removeRecipient } from '../roster/recipients.ts';
import * as recipients from '../store/recipients.ts';
import { columns, type LocalOptions, localCommand, print, withLocal } from './local.ts';

export function register(program: Command): void {
  const recipient = program.command('recipient').description('who gets what a public list publishes');
  localCommand(recipient, 'add', 'put an address on a public list')
    .argument('<list>', 'the address of the public list')
    .argument('<address>', 'who is to get it')
    .option('--external', "another's list or archive: gets its own mail, and nothing that is not released")
    .action(add);
  localCommand(recipient, 'remove', 'take an address off a public list')
    .argument('<list>', 'the address of the public list')
    .argument('<address>', 'who gets it no more')
    .action(remove);
  localCommand(recipient, 'list', 'list the addresses of a public list')
    .argument('<list>', 'the address of the public list')
    .action(list);
}

async function add(list: string, address: string, options: LocalOptions & { external?: true }): Promise<void> {
  const kind = options.external ? 'external' : 'subscriber';
  const row = await withLocal(options, (local) => addRecipient(local, { list, address, kind }));
  print(options, { id: row.id, list: list.toLowerCase(), address: row.address, kind }, [`${row.address} gets ${list} (${kind})`]);
}

async function remove(list: string, address: string, options: LocalOptions): Promise<void> {
  await withLocal(options, (local) => removeRecipient(local, list, address));
  print(options, { list: list.toLowerCase(), address: address.toLowerCase(), removed: true }, [
    `${address} gets ${list} no more`,
  ]);
}

async function list(address: string, options: LocalOptions): Promise<void> {
  const found = await withLocal(options, async ({ db }) => recipients.ofList(db, (await publicList(db, address)).id));
  const rows = found.map((row) => ({ id: row.id, address: row.address, kind: row.kind, created: toIso(row.created_at) }));
  print(options, rows, columns([['ADDRESS', 'KIND'], ...rows.map((row) => [row.address, row.kind])]));
}
