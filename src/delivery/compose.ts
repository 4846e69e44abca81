import { roleAddress, threadAddress } from '../mail/address.ts';
import { listId } from '../mail/automatic.ts';
import { fieldText, parseEntity } from '../mail/message.ts';
import { filePart, mailbox, multipart, type NewField, type TrustedFields, textPart } from '../mail/outgoing.ts';
import { contentOf } from '../mail/protected.ts';
import type { Warning } from '../pgp/layers.ts';
import type { OpenedMail } from '../pgp/open.ts';
import type { Case, List, Post, PostKind } from '../store/schema.ts';

/** A post ready to be signed: what its readers see, and what they may reply to. */
export interface Composed {
  subject: string;
  content: Uint8Array;
}

/** Of a notice that Curfew wrote: its subject and its content, as they were kept. */
export function composeNotice(kept: Uint8Array): Composed {
  const notice = parseEntity(kept);
  return { subject: fieldText(notice, 'subject') ?? '', content: contentOf(notice) };
}

/** Who sent a mail, as far as anybody can know. */
export interface Origin {
  /** The contact whose certificate made the signature; null where the roster has none. */
  contact: { address: string; organisation: string } | null;
  sender: string | null;
  caseId: string | null;
}

/**
 * A mail for the readers of a list: a part of our own that says who wrote it and how it came, then its content as it was
 * inside, octet for octet. Where text stood around the encrypted block, the whole mail is attached beside it.
 */
export function composeMail(opened: OpenedMail, origin: Origin): Composed {
  const parts = [textPart(provenance(opened, origin)), opened.content];
  parts.push(...opened.aside.map((entity, at) => filePart(`unprotected-${at + 1}.eml`, 'application/octet-stream', entity)));
  return { subject: subjectFor(origin.caseId, opened.subject), content: multipart('mixed', parts) };
}

/** A mail to the people behind a list that its key does not open. */
export function composeUnopened(raw: Uint8Array, origin: Origin): Composed {
  const words = [
    `From:      ${origin.sender ?? '(nobody: an automatic answer)'} (envelope)`,
    'It is attached as it came: the key of this list does not open it.',
  ];
  return { subject: 'A mail that could not be opened', content: multipart('mixed', [textPart(words.join('\n')), original(raw)]) };
}

function original(raw: Uint8Array): Uint8Array {
  // RFC 2046 §5.2.1 allows no base64 on message/rfc822; as a file it passes every client unchanged.
  return filePart('original.eml', 'application/octet-stream', raw);
}

/** Longer subjects are not read by anybody, and cost whoever encodes them. */
const LONGEST_SUBJECT = 500;

function subjectFor(caseId: string | null, given: string): string {
  const subject = given.slice(0, LONGEST_SUBJECT);
  const tag = caseId ? `[${caseId}] ` : '';
  return caseId && subject.includes(`[${caseId}]`) ? subject : `${tag}${subject || '(no subject)'}`;
}

function provenance(opened: OpenedMail, origin: Origin): string {
  const { from } = opened;
  return [
    `From:      ${from ? mailbox(from.name, from.address) : (origin.sender ?? 'nobody')} (as the mail says)`,
    `Signature: ${signatureLine(opened, origin)}`,
    `Encrypted: ${opened.encrypted ? 'yes' : 'no: it came in clear'}`,
    ...(origin.caseId ? [`Case:      ${origin.caseId}`] : []),
    ...opened.warnings.map((warning) => `Warning:   ${WARNINGS[warning]}`),
  ].join('\n');
}

const WARNINGS: Readonly<Record<Warning, string>> = {
  'unprotected-text': 'more stood around the encrypted or signed text; it is attached, and is nobody’s',
  'protected-in-parts': 'its parts were encrypted or signed each by itself',
  'part-not-opened': 'a part of it could not be opened',
};

function signatureLine({ signer, signatures }: OpenedMail, { contact }: Origin): string {
  if (signer && contact) return `good, ${contact.address} of ${contact.organisation}, certificate ${signer.fingerprint}`;
  if (signer) return `good, but by a certificate that is not on the roster: ${signer.fingerprint}`;
  if (signatures.some((one) => one.reason === 'invalid')) return 'BAD';
  if (signatures.some((one) => one.valid && one.coversWholeContent))
    return 'good, but by several certificates: nobody is credited with it';
  if (signatures.some((one) => one.valid)) return 'does not cover the whole mail';
  return signatures.length > 0 ? `cannot be checked, no certificate for key ${signatures[0]?.keyId}` : 'none';
}

/** The fields inside and outside of a list's mail. Inside of a case, an answer goes to the case. */
export function listFields(
  list: List,
  post: Pick<Post, 'received_at'>,
  subject: string,
  thread: Pick<Case, 'id' | 'thread_token'> | null,
) {
  const fields: TrustedFields = {
    from: mailbox(list.name, list.address),
    to: list.address,
    subject,
    date: post.received_at,
  };
  return thread ? { ...fields, replyTo: threadAddress(list.address, thread.id, thread.thread_token) } : fields;
}

/** RFC 2919 and RFC 2369; and RFC 3834 §5 on what no person wrote. */
export function listHeaders(list: List, kind: PostKind): NewField[] {
  return [
    ['List-Id', `<${listId(list.address)}>`],
    ['List-Post', list.role === 'public' ? 'NO' : `<mailto:${list.address}>`],
    ['List-Help', `<mailto:${roleAddress(list.address, 'request')}?subject=help>`],
    ['List-Owner', `<mailto:${roleAddress(list.address, 'owner')}>`],
    ['Precedence', 'list'],
    ...submitted(kind),
  ];
}

function submitted(kind: PostKind): NewField[] {
  if (kind === 'receipt' || kind === 'receipt-clear') return [['Auto-Submitted', 'auto-replied']];
  return kind === 'report' || kind === 'post' || kind === 'owner' || kind === 'public' || kind === 'dispatch'
    ? []
    : [['Auto-Submitted', 'auto-generated']];
}

/** The fields of a mail to one person who is on no list, or to somebody else's list. */
export function personalHeaders(kind: PostKind): NewField[] {
  return submitted(kind);
}
