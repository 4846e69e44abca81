import { createHash } from 'node:crypto';
import { record } from '../audit/record.ts';
import { type Clock, DAY, newId, newToken, toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { Token, TokenRole, TokenScope } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';

/** So that a token is known for what it is where it turns up: in a paste, a log, a repository. */
const PREFIX = 'curfew_';

/** What is stored of a token: SHA-256, hex. 32 random bytes need no salt and no slow hash. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export const SCOPES: readonly TokenScope[] = ['read', 'roster', 'cases', 'delivery', 'audit', 'tokens', 'lists'];

/** Null: all that its role may do. */
export function scopesOf({ scopes }: Pick<Token, 'scopes'>): TokenScope[] | null {
  return scopes === null ? null : SCOPES.filter((scope) => scopes.split(' ').includes(scope));
}

export interface NewToken {
  name: string;
  role: TokenRole;
  /** What it may do of its role; all of it where this is left out. */
  scopes?: readonly TokenScope[] | undefined;
  /** The address of a contact of the response team: who acts with this token. */
  person: string | null;
  /** From now; null for ever. */
  days: number | null;
}

/**
 * Makes a bearer token. The returned `token` is the only copy.
 * Throws Refusal('not-found') where the person is nobody of the team, Refusal('conflict') where the name is taken.
 */
export async function issueToken(
  local: Local,
  { name, role, scopes, person, days }: NewToken,
): Promise<{ id: string; token: string }> {
  const { db, clock } = local;
  if (!/^[\x20-\x7e]{1,100}$/.test(name) || name.trim() !== name)
    throw new Refusal('invalid', 'The name of a token is 1 to 100 printable ASCII characters');
  if (scopes?.length === 0) throw new Refusal('invalid', 'A token without any scope may do nothing');
  const now = clock.now();
  const personId = person === null ? null : await teamContact(db, person);
  const wish = {
    name,
    role,
    person_id: personId,
    expires_at: days === null ? null : now + days * DAY,
    scopes: scopes ? SCOPES.filter((scope) => scopes.includes(scope)).join(' ') : null,
    sign_in: null,
  };
  return db.transaction().execute(async (trx) => {
    const { row, token } = await insertToken(trx, clock, wish);
    const expiresAt = row.expires_at === null ? null : toIso(row.expires_at);
    const detail = { name, role, scopes: scopesOf(row), person: personId, expiresAt };
    await record(trx, local, { action: 'token.issue', subject: `token:${row.id}`, detail });
    return { id: row.id, token };
  });
}

/** Writes a new token in the transaction that logs it. The returned `token` is the only copy. */
export async function insertToken(
  trx: Db,
  clock: Clock,
  wish: Omit<Token, 'id' | 'hash' | 'created_at' | 'revoked_at' | 'last_used_at'>,
): Promise<{ row: Token; token: string }> {
  const token = PREFIX + newToken(32);
  const made = { id: newId(clock), hash: hashToken(token), created_at: clock.now(), revoked_at: null, last_used_at: null };
  const row: Token = { ...wish, ...made };
  await tokens.insert(trx, row);
  return { row, token };
}

/** The id of an active contact on an intake list: who is there is the response team. */
async function teamContact(db: Db, address: string): Promise<string> {
  for (const list of await lists.all(db)) {
    if (list.role !== 'intake') continue;
    const team = await contacts.activeOfList(db, list.id);
    const found = team.find((contact) => contact.address === address.toLowerCase());
    if (found) return found.id;
  }
  throw new Refusal('not-found', `${address} is no active contact of an active member on an intake list`);
}

/** Throws Refusal('not-found') where there is no such token, Refusal('conflict') where it was revoked before. */
export async function revokeToken(local: Local, nameOrId: string): Promise<Token> {
  const { db, clock } = local;
  const token = await tokens.byNameOrId(db, nameOrId);
  if (!token) throw new Refusal('not-found', `There is no token "${nameOrId}"`);
  const now = clock.now();
  await db.transaction().execute(async (trx) => {
    if (!(await tokens.revoke(trx, token.id, now))) throw new Refusal('conflict', `The token "${token.name}" is revoked already`);
    await record(trx, local, { action: 'token.revoke', subject: `token:${token.id}`, detail: { name: token.name } });
  });
  return { ...token, revoked_at: now };
}
