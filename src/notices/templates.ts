import type { Matter } from '../cases/reminders.ts';
import { type Instant, toIso } from '../clock.ts';
import type { ClockWhy, DeliveryState, MemberState } from '../store/schema.ts';

/** The words of a notice: a subject, and lines of text. */
export interface Notice {
  subject: string;
  text: string;
}

const notice = (subject: string, lines: readonly string[]): Notice => ({ subject, text: `${lines.join('\n')}\n` });

/** An instant as people read it, to the second, in UTC. */
export function when(instant: Instant): string {
  return `${toIso(instant).slice(0, 19).replace('T', ' ')} UTC`;
}

const WHEN = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g;

/**
 * What is to be said before a text that names an instant as people read it, and not the one that stands now; `releaseAt`: that, null for none. Null
 * where it names no other.
 */
export function sinceWritten(text: string, releaseAt: Instant | null): string | null {
  const named: readonly string[] = text.match(WHEN) ?? [];
  if (named.length === 0 || (releaseAt !== null && named.includes(when(releaseAt)))) return null;
  return releaseAt === null
    ? 'No instant stands for the release any more since this was written, whatever it says below. The embargo stands until you are\ntold that it is lifted.\n'
    : `It will be released at ${when(releaseAt)}, and not as it says below: another instant stands since this was\nwritten. The embargo stands until then.\n`;
}

/** To a reporter whose certificate is known: sealed, so it may speak of the case. */
export function receipt(facts: {
  project: string;
  caseId: string;
  receivedAt: Instant;
  thread: string;
  answerBy: Instant;
}): Notice {
  return notice(`[${facts.caseId}] We have your report`, [
    `${facts.project} has your report. It is case ${facts.caseId}.`,
    '',
    `Accepted:            ${when(facts.receivedAt)}`,
    `A person answers by: ${when(facts.answerBy)}`,
    '',
    'To add to the report, answer this mail, or write to',
    `  ${facts.thread}`,
    'Whoever knows that address can write into the case: please keep it to yourself.',
    'Encrypt to the key that signed this mail.',
  ]);
}

/** To an address that proved nothing: no word of what it wrote, or that it was a report at all. */
export function clearReceipt(facts: { list: string }): Notice {
  return notice(`Your mail to ${facts.list}`, [
    `Your mail to ${facts.list} has arrived. A person will read it.`,
    '',
    'This answer is automatic and says nothing of what you wrote, because it cannot be',
    'encrypted to you. If you send again, sign your mail and attach your OpenPGP',
    'certificate: the answers will then be encrypted to it. Encrypt to the key that',
    'signed this mail.',
  ]);
}

/** To a reporter, sealed: a person has read the report. `words`: what he adds; null for none. */
export function acknowledged(facts: { project: string; caseId: string; words: string | null }): Notice {
  return notice(`[${facts.caseId}] We have read your report`, [
    `A person of ${facts.project} has read your report, which is case ${facts.caseId}, and looks into it.`,
    ...saying(facts.words),
    ...ANSWERS,
  ]);
}

/** To a reporter, sealed: without his answer it does not go on. */
export function question(facts: { caseId: string; words: string }): Notice {
  return notice(`[${facts.caseId}] A question about your report`, [
    'To go on with your report we need to know:',
    ...saying(facts.words),
    ...ANSWERS,
  ]);
}

/** To a reporter, sealed: it is no case for an embargo. */
export function notVulnerability(facts: { caseId: string; words: string }): Notice {
  return notice(`[${facts.caseId}] We do not treat this as a vulnerability`, [
    'Thank you for your report. We have looked into it, and do not treat it as a vulnerability:',
    ...saying(facts.words),
    '',
    'Nothing of it is under embargo on our side. If you see it otherwise, answer this mail.',
  ]);
}

/** To a reporter, sealed: somebody else reported the same before. Nothing of who, or of that case. */
export function duplicate(facts: { caseId: string; words: string | null }): Notice {
  return notice(`[${facts.caseId}] This was reported to us before`, [
    'Thank you for your report. We know of this already from another one, and go on with that.',
    'You are credited along with whoever reported it, as you wish to be. Please keep it to yourself until it is public.',
    ...saying(facts.words),
    ...ANSWERS,
  ]);
}

/** To a reporter, sealed: how far it is, and when it will be public; null where that is not set. */
export function status(facts: { caseId: string; stage: string; releaseAt: Instant | null; words: string | null }): Notice {
  return notice(`[${facts.caseId}] Where your report stands`, [
    `Your report stands at: ${facts.stage.replaceAll('_', ' ')}`,
    facts.releaseAt === null ? 'It has no date of release yet.' : `It will be public at:  ${when(facts.releaseAt)}`,
    ...(facts.releaseAt === null ? [] : ['Please keep it to yourself until then.']),
    ...saying(facts.words),
    ...ANSWERS,
  ]);
}

const ANSWERS = ['', 'Answer this mail to write to us about it.'] as const;

function saying(words: string | null): string[] {
  return words === null || words.trim() === '' ? [] : ['', ...words.trimEnd().split('\n')];
}

/** To distributors who had the dispatch: what will be published, word for word, and when. */
export function prenotice(facts: {
  caseId: string;
  subject: string;
  text: string;
  /** Null where it has passed. */
  releaseAt: Instant | null;
  channels: readonly string[];
  patches: readonly PatchLine[];
}): Notice {
  const released = facts.releaseAt === null ? 'as soon as it is approved' : `at ${when(facts.releaseAt)}`;
  return notice(`[EMBARGOED] [${facts.caseId}] Second notice: what will be published`, [
    `Case ${facts.caseId} is released ${released}, to ${facts.channels.join(', ')}.`,
    'Until then, tell nobody outside the people of your organisation who need it to fix this.',
    '',
    ...patchLines(facts.patches),
    '',
    'What will be published:',
    '',
    ...quoted(`${facts.subject}\n\n${facts.text}`),
    '',
    'Answer this mail if anything of it is wrong.',
  ]);
}

/** To a distributor who has said nothing of a dispatch: did it arrive? */
export function reminder(facts: { caseId: string; list: string; sentAt: Instant; releaseAt: Instant | null }): Notice {
  return notice(`[${facts.caseId}] Please say that you have the patches`, [
    `You were sent case ${facts.caseId} at ${when(facts.sentAt)}, and we do not know whether you have it.`,
    ...(facts.releaseAt === null ? [] : [`It is released at ${when(facts.releaseAt)}.`]),
    '',
    ...howToAcknowledge(facts.list, facts.caseId),
  ]);
}

/** `list`: its address for requests. */
function howToAcknowledge(list: string, caseId: string): string[] {
  return [
    `Write to ${list}, signed with your certificate, one of these lines, without a greeting:`,
    `  acknowledge ${caseId}`,
    `  acknowledge ${caseId} affected`,
    `  acknowledge ${caseId} not affected`,
    `  acknowledge ${caseId} problem`,
    `Where your mail program does not sign the To field, put the line "list ${list.replace('-request@', '@')}" above it.`,
  ];
}

