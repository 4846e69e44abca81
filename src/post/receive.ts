import { type Actor, SYSTEM } from '../audit/entry.ts';
import { answerBy } from '../cases/clocks.ts';
import { newId } from '../clock.ts';
import { publicBeside } from '../delivery/beside.ts';
import { mayHave } from '../delivery/need-to-know.ts';
import { sha256 } from '../embargo/bundle.ts';
import { type Automatic, automatic, isLoop, listId } from '../mail/automatic.ts';
import { fieldsNamed, parseMessage } from '../mail/message.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import { among } from '../store/commits.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { List, PostKind } from '../store/schema.ts';
import { acknowledgementBy } from './acknowledging.ts';
import { admit, type Hits } from './admit.ts';
import type { Facts, Verdict } from './checks.ts';
import { type Destination, followReferences, isShut } from './destination.ts';
import { type FiledPost, fileInThread, fileIntroduction, filePost, fileReport, once, openCase, placeOf } from './file.ts';
import { prepareHeldAnswer, sendHeldAnswer } from './held.ts';
import { noteCopied, noteReported, refusePublic } from './leak.ts';
import { filesOf, isForPeople, keptVerdicts, type Look, lookAt, unopened } from './look.ts';
import { newcomerOf, runNewcomer } from './newcomer.ts';
import { prepareReceipt, type Receipt } from './receipt.ts';
import type { Accepted, Identity, Received } from './received.ts';
import { keepRenewal, reporterRenewal } from './reporter.ts';
import { answerKey, runRequest } from './request.ts';
import { takeBounce, whatCame } from './take-bounce.ts';
import { reachOf } from './to-reporter.ts';

/**
 * Takes one mail for one list. When it resolves, the mail is committed with its case, its copies and its answer; when
 * it throws a Refusal, nothing was kept. All OpenPGP is done before the transaction, and before anything acts on it.
 */
export async function receive(seams: Seams, identity: Identity, addressed: Destination, mail: Received): Promise<Accepted> {
  return among(seams.db, () =>
    seams.begun.reading(
      `mail-${sha256(mail.raw)}`,
      () => take(seams, identity, addressed, mail),
      () => setAside(seams, addressed, mail),
    ),
  );
}

/** What ended the process whenever it was read: the people behind the list get it, sealed, as it came. Nothing of it is read. */
async function setAside(seams: Seams, { list }: Destination, mail: Received): Promise<Accepted> {
  const key = seams.keyring.find(list.fingerprint);
  if (!key) throw new Refusal('not-ready', undefined, `the key of ${list.address} is not loaded`);
  const to: Destination = { list, purpose: 'owner', case: null, deliveryId: null };
  const content = await seams.pgp.keep(mail.raw, key.certificate, mail.receivedAt);
  const verdict = { verdict: 'hold', reason: 'poison', hits: [] } as const;
  const post = postOf(seams, to, mail, unopened(mail.raw), { kind: 'owner', content, verdict });
  return once(seams, placeOf(to, 'owner'), post, (trx) => filePost(trx, seams, to, post));
}

