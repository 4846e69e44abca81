import type { Block } from './armor.ts';
import { encryptedFile, holdsKey, isKeyFile, messageIn, sealedOctets } from './enclosed.ts';
import { carriedMail, decodedBody, type Entity, holdsMail, isAttachment, leaves, parseEntity } from './message.ts';
import { textPart } from './outgoing.ts';
import { isSMime, isSMimeSignature, type SMimeSigned, smimeSigned } from './s-mime.ts';
import { isBlank, isDisclaimer, isEmptied, isText, partsOfText, readable, shortWords } from './shown.ts';

/**
 * The outermost layer of an entity, seen before anything is decrypted. What it holds is all that a reader is shown of the
 * entity, but for `beside`: parts that stand next to it, as a disclaimer does that a gateway has added, or the certificate that
 * a client adds.
 */
export type Layer =
  /**
   * `file`: the name that it was sent under, where nothing but its content can tell whether it is a mail. `asBody`: it stands where the
   * mail would, and is called so: if it is a text, it is that of the mail. `among`: if it is no mail, this is no layer, and it is a file
   * among the other parts.
   */
  | { form: 'pgp-mime'; ciphertext: Uint8Array; beside: readonly Entity[]; file?: string; asBody?: true; among?: true }
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
  if (isSMime(entity)) return { form: 's-mime' };
  const layer = pgpMimeEncrypted(entity, onItsWay) ?? pgpMimeSigned(entity) ?? (onItsWay ? wrappedMail(entity) : undefined);
  return layer ?? wholeText(entity) ?? { form: 'clear' };
}

/**
 * What stands in an S/MIME signature, where any of it is OpenPGP: a gateway signs whatever leaves a company, and that says nothing here.
 * `beside`: what stands around it. There may be several on its way, each of which signs what the one before it has signed.
 */
export function signedByGateway(mail: Entity, depth = 0): SMimeSigned | undefined {
  const found = smimeSigned(mail);
  const inner = found && depth < DEEPEST ? signedByGateway(found.signed, depth + 1) : undefined;
  if (found && inner) return { signed: inner.signed, beside: [...found.beside, ...inner.beside] };
  return found && bringsOpenPgp(found.signed) ? found : undefined;
}

function bringsOpenPgp(entity: Entity): boolean {
  if ('beside' in recognise(entity, { onItsWay: true })) return true;
  return leaves(entity).some(isOpenPgp);
}

function isOpenPgp(leaf: Entity): boolean {
  return encryptedFile(leaf) !== undefined || (isText(leaf) && partsOfText(leaf).blocks.length > 0);
}

