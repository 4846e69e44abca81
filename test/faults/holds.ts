import { createHash } from 'node:crypto';
import { DAY, HOUR, type Instant, MINUTE } from '../../src/clock.ts';
import { isTrusted } from '../../src/embargo/clock-watch.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { type ViewedFile, viewOf } from '../../src/mail/view.ts';
import * as audit from '../../src/store/audit.ts';
import { OUTSIDE, READER } from '../embargo/armed.ts';
import { disarmed, type Game, rowOf, type Seen, standing, type Taken, truth } from './game.ts';

/*
 * What must always hold, asked of the mails that were sent and of what was seen of each case (game.ts), and not of what Curfew thinks of it:
 *  - what went to the public is the text of a released case as two people of the team approved it after its last change, at its instant or
 *    later; the note of a withdrawn one, approved by two; the word that a fix will come, drafted by one and approved by another, for the
 *    instant that stands; or the fixed words, where the longest embargo has ended;
 *  - nobody is told of a case who may not know of it, and nothing goes to who has left, is suspended or retired;
 *  - no member is told that a case is under embargo that is released or withdrawn;
 * and after a round that nothing disturbed:
 *  - all of that has gone out which is due, each under one Message-ID;
 *  - of what members who have a dispatch were told, the last is the instant that counts, before it comes, or that it is withdrawn; and they have
 *    the newest patches that were dispatched; so it is with what the reporter was told last, where he was ever told an instant;
 *  - whoever handles a case was told that it is overdue, and that it is armed no more;
 * and at the end that the log is whole, and says the same as the mails that were sent and the people who did something.
 */

const PUBLIC = [READER, OUTSIDE];
/** After it was set right a clock is believed when it has agreed for so long. */
const AGREED = 5 * MINUTE;
/** Within which people are told. */
const TELLING = 2 * MINUTE;
/** How long what is told waits behind a mail that the relay does not take. */
const BEHIND_ONE = 15 * MINUTE;
/** From the end of the longest embargo on, where two people have approved and the release fails. */
const STUCK = 10 * MINUTE;

/** `fresh`: what was sent in the last round. `calm`: nothing disturbed it. */
export async function faultsIn(game: Game, fresh: readonly Taken[], calm: boolean): Promise<string[]> {
  const faults: string[] = [];
  for (const mail of fresh)
    faults.push(...(PUBLIC.includes(mail.to) ? await publicFaults(game, mail) : privateFaults(game, mail)));
  if (!calm) return faults;
  const believed = game.wrong === 0 && ((await isTrusted(game)) || truth(game) - game.rightSince >= AGREED);
  for (const about of game.seen.values()) {
    if (believed) faults.push(...missing(game, about));
    faults.push(...untold(game, about));
  }
  return faults;
}

/**
 * Notes which are public now, and as what; and of a disturbed round that it may have taken back what one approved who has left. After each turn
 * of a round, as a mail is no answer to what comes after it.
 */
export async function look(game: Game, calm: boolean): Promise<void> {
  for (const about of game.seen.values()) await lookAt(game, about, calm);
}

async function lookAt(game: Game, about: Seen, calm: boolean): Promise<void> {
  const { id, text, instant, approvals, patches } = about;
  const people = standing(game, approvals).length;
  const { state } = await rowOf(game, id);
  if (state === 'released')
    about.released ??= { at: truth(game), instant, text, people, patches: text === 'note' ? [] : [...patches.values()].sort() };
  if (about.released || !about.armed || people >= 2) return;
  if (!calm) about.maybe ??= truth(game);
  else {
    const since = about.maybe ?? truth(game);
    disarmed(about);
    about.disarmedAt = since;
  }
}

/** `2026-09-22 16:00:00 UTC`, as in all mails. */
const written = (at: Instant) => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

async function caseOf({ db, seen }: Game, { messageId }: Taken): Promise<Seen | undefined> {
  const row = await db.selectFrom('deliveries').select('case_id').where('message_id', '=', messageId).executeTakeFirst();
  return seen.get(row?.case_id ?? '');
}

async function publicFaults(game: Game, mail: Taken): Promise<string[]> {
  const about = await caseOf(game, mail);
  if (!about) return [`a mail to ${mail.to} is of no case`];
  const { text, files } = viewOf(parseEntity(Buffer.from(mail.mail)));
  const wrong = faultOf(game, about, { ...mail, text, files: filesIn(files) });
  return wrong === null ? [] : [`${about.id}, to ${mail.to}: ${wrong}`];
}