/** The file of a dispatch in which the link is. */
export const LINK_FILE = 'acknowledge.txt';

export function acknowledgeByLink(link: string): string {
  return [
    'Where you cannot answer by signed mail now, this page takes it once. It is yours alone: whoever has the link answers for you.',
    '',
    link,
  ].join('\n');
}

/** To the team: a distributor says that he cannot use what he was sent. */
export function problemReported(facts: { caseId: string; organisation: string; address: string }): Notice {
  return notice(`[${facts.caseId}] A distributor has a problem with the patches`, [
    `${facts.address} of "${facts.organisation}" acknowledges case ${facts.caseId} with a problem.`,
    'What it is he says in a mail of his own to its thread, or has to be asked.',
  ]);
}

/** To distributors: what they need to know of a case under embargo; its patches are attached. */
export function dispatch(facts: {
  caseId: string;
  /** Its address for requests, where it is acknowledged. */
  list: string;
  subject: string;
  /** Null where none is assigned. */
  cve: string | null;
  cwes: readonly string[];
  /** The issue: who can do what to whom, under which condition. */
  summary: string;
  severity: string | null;
  affected: readonly string[];
  detection: string | null;
  mitigation: string | null;
  fixImpact: string | null;
  /** What may be deployed before the instant. */
  permissions: readonly string[];
  /** What will be published, with its subject above; null where it is not written yet. */
  text: string | null;
  /** Null where it has passed. */
  releaseAt: Instant | null;
  patches: readonly PatchLine[];
  /** Of the patch set, from 1 on; null without patches. */
  revision: number | null;
  /** That of the set that they had before; null where this is the first. */
  supersedes: number | null;
}): Notice {
  const revised = facts.supersedes === null ? '' : `Revision ${facts.revision ?? 'without patches'}: `;
  return notice(`[EMBARGOED] [${facts.caseId}] ${revised}${facts.subject}`, [
    `EMBARGOED until ${facts.releaseAt === null ? 'you are told that it is lifted' : when(facts.releaseAt)}.`,
    'Until then, tell nobody outside the people of your organisation who need it to fix this. Let nothing out that shows it, be it',
    'a patch, a package, a commit or a ticket, unless that is permitted below. If it got out, or somebody else knows of it, answer',
    'this mail at once: the embargo ends for all at the same time, and nobody ends it for himself.',
    '',
    `Case:     ${facts.caseId}`,
    `CVE:      ${facts.cve ?? 'none yet'}`,
    ...(facts.cwes.length === 0 ? [] : [`Weakness: ${facts.cwes.join(', ')}`]),
    `Severity: ${facts.severity ?? 'not said'}`,
    ...supersedingLines(facts),
    ...patchLines(facts.patches),
    ...section('Issue', facts.summary),
    ...section('Affected', facts.affected.join('\n')),
    ...section('Detection', facts.detection),
    ...section('Mitigation', facts.mitigation),
    ...section('What the fix changes', facts.fixImpact),
    ...section('Before the release', facts.permissions.join('\n')),
    ...(facts.text === null ? [] : ['', 'What will be published at that instant:', '', ...quoted(facts.text)]),
    '',
    'Please say that you have it.',
    ...howToAcknowledge(facts.list, facts.caseId),
    `Where you cannot, ${LINK_FILE} has a link that takes it once: it is yours alone, so do not send it on.`,
    'What you answer to this mail goes to the other members and the team, unless it begins with one of these lines.',
  ]);
}

function supersedingLines({ revision, supersedes }: { revision: number | null; supersedes: number | null }): string[] {
  if (supersedes === null) return [];
  return [
    revision === null
      ? `The patches of revision ${supersedes} are withdrawn: do not use them any more.`
      : `Patches:  revision ${revision}. It supersedes revision ${supersedes}: do not use those any more.`,
  ];
}

/** Nothing where there is nothing to say. */
function section(title: string, text: string | null): string[] {
  return text === null || text.trim() === '' ? [] : ['', `${title}:`, '', ...text.trimEnd().split('\n')];
}

function quoted(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `> ${line}`.trimEnd());
}

export interface PatchLine {
  name: string;
  sha256: string;
}

function patchLines(patches: readonly PatchLine[]): string[] {
  return patches.length === 0
    ? ['Patches: none']
    : ['Patches (SHA-256):', ...patches.map(({ name, sha256 }) => `  ${sha256}  ${name}`)];
}

/** To the members who had the patch: it is public now. */
export function lifted(facts: {
  caseId: string;
  releaseAt: Instant;
  releasedAt: Instant;
  channels: readonly string[];
  /** Why it ended before the instant that they were told; null where it did not. */
  cause: string | null;
}): Notice {
  return notice(`[${facts.caseId}] Embargo lifted${facts.cause === null ? '' : ' early'}`, [
    `The embargo of case ${facts.caseId} ended at ${when(facts.releaseAt)}.`,
    `It was released at ${when(facts.releasedAt)} to ${facts.channels.join(', ')}.`,
    ...(facts.cause === null ? [] : [facts.cause]),
    '',
    'You may publish your own advisory and packages now.',
  ]);
}

/** To the reporter, sealed. */
export function news(facts: { caseId: string; releasedAt: Instant; channels: readonly string[] }): Notice {
  return notice(`[${facts.caseId}] Your report is public`, [
    `What you reported as case ${facts.caseId} was released at ${when(facts.releasedAt)} to ${facts.channels.join(', ')}.`,
    '',
    'Thank you for telling us first.',
  ]);
}

/** To a reporter without a certificate: whoever reads this on the way learns nothing of who reported what. */
export function clearNews(facts: { list: string; channels: readonly string[] }): Notice {
  return notice(`Your mail to ${facts.list}`, [
    ...(facts.channels.length === 0
      ? [`There is news on what you wrote to ${facts.list}. Please write to us again, encrypted and signed, and we tell you.`]
      : [
          `There is news on what you wrote to ${facts.list}. Please look at what was published lately:`,
          facts.channels.join(', '),
        ]),
  ]);
}

const HOW = {
  leaked: [
    'Leaked',
    'What is under embargo in this case has leaked. The response team decides within two hours whether it is released early.',
  ],
  public: [
    'Public already',
    'What is under embargo in this case was published by others. It is released as soon as the response team has approved it.',
  ],
  kept: [
    'The embargo stands',
    'The response team looked at what was said to be out: the embargo of this case stands, and so does its instant.',
  ],
  anew: [
    'The embargo stands',
    'The response team looked at what was said to be out: the embargo of this case stands. Its instant is to be agreed on anew.',
  ],
  'still-leaked': [
    'Not public, but leaked',
    'The response team looked at what was said to be public, and it is not. That it has leaked, as you were told before, stands.',
  ],
} as const;

