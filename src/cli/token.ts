import { type Command, InvalidArgumentError, Option } from 'commander';
import { toIso } from '../clock.ts';
import { issueToken, revokeToken, SCOPES, scopesOf } from '../roster/tokens.ts';
import * as contacts from '../store/contacts.ts';
import type { Token, TokenRole, TokenScope } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import { columns, day, days, type LocalOptions, localCommand, print, withLocal } from './local.ts';

interface CreateOptions extends LocalOptions {
  name: string;
  role: TokenRole;
  scope?: TokenScope[];
  person?: string;
  expires?: number;
}

export function register(program: Command): void {
  const token = program.command('token').description('bearer tokens of the API');
  localCommand(token, 'create', 'make a token; it is shown once')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(new Option('--role <role>', 'what it may do').choices(['admin', 'team', 'auditor']).makeOptionMandatory())
    .option('--scope <scope>', `what it may do of that, as ${SCOPES.join(', ')}; may be given again (default: all)`, collectScope)
    .option('--person <address>', 'the contact of the response team who acts with it')
    .option('--expires <days>', 'days until it ends; without this it does not', days)
    .action(create);
  localCommand(token, 'list', 'list the tokens').action(list);
  localCommand(token, 'revoke', 'end a token now').argument('<token>', 'its name or id').action(revoke);
}

function collectScope(text: string, before: TokenScope[] = []): TokenScope[] {
  const scope = SCOPES.find((known) => known === text);
  if (!scope) throw new InvalidArgumentError(`Allowed choices are ${SCOPES.join(', ')}.`);
  return [...before, scope];
}

async function create(options: CreateOptions): Promise<void> {
  const { name, role, scope: scopes, person = null, expires = null } = options;
  const { token } = await withLocal(options, (local) => issueToken(local, { name, role, scopes, person, days: expires }));
  print(options, { token }, [token]);
  if (!options.json) process.stderr.write('Keep it now: it is stored as a hash and cannot be shown again.\n');
}

async function list(options: LocalOptions): Promise<void> {
  const rows = await withLocal(options, async ({ db, clock }) => {
    const people = new Map((await contacts.all(db)).map(({ id, address }) => [id, address]));
    return (await tokens.all(db)).map((token) => shown(token, people.get(token.person_id ?? '') ?? null, clock.now()));
  });
  const table = rows.map((row) => [
    row.id,
    row.name,
    row.role,
    row.scopes?.join(' ') ?? 'all',
    row.person ?? '-',
    row.state,
    row.expires?.slice(0, 10) ?? '-',
    row.lastUsed?.slice(0, 16) ?? '-',
  ]);
  print(options, rows, columns([['ID', 'NAME', 'ROLE', 'SCOPES', 'PERSON', 'STATE', 'EXPIRES', 'LAST USED'], ...table]));
}

function shown(token: Token, person: string | null, now: number) {
  const expired = token.expires_at !== null && token.expires_at <= now;
  return {
    id: token.id,
    name: token.name,
    role: token.role,
    scopes: scopesOf(token),
    person,
    state: token.revoked_at !== null ? 'revoked' : expired ? 'expired' : 'valid',
    created: toIso(token.created_at),
    expires: token.expires_at === null ? null : toIso(token.expires_at),
    revoked: token.revoked_at === null ? null : toIso(token.revoked_at),
    lastUsed: token.last_used_at === null ? null : toIso(token.last_used_at),
  };
}

async function revoke(nameOrId: string, options: LocalOptions): Promise<void> {
  const { id, name, revoked_at } = await withLocal(options, (local) => revokeToken(local, nameOrId));
  print(options, { id, name, revoked: revoked_at === null ? null : toIso(revoked_at) }, [
    `"${name}" is revoked since ${day(revoked_at)}`,
  ]);
}