async function take(seams: Seams, identity: Identity, addressed: Destination, mail: Received): Promise<Accepted> {
  if (isShut(addressed)) return refusePublic(seams, addressed, mail);
  const outside = parseMessage(mail.raw);
  const written = await followReferences(seams.db, addressed, outside);
  const key = seams.keyring.find(written.list.fingerprint);
  if (!key) throw new Refusal('not-ready', undefined, `the key of ${written.list.address} is not loaded`);
  const origin = automatic(outside, mail.sender);
  if (!isForPeople(written) && origin !== 'bounce' && fieldsNamed(outside, 'from').length === 0)
    throw new Refusal('malformed-mail', 'There is no From');
  const everyList = await lists.all(seams.db);
  const loop = isLoop(
    outside,
    everyList.map(({ address }) => listId(address)),
  );
  // What a program answers is nobody's word, whatever signed text stands in it.
  const sealed = loop || origin === 'bounce' || origin === 'auto-reply';
  const look = sealed ? unopened(mail.raw) : await lookAt(seams, written, mail);
  const beside = written.list.role === 'public' ? [] : await publicBeside(seams.db, everyList, outside, look.opened);
  const copied = { to: written, beside, outside, look, mail };
  await noteCopied(seams, copied);
  const isOutside = await writesFromOutside(seams.db, written, look);
  const acknowledging = origin === null && !isOutside ? acknowledgementBy(seams, everyList, written, look) : null;
  const to: Destination = acknowledging ? { ...written, purpose: 'request', case: null } : written;
  const kind = kindOf(to, origin);
  const place = placeOf(to, kind, look.opened?.signer?.addressedTo);
  const earlier = await posts.like(seams.db, place, look.marks);
  const newcomer = await newcomerOf(seams, to, look);
  const seen = { to, everyList, mail, loop, origin, look, isOutside };
  const verdict = admit(factsOf(seams, { ...seen, introduces: newcomer !== null, repeated: earlier !== undefined }));
  // The log says whose it was, where that is proved.
  if (verdict.verdict === 'reject')
    throw Object.assign(new Refusal(verdict.reason, verdict.hint), { signer: look.roster?.contact.id ?? null });
  if (verdict.verdict === 'discard') return { id: earlier?.id ?? '', caseId: null, held: null, repeated: true };

  const came = to.purpose === 'bounce' ? await whatCame(seams.db, to, outside, origin) : null;
  const content = await seams.pgp.keep(mail.raw, key.certificate, mail.receivedAt);
  const post = postOf(seams, to, mail, look, { kind, content, verdict });
  const acting: Seams = { ...seams, by: senderOf(look, post) };
  if (came) return takeBounce(acting, to, post, came);
  if (to.purpose === 'sendkey' && kind === 'request') return answerKey(acting, to, post, { ...mail, origin });
  if (newcomer) return runNewcomer(acting, identity, to, post, look, newcomer);
  if (kind === 'request') return runRequest(acting, identity, to, post, look, acknowledging);
  const held = await prepareHeldAnswer(seams, to.list, post, look);
  const file = async (commit: (trx: Db) => Promise<Accepted>) => {
    // No request is here any more: that is opened otherwise.
    if (look.opened) seams.atHand?.put(post.id, { raw: mail.raw, digest: post.digest, opened: look.opened });
    let filed = '';
    try {
      const accepted = await once(acting, place, post, async (trx) => {
        if (held) await sendHeldAnswer(trx, acting, to.list, held);
        return commit(trx);
      });
      filed = accepted.id;
      return accepted;
    } finally {
      if (filed !== post.id) seams.atHand?.take(post.id);
    }
  };
  if (kind === 'post') {
    const isHis = origin === null && verdict.verdict === 'accept';
    const reach = await reachOf(seams, { addressed, to, everyList }, look, isHis);
    const receipt = isHis ? await introduction(seams, identity, to, mail, look) : null;
    const renewal = isHis ? await reporterRenewal(seams, to, look) : null;
    return file(async (trx) => {
      if (renewal) await keepRenewal(trx, acting, renewal);
      return receipt ? fileIntroduction(trx, acting, to, post, receipt) : fileInThread(trx, acting, to, post, reach);
    });
  }
  if (kind !== 'report') return file((trx) => filePost(trx, acting, to, post));
  const opening = await openCase(seams, identity, post);
  const { sender, receivedAt } = mail;
  // What is held proves nobody: its signer may have written it to somebody else.
  const proved = verdict.verdict === 'accept' ? look : unopened(mail.raw);
  const facts = { ...opening, ...proved, project: identity.project, list: to.list, receivedAt };
  const receipt = origin === null && sender !== null ? await prepareReceipt(seams, { ...facts, sender }) : null;
  return file(async (trx) => {
    const accepted = await fileReport(trx, acting, to, post, opening, receipt);
    await noteReported(trx, acting, copied, opening.caseId);
    return accepted;
  });
}

/** Whom the log names for what the mail does. */
function senderOf({ roster }: Look, { id }: FiledPost): Actor {
  if (!roster) return SYSTEM;
  return { type: 'person', id: roster.contact.id, name: roster.contact.address, via: `mail:${id}` };
}

