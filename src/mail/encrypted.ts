import { armoredLines, type Block, blocksIn } from './armor.ts';
import { decodedBody, type Entity, entityText, fieldsNamed, fileName, isAttachment, leaves, parseEntity } from './message.ts';

/**
 * The outermost layer of an entity, seen before anything is decrypted. What it holds is all that a reader is shown of the
 * entity, but for `beside`: parts that stand next to it, as a disclaimer does that a gateway has added.
 */
export type Layer =
  /** `file`: the name that it was sent under, where nothing but its content can tell whether it is a mail. */
  | { form: 'pgp-mime'; ciphertext: Uint8Array; beside: readonly Entity[]; file?: string }
  | { form: 'signed-mime'; signed: Entity; signature: Uint8Array; beside: readonly Entity[] }
  | { form: 'inline'; armor: string; part: Entity; beside: readonly Entity[] }
  | { form: 'cleartext-signed'; text: string; part: Entity; beside: readonly Entity[] }
  | { form: 's-mime' }
  | { form: 'clear' };

/**
 * Recognises it (RFC 3156, RFC 9580 §7). A pure look: nothing is decrypted or verified. `onItsWay`: it is the mail as it came, and
 * gateways may have put it into another one; inside of an encryption its writer has put it where it is.
 */
export function recognise(entity: Entity, { onItsWay = false }: { onItsWay?: boolean } = {}): Layer {
  if (leaves(entity).some(isSMime) || parameter(entity, 'protocol').startsWith('application/pkcs7-')) return { form: 's-mime' };
  const layer = pgpMimeEncrypted(entity) ?? pgpMimeSigned(entity) ?? (onItsWay ? wrappedMail(entity) : undefined);
  return layer ?? wholeText(entity) ?? { form: 'clear' };
}

/** What Exchange makes of a mail that it must not change and is to put a disclaimer on: a new one with the old one attached. */
function wrappedMail(entity: Entity, depth = 0): Layer | undefined {
  const shown = entity.parts.length === 0 ? [entity] : entity.parts.filter((part) => !isBlank(part));
  const [inner, ...others] = shown.filter((part) => !isDisclaimer(part));
  if (!inner || others.length > 0 || (entity.parts.length > 0 && !MIXED.test(entity.mediaType))) return undefined;
  const mail = inner.mediaType === 'message/rfc822' ? parseEntity(decodedBody(inner)) : inner;
  // A file that somebody encrypted and sent along with a text is a part of that mail, and no mail.
  if (mail === entity || (mail === inner && inner.parts.length === 0)) return undefined;
  const layer = pgpMimeEncrypted(mail) ?? (mail === inner ? pgpMimeSigned(mail) : attachedLayer(mail, depth));
  const beside = shown.filter((part) => part !== inner);
  return layer && 'beside' in layer ? { ...layer, beside: [...layer.beside, ...beside] } : undefined;
}

/** Of a mail that is attached: what somebody merely signed is his to forward, and stays as it is. */
function attachedLayer(mail: Entity, depth: number): Layer | undefined {
  const layer = (depth < DEEPEST ? wrappedMail(mail, depth + 1) : undefined) ?? wholeText(mail);
  return layer?.form === 'cleartext-signed' ? undefined : layer;
}

/** Mails in mails that gateways made. */
const DEEPEST = 3;
const MIXED = /^multipart\/(mixed|related)$/;

/** RFC 8551 §3.2, §3.9; `x-` as Outlook of old still writes it. A signature alone makes nothing unreadable. */
function isSMime(part: Entity): boolean {
  return /^application\/(x-)?pkcs7-mime$/.test(part.mediaType) || /^smime\.p7m$/i.test(fileName(part) ?? '');
}

function parameter(entity: Entity, name: string): string {
  return entity.mediaType.startsWith('multipart/') ? (entity.parameters[name]?.toLowerCase() ?? '') : '';
}

/**
 * RFC 3156 §4: a part that says `Version: 1`, and the message. On the way multipart/encrypted becomes multipart/mixed (Exchange),
 * its parameters go, the first part goes, an empty text or a disclaimer is added, or all of it is wrapped once more.
 */
function pgpMimeEncrypted(entity: Entity): Layer | undefined {
  const { parts } = entity;
  if (parts.length === 0) return loneFile([entity]);
  const control = parts.findIndex(isControl);
  const data = parts.findIndex((part, at) => at > control && isData(part));
  if (data >= 0 && (control >= 0 || entity.mediaType === 'multipart/encrypted')) {
    const beside = parts.filter((part, at) => at !== control && at !== data && !isBlank(part));
    return { form: 'pgp-mime', ciphertext: decodedBody(parts[data] as Entity), beside };
  }
  return loneFile(parts) ?? wrapped(entity, pgpMimeEncrypted);
}

