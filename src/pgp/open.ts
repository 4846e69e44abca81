import type { Instant } from '../clock.ts';
import { type Mailbox, parseMailboxes } from '../mail/address.ts';
import { encryptedFile } from '../mail/enclosed.ts';
import { signedByGateway } from '../mail/encrypted.ts';
import { withoutLegacyDisplay } from '../mail/legacy-display.ts';
import { type Entity, fieldsNamed, leaves, parseEntity, parseMessage } from '../mail/message.ts';
import { contentOf, effectiveField, protectedAddresses, protectedField } from '../mail/protected.ts';
import { isText, partsOfText } from '../mail/shown.ts';
import { treeOf } from '../mail/tree.ts';
import { keyIdsIn } from './certificate-bytes.ts';
import { type Form, type Means, type Opening, opening, peelAll, putAside, unwrap, type Warning } from './layers.ts';
import { isSignedAlone } from './message.ts';
import { enclosedIn, offerable, offeredIn } from './offered.ts';
import { openParts } from './parts.ts';
import type { Lookup, SignatureVerdict, SignedEntity } from './verify.ts';

export interface OpenRequest {
  /** The mail as it came (RFC 5322); what is opened of it may refer to it. */
  raw: Uint8Array;
  /** Unlocked transferable secret keys that may open it, binary. */
  secrets: readonly Uint8Array[];
  /** When it was accepted: signatures and certificates are judged as of then. */
  at: Instant;
  /** Certificates that may have signed it, as if they had come with it: they prove nobody. */
  offered?: readonly Uint8Array[];
  /** Gives what was signed as well, for the signature to be handed on. */
  withSignature?: boolean;
  /** What stands beside the content, as a disclaimer that a mail server added, is nobody's business: the verdicts are on the content. */
  contentAlone?: boolean;
}

/** The certificate that the whole visible content may be credited to. */
export interface Signer {
  fingerprint: string;
  certificateKnown: boolean;
  /** Of the innermost of his signatures: what is around it can be taken off. */
  signatureDigest: string;
  /** He signed the same words several times: each signature would do without the others. */
  signedTwice: boolean;
  /** When he says that he signed. */
  signedAt: Instant | null;
  /** Whom he wrote it to, as far as the signature covers that: To and Cc, in lower case, and keys that he named. */
  addressedTo: string[];
  intendedFor: string[];
}

/** A mail with its OpenPGP layers taken off. Plain data: it crosses from a worker thread. */
export interface OpenedMail {
  form: Form;
  /** Some of what a reader sees came encrypted. */
  encrypted: boolean;
  /** Nothing of it came in clear, but for certificates. */
  allEncrypted: boolean;
  signatures: SignatureVerdict[];
  signer: Signer | null;
  /** The From that stands inside where the mail protects it. It is what the sender says, never who he is. */
  from: Mailbox | null;
  subject: string;
  outerSubject: string;
  subjectProtected: boolean;
  messageId: string | null;
  /** SHA-256, hex, of the encrypted message that the whole mail is; null where it is none. */
  ciphertextDigest: string | null;
  /** What a reader should see: an entity with its structural fields only. */
  content: Uint8Array;
  /** That is a file which was encrypted as such, and nothing else: no mail in which somebody may have sent it along. */
  isFile: boolean;
  /**
   * What stood beside it, unprotected: entities. It is nobody's, and must not be merged with the content (CVE-2017-17688). Certificates
   * among it, and what quotations say, take nothing from who signed the content.
   */
  aside: Uint8Array[];
  warnings: Warning[];
  /** The signer's own words as he signed them, where they are a MIME entity; only if they were asked for. */
  signedAs: SignedEntity | null;
  /** Certificates that came with the mail in any way, unread. */
  offered: Uint8Array[];
  /** Those of them that stand in the content, and not merely around what was encrypted. Unread. */
  offeredInside: Uint8Array[];
  /** Those that the signer enclosed, as files in what he signed; none where nobody is credited. Unread. */
  enclosed: Uint8Array[];
}

/**
 * Takes off every OpenPGP layer, decrypting and verifying, before anybody acts on anything. Throws `cannot-open` for
 * whatever cannot be decrypted in full and with integrity (one answer for all causes: no oracle), `s-mime`, `malformed-mail`,
 * `too-complex`. A bad or unknown signature is a verdict, not a failure.
 */
