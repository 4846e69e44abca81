import type { Instant } from '../clock.ts';
import { type Mailbox, parseMailboxes } from '../mail/address.ts';
import { type Layer, offeredCertificates, recognise } from '../mail/encrypted.ts';
import { type Entity, fieldsNamed, parseEntity, parseMessage } from '../mail/message.ts';
import { entity, textPart } from '../mail/outgoing.ts';
import { contentOf, effectiveField, hasProtectedFields } from '../mail/protected.ts';
import { Refusal } from '../refusal.ts';
import { parseSecret, remembering } from './parse.ts';
import { dateAt, openpgp } from './settings.ts';
import { type Lookup, ofCleartext, ofDetached, offerable, ofMessage, type SignatureVerdict, verify } from './verify.ts';

export interface OpenRequest {
  /** The mail as it came (RFC 5322). */
  raw: Uint8Array;
  /** Unlocked transferable secret keys that may open it, binary. */
  secrets: readonly Uint8Array[];
  /** When it was accepted: signatures and certificates are judged as of then. */
  at: Instant;
}

/** A mail with its OpenPGP layers taken off. Plain data: it crosses from a worker thread. */
export interface OpenedMail {
  form: Layer['form'];
  encrypted: boolean;
  signatures: SignatureVerdict[];
  /** The one certificate that the whole visible content may be credited to, and its signature. */
  signer: { fingerprint: string; certificateKnown: boolean; signatureDigest: string } | null;
  /** The From that stands inside where the mail protects it. It is what the sender says, never who he is. */
  from: Mailbox | null;
  subject: string;
  outerSubject: string;
  subjectProtected: boolean;
  messageId: string | null;
  /** What a reader should see: an entity with its structural fields only. */
  content: Uint8Array;
  /** Text or parts stood beside the encrypted or signed block; `content` does not hold them. */
  partial: boolean;
  /** Certificates that came with the mail, unread. */
  offered: Uint8Array[];
}

/** signed inside encrypted inside signed, and one more: what goes deeper is not mail that people send. */
const DEEPEST = 4;

/**
 * Takes off every OpenPGP layer, decrypting and verifying, before anybody acts on anything. Throws `cannot-open` for
 * whatever cannot be decrypted in full and with integrity (one answer for all causes: no oracle), `malformed-mail`,
 * `too-complex`. A bad or unknown signature is a verdict, not a failure.
 */
export async function openMail({ raw, secrets, at }: OpenRequest, lookup: Lookup): Promise<OpenedMail> {
  const mail = parseMessage(raw);
  const state: Opening = { content: mail, payload: null, form: 'clear', encrypted: false, whole: true, signatures: [] };
  for (let depth = 0; ; depth++) {
    const layer = recognise(state.content);
    if (layer.form === 'clear') break;
    if (depth === DEEPEST) throw new Refusal('too-complex');
    const before = { ...state };
    const more = await peel(layer, state, { secrets, at, lookup, mail }).catch((error: unknown) => {
      // Inside of what was opened it is something that the mail carries: a quoted block, or one for somebody else.
      if (depth === 0 || !(error instanceof Refusal) || error.reason !== 'cannot-open') throw error;
      Object.assign(state, before);
      return false;
    });
    if (depth === 0) state.form = layer.form;
    if (!more) break;
  }
  return describe(mail, state);
}

interface Opening {
  content: Entity;
  /** The innermost cryptographic payload. */
  payload: Entity | null;
  form: Layer['form'];
  encrypted: boolean;
  whole: boolean;
  signatures: SignatureVerdict[];
}

interface Means {
  secrets: readonly Uint8Array[];
  at: Instant;
  lookup: Lookup;
  mail: Entity;
}

/** Takes one layer off. Says whether there may be another inside. */
async function peel(layer: Exclude<Layer, { form: 'clear' }>, state: Opening, means: Means): Promise<boolean> {
  state.whole &&= layer.whole;
  if (layer.form === 'pgp-mime') {
    const message = await decrypt(layer.ciphertext, means);
    state.content = parseEntity(literal(message));
    state.payload = state.content;
    await credit(state, means, ofMessage(message), true);
    return true;
  }
  if (layer.form === 'signed-mime') {
    state.content = layer.signed;
    state.payload = layer.signed;
    await credit(state, means, await ofDetached(layer.signed.raw, layer.signature), false);
    return true;
  }
  if (layer.form === 'inline') {
    const message = await decrypt(layer.ciphertext, means);
    state.content = textEntity(literal(message), layer.part.parameters['charset']);
    await credit(state, means, ofMessage(message), true);
    return false;
  }
  const message = await readCleartext(layer.text);
  state.content = parseEntity(textPart(message.getText()));
  await credit(state, means, ofCleartext(message), false);
  return false;
}

