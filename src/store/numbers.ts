import { sql } from 'kysely';
import type { Instant } from '../clock.ts';
import { isOpen } from './cases.ts';
import type { Db } from './database.ts';
import { OPEN } from './deliveries.ts';
import { hasFailures } from './health.ts';
import type { Audience, CaseState, ContactHealth, DeliveryState, MemberState } from './schema.ts';

/*
 * How much there is of what, for whoever watches over the server. Each is asked often, so each reads an index, or what is open
 * alone, and never the content of a post.
 */

export interface OpenCopies {
  state: DeliveryState;
  audience: Audience;
  /** Why they are held or deferred. */
  reason: string | null;
  copies: number;
  /** When the oldest of them was made. */
  oldest: Instant;
}

/** The copies that are not settled, by state, audience and reason. */
export async function openCopies(db: Db): Promise<OpenCopies[]> {
  return await db
    .selectFrom('deliveries')
    .select(({ fn }) => ['state', 'audience', 'reason', fn.countAll<number>().as('copies'), fn.min('created_at').as('oldest')])
    .where('state', 'in', OPEN)
    .groupBy(['state', 'audience', 'reason'])
    .execute();
}

export interface HeldPosts {
  reason: string | null;
  posts: number;
  oldest: Instant;
}

/** The posts that wait for a person. */
export async function heldPosts(db: Db): Promise<HeldPosts[]> {
  return await db
    .selectFrom('posts')
    .select(({ fn }) => ['hold_reason as reason', fn.countAll<number>().as('posts'), fn.min('received_at').as('oldest')])
    // As the index has it: with a parameter in its place an engine may not see that it fits.
    .where('state', '=', sql.lit('held'))
    .groupBy('hold_reason')
    .execute();
}

export interface CasesInState {
  state: CaseState;
  cases: number;
  /** How many of them have an instant that has come. */
  due: number;
  /** The first instant that is still to come, or null. */
  next: Instant | null;
}

/** Those that are open or released: what was rejected, or closed without a release, is over. */
export async function casesByState(db: Db, now: Instant): Promise<CasesInState[]> {
  return await db
    .selectFrom('cases')
    .select(({ fn }) => [
      'state',
      fn.countAll<number>().as('cases'),
      fn.countAll<number>().filterWhere('release_at', '<=', now).as('due'),
      fn.min('release_at').filterWhere('release_at', '>', now).as('next'),
    ])
    .where((eb) => eb.or([eb('state', '=', 'released'), isOpen(eb)]))
    .groupBy('state')
    .execute();
}

export interface AuditLength {
  lines: number;
  /** The last line with the action that was asked for. */
  head: { seq: number; at: Instant } | null;
}

export async function auditLength(db: Db, action: string): Promise<AuditLength> {
  const { seq } = await db.selectFrom('audit_end').select('seq').executeTakeFirstOrThrow();
  const head = await db
    .selectFrom('audit')
    .select(['seq', 'at'])
    .where('action', '=', action)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { lines: seq, head: head ?? null };
}

/** Members whose contacts get copies, or would if their certificates allowed it. */
const SERVED = ['active', 'key_hold'] as const satisfies readonly MemberState[];

/** The current certificates of active contacts, in the order of their ids, after that one. */
export async function currentCertificates(db: Db, after: string, limit: number): Promise<{ id: string; data: Uint8Array }[]> {
  return await db
    .selectFrom('certificates')
    .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .select(['certificates.id', 'certificates.data'])
    .where('certificates.state', '=', 'current')
    .where('certificates.id', '>', after)
    .where('contacts.active', '=', 1)
    .where('members.state', 'in', SERVED)
    .orderBy('certificates.id')
    .limit(limit)
    .execute();
}

/** How many active contacts there are, and what is known of those whose mail failed since it last stood. */
export async function contactHealth(db: Db): Promise<{ contacts: number; failed: ContactHealth[] }> {
  const served = db
    .selectFrom('contacts')
    .innerJoin('members', 'members.id', 'contacts.member_id')
    .where('contacts.active', '=', 1)
    .where('members.state', 'in', SERVED);
  const { count } = await served.select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirstOrThrow();
  const failed = await served
    .innerJoin('contact_health', 'contact_health.contact_id', 'contacts.id')
    .selectAll('contact_health')
    .where(hasFailures)
    .execute();
  return { contacts: Number(count), failed };
}