/** To the members who have the case, at the same time as the team. `releaseAt`: the instant that they go by until another one is agreed on. */
export function leaked(facts: { caseId: string; how: keyof typeof HOW; releaseAt: Instant | null }): Notice {
  const [subject, text] = HOW[facts.how];
  return notice(`[${facts.caseId}] ${subject}`, [
    text,
    ...(facts.releaseAt === null ? [] : [`Until you are told another one, it is released at ${when(facts.releaseAt)}.`]),
    '',
    'Until you are told that the embargo is lifted, its terms hold: please publish nothing, and confirm nothing.',
  ]);
}

const OUT = {
  leaked: 'What is under embargo in it has leaked.',
  public_already: 'What is under embargo in it was published by others.',
} as const;

/** What stands of a case: whether it is out, and the instant that counts; null where none does. */
export interface Standing {
  withdrawn: boolean;
  out: keyof typeof OUT | null;
  releaseAt: Instant | null;
}

/** To members who have the case, or have it only now, and were kept from what came of it, sealed: what counts, whatever they were told. */
export function letIn({ caseId, withdrawn: isWithdrawn, out, releaseAt }: { caseId: string } & Standing): Notice {
  const again = `What comes of case ${caseId} is sent to you again.`;
  if (isWithdrawn)
    return notice(`[${caseId}] Withdrawn`, [
      again,
      'It is withdrawn: nothing of it will be released, whatever you were told before.',
      '',
      'Please keep what you have of it to yourself.',
    ]);
  return notice(`[${caseId}] You have it again`, [
    releaseAt === null ? again : `${again} It will be released at ${when(releaseAt)},`,
    releaseAt === null
      ? 'No instant stands for its release, whatever you were told before: you are told the next one.'
      : 'whatever you were told before.',
    ...(out === null ? [] : [OUT[out]]),
    '',
    `${releaseAt === null ? 'Until you are told that it is lifted' : 'Until then'} its embargo stands: please publish nothing, and confirm nothing.`,
  ]);
}

/**
 * To the members who have the case, and to its reporter, sealed: another instant counts than the one that they were told, or one where none
 * stood. `beforeAt`: another one that they were told; null where they were told none.
 */
export function moved(facts: { caseId: string; releaseAt: Instant; beforeAt: Instant | null }): Notice {
  const { caseId, releaseAt, beforeAt } = facts;
  const subject = beforeAt === null ? 'The instant of the release' : 'The release is at another instant';
  return notice(`[${caseId}] ${subject}`, [
    `Case ${caseId} will be released at ${when(releaseAt)}${beforeAt === null ? '.' : ','}`,
    ...(beforeAt === null ? [] : [`and not at ${when(beforeAt)} as you were told.`]),
    '',
    'Until then its embargo stands: please publish nothing, and confirm nothing.',
  ]);
}

/** To the members who have the case, and to its reporter, sealed. */
export function withdrawn(facts: { caseId: string; reason: string }): Notice {
  return notice(`[${facts.caseId}] Withdrawn`, [
    `Case ${facts.caseId} is withdrawn: nothing of it will be released.`,
    '',
    facts.reason,
    '',
    'Please keep what you have of it to yourself.',
  ]);
}

/** To the public, at the instant that was announced: nothing of the case is in it. */
export function withdrawnNote(facts: { project: string; releaseAt: Instant }): Notice {
  return notice(`[${facts.project}] No security release at ${when(facts.releaseAt)}`, [
    `${facts.project} had a security release planned for ${when(facts.releaseAt)}.`,
    'It is withdrawn: there is nothing to be fixed, and nothing that you have to do.',
  ]);
}

const ASIDE = {
  leak: ['LEAKED', 'It was reported that the contents of this case have leaked.'],
  'leak-keep': ['The embargo stands', 'It was decided that the embargo stands.'],
  'leak-release': ['To be released now', 'It was decided to release it at once: two people have to approve the bundle now.'],
  withdraw: ['Withdrawn', 'The case is withdrawn. Where a public note is owed, two people approve it as the bundle of the case.'],
  reopen: ['Opened again', 'The case is open again, and nobody has accepted it: `curfew case lead` takes it.'],
  'public-already': ['PUBLIC ALREADY', 'It is public already: two people have to approve the bundle now.'],
} as const;

/** To everybody of the response team who may handle it. */
export function caseAside(facts: {
  caseId: string;
  what: keyof typeof ASIDE;
  words: string;
  decideBy: Instant | null;
  /** What else is to be known before one acts. */
  notes: readonly string[];
}): Notice {
  const [subject, text] = ASIDE[facts.what];
  return notice(`[${facts.caseId}] ${subject}`, [
    text,
    ...facts.notes,
    ...(facts.decideBy === null ? [] : [`Decide by ${when(facts.decideBy)}: \`curfew case leak-decision ${facts.caseId}\`.`]),
    '',
    facts.words,
  ]);
}

/** To everybody of the response team who may handle it. `of`: what it is a duplicate of; `agreedAt`: the instant that two people agreed on. */
export function rejected(facts: {
  caseId: string;
  by: string;
  of: string | null;
  agreedAt: Instant | null;
  words: string | null;
}): Notice {
  const { caseId, by, of, agreedAt, words } = facts;
  return notice(`[${caseId}] ${of === null ? 'REJECTED' : 'LINKED AS A DUPLICATE'}`, [
    `${by} ${of === null ? 'has rejected it' : `has linked it as a duplicate of ${of}`}. With that it is over, and nothing of it is released.`,
    ...(agreedAt === null ? [] : [`Two people had agreed that it is released at ${when(agreedAt)}.`]),
    ...saying(words),
    '',
    `If that does not hold: curfew case reopen ${caseId}`,
  ]);
}

/** To everybody of the response team who may handle it. */
export function proposalDropped(facts: { caseId: string; by: string; releaseAt: Instant | null }): Notice {
  const { caseId, by, releaseAt } = facts;
  return notice(`[${caseId}] The proposal was taken back`, [
    `${by} has taken back what was proposed in place of what is armed, and with it what was approved of that.`,
    ...(releaseAt === null ? [] : [`What is armed stands, and is released at ${when(releaseAt)}: curfew case show ${caseId}`]),
  ]);
}

/** To a reporter without a certificate, of whatever a person has to say to him: it says that there is something, and nothing of it. */
export function clearReply(facts: { list: string }): Notice {
  return notice(`Your mail to ${facts.list}`, [
    `A person has read your mail to ${facts.list}, and answers it as soon as`,
    'the answer can be encrypted to you. This mail says nothing of what you wrote.',
    '',
    'Please answer this mail: sign yours and attach your OpenPGP certificate. Encrypt to',
    'the key that signed this mail, which is attached.',
  ]);
}

