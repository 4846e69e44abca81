import { isThreadOf, readListAddress } from '../mail/address.ts';
import type { Automatic } from '../mail/automatic.ts';
import type { Reason } from '../refusal.ts';
import type { List, MemberState } from '../store/schema.ts';

/** Whose certificate made the valid signature over the whole content; null where none on the roster did. */
export interface Signer {
  contactId: string;
  active: boolean;
  /** He has proved his key, or somebody answered for it. */
  proved: boolean;
  memberState: MemberState;
  /** Ids of the lists that his member belongs to. */
  lists: readonly string[];
  /** Whom he wrote it to, as far as his signature says: addresses in lower case, and fingerprints of keys. */
  addressedTo: readonly string[];
  intendedFor: readonly string[];
}

export type Purpose = 'post' | 'thread' | 'owner' | 'request' | 'sendkey' | 'bounce';

/** All that the checks may look at. */
export interface Facts {
  list: List;
  purpose: Purpose;
  /** Of a thread. */
  caseId: string | null;
  /** The signer may not know of the thread's case, or does not work on it though it is staffed and he is of the response team. */
  outside: boolean;
  /** Octets of the mail. */
  size: number;
  /** It carries the List-Id of a list of this server. */
  loop: boolean;
  automatic: Automatic;
  /** The same mail, or one with the same signature, was accepted before. */
  repeated: boolean;
  /** All of it came encrypted. */
  encrypted: boolean;
  signer: Signer | null;
  /** One certificate made several signatures over all of it. */
  signedTwice: boolean;
  /** Sealed and signed by somebody who is not on the roster, or not with this certificate: he applies, or proves it. */
  introduces: boolean;
  /** Somebody of the roster signed a part of it, or several did. */
  mixed: boolean;
  files: readonly { name: string; mediaType: string }[];
  /** Fingerprints of the list's own key and its subkeys. */
  listKeys: readonly string[];
  /** Ids of the intake lists: who belongs to one is the response team. */
  intakeLists: readonly string[];
}

/** Why a post waits for a person. */
export type HoldReason = 'mixed' | 'unaddressed' | 'moderated' | 'poison';

export type Verdict =
  | { verdict: 'accept' }
  | { verdict: 'hold'; reason: HoldReason }
  | { verdict: 'reject'; reason: Reason; hint?: string }
  | { verdict: 'discard'; reason: 'repeated' };

/** A check hits with a verdict, or misses with null. It sends nothing and writes nothing. */
export type Check = (facts: Facts) => Verdict | null;

const reject = (reason: Reason, hint?: string): Verdict => ({
  verdict: 'reject',
  reason,
  ...(hint === undefined ? {} : { hint }),
});

/** What people are shown as somebody's words. */
function isWords(facts: Facts): boolean {
  return isPost(facts) || facts.purpose === 'owner';
}

/** What is written to a list, as opposed to the people or the programs behind it. */
function isPost({ purpose }: Facts): boolean {
  return purpose === 'post' || purpose === 'thread';
}

export const loop: Check = ({ loop }) => (loop ? reject('mail-loop') : null);

/** Said to be accepted, because it was: a sender who lost the first 250 must not be told that his mail is refused. */
export const repeated: Check = ({ repeated }) => (repeated ? { verdict: 'discard', reason: 'repeated' } : null);

/** With one of the signatures alone it would be another mail the next time, and no repetition: whose words they are signs them once. */
export const signedTwice: Check = (facts) =>
  facts.signedTwice && (isPost(facts) || facts.purpose === 'request')
    ? reject('malformed-mail', 'It has several signatures by one certificate. Sign it once')
    : null;

/** Nothing that came by mail is ever published; Curfew's own release does not come this way. */
export const publicList: Check = (facts) => (facts.list.role === 'public' && isPost(facts) ? reject('not-released') : null);

/** Bounces and vacation notes go to the people behind a list, whatever it takes. */
export const automaticMail: Check = (facts) =>
  isPost(facts) && (facts.automatic === 'bounce' || facts.automatic === 'auto-reply') ? { verdict: 'accept' } : null;

/**
 * Who may not know of a case hears what anybody hears whose address leads nowhere. At the intake list he writes to the team alone, as
 * anybody may, and perhaps as its reporter.
 */
export const needToKnow: Check = (facts) =>
  facts.outside && facts.purpose === 'thread' && facts.list.role === 'private' ? reject('no-such-address') : null;

export const tooLarge: Check = (facts) => {
  const { largest } = facts.list;
  if (largest === null || facts.size <= largest || !isPost(facts)) return null;
  return reject('too-large', `This list takes mail of at most ${largest} octets`);
};

export const encryptedOnly: Check = (facts) =>
  facts.list.encrypted_only === 1 && isPost(facts) && !facts.encrypted ? reject('encrypted-only') : null;