const filesIn = (files: readonly ViewedFile[]) =>
  files.filter(({ mediaType }) => mediaType !== 'application/pgp-signature').map(({ bytes }) => Buffer.from(bytes).toString());

type Read = Taken & { text: string; files: string[] };

function faultOf(game: Game, about: Seen, mail: Read): string | null {
  if (/The embargo of a security issue has ended$/.test(mail.subject)) return faultOfMinimal(about, mail);
  if (/Security release on/.test(mail.subject)) return faultOfAnnounced(about, mail);
  const { released } = about;
  if (released === null) return 'it is public and not released';
  if (mail.at < (released.instant ?? Number.POSITIVE_INFINITY)) return 'it was public before its instant';
  if (released.people < 2) return `it was approved by ${released.people}`;
  return released.text === 'note' ? faultOfNote(game, about, mail) : faultOfRelease(released, mail);
}

function faultOfRelease({ text, patches }: NonNullable<Seen['released']>, mail: Read): string | null {
  const marks = mail.text.match(/MARK\d+END/g) ?? [];
  if (text === null || marks.length !== 1 || marks[0] !== text) return `the text is ${marks}, and not ${text}`;
  const files = mail.files.map((file) => /^\+(MARK\d+END)\n$/.exec(file)?.[1] ?? file).sort();
  return files.join() === patches.join() ? null : `the patches are ${files}, and not ${patches}`;
}

function faultOfNote({ seams }: Game, { aside, released }: Seen, { text, files }: Read): string | null {
  if (aside !== 'withdrawn' || files.length > 0) return 'what is said to be withdrawn is not, or comes with files';
  const words = [
    `${seams.project.name} had a security release planned for ${written(released?.instant ?? 0)}.`,
    'It is withdrawn: there is nothing to be fixed, and nothing that you have to do.',
  ];
  return text.trim() === words.join('\n') ? null : `a case that is withdrawn says: ${text}`;
}

function faultOfMinimal(about: Seen, { text, files, at }: Read): string | null {
  const end = longest(about);
  if (end === null || at < end) return 'the end of its embargo was said early';
  if (about.aside === 'withdrawn' || about.aside === 'rejected' || about.accepted === null)
    return 'its embargo was nothing to speak of';
  const words = [
    `orbit has a security issue under embargo since ${written(about.received).slice(0, 10)}; its embargo ended at`,
    `${written(end)} without an advisory; ask security@orbit.example`,
  ];
  return files.length === 0 && text.trim() === words.join('\n') ? null : `the fixed words are: ${text}`;
}

function faultOfAnnounced(about: Seen, { text, files, at }: Read): string | null {
  const { announced } = about;
  if (announced === null || announced.approvals.size === 0)
    return 'the word that a fix will come was not approved by another one';
  if (!text.includes(`\n  ${written(announced.instant)}\n`) || files.length > 0)
    return 'the word that a fix will come is another one';
  if (about.released || about.aside === 'withdrawn' || about.aside === 'rejected') return 'a fix is said to come, and does not';
  if (announced.instant !== about.instant) return 'a fix is said to come at an instant that does not stand';
  return at >= announced.instant ? 'a fix is said to come at an instant that has passed' : null;
}

/** From which instant an embargo may last no longer, by each policy. */
const LONGEST: Readonly<Record<string, (about: Seen) => Instant | null>> = {
  'k8s-2017': ({ received }) => received + 21 * DAY,
  k8s: ({ noticedAt }) => noticedAt && noticedAt + 28 * DAY,
  kernel: ({ fixReadyAt }) => fixReadyAt && fixReadyAt + 7 * DAY,
  'linux-distros': ({ noticedAt }) => noticedAt && noticedAt + 14 * DAY,
};

