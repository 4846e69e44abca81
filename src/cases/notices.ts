import { DAY } from '../clock.ts';
import { lengthFor } from '../delivery/code.ts';
import { composeNotice, dressed, linkFile } from '../delivery/compose.ts';
import { type Addressee, eachContact } from '../delivery/copies.ts';
import { insidersOf, noteOutside, OUTSIDE } from '../delivery/need-to-know.ts';
import { send, type Written } from '../delivery/send.ts';
import { sha256 } from '../embargo/bundle.ts';
import { channelsOf, openParts } from '../embargo/contents.ts';
import { planDispatch } from '../embargo/dispatch.ts';
import { openForthcoming, writeForthcoming } from '../embargo/forthcoming.ts';
import { publicReaders } from '../embargo/public-copies.ts';
import { parseEntity } from '../mail/message.ts';
import { viewOf } from '../mail/view.ts';
import { clearReply, LINK_FILE, type Notice } from '../notices/templates.ts';
import { keyPart, noticeEntity, writeNotice } from '../notices/write.ts';
import { isUnanswerable } from '../post/receipt.ts';
import { forReporterLater } from '../post/reporter.ts';
import { Refusal } from '../refusal.ts';
import { usableKept } from '../roster/known.ts';
import type { Seams } from '../seams.ts';
import * as acknowledgements from '../store/acknowledgements.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Case, List, PostKind } from '../store/schema.ts';
import { reminderFacts } from './acknowledgements.ts';
import { agreedInstant, currentInstant, dueIn } from './clocks.ts';
import { keeperOf } from './keeper.ts';
import { tellingRejection } from './rejection.ts';
import { type Step, stageOf } from './state.ts';
import { actorOf, caseFor, type Taken, take } from './step.ts';
import { tellingMembers, tellingReporter } from './told.ts';

/*
 * What a person has Curfew write in a case. Each kind is a row of a table: the step that it is, and a plan of who gets which words. A
 * preview makes the same plan and shows it, so that what was seen is what is sent, while the case does not change.
 */

export const NOTICES = [
  'acknowledgement',
  'needs-info',
  'not-a-vulnerability',
  'status',
  'second-notice',
  'reminder',
  'dispatch',
  'forthcoming',
] as const;
export type NoticeKind = (typeof NOTICES)[number];
/** Those that are sent here: a dispatch and the word to the public have moves of their own. */
export type SentKind = Exclude<NoticeKind, 'dispatch' | 'forthcoming'>;

export interface NoticeWish {
  /** In the sender's own words; null for none. Of `forthcoming`: the mitigation. */
  text: string | null;
  /** The private list of a dispatch. */
  list: string | null;
}

/** Somebody who gets it: sealed to the certificate with that fingerprint; null: in clear. */
interface Reader {
  addressee: Addressee;
  fingerprint: string | null;
}

/**
 * Somebody who does not, or not yet, and why: a reason of copies that are held, or `unproved`, `no-address`; of a member
 * `no-contact`, `unsubscribed`.
 */
export interface Without {
  /** Of a member, the name of the organisation. */
  address: string;
  why: string;
}

interface Letter {
  list: List;
  kind: PostKind;
  content: Buffer;
  to: Reader[];
  /** Files of which each of them gets one of his own. */
  own?: readonly { name: string; size: number }[];
  /** It is kept for a reporter whose certificate is not known, and is for nobody until then. */
  waits?: true;
}

interface Plan {
  letters: Letter[];
  without: Without[];
  /** What it changes of the case. */
  to: Taken['to'];
  /** The policy that wants it to be sent earlier, where it is late. */
  late?: string;
  /** Noted of those who get it, in the transaction. */
  also?: (trx: Db) => Promise<void>;
}

interface Row {
  step: Step;
  /** Whether the sender has to say something in his own words. */
  words: 'needed' | 'possible' | 'none';
  plan: (seams: Seams, seen: Case, wish: NoticeWish) => Promise<Plan>;
}