/** Adds the verdicts on a layer's signatures. What was signed outside of an encryption says nothing of what is inside. */
async function credit(state: Opening, { mail, at, lookup }: Means, signed: Parameters<typeof verify>[0], encrypted: boolean) {
  if (encrypted) {
    state.encrypted = true;
    for (const outside of state.signatures) outside.coversWholeContent = false;
  }
  const offered = [...offeredCertificates(state.content), ...offeredCertificates(mail)];
  const verdicts = await verify(signed, offered, lookup, at);
  for (const verdict of verdicts) verdict.coversWholeContent = state.whole;
  state.signatures.push(...verdicts);
}

/** A mail to so many keys is not for this list; each hidden recipient costs a trial decryption. */
const MOST_RECIPIENTS = 100;

async function decrypt(ciphertext: Uint8Array, { secrets, at }: Means): Promise<openpgp.Message<Uint8Array>> {
  try {
    const message = await readMessage(ciphertext);
    if (message.getEncryptionKeyIDs().length > MOST_RECIPIENTS) throw new Error('too many recipients');
    const decryptionKeys = await Promise.all(secrets.map(secretKey));
    const opened = await message.decrypt(decryptionKeys, undefined, undefined, dateAt(at));
    return opened.unwrapCompressed() as openpgp.Message<Uint8Array>;
  } catch (error) {
    throw new Refusal('cannot-open', undefined, error instanceof Error ? error.message : String(error));
  }
}

const secretKey = remembering(parseSecret, 32);

function readMessage(bytes: Uint8Array): Promise<openpgp.Message<Uint8Array>> {
  const text = Buffer.from(bytes).toString('latin1');
  const read = text.includes('-----BEGIN PGP MESSAGE-----')
    ? openpgp.readMessage({ armoredMessage: text.trim() })
    : openpgp.readMessage({ binaryMessage: bytes });
  return read as Promise<openpgp.Message<Uint8Array>>;
}

function literal(message: openpgp.Message<Uint8Array>): Uint8Array {
  const data = message.getLiteralData();
  if (data === null) throw new Refusal('cannot-open', undefined, 'no literal data');
  return data;
}

async function readCleartext(text: string): Promise<openpgp.CleartextMessage> {
  try {
    return await openpgp.readCleartextMessage({ cleartextMessage: text });
  } catch (error) {
    throw new Refusal('malformed-mail', 'The signed text is damaged', String(error));
  }
}

/** Inline OpenPGP has no MIME inside, only text (RFC 9580 §7 leaves its charset to be guessed: UTF-8 unless it was declared). */
function textEntity(text: Uint8Array, charset = 'utf-8'): Entity {
  const label = /^[\w.:-]+$/.test(charset) && charset.toLowerCase() !== 'us-ascii' ? charset : 'utf-8';
  return parseEntity(
    entity(
      [
        ['Content-Type', `text/plain; charset=${label}`],
        ['Content-Transfer-Encoding', '8bit'],
      ],
      text,
    ),
  );
}

function describe(mail: Entity, state: Opening): OpenedMail {
  const subject = effectiveField('subject', mail, state.payload);
  const from = fieldsNamed(state.payload && hasProtectedFields(state.payload) ? state.payload : mail, 'from')[0];
  return {
    form: state.form,
    encrypted: state.encrypted,
    signatures: state.signatures,
    signer: soleSigner(state.signatures),
    from: from ? (parseMailboxes(from.value)[0] ?? null) : null,
    subject: subject.text ?? '',
    outerSubject: effectiveField('subject', mail, null).text ?? '',
    subjectProtected: subject.isProtected,
    messageId: fieldsNamed(mail, 'message-id')[0]?.value ?? null,
    content: contentOf(state.content),
    partial: !state.whole,
    offered: offerable([...offeredCertificates(state.content), ...offeredCertificates(mail)]),
  };
}

/** The one certificate behind the whole content; two different ones, or a part of it, credit nobody. */
function soleSigner(signatures: readonly SignatureVerdict[]): OpenedMail['signer'] {
  const good = signatures.filter((one) => one.valid && one.coversWholeContent);
  const [first] = good;
  if (!first?.fingerprint || good.some((one) => one.fingerprint !== first.fingerprint)) return null;
  return { fingerprint: first.fingerprint, certificateKnown: first.certificateKnown, signatureDigest: first.digest };
}
