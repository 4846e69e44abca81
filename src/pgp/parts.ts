import type { Block } from '../mail/armor.ts';
import { type EncryptedFile, encryptedFile } from '../mail/enclosed.ts';
import { recognise } from '../mail/encrypted.ts';
import { type Entity, parseEntity } from '../mail/message.ts';
import { filePart, multipart, textPart, typeOfFile } from '../mail/outgoing.ts';
import { bringsAPage } from '../mail/page.ts';
import { contentOf } from '../mail/protected.ts';
import { armorOf, isBlank, isText, partsOfText, readable } from '../mail/shown.ts';
import { Refusal } from '../refusal.ts';
import { readCleartext } from './cleartext.ts';
import {
  asItIs,
  cameEncrypted,
  isCertificate,
  isSignedWhole,
  keepKeys,
  type Means,
  type Opening,
  opening,
  peelAll,
  putAside,
  quote,
  textEntity,
} from './layers.ts';
import { isSignedAlone, openMessage } from './message.ts';
import { offeredIn } from './offered.ts';
import { ofCleartext, ofMessage, refuseChanged, type SignatureVerdict, verify } from './verify.ts';

/** More than this in one mail is there to make somebody work. */
const MOST_PARTS = 50;

interface Walk extends Means {
  /** Octets of what was opened. */
  unpacked: number;
  state: Opening;
  /** Somebody signed all of it. */
  signed: boolean;
  opened: number;
  /** Messages that were decrypted. */
  decrypted: number;
  /** One of these brought a page with it; where they are several, that must not stand beside the others. */
  pageDecrypted: boolean;
  several: boolean;
  /** HTML that came in clear is put aside, and is told of here where it was not. */
  htmlAside: boolean;
  htmlLeft: boolean;
  /** The first part that could not be opened. */
  failure: Refusal | null;
  /** Leaves of the whole, without other renderings of the armor in them. */
  shown: ReadonlySet<Entity>;
}

/** What stands in the place of a part: other entities, or itself. */
type Replacement = readonly Uint8Array[] | null;

/**
 * Opens what is encrypted or signed by itself inside of a mail that is not so as a whole: armor among other parts, text with
 * several blocks, files encrypted one by one. Each part is taken or left as one, and stays where it was; its signature credits
 * nobody with the mail. Throws `cannot-open` where there was something to decrypt and nothing of it could be.
 * What was decrypted never stands beside HTML that came in clear: there are clients that would make one page of both, and
 * have it sent to whoever wrote that (CVE-2017-17688).
 */
export async function openParts(state: Opening, means: Means): Promise<void> {
  const before = asItIs(state);
  const shown = new Set(readable(state.content));
  const none = { opened: 0, unpacked: 0, decrypted: 0, pageDecrypted: false, failure: null, htmlLeft: false };
  const signed = isSignedWhole(state.signatures);
  const first: Walk = { ...means, ...none, state, signed, several: false, htmlAside: false, shown };
  const opened = await openPart(state.content, first, true);
  const several = first.decrypted > 1 && first.pageDecrypted;
  if (!state.encrypted || !(first.htmlLeft || several)) return finish(first, opened);
  Object.assign(state, before);
  const again: Walk = { ...first, ...none, several, htmlAside: true };
  finish(again, await openPart(state.content, again, true));
}

function finish(walk: Walk, replacement: Replacement): void {
  const { state } = walk;
  // What somebody signed as a whole he may quote from elsewhere.
  if (walk.failure && !state.encrypted && !isSignedWhole(state.signatures)) throw walk.failure;
  if (!replacement) return;
  state.warnings.add('protected-in-parts');
  state.signedAs = null;
  const [only] = replacement;
  state.content = parseEntity(replacement.length === 1 && only ? only : multipart('mixed', replacement));
}

