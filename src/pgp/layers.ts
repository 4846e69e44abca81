import type { Instant } from '../clock.ts';
import { armorHeader } from '../mail/armor.ts';
import { holdsKey, isKeyFile, plainOctets } from '../mail/enclosed.ts';
import { type Layer, recognise } from '../mail/encrypted.ts';
import { flowing } from '../mail/flowed.ts';
import { type Entity, parseEntity } from '../mail/message.ts';
import { entity, filePart, textPart, typeOfFile } from '../mail/outgoing.ts';
import { contentOf, type Payload, wrappedMail } from '../mail/protected.ts';
import { charsetOf, isLegible, looksLikeEntity, looksLikeMime } from '../mail/text.ts';
import { type Reason, Refusal } from '../refusal.ts';
import { readCleartext } from './cleartext.ts';
import { isNothingBut } from './lone-data.ts';
import { isSignedAlone, openMessage } from './message.ts';
import { offeredIn } from './offered.ts';
import {
  type Lookup,
  ofCleartext,
  ofDetached,
  ofMessage,
  refuseChanged,
  type SignatureVerdict,
  type SignedEntity,
  type Verifiable,
  verify,
} from './verify.ts';

/** The first OpenPGP layer of a mail; `encapsulated` is multipart/signed inside of multipart/encrypted (RFC 3156 §6.1). */
export type Form = Exclude<Layer['form'], 's-mime'> | 'encapsulated';

/**
 * `unprotected-text`: text or parts stood beside the encrypted or signed whole, and are in `aside`. `unprotected-key`: certificates did.
 * `protected-in-parts`: parts of the mail were encrypted or signed each by itself. `part-not-opened`: one of them could not be opened.
 * `mail-not-opened`: what was attached is a mail of its own, which is encrypted. `signed-quotation`: he who signed it all quotes what
 * bears a signature of its own, and its text does not show that, or is packed.
 */
export type Warning =
  | 'unprotected-text'
  | 'unprotected-key'
  | 'protected-in-parts'
  | 'part-not-opened'
  | 'mail-not-opened'
  | 'signed-quotation';

/** signed inside encrypted inside signed, and one more: what goes deeper is not mail that people send. */
const DEEPEST = 4;

/** A mail, or a part of one, with the layers that were taken off so far. */
export interface Opening {
  content: Entity;
  /** The innermost cryptographic payload on the way from the root. */
  payload: Payload | null;
  form: Form;
  encrypted: boolean;
  /** Of the outermost encrypted message that the whole is in: SHA-256, hex. */
  ciphertextDigest: string | null;
  /** Parts of it came in clear. */
  inClear: boolean;
  /** Of what is in `aside`, some did. */
  asideInClear: boolean;
  /** It is the mail itself, and no part of one. */
  root: boolean;
  /** The content is a file which was encrypted as such: nothing but that was in any layer. */
  isFile: boolean;
  signatures: SignatureVerdict[];
  /** Digests of the different valid signatures over the payload. */
  statements: string[];
  /** The payload as its signer signed it. */
  signedAs: SignedEntity | null;
  aside: Uint8Array[];
  /** Certificates that stood there, and nothing else: entities. They say nothing that could be taken for his words who signed. */
  keys: readonly Uint8Array[];
  /** What quotations say that nobody can read where they stand: entities. It is nobody's, and takes nothing from him who quotes it. */
  quoted: readonly Uint8Array[];
  warnings: Set<Warning>;
}

export interface Means {
  secrets: readonly Uint8Array[];
  at: Instant;
  lookup: Lookup;
  mail: Entity;
  /** Certificates that may have signed it, as if they had come with it. */
  offered: readonly Uint8Array[];
}

/** Nothing that is done to the one from now on is done to the other. */
export function asItIs(state: Opening): Opening {
  const signatures = state.signatures.map((verdict) => ({ ...verdict }));
  return { ...state, signatures, aside: [...state.aside], warnings: new Set(state.warnings) };
}

export function opening(content: Entity, root: boolean): Opening {
  return {
    content,
    payload: null,
    form: 'clear',
    encrypted: false,
    ciphertextDigest: null,
    inClear: false,
    asideInClear: false,
    root,
    isFile: false,
    signatures: [],
    statements: [],
    signedAs: null,
    aside: [],
    keys: [],
    quoted: [],
    warnings: new Set(),
  };
}

