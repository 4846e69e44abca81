import { newToken } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { channelsOf } from '../embargo/contents.ts';
import { headerOf, parseEntity } from '../mail/message.ts';
import { clearNews, clearReceipt, clearReply } from '../notices/templates.ts';
import { keyNotice, keyPart, noticeEntity } from '../notices/write.ts';
import type { ListKey } from '../pgp/keyring.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { HoldReason } from '../post/checks.ts';
import { introducesReporter } from '../post/introduces.ts';
import { kinds } from '../post/kinds.ts';
import type { KeptVerdict } from '../post/look.ts';
import { type Reason, Refusal, UNREADABLE } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cameBack from '../store/came-back.ts';
import * as cases from '../store/cases.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, PostKind } from '../store/schema.ts';
import { publicBeside } from './beside.ts';
import { type Composed, composeMail, composeNotice, composeUnopened, dressed } from './compose.ts';
import type { Opened } from './prepare.ts';
import type { Origin } from './provenance.ts';

/**
 * The post with its content opened and composed. Throws `not-ready` where its key is not loaded; `cannot-open` where its octets are damaged.
 */
export async function openPost(seams: Seams, postId: string): Promise<Opened> {
  const { db, keyring, pgp } = seams;
  const post = await posts.factsById(db, postId);
  const list = post && (await lists.byId(db, post.list_id));
  if (!post || !list) throw new Error(`the post ${postId} or its list is gone`);
  const [key, ...others] = keyring.family(list.fingerprint);
  // Another node may have it, and this one when it is started again.
  if (!key) throw new Refusal('not-ready', undefined, `there is no key for ${list.address}`);
  const secrets = [key, ...others].map(({ secret }) => secret);
  // What was taken away is not sent, wherever it still is: to reopen it throws.
  const atHand = post.purged_at === null ? seams.atHand?.take(post.id) : undefined;
  const kept = atHand?.raw ?? (await pgp.reopen(await posts.contentOf(db, post.id), secrets));
  const about = post.case_id ? ((await cases.byId(db, post.case_id)) ?? null) : null;
  const digest = atHand?.digest ?? sha256(kept);
  if (digest !== post.digest) throw new Refusal('cannot-open', undefined, `the post ${post.id} is not what was kept`);
  const composed = kinds[post.kind].fromMail
    ? await composeFromMail(seams, { post, list, about }, kept, secrets, atHand?.opened)
    : composeNotice(fixedWords(post.kind, list, key, about) ?? kept);
  return {
    post,
    list,
    case: about,
    key,
    composed: dressed(list, post.kind, composed),
    digest,
    signed: new Map(),
    signedInClear: new Map(),
    shared: new Map(),
  };
}

/** What is sent in clear to somebody who proved nothing is written anew here, whatever the database says that it says. */
function fixedWords(kind: PostKind, list: List, key: ListKey, about: Case | null): Buffer | null {
  if (kind === 'receipt-clear') return noticeEntity(clearReceipt({ list: list.address }), [keyPart(list, key.certificate)]);
  if (kind === 'reply-clear') return noticeEntity(clearReply({ list: list.address }), [keyPart(list, key.certificate)]);
  if (kind === 'key') return keyNotice(list, key.certificate);
  if (kind === 'news-clear')
    return noticeEntity(clearNews({ list: list.address, channels: about?.state === 'released' ? channelsOf(about) : [] }));
  return null;
}

interface Kept {
  post: posts.PostFacts;
  list: List;
  about: Case | null;
}

/** Who reads an answer to a mail in the thread of a report (post/to-reporter.ts). `signer`: who of the roster signed it. */
function circleOf({ post, list, about }: Kept, signer: Origin['contact']): Origin['circle'] {
  if (!about || list.id !== about.list_id || !(post.kind === 'post' || post.kind === 'report')) return null;
  if (introducesReporter({ post, about, signer })) return 'held';
  if (about.reporter_certificate_id === null) return 'no-certificate';
  return post.to_reporter === 0 ? 'team' : 'reporter';
}

async function composeFromMail(
  { db, pgp }: Seams,
  about: Kept,
  raw: Uint8Array,
  secrets: Uint8Array[],
  opened: OpenedMail | undefined,
): Promise<Composed> {
  const { post } = about;
  const held = post.state === 'held' ? { postId: post.id, reason: post.hold_reason ?? 'moderated' } : null;
  const contact = await contactOf(db, post);
  const origin: Origin = {
    contact,
    sender: post.sender,
    caseId: post.case_id,
    circle: circleOf(about, contact),
    held,
    beside: [],
    looked: post.signatures !== null,
    copy: (await cameBack.copyOf(db, post.id)) ?? null,
  };
  if (post.hold_reason === POISON) return composeUnopened(raw, origin);
  try {
    const lookup = async (keyIds: string[]) => (await certificates.byKeyIds(db, keyIds)).map(({ data }) => data);
    const shown = opened ?? (await pgp.open({ raw, secrets, at: post.received_at, withSignature: true }, lookup));
    const beside = await publicBeside(db, await lists.all(db), parseEntity(headerOf(raw)), shown);
    return composeMail({ ...shown, ...asItWas(post, shown) }, { ...origin, beside }, newToken(MARK));
  } catch (error) {
    if (post.kind === 'owner' && error instanceof Refusal && isUnreadable(error.reason)) return composeUnopened(raw, origin);
    throw error;
  }
}

/** What ended the process whenever it was read. */
const POISON = 'poison' satisfies HoldReason;

/** What was not opened when it came may be too complex to be opened at all. */
function isUnreadable(reason: Reason): boolean {
  return UNREADABLE.has(reason) || reason === 'too-complex';
}

/** Octets of chance: five characters. */
const MARK = 3;

/** Who signed was decided when it came in and stands in the post, whatever became of the roster since; of what was not opened then, nobody. */
function asItWas(post: posts.PostFacts, opened: OpenedMail): Pick<OpenedMail, 'signer' | 'signatures' | 'signedAs'> {
  const kept = post.signatures === null ? null : (JSON.parse(post.signatures) as KeptVerdict[]);
  return {
    // What did not hold then is not handed on as if it did, whatever is known of its certificate by now.
    signedAs: kept?.some(({ valid }) => valid) === false ? null : opened.signedAs,
    signatures: kept?.map((verdict) => ({ ...verdict, digest: '', madeAt: null, intendedFor: [] })) ?? opened.signatures,
    signer: post.signer_fingerprint
      ? {
          fingerprint: post.signer_fingerprint,
          certificateKnown: post.signer_contact_id !== null,
          signatureDigest: '',
          signedTwice: false,
          signedAt: null,
          addressedTo: [],
          intendedFor: [],
        }
      : null,
  };
}

async function contactOf(db: Seams['db'], post: posts.PostFacts): Promise<Origin['contact']> {
  const contact = post.signer_contact_id ? await contacts.byId(db, post.signer_contact_id) : undefined;
  const member = contact && (await members.byId(db, contact.member_id));
  return contact && member ? { address: contact.address, organisation: member.organisation } : null;
}