/** One copy that did not go out, as the team reads it. */
export interface StuckCopy {
  address: string;
  state: DeliveryState;
  /** Null: it was not tried yet. */
  reason: string | null;
  response: string | null;
  about: string;
}

/** What the words for programs mean. */
const WHY: Readonly<Record<string, string>> = {
  'no-certificate': 'the contact has no certificate',
  expired: 'the certificate has expired',
  revoked: 'the certificate is revoked',
  'no-encryption-subkey': 'the certificate cannot be encrypted to',
  weak: 'the certificate rests on an algorithm that is broken',
  'not-yet-valid': 'the certificate is not valid yet',
  'cannot-encrypt': 'the certificate cannot be encrypted to',
  changed: 'the certificate revokes the key that was used, and its new one waits to be approved',
  unreadable: 'the certificate cannot be read',
  'not-active': 'the contact or its organisation is not active',
  'need-to-know': 'its case was limited to others',
  'not-on-list': 'the contact is on that list no more, or has unsubscribed from it',
  'past-instant': 'it said that a fix would come, and the instant has passed: nothing is to be done',
  overtaken: 'what it says holds no more: its case was released or set aside meanwhile',
  passed:
    'a later word of its case reached the reporter while the relay put this one off: write to him what of it he has to know',
  superseded: 'a later dispatch took its place, and he is sent that one',
  'let-go': 'its organisation was removed or rejected',
  'cannot-open': 'what is kept cannot be opened: is the key of the list there?',
  'not-ready': 'the key of the list was not loaded for too long',
  'not-released': 'the gate is shut',
  'clock-suspect': 'the clock of the server is in doubt',
  restored: 'it waited when the backup was taken that was restored: it may have been sent since',
  bounced: 'a mail server further on gave it back',
  stopped: 'a person stopped it',
  withheld: 'a person holds it',
  dropped: 'a person dropped it',
  refused: 'a person refused it',
  'not-approved': 'two different people have not approved it',
  'approval-voided': 'what is kept is not what was approved',
  'not-in-clear': 'what it holds is never sent unsealed',
  'gave-up': 'the mail server kept asking for patience for too long',
  rejected: 'the mail server refused it',
  'too-large': 'the mail server does not take mail of this size',
};

/** To the team: copies that wait for a person, or will never arrive. */
export function stuckCopies(copies: readonly StuckCopy[]): Notice {
  return notice(`${copies.length} ${copies.length === 1 ? 'copy was' : 'copies were'} not delivered`, [
    'These copies did not go out. What is held waits for a person: mend its reason, then send it',
    'again (`curfew queue retry COPY`, or POST /api/v1/deliveries/ID/retry). What failed is not tried any more.',
    '',
    ...copies.flatMap(linesOf),
  ]);
}

/** To the team: copies that still wait to go out, for longer than that should take. */
export function lateCopies(copies: readonly StuckCopy[]): Notice {
  return notice(`${copies.length} ${copies.length === 1 ? 'copy waits' : 'copies wait'} for long`, [
    'These copies have not gone out yet. They are tried again, and you are told if they fail: look at the relay, and at its',
    'answer. `curfew queue show COPY` has every attempt. Of these copies this is said once.',
    '',
    ...copies.flatMap(linesOf),
  ]);
}

function linesOf({ address, state, reason, response, about }: StuckCopy): string[] {
  return [
    `${state}: ${address}`,
    `  ${about}`,
    ...(reason === null ? [] : [`  reason: ${reason}${WHY[reason] ? `: ${WHY[reason]}` : ''}`]),
    ...(response ? [`  answer: ${response}`] : []),
  ];
}

/** To the team: the instant has come and the case cannot go out. `nextAt`: when this is said again. */
export function overdue(facts: { caseId: string; releaseAt: Instant; why: string; nextAt: Instant }): Notice {
  return notice(`[${facts.caseId}] OVERDUE: the release instant has passed`, [
    `Case ${facts.caseId} was to be released at ${when(facts.releaseAt)} and is not.`,
    '',
    facts.why,
    'It is released as soon as that is mended.',
    `Until then this is said again, the next time at ${when(facts.nextAt)}.`,
  ]);
}

/** To the team: a case is released, and `count` copies for the public have not gone out, of which these are the first. */
export function unpublished(facts: {
  caseId: string;
  releasedAt: Instant;
  count: number;
  copies: readonly StuckCopy[];
  nextAt: Instant;
}): Notice {
  const { caseId, releasedAt, count, copies, nextAt } = facts;
  return notice(`[${caseId}] OVERDUE: the public does not have all of it`, [
    `Case ${caseId} was released at ${when(releasedAt)}, and of its copies for the public ${count} did not go out:`,
    '',
    ...copies.flatMap(linesOf),
    ...(count > copies.length ? [`and ${count - copies.length} more`] : []),
    '',
    'What is deferred is tried again, at least every five minutes. What is held waits for a person: mend its reason, then',
    'send it again (`curfew queue retry COPY`, or POST /api/v1/deliveries/ID/retry).',
    `Until they are out this is said again, the next time at ${when(nextAt)}.`,
  ]);
}

/** To those who lead a case: something of it was sent to where the public is. None of its words stand here. */
export function incident(facts: {
  id: string;
  caseId: string;
  at: Instant;
  list: string;
  refused: boolean;
  encrypted: boolean;
  sender: string | null;
  from: string | null;
  signer: string | null;
  kind: 'id' | 'file' | 'text' | 'patch';
  place: string;
  percent: number;
  mails: number;
}): Notice {
  const { caseId, kind, percent } = facts;
  const what = {
    id: 'an id of the case or its CVE',
    file: 'a file of the case',
    text: `a text of the case, ${percent} % of it`,
    patch: `a patch of the case, ${percent} % of it`,
  };
  return notice(`[${caseId}] INCIDENT: embargoed words on their way to the public`, [
    facts.refused
      ? `A mail to ${facts.list} has something of case ${caseId} in it. It was refused, and the list has sent it to nobody.`
      : `A mail to ${facts.list} that also names a public address has something of case ${caseId} in it.`,
    ...(facts.refused
      ? ['Where else its sender sent it, nobody here knows.']
      : ['To its other addressees it went by itself, past this server: a public list here refuses it, others may not.']),
    '',
    `At:            ${when(facts.at)}`,
    `Envelope from: ${facts.sender ?? '(nobody)'}`,
    `From:          ${facts.from ?? '(nobody)'}`,
    `Signed by:     ${facts.signer ?? 'nobody of the roster'}`,
    `Encrypted:     ${facts.encrypted ? 'yes' : 'no'}`,
    `Recognised:    ${what[kind]}`,
    `Where:         ${facts.place}`,
    ...(facts.mails > 1 ? [`Mails:         ${facts.mails}`] : []),
    '',
    'More of the same sender within the hour are counted, and not told again:',
    `  curfew incident show ${facts.id}`,
    'When you have dealt with it:',
    `  curfew incident close ${facts.id} --reason "..."`,
  ]);
}

