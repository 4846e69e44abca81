import type { Command } from 'commander';
import { toIso } from '../clock.ts';
import { confirmIdentity, forgetIdentities } from '../roster/sign-in.ts';
import * as identities from '../store/identities.ts';
import { misused } from './client.ts';
import { columns, type LocalOptions, localCommand, print, withLocal } from './local.ts';
import { printable } from './printable.ts';

export function register(program: Command): void {
  const identity = program.command('identity').description('whose the accounts of the identity provider are');
  localCommand(identity, 'list', 'list the accounts: those that are somebody’s, and those that say so').action(list);
  localCommand(identity, 'confirm', 'say that an account is the person’s whose it says it is; it replaces the one before')
    .argument('<address>', 'the person’s')
    .argument('<subject>', 'the account, as the provider calls it')
    .action(confirm);
  localCommand(identity, 'forget', 'take all accounts from a person, and end what they signed in')
    .argument('<address>', 'the person’s')
    .action(forget);
}

async function list(options: LocalOptions): Promise<void> {
  const rows = await withLocal(options, async ({ db }) =>
    (await identities.all(db)).map(({ address, issuer, subject, created_at, confirmed_at, signed_in_at }) => ({
      person: address,
      issuer,
      subject,
      state: confirmed_at === null ? 'waits' : 'confirmed',
      created: toIso(created_at),
      confirmed: confirmed_at === null ? null : toIso(confirmed_at),
      signedIn: signed_in_at === null ? null : toIso(signed_in_at),
    })),
  );
  const table = rows.map(({ person, state, subject, issuer, signedIn }) => [
    person,
    state,
    subject,
    issuer,
    signedIn?.slice(0, 16) ?? '-',
  ]);
  print(options, rows, columns([['PERSON', 'STATE', 'SUBJECT', 'ISSUER', 'SIGNED IN'], ...table]).map(printable));
}

async function confirm(person: string, subject: string, options: LocalOptions): Promise<void> {
  await withLocal(options, (local) => {
    const { issuer } = local.config.oidc;
    if (issuer === null) throw misused('oidc.issuer: is null; nobody signs in here');
    return confirmIdentity(local, person, { issuer, subject });
  });
  print(options, { person, subject, state: 'confirmed' }, [`${person} signs in with that account from now on`]);
}

async function forget(person: string, options: LocalOptions): Promise<void> {
  const { accounts, sessions } = await withLocal(options, (local) => forgetIdentities(local, person));
  print(options, { person, accounts, sessions }, [`${accounts} accounts are forgotten, ${sessions} sign-ins ended`]);
}