/** What is left where the control part was lost or renamed: the message alone. */
function loneFile(parts: readonly Entity[]): Layer | undefined {
  const [part, ...others] = parts.filter((each) => !isBlank(each) && !isControlByText(each));
  const file = part && others.length === 0 ? encryptedFile(part) : undefined;
  return file && { form: 'pgp-mime', ciphertext: file.ciphertext, beside: [], file: file.name };
}

/** The control part under another type and name. */
function isControlByText(part: Entity): boolean {
  return part.body.length < 200 && part.parts.length === 0 && VERSION.test(Buffer.from(decodedBody(part)).toString('latin1'));
}

const VERSION = /^\s*Version\s*:\s*1\s*$/i;

function isControl(part: Entity): boolean {
  return part.mediaType === 'application/pgp-encrypted' && VERSION.test(Buffer.from(decodedBody(part)).toString('latin1', 0, 64));
}

/** Where the control part stands, whatever follows is meant as the message, damaged or not. */
function isData(part: Entity): boolean {
  return part.parts.length === 0 && (part.mediaType === 'application/octet-stream' || isMessage(decodedBody(part)));
}

/** RFC 3156 §5: the first part as it stands is what was signed, the second signs it. A gateway may have made it multipart/mixed. */
function pgpMimeSigned(entity: Entity): Layer | undefined {
  const regular = entity.mediaType === 'multipart/signed';
  const [signed, signature, ...others] = regular ? entity.parts : entity.parts.filter((part) => !isBlank(part));
  // A signature beside a file belongs to that file, and not to the mail.
  const mangled = entity.mediaType === 'multipart/mixed' && signed !== undefined && !isAttachment(signed);
  if (!signed || !signature || !isSignature(signature, regular) || !(regular || mangled)) return wrapped(entity, pgpMimeSigned);
  const beside = others.filter((part) => !isBlank(part));
  return { form: 'signed-mime', signed, signature: decodedBody(signature), beside };
}

/** By its type, or by what is in it where a gateway has made that application/octet-stream. */
function isSignature(part: Entity, regular: boolean): boolean {
  if (part.mediaType === 'application/pgp-signature') return true;
  return regular && part.mediaType === 'application/octet-stream' && /^\s*-----BEGIN PGP SIGNATURE-----/.test(headOf(part));
}

function headOf(part: Entity): string {
  return Buffer.from(decodedBody({ ...part, body: part.body.subarray(0, 400) })).toString('latin1');
}

/** A multipart that somebody put around a layer, alone or with parts of his own. */
function wrapped(entity: Entity, within: (part: Entity) => Layer | undefined): Layer | undefined {
  if (!MIXED.test(entity.mediaType)) return undefined;
  const shown = entity.parts.filter((part) => !isBlank(part));
  const [first] = shown;
  if (first?.parts.length === 0 || shown.slice(1).some((part) => !isDisclaimer(part))) return undefined;
  const layer = first && within(first);
  return layer && 'beside' in layer ? { ...layer, beside: [...layer.beside, ...shown.slice(1)] } : undefined;
}

/** Text that a gateway may have put there; anything else was sent along on purpose. */
function isDisclaimer(part: Entity): boolean {
  return part.mediaType.startsWith('text/') && !isAttachment(part);
}

function isBlank(part: Entity): boolean {
  if (part.parts.length > 0) return part.parts.every(isBlank);
  return part.mediaType.startsWith('text/') && !isAttachment(part) && /^[\s\u00a0]*$/.test(linesOf(part));
}

/** One armored block with nothing around it, in the one text that the mail consists of; its writer's certificate may lie beside it. */
function wholeText(entity: Entity): Layer | undefined {
  const [part, ...others] = readable(entity).filter((leaf) => !isKeyFile(leaf));
  if (!part || others.length > 0 || !isText(part)) return undefined;
  const { blocks, around } = partsOfText(part);
  const [block, ...more] = blocks;
  if (!block || more.length > 0 || around !== '') return undefined;
  return asLayer(block, part);
}

export function asLayer(block: Block, part: Entity): Layer {
  const { kind, text } = block;
  return kind === 'message'
    ? { form: 'inline', armor: text, part, beside: [] }
    : { form: 'cleartext-signed', text, part, beside: [] };
}

/** Text that may hold armor. */
export function isText(part: Entity): boolean {
  const text = /^(text\/(plain|html|enriched|richtext)|application\/pgp)$/.test(part.mediaType);
  return text && part.parts.length === 0 && !isAttachment({ ...part, mediaType: 'text/plain' });
}

