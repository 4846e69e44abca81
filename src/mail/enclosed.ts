import { type Block, blocksIn } from './armor.ts';
import { decodedBody, decodeText, type Entity, entityText, fieldsNamed, fileName, isAttachment, leaves } from './message.ts';
import { isText } from './shown.ts';
import { hasUtf16Mark, isUtf8 } from './text.ts';

/** Names of files that hold OpenPGP data, as they say. */
const FILE = /\.(pgp|gpg|asc)$/i;

/** A file that was encrypted by itself. */
export interface EncryptedFile {
  /** The name that it has without that. */
  name: string;
  ciphertext: Uint8Array;
  /** Words that stand with the armor. */
  around: string;
  /** By name and type it is a text: the armor in it may be somebody's example, and to nobody here. */
  isText: boolean;
}

/** Undefined: it is none. */
export function encryptedFile(part: Entity): EncryptedFile | undefined {
  if (part.parts.length > 0) return undefined;
  const name = fileName(part) ?? '';
  const declared = FILE.test(name) || part.mediaType === 'application/pgp-encrypted';
  const isAttachedText = !declared && part.mediaType.startsWith('text/') && isAttachment(part);
  if (!declared && !isAttachedText && part.mediaType !== 'application/octet-stream') return undefined;
  const bytes = withoutEncodingMark(decodedBody(part));
  const found = isArmored(bytes) ? armoredMessage(bytes, declared) : binaryMessage(bytes, declared);
  return found && { ...found, name: name.replace(FILE, ''), isText: isAttachedText };
}

type Found = Pick<EncryptedFile, 'ciphertext' | 'around'>;

/** Of octets of which nobody says that they are OpenPGP: any file may begin with the one octet that names a packet. */
function binaryMessage(bytes: Uint8Array, declared: boolean): Found | undefined {
  const fits = declared ? messageIn(bytes) !== undefined : beginsWithSessionKey(bytes);
  return fits ? { ciphertext: bytes, around: '' } : undefined;
}

/** A packet of an encrypted session key, with a version that there is. */
function beginsWithSessionKey(bytes: Uint8Array): boolean {
  const packet = firstPacket(bytes);
  return packet !== undefined && (VERSIONS[packet.tag]?.includes(bytes[packet.body] ?? 0) ?? false);
}

const HEAD = '-----BEGIN PGP MESSAGE-----';

/** A text in which armor begins; its first letter may look like a packet, in whatever charset it is. */
function isArmored(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(HEAD);
  return head >= 0 && (!firstPacket(bytes) || isUtf8(bytes) || isWritten(bytes.subarray(0, head)));
}

/** Octets that people's words have, in every charset of one octet a letter. The versions and lengths of packets are none of these. */
function isWritten(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet >= 0x20 || octet === 0x09 || octet === 0x0a || octet === 0x0d);
}

/** The one armored message of a file, also where it is damaged; nobody may lose the words around it, or a second one. */
function armoredMessage(bytes: Uint8Array, declared: boolean): Found | undefined {
  const text = decodeText(bytes);
  const [block, ...more] = blocksIn(text);
  if (!block) return declared && messageIn(bytes) ? { ciphertext: bytes, around: '' } : undefined;
  const found = takenOut(block, text);
  const fits = block.kind === 'message' && more.length === 0 && (declared || found.around === '');
  return fits ? found : undefined;
}

/** What a part that is to be the message of PGP/MIME holds (RFC 3156 §4): armor, of whose words none are lost, or whatever it is. */
export function sealedOctets(body: Uint8Array): Found {
  const bytes = withoutEncodingMark(body);
  if (!isArmored(bytes)) return { ciphertext: bytes, around: '' };
  const text = decodeText(bytes);
  const block = blocksIn(text).find(({ kind }) => kind === 'message');
  if (!block) return { ciphertext: bytes, around: '' };
  return takenOut(block, text);
}

function takenOut({ text: armor, start, end }: Block, text: string): Found {
  return { ciphertext: Buffer.from(armor), around: (text.slice(0, start) + text.slice(end)).trim() };
}

/** The first packet of binary OpenPGP data, and where its body begins (RFC 9580 §4.2); undefined for what is none, as armor. */
function firstPacket(bytes: Uint8Array): { tag: number; body: number } | undefined {
  const [header = 0, length = 0] = bytes;
  if ((header & 0x80) === 0) return undefined;
  if ((header & 0x40) === 0) return { tag: (header >> 2) & 0x0f, body: 1 + ([1, 2, 4, 0][header & 0x03] ?? 0) };
  return { tag: header & 0x3f, body: length < 192 ? 2 : length < 224 ? 3 : length === 255 ? 6 : 2 };
}

