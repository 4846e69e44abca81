import { shortField } from './evidence.ts';
import { type Entity, fieldsNamed } from './message.ts';
import { COPY_MARKS, FORMULAS, firstOf, matches, type Phrase, REPLY, SUBJECTS, WORDS } from './phrases.ts';
import {
  type Action,
  cleanAddress,
  enhancedStatus,
  oneLine,
  parseReturned,
  type RecipientReport,
  readAddress,
  statusOfReply,
} from './report-fields.ts';

/** What a report without RFC 3464 says of the mail that it is about. */
export interface ReportText {
  recipients: RecipientReport[];
  permanent: boolean;
  original: Entity | null;
}

/** Enough for any list of recipients, and no time to speak of. */
const MOST_LINES = 1000;
const LONGEST_LINE = 500;
const MOST_ADDRESSES = 20;

/** `text` is the beginning of the mail's text. Null where neither a field nor a word says that it is a report. */
export function readReportText(mail: Entity, text: string): ReportText | null {
  const subject = shortField(mail, 'subject');
  const mark = firstOf(COPY_MARKS, text);
  const words = mark > 0 ? text.slice(0, mark) : text;
  const flat = words.slice(0, 8000).replace(/\s+/g, ' ').trim();
  const named = namedByFields(mail);
  const isReport = [SUBJECTS, FORMULAS, WORDS].some((phrases) => matches(phrases, flat) || matches(phrases, subject));
  if (named.length === 0 && !isReport) return null;
  // Not what the mail itself is called: "Undeliverable: Flight delayed", "Subject: Flight delayed".
  const told = `${subject.split(':', 1)[0]}\n${words.slice(0, 8000).replace(/^\s{0,20}(subject|betreff|objet|asunto|oggetto):.*$/gimu, '')}`;
  const { action, final } = outcome(told.replace(/\s+/g, ' '));
  const found = addressed(words, ownAddresses(mail));
  const reason = overallReason(words);
  const recipients = merged(named, found).map(({ address, said }) => {
    const diagnostic = oneLine(said ?? '') ?? oneLine(reason);
    return { address, action, diagnostic, status: statusIn(diagnostic ?? '') ?? statusIn(flat) };
  });
  const permanent = action === 'failed' && recipients.some(({ status }) => final || !status?.startsWith('4'));
  return { recipients, permanent, original: mark > 0 ? copyIn(text.slice(mark)) : null };
}

function statusIn(words: string): string | null {
  const status = enhancedStatus(words) ?? statusOfReply(words);
  return status?.startsWith('2') ? null : status;
}

interface Found {
  address: string | null;
  /** The lines that belong to it. */
  said: string | null;
}

/** Exim's and Gmail's field, and RFC 3464's where gateways put them on the mail itself. */
function namedByFields(mail: Entity): string[] {
  const fields = ['x-failed-recipients', 'original-recipient', 'final-recipient'].map((name) => shortField(mail, name));
  return [...new Set(fields.flatMap((value) => value.split(',').flatMap((one) => readAddress(one) ?? [])))];
}

/** Addresses that are those of the report itself: where it went, and whom to ask. */
function ownAddresses(mail: Entity): Set<string> {
  const values = ['to', 'delivered-to', 'x-original-to', 'from', 'sender', 'reply-to'].map((name) => shortField(mail, name));
  return new Set(values.flatMap((value) => addressesIn(value).map((address) => address.toLowerCase())));
}

