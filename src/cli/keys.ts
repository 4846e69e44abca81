import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { record } from '../audit/record.ts';
import { DAY, toIso } from '../clock.ts';
import { readPassphrase } from '../config.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import { isListKeyFile, loadKeyring, renewListKey, writeListKey } from '../pgp/keyring.ts';
import { type ListCertificate, listCertificate } from '../pgp/list-certificate.ts';
import { Refusal } from '../refusal.ts';
import { keepKey, rotateKey } from '../roster/list-keys.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';
import { columns, day, days, type Local, type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { askSecret } from './prompt.ts';

export function register(program: Command): void {
  const keys = program.command('keys').description('keys of the lists');
  localCommand(keys, 'list', 'list the keys: whose they are and when they expire').action(list);
  localCommand(keys, 'export', 'print the armored certificate of a list')
    .argument('<address>', 'of the list')
    .option('--all', 'those of all its keys: the one that signs, then what it had before and is to have next')
    .action(exportKeys);
  localCommand(keys, 'renew', "extend a list key's expiry; the key itself stays")
    .argument('<address>', 'of the list')
    .option('--days <days>', 'from now', days, 730)
    .action(renew);
  localCommand(keys, 'rotate', 'make another key for a list, tell its contacts, and let it sign from then on')
    .argument('<address>', 'of the list')
    .option('--after <days>', 'from now until it signs; its contacts need time to import it', days, 14)
    .option('--days <days>', 'that it is valid, from now', days, 730)
    .option('--cancel', 'call off the one that is on its way')
    .action(rotate);
}

async function list(options: LocalOptions): Promise<void> {
  const rows = await withLocal(options, async (local) => {
    const all = await lists.all(local.db);
    return await Promise.all(all.map((each) => keyOf(local, each)));
  });
  const table = rows.map((row) => [
    row.address,
    row.role,
    row.fingerprint,
    row.expires?.slice(0, 10) ?? '-',
    row.state,
    row.next === null ? '-' : `${row.next.fingerprint} from ${row.next.from.slice(0, 10)}`,
  ]);
  print(options, rows, columns([['ADDRESS', 'ROLE', 'FINGERPRINT', 'EXPIRES', 'STATE', 'NEXT'], ...table]));
}

async function keyOf({ config, clock }: Local, { address, role, fingerprint, next_fingerprint: next, next_at: nextAt }: List) {
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
    next: next === null ? null : { fingerprint: next, from: toIso(nextAt ?? 0) },
    state: !key ? 'missing' : expiresAt !== null && expiresAt <= clock.now() ? 'expired' : 'valid',
  };
}

async function exportKeys(address: string, options: LocalOptions & { all?: true }): Promise<void> {
  const found = await withLocal(options, async ({ config, db }) => {
    const current = await readKey(config.keys, (await known(db, address)).fingerprint);
    return [current, ...(options.all ? await othersOf(config.keys, current) : [])];
  });
  const shown = found.map(({ fingerprint, certificate }) => ({
    address: address.toLowerCase(),
    fingerprint,
    certificate: armorCertificate(certificate),
  }));
  print(
    options,
    options.all ? shown : shown[0],
    shown.map(({ certificate }) => certificate.trimEnd()),
  );
}

/** The other keys of its list that are in the folder. */
async function othersOf(folder: string, { address, fingerprint }: ListCertificate): Promise<ListCertificate[]> {
  const files = (await readdir(folder)).sort().filter(isListKeyFile);
  const others = files.map((file) => basename(file, '.asc')).filter((name) => name !== fingerprint);
  const keys = await Promise.all(others.map((name) => readKey(folder, name)));
  return keys.filter((key) => key.address === address);
}

async function renew(address: string, options: LocalOptions & { days: number }): Promise<void> {
  const renewed = await withLocal(options, async (local) => {
    const { config, db, clock } = local;
    const list = await known(db, address);
    const { armored, expiresAt: before } = await readKey(config.keys, list.fingerprint);
    const end = clock.now() + options.days * DAY;
    if (before !== null && before > end)
      throw new Refusal('invalid', `The key is valid to ${day(before)} already; it is not made to end sooner`);
    const passphrase = await readPassphrase(config, askSecret);
    const key = await renewListKey({ armored, passphrase, now: clock.now(), days: options.days });
    const deed = {
      action: 'list.renew-key',
      subject: `list:${list.id}`,
      detail: { fingerprint: key.fingerprint, expires: key.expiresAt === null ? null : toIso(key.expiresAt) },
    };
    let replaced = false;
    try {
      await db.transaction().execute(async (trx) => {
        await record(trx, local, deed);
        // Last: what cannot be logged does not happen. Where the process ends before the commit, the server tells the contacts of the
        // new expiry at its next start, and logs that.
        replaced = true;
        await writeListKey(config.keys, key, { replace: true });
      });
    } catch (error) {
      if (replaced) await writeListKey(config.keys, { fingerprint: key.fingerprint, armored }, { replace: true });
      throw error;
    }
    return key;
  });
  const { fingerprint, expiresAt } = renewed;
  const expires = expiresAt === null ? null : toIso(expiresAt);
  print(options, { address: address.toLowerCase(), fingerprint, expires }, [
    `${address} ${fingerprint} is valid to ${day(expiresAt)}.`,
    'Restart the server: it then tells the contacts of the list. Publish the certificate again (curfew keys export).',
  ]);
}

async function rotate(address: string, options: LocalOptions & { after: number; days: number; cancel?: true }): Promise<void> {
  if (options.cancel) return keep(address, options);
  const { before, after, at } = await withLocal(options, async ({ config, ...local }) => {
    const passphrase = await readPassphrase(config, askSecret);
    // The one that is there has to open with it, too: the server opens all of them with one.
    await loadKeyring(config.keys, passphrase);
    return rotateKey({ ...local, keys: config.keys, passphrase }, address, options);
  });
  print(options, { address: address.toLowerCase(), before, after, from: toIso(at) }, [
    `${address} will sign with ${after} from ${day(at)} on; until then with ${before}.`,
    'Restart the server: it then tells the contacts of the list, and opens what is encrypted to either key.',
    `Keep ${before}.asc: what was sealed to it opens with nothing else. Publish the new certificate (curfew keys export) from ${day(at)} on.`,
  ]);
}

async function keep(address: string, options: LocalOptions): Promise<void> {
  const { fingerprint } = await withLocal(options, (local) => keepKey(local, address));
  print(options, { address: address.toLowerCase(), fingerprint, next: null }, [
    `${address} goes on to sign with ${fingerprint}. If its contacts were told of another key, tell them so.`,
  ]);
}

async function known(db: Local['db'], address: string): Promise<List> {
  const list = await lists.byAddress(db, address);
  if (!list) throw new Refusal('not-found', `There is no list ${address}`);
  return list;
}

export async function readKey(folder: string, fingerprint: string): Promise<ListCertificate & { armored: string }> {
  const armored = await readFile(join(folder, `${fingerprint}.asc`), 'utf8');
  return { armored, ...(await listCertificate(armored)) };
}
