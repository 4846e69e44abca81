import { type Mailbox, parseMailboxes } from './address.ts';
import { beginning } from './glimpse.ts';
import { type Entity, fieldsNamed, fieldText, leaves } from './message.ts';
import { COPY_MARKS, FORMULAS, firstOf, matches, SUBJECTS, WORDS } from './phrases.ts';

/** What the rows look at, read once. */
export interface Facts {
  mail: Entity;
  /** Envelope sender; empty for the null sender (RFC 5321 §4.5.5). */
  sender: string;
  /** Local parts of the envelope sender and of From, lower case. */
  locals: readonly string[];
  /** The display name of From. */
  name: string;
  /** Decoded, without the `[tag]` of a list. */
  subject: string;
  /** The beginning of the text. */
  text: string;
  /** The same on one line, decorations before the first word off. */
  opening: string;
}

/** Nobody needs more of a field to see whose it is. */
export const LONGEST_FIELD = 2000;

export function factsOf(mail: Entity, sender: string | null): Facts {
  const from = fromOf(mail);
  const text = beginning(mail);
  const opening = text.slice(0, 6000).replace(/\s+/g, ' ');
  return {
    mail,
    sender: sender ?? '',
    locals: [sender ?? '', from?.address ?? ''].filter((address) => address !== '').map(localOf),
    name: from?.name ?? '',
    subject: shortField(mail, 'subject')
      .replace(/^(\s*\[[^\][]{0,60}\])+/, '')
      .trim(),
    text,
    opening: opening.slice(0, 2500).replace(/^[\s*=_#~>.!|+-]*(?:(?:note|notice|attention|warning)\s?:?[\s*!]+)?/i, ''),
  };
}

export function fromOf(mail: Entity): Mailbox | undefined {
  return parseMailboxes((fieldsNamed(mail, 'from')[0]?.value ?? '').slice(0, LONGEST_FIELD))[0];
}

/** A field's words, decoded; of an overlong one the beginning. */
export function shortField(mail: Entity, name: string): string {
  const field = fieldsNamed(mail, name)[0];
  const value = field?.value.slice(0, LONGEST_FIELD) ?? '';
  return fieldText({ fields: [{ name, value }] }, name)?.trim() ?? '';
}

function localOf(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf('@'), 0) || undefined).toLowerCase();
}

/**
 * Of one family the heaviest row counts, and the families are added up.
 * `origin`, `stamp`: who sent it, and what an MTA wrote on it. `subject`, `opening`, `form`, `returned`: what it says.
 * `person`: what only people's software and people write.
 */
export type Family = 'origin' | 'stamp' | 'subject' | 'opening' | 'form' | 'returned' | 'person';

export interface Row {
  family: Family;
  weight: number;
  /** Where it is specified, or whose software does so. */
  source: string;
  holds: (facts: Facts) => boolean;
}

const has =
  (name: string, pattern = /\S/) =>
  ({ mail }: Facts) =>
    fieldsNamed(mail, name).some(({ value }) => pattern.test(value.slice(0, LONGEST_FIELD)));

const sentBy =
  (pattern: RegExp) =>
  ({ locals }: Facts) =>
    locals.some((local) => pattern.test(local));

const carries =
  (pattern: RegExp) =>
  ({ mail }: Facts) =>
    leaves(mail).some(({ mediaType }) => pattern.test(mediaType));

const STATUS_PART = /^message\/(global-)?delivery-status$/;
const RETURNED_PART = /^(message\/(rfc822|global|(global|rfc822)-headers)|text\/rfc822-headers)$/;
const MAIL_PROGRAMS =
  /thunderbird|apple mail|i(phone|pad) mail|\bmutt|microsoft (office )?outlook (?!express service)|evolution|k-9|fairemail|mailmate|claws|sylpheed|kmail|kontact|the bat|eudora|airmail|roundcube|squirrelmail|horde|zimbra|sogo|rainloop|protonmail|gnus|alpine/i;
const GREETING =
  /^(hi|hello|hey|dear|good (morning|afternoon|evening|day)|greetings|hallo|guten (tag|morgen)|liebe|sehr geehrte|moin|bonjour|salut|hola|buenos|olá|ciao|buongiorno|salve|beste|hej|здравствуйте|добрый день|привет|你好|您好)[^.]{0,40}[,!:，！]/iu;

/** A formula is the system's where the text begins with it ("Hi. This is the qmail-send program"); else somebody quotes it. */
const isAtStart = (at: number) => at >= 0 && at <= 4;