const rows: Readonly<Record<NoticeKind, Row>> = {
  acknowledgement: {
    step: 'acknowledge',
    words: 'possible',
    plan: async (seams, seen, { text }) => {
      const words = seams.words.acknowledged({ project: seams.project.name, caseId: seen.id, words: text });
      return { ...(await toReporter(seams, seen, words)), to: { acknowledged_at: seams.clock.now() } };
    },
  },
  'needs-info': {
    step: 'ask',
    words: 'needed',
    plan: async (seams, seen, { text }) => {
      const words = seams.words.question({ caseId: seen.id, words: text ?? '' });
      const now = seams.clock.now();
      // He who asks has read it. A leak stays a leak, whatever is asked.
      const aside = seen.aside === null ? { aside: 'needs_info' as const, aside_at: now } : {};
      return { ...(await toReporter(seams, seen, words)), to: { ...aside, acknowledged_at: seen.acknowledged_at ?? now } };
    },
  },
  'not-a-vulnerability': {
    step: 'reject',
    words: 'needed',
    plan: async (seams, seen, { text }) => {
      const words = seams.words.notVulnerability({ caseId: seen.id, words: text ?? '' });
      const now = seams.clock.now();
      const made = await toReporter(seams, seen, words);
      const to = { aside: 'rejected' as const, aside_at: now, acknowledged_at: seen.acknowledged_at ?? now };
      return {
        ...made,
        to: { ...to, ...(made.letters.length === 0 ? {} : tellingReporter(seen, null, now)) },
        also: await tellingRejection(seams, seen, { of: null, words: text }),
      };
    },
  },
  status: {
    step: 'notify',
    words: 'possible',
    plan: async (seams, seen, { text }) => {
      const now = seams.clock.now();
      // One that one person alone has set may change: until it is agreed on, people go by what they were told.
      const releaseAt = currentInstant(seen, now);
      const words = seams.words.status({ caseId: seen.id, stage: stageOf(seen), releaseAt, words: text });
      const made = await toReporter(seams, seen, words);
      return { ...made, to: made.letters.length === 0 ? {} : tellingReporter(seen, releaseAt, now) };
    },
  },
  'second-notice': { step: 'notify', words: 'none', plan: secondNotice },
  reminder: { step: 'notify', words: 'none', plan: reminder },
  dispatch: { step: 'dispatch', words: 'none', plan: dispatchPlan },
  forthcoming: {
    step: 'notify',
    words: 'possible',
    plan: async (seams, seen, { text }) => {
      const list = await keeperOf(seams.db, seen);
      // What waits for another person is shown to him as it is.
      const waiting = text === null ? await openForthcoming(seams, seen) : null;
      const content = noticeEntity(waiting ?? (await writeForthcoming(seams, seen, text)));
      const to = (await publicReaders(seams.db, channelsOf(seen))).map(({ address }): Reader => {
        return { addressee: { audience: 'public', address }, fingerprint: null };
      });
      return { letters: [{ list, kind: 'forthcoming', content, to }], without: [], to: {} };
    },
  },
};

/** A mail as its readers would get it. */
export interface Shown {
  /** The list that it comes from. */
  list: string;
  subject: string;
  text: string;
  /** Without a hash those of which each reader gets another one. */
  files: { name: string; sha256: string | null; size: number }[];
  to: { address: string; fingerprint: string | null }[];
}

export interface Previewed {
  mails: Shown[];
  without: Without[];
}

/** What everybody would get; nothing is sent or changed. Throws what sending it would. */
export async function previewNotice(seams: Seams, caseId: string, kind: NoticeKind, wish: NoticeWish): Promise<Previewed> {
  const seen = await caseFor(seams.db, seams, caseId, rows[kind].step);
  return shownOf(await planOf(seams, seen, kind, wish));
}

export interface SentNotice extends Previewed {
  case: Case;
}

/**
 * Sends a notice, and takes the step that it is. Throws Refusal: `invalid` for words that lack, `conflict` where nobody is to be told,
 * `needs-person`, `incomplete`, and what a step refuses.
 */
export async function sendNotice(
  seams: Seams,
  caseId: string,
  kind: SentKind,
  wish: NoticeWish,
  expected?: number,
): Promise<SentNotice> {
  const { step } = rows[kind];
  const seen = await caseFor(seams.db, seams, caseId, step, expected);
  if (actorOf(seams).personId === null) throw new Refusal('needs-person');
  const plan = await planOf(seams, seen, kind, wish);
  const written = await writeLetters(seams, seen, plan.letters);
  const changed = await take(seams, caseId, { step, expected: seen.revision }, async (trx) => {
    await sendLetters(trx, seams, written);
    await plan.also?.(trx);
    if ('told_release_at' in plan.to || 'told_none_at' in plan.to) await noteOutside(trx, caseId);
    return {
      to: plan.to,
      action: 'notice',
      detail: {
        kind,
        posts: written.map(({ post }) => post.id),
        without: plan.without.length,
        ...(plan.late === undefined ? {} : { late: plan.late }),
      },
    };
  });
  return { ...shownOf(plan), case: changed };
}

interface WrittenLetter extends Written {
  to: Addressee[];
  waits: boolean;
}

/** Sealed, and not in the database yet. */
export async function writeLetters(seams: Seams, { id }: Case, letters: readonly Letter[]): Promise<WrittenLetter[]> {
  return Promise.all(
    letters.map(async ({ list, kind, content, to, waits = false }) => {
      const post = await writeNotice(seams, list, { kind, caseId: id }, content);
      return { list, post, to: to.map(({ addressee }) => addressee), waits };
    }),
  );
}