/** What Exchange makes of a mail that it must not change and is to put a disclaimer on: a new one with the old one attached. */
function wrappedMail(entity: Entity, depth = 0): Layer | undefined {
  const shown = entity.parts.length === 0 ? [entity] : entity.parts.filter((part) => !isBlank(part));
  const [inner, ...others] = shown.filter((part) => !standsBeside(part));
  if (!inner || others.length > 0 || (entity.parts.length > 0 && !MIXED.test(entity.mediaType))) return undefined;
  const mail = holdsMail(inner) ? carriedMail(inner) : inner;
  if (!mail) return undefined;
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

/**
 * RFC 3156 §4: a part that says `Version: 1`, and the message. On the way multipart/encrypted becomes multipart/mixed (Exchange),
 * its parameters go, the first part goes, an empty text or a disclaimer is added, or all of it is wrapped once more.
 */
function pgpMimeEncrypted(entity: Entity, onItsWay = true): Layer | undefined {
  const { parts } = entity;
  if (parts.length === 0) return loneFile([entity]);
  const isRegular = entity.mediaType === 'multipart/encrypted';
  const control = parts.findIndex((part) => isControl(part) || (isRegular && isEmptied(part)));
  const data = parts.findIndex((part, at) => at > control && isData(part));
  if (data >= 0 && (control >= 0 || isRegular)) return besideOthers(parts, control, data);
  return loneFile(parts) ?? renamed(parts, onItsWay) ?? wrapped(entity, (part) => pgpMimeEncrypted(part, onItsWay));
}

function besideOthers(parts: readonly Entity[], control: number, data: number): Extract<Layer, { form: 'pgp-mime' }> {
  const others = parts.filter((part, at) => at !== control && at !== data && !isBlank(part));
  const { ciphertext, around } = sealedOctets(decodedBody(parts[data] as Entity));
  return { form: 'pgp-mime', ciphertext, beside: [...others, ...wordsOf(around)] };
}

/** Words that stand with armor in its own part, as a part. */
function wordsOf(around: string): Entity[] {
  return around === '' ? [] : [parseEntity(textPart(around))];
}

/**
 * Both parts under another type, or the first one emptied, as Exchange leaves them, beside whatever it has added. It puts such empty parts
 * between files, too: where nothing else is encrypted, what stands behind one is the mail if it says so itself.
 */
function renamed(parts: readonly Entity[], onItsWay: boolean): Layer | undefined {
  const data = parts.findIndex((part, at) => at > 0 && isControlOf(parts[at - 1] as Entity, part));
  if (data < 0) return undefined;
  const layer = besideOthers(parts, data - 1, data);
  if (isControlByText(parts[data - 1] as Entity)) return layer;
  // Inside of an encryption they are its writer's files.
  const others = parts.filter((_, at) => at !== data && at !== data - 1);
  if (!onItsWay || others.flatMap(leaves).some(isOpenPgp)) return undefined;
  const part = parts[data] as Entity;
  const name = encryptedFile(part)?.name ?? '';
  return isBody(part, name) ? layer : { ...layer, ...asFile(name, parts, part), among: true };
}

function isControlOf(control: Entity, data: Entity): boolean {
  const isOne =
    isControlByText(control) ||
    (isEmptied(control) && (control.mediaType === 'application/pgp-encrypted' || BODY.test(encryptedFile(data)?.name ?? 'none')));
  return isOne && data.parts.length === 0 && messageIn(decodedBody(data)) !== undefined;
}

/** What is left where the control part was lost or renamed: the message alone. */
function loneFile(parts: readonly Entity[]): Layer | undefined {
  const shown = parts.filter((each) => !isBlank(each) && !isControlByText(each));
  const keys = shown.filter(isKeys);
  const [part, ...others] = shown.filter((each) => !keys.includes(each));
  const file = part && others.length === 0 ? encryptedFile(part) : undefined;
  if (!part || !file) return undefined;
  const { ciphertext, around, name } = file;
  const beside = [...wordsOf(around), ...keys];
  return { form: 'pgp-mime', ciphertext, beside, ...(isBody(part, name) ? {} : asFile(name, parts, part)) };
}

/** Behind a control part, and behind nothing that anybody wrote, a name of a body means that. */
function asFile(name: string, parts: readonly Entity[], part: Entity): { file: string; asBody?: true } {
  const [control, ...before] = parts.slice(0, parts.indexOf(part)).reverse();
  const isInPlace = control !== undefined && isControlOf(control, part) && before.every((each) => isBlank(each) || isKeys(each));
  return isInPlace && BODY.test(name) ? { file: name, asBody: true } : { file: name };
}

/** It is shown as the body of a mail, and named so; what else has such a name may be somebody's file. */
function isBody(part: Entity, name: string): boolean {
  return isText(part) && BODY.test(name);
}

/** What programs call the body of a mail, without `.asc` and the like; whatever has another name is somebody's file. */
const BODY = /^(msg|message|encrypted|noname|openpgp-encrypted-message)?$/i;

/** The control part under another type and name. */
function isControlByText(part: Entity): boolean {
  return VERSION.test(shortWords(part));
}

const VERSION = /^\s*Version\s*:\s*1(\.0)?\s*$/i;

function isControl(part: Entity): boolean {
  return part.mediaType === 'application/pgp-encrypted' && VERSION.test(shortWords(part));
}

/** Where the control part stands, whatever follows is meant as the message, damaged or not. */
function isData(part: Entity): boolean {
  return part.parts.length === 0 && (part.mediaType === 'application/octet-stream' || messageIn(decodedBody(part)) !== undefined);
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

/** In OpenPGP or S/MIME, by its type: any file may be called so. */
export function isDetachedSignature(part: Entity): boolean {
  return isSignature(part, false) || isSMimeSignature(part);
}

function headOf(part: Entity): string {
  return Buffer.from(decodedBody({ ...part, body: part.body.subarray(0, 400) })).toString('latin1');
}

/** A multipart that somebody put around a layer, alone or with parts of his own. */
function wrapped(entity: Entity, within: (part: Entity) => Layer | undefined): Layer | undefined {
  if (!MIXED.test(entity.mediaType)) return undefined;
  const shown = entity.parts.filter((part) => !isBlank(part));
  const [first] = shown;
  if (first?.parts.length === 0 || !shown.slice(1).every(standsBeside)) return undefined;
  const layer = first && within(first);
  return layer && 'beside' in layer ? { ...layer, beside: [...layer.beside, ...shown.slice(1)] } : undefined;
}

/** One armored block with nothing around it, in the one text that the mail consists of; its writer's certificate may lie beside it. */
function wholeText(entity: Entity): Layer | undefined {
  const leaves = readable(entity);
  const keys = leaves.filter(isKeys);
  const [part, ...others] = leaves.filter((leaf) => !keys.includes(leaf));
  if (!part || others.length > 0 || !isText(part)) return undefined;
  const { blocks, around } = partsOfText(part);
  const [block, ...more] = blocks;
  if (!block || more.length > 0 || around !== '') return undefined;
  return asLayer(block, part, keys);
}

function asLayer({ kind, text }: Block, part: Entity, keys: readonly Entity[]): Layer {
  return kind === 'message'
    ? { form: 'inline', armor: text, part, beside: keys }
    : { form: 'cleartext-signed', text, part, beside: keys };
}

/** What others than its writer may put beside a mail, and his client by itself. */
function standsBeside(part: Entity): boolean {
  return isDisclaimer(part) || isKeys(part);
}

/** A file that begins as certificates. */
function isKeys(part: Entity): boolean {
  return isKeyFile(part) && holdsKey(part);
}