async function openPart(part: Entity, walk: Walk, root = false): Promise<Replacement> {
  try {
    return await replacementOf(part, walk, root);
  } catch (error) {
    if (!(error instanceof Refusal) || error.reason === 'too-complex') throw error;
    // A signed text that is damaged is text all the same, and so is armor that nobody says was meant for us.
    if (error.reason === 'cannot-open' && !encryptedFile(part)?.isText) walk.failure ??= error;
    walk.state.inClear = true;
    walk.state.warnings.add('part-not-opened');
    return root ? null : left(part, walk);
  }
}

/** A part that stays as it came; beside what was decrypted, none that shares a page with it. */
function left(part: Entity, walk: Walk): Replacement {
  if (!bringsAPage(part)) return null;
  walk.htmlLeft = true;
  if (!walk.htmlAside) return null;
  putAside(walk.state, [contentOf(part)], true);
  return [];
}

async function replacementOf(part: Entity, walk: Walk, root: boolean): Promise<Replacement> {
  if (part.parts.length === 0) return openLeaf(part, walk);
  const layer = root ? 'clear' : recognise(part).form;
  return layer === 'pgp-mime' || layer === 'signed-mime' ? openLayer(part, walk) : openChildren(part, walk);
}

function count(walk: Walk, form: Opening['form']): void {
  if (++walk.opened > MOST_PARTS) throw tooMany();
  if (walk.state.form === 'clear') walk.state.form = form;
}

/** What is opened of one mail may grow to as much as one message may: many small ones are as costly as one that is large. */
const MOST_UNPACKED = 64 * 1024 * 1024;

async function openOne(message: Uint8Array | string, walk: Walk) {
  const opened = await openMessage(message, walk, { signedOnly: true });
  walk.unpacked += opened.data.length;
  if (walk.unpacked > MOST_UNPACKED) throw new Refusal('too-complex', 'What is packed in it grows to more than 64 MiB');
  return opened;
}

function tooMany(): Refusal {
  return new Refusal('too-complex', 'There are too many encrypted or signed parts');
}

/** A multipart/encrypted or multipart/signed of its own. Where it is merely signed it stays as it is, for clients to verify. */
async function openLayer(part: Entity, walk: Walk): Promise<Replacement> {
  const inner = opening(part, false);
  await peelAll(inner, walk);
  count(walk, inner.form);
  merge(walk.state, inner);
  walk.state.warnings.add('protected-in-parts');
  if (!inner.encrypted) return left(part, walk);
  walk.decrypted++;
  if (!bringsAPage(inner.content)) return [contentOf(inner.content)];
  walk.pageDecrypted = true;
  if (!walk.several) return [contentOf(inner.content)];
  putAside(walk.state, [contentOf(inner.content)], false);
  return [];
}

function merge(state: Opening, inner: Opening): void {
  if (inner.encrypted) cameEncrypted(state);
  if (inner.inClear || inner.asideInClear || !inner.encrypted) state.inClear = true;
  state.signatures.push(...inner.signatures);
  putAside(state, inner.aside, inner.inClear);
  keepKeys(state, inner.keys);
}

async function openChildren(part: Entity, walk: Walk): Promise<Replacement> {
  const children: { entity: Entity; replacement: Replacement }[] = [];
  let changed = false;
  for (const child of part.parts) {
    // Of the armor that is opened beside it, and without words of its own.
    const hidden = isText(child) && !walk.shown.has(child) ? armorOf(child).blocks : [];
    const isRendering = hidden.length > 0 && !areQuoted(hidden, walk);
    const isBlankChoice = part.mediaType === 'multipart/alternative' && isText(child) && isBlank(child);
    const replacement = isRendering || isBlankChoice ? [] : await openPart(child, walk);
    if (isRendering || (replacement && (replacement.length > 0 || walk.htmlAside))) changed = true;
    children.push({ entity: child, replacement });
  }
  if (!changed) return null;
  const entities = children.flatMap(({ entity, replacement }) => replacement ?? [entity.raw]);
  if (entities.length === 0) return [];
  return entities.length === 1 ? entities : [multipart(part.mediaType.slice('multipart/'.length), entities)];
}