const CLOCK: Readonly<Record<ClockWhy, string>> = {
  ahead: 'It is ahead of where it ought to be.',
  behind: 'It is behind where it ought to be.',
  nodes: 'It is behind the clock of another node, or of the time before it was started.',
};

/** To the team: nothing is released, as nobody can say what time it is. */
export function clockSuspect(facts: { wall: Instant; expected: Instant; why: ClockWhy }): Notice {
  return notice('The clock of the server is in doubt: NOTHING IS RELEASED', [
    `The clock of the server says ${when(facts.wall)}, where it ought to be ${when(facts.expected)}.`,
    CLOCK[facts.why],
    '',
    'Nothing goes to the public, at whatever instant it is due, until',
    '- the clock has been for five minutes where it ought to be, as when it was set right again; or',
    '- an admin has looked at another clock and says that this one is right:',
    '    curfew clock show',
    '    curfew clock confirm --wall INSTANT      (what `show` said)',
    '',
    'All other mail goes on. What comes due meanwhile is released as soon as the clock is believed.',
  ]);
}

/** To the team: it goes on. `by`: who said so; null: the clock agrees by itself. */
export function clockBelieved(facts: { now: Instant; by: string | null }): Notice {
  return notice('The clock of the server is believed again', [
    facts.by === null ? 'The clock of the server agrees again.' : `${facts.by} says that the clock of the server is right.`,
    `It is ${when(facts.now)}. What is due is released now.`,
  ]);
}

/** To the team: nothing is lost, and nothing comes in. `reserve`: octets. */
export function diskFull(facts: { reserve: number }): Notice {
  return notice('The disk is nearly full: no mail is taken', [
    `Less than ${Math.round(facts.reserve / 2 ** 20)} MiB are left where the database is. Mail that comes in is refused, and waits at its`,
    'senders, who try again; what is to be released or sent goes on. Make room: by itself it goes on then.',
    '`curfew doctor` says how much is left, and where.',
  ]);
}

/** To people outside of the machine: the end of the audit log, signed. */
export function auditHead(facts: { project: string; seq: number; hash: string; fingerprint: string }): Notice {
  return notice(`The audit log of ${facts.project} has ${facts.seq} lines`, [
    `The audit log of ${facts.project} has ${facts.seq} lines. The last one has the SHA-256`,
    `  ${facts.hash}`,
    '',
    'Please keep this mail. The two files in it prove what the log said: whoever changes it later, or cuts',
    'lines off, cannot change what you have. To compare, with an export of the log:',
    `  curfew audit verify EXPORT --key KEY.asc --head audit-head-${facts.seq}.txt`,
    `KEY.asc is the certificate of the list that signed it, ${facts.fingerprint}.`,
  ]);
}

/** To the team: to whom of `audit.headTo` no head goes. */
export function headsUnread(facts: { project: string; addresses: readonly string[] }): Notice {
  return notice('Nobody gets the signed heads of the audit log there', [
    `The signed heads of the audit log of ${facts.project} are to go to these people, and do not:`,
    '',
    ...facts.addresses.map((address) => `  ${address}`),
    '',
    'They are no contacts (is the address mistyped?), are retired, have no certificate that can be used, or their organisation is suspended or out.',
    'Who is named in "audit.headTo" of the configuration is what makes it noticed when somebody cuts off the end of the log: please name people',
    'who are there, and give those who have none another certificate (curfew contact give).',
  ]);
}

/** To whoever signed a post that waits for the team. */
export function heldPost(facts: { list: string; postId: string; receivedAt: Instant; advice: string }): Notice {
  return notice(`Your post to ${facts.list} waits for a person`, [
    `Your post to ${facts.list} of ${when(facts.receivedAt)} is held until somebody of the team has looked at it.`,
    `For another time: ${facts.advice}.`,
    `Post: ${facts.postId}`,
    '',
    'If you did not write it: somebody sent on what you signed for others.',
  ]);
}

/** Null: nobody. */
export function whoHas({ contacts, reporter }: { contacts: number; reporter: boolean }): string | null {
  const all = [...(contacts > 0 ? [`contacts: ${contacts}`] : []), ...(reporter ? ['the reporter'] : [])];
  return all.length > 0 ? all.join(', ') : null;
}

/** To whoever signed a post that the team refused. */
export function refusedPost(facts: {
  list: string;
  postId: string;
  receivedAt: Instant;
  reason: string;
  /** Who has it all the same, or may get it yet: contacts but for the writer and those who decide, and the reporter. */
  contacts: number;
  reporter: boolean;
}): Notice {
  const who = whoHas(facts);
  return notice(`Your post to ${facts.list} was refused`, [
    who === null
      ? `Your post to ${facts.list} of ${when(facts.receivedAt)} was not distributed.`
      : `Your post to ${facts.list} of ${when(facts.receivedAt)} was stopped and refused. Who has it all the same, or may get it yet: ${who}.`,
    `Reason: ${facts.reason || 'none was given'}`,
    `Post:   ${facts.postId}`,
  ]);
}

/** To whoever asked a list for something by mail; `results` are what became of each command. */
export function requestAnswer(facts: { list: string; results: readonly string[] }): Notice {
  return notice(`Your request to ${facts.list}`, [...facts.results]);
}

/** To an address that asked for a list's key; anybody may have it. */
export function clearKey(facts: { list: string; fingerprint: string }): Notice {
  return notice(`The OpenPGP key of ${facts.list}`, [
    `Attached is the OpenPGP certificate of ${facts.list}. Its fingerprint is`,
    '',
    `  ${facts.fingerprint}`,
    '',
    'Compare it with the one that the project publishes before you rely on it. This answer is automatic.',
  ]);
}

/** To the team, and to whoever has the key that a contact had: it was replaced. */
export function certificateReplaced(facts: {
  address: string;
  organisation: string;
  before: string | null;
  after: string;
  /** Of a certificate that stayed the same: the key in it that is encrypted to. */
  encryptionKey: { before: string | null; after: string | null } | null;
  /** A person of the team let it count, and no signature with the old one. */
  byTeam: boolean;
}): Notice {
  const { before, after } = facts.encryptionKey ?? facts;
  return notice(`The certificate of ${facts.address} was changed`, [
    `${facts.byTeam ? 'By a person of the team' : 'By a mail that was signed with the old one'}, ${facts.address} of ${facts.organisation}`,
    facts.encryptionKey ? `has another encryption key in the certificate ${facts.after} now.` : 'has another certificate now.',
    '',
    `Before: ${before ?? '(none)'}`,
    `Now:    ${after ?? '(none: his copies wait)'}`,
    '',
    'If that was not meant: suspend the member, and ask by another way.',
  ]);
}