/** Takes off layer after layer of what is wholly encrypted or signed. */
export async function peelAll(state: Opening, means: Means): Promise<void> {
  for (let depth = 0; ; depth++) {
    const layer = recognise(state.content, { onItsWay: depth === 0 && state.root });
    if (layer.form === 's-mime' && depth === 0 && state.root) throw new Refusal('s-mime');
    if (layer.form === 's-mime' || layer.form === 'clear') return;
    // What looks like a message inside of an encrypted text is something that the text carries: a quotation, or one for somebody else.
    if (layer.form === 'inline' && state.encrypted && !isSecondStep(layer.armor, state)) return;
    if (layer.form === 'pgp-mime' && layer.among && isFile(await dataIn(layer, means), layer)) return;
    if (depth === DEEPEST) throw new Refusal('too-complex');
    const before = asItIs(state);
    try {
      await peel(layer, state, means, depth === 0 || state.isFile);
    } catch (error) {
      if (depth === 0 || !(error instanceof Refusal) || !DAMAGED.has(error.reason)) throw error;
      Object.assign(state, before);
      return;
    }
    // What proves nothing is the words of him who signed it all: it stays as he signed it, with whatever shows that it is a quotation.
    if (isQuoted(state, before)) {
      Object.assign(state, before);
      state.warnings.add('signed-quotation');
      return;
    }
    if (depth === 0) state.form = layer.form;
    if (depth === 1 && state.form === 'pgp-mime' && layer.form === 'signed-mime') state.form = 'encapsulated';
  }
}

/** Whether the layer that was taken off says nothing, inside of one that somebody signed as a whole. */
function isQuoted({ signatures }: Opening, { signatures: around }: Opening): boolean {
  const own = signatures.slice(around.length);
  return !own.some(({ valid }) => valid) && isSignedWhole(signatures.slice(0, around.length));
}

export function isSignedWhole(signatures: readonly SignatureVerdict[]): boolean {
  return signatures.some(({ valid, coversWholeContent }) => valid && coversWholeContent);
}

async function dataIn({ ciphertext }: { ciphertext: Uint8Array }, means: Means): Promise<Uint8Array> {
  return (await openMessage(ciphertext, means)).data;
}

/** What was signed by gpg in one step, and encrypted in the next: nobody else says anything of it. */
function isSecondStep(armor: string, { form, signatures }: Opening): boolean {
  return form === 'inline' && signatures.length === 0 && isSignedAlone(armor);
}

/** What is wrong with a layer alone: inside of one that was opened it is something that the text carries. */
const DAMAGED: ReadonlySet<Reason> = new Set<Reason>(['cannot-open', 'malformed-mail']);

/** `mayBeFile`: the layers around were of a file, or there are none. */
async function peel(
  layer: Exclude<Layer, { form: 'clear' | 's-mime' }>,
  state: Opening,
  means: Means,
  mayBeFile: boolean,
): Promise<void> {
  const keys = layer.beside.filter(isCertificate);
  const others = layer.beside.filter((part) => !keys.includes(part));
  // What covers these as well is over more than what is left: its signer may have quoted that, to say something else.
  if (others.length > 0) for (const around of state.signatures) around.coversWholeContent = false;
  putAside(state, others.map(contentOf), !state.encrypted);
  keepKeys(state, keys.map(contentOf));
  state.isFile = false;
  if (layer.form === 'pgp-mime') {
    const opened = await openMessage(layer.ciphertext, means);
    state.isFile = mayBeFile && isFile(opened.data, layer);
    state.content = payloadOf(opened.data, layer);
    state.ciphertextDigest ??= opened.digest;
    await decrypted(state, means, ofMessage(opened.message));
  } else if (layer.form === 'inline') {
    const opened = await openMessage(layer.armor, means, { signedOnly: true });
    state.content = textEntity(opened.data, layer.part, layer.armor, !opened.encrypted);
    // It is text, and was judged as text: sent on as an entity, it would be read as another mail.
    const message = { ...ofMessage(opened.message), signedEntity: null };
    if (opened.encrypted) state.ciphertextDigest ??= opened.digest;
    if (opened.encrypted) await decrypted(state, means, message);
    else await signed(state, means, message);
  } else if (layer.form === 'signed-mime') {
    state.content = layer.signed;
    await signed(state, means, await ofDetached(layer.signed.raw, layer.signature));
  } else {
    const message = await readCleartext(layer.text);
    state.content = parseEntity(textPart(message.text));
    refuseChanged(await signed(state, means, await ofCleartext(message, layer.part.parameters['charset'])));
  }
}