export async function sendLetters(trx: Db, seams: Seams, letters: readonly WrittenLetter[]): Promise<void> {
  for (const { to, waits, ...written } of letters)
    if (waits) await posts.insert(trx, forReporterLater(written.post));
    else if (to.length === 0 && isDistributed(written.post.kind)) await posts.insert(trx, written.post);
    else await send(trx, seams, written, to);
}

/** It is there also where nobody may have it now: whoever may later is sent it then (embargo/let-in.ts). */
function isDistributed(kind: PostKind): boolean {
  return kind === 'prenotice';
}

async function planOf(seams: Seams, seen: Case, kind: NoticeKind, wish: NoticeWish): Promise<Plan> {
  const { words, plan } = rows[kind];
  const has = wish.text !== null && wish.text.trim() !== '';
  if (words === 'needed' && !has) throw new Refusal('invalid', `The notice "${kind}" needs words of yours: give a text`);
  if (words === 'none' && has) throw new Refusal('invalid', `The notice "${kind}" has no words of yours`);
  const made = await plan(seams, seen, { ...wish, text: has ? wish.text : null });
  const letters = made.letters.filter(({ to, waits, kind }) => to.length > 0 || waits || isDistributed(kind));
  if (letters.length === 0 && Object.keys(made.to).length === 0) {
    const why = made.without.map((one) => `${one.address}: ${one.why}`).join(', ');
    throw new Refusal('conflict', `Nobody is to be told that${why === '' ? '' : ` (${why})`}`);
  }
  return { ...made, letters };
}

export function shownOf({ letters, without }: Letters): Previewed {
  const mails = letters.map(({ list, kind, content, to, own = [] }): Shown => {
    const { subject, content: body } = dressed(list, kind, composeNotice(content));
    const { text, files } = viewOf(parseEntity(body));
    return {
      list: list.address,
      subject,
      text,
      files: [
        ...files.map(({ name, bytes }) => ({ name, sha256: sha256(bytes), size: bytes.length })),
        ...own.map((file) => ({ ...file, sha256: null })),
      ],
      to: to.map(({ addressee, fingerprint }) => ({ address: addressee.address, fingerprint })),
    };
  });
  return { mails, without };
}

export type Letters = Pick<Plan, 'letters' | 'without'>;

/**
 * Sealed where his certificate is known. Else it is kept until he brings one; fixed words in clear, once a day, say nothing but that there
 * is an answer, and ask him for it.
 */
export async function toReporter(seams: Seams, seen: Case, words: Notice): Promise<Letters> {
  const { db, clock } = seams;
  const { reporter_address: address, reporter_certificate_id: certificateId } = seen;
  if (address === null || (await isUnanswerable(db, address)))
    return { letters: [], without: [{ address: address ?? '(the reporter)', why: 'no-address' }] };
  const list = await keeperOf(seams.db, seen);
  const letter = { list, kind: 'notice', content: noticeEntity(words) } as const;
  const certificate = certificateId === null ? undefined : await certificates.byId(db, certificateId);
  if (!certificate) {
    const asking = await askingForCertificate(seams, list, address);
    return { letters: [...asking, { ...letter, to: [], waits: true }], without: [{ address, why: 'no-certificate' }] };
  }
  const { id, fingerprint, data } = certificate;
  const usable = await usableKept(seams, data, clock.now());
  const without = usable.usable ? [] : [{ address, why: usable.reason }];
  const addressee: Addressee = { audience: 'reporter', address, certificateId: id };
  return { letters: [{ ...letter, to: [{ addressee, fingerprint }] }], without };
}

async function askingForCertificate({ db, clock, keyring }: Seams, list: List, address: string): Promise<Letter[]> {
  if (await deliveries.wroteTo(db, address, ['reply-clear'], clock.now() - DAY)) return [];
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Refusal('not-ready', undefined, `there is no key for ${list.address}`);
  const content = noticeEntity(clearReply({ list: list.address }), [keyPart(list, key.certificate)]);
  return [{ list, kind: 'reply-clear', content, to: [{ addressee: { audience: 'stranger', address }, fingerprint: null }] }];
}

interface ToMembers {
  kind: PostKind;
  words: (list: List) => Notice;
  /** Of the contacts who had a dispatch: those alone. */
  only?: ReadonlySet<string>;
}