/** To the contacts of a member: who of them was added, retired or reinstated; to him as well. */
export function contactChanged(facts: {
  organisation: string;
  address: string;
  became: 'added' | 'retired' | 'reinstated';
  reason: string | null;
}): Notice {
  const { address, organisation } = facts;
  const became = {
    added: `${address} is a contact of "${organisation}" now.`,
    retired: `${address} is no contact of "${organisation}" any more, and gets and posts nothing.`,
    reinstated: `${address} is a contact of "${organisation}" again.`,
  };
  return notice(`A contact of "${organisation}" was ${facts.became}`, [
    became[facts.became],
    ...(facts.reason === null ? [] : ['', `Reason: ${facts.reason}`]),
    '',
    'If that was not meant, answer this mail.',
  ]);
}

/** To a contact: another certificate was given in his name and waits, that was refused, or one of his was retired. */
export function certificateChanged(facts: {
  organisation: string;
  address: string;
  fingerprint: string;
  became: 'proposed' | 'refused' | 'retired';
}): Notice {
  const became = {
    proposed: [
      'waits to be the certificate of',
      'It counts when its owner has proved it and a person of the team has approved it.',
    ],
    refused: ['is not to be the certificate of', 'A person of the team has refused it, and all stays as it was.'],
    retired: ['was retired. It was of', 'Nothing is encrypted to it any more, and what it signs is nobody’s.'],
  };
  const [what, then] = became[facts.became];
  return notice(`A certificate of ${facts.address} was ${facts.became}`, [
    `The certificate ${facts.fingerprint}`,
    `${what} ${facts.address} of "${facts.organisation}".`,
    `${then}`,
    '',
    'If that was not meant, answer this mail, or tell us by another way.',
  ]);
}

/** To a member: the addresses of the lists that he is on from now on. */
export function listsChanged({ organisation, lists }: { organisation: string; lists: readonly string[] }): Notice {
  return notice(`The lists of "${organisation}"`, [
    ...(lists.length > 0
      ? [`"${organisation}" is on these lists now, and on no other:`, '', ...lists.map((list) => `  ${list}`)]
      : [`"${organisation}" is on no list any more.`]),
    '',
    'Whoever has a question answers this mail.',
  ]);
}

/** To a member: his organisation has another name from now on. */
export function renamed({ before, organisation }: { before: string; organisation: string }): Notice {
  return notice(`The name of "${organisation}"`, [
    `"${before}" is called "${organisation}" with us from now on. Nothing else has changed.`,
    '',
    'If that was not meant, answer this mail.',
  ]);
}

/** To an applicant. */
export function applied(facts: { project: string; organisation: string }): Notice {
  return notice(`Your application to the distributors list of ${facts.project}`, [
    `${facts.project} has the application of "${facts.organisation}".`,
    '',
    'What comes next: a member of another organisation vouches for you, two people of the response team look at your',
    'answers, and you prove that the certificate is yours. You will be told of each.',
    '',
    'If you have not applied, answer this mail and say so.',
  ]);
}

/** To the team. */
export function newApplication(facts: { organisation: string; address: string }): Notice {
  return notice(`"${facts.organisation}" applies to be a member`, [
    `"${facts.organisation}" applies to be a member. Its contact is ${facts.address}.`,
    '',
    'The answers: curfew member show ORGANISATION',
  ]);
}

/** To the team: an application that names what is there already; its writer was told what every applicant is told. */
export function knownApplication(facts: { organisation: string; address: string; problem: string }): Notice {
  return notice(`An application of "${facts.organisation}" was not taken`, [
    `${facts.address} applied for "${facts.organisation}", and it was not taken:`,
    facts.problem,
    '',
    'He was not told that. If he is who he says, reject the application that is in his way, or add him as a contact.',
  ]);
}

const BECAME: Readonly<Partial<Record<MemberState, string>>> = {
  vouched: 'a member has vouched for it',
  vetted: 'two people of the response team have looked at it and found every criterion met',
  key_proved: 'the certificate is proved to be yours',
  active: 'it is a member now, and gets what its lists distribute',
  key_hold: 'none of its certificates can be encrypted to: copies for it are held',
  suspended: 'it is suspended, and gets and posts nothing',
  removed: 'it was removed, and gets and posts nothing. It may apply again',
  rejected: 'its application was rejected. It may apply again',
};

/** To the contacts of a list: what it will sign with. `before` and `after` are the same where the key was only extended. */
export function keyRotated(facts: { list: string; before: string; after: string; fromAt: Instant }): Notice {
  const extended = facts.before === facts.after;
  return notice(`The OpenPGP key of ${facts.list}`, [
    extended
      ? `The key of ${facts.list} was extended. It is the same key, ${facts.after}.`
      : `From ${when(facts.fromAt)} on, ${facts.list} signs with another key. Its fingerprint is`,
    ...(extended ? [] : ['', `  ${facts.after}`, '', `and until then it is ${facts.before}, which signed this mail.`]),
    '',
    extended
      ? 'Its certificate is attached: import it, or your program will soon say that the key has expired.'
      : 'Its certificate is attached. Import it, and encrypt to it. What is encrypted to the old one can still be read here.',
  ]);
}

/** To the team: a member has vouched for an applicant, whom two of the team are to judge now. */
export function readyToJudge(facts: { organisation: string }): Notice {
  return notice(`"${facts.organisation}" was vouched for`, [
    `A member of another organisation has vouched for "${facts.organisation}". Two of you are to look at its answers:`,
    '',
    '  curfew member show ORGANISATION',
    '  curfew member judge ORGANISATION',
  ]);
}

/** To the team: one of its admins asks for a member to be removed, and a second one is to say so too. */
export function removalAsked(facts: { organisation: string; asker: string; reason: string; until: Instant }): Notice {
  return notice(`"${facts.organisation}" is to be removed`, [
    `${facts.asker} asks for "${facts.organisation}" to be removed:`,
    facts.reason,
    '',
    `It is removed when a second admin asks for it as well, by ${when(facts.until)}:`,
    '',
    '  curfew member remove ORGANISATION --reason REASON',
    '',
    'If it is to stay, and nobody is to ask any more: curfew member reviewed ORGANISATION, or reinstate where it is suspended.',
  ]);
}

/** To a member: what has become of him, and why. */
export function memberChanged(facts: {
  project: string;
  organisation: string;
  state: MemberState;
  reason: string | null;
}): Notice {
  return notice(`"${facts.organisation}" on the lists of ${facts.project}`, [
    `"${facts.organisation}": ${BECAME[facts.state] ?? facts.state}.`,
    ...(facts.reason === null ? [] : ['', `Reason: ${facts.reason}`]),
    '',
    'Whoever has a question answers this mail.',
  ]);
}

