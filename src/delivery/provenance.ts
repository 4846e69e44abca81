import type { Mailbox } from '../mail/address.ts';
import { flat, shortened } from '../mail/flat.ts';
import type { NewField } from '../mail/outgoing.ts';
import type { Warning } from '../pgp/layers.ts';
import type { OpenedMail } from '../pgp/open.ts';

/** Who sent a mail, as far as anybody can know. */
export interface Origin {
  /** The contact whose certificate made the signature; null where the roster has none. */
  contact: { address: string; organisation: string } | null;
  sender: string | null;
  caseId: string | null;
  /**
   * Who reads an answer to it: the reporter too, the team alone, or that as nothing can be sealed to the reporter, or as nobody is known
   * for him while it is held; null elsewhere.
   */
  circle: 'reporter' | 'team' | 'no-certificate' | 'held' | null;
  /** It waits for the team's decision; null where it does not. */
  held: { postId: string; reason: string } | null;
  /** Public addresses that it names beside the list. */
  beside: readonly string[];
  /** Its signatures were verified when it came; what a program sends is not opened then. */
  looked: boolean;
  /** It came to the address of this copy; null where it came to another one. */
  copy: { id: string; address: string } | null;
}

/** What became of the signatures on a mail: a word for programs, and for people. */
interface Verdict {
  word: 'good' | 'unknown' | 'bad' | 'several' | 'partial' | 'unchecked' | 'none';
  text: string;
  certificate: string | null;
}

function verdictOn({ signer, signatures }: OpenedMail, { contact, looked }: Origin): Verdict {
  const say = (word: Verdict['word'], text: string, certificate: string | null = null): Verdict => ({ word, text, certificate });
  const [first] = signatures;
  if (signer && contact) return say('good', `good, by ${contact.address} of ${plainOrganisation(contact)}`, signer.fingerprint);
  if (signer) return say('unknown', 'good, but by a certificate that is not on the roster', signer.fingerprint);
  if (!first) return say('none', 'none');
  if (!looked) return say('unchecked', 'not looked at, as in all that a program sends: nobody is credited with it');
  const fault = signatures.find(({ reason }) => reason !== null && reason !== 'no-certificate')?.reason;
  if (fault) return say('bad', `BAD: ${FAULTS[fault] ?? fault}`);
  if (signatures.some((one) => one.valid && one.coversWholeContent))
    return say('several', 'good, but by several certificates: nobody is credited with it');
  if (signatures.some((one) => one.valid)) return say('partial', 'does not cover the whole mail: nobody is credited with it');
  return say('unchecked', `cannot be checked, no certificate for key ${first.keyId}`);
}

const FAULTS: Readonly<Record<string, string>> = {
  invalid: 'it does not fit these words',
  weak: 'it rests on an algorithm that is broken',
  expired: 'it, or its key, had expired',
  revoked: 'its key is revoked',
  'not-yet-valid': 'it is dated in the future, or older than its key',
};

const WARNINGS: Readonly<Record<Warning, string>> = {
  'unprotected-text': 'more stood around what was encrypted or signed; it is attached, and is nobody’s',
  'unprotected-key': 'certificates stood beside what was encrypted or signed; they are attached, and are nobody’s',
  'protected-in-parts': 'its parts were encrypted or signed each by itself',
  'part-not-opened': 'a part of it could not be opened',
  'mail-not-opened': 'a mail that is attached is encrypted, and is attached as it came: who has it can send what it says',
  'signed-quotation':
    'it quotes what bears a signature of its own, which credits nobody; what of that is packed is attached, and is nobody’s',
};

/**
 * The words at the very top of a copy: who wrote what follows, and how it came. Each line begins with `mark`, which is made for
 * this copy of the mail: nobody knew it when he wrote his text, so that no text can have such lines. `more`: lines of ours.
 */
export function provenance(opened: OpenedMail, origin: Origin, mark: string, more: readonly string[] = []): string {
  const { from } = opened;
  const { text, certificate } = verdictOn(opened, origin);
  return [
    `From:      ${from ? plainMailbox(from) : plainAddress(origin.sender ?? 'nobody')} (as the mail says)`,
    ...besideLines(origin),
    `Signature: ${text}`,
    ...(certificate ? [`Key:       ${certificate}`] : []),
    `Encrypted: ${ENCRYPTION[encryptionOf(opened)]}`,
    ...(origin.caseId ? [`Case:      ${origin.caseId}`] : []),
    ...(origin.copy ? [`About:     the copy ${origin.copy.id} for ${plainAddress(origin.copy.address)}`] : []),
    ...(origin.circle ? [`Answers:   ${CIRCLES[origin.circle]}`] : []),
    ...heldLines(origin),
    ...opened.warnings.map((warning) => `Warning:   ${WARNINGS[warning]}`),
    ...(opened.signer && !opened.subjectProtected ? ['Warning:   the signature does not cover the subject'] : []),
    ...more,
    `Curfew wrote the lines that begin with ${mark}. All else is its writer’s.`,
  ]
    .map((line) => `${mark}| ${line}`)
    .join('\n');
}