export const signedOnly: Check = (facts) =>
  facts.list.signed_only === 1 && isPost(facts) && !facts.signer && !facts.mixed ? reject('signed-only') : null;

/** A private list takes what an active contact of one of its members, or of the team, has signed. */
export const membersOnly: Check = (facts) => {
  if (!isPost(facts) || !(facts.list.role === 'private' || facts.list.members_only === 1)) return null;
  if (!facts.signer) return facts.mixed ? null : reject('members-only');
  return mayPost(facts.signer, facts) ? null : reject('members-only');
};

function mayPost({ active, proved, memberState, lists }: Signer, { list, intakeLists }: Facts): boolean {
  return active && proved && memberState === 'active' && lists.some((id) => id === list.id || intakeLists.includes(id));
}

function isTeam({ signer, intakeLists }: Facts): boolean {
  if (!signer?.active || !signer.proved || signer.memberState !== 'active') return false;
  return signer.lists.some((id) => intakeLists.includes(id));
}

/** Names with `*`, in any case. */
export const files: Check = (facts) => {
  if (!isPost(facts)) return null;
  const { file_names: names, file_types: types } = facts.list;
  const unfit = facts.files.find(({ name, mediaType }) => !allowedName(names, name) || !allowed(types, mediaType));
  if (!unfit) return null;
  const wanted = [names && `names ${names}`, types && `types ${types}`].filter(Boolean).join(', ');
  return reject('file-not-allowed', `This list takes attachments of these alone: ${wanted}`);
};

/** One that a program may cut off at a NUL, or show turned round, is not the one that the pattern saw. */
function allowedName(patterns: string | null, name: string): boolean {
  return patterns === null || (allowed(patterns, name) && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name));
}

function allowed(patterns: string | null, value: string): boolean {
  return patterns === null || patterns.split(/\s+/).some((pattern) => matches(pattern.toLowerCase(), value.toLowerCase()));
}

/** `*` is any run of characters. No pattern of an administrator makes this take long. */
function matches(pattern: string, value: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === value;
  if (!value.startsWith(head) || !value.endsWith(tail) || value.length < head.length + tail.length) return false;
  let from = head.length;
  for (const piece of rest) {
    const at = value.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return from <= value.length - tail.length;
}

/** Signed and unsigned words, or words of several people, in one mail ("Johnny, you are fired", USENIX Security 2019). */
export const mixed: Check = (facts) =>
  isWords(facts) && !facts.signer && facts.mixed ? { verdict: 'hold', reason: 'mixed' } : null;

/**
 * A text that its signer wrote to somebody else can be sealed to the list by whoever got it (Davis 2001). What counts is what
 * his signature covers: To or Cc inside, or the keys that it was made for.
 */
export const unaddressed: Check = (facts) => {
  const { list, signer } = facts;
  if (!isWords(facts) || list.unaddressed !== 'hold' || !signer) return null;
  return isAddressed(facts, signer) ? null : { verdict: 'hold', reason: 'unaddressed' };
};

export function isAddressed(
  facts: Pick<Facts, 'list' | 'purpose' | 'caseId' | 'listKeys'>,
  signer: Pick<Signer, 'addressedTo' | 'intendedFor'>,
): boolean {
  const named = signer.addressedTo.some((address) => leadsHere(address, facts));
  return named || signer.intendedFor.some((fingerprint) => facts.listKeys.includes(fingerprint));
}

/**
 * What was written into one case was not written into another, nor to the list as a whole;
 * a post is nothing for the people behind the list, and a request is no post.
 */
function leadsHere(address: string, { list, purpose, caseId }: Pick<Facts, 'list' | 'purpose' | 'caseId'>): boolean {
  const read = readListAddress(address);
  if (purpose === 'owner') return read.list === list.address && read.purpose === 'owner';
  if (address === list.address) return true;
  return read.list === list.address && caseId !== null && isThreadOf(read, caseId);
}

export const moderated: Check = (facts) =>
  isPost(facts) && facts.list.moderated === 1 && !isTeam(facts) ? { verdict: 'hold', reason: 'moderated' } : null;

const ASKS: readonly MemberState[] = ['active', 'key_hold', 'applied', 'vouched', 'vetted', 'key_proved'];

const AROUND =
  'You signed a part of it alone, or a mail server added something to it. Sign and encrypt all of it as PGP/MIME, beside which a server’s words may stand, but no file';

/** Requests act, so they come sealed and signed by somebody of the roster, or they do not come at all. */
export const requests: Check = (facts) => {
  if (facts.purpose !== 'request' || facts.introduces) return null;
  const { signer } = facts;
  // Who is on the way in, was added, or is held for his key, proves it this way; request.ts says what else he may.
  if (signer?.active && ASKS.includes(signer.memberState) && facts.encrypted) return null;
  return reject('request-unsigned', !signer && facts.mixed ? AROUND : undefined);
};