/** To a contact, sealed to the certificate that is to be proved: only who has its key can read this. */
export function proveKey(facts: {
  project: string;
  fingerprint: string;
  request: string;
  nonce: string;
  until: Instant;
}): Notice {
  return notice(`Prove your certificate to ${facts.project}`, [
    `To prove that the certificate ${facts.fingerprint} is yours, send`,
    `a mail to ${facts.request}, signed with it and encrypted to the key that signed this one, with these lines:`,
    '',
    `list ${facts.request.replace(/-request@/, '@')}`,
    `prove ${facts.nonce}`,
    '',
    'Where it is another certificate than the one that you had, a person of the team approves it then.',
    `It counts until ${when(facts.until)}.`,
  ]);
}

/** How gpg extends a certificate, and the subkey that is encrypted to, which it does where that is named alone. */
const extending = (fingerprint: string) => [
  `  gpg --quick-set-expire ${fingerprint} 2y`,
  `  gpg --quick-set-expire ${fingerprint} 2y SUBKEY`,
];

const inDays = (days: number) => (days === 1 ? '1 day' : `${days} days`);

/** To a contact, sealed: his certificate ends soon. */
export function certificateEnds(facts: { fingerprint: string; days: number; endsAt: Instant; request: string }): Notice {
  return notice(`Your certificate ends in ${inDays(facts.days)}`, [
    `Your certificate ${facts.fingerprint} ends at ${when(facts.endsAt)}. After that`,
    'nothing can be encrypted to you, and your copies wait.',
    '',
    'Extend it, or make another one, and send it, attached and signed with the one that you have, to',
    `  ${facts.request}`,
    'with these lines:',
    '',
    `list ${facts.request.replace(/-request@/, '@')}`,
    'certificate update FINGERPRINT',
    '',
    'gpg extends its encryption subkey only where that is named:',
    '',
    ...extending(facts.fingerprint),
  ]);
}

/** To the team: whose certificates end soon. */
export function certificatesEnd(
  lines: readonly { address: string; fingerprint: string; days: number; endsAt: Instant }[],
): Notice {
  return notice('Certificates that end soon', [
    'Copies to these people wait when their certificates have ended. They were told, too.',
    '',
    ...lines.map(({ address, fingerprint, days, endsAt }) => `${address}: ${fingerprint}, in ${inDays(days)} (${when(endsAt)})`),
  ]);
}

/** To the team: which lists' keys end soon. */
export function listKeysEnd(lines: readonly { list: string; fingerprint: string; endsAt: Instant }[]): Notice {
  return notice('Keys of lists that end soon', [
    'When the key of a list has ended, nothing can be written to it, and it signs nothing. Then even this cannot be told by mail.',
    '',
    ...lines.flatMap(({ list, fingerprint, endsAt }) => [
      `${list}: ${fingerprint}, ends on ${when(endsAt)}`,
      `  curfew keys renew ${list}`,
    ]),
    '',
    'Restart the server afterwards. It tells the contacts of the list then.',
  ]);
}

/** To whoever signed a mail that reached nobody. */
export function undelivered(facts: { list: string; postId: string; receivedAt: Instant }): Notice {
  return notice(`Your mail to ${facts.list} was not delivered`, [
    `Your mail to ${facts.list}, which came at ${when(facts.receivedAt)} and is ${facts.postId} with us,`,
    'could be delivered to nobody whom it was for. It is not tried any more.',
    '',
    'It is kept, sealed. Please send it again later, or ask us by another way.',
  ]);
}

/** To the other contacts of a member: mail to one of them comes back. Nothing of what that mail was. */
export function mailFails(facts: { organisation: string; address: string; sinceAt: Instant; code: string | null }): Notice {
  return notice(`Mail to ${facts.address} does not arrive`, [
    `Mail to ${facts.address}, which is a contact of "${facts.organisation}" with us, comes back`,
    `since ${when(facts.sinceAt)}${facts.code === null ? '' : `, with the code ${facts.code}`}.`,
    '',
    'Nothing was changed: whatever is for that address is sent to it still. Please see that mail to it arrives, or',
    'answer this mail and say who is to have it in its place.',
  ]);
}

/** To the team: the same, who else of the member was told, and in which cases nobody else of it has what was dispatched. */
export function contactFails(facts: {
  organisation: string;
  address: string;
  since: Instant;
  code: string | null;
  others: readonly string[];
  cases: readonly string[];
  /** Further cases, of which those who work on them are told alone. */
  more: number;
}): Notice {
  const { cases, more } = facts;
  return notice(`Mail to ${facts.address} does not arrive`, [
    `Mail to ${facts.address}, of "${facts.organisation}", comes back`,
    `since ${when(facts.since)}${facts.code === null ? '' : `, with the code ${facts.code}`}.`,
    '',
    ...(facts.others.length === 0
      ? ['It has no other contact who could be told: ask it by another way.']
      : ['These of it were told, too:', ...facts.others.map((address) => `  ${address}`)]),
    ...(cases.length === 0
      ? []
      : ['', 'NOBODY ELSE of it has what was dispatched in these cases:', ...cases.map((id) => `  ${id}`)]),
    ...(more === 0 ? [] : ['', `Nor in ${more} more, of which those who work on them are told.`]),
    '',
    'Nothing was changed: a bounce can be forged, and removes nobody. What is known of it: curfew contact show CONTACT',
  ]);
}

/** To the team: a member is held, and who of it was asked for a new certificate. */
export function memberHeld(facts: { organisation: string; addresses: readonly string[] }): Notice {
  return notice(`"${facts.organisation}" is held for its key`, [
    `None of the certificates of "${facts.organisation}" can be encrypted to any more: copies for it wait.`,
    'These are its contacts, who are asked for new ones:',
    '',
    ...facts.addresses.map((address) => `  ${address}`),
    '',
    'It is let go as soon as one of them has a certificate that can be encrypted to.',
  ]);
}

/** To the team: who is to be looked at again. */
export function reviewsDue(organisations: readonly string[]): Notice {
  return notice('Members whose yearly review is due', [
    'These were looked at a year ago or longer:',
    '',
    ...organisations.map((organisation) => `  ${organisation}`),
    '',
    'When you have looked at them: curfew member reviewed ORGANISATION',
  ]);
}

/** To a contact whose certificate has ended, signed and in clear: it says nothing but what is needed. */
export function keyWanted(facts: { list: string; request: string }): Notice {
  return notice('A new OpenPGP certificate is needed', [
    `Mail for you from ${facts.list} cannot be encrypted: your certificate has expired or was revoked.`,
    'It waits. Nothing is sent unencrypted.',
    '',
    `If it has expired, please extend it, and send it to ${facts.request}: attached, signed with it and`,
    'encrypted, with the line "certificate update FINGERPRINT". If you cannot, or it was revoked, ask us by another way.',
    '',
    'gpg extends the subkey that is encrypted to only where it is named:',
    '',
    ...extending('FINGERPRINT'),
  ]);
}