/** The receipt for a reporter who followed the advice of the first one: he answers it, signed, and brings his certificate. */
async function introduction(
  seams: Seams,
  { project }: Identity,
  { case: about, list }: Destination,
  { sender }: Received,
  look: Look,
): Promise<Receipt | null> {
  if (!about?.reporter_address || sender === null) return null;
  if (about.reporter_certificate_id !== null || list.id !== about.list_id) return null;
  const writer = look.roster?.contact.address ?? sender;
  if (writer.toLowerCase() !== about.reporter_address.toLowerCase()) return null;
  const facts = { caseId: about.id, threadToken: about.thread_token, receivedAt: about.received_at };
  const wish = { ...facts, ...look, project, list, sender, answerBy: answerBy(seams.project, about) };
  const receipt = await prepareReceipt(seams, wish);
  return receipt?.certificate ? receipt : null;
}

/** Whoever may have nothing of a case writes nothing into it. */
async function writesFromOutside(db: Db, { case: about, list }: Destination, { roster }: Look): Promise<boolean> {
  if (!about || !roster) return false;
  const { contact, member } = roster;
  const post = { kind: 'post', list_id: list.id, case_id: about.id } as const;
  return (await mayHave(db, post, [{ id: contact.id, memberId: member.id }])).length === 0;
}

/** A bounce or a vacation note at the intake address is for people to see, and opens no case. */
function kindOf(to: Destination, origin: Automatic): PostKind {
  const answer = origin === 'bounce' || origin === 'auto-reply';
  if (to.purpose === 'bounce') return answer ? 'bounce' : 'owner';
  if (to.purpose === 'owner' || answer) return 'owner';
  if (to.purpose === 'request' || to.purpose === 'sendkey') return 'request';
  return to.purpose === 'post' && to.list.role === 'intake' ? 'report' : 'post';
}

interface Seen {
  to: Destination;
  everyList: readonly List[];
  mail: Received;
  loop: boolean;
  origin: Automatic;
  look: Look;
  isOutside: boolean;
  introduces: boolean;
  repeated: boolean;
}

function factsOf({ keyring }: Seams, { to, everyList, mail, loop, origin, look, isOutside, introduces, repeated }: Seen): Facts {
  const { opened, roster } = look;
  const signer = opened?.signer;
  return {
    list: to.list,
    purpose: to.purpose,
    caseId: to.case?.id ?? null,
    outside: isOutside,
    size: mail.raw.length,
    loop,
    automatic: origin,
    repeated,
    encrypted: opened?.allEncrypted ?? false,
    signer:
      roster && signer
        ? {
            contactId: roster.contact.id,
            active: roster.contact.active,
            proved: roster.contact.proved,
            memberState: roster.member.state,
            lists: roster.lists,
            addressedTo: signer.addressedTo,
            intendedFor: signer.intendedFor,
          }
        : null,
    signedTwice: signer?.signedTwice ?? false,
    introduces,
    mixed: opened?.signatures.some(({ valid, certificateKnown }) => valid && certificateKnown) ?? false,
    files: to.list.file_names === null && to.list.file_types === null ? [] : filesOf(opened),
    listKeys: keyring.family(to.list.fingerprint).flatMap(({ keys }) => keys),
    intakeLists: everyList.filter(({ role }) => role === 'intake').map(({ id }) => id),
  };
}

function postOf(
  { clock }: Seams,
  to: Destination,
  mail: Received,
  { opened, roster, marks }: Look,
  made: { kind: PostKind; content: Uint8Array; verdict: Verdict & { hits: Hits } },
): FiledPost {
  const { kind, content, verdict } = made;
  return {
    id: newId(clock),
    list_id: to.list.id,
    case_id: to.case?.id ?? null,
    ...marks,
    kind,
    content,
    sender: mail.sender,
    signer_contact_id: roster?.contact.id ?? null,
    signer_fingerprint: opened?.signer?.fingerprint ?? null,
    encrypted: opened?.encrypted ? 1 : 0,
    received_at: mail.receivedAt,
    size: mail.raw.length,
    state: verdict.verdict === 'hold' ? 'held' : 'accepted',
    hold_reason: verdict.verdict === 'hold' ? verdict.reason : null,
    hits: JSON.stringify(verdict.hits),
    signatures: opened ? JSON.stringify(keptVerdicts(opened)) : null,
  };
}
