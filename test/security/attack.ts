import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import { decodedBody, type Entity, leaves, parseEntity } from '../../src/mail/message.ts';
import { packetsOf } from '../../src/pgp/packets.ts';
import { anyDestination, destination } from '../../src/post/destination.ts';
import { receive } from '../../src/post/receive.ts';
import type { Accepted } from '../../src/post/received.ts';
import { outbox, type Sent } from '../delivery/outbox.ts';
import { everything, listCertificate } from '../post/arrive.ts';
import { type Rig, rig, untilData } from '../smtp/wire.ts';
import { packet } from '../support/costly.ts';
import type { House } from '../support/house.ts';
import { openCopy, type Party } from '../support/party.ts';

/** `taken`, `held: reason` or `refused: reason`; what is no refusal is thrown on. */
export async function outcomeOf(arriving: Promise<Accepted>): Promise<string> {
  return arriving.then(
    ({ held }) => (held === null ? 'taken' : `held: ${held}`),
    (error: unknown) => {
      if (error instanceof Error && 'reason' in error) return `refused: ${error.reason}`;
      throw error;
    },
  );
}

/** Nothing was kept, and nothing goes out. */
export async function nothingOf(house: House): Promise<boolean> {
  const { posts, copies } = await everything(house);
  return posts.length === 0 && copies.length === 0 && (await outbox(house).drain()).length === 0;
}

export async function readersOf(house: House, { id }: Pick<Accepted, 'id'>): Promise<string[]> {
  return (await everything(house)).copies.filter(({ post_id }) => post_id === id).map(({ address }) => address);
}

export const teamOf = (house: House) => house.team.map(({ address }) => address).sort();
export const membersOf = (house: House) => house.members.map(({ address }) => address).sort();

/** The one copy for that person among these, opened with his key. */
export async function copyFor(house: House, sent: readonly Sent[], party: Party): Promise<Entity> {
  const [only, ...more] = sent.filter(({ to }) => to === party.address);
  if (!only || more.length > 0) throw new Error(`${more.length + (only ? 1 : 0)} copies for ${party.address}`);
  return parseEntity((await openCopy(only.raw, party, undefined, house.clock.now())).entity);
}

/** Each leaf by itself, its transfer encoding taken off. */
export const wordsOf = (entity: Entity) => leaves(entity).map((leaf) => Buffer.from(decodedBody(leaf)).toString());

/** What Curfew says at the top of a copy of who wrote it. */
export const blockOf = (entity: Entity) => wordsOf(entity)[0] ?? '';

/** Lines as a mail, with the octets that they hold. */
export const mailOf = (...lines: string[]) => Buffer.from([...lines, ''].join('\r\n').replaceAll(/\r?\n/g, '\r\n'), 'latin1');

let made = 0;
/** The fields of a mail whose Message-ID is new. */
export const head = (from: string, ...fields: string[]) => [
  `From: ${from}`,
  'Subject: ...',
  `Message-ID: <${++made}@attack.example>`,
  ...fields,
];

export const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('base64')
    .replaceAll(/.{76}(?=.)/g, '$&\r\n');

