import { record } from '../audit/record.ts';
import { acknowledge, type Noted } from '../cases/acknowledgements.ts';
import { knownAmong, knowsCase } from '../cases/step.ts';
import { type Instant, newId, toIso } from '../clock.ts';
import { letInsidersHave, mayKnow } from '../delivery/need-to-know.ts';
import { openPost } from '../delivery/opening.ts';
import { type Approver, approve } from '../embargo/approve.ts';
import { waitingForthcoming } from '../embargo/forthcoming.ts';
import { waivedNow } from '../embargo/rules.ts';
import { noTypeFile } from '../mail/carried.ts';
import { dateValue, entity, words } from '../mail/outgoing.ts';
import { whoHas } from '../notices/templates.ts';
import { keyPart } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import { vouch } from '../roster/admission.ts';
import { type GivenCertificate, type OwnersNews, replaceCertificate } from '../roster/contacts.ts';
import { checkMember } from '../roster/expiry.ts';
import { hearAll, usableKept } from '../roster/known.ts';
import { takeProof } from '../roster/prove.ts';
import { prepareReplacementNews } from '../roster/replaced.ts';
import { next } from '../roster/state.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as posts from '../store/posts.ts';
import * as recipients from '../store/recipients.ts';
import type { Acknowledged, Case, List, PostKind } from '../store/schema.ts';
import { type Command, grammar } from './commands.ts';
import { acceptPost, refusePost, stopPost } from './moderate.ts';

/** Who asks, whom, and with what. */
export interface Asked {
  seams: Seams;
  list: List;
  roster: RosterCertificate;
  /** He is of the response team. */
  team: boolean;
  /** Name of the project. */
  project: string;
  /** When he signed that. */
  signedAt: Instant;
  /** Certificates in what he signed, unread. */
  enclosed: readonly Uint8Array[];
  /** The mail that asks: its post, and what files it in the transaction of an act that refers to it. */
  mail: Required<Pick<Approver, 'postId' | 'file'>>;
  /** Octets that the files of the answer may still have. */
  room: number;
}

/** Octets of the files in one answer, whatever was asked for in its mail. */
export const LARGEST_ANSWER = 16 * 1024 * 1024;

/** What is said of it, and parts that go along. */
export interface Outcome {
  lines: string[];
  files?: Uint8Array[];
  /** What the parts are of. */
  of?: Archived;
}

/** The archive of a case, as far as somebody may have it. */
export interface Archived {
  caseId: string;
  share: Share;
}

export type Act<Of extends Command> = (asked: Asked, command: Of) => Promise<Outcome>;

type Acts = { [Name in Command['name']]: Act<Extract<Command, { name: Name }>> };