async function openLeaf(part: Entity, walk: Walk): Promise<Replacement> {
  const file = encryptedFile(part);
  if (file && !isQuoted(file.ciphertext, walk)) return [await openFile(file, walk)];
  const { blocks, around } = !file && isText(part) ? partsOfText(part) : { blocks: [], around: '' };
  if (blocks.length > 0 && !areQuoted(blocks, walk)) return openText(part, blocks, around, walk);
  if (file) await quotePacked([file.ciphertext], (data) => filePart(file.name, typeOfFile(file.name), data), walk);
  else if (walk.shown.has(part)) await quoteText(part, blocks, walk);
  if (readable(part).length > 0 && !isCertificate(part)) walk.state.inClear = true;
  return left(part, walk);
}

/** What is merely signed, in what somebody signed as a whole: he shows it, or attaches it, as he got it. */
function isQuoted(message: Uint8Array | string, { signed }: Walk): boolean {
  return signed && isSignedAlone(message);
}

/** Whether all of a text's blocks are. More of them than may be opened are not even looked at. */
function areQuoted(blocks: readonly Block[], walk: Walk): boolean {
  if (packedIn(blocks).length > MOST_PARTS) throw tooMany();
  return walk.signed && packedIn(blocks).every((text) => isQuoted(text, walk));
}

function packedIn(blocks: readonly Block[]): string[] {
  return blocks.filter(({ kind }) => kind !== 'signed').map(({ text }) => text);
}

function quoteText(part: Entity, blocks: readonly Block[], walk: Walk): Promise<void> {
  return quotePacked(packedIn(blocks), (data, armor) => textEntity(data, part, armor, true).raw, walk);
}

/** Gives what those of them say that nobody can read as they stand. */
async function quotePacked<Message extends Uint8Array | string>(
  messages: readonly Message[],
  entityOf: (data: Uint8Array, message: Message) => Uint8Array,
  walk: Walk,
): Promise<void> {
  const entities: Uint8Array[] = [];
  for (const message of messages) {
    count(walk, 'inline');
    entities.push(entityOf((await openOne(message, walk)).data, message));
  }
  if (entities.length > 0) quote(walk.state, entities);
}

async function openFile({ name, ciphertext, around }: EncryptedFile, walk: Walk): Promise<Uint8Array> {
  count(walk, 'inline');
  const { message, data, encrypted } = await openOne(ciphertext, walk);
  if (encrypted) walk.decrypted++;
  await note(walk, ofMessage(message), encrypted);
  if (around !== '') putAside(walk.state, [textPart(around)], true);
  return filePart(name, typeOfFile(name), data);
}

/** All of its blocks or none: what is shown of a text must not depend on which of them somebody could damage. */
async function openText(part: Entity, blocks: readonly Block[], around: string, walk: Walk): Promise<Replacement> {
  const texts: Uint8Array[] = [];
  for (const block of blocks) texts.push(await openBlock(block, part, walk));
  if (around !== '') putAside(walk.state, [textPart(around)], true);
  return texts;
}

async function openBlock(block: Block, part: Entity, walk: Walk): Promise<Uint8Array> {
  if (block.kind === 'signed') {
    count(walk, 'cleartext-signed');
    const message = await readCleartext(block.text);
    refuseChanged(await note(walk, await ofCleartext(message, part.parameters['charset']), false));
    return textPart(message.text);
  }
  count(walk, 'inline');
  const { message, data, encrypted } = await openOne(block.text, walk);
  if (encrypted) walk.decrypted++;
  await note(walk, ofMessage(message), encrypted);
  return textEntity(data, part, block.text, !encrypted).raw;
}

/** Verdicts that cover a part alone. */
async function note(
  { state, at, lookup, mail, offered }: Walk,
  signed: Parameters<typeof verify>[0],
  encrypted: boolean,
): Promise<SignatureVerdict[]> {
  const verdicts = await verify(signed, [...offered, ...offeredIn(mail)], lookup, at);
  if (encrypted) cameEncrypted(state);
  else state.inClear = true;
  state.signatures.push(...verdicts);
  return verdicts;
}