/** Characters of a name that are shown. */
const LONGEST_NAME = 40;
const LONGEST_ORGANISATION = 100;

/** In text no encoded word is decoded. The address comes first: a name may look like one. */
function plainMailbox({ name, address }: Mailbox): string {
  const shown = plainName(name);
  return shown === '' ? plainAddress(address) : `${plainAddress(address)} ("${shown}")`;
}

/** Beside letters and numbers of every script, what stands in names of people. The marks that our own lines are made of do not. */
const NOT_IN_NAMES = /[^\p{L}\p{M}\p{N} .,'’&+/@_-]+/gu;
/** Letters that look like a colon, a quotation mark or a line of those. */
const LIKE_MARKS = /[\u02b9\u02ba\u02bd-\u02ff\ua4f8-\ua4ff\ua788-\ua78c\u01c0-\u01c3]/gu;
/** More than that above one another reach into the lines around. */
const HEAPED = /(\p{M}{2})\p{M}+/gu;

function plainName(name: string): string {
  const shown = flat(lookedAt(name))
    .replace(LIKE_MARKS, ' ')
    .replace(NOT_IN_NAMES, ' ')
    .replace(HEAPED, '$1')
    .replace(/ +/g, ' ');
  return [...shown.trim()].slice(0, LONGEST_NAME).join('').trim();
}

function plainOrganisation({ organisation }: { organisation: string }): string {
  return shortened(flat(organisation), LONGEST_ORGANISATION);
}

const PERSONS = /^[\p{L}\p{N}.!#$%&'*+/=?^_`{}~-]{1,64}(@[\p{L}\p{N}.-]{1,100})?$/u;

/** One that is longer than those of people, or has what those do not have, may be made to be read as something else. */
export function plainAddress(address: string): string {
  const shown = lookedAt(address);
  const isPersons = shown.length <= LONGEST_ADDRESS && PERSONS.test(shown) && flat(shown) === shown && !shown.match(LIKE_MARKS);
  return isPersons ? shown : '(an address that no person has)';
}

const LONGEST_ADDRESS = 100;

/** As a reader sees it: the characters that look alike are the same (NFKC). */
function lookedAt(text: string): string {
  return text.slice(0, MOST_LOOKED_AT).normalize('NFKC');
}

/** Characters, of whatever a header field may hold. */
const MOST_LOOKED_AT = 1000;

const CIRCLES = {
  reporter: 'go to the reporter too; what is for the team alone goes to the list’s own address',
  team: 'stay within the response team; the reporter gets neither this mail nor those',
  'no-certificate': 'stay within the response team: nothing can be encrypted to the reporter',
  held: 'stay within the response team: who accepts this says that its signer is the reporter',
} as const;

const WHY_HELD: Readonly<Record<string, string>> = {
  mixed: 'signed and unsigned words, or those of several people, are in one mail',
  unaddressed: 'its signer has not addressed it to this list: somebody else may have sent on what he wrote to others',
  moderated: 'the list is moderated',
  stopped: 'a person stopped it',
};

/** More of them say no more. */
const MOST_BESIDE = 5;

function besideLines({ beside }: Origin): string[] {
  return beside.slice(0, MOST_BESIDE).map((address) => `Also to:   ${plainAddress(address)}, which is public`);
}

/** Only the team reads these. */
function heldLines({ held }: Origin): string[] {
  if (!held) return [];
  return [
    `Held:      ${WHY_HELD[held.reason] ?? held.reason}`,
    `Decide:    write "accept ${held.postId}"`,
    `           or "reject ${held.postId}" to the list’s -request address`,
  ];
}

const ENCRYPTION = { yes: 'yes', part: 'in part: some of it came in clear', no: 'no: it came in clear' } as const;

function encryptionOf({ encrypted, allEncrypted }: OpenedMail): keyof typeof ENCRYPTION {
  if (allEncrypted) return 'yes';
  return encrypted ? 'part' : 'no';
}

/** The same for programs, as fields inside of the copy, where no text can stand. */
export function provenanceFields(opened: OpenedMail, origin: Origin): NewField[] {
  const { word, certificate } = verdictOn(opened, origin);
  const by = word === 'good' && origin.contact ? `; contact=${origin.contact.address}` : '';
  return [
    ['Curfew-Signature', `${word}${by}${certificate ? `; certificate=${certificate}` : ''}`],
    ['Curfew-Encrypted', encryptionOf(opened)],
    ...(origin.caseId ? [['Curfew-Case', origin.caseId] as const] : []),
  ];
}