export async function openMail(
  { raw, secrets, at, offered = [], withSignature, contentAlone = false }: OpenRequest,
  lookup: Lookup,
): Promise<OpenedMail> {
  const mail = parseMessage(raw);
  const means: Means = { secrets, at, lookup, mail, offered };
  const gateway = signedByGateway(mail);
  const state = opening(gateway?.signed ?? mail, true);
  if (gateway) putAside(state, gateway.beside.map(contentOf), true);
  await peelAll(state, means);
  // What was encrypted as a whole is content, and whatever armor it carries is its writer's business.
  if (!state.encrypted) await openParts(state, means);
  unwrap(state);
  if (bringsEncryptedMail(state)) state.warnings.add('mail-not-opened');
  return { ...describe(mail, state, contentAlone), signedAs: withSignature ? state.signedAs : null };
}

function describe(mail: Entity, state: Opening, contentAlone: boolean): Omit<OpenedMail, 'signedAs'> {
  if (state.aside.length > 0 && !contentAlone) for (const verdict of state.signatures) verdict.coversWholeContent = false;
  const subject = effectiveField('subject', mail, state.payload);
  const from = protectedField('from', state.payload) ?? fieldsNamed(mail, 'from')[0];
  const signer = soleSigner(state);
  const inside = offeredIn(state.content);
  return {
    form: state.form,
    encrypted: state.encrypted,
    allEncrypted: state.encrypted && !state.inClear && (contentAlone || !state.asideInClear),
    signatures: state.signatures,
    signer,
    from: from ? (parseMailboxes(from.value)[0] ?? null) : null,
    subject: subject.text ?? '',
    outerSubject: effectiveField('subject', mail, null).text ?? '',
    subjectProtected: subject.isProtected,
    ciphertextDigest: state.ciphertextDigest,
    messageId: fieldsNamed(mail, 'message-id')[0]?.value ?? null,
    isFile: state.isFile,
    content: contentOf(subject.isProtected ? withoutLegacyDisplay(state.content) : state.content),
    aside: [...state.aside, ...state.keys, ...state.quoted],
    warnings: [...state.warnings],
    enclosed: signer ? offerable(enclosedIn(state.content)) : [],
    offeredInside: offerable(inside),
    offered: offerable(signersFirst([...inside, ...offeredIn(mail)], state)),
  };
}

/** What was forwarded as an attachment belongs to who wrote it, and is not opened for somebody else who has it. */
function bringsEncryptedMail({ content, aside }: Opening): boolean {
  const mails = [content, ...aside.map((data) => parseEntity(data))].flatMap((entity) => treeOf(entity).mails);
  return mails.flatMap(leaves).some(isClosed);
}

/** Messages in one part that are looked at. */
const MOST_MESSAGES = 10;

function isClosed(leaf: Entity): boolean {
  if (leaf.mediaType.endsWith('pkcs7-mime')) return leaf.parameters['smime-type'] !== 'signed-data';
  const file = encryptedFile(leaf)?.ciphertext;
  const blocks = isText(leaf) ? partsOfText(leaf).blocks.filter(({ kind }) => kind === 'message') : [];
  const messages = file ? [file] : blocks.slice(0, MOST_MESSAGES).map(({ text }) => text);
  return messages.some((message) => !isSignedAlone(message));
}

/** Of those that are looked at, the one that a signature names is not left out. */
function signersFirst(offered: readonly Uint8Array[], { signatures }: Opening): Uint8Array[] {
  if (signatures.length === 0) return [...offered];
  const named = (data: Uint8Array) => keyIdsIn(data).some((id) => signatures.some(({ keyId }) => keyId === id));
  return [...offered.filter(named), ...offered.filter((data) => !named(data))];
}

/** The one certificate behind the whole content; two different ones, or a part of it, credit nobody. */
function soleSigner({ signatures, statements, payload }: Opening): Signer | null {
  const good = signatures.filter((one) => one.valid && one.coversWholeContent);
  const [first] = good;
  if (!first?.fingerprint || good.some((one) => one.fingerprint !== first.fingerprint)) return null;
  return {
    fingerprint: first.fingerprint,
    certificateKnown: first.certificateKnown,
    signatureDigest: statements[0] ?? first.digest,
    signedTwice: statements.length > 1,
    signedAt: first.madeAt,
    addressedTo: protectedAddresses(payload),
    intendedFor: first.intendedFor,
  };
}