/** Messages and signed texts in a part, and what stands around them. A signed text never comes out of HTML whole: it is not looked for. */
export function partsOfText(part: Entity): { blocks: Block[]; around: string } {
  const text = linesOf(part);
  const html = part.mediaType === 'text/html';
  const blocks = blocksIn(text).filter(({ kind }) => kind === 'message' || (kind === 'signed' && !html));
  let around = '';
  let from = 0;
  for (const { start, end } of blocks) {
    around += text.slice(from, start);
    from = end;
  }
  // Not by a pattern: one for the end would try every run of blanks in the text.
  return { blocks, around: (around + text.slice(from)).replace(/[\u200b\ufeff]+/g, '').trim() };
}

/** Asked for several times, and decoded once: a mail may be one text of 25 MiB. */
const decoded = new WeakMap<Entity, string>();

function linesOf(part: Entity): string {
  const lines = decoded.get(part) ?? (part.mediaType === 'text/html' ? armoredLines(entityText(part)) : entityText(part));
  decoded.set(part, lines);
  return lines;
}

/** The leaves that a reader is shown. Of alternatives (RFC 2046 §5.1.4), the one that holds armor as text, and not its other renderings. */
export function readable(entity: Entity): Entity[] {
  if (entity.parts.length === 0) return isBlank(entity) ? [] : [entity];
  if (entity.mediaType !== 'multipart/alternative') return entity.parts.flatMap(readable);
  const armored = entity.parts.flatMap(readable).filter((part) => isText(part) && partsOfText(part).blocks.length > 0);
  const plain = armored.find(({ mediaType }) => mediaType !== 'text/html') ?? armored[0];
  if (!plain) return entity.parts.flatMap(readable);
  return entity.parts.flatMap(readable).filter((part) => part === plain || !armored.includes(part));
}

/** Names of files that hold OpenPGP data. */
const FILE = /\.(pgp|gpg|asc)$/i;

/** A file that was encrypted by itself: the name that it has without that, and what is in it. Undefined: it is none. */
export function encryptedFile(part: Entity): { name: string; ciphertext: Uint8Array } | undefined {
  if (part.parts.length > 0) return undefined;
  const name = fileName(part) ?? '';
  const named = FILE.test(name) || part.mediaType === 'application/pgp-encrypted';
  if (!named && part.mediaType !== 'application/octet-stream') return undefined;
  const ciphertext = decodedBody(part);
  const fits = named ? isMessage(ciphertext) : isSealed(ciphertext);
  return fits ? { name: name.replace(FILE, ''), ciphertext } : undefined;
}

/**
 * Whether octets of which nobody says that they are OpenPGP are an encrypted message: armor, or a packet of an encrypted session key
 * with a version that there is. Any file may begin with the one octet that names a packet.
 */
function isSealed(bytes: Uint8Array): boolean {
  const packet = firstPacket(bytes);
  if (!packet) return isMessage(bytes);
  return VERSIONS[packet.tag]?.includes(bytes[packet.body] ?? 0) ?? false;
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

/** Whether octets begin as an OpenPGP message does, armored or not. */
export function isMessage(bytes: Uint8Array): boolean {
  const packet = firstPacket(bytes);
  if (packet) return MESSAGE_PACKETS.has(packet.tag);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1');
  return /^[\s\xa0]*-----BEGIN PGP MESSAGE-----/.test(head);
}

/** The most of a part that is looked at for a certificate. */
const LARGEST_KEY_FILE = 1024 * 1024;

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
    .filter(isText)
    .flatMap((part) => blocksIn(entityText(part)).filter(({ kind }) => kind === 'key'))
    .map(({ text }) => Buffer.from(text));
  return [...attached, ...autocrypt, ...written];
}

/** Certificates that lie in the mail as files, and nothing else: what a signature over all of it covers. */
export function enclosedCertificates(entity: Entity): Uint8Array[] {
  return leaves(entity).filter(isKeyFile).map(decodedBody);
}

/** Thunderbird and gpg name the type; mutt and webmail send the file as what they think it is. */
export function isKeyFile(part: Entity): boolean {
  if (part.mediaType === 'application/pgp-keys') return true;
  if (!/\.(asc|pgp|gpg|key|pub)$/i.test(fileName(part) ?? '') || part.body.length > LARGEST_KEY_FILE) return false;
  const bytes = decodedBody(part);
  const packet = firstPacket(bytes);
  if (packet) return packet.tag === 6;
  return Buffer.from(bytes).toString('latin1').trimStart().startsWith('-----BEGIN PGP PUBLIC KEY BLOCK-----');
}