/** What each command does. Throws a Refusal, which is said to whoever asked. */
export const acts: Acts = {
  help: async ({ team }) => ({
    lines: grammar.filter((row) => team || !row.team).map(({ usage, help }) => `${usage.padEnd(22)} ${help}`),
  }),
  subscribe,
  unsubscribe,
  certificate: showCertificate,
  'update-certificate': (asked, { fingerprint }) => updateCertificate(asked, fingerprint),
  prove: async ({ seams, project, roster }, { nonce }) => {
    await takeProof(seams, { project }, { contactId: roster.contact.id, certificateId: roster.id, nonce });
    await checkMember(seams, project, roster.member.id);
    const joins = roster.member.state === 'active' && !roster.contact.proved;
    const proved = `your certificate ${roster.fingerprint} is proved to be yours`;
    return { lines: joins ? [proved, 'from now on you get what the lists of your organisation distribute'] : [proved] };
  },
  vouch: async ({ seams, project, roster, team }, { organisation, statement }) => {
    const member = await members.byOrganisation(seams.db, organisation);
    const told = team || member?.id === roster.member.id;
    // That an organisation is on the roster is public; whether it is suspended, held for its key or out is not.
    if (!member || !(told || next(member.state, 'vouch')))
      throw new Refusal('not-found', `No applicant "${organisation}" waits for a member’s word`);
    await vouch(seams, { project }, member.id, roster.contact.id, statement);
    return { lines: [`noted: you vouch for "${organisation}"`] };
  },
  key: async ({ seams, list }) => {
    const key = seams.keyring.find(list.fingerprint);
    if (!key) throw new Refusal('not-found', 'The key of this list is not here');
    return { lines: [`attached: ${key.fingerprint}`], files: [keyPart(list, key.certificate)] };
  },
  archive: (asked, { caseId }) => archive(asked, caseId),
  acknowledge: async ({ seams, roster, signedAt }, { caseId, status }) => ({
    lines: notedLines(status, await acknowledge(seams, roster, caseId, { status, signedAt })),
  }),
  approve: async (asked, { caseId, hash }) => {
    const about = await approve(asTeam(asked), caseId, hash, { tokenId: null, personId: asked.roster.contact.id, ...asked.mail });
    const waived = await waivedNow(asked.seams, about);
    const breaks = waived.length === 0 ? [] : [`its instant breaks rules that do not hold for it: ${waived.join(', ')}`];
    const waits = (await waitingForthcoming(asked.seams.db, about)) !== null;
    return { lines: [...approvedLines(about, hash, waits), ...breaks] };
  },
  held: async (asked) => {
    const { db } = asked.seams;
    const held = await knownAmong(db, asTeam(asked), await posts.page(db, { state: 'held', limit: MOST_HELD }));
    const addresses = new Map((await lists.all(db)).map(({ id, address }) => [id, address]));
    const line = (post: posts.PostFacts) =>
      `${post.id}  ${addresses.get(post.list_id)}  ${toIso(post.received_at)}  ${post.hold_reason}  ${post.sender ?? '(nobody)'}`;
    return { lines: held.length > 0 ? held.map(line) : ['nothing is held'] };
  },
  accept: async (asked, { postId }) => {
    const copies = await acceptPost(asTeam(asked), postId, asked.roster.contact.id);
    return { lines: [`accepted: ${copies} copies are on their way`] };
  },
  reject: async (asked, { postId, reason }) => {
    const reach = await refusePost(asTeam(asked), postId, asked.roster.contact.id, reason);
    const who = whoHas(reach);
    return { lines: [who === null ? 'refused' : `refused; who has it, or may get it yet: ${who}`] };
  },
  hold: async (asked, { postId }) => {
    const { stopped, delivered, underWay } = await stopPost(asTeam(asked), postId);
    return { lines: [`copies: ${stopped} are stopped, ${delivered} are out, ${underWay} are under way and may be out soon`] };
  },
};

/** Whoever may do more by a token of his is one of the team by mail. */
function asTeam({ seams, roster }: Pick<Asked, 'seams' | 'roster'>): Seams {
  return { ...seams, by: { ...seams.by, type: 'person', id: roster.contact.id }, role: 'team' };
}

const NOTED: Readonly<Record<Acknowledged, string>> = {
  acknowledged: 'noted: you have them',
  affected: 'noted: you have them, and are affected',
  not_affected: 'noted: you have them, and are not affected',
  problem: 'noted: you have them, and there is a problem; the team was told. Write to the case what it is',
};

function notedLines(status: Acknowledged, { noted, missing }: Noted): string[] {
  const later = 'not noted of patches that were still on their way when you signed this: say it again when you have them';
  if (noted > 0) return missing > 0 ? [NOTED[status], later] : [NOTED[status]];
  const told = status === 'problem' ? ['the team was told that there is a problem. Write to the case what it is'] : [];
  return [...told, missing > 0 ? later : 'not noted: no patches of it have reached you'];
}

