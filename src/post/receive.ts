import { DAY, type Instant, newId, newToken } from '../clock.ts';
import { type Addressee, copiesFor, copyFor, readers } from '../delivery/copies.ts';
import { sha256 } from '../embargo/bundle.ts';
import { type Automatic, automatic, isLoop, listId } from '../mail/automatic.ts';
import { type Entity, fieldsNamed, parseMessage } from '../mail/message.ts';
import type { OpenedMail } from '../pgp/open.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import * as certificates from '../store/certificates.ts';
import type { Database, Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { NewPost, PostKind } from '../store/schema.ts';
import { admit } from './admit.ts';
import type { Verdict } from './checks.ts';
import { type Destination, followReferences } from './destination.ts';
import { keepCertificate, mayAnswer, prepareReceipt, type Receipt } from './receipt.ts';

export interface Received {
  /** Envelope sender; null for the null sender. */
  sender: string | null;
  receivedAt: Instant;
  raw: Uint8Array;
}

export interface Accepted {
  /** Of the post; of the earlier one where the mail was here before. */
  id: string;
  caseId: string | null;
}

/** The names that a case and its texts carry. */
export interface Identity {
  project: string;
  domain: string;
}

/**
 * Takes one mail for one list. When it resolves, the mail is committed with its case, its copies and its receipt; when
 * it throws a Refusal, nothing was kept. All OpenPGP is done before the transaction, and before anything acts on it.
 */
export async function receive(seams: Seams, identity: Identity, addressed: Destination, mail: Received): Promise<Accepted> {
  const outside = parseMessage(mail.raw);
  const to = await followReferences(seams.db, addressed, outside);
  const key = seams.keyring.find(to.list.fingerprint);
  if (!key) throw new Error(`the key of ${to.list.address} is not loaded`);
  const origin = automatic(outside, mail.sender);
  if (!isForPeople(to) && origin !== 'bounce' && fieldsNamed(outside, 'from').length === 0)
    throw new Refusal('malformed-mail', 'There is no From');
  // What a bounce returns may be encrypted to anybody: it is not opened, so that it is not refused either.
  const look = origin === 'bounce' ? unopened(mail.raw) : await lookAt(seams, to, mail, key.secret);
  const kind = kindOf(to, origin);
  const earlier = await posts.like(seams.db, placeOf(to, kind), look.marks);
  const verdict = await judge(seams.db, to, outside, origin, look, earlier !== undefined);
  if (verdict.verdict === 'reject') throw new Refusal(verdict.reason);
  if (verdict.verdict === 'discard') return { id: earlier?.id ?? '', caseId: null };

  const content = await seams.pgp.keep(mail.raw, key.certificate, mail.receivedAt);
  const post = postOf(seams, to, mail, look, { kind, content });
  if (post.kind !== 'report') return once(seams.db, to, post, (trx) => commitPost(trx, seams, to, post));
  const opening = await openCase(seams, identity, post);
  const { sender, receivedAt } = mail;
  const facts = { ...opening, ...look, project: identity.project, list: to.list, receivedAt };
  const receipt = origin === null && sender !== null ? await prepareReceipt(seams, { ...facts, sender }) : null;
  return once(seams.db, to, post, (trx) => commitReport(trx, seams, to, post, opening, receipt));
}

/** The people behind a list get also what cannot be opened, or has no sender: they may know why. */
function isForPeople({ purpose }: Destination): boolean {
  return purpose === 'owner' || purpose === 'request';
}

/** What opening a mail showed. */
interface Look {
  opened: OpenedMail | null;
  /** The roster's certificate that the whole content is credited to. */
  roster: RosterCertificate | undefined;
  marks: posts.Marks;
}

function unopened(raw: Uint8Array): Look {
  return { opened: null, roster: undefined, marks: marksOf(raw, null) };
}

async function lookAt({ db, pgp }: Seams, to: Destination, { raw, receivedAt }: Received, secret: Uint8Array): Promise<Look> {
  const known = new Map<string, RosterCertificate>();
  const lookup = async (keyIds: string[]) => {
    const found = await certificates.byKeyIds(db, keyIds);
    for (const certificate of found) known.set(certificate.fingerprint, certificate);
    return found.map(({ data }) => data);
  };
  const opened = await pgp.open({ raw, secrets: [secret], at: receivedAt }, lookup).catch((error: unknown) => {
    if (isForPeople(to) && error instanceof Refusal && error.reason === 'cannot-open') return null;
    throw error;
  });
  const roster = opened?.signer?.certificateKnown ? known.get(opened.signer.fingerprint) : undefined;
  return { opened, roster, marks: marksOf(raw, opened) };
}

function placeOf(to: Destination, kind: PostKind): posts.Place {
  return { listId: to.list.id, kind, caseId: to.case?.id ?? null };
}

async function judge(
  db: Db,
  to: Destination,
  outside: Entity,
  origin: Automatic,
  { roster }: Look,
  repeated: boolean,
): Promise<Verdict> {
  const everyList = await lists.all(db);
  const ownListIds = everyList.map(({ address }) => listId(address));
  return admit({
    list: to.list,
    purpose: to.purpose,
    loop: isLoop(outside, ownListIds),
    automatic: origin,
    repeated,
    signer: roster
      ? { contactId: roster.contact.id, active: roster.contact.active, memberState: roster.member.state, lists: roster.lists }
      : null,
    intakeLists: everyList.filter(({ role }) => role === 'intake').map(({ id }) => id),
  });
}

function postOf(
  { clock }: Seams,
  to: Destination,
  mail: Received,
  { opened, roster, marks }: Look,
  made: { kind: PostKind; content: Uint8Array },
): NewPost & posts.Marks {
  return {
    id: newId(clock),
    list_id: to.list.id,
    case_id: to.case?.id ?? null,
    ...marks,
    ...made,
    sender: mail.sender,
    signer_contact_id: roster?.contact.id ?? null,
    signer_fingerprint: opened?.signer?.fingerprint ?? null,
    encrypted: opened?.encrypted ? 1 : 0,
    received_at: mail.receivedAt,
    size: mail.raw.length,
  };
}

/** Commits, unless the same mail was committed while this one was judged: two connections may bring it at once. */
function once(
  db: Database,
  to: Destination,
  post: NewPost & posts.Marks,
  commit: (trx: Db) => Promise<Accepted>,
): Promise<Accepted> {
  return db.transaction().execute(async (trx) => {
    await lists.lock(trx, post.list_id);
    const earlier = await posts.like(trx, placeOf(to, post.kind), post);
    return earlier ? { id: earlier.id, caseId: null } : commit(trx);
  });
}

function marksOf(raw: Uint8Array, opened: OpenedMail | null): posts.Marks {
  const messageId = opened?.messageId;
  return {
    digest: sha256(raw),
    signature_digest: opened?.signer?.signatureDigest ?? null,
    message_id_digest: messageId ? sha256(Buffer.from(messageId)) : null,
  };
}

/** A bounce or a vacation note at the intake address is for people to see, and opens no case. */
function kindOf(to: Destination, origin: Automatic): PostKind {
  if (isForPeople(to) || origin === 'bounce' || origin === 'auto-reply') return 'owner';
  return to.purpose === 'post' && to.list.role === 'intake' ? 'report' : 'post';
}

async function commitPost(trx: Db, { clock }: Seams, to: Destination, post: NewPost): Promise<Accepted> {
  await posts.insert(trx, post);
  await fanOut(trx, clock, to, post);
  return { id: post.id, caseId: post.case_id ?? null };
}

async function fanOut(trx: Db, clock: Seams['clock'], to: Destination, post: NewPost): Promise<void> {
  const recipients = await readers(trx, to.list, post.kind, to.case !== null);
  // What nobody would ever get is not acknowledged: the sender's server keeps it and tries again.
  if (recipients.length === 0) throw new Refusal('no-readers');
  const about = { id: post.id, case_id: post.case_id ?? null, list: to.list };
  await deliveries.insertMany(trx, copiesFor(clock, about, recipients));
}

interface Opening {
  caseId: string;
  year: number;
  number: number;
  threadToken: string;
  answerBy: Instant;
}

/** How soon a person answers a report (PROCESS: 24 h). */
const ANSWER_WITHIN = DAY;

/** The number is taken at once, so that the receipt can be sealed before the transaction; a failure leaves a gap. */
async function openCase({ db }: Seams, { project }: Identity, post: NewPost): Promise<Opening> {
  const year = new Date(post.received_at).getUTCFullYear();
  const number = await cases.nextNumber(db, year);
  return {
    caseId: `${project.toUpperCase()}-${year}-${String(number).padStart(4, '0')}`,
    year,
    number,
    threadToken: newToken(),
    answerBy: post.received_at + ANSWER_WITHIN,
  };
}

async function commitReport(
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
  return { id: post.id, caseId };
}

async function sendReceipt(trx: Db, clock: Seams['clock'], to: Destination, receipt: Receipt, certificateId: string | null) {
  const { address, post } = receipt;
  await posts.insert(trx, post);
  const addressee: Addressee = certificateId
    ? { audience: 'reporter', address, certificateId }
    : { audience: 'stranger', address };
  await deliveries.insertMany(trx, [copyFor(clock, { id: post.id, case_id: post.case_id ?? null, list: to.list }, addressee)]);
}