/** RFC 9580 §5.1, §5.3: of public-key and of symmetric-key encrypted session keys. */
const VERSIONS: Readonly<Record<number, readonly number[]>> = { 1: [3, 6], 3: [4, 5, 6] };

/** RFC 9580 §10.3: encrypted session keys and data, compressed and literal data, one-pass signatures; and what may stand before them. */
const MESSAGE_PACKETS = new Set([1, 3, 4, 8, 9, 10, 11, 18, 20, 21]);

/** The OpenPGP message that octets begin as, armored or not, without the mark of an encoding; undefined where they are none. */
export function messageIn(bytes: Uint8Array): Uint8Array | undefined {
  const plain = withoutEncodingMark(bytes);
  const packet = firstPacket(plain);
  if (packet) return MESSAGE_PACKETS.has(packet.tag) ? plain : undefined;
  const head = Buffer.from(plain.buffer, plain.byteOffset, Math.min(plain.length, 200)).toString('latin1');
  return head.replace(/^[\s\xa0]+/, '').startsWith(HEAD) ? plain : undefined;
}

/** Windows' own programs write armor in UTF-16, and its editors put a mark before it (RFC 3629 §6, RFC 2781 §3.2). */
function withoutEncodingMark(bytes: Uint8Array): Uint8Array {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.subarray(3);
  return hasUtf16Mark(bytes) ? Buffer.from(decodeText(bytes, 'utf-16')) : bytes;
}

/** The most of a part that is looked at for a certificate. */
const LARGEST_KEY_FILE = 1024 * 1024;

/** Of one mail, and armored blocks of a text that are looked through for them: more than that nobody sends along. */
const MOST_OFFERED = 100;

/**
 * Certificates that came with the mail: `application/pgp-keys` parts and files of another type that hold one, the Autocrypt
 * field of its sender, and armored blocks in its text. Nobody has looked at them yet.
 */
export function offeredCertificates(entity: Entity): Uint8Array[] {
  const parts = leaves(entity);
  const attached = enclosedCertificates(entity);
  const autocrypt = fieldsNamed(entity, 'autocrypt')
    .flatMap((field) => field.value.split(/;\s*keydata=/, 2)[1] ?? [])
    .map((data) => Buffer.from(data, 'base64'));
  const written = parts
    .filter((part) => isText(part) && mayHoldKey(part))
    .flatMap((part) => blocksIn(entityText(part), MOST_OFFERED).filter(({ kind }) => kind === 'key'))
    .map(({ text }) => Buffer.from(text));
  return [...attached, ...autocrypt, ...written].slice(0, MOST_OFFERED);
}

const KEY_BLOCK = 'PGP PUBLIC KEY BLOCK';
/** In ASCII, which all charsets of mail have, and in UTF-16 of either order of octets. */
const KEY_BLOCKS = [Buffer.from(KEY_BLOCK), Buffer.from(KEY_BLOCK, 'utf16le').subarray(0, -1)];

/** Seen in the octets: a mail may be one text of 25 MiB, which is asked several times and has no key. */
function mayHoldKey(part: Entity): boolean {
  const octets = decodedBody(part);
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  return KEY_BLOCKS.some((block) => bytes.includes(block));
}

/** Certificates that lie in the mail as files, and nothing else: what a signature over all of it covers. */
export function enclosedCertificates(entity: Entity): Uint8Array[] {
  return leaves(entity).filter(isKeyFile).slice(0, MOST_OFFERED).map(plainOctets);
}

/** What is in a part, armor as the text in one octet a letter that it is. */
export function plainOctets(part: Entity): Uint8Array {
  return withoutEncodingMark(decodedBody(part));
}

/** Thunderbird and gpg name the type; mutt and webmail send the file as what they think it is. */
export function isKeyFile(part: Entity): boolean {
  return part.mediaType === 'application/pgp-keys' || (KEY_FILE.test(fileName(part) ?? '') && holdsKey(part));
}

const KEY_FILE = /\.(asc|pgp|gpg|key|pub)$/i;

/** Whether the octets begin as that, whatever the part is called. */
export function holdsKey(part: Entity): boolean {
  if (part.parts.length > 0 || part.body.length > LARGEST_KEY_FILE) return false;
  const bytes = plainOctets(part);
  const packet = firstPacket(bytes);
  return packet ? packet.tag === 6 : Buffer.from(bytes).toString('latin1').trimStart().startsWith(`-----BEGIN ${KEY_BLOCK}-----`);
}