/** The mail that a payload is wrapped around is what its reader is shown. No layer in it is taken off: those were around it. */
export function unwrap(state: Opening): void {
  const { payload } = state;
  const mail = payload?.entity === state.content ? wrappedMail(state.content) : undefined;
  if (!payload || !mail) return;
  state.content = mail;
  state.payload = { entity: mail, encrypted: payload.encrypted, wrapped: true };
}

/** Text or parts that stand next to what is protected. */
export function putAside(state: Opening, entities: readonly Uint8Array[], inClear: boolean): void {
  if (entities.length === 0) return;
  state.aside.push(...entities);
  state.warnings.add('unprotected-text');
  if (inClear) state.asideInClear = true;
}

/** A file that is certificates, as clients add them; one that goes on as something else is anybody's words. */
export function isCertificate(part: Entity): boolean {
  return isKeyFile(part) && holdsKey(part) && isNothingBut('certificate', plainOctets(part));
}

/** It is no secret what a certificate says: it may come in clear where nothing else may. */
export function keepKeys(state: Opening, keys: readonly Uint8Array[]): void {
  if (keys.length === 0) return;
  state.keys = [...state.keys, ...keys];
  state.warnings.add('unprotected-key');
}

/** What quotations say that gpg has packed up as it signed it: nobody can read that. */
export function quote(state: Opening, entities: readonly Uint8Array[]): void {
  state.quoted = [...state.quoted, ...entities];
  state.warnings.add('signed-quotation');
}

/** What was signed outside of an encryption says nothing of what is inside. */
export function cameEncrypted(state: Opening): void {
  state.encrypted = true;
  for (const outside of state.signatures) outside.coversWholeContent = false;
}

async function decrypted(state: Opening, means: Means, message: Verifiable): Promise<void> {
  cameEncrypted(state);
  await signed(state, means, message);
}

type Named = Pick<Extract<Layer, { form: 'pgp-mime' }>, 'file' | 'asBody'>;

/** Sent under a name, and neither a MIME entity nor, in the place of the mail, a text. */
function isFile(data: Uint8Array, named: Named): named is Named & { file: string } {
  return named.file !== undefined && !looksLikeMime(data) && !(named.asBody && isLegible(data));
}

/** A MIME entity; else text, or the file that it was sent as. */
function payloadOf(data: Uint8Array, named: Named): Entity {
  if (isFile(data, named)) return parseEntity(filePart(named.file, typeOfFile(named.file), data));
  const isEntity = named.file === undefined ? looksLikeEntity(data) : looksLikeMime(data);
  return isEntity ? parseEntity(data) : textEntity(data);
}

/** Gives the verdicts of this layer. */
async function signed(
  state: Opening,
  { mail, at, lookup, offered: others }: Means,
  message: Verifiable,
): Promise<SignatureVerdict[]> {
  const offered = [...others, ...offeredIn(wrappedMail(state.content) ?? state.content), ...offeredIn(mail)];
  const verdicts = await verify(message, offered, lookup, at);
  for (const verdict of verdicts) verdict.coversWholeContent = state.root;
  const isSignedAround = isSignedWhole(state.signatures);
  state.signatures.push(...verdicts);
  // A signature that does not hold protects nothing.
  const valid = verdicts.filter((verdict) => verdict.valid);
  const holds = valid.length > 0;
  // What somebody signed around it says whom he wrote to, and of what: no part that he sends on does.
  if (holds || (state.encrypted && !isSignedAround)) state.payload = { entity: state.content, encrypted: state.encrypted };
  if (holds) state.statements = [...new Set(valid.map(({ digest }) => digest))];
  state.signedAs = holds ? message.signedEntity : null;
  return verdicts;
}

/**
 * OpenPGP without MIME inside is text. Its charset is guessed where neither the armor says it (RFC 9580 §6.2.2.2) nor the part
 * that it stood in; whether its lines flow is known from that alone (RFC 3676). `readable`: it was signed, and not encrypted.
 */
export function textEntity(text: Uint8Array, within?: Entity, armor = '', readable = false): Entity {
  const charset = charsetOf(text, armorHeader(armor, 'charset') ?? within?.parameters['charset'], readable);
  const type = `text/plain; charset=${charset}${within?.mediaType === 'text/plain' ? flowing(within) : ''}`;
  return parseEntity(
    entity(
      [
        ['Content-Type', type],
        ['Content-Transfer-Encoding', '8bit'],
      ],
      text,
    ),
  );
}
