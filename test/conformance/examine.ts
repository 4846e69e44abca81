import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import * as openpgp from 'openpgp';
import { SYSTEM } from '../../src/audit/entry.ts';
import { look, type Seen } from '../../src/cli/inspect.ts';
import { movingClock, newId } from '../../src/clock.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import { shownLines } from '../../src/mail/armor.ts';
import { recognise } from '../../src/mail/encrypted.ts';
import { parseEntity, parseMessage } from '../../src/mail/message.ts';
import { defaultWords } from '../../src/notices/words.ts';
import { armorCertificate, type CertificateFacts, readCertificate } from '../../src/pgp/certificate.ts';
import { keyringOf, type ListKey } from '../../src/pgp/keyring.ts';
import { openMessage } from '../../src/pgp/message.ts';
import type { Pgp } from '../../src/pgp/pool.ts';
import { destination } from '../../src/post/destination.ts';
import { receive } from '../../src/post/receive.ts';
import { asRefusal } from '../../src/refusal.ts';
import type { Seams } from '../../src/seams.ts';
import { uncounted } from '../../src/store/begun.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import { type Database, makeDatabase, openDatabase } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import { migrate } from '../../src/store/migrate.ts';
import * as posts from '../../src/store/posts.ts';
import { headerOf, outbox } from '../delivery/outbox.ts';
import { compare } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { PROJECT } from '../support/project.ts';
import { AT, type Outcome, type Task } from './cases.ts';

/** A copy as its reader has it, read by another parser than our own. */
export interface Copy {
  outerSubject: string;
  subject: string;
  /** Of plain text and HTML. */
  text: string;
  files: { name: string; sha256: string }[];
  /** The header section that everybody on the way sees. */
  header: string;
}

export interface Examined {
  outcome: Outcome | 'crash' | 'hang';
  reason: string | null;
  /** Fingerprint of the roster's certificate that the post is credited to. */
  credited: string | null;
  seen: Seen | null;
  copy: Copy | null;
  /** What the outermost layer held: the octets that were encrypted, or else signed. */
  payload: Uint8Array | null;
  /** Of the receiving route alone. */
  ms: number;
  /** The same mail, as another parser reads it when it came in clear. */
  other: { text: string; files: { name: string; sha256: string }[] };
}

const LIST = 'security@list.example';

/** One mail through the route that every mail goes, in a database and a house of its own. */
export async function examine(task: Task, pgp: Pgp): Promise<Examined> {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-conformance-'));
  const path = join(folder, 'curfew.db');
  copyFileSync(await template(), path);
  const db = openDatabase({ sqlite: path });
  try {
    return await throughRoute(task, pgp, db);
  } finally {
    await db.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

let made: Promise<string> | undefined;

/** A migrated database; removed when the process ends. */
function template(): Promise<string> {
  made ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'curfew-conformance-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const db = makeDatabase({ sqlite: join(folder, 'curfew.db') });
    await migrate(db);
    await db.destroy();
    return join(folder, 'curfew.db');
  })();
  return made;
}

async function throughRoute(task: Task, pgp: Pgp, db: Database): Promise<Examined> {
  const key = await listKey(task.secret);
  const seams: Seams = {
    db,
    clock: movingClock(AT),
    keyring: keyringOf([key]),
    pgp,
    compare,
    begun: uncounted,
    by: SYSTEM,
    words: defaultWords,
    project: PROJECT,
  };
  const reader = await makeParty('ada@reader.example');
  const known = await Promise.all(task.known.map((data) => readCertificate(data)));
  await furnish(seams, key, reader, known);
  const started = performance.now();
  const to = await destination(db, 'list.example', LIST);
  const taken = await receive(seams, { project: 'corpus', domain: 'list.example', criteria: [], terms: null }, to, {
    sender: task.sender,
    receivedAt: AT,
    raw: task.raw,
  }).catch((error: unknown) => asRefusal(error));
  const ms = performance.now() - started;
  const seen = await look(task.raw, [key.secret], known, AT);
  const shared = { ms, seen, payload: await payloadOf(task.raw, key.secret), other: await otherView(task.raw) };
  if ('reason' in taken) {
    const outcome = taken.reason === 'internal-error' ? ('crash' as const) : ('refused' as const);
    return { ...shared, outcome, reason: taken.reason, credited: null, copy: null };
  }
  const post = await posts.byId(db, taken.id);
  if (!post) throw new Error('the post is not there');
  const sent = (await outbox(seams).drain()).find((mail) => mail.to === reader.address);
  const copy = sent ? await readCopy(sent.raw, reader, armorCertificate(key.certificate)) : null;
  const outcome = post.kind === 'report' || post.kind === 'post' ? ('distributed' as const) : ('automatic' as const);
  return { ...shared, outcome, reason: null, credited: post.signer_contact_id ? post.signer_fingerprint : null, copy };
}

