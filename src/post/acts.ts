import { newId, toIso } from '../clock.ts';
import { openPost } from '../delivery/opening.ts';
import { dateValue, entity, filePart, words } from '../mail/outgoing.ts';
import { keyPart } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import { replaceCertificate } from '../roster/contacts.ts';
import type { Seams } from '../seams.ts';
import type { RosterCertificate } from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import * as recipients from '../store/recipients.ts';
import type { List, PostKind } from '../store/schema.ts';
import { type Command, grammar } from './commands.ts';
import { acceptPost, holdPost, refusePost } from './moderate.ts';

/** Who asks, whom, and with what. */
export interface Asked {
  seams: Seams;
  list: List;
  roster: RosterCertificate;
  /** He is of the response team. */
  team: boolean;
  /** Certificates that came with the request, unread. */
  offered: readonly Uint8Array[];
}

/** What is said of it, and parts that go along. */
export interface Outcome {
  lines: string[];
  files?: Uint8Array[];
}

export type Act<Of extends Command> = (asked: Asked, command: Of) => Promise<Outcome>;

type Acts = { [Name in Command['name']]: Act<Extract<Command, { name: Name }>> };

/** What each command does. Throws a Refusal, which is said to whoever asked. */
export const acts: Acts = {
  help: async ({ team }) => ({
    lines: grammar.filter((row) => team || !row.team).map(({ usage, help }) => `${usage.padEnd(22)} ${help}`),
  }),
  subscribe: (asked) => subscribe(asked),
  unsubscribe: (asked) => unsubscribe(asked),
  certificate: (asked) => showCertificate(asked),
  'update-certificate': (asked) => updateCertificate(asked),
  key: async ({ seams, list }) => {
    const key = seams.keyring.find(list.fingerprint);
    if (!key) throw new Refusal('not-found', 'The key of this list is not here');
    return { lines: [`attached: ${key.fingerprint}`], files: [keyPart(list, key.certificate)] };
  },
  archive: (asked, { caseId }) => archive(asked, caseId),
  acknowledge: async ({ seams: { db, clock }, roster }, { caseId }) => {
    const dispatches = await deliveries.dispatchesOf(db, caseId, roster.contact.id);
    if (dispatches.length === 0) throw new Refusal('not-found', `You were sent no patches of ${caseId}`);
    await deliveries.acknowledge(db, dispatches, roster.contact.id, clock.now());
    return { lines: ['noted: you have them'] };
  },
  held: async ({ seams: { db } }) => {
    const held = await posts.page(db, { state: 'held', limit: MOST_HELD });
    const addresses = new Map((await lists.all(db)).map(({ id, address }) => [id, address]));
    const line = (post: posts.PostFacts) =>
      `${post.id}  ${addresses.get(post.list_id)}  ${toIso(post.received_at)}  ${post.hold_reason}  ${post.sender ?? '(nobody)'}`;
    return { lines: held.length > 0 ? held.map(line) : ['nothing is held'] };
  },
  accept: async ({ seams, roster }, { postId }) => {
    const copies = await acceptPost(seams, postId, roster.contact.id);
    return { lines: [`accepted: ${copies} copies are on their way`] };
  },
  reject: async ({ seams, roster }, { postId, reason }) => {
    await refusePost(seams, postId, roster.contact.id, reason);
    return { lines: ['refused'] };
  },
  hold: async ({ seams }, { postId }) => ({ lines: [`${await holdPost(seams, postId)} copies are stopped; the others are out`] }),
};

const MOST_HELD = 100;

async function subscribe({ seams: { db, clock }, list, roster }: Asked): Promise<Outcome> {
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
    await recipients.insert(db, row);
    return { lines: [`${contact.address} gets ${list.address} now`] };
  }
  if (!roster.lists.includes(list.id)) throw new Refusal('forbidden', 'Your organisation is not on this list');
  const changed = await contacts.resubscribe(db, contact.id, list.id);
  return { lines: [changed ? `${contact.address} gets ${list.address} again` : 'you had it already'] };
}

async function unsubscribe({ seams: { db, clock }, list, roster }: Asked): Promise<Outcome> {
  const { contact } = roster;
  const changed =
    list.role === 'public'
      ? await recipients.remove(db, list.id, contact.address)
      : await contacts.unsubscribe(db, contact.id, list.id, clock.now());
  return {
    lines: [changed ? `${contact.address} gets ${list.address} no more, embargoed patches included` : 'you did not get it'],
  };
}

async function showCertificate({ seams: { pgp, clock }, roster }: Asked): Promise<Outcome> {
  const usable = await pgp.usable(roster.data, clock.now());
  const until = usable.usable ? (usable.until === null ? 'does not expire' : `until ${toIso(usable.until)}`) : usable.reason;
  return { lines: [`${roster.fingerprint}  ${until}`, `of ${roster.contact.address}, ${roster.member.organisation}`] };
}

/** Signed by the one that he has, so it is he who gives the new one (PROCESS: a new key signed by the old one). */
async function updateCertificate({ seams, roster, offered }: Asked): Promise<Outcome> {
  const read = await Promise.all(offered.map((data) => seams.pgp.readCertificate(data).catch(() => null)));
  const facts = read.find((one) => one !== null && !Buffer.from(one.data).equals(roster.data));
  if (!facts) throw new Refusal('invalid', 'There is no new certificate attached that can be read');
  await replaceCertificate(seams, roster.contact.id, facts.data);
  return { lines: [`your certificate is ${facts.fingerprint} now`] };
}

/** What is in an archive: people's words and Curfew's to them. A report is the team's alone. */
const ARCHIVED: readonly PostKind[] = ['post', 'dispatch', 'lifted'];
/** Octets of mail in one archive. */
const LARGEST_ARCHIVE = 16 * 1024 * 1024;

async function archive({ seams, roster, team }: Asked, caseId: string): Promise<Outcome> {
  const found = await posts.ofThread(
    seams.db,
    caseId,
    team ? ['report', ...ARCHIVED] : ARCHIVED,
    team ? undefined : roster.lists,
  );
  // Whether there is such a case is nobody's business who sees nothing of it.
  if (found.length === 0) throw new Refusal('not-found', `There is nothing for you in ${caseId}`);
  const files: Uint8Array[] = [];
  let octets = 0;
  for (const { id, size } of found) {
    octets += size;
    if (octets > LARGEST_ARCHIVE) break;
    files.push(await archived(seams, id, files.length + 1));
  }
  const left = found.length - files.length;
  return { lines: [`attached: ${files.length} mails${left > 0 ? `; ${left} more did not fit: ask the team` : ''}`], files };
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
  return filePart(`${String(number).padStart(3, '0')}.eml`, 'application/octet-stream', mail);
}
