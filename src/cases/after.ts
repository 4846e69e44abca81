import type { Instant } from '../clock.ts';
import { eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { sha256 } from '../embargo/bundle.ts';
import { parseEntity } from '../mail/message.ts';
import { viewOf } from '../mail/view.ts';
import { afterwards } from '../notices/templates.ts';
import { writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import * as members from '../store/members.ts';
import * as posts from '../store/posts.ts';
import * as restorations from '../store/restorations.ts';
import type { Case, NewPost, Post } from '../store/schema.ts';
import { detailsOf } from './describe.ts';
import { keeperOf, secretsOf } from './keeper.ts';
import { alert } from './people.ts';
import { handlersOf } from './remind.ts';
import { archiveText, type Entry, type Named, wordsOf } from './sanitise.ts';
import { caseFor, type Taken, take } from './step.ts';

/** What was written of a case after its release: kept sealed. */
export interface Writing {
  at: Instant;
  text: string;
}

/** Writes a retrospective of a released case; another one is kept beside it. */
export async function retrospect(seams: Seams, caseId: string, note: string, expected?: number): Promise<Case> {
  if (note.trim() === '') throw new Refusal('invalid', 'The retrospective must not be empty');
  const seen = await caseFor(seams.db, seams, caseId, 'retrospect', expected);
  const post = await sealed(seams, seen, 'retrospective', note);
  const now = seams.clock.now();
  return done(seams, caseId, 'retrospective', { step: 'retrospect', expected, post }, (about) => ({
    to: { retrospective_at: about.retrospective_at ?? now },
    action: 'retrospective',
    detail: { digest: post.digest },
  }));
}

/** Ends a case: released with its retrospective, rejected or withdrawn. */
export async function close(seams: Seams, caseId: string, expected?: number): Promise<Case> {
  return done(seams, caseId, 'close', { step: 'close', expected }, (about) => {
    if (about.state === 'released' && about.retrospective_at === null && about.aside !== 'withdrawn')
      throw new Refusal('conflict', 'The retrospective is owed: curfew case retrospective');
    if (about.aside === 'withdrawn' && about.state !== 'released' && about.release_at !== null)
      throw new Refusal('conflict', 'The public was promised a word at the instant, and is owed it');
    return { to: { closed_at: seams.clock.now() }, action: 'close' };
  });
}

/**
 * Ends a case that was released after the backup was taken that was restored: nothing of it goes out again, and nothing of it comes back.
 * Throws `conflict` where none was restored that is of after it came.
 */
export async function closeRestored(seams: Seams, caseId: string, expected?: number): Promise<Case> {
  const restored = await restorations.last(seams.db);
  return done(seams, caseId, 'close', { step: 'close-restored', expected }, (about) => {
    if (!restored || about.received_at > restored.taken_at)
      throw new Refusal('conflict', 'No backup was restored that the case is in: whatever was done of it is known here');
    return { to: { closed_at: seams.clock.now() }, action: 'close', detail: { alreadyOut: true } };
  });
}

/** The thread of a released case as it would be kept, for its lead to read first. */
export interface ArchiveDraft {
  text: string;
  /** SHA-256, hex: what he approves. */
  hash: string;
}

/**
 * Makes the thread of a released case into one text without addresses and names, and keeps nothing of it. `without`: names and words that
 * are to be taken out too, as no program knows all. Throws what opening a mail throws.
 */
export async function draftArchive(seams: Seams, caseId: string, without: readonly string[]): Promise<ArchiveDraft> {
  const seen = await caseFor(seams.db, seams, caseId, 'archive');
  const text = await threadOf(seams, seen, without);
  return { text, hash: sha256(Buffer.from(text)) };
}

/**
 * Keeps that text, which whoever leads the case has read and lets people of the team have; it goes nowhere by itself. Throws
 * `approval-voided` where it is another one by now.
 */
export async function archive(
  seams: Seams,
  caseId: string,
  { hash, without }: { hash: string; without: readonly string[] },
  expected?: number,
): Promise<Case> {
  const seen = await caseFor(seams.db, seams, caseId, 'archive', expected);
  const draft = await draftArchive(seams, caseId, without);
  if (draft.hash !== hash) throw new Refusal('approval-voided', 'It is another text by now: read it, and approve that');
  const post = await sealed(seams, seen, 'archive', draft.text);
  return done(seams, caseId, 'archive', { step: 'archive', expected, post }, () => ({
    to: {},
    action: 'archive',
    detail: { digest: post.digest },
  }));
}

/** The step, what it files, and a word to those who handle the case. */
async function done(
  seams: Seams,
  caseId: string,
  what: 'retrospective' | 'archive' | 'close',
  {
    post,
    ...step
  }: { step: 'retrospect' | 'archive' | 'close' | 'close-restored'; expected: number | undefined; post?: NewPost },
  change: (seen: Case) => Taken,
): Promise<Case> {
  const written = await alert(seams, caseId, afterwards({ caseId, done: what, by: seams.by.name ?? 'an admin' }));
  return take(seams, caseId, step, async (trx, seen) => {
    const taken = change(seen);
    if (post) await posts.insert(trx, post);
    await send(trx, seams, written, eachContact(await handlersOf(trx, seen)));
    return taken;
  });
}

async function sealed(seams: Seams, about: Case, kind: 'retrospective' | 'archive', text: string): Promise<NewPost> {
  return writeNotice(seams, await keeperOf(seams.db, about), { kind, caseId: about.id }, Buffer.from(text));
}

async function mustOpen(seams: Seams, listId: string): Promise<Uint8Array[]> {
  const secrets = await secretsOf(seams, listId);
  if (secrets.length === 0) throw new Refusal('not-ready', undefined, `there is no key for the list ${listId}`);
  return secrets;
}

/** All of that kind, opened, the newest first. Throws `not-ready` where the key is not here. */
export async function writingsOf(seams: Seams, about: Case, kind: 'retrospective' | 'archive'): Promise<Writing[]> {
  const found = await posts.ofKind(seams.db, about.id, kind);
  if (found.length === 0) return [];
  const secrets = await mustOpen(seams, about.list_id);
  return Promise.all(
    found.map(async ({ content, received_at }) => ({
      at: received_at,
      text: Buffer.from(await seams.pgp.reopen(content, secrets)).toString('utf8'),
    })),
  );
}

/** What people wrote into the case, as a text that says nothing of who they are. */
async function threadOf(seams: Seams, about: Case, without: readonly string[]): Promise<string> {
  const thread = await posts.ofThread(seams.db, about.id, ['report', 'post']);
  const consent = (await detailsOf(seams, about)).reporter;
  const reporter = consent.anonymous || consent.credit === null ? 'the reporter' : consent.credit;
  const labels = new Map<string, Named>();
  const entries: Entry[] = [];
  // Who is to be credited keeps his names.
  const reporterNames = new Set<string>();
  const forget = (name: string | undefined) => {
    if (reporter === 'the reporter' && name !== undefined) for (const word of wordsOf(name)) reporterNames.add(word);
  };
  forget(about.reporter_address?.split('@')[0]);
  for (const { id } of thread) {
    const post = await posts.byId(seams.db, id);
    if (!post) continue;
    const { subject, text, files, from } = await readPost(seams, post);
    const person = post.signer_contact_id === null ? null : await labelOf(seams, labels, about, post.signer_contact_id);
    if (person === null) forget(from);
    entries.push({ at: post.received_at, author: person ?? reporter, subject, text, files });
  }
  const people = [
    ...labels.values(),
    { label: 'the reporter', names: [...reporterNames] },
    { label: '[left out]', names: without },
  ];
  return archiveText(about.id, entries, people);
}

async function readPost(seams: Seams, post: Post) {
  const { db, pgp } = seams;
  const secrets = await mustOpen(seams, post.list_id);
  const raw = await pgp.reopen(post.content, secrets);
  const lookup = async (keyIds: string[]) => (await certificates.byKeyIds(db, keyIds)).map(({ data }) => data);
  const opened = await pgp.open({ raw, secrets, at: post.received_at }, lookup);
  const { text, files } = viewOf(parseEntity(opened.content));
  return { subject: opened.subject, text, files: files.length, from: opened.from?.name };
}

/** The same words for the same organisation, in the order in which they come: the team, `member 1`, `member 2`. */
async function labelOf({ db }: Seams, labels: Map<string, Named>, about: Case, contactId: string): Promise<string> {
  const contact = await contacts.byId(db, contactId);
  const member = contact && (await members.byId(db, contact.member_id));
  if (!contact || !member) return 'somebody';
  const known = labels.get(member.id);
  const all = (await contacts.ofMember(db, member.id)).flatMap(({ name }) => (name === null ? [] : wordsOf(name)));
  const isTeam = (await contacts.activeOfList(db, about.list_id)).some(({ memberId }) => memberId === member.id);
  const count = [...labels.values()].filter(({ label }) => label.startsWith('member ')).length;
  const label = known?.label ?? (isTeam ? 'the team' : `member ${count + 1}`);
  // The team's own organisation is the project's, and no secret.
  labels.set(member.id, { label, names: isTeam ? all : [member.organisation, ...all] });
  return label;
}