/** What was approved, and what is to follow. `waits`: a word to the public is not out yet. */
function approvedLines(about: Case, hash: string, waits: boolean): string[] {
  if (hash === about.bundle_hash)
    return about.state === 'armed'
      ? [`approved: the release. ${about.id} is armed, and is released at ${toIso(about.release_at ?? 0)}`]
      : ['approved: the release. Another person has to approve the same hash'];
  if (hash === about.proposed_hash)
    return ['approved: what is proposed in place of the armed release. Another person has to approve the same hash'];
  if (hash === about.schedule_hash)
    return about.scheduled_at === null
      ? ['approved: the instant. Another person has to approve the same hash']
      : [`approved: the instant. ${about.id} is scheduled for ${toIso(about.release_at ?? 0)}`];
  if (hash === about.forthcoming_hash)
    return waits
      ? ['approved: the word that a fix will come. Another person has to approve the same hash']
      : ['approved: the word that a fix will come. It is on its way to the public'];
  return ['approved: the patches. They can be dispatched'];
}

const MOST_HELD = 100;

async function subscribe({ seams, list, roster }: Asked): Promise<Outcome> {
  const { db, clock } = seams;
  const { contact } = roster;
  if (list.role === 'public') {
    if ((await recipients.ofList(db, list.id)).some(({ address }) => address === contact.address))
      return { lines: ['you had it already'] };
    const row = {
      id: newId(clock),
      list_id: list.id,
      address: contact.address,
      kind: 'subscriber' as const,
      created_at: clock.now(),
    };
    await subscription(seams, list, 'subscribe', async (trx) => recipients.insert(trx, row).then(() => true));
    return { lines: [`${contact.address} gets ${list.address} now`] };
  }
  if (!roster.lists.includes(list.id)) throw new Refusal('forbidden', 'Your organisation is not on this list');
  const changed = await subscription(seams, list, 'subscribe', async (trx) => {
    // Whoever holds a copy for this waits until it is done, and looks again.
    await members.lock(trx, roster.member.id);
    const back = await contacts.resubscribe(trx, contact.id, list.id);
    if (back) await letInsidersHave(trx, clock, { contactId: contact.id });
    return back;
  });
  return { lines: [changed ? `${contact.address} gets ${list.address} again` : 'you had it already'] };
}

async function unsubscribe({ seams, list, roster }: Asked): Promise<Outcome> {
  const { contact } = roster;
  if (list.role === 'intake')
    throw new Refusal(
      'forbidden',
      `${list.address} is your team's own: who leaves the team is taken from the roster by its admins`,
    );
  const changed = await subscription(seams, list, 'unsubscribe', (trx) =>
    list.role === 'public'
      ? recipients.remove(trx, list.id, contact.address)
      : contacts.unsubscribe(trx, contact.id, list.id, seams.clock.now()),
  );
  return {
    lines: [changed ? `${contact.address} gets ${list.address} no more, embargoed patches included` : 'you did not get it'],
  };
}

/** Gives whether that changed anything. */
async function subscription(
  seams: Seams,
  { id }: List,
  what: 'subscribe' | 'unsubscribe',
  change: (trx: Db) => Promise<boolean>,
): Promise<boolean> {
  return seams.db.transaction().execute(async (trx) => {
    const changed = await change(trx);
    if (changed) await record(trx, seams, { action: `contact.${what}`, subject: `list:${id}` });
    return changed;
  });
}

async function showCertificate({ seams, roster }: Asked): Promise<Outcome> {
  const usable = await usableKept(seams, roster.data, seams.clock.now());
  const until = usable.usable ? (usable.until === null ? 'does not expire' : `until ${toIso(usable.until)}`) : usable.reason;
  return { lines: [`${roster.fingerprint}  ${until}`, `of ${roster.contact.address}, ${roster.member.organisation}`] };
}

/**
 * What he signed with the one that he has names the new one, and holds it (a new key signed by the old one): a relay that
 * adds another can change neither. The team is told, and so is whoever has the old one.
 */
