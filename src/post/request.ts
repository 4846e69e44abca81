import { DAY } from '../clock.ts';
import { type Addressee, eachContact } from '../delivery/copies.ts';
import { send } from '../delivery/send.ts';
import { readListAddress, roleAddress } from '../mail/address.ts';
import type { Automatic } from '../mail/automatic.ts';
import { plainOctets } from '../mail/enclosed.ts';
import { parseEntity } from '../mail/message.ts';
import { quotesSigned, withoutSigned } from '../mail/quoted.ts';
import { isWords } from '../mail/text.ts';
import { viewOf } from '../mail/view.ts';
import { requestAnswer } from '../notices/templates.ts';
import { keyNotice, noticeEntity, writeNotice } from '../notices/write.ts';
import type { OpenedMail, Signer } from '../pgp/open.ts';
import { asRefusal, Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import * as restorations from '../store/restorations.ts';
import type { List } from '../store/schema.ts';
import { type Act, type Archived, type Asked, acts, LARGEST_ANSWER, type Outcome, shareOf } from './acts.ts';
import { type Acknowledging, type Command, isOfTeam, MOST_COMMANDS, type ParsedRequest, parseRequest } from './commands.ts';
import type { Destination } from './destination.ts';
import { mustBeExtendedWhole } from './extended.ts';
import { type FiledPost, once, placeOf } from './file.ts';
import type { Look } from './look.ts';
import { isUnanswerable } from './receipt.ts';
import type { Accepted, Identity, Received } from './received.ts';

/** How old a request may be: mail waits in queues. Within that, its signature is remembered, so that it runs once. */
const LONGEST_WAY = DAY;

/**
 * Runs what somebody of the roster asks for, all of it or, where a line is not understood, nothing; then answers him, sealed.
 * Every act can be done twice without harm: a request whose sender lost the reply, and who sends again, may come here again.
 * `acknowledging`: what he wrote to the list or a thread of it instead; that alone is run. Throws Refusal
 * `unusable-certificate` where he extended his certificate in part alone.
 */
export async function runRequest(
  seams: Seams,
  { project }: Pick<Identity, 'project'>,
  to: Destination,
  post: FiledPost,
  look: Look,
  acknowledging: Acknowledging | null,
): Promise<Accepted> {
  const { roster, opened } = look;
  if (!roster || !opened) throw new Error('a request without a signer was admitted');
  const parsed = acknowledging
    ? { commands: [acknowledging.command], list: null, problems: [] }
    : parseRequest(commandsOf(opened));
  // Whether an acknowledgement is for this place was asked as of a post: it came to the list or a thread of it.
  const unfit = acknowledging ? tooOld(post, opened.signer) : whyUnfit(seams, to.list, post, opened, parsed);
  const stale = await beforeRestoration(seams.db, opened.signer);
  const problems = [stale, unfit, problemsOf(parsed)].find((some) => some.length > 0) ?? [];
  if (look.renewing || parsed.commands.some(isUpdateOf(roster))) await mustBeExtendedWhole(seams, opened, roster);
  const place = placeOf(to, post.kind);
  const mail = filing(place, post);
  const team = await isTeam(seams.db, roster);
  const done: Done =
    problems.length > 0
      ? { results: problems, files: [], of: null }
      : await runAll(seams, { project, to, roster, team, look, mail }, parsed.commands);
  const beside = !acknowledging && opened.warnings.includes('unprotected-text') ? [BESIDE, ''] : [];
  const results = [...(acknowledging ? takenAs(acknowledging) : []), ...beside, ...done.results];
  const words = requestAnswer({ list: to.list.address, results });
  const { of } = done;
  const answer = await writeNotice(
    seams,
    to.list,
    { kind: 'answer', caseId: of?.caseId ?? null },
    noticeEntity(words, done.files),
  );
  return once(seams, place, post, async (trx) => {
    if (of) await stillKnows(trx, { seams, roster, team }, of);
    if (!(await posts.stateOf(trx, post.id))) await posts.insert(trx, post);
    await send(trx, seams, { list: to.list, post: answer }, answersTo(to.list, roster));
    return { id: post.id, caseId: null, held: null };
  });
}

const BESIDE = 'What stood beside what you encrypted, as a disclaimer that a mail server adds, was passed over.';

/** What whoever acknowledges in a thread has to know before he reads what came of it. */
function takenAs({ more }: Acknowledging): string[] {
  const passedOver = 'What else stands in it was passed over: write it to the others in a mail of its own.';
  return [
    'Your mail begins with an acknowledgement. It was taken as one, and went to nobody.',
    ...(more ? [passedOver] : []),
    '',
  ];
}

const isUpdateOf =
  ({ fingerprint }: RosterCertificate) =>
  (command: Command) =>
    command.name === 'update-certificate' && command.fingerprint === fingerprint;

/**
 * What an act calls that refers to the request itself: the mail is kept with what it did, in one transaction, whatever becomes of the rest.
 * Throws `conflict` where the same mail is kept already: it acts once.
 */
function filing(place: posts.Place, post: FiledPost): Asked['mail'] {
  const file = async (trx: Db) => {
    await lists.lock(trx, post.list_id);
    const earlier = await posts.like(trx, place, post);
    if (earlier && earlier.id !== post.id) throw new Refusal('conflict', 'This very mail was here before');
    if (!earlier) await posts.insert(trx, post);
  };
  return { postId: post.id, file };
}

/** An archive that was made while he was kept out of its case is not sent: his server brings the request again. */
async function stillKnows(trx: Db, asked: Parameters<typeof shareOf>[1], { caseId, share }: Archived): Promise<void> {
  await cases.lock(trx, caseId);
  if ((await shareOf(trx, asked, caseId)) !== share) throw new Refusal('busy', undefined, `${caseId} was limited meanwhile`);
}

async function isTeam(db: Db, roster: RosterCertificate): Promise<boolean> {
  const all = await lists.all(db);
  return isMember(roster) && all.some(({ id, role }) => role === 'intake' && roster.lists.includes(id));
}

/** Who is on the way in, held, or was added and has not proved his key, asks for little. */
function isMember({ contact, member }: RosterCertificate): boolean {
  return member.state === 'active' && contact.proved;
}

/** Who is no member yet has copies sealed to the very certificate that signed; a public list has none for anybody but contacts. */
function answersTo({ role }: List, roster: RosterCertificate): Addressee[] {
  if (isMember(roster)) return eachContact([roster.contact]);
  return role === 'public' ? [] : [{ audience: 'reporter', address: roster.contact.address, certificateId: roster.id }];
}

/** Octets: what is larger has no words that a person wrote, and its text is taken out on the main thread. */
const LARGEST_REQUEST = 8 * 1024 * 1024;

/** What somebody asks for, in his own words: the text, or the subject where there is none. Throws `too-large` for more than anybody asks in one mail. */
export function wordsOf({ content, subject, subjectProtected }: OpenedMail): string {
  if (content.length > LARGEST_REQUEST)
    throw new Refusal('too-large', `Requests have at most ${LARGEST_REQUEST} octets: write the commands alone`);
  const entity = parseEntity(content);
  const { text } = viewOf(withoutSigned(entity));
  // The subject may be that of what he sends on.
  return text.trim() === '' && subjectProtected && !quotesSigned(entity) ? subject : text;
}

/** Octets of a file of commands. */
const LARGEST_FILE = 64 * 1024;

/** The same of a request that somebody wrote into a file and encrypted that. A file in a mail is a file, and may be anybody's. */
export function commandsOf(opened: OpenedMail): string {
  const file = opened.isFile ? parseEntity(opened.content) : undefined;
  if (!file || file.body.length > LARGEST_FILE) return wordsOf(opened);
  const octets = plainOctets(file);
  return isWords(octets) ? Buffer.from(octets).toString() : '';
}

function whyUnfit(
  seams: Pick<Seams, 'keyring'>,
  list: List,
  post: FiledPost,
  opened: OpenedMail,
  parsed: ParsedRequest,
): string[] {
  if (parsed.commands.length > 0 || !quotesSigned(parseEntity(opened.content)))
    return misaddressed(seams, list, post, opened, parsed.list);
  return [
    'Nothing was done: there was no command of yours in it. What bears a signature of its own inside of what you signed is taken as sent on.',
    `Write the commands as the text of a mail that is signed once, with OpenPGP, and "list ${list.address}" above them.`,
  ];
}

/**
 * Why it counts for nothing here: it was signed for somebody else, or long ago; one line each. `named`: the list that he wrote into it,
 * in lower case. To the list's own address, or for its key, it may have been a post, and any reader of it has it.
 */
export function misaddressed(
  { keyring }: Pick<Seams, 'keyring'>,
  list: List,
  post: FiledPost,
  { signer }: OpenedMail,
  named: string | null,
): string[] {
  const address = roleAddress(list.address, 'request');
  const others = signer ? elsewhere(keyring, list, signer) : [];
  const isNamed = named === null ? signer?.addressedTo.includes(address) : named === list.address;
  if (isNamed && others.length === 0) return tooOld(post, signer);
  return [
    `Nothing was done: ${whose(list, named)}.`,
    others.length > 0
      ? `By your signature you wrote it to ${others.slice(0, MOST_SHOWN).join(', ')}. Write to ${address} itself, encrypted to its key.`
      : `Write "list ${list.address}" above your commands, or write to ${address} with a client that protects the To field.`,
  ];
}

function whose(list: List, named: string | null): string {
  if (named === null) return 'what you signed does not say that it is for this list’s requests';
  return named === list.address ? 'what you signed was written to somebody else' : `what you signed is for ${named}`;
}

/** Of the addresses of a mail that are told of. */
const MOST_SHOWN = 5;

/**
 * Whom he wrote to instead, as far as his signature says that (To and Cc inside, RFC 9580 §5.2.3.36): words that he sent on to somebody else
 * may name the list. Empty where it names an address or a key of this list, or nobody.
 */
function elsewhere(keyring: Seams['keyring'], list: List, { addressedTo, intendedFor }: Signer): string[] {
  const keys = keyring.family(list.fingerprint).flatMap((key) => key.keys);
  const isHere = addressedTo.some((to) => isOfList(to, list.address)) || intendedFor.some((key) => keys.includes(key));
  return isHere ? [] : [...addressedTo, ...intendedFor.map((key) => `the key ${key}`)];
}

function isOfList(address: string, list: string): boolean {
  return address === list || readListAddress(address).list === list;
}

function tooOld(post: FiledPost, signer: Signer | null): string[] {
  // One that was made in the future is not valid, and has no signer.
  const signedAt = signer?.signedAt ?? null;
  if (signedAt !== null && signedAt >= post.received_at - LONGEST_WAY) return [];
  return ['Nothing was done: it was signed more than a day ago. Sign it anew; is your clock right?'];
}

/** What was signed before a backup was restored may have been done, and taken back, after that was taken: nobody knows here. */
async function beforeRestoration(db: Db, signer: Signer | null): Promise<string[]> {
  const restored = await restorations.last(db);
  if (!restored || (signer?.signedAt ?? 0) >= restored.restored_at) return [];
  return [
    'Nothing was done: it was signed before a backup of this server was restored. Sign it anew, if it is still to be done.',
  ];
}

/** Why nothing is run: one line each; empty where all of it may be. */
function problemsOf(parsed: ParsedRequest): string[] {
  if (parsed.problems.length > 0)
    return [
      'Nothing was done, because this was not understood:',
      ...parsed.problems.map(({ line, text }) => `  line ${line}: ${text}`),
      'Write "help" for what there is.',
    ];
  if (parsed.commands.length > MOST_COMMANDS) return [`Nothing was done: these are more than ${MOST_COMMANDS} commands.`];
  return parsed.commands.length === 0 ? ['There was no command in it. Write "help" for what there is.'] : [];
}

interface Done {
  results: string[];
  files: Uint8Array[];
  /** The archive that is among the files. */
  of: Archived | null;
}

interface Running extends Pick<Asked, 'project' | 'roster' | 'team' | 'mail'> {
  to: Destination;
  look: Look;
}

async function runAll(
  seams: Seams,
  { project, to, roster, team, look: { opened, renewing }, mail }: Running,
  commands: readonly Command[],
): Promise<Done> {
  const done: Done = { results: [], files: [], of: null };
  // One without an instant runs nothing (`misaddressed`).
  const signedAt = opened?.signer?.signedAt ?? 0;
  let room = LARGEST_ANSWER;
  for (const command of onceEach(commands)) {
    const act = acts[command.name] as Act<Command>;
    const refused = whyNot(command, { roster, team, renewing, caseId: done.of?.caseId ?? null });
    const asked = { seams, project, list: to.list, roster, team, mail, signedAt, enclosed: opened?.enclosed ?? [], room };
    const outcome: Outcome = refused
      ? { lines: [refused] }
      : await act(asked, command).catch((error: unknown) => ({ lines: [asRefusal(error).message] }));
    const { lines, files = [], of = done.of } = outcome;
    done.results.push(`> ${written(command)}`, ...lines.map((line) => `  ${line}`), '');
    done.files.push(...files);
    done.of = of;
    room -= files.reduce((sum, { length }) => sum + length, 0);
  }
  return done;
}

/** What a command is refused with before anything is looked for. `caseId`: of which the answer holds something already. */
function whyNot(
  command: Command,
  { roster, team, renewing, caseId }: Pick<Asked, 'roster' | 'team'> & Pick<Look, 'renewing'> & { caseId: string | null },
): string | null {
  if (renewing && !OF_RENEWING.has(command.name))
    return 'your certificate here has expired, or lacks the key that you signed with: hand in the newer one first';
  if (isOfTeam(command) && !team) return 'that is for the response team';
  if (!isMember(roster) && !OF_ANYBODY.has(command.name)) return forMembers(roster);
  // A copy belongs to one case at most: that says who may have it, and who has had it.
  if (command.name === 'archive' && caseId !== null && caseId !== command.caseId)
    return `the archive of ${command.caseId} comes in a mail of its own: ask for it in another request`;
  return null;
}

function forMembers({ member, contact }: RosterCertificate): string {
  return member.state !== 'active' || contact.proved
    ? `that is for members: "${member.organisation}" is ${member.state}`
    : 'that is for those who have proved their certificates: answer the mail that asks you for it first';
}

/** What is sent along is sent once. Other commands are another thing after what stands between them: `held`, above all. */
function onceEach(commands: readonly Command[]): Command[] {
  const asked = new Set<string>();
  return commands.filter((command) => {
    const words = JSON.stringify(command);
    const again = SENDS_FILES.has(command.name) && asked.has(words);
    asked.add(words);
    return !again;
  });
}

const SENDS_FILES: ReadonlySet<Command['name']> = new Set(['archive', 'key']);

/** What who is no member yet may ask for. */
const OF_ANYBODY: ReadonlySet<Command['name']> = new Set(['help', 'prove', 'key', 'certificate', 'update-certificate']);

/** What is for him whose certificate has expired, and who encloses a newer copy of it. */
const OF_RENEWING: ReadonlySet<Command['name']> = new Set(['help', 'key', 'update-certificate']);

function written(command: Command): string {
  const { name } = command;
  if ('hash' in command) return `${name} ${command.caseId} ${command.hash}`;
  if ('status' in command && command.status !== 'acknowledged')
    return `${name} ${command.caseId} ${command.status.replace('_', ' ')}`;
  if ('caseId' in command) return `${name} ${command.caseId}`;
  return 'postId' in command ? `${name} ${command.postId}` : name.replace('update-certificate', 'certificate update');
}

/** Answers with the list's certificate: to persons, at most once a day to an address, and never to a program (RFC 3834 §2). */
export async function answerKey(
  seams: Seams,
  to: Destination,
  post: FiledPost,
  { sender, origin }: Pick<Received, 'sender'> & { origin: Automatic },
): Promise<Accepted> {
  const { db, clock, keyring } = seams;
  const key = keyring.find(to.list.fingerprint);
  const mayAnswer = key && origin === null && sender !== null && !(await isUnanswerable(db, sender));
  const answer = mayAnswer
    ? await writeNotice(seams, to.list, { kind: 'key', caseId: null }, keyNotice(to.list, key.certificate))
    : null;
  return once(seams, placeOf(to, post.kind), post, async (trx) => {
    await posts.insert(trx, post);
    if (answer && sender !== null && !(await deliveries.wroteTo(trx, sender, ['key'], clock.now() - DAY, to.list.id)))
      await send(trx, seams, { list: to.list, post: answer }, [{ audience: 'stranger', address: sender }]);
    return { id: post.id, caseId: null, held: null };
  });
}