async function listKey(secret: Uint8Array | null): Promise<ListKey> {
  const key = secret
    ? await openpgp.readPrivateKey({ binaryKey: secret })
    : await openpgp.readPrivateKey({ armoredKey: (await makeParty(LIST)).secret });
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    address: LIST,
    certificate: key.toPublic().write(),
    secret: key.write(),
    expiresAt: null,
    keys: key.getKeys().map((each) => each.getFingerprint().toUpperCase()),
  };
}

/** One list, one reader, and whoever signs on the roster. */
async function furnish(seams: Seams, key: ListKey, reader: Party, known: readonly CertificateFacts[]): Promise<void> {
  const { db } = seams;
  const { fingerprint } = key;
  await lists.insert(db, { id: 'security', address: LIST, role: 'intake', name: 'List', fingerprint, created_at: AT });
  const team = await enrol(seams, reader.address, await readCertificate(reader.public));
  await members.addToList(db, team, 'security');
  for (const [at, facts] of known.entries()) await enrol(seams, `signer-${at}@signers.example`, facts);
}

/** Gives the id of the member. */
async function enrol({ db, clock }: Seams, address: string, facts: CertificateFacts): Promise<string> {
  const [memberId, contactId] = [newId(clock), newId(clock)];
  const created = { created_at: AT, updated_at: AT };
  await members.insert(db, { id: memberId, organisation: address, product: null, state: 'active', reason: 'corpus', ...created });
  await contacts.insert(db, {
    id: contactId,
    member_id: memberId,
    address,
    name: null,
    active: 1,
    created_at: AT,
    proved_at: AT,
  });
  const { fingerprint, data } = facts;
  const row = { id: newId(clock), contact_id: contactId, fingerprint, data, created_at: AT };
  await certificates.insert(db, { ...row, state: 'current' }, facts);
  return memberId;
}

async function readCopy(raw: Buffer, reader: Party, list: string): Promise<Copy> {
  const { entity } = await openCopy(raw, reader, list, AT);
  const [outside, inside] = await Promise.all([simpleParser(raw), otherView(entity)]);
  const subject = (await simpleParser(entity)).subject ?? '';
  return { outerSubject: outside.subject ?? '', subject, header: headerOf(raw), ...inside };
}

async function otherView(raw: Uint8Array): Promise<{ text: string; files: { name: string; sha256: string }[] }> {
  const { text, html, attachments } = await simpleParser(Buffer.from(raw), { skipHtmlToText: true, skipTextToHtml: true });
  const words = html ? shownLines(html) : '';
  const files = attachments.map(({ filename, content }) => ({ name: filename ?? 'unnamed', sha256: sha256(content) }));
  return { text: [text ?? '', words].join('\n'), files };
}

async function payloadOf(raw: Uint8Array, secret: Uint8Array): Promise<Uint8Array | null> {
  try {
    const layer = recognise(parseMessage(raw));
    if (layer.form === 'signed-mime') return layer.signed.raw;
    if (layer.form !== 'pgp-mime') return null;
    const { data } = await openMessage(layer.ciphertext, { secrets: [secret], at: AT });
    return parseEntity(data).raw;
  } catch {
    // Refused: there is no payload to compare.
    return null;
  }
}
