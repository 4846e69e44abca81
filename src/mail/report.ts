import { beginning, headOf } from './glimpse.ts';
import { decodedBody, type Entity, fieldsNamed, leaves } from './message.ts';
import {
  type Action,
  enhancedStatus,
  messageIdIn,
  oneLine,
  parseReturned,
  type RecipientReport,
  readAddress,
} from './report-fields.ts';
import { readReportText } from './report-text.ts';

/** What a bounce says. All of it is a stranger's words: nothing is to be believed without a token of our own. */
export interface DeliveryReport {
  recipients: RecipientReport[];
  /** Whether for one of them at least nothing more will be tried, and trying again would not help. */
  permanent: boolean;
  /** Of the mail that it is about, with its angle brackets. */
  originalMessageId: string | null;
  /** The mail that came back, or its header section alone. */
  original: Entity | null;
}

/** More are not read: our copies have one recipient each. */
const MOST_RECIPIENTS = 100;

/** Reads RFC 3464 where it is, in whatever part; else what the mail systems before and beside it write. Never throws. */
export function deliveryReport(mail: Entity): DeliveryReport | null {
  const text = beginning(mail);
  const structured = statusTexts(mail, text).flatMap(readStatus);
  const words = structured.length > 0 ? null : readReportText(mail, text);
  const original = returnedMail(mail) ?? words?.original ?? null;
  if (structured.length === 0 && !words) return null;
  const recipients = (words ? words.recipients : withDiagnostics(structured, mail, text)).slice(0, MOST_RECIPIENTS);
  return {
    recipients,
    permanent: words ? words.permanent : recipients.some(isPermanent),
    originalMessageId: messageIdOf(mail, original, text),
    original,
  };
}

/** RFC 3463 §2: class 4 may succeed later, even where this attempt was the last. */
function isPermanent({ action, status }: RecipientReport): boolean {
  if (action !== null && action !== 'failed') return false;
  return status ? status.startsWith('5') : action === 'failed';
}

const STATUS_PART = /^message\/(global-)?delivery-status$/;
const STATUS_FIELD = /^(final-recipient|original-recipient)[ \t]*:/im;

/** Delivery status as its own part, or in a text part where a gateway has changed the type, or in the mail's text. */
function statusTexts(mail: Entity, text: string): string[] {
  const parts = leaves(mail);
  const declared = parts.filter(({ mediaType }) => STATUS_PART.test(mediaType)).map(headOf);
  if (declared.some((status) => STATUS_FIELD.test(status))) return declared;
  const other = parts
    .filter(({ mediaType }) => mediaType.startsWith('text/plain') || mediaType === 'application/octet-stream')
    .slice(0, 5)
    .map(headOf);
  return [...declared, ...other, text].filter((status) => STATUS_FIELD.test(status)).slice(0, 1);
}

type Fields = Map<string, string>;
const RECIPIENT_FIELDS = ['original-recipient', 'final-recipient', 'action', 'status', 'remote-mta', 'diagnostic-code'];

/** RFC 3464 §2.3. Groups are told apart by what they repeat: the blank lines between them are lost, or stand inside. */
function readStatus(text: string): RecipientReport[] {
  const groups: Fields[] = [];
  let group: Fields | undefined;
  let blank = true;
  for (const line of unfolded(text)) {
    const [, name = '', value = ''] = /^([a-z-]{4,30})[ \t]*:(.*)$/is.exec(line) ?? [];
    const key = name.toLowerCase();
    if (line.trim() === '') blank = true;
    if (!RECIPIENT_FIELDS.includes(key)) continue;
    const next = blank && key === 'original-recipient' && group?.has('final-recipient') && group.has('action');
    if (!group || group.has(key) || next) {
      group = new Map();
      if (groups.push(group) > MOST_RECIPIENTS) break;
    }
    blank = false;
    group.set(key, value.trim());
  }
  return groups.flatMap(recipientOf);
}

/** Field lines with their continuation lines; a line is no longer than anybody needs. */
function unfolded(text: string): string[] {
  const lines: string[][] = [];
  for (const line of text.split(/\r\n?|\n/)) {
    if (/^[ \t]+\S/.test(line)) lines.at(-1)?.push(line.trim());
    else lines.push([line]);
  }
  return lines.map((parts) => parts.join(' ').slice(0, 4000));
}

function recipientOf(fields: Fields): RecipientReport[] {
  const address = [fields.get('original-recipient'), fields.get('final-recipient')]
    .map((value) => (value === undefined ? null : readAddress(value)))
    .find((found) => found !== null);
  const given = fields.get('diagnostic-code');
  const diagnostic = given === undefined ? null : oneLine(given.replace(/^\s*[\w.-]{1,40}\s*;/, ''));
  const status = enhancedStatus(fields.get('status') ?? '') ?? enhancedStatus(diagnostic ?? '');
  const action = actionOf(fields.get('action') ?? '');
  if (!address && !status && !action) return [];
  return [{ address: address ?? null, action, status, diagnostic }];
}

const ACTIONS: readonly (readonly [Action, RegExp])[] = [
  ['failed', /^\W*(fail|error|undeliver|bounce|reject)/i],
  ['delayed', /^\W*(delay|defer|transient|warning)/i],
  ['delivered', /^\W*deliver/i],
  ['relayed', /^\W*relay/i],
  ['expanded', /^\W*expand/i],
];

function actionOf(value: string): Action | null {
  return ACTIONS.find(([, pattern]) => pattern.test(value))?.[0] ?? null;
}

/** Some systems give the reason in the text alone; with one recipient it is that one's. */
function withDiagnostics(recipients: RecipientReport[], mail: Entity, text: string): RecipientReport[] {
  const [only, ...others] = recipients;
  if (!only || others.length > 0 || only.diagnostic) return recipients;
  const said = readReportText(mail, text)?.recipients.find(({ diagnostic }) => diagnostic !== null);
  return [{ ...only, diagnostic: said?.diagnostic ?? null }];
}

const WHOLE = /^message\/(rfc822|global)$/;
const HEADERS = /^(text\/rfc822-headers|message\/(global|rfc822)-headers)$/;

/** RFC 6522 §3. */
function returnedMail(mail: Entity): Entity | null {
  const part = leaves(mail).find(({ mediaType }) => WHOLE.test(mediaType) || HEADERS.test(mediaType));
  return part ? parseReturned(decodedBody(part)) : null;
}

/** That of the returned mail; else the one that the text names; else the one that the bounce answers (RFC 3461 §6.1). */
function messageIdOf(mail: Entity, original: Entity | null, text: string): string | null {
  const named = /^>?[ \t]{0,20}(?:original[- ])?message[- ]?id[ \t]*:[ \t]*(<[^<>\s]{1,250}>)/im.exec(text)?.[1];
  const fields = ['x-original-message-id', 'in-reply-to', 'references'].flatMap((name) => fieldsNamed(mail, name));
  const candidates = [original && fieldsNamed(original, 'message-id')[0]?.value, named, ...fields.map(({ value }) => value)];
  for (const candidate of candidates) {
    const id = candidate ? messageIdIn(candidate) : null;
    if (id) return id;
  }
  return null;
}