function addressesIn(words: string): string[] {
  const found = words.match(/[^\s<>()[\]\\"',:;=|]{1,64}@[\p{L}\p{N}.-]{1,255}/gu) ?? [];
  return found.flatMap((one) => cleanAddress(one) ?? []);
}

/** Lines that say of which address they speak, most certain first: the address, and the reason where it is on the line. */
const LINES: readonly Phrase[] = [
  ['qmail, Postfix', /^[\s*-]{0,8}["'(]?<(?<address>[^<>\s]+@[^<>\s]+)>["')]?(?: \(expanded from[^)]*\))?\s*:\s*(?<said>.*)$/u],
  ['Sendmail', /^[\s<>]{0,8}(?<said>(?:\d{3}[ -])?(?:\d\.\d\.\d+ )?<?(?<address>[^<>\s]+@[^<>\s]+?)>?\.\.\. .*)$/u],
  [
    'Exim, Exchange, Gmail',
    /^[\s*>-]{0,40}["'<(]*(?<address>[^\s<>"'():;,]+@[^\s<>"'():;,]+)(?:["'>)]|<mailto:[^<>\s]*>)*\s*[:;,.]?\s*(?:\(.{0,80}\))?$/u,
  ],
  ['kundenserver.de, Yahoo', /^\s{0,8}<?(?<address>[^\s<>"'():;,]+@[^\s<>"'():;,]+)>?\s?(?:[:;]|\s-)\s+(?<said>.*)$/u],
  [
    'IMail, MDaemon, LSMTP, gateways',
    /(?:(?:unknown|invalid|failed|intended|undeliverable|rejected|original|final) (?:user|host|recipients?|address|to)|user unknown|mailbox (?:\w+ )?(?:full|unavailable)|error-for|userid|rcpt to|recipients?|addressed to|deliver(?:ed)?(?: \w+)? to|not reach|address|empfänger|destinataire|destinatario|получател[ьюя]|收件人)\W{1,6}["'<(]*(?<address>[^\s<>"'():;,]+@[^\s<>"'():;,]+)/iu,
  ],
];

/** Each address that the report is about, with its paragraph; the report's own addresses only if a line of its own has them. */
function addressed(words: string, own: ReadonlySet<string>): Found[] {
  const lines = words.split('\n', MOST_LINES).map((line) => line.slice(0, LONGEST_LINE).trimEnd());
  const found = new Map<string, Found>();
  lines.forEach((line, at) => {
    const match = line.includes('@') && found.size < MOST_ADDRESSES ? lineMatch(line) : undefined;
    const address = match ? cleanAddress(match['address'] ?? '') : null;
    if (!match || !address || own.has(address.toLowerCase()) || found.has(address.toLowerCase())) return;
    const said = [match['said'] ?? '', ...following(lines, at + 1)].filter((one) => one.trim() !== '');
    found.set(address.toLowerCase(), { address, said: said.length > 0 ? said.join(' ') : null });
  });
  if (found.size > 0) return [...found.values()];
  const elsewhere = addressesIn(words.slice(0, 4000)).find(
    (address) => !own.has(address.toLowerCase()) && !HELPDESK.test(address),
  );
  return elsewhere ? [{ address: elsewhere, said: null }] : [];
}

const HELPDESK = /^(postmaster|mailer-daemon|abuse|support|help(desk)?|admin(istrator)?|info|hostmaster|webmaster)@/i;

function lineMatch(line: string): Record<string, string> | undefined {
  for (const [, pattern] of LINES) {
    const groups = pattern.exec(line)?.groups;
    if (groups) return groups;
  }
  return undefined;
}

/** The lines after it up to the next blank one, or the next address. */
function following(lines: readonly string[], from: number): string[] {
  const rest = lines.slice(from, from + 8);
  const end = rest.findIndex((line) => line.trim() === '' || (line.includes('@') && /^\s*<[^<>\s]+@[^<>\s]+>:/.test(line)));
  return (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim());
}

const REASON =
  /(?:because|for the following reasons?|reason(?: for failure)?|error (?:description|detail|message)|technical details of \w{1,20}(?: \w{1,20}){0,3}|other server returned was|response was|(?:remote )?server (?:said|replied|response)|diagnostic(?: \w{1,20}){0,3}|grund|raison|motivo|причина)[ \t]{0,8}:?[ \t]{0,8}\r?\n/iu;

/** Where the reason stands apart from the address: what a server replied, or what is said to be the reason. */
function overallReason(words: string): string {
  const reply = words.search(REPLY);
  if (reply >= 0) return paragraphAt(words, words.lastIndexOf('\n', reply) + 1);
  const marked = REASON.exec(words);
  return marked ? paragraphAt(words, marked.index + marked[0].length) : '';
}

function paragraphAt(words: string, at: number): string {
  return (
    words
      .slice(at, at + 2000)
      .trimStart()
      .split(/\n\s*\n/, 1)[0] ?? ''
  );
}

/** Fields name recipients more surely than text does, and the text says why. Nobody named is one that nobody knows. */
function merged(named: readonly string[], found: readonly Found[]): Found[] {
  if (named.length === 0) return found.length > 0 ? [...found] : [{ address: null, said: null }];
  const paragraph = (address: string) => found.find((one) => one.address?.toLowerCase() === address.toLowerCase())?.said;
  return named.slice(0, MOST_ADDRESSES).map((address) => ({ address, said: paragraph(address) ?? null }));
}

const DELAYED =
  /\b(delay(ed)?|will (be|continue|keep|re)[ -]?(being )?(re-?tr|attempt|try|to (try|be attempted))|(still|being) (being )?(retried|trying|queued)|(not|hasn't) yet (been )?(deliver|receiv)|do(es)? not need to resend|no action (is )?(required|needed)|warning message only|delivery attempts will|(temporary|transient) (delivery )?(failure|problem)|could not send message for past|in the queue|awaiting (confirmation|verification)|is being held)|verzögert|weitere zustellversuche|retardé|sera (de nouveau|à nouveau)|se (ha )?retras|volverá a intentar|atrasad|ritardat|vertraagd|fördröj|forsink|viivästy|opóźni|zpožd|задерж|отложен|遅延|延迟|延遲|지연/iu;
const FINAL =
  /\b(failed permanently|permanent(ly)?[ \w]{0,20} (error|failure|fail)|(?<!non-)(fatal|hard) error|g[ia]v(e|ing|en) up|not be (retried|tried)|no (further|more) (delivery )?attempts|returned (to|mail)|(retry|maximum|max)\S{0,2} ?\w{0,20} (timeout|time|period|limit)? ?(exceeded|expired)|has expired|too (long|many)|will be deleted)|endgültig|permanenter?|définitive|definitiv|permanente|окончательн/iu;
const SUCCEEDED =
  /\b(successful(ly)? (mail )?(delivered|delivery|relayed)|(was|been) (successfully )?(delivered|relayed) to)\b/iu;
const REFUSED = /\b(not|n't|un|fail(ed|ure)|reject|error|unable)\b/iu;

/** What became of it, in words. Whatever is no warning and no success is a failure: that is why systems write. */
function outcome(words: string): { action: Action; final: boolean } {
  const final = FINAL.test(words);
  if (DELAYED.test(words) && !final) return { action: 'delayed', final };
  if (SUCCEEDED.test(words) && !REFUSED.test(words)) return { action: /relayed/i.test(words) ? 'relayed' : 'delivered', final };
  return { action: 'failed', final };
}

/** The header section of the copy that a text ends with, quoted or not. */
function copyIn(rest: string): Entity | null {
  const lines = rest.split('\n', MOST_LINES).map((line) => line.replace(/^> ?/, ''));
  const start = lines.findIndex((line) => /^[a-z][a-z-]{1,60}:\s/i.test(line) && !/^-/.test(line));
  if (start < 0) return null;
  const length = lines.slice(start).findIndex((line) => line.trim() === '');
  const header = lines.slice(start, length < 0 ? undefined : start + length).join('\n');
  const original = parseReturned(Buffer.from(`${header}\n\n`));
  const known = ['from', 'to', 'subject', 'date', 'message-id', 'received'];
  return original && known.filter((name) => fieldsNamed(original, name).length > 0).length >= 2 ? original : null;
}