/** To whoever is asked to be the next lead of a case. */
export function handoverAsked(facts: { caseId: string; from: string }): Notice {
  return notice(`[${facts.caseId}] You are asked to lead this case`, [
    `${facts.from} asks you to lead case ${facts.caseId}. Until you take it over, nothing changes:`,
    '',
    `  curfew case take-over ${facts.caseId}`,
  ]);
}

/** To those who handle a case that was reported again, and is approved without the name of who did. */
export function creditWished(facts: { caseId: string; name: string }): Notice {
  const { caseId } = facts;
  return notice(`[${caseId}] Somebody else wishes to be credited`, [
    `Case ${caseId} was reported by somebody else as well, who wishes to be credited as`,
    `  ${facts.name}`,
    'He was not added, as people have approved the case as it stands. If he is to be, two of you approve it anew after:',
    '',
    `  curfew case describe ${caseId}`,
  ]);
}

/** To those who handle a case that credits somebody whose report is none of the same any more. */
export function creditDoubtful(facts: { caseId: string; name: string }): Notice {
  const { caseId, name } = facts;
  return notice(`[${caseId}] Somebody who is credited may have reported something else`, [
    `Case ${caseId} credits ${name}, whose report was linked to it as a duplicate, and is not any more.`,
    'Take that away where it is not so:',
    '',
    `  curfew case describe ${caseId}`,
  ]);
}

/** Of a reporter whose address has become one of our own, or an external one. */
export const REPORTER_UNTOLD = 'Its reporter is not told: his address is one that the public or a list reads by now.';

/** To those who handle a case of which another instant was approved. */
export function reporterUntold({ caseId, releaseAt }: { caseId: string; releaseAt: Instant }): Notice {
  return notice(`[${caseId}] Its reporter does not know its instant`, [
    `Two people approved that case ${caseId} is released at ${when(releaseAt)}.`,
    REPORTER_UNTOLD,
  ]);
}

/** To him whose turn it is to lead a case that nobody leads. */
export function turn({ caseId, until }: { caseId: string; until: Instant }): Notice {
  return notice(`[${caseId}] It is your turn to lead this case`, [
    `Nobody leads case ${caseId} yet, and it is your turn:`,
    '',
    `  curfew case lead ${caseId}`,
    '',
    `If you cannot, you need do nothing: at ${when(until)} the next one is asked. Anybody else may claim it meanwhile.`,
  ]);
}

const OWED: Readonly<Record<Matter, string>> = {
  lead: 'somebody has to lead it: curfew case lead CASE. Or reject it: curfew case notice CASE --kind not-a-vulnerability',
  acknowledge: 'a person has to answer the reporter',
  'take-over':
    'whoever was asked to lead it has to take it over, or its lead has to ask somebody else: curfew case take-over CASE',
  forthcoming:
    'the public has to be told that a fix will come, at the instant that was agreed on: curfew case notice CASE --kind forthcoming',
  date: 'whoever leads it has to say when it will be released: curfew case schedule CASE',
  schedule: 'its release has to be set: the longest embargo ends then',
  notice: 'distributors have to be told',
  'second-notice': 'distributors have to have the final text',
  approve: 'two different people have to approve what will be published: curfew case bundle CASE',
  disarmed:
    'it was armed, and is not any more, as something of it was changed: two different people have to approve it again: curfew case bundle CASE',
  proposed:
    'a change of what is armed is proposed: that stands, and is released at its instant, until two people approve the other: curfew case bundle CASE --proposed, and curfew case preview CASE --proposed',
  move: 'members, the reporter or the public were told another instant than the one that is set, or that none stands: a second person has to approve it, or it is to be set back: curfew case show CASE',
  leak: 'it has leaked: somebody has to decide whether it is released early',
  retrospective: 'its retrospective is to be written: curfew case retrospective CASE',
};

/** Of the levels of a reminder: before the deadline, at it, and well after it. */
const DUE = ['Due', 'DUE NOW', 'OVERDUE'] as const;

/** To those of the team who owe something in a case, and when that does not help, to others. */
export function deadline(facts: { caseId: string; level: 0 | 1 | 2; due: readonly { what: Matter; dueAt: Instant }[] }): Notice {
  const { caseId, level, due } = facts;
  return notice(`[${caseId}] ${DUE[level]}: ${due.map(({ what }) => what).join(', ')}`, [
    level === 0 ? `In case ${caseId} something will be due:` : `In case ${caseId} something was due, and is not done:`,
    '',
    ...due.flatMap(({ what, dueAt }) => [`${when(dueAt)}`, `  ${OWED[what].replaceAll('CASE', caseId)}`]),
    ...(due.some(({ what }) => what === 'retrospective') ? retrospectiveForm(caseId) : []),
  ]);
}

/** What a blameless retrospective answers. */
function retrospectiveForm(caseId: string): string[] {
  return [
    '',
    'A retrospective is blameless: it asks what happened, and what would have helped; never who.',
    '',
    `  Case:                    ${caseId}`,
    '  What happened, and when: from the report to the release, as `curfew case show` has it',
    '  What went well:',
    '  What went badly:',
    '  Where we were lucky:',
    '  What we change:          each with whoever does it, and by when',
  ];
}

/** To the public, where the longest embargo of a case has ended and nothing that two people approved is there: fixed words. */
export function minimal(facts: { project: string; since: Instant; endedAt: Instant; ask: string }): Notice {
  return notice(`[${facts.project}] The embargo of a security issue has ended`, [
    `${facts.project} has a security issue under embargo since ${when(facts.since).slice(0, 10)}; its embargo ended at`,
    `${when(facts.endedAt)} without an advisory; ask ${facts.ask}`,
  ]);
}

/** To the team: that was said to the public. */
export function minimalSent(facts: { caseId: string; endedAt: Instant }): Notice {
  return notice(`[${facts.caseId}] THE PUBLIC WAS TOLD that the embargo has ended`, [
    `The longest embargo of case ${facts.caseId} ended at ${when(facts.endedAt)}, and there was no advisory that two people approved.`,
    'The public was told that a security issue is under embargo, since when, and that its embargo has ended: nothing else of it.',
    '',
    'People will ask. What is to be published is still released as soon as two people have approved it.',
  ]);
}

const DONE = {
  retrospective: 'has a retrospective',
  archive: 'has a sanitised archive of its thread',
  close: 'is closed',
} as const;

/** To those who handle a case: what was done after its release. */
export function afterwards(facts: { caseId: string; done: keyof typeof DONE; by: string }): Notice {
  return notice(`[${facts.caseId}] The case ${DONE[facts.done]}`, [
    `Case ${facts.caseId} ${DONE[facts.done]} now, by ${facts.by}.`,
  ]);
}
