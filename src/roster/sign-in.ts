import { record } from '../audit/record.ts';
import { type Clock, DAY, HOUR, type Instant, toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Local } from '../seams.ts';
import * as contacts from '../store/contacts.ts';
import type { Database, Db } from '../store/database.ts';
import * as identities from '../store/identities.ts';
import type { Contact, TokenRole } from '../store/schema.ts';
import * as tokens from '../store/tokens.ts';
import { insertToken, revokeToken } from './tokens.ts';

/*
 * Who signs in with an identity provider gets a token for some hours, in which he is the person whose account that is.
 *
 *   unknown ----> proposed ----> confirmed      an account says whose it is by its verified address; an admin at the host says that
 *                                               it is so; from then on it is his by issuer and subject, whatever its address becomes
 *
 * An address alone makes nobody a person: at the provider it can be changed, or be given to somebody else, and two approvals would be
 * one person with two accounts. What a person is here was always said at the host (`curfew token create --person`).
 */

/** What an identity provider has proved of whoever signed in. */
export interface Account {
  issuer: string;
  subject: string;
  /** In any case; null where the provider does not say that it verified it. */
  address: string | null;
}

export interface SignInRules {
  /** How long the token lasts. */
  hours: number;
  /** The addresses of those who get the role `admin`. */
  admins: readonly string[];
}

export interface Session {
  id: string;
  /** The only copy. */
  token: string;
  /** His address. */
  person: string;
  role: TokenRole;
  expiresAt: Instant;
}

/**
 * Gives the person of an account a token. `attempt`: what finished this sign-in, hashed; it counts once. Both ends are logged.
 * Throws Refusal: forbidden (he is not of the response team), identity-unconfirmed, conflict (it was finished before).
 */
export async function signIn(local: Local, account: Account, attempt: string, rules: SignInRules): Promise<Session> {
  // What is refused is written down as well, so it is thrown after the transaction.
  const outcome = await local.db.transaction().execute((trx) => admit(trx, local, account, attempt, rules));
  if (outcome instanceof Refusal) throw outcome;
  return outcome;
}

async function admit(
  trx: Db,
  local: Local,
  account: Account,
  attempt: string,
  { hours, admins }: SignInRules,
): Promise<Session | Refusal> {
  const { clock } = local;
  const now = clock.now();
  const personId = await identities.signedIn(trx, account, now);
  const person = personId === undefined ? await claimed(trx, account) : await contacts.byId(trx, personId);
  if (!person || !(await contacts.isOn(trx, person.id, 'intake')))
    return refuse(trx, local, account, person, new Refusal('forbidden', 'This account is of nobody on the response team'));
  if (personId === undefined) return propose(trx, local, account, person);
  if (await tokens.isOfSignIn(trx, attempt))
    throw new Refusal('conflict', 'This sign-in was finished already: begin another one');
  const role = admins.some((address) => address.toLowerCase() === person.address) ? 'admin' : 'team';
  const wish = { name: `sign-in ${attempt.slice(0, 20)}`, role, person_id: person.id, scopes: null, sign_in: attempt } as const;
  const expiresAt = now + hours * HOUR;
  const { row, token } = await insertToken(trx, clock, { ...wish, expires_at: expiresAt });
  const by = { type: 'person', id: person.id, name: person.address, via: `oidc:${account.subject}` } as const;
  const detail = { issuer: account.issuer, role, expiresAt: toIso(expiresAt) };
  await record(trx, { ...local, by }, { action: 'session.begin', subject: `token:${row.id}`, detail });
  return { id: row.id, token, person: person.address, role, expiresAt };
}

/** Whose an account says it is. */
async function claimed(db: Db, { address }: Account): Promise<Contact | undefined> {
  return address === null ? undefined : contacts.byAddress(db, address);
}

async function propose(trx: Db, local: Local, account: Account, person: Contact): Promise<Refusal> {
  const { issuer, subject } = account;
  await identities.propose(trx, { issuer, subject, contact_id: person.id, created_at: local.clock.now() });
  const command = `curfew identity confirm ${person.address} ${quoted(subject)}`;
  const hint = `This account says that it is ${person.address}. An admin confirms it at the host: ${command}`;
  return refuse(trx, local, account, person, new Refusal('identity-unconfirmed', hint));
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w.:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function refuse(
  trx: Db,
  local: Local,
  { issuer, subject }: Account,
  person: Contact | undefined,
  refusal: Refusal,
): Promise<Refusal> {
  const detail = { issuer, subject, person: person?.id ?? null, reason: refusal.reason };
  await record(trx, local, { action: 'session.refuse', subject: `account:${subject}`, detail });
  return refusal;
}

/**
 * Says that an account is the person's whose it says it is. One that was his before is so no more, and what it was given ends.
 * Throws Refusal('not-found') where it never said so.
 */
export async function confirmIdentity(local: Local, address: string, account: identities.AccountKey): Promise<void> {
  const { db, clock } = local;
  const { issuer, subject } = account;
  const person = await contacts.byAddress(db, address);
  await db.transaction().execute(async (trx) => {
    const missing = new Refusal('not-found', `No account ${subject} of ${issuer} waits that says that it is ${address}`);
    if (!person) throw missing;
    const replaced = await end(trx, clock, person.id, 'confirmed');
    if (!(await identities.confirm(trx, account, person.id, clock.now()))) throw missing;
    const detail = { issuer, subject, ...replaced };
    await record(trx, local, { action: 'identity.confirm', subject: `contact:${person.id}`, detail });
  });
}

/** No account is that person's any more, and what they were given ends. Throws Refusal('not-found') where there was none. */
export async function forgetIdentities(local: Local, address: string): Promise<{ accounts: number; sessions: number }> {
  const { db, clock } = local;
  const person = await contacts.byAddress(db, address);
  return db.transaction().execute(async (trx) => {
    const ended = person && (await end(trx, clock, person.id, 'all'));
    if (!ended?.accounts) throw new Refusal('not-found', `There is no account of ${address}`);
    await record(trx, local, { action: 'identity.forget', subject: `contact:${person?.id}`, detail: ended });
    return ended;
  });
}

/** Accounts first: a sign-in under way holds its account's row, so that its token is there when tokens are revoked. */
async function end(trx: Db, clock: Clock, personId: string, which: 'all' | 'confirmed') {
  const accounts = await identities.forget(trx, personId, which);
  const sessions = accounts === 0 ? 0 : await tokens.revokeSignIns(trx, personId, clock.now());
  return { accounts, sessions };
}

/** Ends the token of a sign-in. Throws Refusal('conflict') for any other: whoever made that one ends it. */
export async function signOut(local: Local, tokenId: string): Promise<void> {
  const token = await tokens.byNameOrId(local.db, tokenId);
  if (!token || token.sign_in === null)
    throw new Refusal('conflict', 'This token does not come of a sign-in: an admin ends it with `curfew token revoke`');
  await revokeToken(local, token.id);
}

/** How long the token of a sign-in is listed after its end; the audit log has it for ever. */
const LISTED = 30 * DAY;

export async function forgetSignIns({ db, clock }: { db: Database; clock: Clock }): Promise<void> {
  await tokens.purgeSignIns(db, clock.now() - LISTED);
}
