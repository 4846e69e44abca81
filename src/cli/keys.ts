import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { toIso } from '../clock.ts';
import { readPassphrase } from '../config.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import { renewListKey, writeListKey } from '../pgp/keyring.ts';
import { type ListCertificate, listCertificate } from '../pgp/list-certificate.ts';
import { Refusal } from '../refusal.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';
import { columns, day, days, type Local, type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { askSecret } from './prompt.ts';

export function register(program: Command): void {
  const keys = program.command('keys').description('keys of the lists');
  localCommand(keys, 'list', 'list the keys: whose they are and when they expire').action(list);
  localCommand(keys, 'export', 'print the armored certificate of a list').argument('<address>', 'of the list').action(exportKey);
  localCommand(keys, 'renew', "extend a list key's expiry; the key itself stays")
    .argument('<address>', 'of the list')
    .option('--days <days>', 'from now', days, 730)
    .action(renew);
}

async function list(options: LocalOptions): Promise<void> {
  const rows = await withLocal(options, async (local) => {
    const all = await lists.all(local.db);
    return await Promise.all(all.map((each) => keyOf(local, each)));
  });
  const table = rows.map((row) => [row.address, row.role, row.fingerprint, row.expires?.slice(0, 10) ?? '-', row.state]);
  print(options, rows, columns([['ADDRESS', 'ROLE', 'FINGERPRINT', 'EXPIRES', 'STATE'], ...table]));
}

async function keyOf({ config, clock }: Local, { address, role, fingerprint }: List) {
  const key = await readKey(config.keys, fingerprint).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const expiresAt = key?.expiresAt ?? null;
  return {
    address,
    role,
    fingerprint,
    expires: expiresAt === null ? null : toIso(expiresAt),
    state: !key ? 'missing' : expiresAt !== null && expiresAt <= clock.now() ? 'expired' : 'valid',
  };
}

async function exportKey(address: string, options: LocalOptions): Promise<void> {
  const { fingerprint, certificate } = await withLocal(options, async ({ config, db }) =>
    readKey(config.keys, (await known(db, address)).fingerprint),
  );
  const armored = armorCertificate(certificate);
  print(options, { address: address.toLowerCase(), fingerprint, certificate: armored }, [armored.trimEnd()]);
}

async function renew(address: string, options: LocalOptions & { days: number }): Promise<void> {
  const renewed = await withLocal(options, async ({ config, db, clock }) => {
    const { fingerprint } = await known(db, address);
    const { armored } = await readKey(config.keys, fingerprint);
    const passphrase = await readPassphrase(config, askSecret);
    const key = await renewListKey({ armored, passphrase, now: clock.now(), days: options.days });
    await writeListKey(config.keys, key, { replace: true });
    return key;
  });
  const { fingerprint, expiresAt } = renewed;
  const expires = expiresAt === null ? null : toIso(expiresAt);
  print(options, { address: address.toLowerCase(), fingerprint, expires }, [
    `${address} ${fingerprint} is valid to ${day(expiresAt)}.`,
    'Restart the server, and publish the certificate again (curfew keys export).',
  ]);
}

async function known(db: Local['db'], address: string): Promise<List> {
  const list = await lists.byAddress(db, address);
  if (!list) throw new Refusal('not-found', `There is no list ${address}`);
  return list;
}

async function readKey(folder: string, fingerprint: string): Promise<ListCertificate & { armored: string }> {
  const armored = await readFile(join(folder, `${fingerprint}.asc`), 'utf8');
  return { armored, ...(await listCertificate(armored)) };
}