function longest(about: Seen): Instant | null {
  const ends = [...about.policies].flatMap((name) => LONGEST[name]?.(about) ?? []);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** Since when it ought to be public, and is not. */
function overdueSince(game: Game, about: Seen): Instant | null {
  const { released, closed, aside, publicAt, agreed } = about;
  if (released || closed || aside === 'rejected') return null;
  const instant = (aside === 'leaked' ? about.proposed?.to.instant : undefined) ?? about.instant;
  const all = [instant, agreed, ...(aside === 'withdrawn' ? [] : [longest(about)]), aside === 'public' ? publicAt : null];
  if (aside === 'leaked' && !(about.counts && (about.countedAt ?? 0) > (about.decidedAt ?? 0))) all.push(about.decidedAt);
  const since = Math.min(...all.filter((at) => at !== null));
  return since <= truth(game) ? since : null;
}

/** What ought to be public, and is not. */
function missing(game: Game, about: Seen): string[] {
  const { id, released, aside, closed, armed, maybe, instant } = about;
  const now = truth(game);
  const got = (to: string, what: RegExp) =>
    new Set(game.taken.filter((mail) => mail.to === to && what.test(mail.mail)).map(({ messageId }) => messageId)).size;
  if (released) {
    const what = new RegExp(released.text === 'note' ? `planned for ${written(released.instant ?? 0)}` : (released.text ?? ''));
    return PUBLIC.flatMap((to) => (got(to, what) === 1 ? [] : [`${id} came ${got(to, what)} times to ${to}`]));
  }
  if (closed || aside === 'rejected') return [];
  if (armed && maybe === null && instant !== null && instant <= now) return [`${id} is late`];
  const end = longest(about);
  if (end === null || end > now || about.accepted === null || aside === 'withdrawn') return [];
  // Who accepts it later than that has an hour to reject it.
  if (about.accepted > end && now < about.accepted + HOUR) return [];
  if (armed && instant !== null && instant <= now && now < end + STUCK) return [];
  const words = new RegExp(`ended at\\r?\\n${written(end)} without an advisory`);
  return PUBLIC.flatMap((to) => (got(to, words) >= 1 ? [] : [`nobody told ${to} that the embargo of ${id} has ended`]));
}

/** Who was to be told something, and was not. */
function untold(game: Game, about: Seen): string[] {
  return [
    ...untoldOverdue(game, about),
    ...untoldDisarmed(game, about),
    ...untoldProposed(game, about),
    ...untoldMembers(game, about),
    ...untoldReporter(game, about),
  ];
}

/** Addresses of those who handle a case. */
function handlers(game: Game, { staff, lead, deputy, asked }: Seen): string[] {
  const some = staff.size === 0 ? [...game.team] : standing(game, [...staff, lead, deputy, asked]);
  const ids = some.length > 0 ? some : [...game.team];
  return game.beginning.house.team.filter(({ contactId }) => ids.includes(contactId)).map(({ address }) => address);
}

const wasTold = (game: Game, to: string, since: Instant, what: (subject: string, mail: string) => boolean) =>
  game.taken.some(({ to: reader, at, subject, mail }) => reader === to && at >= since && what(subject, mail));

function untoldOverdue(game: Game, about: Seen): string[] {
  const since = overdueSince(game, about);
  if (since === null) {
    about.overdue = null;
    return [];
  }
  const now = handlers(game, about);
  if (about.overdue?.since !== since) about.overdue = { since, people: now };
  if (truth(game) < since + TELLING) return [];
  return about.overdue.people
    .filter((to) => now.includes(to) && !wasTold(game, to, since, (subject) => subject.startsWith(`[${about.id}] OVERDUE`)))
    .map((to) => `${to} was not told that ${about.id} is overdue since ${written(since)}`);
}

const DISARMED = /^Subject: .*disarmed|^It was armed, and is not any more\.$/m;

function untoldDisarmed(game: Game, about: Seen): string[] {
  const { id, disarmedAt: since, armed, released, closed, aside } = about;
  about.disarmedAt = null;
  if (since === null || armed || released || closed || aside === 'rejected' || aside === 'withdrawn') return [];
  if (overdueSince(game, about) !== null) return [];
  return handlers(game, about)
    .filter((to) => !wasTold(game, to, since, (subject, mail) => subject.startsWith(`[${id}]`) && DISARMED.test(mail)))
    .map((to) => `${to} was not told that ${id} is armed no more`);
}

function untoldProposed(game: Game, about: Seen): string[] {
  const { id, proposed, released, closed, aside } = about;
  if (!proposed?.since || released || closed || aside === 'rejected') return [];
  const { since } = proposed;
  proposed.since = null;
  if (overdueSince(game, about) !== null) return [];
  return handlers(game, about)
    .filter((to) => !wasTold(game, to, since, (subject) => subject.startsWith(`[${id}]`) && subject.includes('proposed')))
    .map((to) => `${to} was not told what is proposed in ${id}`);
}

/** Instants of which a mail tells a member or a reporter that the release will be then. */
const TELLS =
  /(?:EMBARGOED until|is released at|will be released at|It will be public at: ) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)/;