async function updateCertificate(asked: Asked, fingerprint: string): Promise<Outcome> {
  const { seams, roster, enclosed } = asked;
  await hearAll(seams, enclosed);
  const read = await Promise.all(enclosed.map((data) => seams.pgp.readCertificate(data).catch(() => null)));
  const facts = read.find((one) => one?.fingerprint === fingerprint);
  if (!facts) throw new Refusal('invalid', `No certificate ${fingerprint} that can be read is attached to what you signed`);
  if (!facts.addresses.includes(roster.contact.address))
    throw new Refusal('invalid', `The certificate ${fingerprint} has no user ID with ${roster.contact.address}`);
  const { contact, member } = roster;
  const news: OwnersNews = async (after, encryptionKey) => {
    const another = encryptionKey !== null && encryptionKey.before !== encryptionKey.after;
    if (!another && after === roster.fingerprint) return null;
    const replaced = { contact, organisation: member.organisation, former: roster, after, encryptionKey, byTeam: false };
    return prepareReplacementNews(seams, replaced, asked.list);
  };
  const { encryptionKey } = await replaceCertificate(seams, contact.id, facts.data, news);
  await checkMember(seams, asked.project, member.id);
  return { lines: [`your certificate is ${facts.fingerprint} now`, ...changeOfKey(encryptionKey)] };
}

/** Of a certificate that he has had: another key in it is told, as he may not have made it himself. */
function changeOfKey(key: GivenCertificate['encryptionKey']): string[] {
  if (key === null || key.before === key.after) return [];
  return [`mail to you is encrypted to its key ${key.after ?? '(none: it waits)'}, until now to ${key.before ?? '(none)'}`];
}

/** What is in an archive: people's words and Curfew's to them. A report is the team's alone. */
const ARCHIVED: readonly PostKind[] = ['post', 'dispatch', 'prenotice', 'lifted'];

/** All of a case; what went to members through the lists of his organisation; or nothing. */
type Share = 'all' | 'members' | 'none';

/** What somebody may have of a case: who is of the team and outside of a staffed one, no more than any member. */
export async function shareOf(db: Db, asked: Pick<Asked, 'seams' | 'roster' | 'team'>, caseId: string): Promise<Share> {
  if (!(await mayKnow(db, caseId, asked.roster.member.id))) return 'none';
  return asked.team && (await knowsCase(db, asTeam(asked), caseId)) ? 'all' : 'members';
}

async function shared(db: Db, { lists: his }: RosterCertificate, { caseId, share }: Archived): Promise<posts.PostFacts[]> {
  if (share === 'none') return [];
  if (share === 'all') return posts.ofThread(db, caseId, ['report', ...ARCHIVED]);
  const through = (await lists.all(db)).flatMap(({ id, role }) => (role === 'private' && his.includes(id) ? [id] : []));
  return posts.ofThread(db, caseId, ARCHIVED, through);
}

async function archive(asked: Asked, caseId: string): Promise<Outcome> {
  const { seams, roster, room } = asked;
  const of = { caseId, share: await shareOf(seams.db, asked, caseId) };
  const found = await shared(seams.db, roster, of);
  // Whether there is such a case is nobody's business who sees nothing of it.
  if (found.length === 0) throw new Refusal('not-found', `There is nothing for you in ${caseId}`);
  const files: Uint8Array[] = [];
  let octets = 0;
  for (const { id, size } of found) {
    if (octets + size > room) break;
    const file = await archived(seams, id, files.length + 1);
    octets += Math.max(size, file.length);
    files.push(file);
  }
  const left = found.length - files.length;
  const rest = room < LARGEST_ANSWER ? 'ask for this case in a mail of its own' : 'ask the team';
  return { lines: [`attached: ${files.length} mails${left > 0 ? `; ${left} more did not fit: ${rest}` : ''}`], files, of };
}

async function archived(seams: Seams, postId: string, number: number): Promise<Uint8Array> {
  const { post, list, composed } = await openPost(seams, postId);
  const head = entity(
    [
      ['From', list.address],
      ['Date', dateValue(post.received_at)],
      ['Subject', words(composed.subject)],
      ['MIME-Version', '1.0'],
    ],
    '',
  );
  const mail = Buffer.concat([head.subarray(0, -2), composed.content]);
  return noTypeFile(`${String(number).padStart(3, '0')}.eml`, mail);
}