/** What makes a mail a delivery report. The threshold is BOUNCE. */
export const EVIDENCE: readonly Row[] = [
  { family: 'origin', weight: 4, source: 'Sendmail, Postfix, qmail', holds: sentBy(/^(mailer|mail)[-_. ]?d(a?e)mon/) },
  { family: 'origin', weight: 3, source: 'RFC 5321 §4.5.5', holds: ({ sender }) => sender === '' },
  { family: 'origin', weight: 2, source: 'Exchange', holds: sentBy(/^microsoftexchange[0-9a-f]{8,}$/) },
  {
    family: 'origin',
    weight: 2,
    source: 'From: <> of old gateways',
    holds: ({ locals, sender }) => locals.length === (sender ? 1 : 0),
  },
  {
    family: 'origin',
    weight: 2,
    source: 'Sendmail, Exim, Postfix, Netscape',
    holds: ({ name }) =>
      /^(mail|mailer|message|internet mail|e-?mail)[- ]?(delivery|transport|daemon)|mail deliver(y|er)|delivery (sub)?system|postmaster|система доставки/iu.test(
        name,
      ),
  },
  {
    family: 'origin',
    weight: 1,
    source: 'RFC 5321 §4.5.1 and the like',
    holds: sentBy(
      /postmaster|^(mail|e-?mail|smtp|esmtp|mta|mx)[-_.]?(er|server|admin(istrator)?|master|gate(way)?|system|service|delivery|robot|guard|relay)?\d{0,3}$|mail_?service|smtp_?gateway|^admin(istrator)?$|^bounces?([+-]|$)|anti-?(virus|spam)|^(virus|spam)[-_.]?|amavis|viruswall|(scan|av)(ner|mail|gate)|exchange|mdaemon|^(system|delivery|notification|gateway|daemon|mmdf|uucp|root|nobody)$|no-?reply|do-?not-?reply/,
    ),
  },
  {
    family: 'origin',
    weight: 1,
    source: 'Exchange, Office 365, gateways',
    holds: ({ name }) =>
      /^(system (administrator|attendant)|microsoft (outlook|exchange)|.{0,40}\b(virus ?(scan|wall|filter)|mail (administrator|server|system|service|gateway|router)|mailer|antivirus|interscan|mailmarshal|symantec|systemadministrator|administrateur syst|administrador de(l| ) sistema|amministratore di sistema|системный администратор))/iu.test(
        name,
      ),
  },
  { family: 'stamp', weight: 3, source: 'Exim, Gmail', holds: has('x-failed-recipients') },
  { family: 'stamp', weight: 4, source: 'Exchange 2010 and later', holds: has('x-ms-exchange-message-is-ndr', /^/) },
  {
    family: 'stamp',
    weight: 4,
    source: 'CommuniGate, MAPI',
    holds: has('x-mapi-message-class', /^report\.ipm\.\S*\.(ndr|dr|delayed)/i),
  },
  { family: 'stamp', weight: 3, source: 'Microsoft SMTPSVC', holds: has('x-dsncontext') },
  { family: 'stamp', weight: 2, source: 'Exchange 5.5', holds: has('x-ms-embedded-report', /^/) },
  { family: 'stamp', weight: 3, source: 'RFC 3464 fields on the mail itself', holds: has('final-recipient') },
  {
    family: 'stamp',
    weight: 3,
    source: 'Sendmail',
    holds: has(
      'auto-submitted',
      /^auto-(generated|replied)\s*\((failure|warning|rejected|postmaster|delivered|expanded|relayed|return)/i,
    ),
  },
  { family: 'stamp', weight: 1, source: 'RFC 3834 §5', holds: has('auto-submitted', /^auto-replied/i) },
  { family: 'form', weight: 3, source: 'RFC 3464 in a multipart/mixed', holds: carries(STATUS_PART) },
  {
    family: 'form',
    weight: 2,
    source: 'RFC 3464 fields in the text',
    holds: ({ text }) => /^(reporting-mta|final-recipient|original-recipient|diagnostic-code)\s*:/im.test(text),
  },
  { family: 'subject', weight: 1, source: 'phrases.ts', holds: ({ subject }) => matches(SUBJECTS, subject) },
  { family: 'opening', weight: 2, source: 'phrases.ts', holds: ({ opening }) => isAtStart(firstOf(FORMULAS, opening)) },
  {
    family: 'opening',
    weight: 1,
    source: 'phrases.ts',
    holds: ({ opening }) => matches(FORMULAS, opening) || matches(WORDS, opening),
  },
  { family: 'returned', weight: 1, source: 'RFC 6522 §3', holds: carries(RETURNED_PART) },
  { family: 'returned', weight: 1, source: 'phrases.ts', holds: ({ text }) => matches(COPY_MARKS, text) },
  {
    family: 'person',
    weight: -3,
    source: 'answers and forwarded mail',
    holds: ({ subject }) =>
      /^(re|fwd?|aw|wg|tr|rv|enc|i|sv|vs|vb|doorst|odp|pd|отв|fs|ynt|i?lt|回复|转发|回覆|轉寄)\s?(\[\d+\])?\s?[:：]/iu.test(
        subject,
      ),
  },
  {
    family: 'person',
    weight: -2,
    source: "people's mail programs",
    holds: (facts) => has('user-agent')(facts) || has('x-mailer', MAIL_PROGRAMS)(facts),
  },
  { family: 'person', weight: -1, source: 'a letter', holds: ({ opening }) => GREETING.test(opening) },
];

/** What a null sender and any word of failure weigh together, or a person's role address and two formulas and a copy. */
const ENOUGH = 4;

function heaviestOf(wanted: Family, facts: Facts): number {
  let heaviest = 0;
  for (const { family, weight, holds } of EVIDENCE)
    if (family === wanted && Math.abs(weight) > Math.abs(heaviest) && holds(facts)) heaviest = weight;
  return heaviest;
}

export function isDeliveryReport(facts: Facts): boolean {
  const of = (family: Family) => heaviestOf(family, facts);
  const [origin, stamp] = [of('origin'), of('stamp')];
  const machine = Math.max(origin, stamp);
  // Words alone are anybody's: without a sender or a stamp that is a machine's they count for nothing, and are not looked at.
  if (machine === 0) return false;
  // What only an MTA has done is not undone by how its text is written.
  const person = machine >= 3 ? 0 : of('person');
  const said = of('form') + of('subject') + of('opening') + of('returned');
  if (said === 0 && origin < ENOUGH && stamp < 3) return false;
  return origin + stamp + said + person >= ENOUGH;
}
