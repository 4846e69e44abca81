import type { Deed } from '../audit/entry.ts';
import { record } from '../audit/record.ts';
import { answerBy } from '../cases/clocks.ts';
import { deedOf, moved } from '../cases/step.ts';
import { type Instant, newToken } from '../clock.ts';
import { type Addressee, copiesFor, eachContact, readers } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { isThreadOf, type ListAddress, readListAddress } from '../mail/address.ts';
import { Refusal } from '../refusal.ts';
import type { Local, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import { commitTogether } from '../store/commits.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, NewPost, PostKind } from '../store/schema.ts';
import type { Destination } from './destination.ts';
import { keepCertificate, mayAnswer, type Receipt } from './receipt.ts';
import type { Accepted, Identity } from './received.ts';
import { letReporterHave } from './reporter.ts';
import type { Reach } from './to-reporter.ts';

export type FiledPost = NewPost & posts.Marks;

export function placeOf(to: Destination, kind: PostKind, addressedTo: readonly string[] = []): posts.Place {
  return { listId: to.list.id, kind, caseId: to.case?.id ?? null, oneOfSeveral: isOneOfSeveral(to, kind, addressedTo) };
}

/**
 * A mail may be for the list and for a case of it at once; then it says so. One address of the list is one place, wherever it leads;
 * but a report that says that it is one opens its case, whoever filed it elsewhere before.
 */
function isOneOfSeveral(to: Destination, kind: PostKind, addressedTo: readonly string[]): boolean {
  const here = [...new Set(addressedTo)].map(readListAddress).filter(({ list }) => list === to.list.address);
  const exactly = (read: ListAddress) => (to.case ? isThreadOf(read, to.case.id) : read.purpose === to.purpose);
  return (here.length > 1 || kind === 'report') && here.some(exactly);
}

/** Commits, unless the same mail was committed while this one was judged: two connections may bring it at once. */
export function once(
  local: Local,
  place: posts.Place,
  post: FiledPost,
  commit: (trx: Db) => Promise<Accepted>,
): Promise<Accepted> {
  return commitTogether(local.db, async (trx) => {
    await lists.lock(trx, post.list_id);
    const earlier = await posts.like(trx, place, post);
    if (earlier && earlier.id !== post.id) return { id: earlier.id, caseId: null, held: null, repeated: true };
    const accepted = await commit(trx);
    await record(trx, local, taken(post, accepted));
    return accepted;
  });
}

/** Nothing of who wrote it, unless he is on the roster: reporters are to be found in no log. */
function taken(post: FiledPost, { id, caseId, held }: Accepted): Deed {
  const { list_id: list, kind, digest, signer_contact_id: signer, signer_fingerprint: certificate, encrypted } = post;
  const detail = { list, case: caseId, kind, digest, encrypted: encrypted === 1, signer: signer ?? null, held };
  return {
    action: 'mail.accept',
    subject: `post:${id}`,
    detail: signer ? { ...detail, certificate: certificate ?? null } : detail,
  };
}

/** A post with its copies: for its readers, or, while it is held, for the team that decides on it. */
export async function filePost(trx: Db, { clock }: Seams, to: Destination, post: NewPost): Promise<Accepted> {
  if (to.case) await cases.lock(trx, to.case.id);
  await posts.insert(trx, post);
  await fanOut(trx, clock, to, post);
  return { id: post.id, caseId: post.case_id ?? null, held: heldBecause(post) };
}

/**
 * A post in a thread. What the team writes to the reporter goes to him too, and is the answer of a person; what he writes is the answer
 * that the case waited for.
 */
export async function fileInThread(
  trx: Db,
  seams: Seams,
  to: Destination,
  post: NewPost,
  reach: Reach | null,
): Promise<Accepted> {
  const accepted = await filePost(trx, seams, to, { ...post, to_reporter: reach?.toReporter ?? null });
  if (!to.case || to.list.id !== to.case.list_id || accepted.held !== null) return accepted;
  if (reach?.toReporter === 1) {
    const about = { id: post.id, case_id: to.case.id, list: to.list };
    await deliveries.insertMany(trx, copiesFor(seams.clock, about, [reach.addressee]));
  }
  const seen = await cases.byId(trx, to.case.id);
  const now = seams.clock.now();
  if (seen && reach?.toReporter === 1 && isOpen(seen) && seen.acknowledged_at === null)
    await step(trx, seams, seen, 'acknowledge', { acknowledged_at: now });
  if (reach === null) await endWait(trx, seams, to.case.id);
  return accepted;
}

/** What the case waited for was answered. */
export async function endWait(trx: Db, seams: Seams, caseId: string): Promise<void> {
  const seen = await cases.byId(trx, caseId);
  if (seen?.aside === 'needs_info') await step(trx, seams, seen, 'answered', { aside: null, aside_at: null });
}

async function step(trx: Db, seams: Seams, seen: Case, action: string, to: Partial<Case>): Promise<void> {
  await record(trx, seams, deedOf(await moved(trx, seams, seen, to), action, { by: 'mail' }));
}

function isOpen({ state, closed_at, aside }: Case): boolean {
  return state !== 'released' && closed_at === null && aside !== 'rejected';
}

function heldBecause({ state, hold_reason }: NewPost): string | null {
  return state === 'held' ? (hold_reason ?? null) : null;
}

async function fanOut(trx: Db, clock: Seams['clock'], to: Destination, post: NewPost): Promise<void> {
  const recipients = await readers(trx, to.list, post);
  // What nobody would ever get is not acknowledged: the sender's server keeps it and tries again.
  if (recipients.length === 0) throw new Refusal('no-readers');
  const about = { id: post.id, case_id: post.case_id ?? null, list: to.list };
  await deliveries.insertMany(trx, copiesFor(clock, about, eachContact(recipients)));
}

/** What a report opens. */
export interface Opening {
  caseId: string;
  year: number;
  number: number;
  threadToken: string;
  answerBy: Instant;
}

/**
 * Random octets of what makes the address of a thread: few enough that it fits behind the longest name of a list (`roster/lists`), if
 * without the project's.
 */
const THREAD_TOKEN = 16;

/** The number is taken at once, so that the receipt can be sealed before the transaction; a failure leaves a gap. */
export async function openCase(seams: Seams, { project }: Identity, post: NewPost): Promise<Opening> {
  const { received_at } = post;
  const year = new Date(received_at).getUTCFullYear();
  const number = await cases.nextNumber(seams.db, year);
  return {
    caseId: `${project.toUpperCase()}-${year}-${String(number).padStart(4, '0')}`,
    year,
    number,
    threadToken: newToken(THREAD_TOKEN),
    answerBy: answerBy(seams.project, { received_at }),
  };
}

/** A report with its case, its copies and its receipt. */
export async function fileReport(
  trx: Db,
  { clock }: Seams,
  to: Destination,
  post: NewPost,
  opening: Opening,
  receipt: Receipt | null,
): Promise<Accepted> {
  const { caseId, year, number, threadToken } = opening;
  const certificateId = receipt ? await keepCertificate(trx, clock, receipt) : null;
  await cases.insert(trx, {
    id: caseId,
    year,
    number,
    state: 'received',
    list_id: to.list.id,
    thread_token: threadToken,
    received_at: post.received_at,
    // Who cannot be answered is not told of the release either: it is a program's or a list's address.
    reporter_address: receipt?.address ?? null,
    reporter_certificate_id: certificateId,
    revision: 1,
    updated_at: clock.now(),
  });
  const filed: NewPost = { ...post, case_id: caseId };
  await posts.insert(trx, filed);
  await fanOut(trx, clock, to, filed);
  if (receipt && (await mayAnswer(trx, clock, receipt))) await sendReceipt(trx, clock, to, receipt, certificateId);
  return { id: post.id, caseId, held: heldBecause(post) };
}

/**
 * A post of a case's thread by which its reporter, of whom no certificate was known, brings one: he is written to with it from now
 * on, and gets what waited for it. While no person has answered, or nothing waited, that is the receipt that could not be sealed to him
 * before, too. The roster stays as it is.
 */
export async function fileIntroduction(
  trx: Db,
  seams: Seams,
  to: Destination,
  post: NewPost,
  receipt: Receipt,
): Promise<Accepted> {
  const accepted = await filePost(trx, seams, to, post);
  if (to.case) await introduce(trx, seams, to.case.id, to.list, receipt);
  return accepted;
}

/** The reporter of a case is known from now on, unless he was. Without a certificate that can be used he is written to as before. */
export async function introduce(trx: Db, { clock }: Seams, caseId: string, list: List, receipt: Receipt): Promise<void> {
  const { address } = receipt;
  const certificateId = await keepCertificate(trx, clock, receipt);
  if (!(await cases.knowReporter(trx, caseId, { address, certificateId })) || certificateId === null) return;
  const waited = await letReporterHave(
    trx,
    { clock },
    { case_id: caseId, list },
    { audience: 'reporter', address, certificateId },
  );
  const seen = await cases.byId(trx, caseId);
  const owed = seen !== undefined && isOpen(seen) && (seen.acknowledged_at === null || waited === 0);
  if (owed && (await mayAnswer(trx, clock, receipt))) await sendReceipt(trx, clock, { list }, receipt, certificateId);
}

async function sendReceipt(
  trx: Db,
  clock: Seams['clock'],
  to: Pick<Destination, 'list'>,
  receipt: Receipt,
  certificateId: string | null,
) {
  const { address, post } = receipt;
  const addressee: Addressee = certificateId
    ? { audience: 'reporter', address, certificateId }
    : { audience: 'stranger', address };
  await send(trx, { clock }, { list: to.list, post }, [addressee]);
}