const DISPATCHED = 'EMBARGOED until';
const WITHDRAWN = /^\[\S+\] Withdrawn$/;

function untoldMembers(game: Game, about: Seen): string[] {
  return game.beginning.house.members.flatMap(({ address }) => {
    const had = hadOf(game, about, address);
    const wrongWith = (more: readonly Taken[]) => wrongIn(game, about, [...had, ...more]);
    const isWrong = isReached(game, about, address) && !isKeptBack(game, about, address, wrongWith);
    return stillWrong(game, about, address, isWrong ? wrongWith([]) : null);
  });
}

/** Where he never was told an instant, he waits for none. */
function untoldReporter(game: Game, about: Seen): string[] {
  const address = game.beginning.reporters[game.beginning.ids.indexOf(about.id)] ?? '';
  const { released, closed, aside } = about;
  const last = hadOf(game, about, address).filter(isTelling).at(-1);
  const isNews = last !== undefined && !released && !closed && aside !== 'rejected';
  const wrongWith = (more: readonly Taken[]) => wrongLast(game, about, more.at(-1) ?? last);
  const isWrong = isNews && !isPutOff(game, address) && !isKeptBack(game, about, address, wrongWith);
  return stillWrong(game, about, address, isWrong ? wrongWith([]) : null);
}

/** Whether the relay does not take the one mail by which he would have it right. */
function isKeptBack(game: Game, { id }: Seen, address: string, wrongWith: (more: readonly Taken[]) => string | null): boolean {
  return [...game.putOff.values()].some(
    (one) => one.alone && one.to === address && one.mail.includes(id) && truth(game) < one.at + DAY && wrongWith([one]) === null,
  );
}

function hadOf({ taken }: Game, { id }: Seen, address: string): Taken[] {
  return taken.filter(({ to, mail }) => to === address && mail.includes(id));
}

/** `wrong`: in words, what he has wrong; null where nothing is. */
function stillWrong(game: Game, { id }: Seen, address: string, wrong: string | null): string[] {
  const key = `${id} ${address}`;
  if (wrong === null) {
    game.wrongly.delete(key);
    return [];
  }
  const since = game.wrongly.get(key) ?? truth(game);
  game.wrongly.set(key, since);
  // What somebody had to wait for comes in its order, and not in one round; and behind a mail that is never taken after a quarter of an hour.
  const alone = [...game.putOff.values()].some((one) => one.to === address && one.alone);
  const most = alone ? BEHIND_ONE + TELLING : TELLING;
  return game.waited.has(address) && truth(game) < since + most ? [] : [`${address} ${wrong}`];
}

/** Whether a member is to have what is told of a case, and nothing of that is still put off. */
function isReached(game: Game, { insiders }: Seen, address: string): boolean {
  if (!(insiders?.has(address) ?? true) || game.suspended.has(address) || game.retired.has(address)) return false;
  return !isPutOff(game, address);
}

/** Whether the relay takes nothing to him, or what it did not take may still be on its way. */
function isPutOff(game: Game, address: string): boolean {
  if ((game.putsOff.get(address) ?? 0) > truth(game)) return true;
  return [...game.putOff.values()].some(({ to, at, alone }) => to === address && !alone && truth(game) < at + DAY);
}

/** What is not so of what he has of it; null: all is. */
function wrongIn(game: Game, about: Seen, had: readonly Taken[]): string | null {
  const { id, released, closed, aside, sent } = about;
  const dispatched = had.filter(({ mail }) => mail.includes(DISPATCHED)).at(-1);
  if (!dispatched || released || closed || aside === 'rejected') return null;
  const last = had.filter(isTelling).at(-1);
  if (aside === 'withdrawn') return wrongLast(game, about, last);
  const files = filesIn(viewOf(parseEntity(Buffer.from(dispatched.mail))).files).join();
  const lacks = sent?.filter((mark) => !files.includes(mark)) ?? [];
  const comes = [...game.putOff.values()].some(({ to, alone }) => to === dispatched.to && alone);
  if (lacks.length > 0 && !comes) return `lacks ${lacks} of what was dispatched last of ${id}`;
  return wrongLast(game, about, last);
}

const isTelling = ({ mail, subject }: Taken) => TELLS.test(mail) || WITHDRAWN.test(subject);

