import { paths, type Site } from '../advisories/advisory.ts';
import { roleAddress, threadAddress } from '../mail/address.ts';
import { listId } from '../mail/automatic.ts';
import { carriedParts, noTypeFile } from '../mail/carried.ts';
import { flat, shortened } from '../mail/flat.ts';
import { fieldText, parseEntity, parseOwn } from '../mail/message.ts';
import { mailbox, multipart, type NewField, signedEntity, type TrustedFields, textPart } from '../mail/outgoing.ts';
import { bringsAPage } from '../mail/page.ts';
import { contentOf } from '../mail/protected.ts';
import { acknowledgeByLink } from '../notices/templates.ts';
import type { OpenedMail } from '../pgp/open.ts';
import { kinds } from '../post/kinds.ts';
import type { Case, List, Post, PostKind } from '../store/schema.ts';
import { type Origin, plainAddress, provenance, provenanceFields } from './provenance.ts';

/** A post ready to be signed: what its readers see, and fields that stand inside alone. */
export interface Composed {
  subject: string;
  content: Uint8Array;
  fields: readonly NewField[];
}

/** Of a notice that Curfew wrote: its subject and its content, as they were kept. */
export function composeNotice(kept: Uint8Array): Composed {
  const notice = parseOwn(kept);
  return { subject: fieldText(notice, 'subject') ?? '', content: contentOf(notice), fields: [] };
}

/**
 * A mail for the readers of a list: a part of our own that says who wrote it and how it came, then what he wrote. Where his
 * signature is one that others can verify, that is his own multipart/signed, octet for octet. No page stands beside our part, nor what
 * some client may take for one: what brings one is attached, and its text shown. `mark`: see `provenance`.
 */
export function composeMail(opened: OpenedMail, origin: Origin, mark: string): Composed {
  const { signedAs, aside } = opened;
  const signed = signedAs ? signedEntity(signedAs.entity, signedAs) : null;
  const isApart = signedAs !== null && bringsAPage(parseEntity(signedAs.entity));
  const isLeftOut = isApart && signed !== null && signed.length > LARGEST_TWICE;
  const parts = [
    textPart(provenance(opened, origin, mark, isLeftOut ? [LEFT_OUT] : [])),
    ...(signed && !isApart ? [signed] : carriedParts(parseEntity(opened.content))),
    ...(signed && isApart && !isLeftOut ? [noTypeFile('signed.eml', signed)] : []),
    ...aside.map((entity, at) => noTypeFile(`unprotected-${at + 1}.eml`, entity)),
  ];
  return {
    subject: subjectFor(origin.caseId, opened.subject),
    content: multipart('mixed', parts),
    fields: provenanceFields(opened, origin),
  };
}

/** Octets of what is carried as its signer signed it beside what is shown of it: relays refuse large mail. */
const LARGEST_TWICE = 4 * 1024 * 1024;
const LEFT_OUT = 'Warning:   what was signed is longer than 4 MiB, and not attached as its writer signed it';

/** A mail to the people behind a list that its key does not open. */
export function composeUnopened(raw: Uint8Array, origin: Origin): Composed {
  const words = [
    `From:      ${origin.sender === null ? '(nobody: an automatic answer)' : plainAddress(origin.sender)} (envelope)`,
    'It is attached as it came: the key of this list does not open it.',
  ];
  return {
    subject: 'A mail that could not be opened',
    content: multipart('mixed', [textPart(words.join('\n')), noTypeFile('original.eml', raw)]),
    fields: [],
  };
}

/**
 * Characters. Some clients show the subject above the words that say who wrote the mail: it stays a subject there, and has no room for
 * words of that kind.
 */
const LONGEST_SUBJECT = 200;
/** Of what is longer, no more is looked at. */
const LONGEST_GIVEN = 2000;

function subjectFor(caseId: string | null, given: string): string {
  const subject = shortened(flat(given.slice(0, LONGEST_GIVEN)), LONGEST_SUBJECT);
  const tag = caseId ? `[${caseId}] ` : '';
  return caseId && subject.includes(`[${caseId}]`) ? subject : `${tag}${subject || '(no subject)'}`;
}

/** What a list adds to the mails of people and to a dispatch: its prefix, and its footer below. */
export function dressed(list: Pick<List, 'subject_prefix' | 'footer'>, kind: PostKind, composed: Composed): Composed {
  if (!(kinds[kind].fromMail || kind === 'dispatch') || kind === 'owner') return composed;
  const tag = list.subject_prefix ? `[${list.subject_prefix}]` : '';
  const subject = tag === '' || composed.subject.includes(tag) ? composed.subject : `${tag} ${composed.subject}`;
  const content = list.footer ? multipart('mixed', [composed.content, textPart(list.footer)]) : composed.content;
  return { ...composed, subject, content };
}

/** Of a dispatch, the file by which its contact says that he has it. */
export function linkFile(site: Pick<Site, 'url'>, token: string): Buffer {
  return Buffer.from(acknowledgeByLink(`${site.url}${paths.acknowledge}/${token}`));
}

/** The address that it comes from, and that an answer goes to. Of what is held, the team alone knows. */
export function voiceOf(list: Pick<List, 'address'>, { kind, state }: Pick<Post, 'kind' | 'state'>): string {
  const voice = state === 'held' ? 'owner' : kinds[kind].voice;
  return voice === null ? list.address : roleAddress(list.address, voice);
}

/**
 * The fields inside and outside of a list's mail. Inside of a case, an answer goes to the case; to what the team writes among itself, it
 * stays there (post/to-reporter.ts).
 */
export function listFields(
  list: Pick<List, 'address' | 'name'>,
  post: Pick<Post, 'received_at' | 'kind' | 'state'> & Partial<Pick<Post, 'to_reporter'>>,
  subject: string,
  thread: Pick<Case, 'id' | 'thread_token'> | null,
) {
  const voice = voiceOf(list, post);
  const fields: TrustedFields = {
    from: mailbox(list.name, voice),
    to: voice,
    subject,
    date: post.received_at,
  };
  return thread && voice === list.address && post.to_reporter !== 0
    ? { ...fields, replyTo: threadAddress(list.address, thread.id, thread.thread_token) }
    : fields;
}

/** RFC 2919 and RFC 2369; and RFC 3834 §5 on what no person wrote. */
export function listHeaders(list: Pick<List, 'address' | 'role'>, kind: PostKind): NewField[] {
  return [
    ['List-Id', `<${listId(list.address)}>`],
    ['List-Post', list.role === 'public' ? 'NO' : `<mailto:${list.address}>`],
    ['List-Help', `<mailto:${roleAddress(list.address, 'request')}?body=list%20${encodeURIComponent(list.address)}%0D%0Ahelp>`],
    ['List-Owner', `<mailto:${roleAddress(list.address, 'owner')}>`],
    ['Precedence', 'list'],
    ...submitted(kind),
  ];
}

function submitted(kind: PostKind): NewField[] {
  const value = kinds[kind].submitted;
  return value === null ? [] : [['Auto-Submitted', value]];
}

/** The fields of a mail to one person who is on no list, or to somebody else's list. */
export function personalHeaders(kind: PostKind): NewField[] {
  return submitted(kind);
}