/** To whoever had a dispatch of the case, may still know of it and was not let go since, through the list that brought it. */
async function toMembers(seams: Seams, seen: Case, { kind, words, only }: ToMembers): Promise<Letters> {
  const { db } = seams;
  const all = await deliveries.dispatchedTo(db, seen.id);
  const there = await deliveries.dispatchedToWhoIsThere(db, seen.id);
  const had = all.filter(({ id }) => only?.has(id) ?? true);
  const made: Letters = { letters: [], without: [] };
  for (const listId of new Set(had.map((row) => row.listId))) {
    const list = await lists.byId(db, listId);
    if (!list) continue;
    const through = had.filter((row) => row.listId === listId);
    const inside = await insidersOf(db, seen.id, through);
    const active = new Map((await contacts.activeOfList(db, listId)).map((contact) => [contact.id, contact]));
    const still = new Set(there.filter((row) => row.listId === listId).map(({ id }) => id));
    const readers = inside.flatMap(({ id }) => (still.has(id) ? (active.get(id) ?? []) : []));
    const outside = through.filter((row) => !readers.some(({ id }) => id === row.id));
    const whyNot = (row: deliveries.DispatchedTo) => (active.has(row.id) ? 'let-go' : 'not-active');
    for (const row of outside) made.without.push({ address: row.address, why: inside.includes(row) ? whyNot(row) : OUTSIDE });
    made.without.push(...(await heldOf(seams, readers)));
    made.letters.push({ list, kind, content: noticeEntity(words(list)), to: readers.map(readerOf) });
  }
  return made;
}

function readerOf(contact: contacts.ListContact): Reader {
  const [addressee] = eachContact([contact]) as [Addressee];
  return { addressee, fingerprint: contact.certificate?.fingerprint ?? null };
}

/** Those whose copies would wait, for their certificates. */
async function heldOf(seams: Seams, people: readonly contacts.ListContact[]): Promise<Without[]> {
  const judged = await Promise.all(
    people.map(async ({ address, certificate }): Promise<Without | null> => {
      if (certificate === null) return { address, why: 'no-certificate' };
      const answer = await usableKept(seams, certificate.data, seams.clock.now());
      return answer.usable ? null : { address, why: answer.reason };
    }),
  );
  return judged.filter((one) => one !== null);
}

/** The final text, to everybody who had the dispatch; it counts for that text alone. */
async function secondNotice(seams: Seams, seen: Case): Promise<Plan> {
  if (seen.noticed_at === null) throw new Refusal('incomplete', 'Distributors were not sent the case yet: dispatch it first');
  if (seen.patch_set !== seen.distributed_set)
    throw new Refusal('incomplete', 'The patches are not those that distributors were sent: dispatch these first');
  const { draft, patches } = await openParts(seams, seen);
  if (!draft || seen.release_at === null || seen.scheduled_at === null)
    throw new Refusal('incomplete', 'The text for the public lacks, or its instant is not approved');
  const now = seams.clock.now();
  const releaseAt = agreedInstant(seen, now);
  const words = () => seams.words.prenotice({ caseId: seen.id, ...draft, releaseAt, channels: channelsOf(seen), patches });
  const due = dueIn(seams.project, seen)['second-notice'];
  return {
    ...(await toMembers(seams, seen, { kind: 'prenotice', words })),
    // Better late than a text that nobody of them has seen.
    ...(due && now > due.at ? { late: due.policy } : {}),
    to: { prenoticed_at: now, prenoticed_draft_id: seen.draft_post_id, ...tellingMembers(releaseAt, now) },
  };
}

async function reminder(seams: Seams, seen: Case): Promise<Plan> {
  const { db, clock } = seams;
  const copies = await acknowledgements.ofCase(db, seen.id);
  const last = new Map<string, acknowledgements.Receipt>();
  for (const copy of copies) if (!last.has(copy.contactId)) last.set(copy.contactId, copy);
  const silent = [...last.values()].filter(({ status }) => status === null);
  const sentAt = Math.min(...silent.map((copy) => copy.sentAt));
  const made = await toMembers(seams, seen, {
    kind: 'notice',
    words: ({ address }) => seams.words.reminder(reminderFacts(seen, address, { sentAt, now: clock.now() })),
    only: new Set(silent.map(({ contactId }) => contactId)),
  });
  return {
    ...made,
    to: {},
    also: async (trx) => {
      for (const { deliveryId } of silent)
        await acknowledgements.remind(trx, { caseId: seen.id, deliveryId, dueAt: clock.now(), now: clock.now() });
    },
  };
}

async function dispatchPlan(seams: Seams, seen: Case, { list: address }: NoticeWish): Promise<Plan> {
  if (address === null) throw new Refusal('invalid', 'Through which private list? Name it');
  const { list, content, recipients, unproved, unreached } = await planDispatch(seams, seen, address);
  const without = [
    ...unproved.map((contact) => ({ address: contact.address, why: 'unproved' })),
    ...unreached.map(({ organisation, why }) => ({ address: organisation, why })),
    ...(await heldOf(seams, recipients)),
  ];
  const token = 'x'.repeat(lengthFor('acknowledgement'));
  const own = [{ name: LINK_FILE, size: linkFile(seams.project.site, token).length }];
  return { letters: [{ list, kind: 'dispatch', content, to: recipients.map(readerOf), own }], without, to: {} };
}