/** What is not so of what he was told last. */
function wrongLast(game: Game, { id, aside, counts, instant }: Seen, last: Taken | undefined): string | null {
  if (aside === 'withdrawn')
    return WITHDRAWN.test(last?.subject ?? '') ? null : `was not told last that ${id} is withdrawn, but "${last?.subject}"`;
  if (!counts || instant === null || instant <= truth(game)) return null;
  const told = TELLS.exec(last?.mail ?? '')?.[1];
  return told === written(instant) ? null : `was told ${told}, and ${id} is released at ${written(instant)}`;
}

function privateFaults(game: Game, taken: Taken): string[] {
  return [...strangerFaults(game, taken), ...overtakenFaults(game, taken)];
}

/** What a member or a reporter is told no more, as it is out or there is nothing to come. */
function overtakenFaults({ beginning, seen }: Game, { to, mail, subject, at }: Taken): string[] {
  const about = [...seen.values()].find(({ id }) => subject.includes(id));
  const people = [...beginning.house.members.map(({ address }) => address), ...beginning.reporters];
  if (!about || !people.includes(to) || !TELLS.test(mail)) return [];
  if (about.released && at >= about.released.at) return [`${to} was told "${subject}" of ${about.id}, which is released`];
  return about.aside === 'withdrawn' ? [`${to} was told "${subject}" of ${about.id}, which is withdrawn`] : [];
}

function strangerFaults(game: Game, { to, subject }: Taken): string[] {
  const { team, members } = game.beginning.house;
  const left = team.find(({ address, contactId }) => address === to && !game.team.has(contactId));
  // That he has left he is told himself.
  if (left && /^\[/.test(subject)) return [`${to} has left, and was told "${subject}"`];
  const about = [...game.seen.values()].find(({ id }) => subject.includes(id));
  if (about && (game.suspended.has(to) || game.retired.has(to)))
    return [`${to} is suspended or retired, and was told "${subject}"`];
  const isOut = members.some(({ address }) => address === to) && about?.insiders?.has(to) === false;
  return isOut && !about.released ? [`${to} may not know of ${about.id}, and was told "${subject}"`] : [];
}

export async function faultsAtEnd(game: Game): Promise<string[]> {
  return [...(await disagreeing(game)), ...(await broken(game))];
}

/** The log and the mails: each copy that was sent is settled and logged; and all that people did is logged as often. */
async function disagreeing({ db, taken, done, seen, beginning }: Game): Promise<string[]> {
  const rows = await db
    .selectFrom('deliveries')
    .select(['id', 'message_id', 'state', 'reason', 'address', 'attempts'])
    // All games begin with what was sent by then.
    .where('created_at', '>', beginning.house.clock.now())
    .execute();
  const lines = await db.selectFrom('audit').select(['action', 'subject']).execute();
  const sent = new Set(taken.map(({ messageId }) => messageId));
  const logged = new Set(lines.filter(({ action }) => action === 'delivery.delivered').map(({ subject }) => subject));
  const faults = rows.flatMap(({ id, message_id, state, reason, address, attempts }) => {
    const said = [state === 'delivered', sent.has(message_id), logged.has(`delivery:${id}`)];
    // The crash came between the relay's answer and the row, and he had left before the copy was to go again.
    if (state === 'held' && attempts > 1) return [];
    // The same, and the instant that it foretells had come by then, or what it says held no more.
    if (state === 'failed' && ['past-instant', 'overtaken', 'passed', 'superseded'].includes(reason ?? '') && attempts > 1)
      return [];
    return said.every((one) => one === said[0]) ? [] : [`${address}: settled, sent, logged: ${said}`];
  });
  const known = new Set(rows.map(({ message_id }) => message_id));
  if ([...sent].some((one) => !known.has(one))) faults.push('a mail went out that no row has');
  const released = [...seen.values()].filter((about) => about.released).length;
  for (const [action, times] of [...done, ['case.release', released] as const]) {
    const said = lines.filter((line) => line.action === action).length;
    if (said !== times) faults.push(`${action} is logged ${said} times, and was done ${times} times`);
  }
  return faults;
}

/** Each line of the log names the one before. */
async function broken({ db }: Game): Promise<string[]> {
  let before = '0'.repeat(64);
  for await (const line of audit.lines(db)) {
    if (JSON.parse(line).prev !== before) return [`the audit log is broken at ${line.slice(0, 60)}`];
    before = createHash('sha256').update(line).digest('hex');
  }
  return [];
}