export function multipart(kind: string, ...parts: string[][]): string[] {
  const boundary = `b${++made}`;
  return [
    `Content-Type: multipart/${kind}; boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, ...part]),
    `--${boundary}--`,
  ];
}

export const text = (words: string, type = 'text/plain', ...fields: string[]) => [`Content-Type: ${type}`, ...fields, '', words];

/** PGP/MIME around a binary message. */
export const pgpMime = (message: Uint8Array) =>
  multipart(
    'encrypted; protocol="application/pgp-encrypted"',
    text('Version: 1', 'application/pgp-encrypted'),
    text(base64(message), 'application/octet-stream', 'Content-Transfer-Encoding: base64'),
  );

/** A part with a detached signature of each of these beside it. */
export async function signed(house: House, lines: string[], ...by: Party[]): Promise<string[]> {
  const armored = await openpgp.sign({
    message: await openpgp.createMessage({ binary: mailOf(...lines).subarray(0, -2) }),
    signingKeys: await Promise.all(by.map(secretOf)),
    detached: true,
    date: new Date(house.clock.now()),
  });
  return multipart('signed; protocol="application/pgp-signature"', lines, text(armored.trim(), 'application/pgp-signature'));
}

export const secretOf = ({ secret }: Party) => openpgp.readPrivateKey({ armoredKey: secret });

/** Binary. */
export async function encrypted(house: House, content: string | Uint8Array, list: string, by?: Party): Promise<Buffer> {
  const octets = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(content)) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: listCertificate(house, list) }),
    ...(by ? { signingKeys: await secretOf(by) } : {}),
    date: new Date(house.clock.now()),
    format: 'binary',
  });
  return Buffer.from(octets);
}

/** Any packets at all, as no program would write them, encrypted to a list with their integrity protected (RFC 9580 §5.13.1). */
export async function encryptedPackets(house: House, packets: Uint8Array, list: string): Promise<Buffer> {
  const { key, sessionKey } = await newSessionKey(house, list);
  const prefix = randomBytes(16);
  const content = Buffer.concat([prefix, prefix.subarray(-2), packets, Buffer.of(0xd3, 0x14)]);
  const digest = createHash('sha1').update(content).digest();
  const cipher = createCipheriv('aes-256-cfb', key, Buffer.alloc(16));
  return Buffer.concat([sessionKey, packet(18, Buffer.concat([Buffer.of(1), cipher.update(content), cipher.update(digest)]))]);
}

/** The same without integrity, as PGP of long ago wrote it, and rightly resynchronised (RFC 9580 §5.7, §12.9): it opens wherever that is allowed. */
export async function unprotectedPackets(house: House, packets: Uint8Array, list: string): Promise<Buffer> {
  const { key, sessionKey } = await newSessionKey(house, list);
  const prefix = randomBytes(16);
  const head = createCipheriv('aes-256-cfb', key, Buffer.alloc(16)).update(Buffer.concat([prefix, prefix.subarray(-2)]));
  const rest = createCipheriv('aes-256-cfb', key, head.subarray(2)).update(packets);
  return Buffer.concat([sessionKey, packet(9, Buffer.concat([head, rest]))]);
}

async function newSessionKey(house: House, list: string): Promise<{ key: Buffer; sessionKey: Uint8Array }> {
  const key = randomBytes(32);
  const sessionKey = await openpgp.encryptSessionKey({
    data: key,
    algorithm: 'aes256',
    encryptionKeys: await openpgp.readKey({ armoredKey: listCertificate(house, list) }),
    date: new Date(house.clock.now()),
    format: 'binary',
  });
  return { key, sessionKey };
}

/** The packets of a message or a key, each with its header. */
export const cut = (octets: Uint8Array) =>
  [...packetsOf(octets)].map(({ start, end }) => Buffer.from(octets.subarray(start, end)));

/** A literal packet of binary data (RFC 9580 §5.9). */
export const literal = (words: string | Uint8Array) =>
  packet(11, Buffer.concat([Buffer.from('b\0'), Buffer.alloc(4), Buffer.from(words)]));

/** The SMTP door of a house on a socket. */
export function door(house: House): Promise<Rig> {
  const { domain } = house.identity;
  return rig({
    limits: { size: 30 * 1024 * 1024 },
    doors: {
      recipient: async (address, alone) => void (await (alone ? anyDestination : destination)(house.db, domain, address)),
      receive: async ({ sender, recipient }, raw) => {
        const mail = { sender, receivedAt: house.clock.now(), raw };
        const { id } = await receive(house, house.identity, await anyDestination(house.db, domain, recipient), mail);
        return `Accepted as ${id}`;
      },
    },
  });
}

/** The reply to a mail that a client hands over. */
export async function handOver({ port }: Rig, raw: Buffer, to?: string): Promise<string> {
  const wire = await untilData(port, to);
  wire.raw(raw.toString('latin1').replaceAll(/^\./gm, '..'));
  const reply = await wire.ask('.');
  wire.destroy();
  return reply;
}
