import * as templates from './templates.ts';

/** The notices that a project may word otherwise: all that go out sealed to people outside of the team. What goes out in clear is fixed. */
const ours = {
  acknowledged: templates.acknowledged,
  applied: templates.applied,
  certificateChanged: templates.certificateChanged,
  certificateEnds: templates.certificateEnds,
  certificateReplaced: templates.certificateReplaced,
  contactChanged: templates.contactChanged,
  dispatch: templates.dispatch,
  duplicate: templates.duplicate,
  heldPost: templates.heldPost,
  keyRotated: templates.keyRotated,
  leaked: templates.leaked,
  lifted: templates.lifted,
  listsChanged: templates.listsChanged,
  mailFails: templates.mailFails,
  memberChanged: templates.memberChanged,
  moved: templates.moved,
  news: templates.news,
  notVulnerability: templates.notVulnerability,
  prenotice: templates.prenotice,
  proveKey: templates.proveKey,
  question: templates.question,
  receipt: templates.receipt,
  refusedPost: templates.refusedPost,
  reminder: templates.reminder,
  renamed: templates.renamed,
  status: templates.status,
  undelivered: templates.undelivered,
  withdrawn: templates.withdrawn,
};

export type Words = Readonly<typeof ours>;
export type WordsName = keyof Words;
type Facts<N extends WordsName> = Parameters<Words[N]>[0];
type Instants<F> = { [K in keyof F]: K extends `${string}At` | `${string}By` | 'until' ? K : never }[keyof F];

export interface Sample<N extends WordsName> {
  /** The first is for people to look at. Among them is each fact that may be missing, once there and once not. */
  facts: readonly [Facts<N>, ...Facts<N>[]];
  /** Of the facts: shown as people read an instant. */
  instants: readonly Instants<Facts<N>>[];
  /** Of the facts: without these nobody can do anything with the mail, and no project knows them before. */
  needed: readonly (keyof Facts<N>)[];
}

const AT = Date.UTC(2026, 0, 31, 12);
const FINGERPRINT = 'D3B5A1C0FFEE00D3B5A1C0FFEE00D3B5A1C0FFEE';
const ANOTHER = FINGERPRINT.replaceAll('0', '1');

const certificateReplaced = {
  address: 'gina@gamma.example',
  organisation: 'Gamma Linux',
  before: FINGERPRINT,
  after: ANOTHER,
  encryptionKey: null,
  byTeam: false,
} as const;

const dispatch = {
  caseId: 'orbit-2026-0001',
  list: 'distributors-request@orbit.example',
  subject: 'CVE-2026-99001: Overflow in the parser',
  cve: 'CVE-2026-99001',
  cwes: ['CWE-787'],
  summary: 'Whoever sends a long line makes the parser write beyond its end.',
  severity: 'high, 8.8 (CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H)',
  affected: ['orbit, parser: from 1.2, before 1.2.9'],
  detection: 'The log has "line too long".',
  mitigation: 'Switch the parser off.',
  fixImpact: 'Lines of more than 1000 octets are refused.',
  permissions: ['Patched binaries must not be given out before the release.'],
  text: 'A length is not checked.',
  releaseAt: AT,
  patches: [{ name: 'fix.patch', sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }],
  revision: 2,
  supersedes: 1,
} as const;

const lifted = {
  caseId: 'orbit-2026-0001',
  releaseAt: AT,
  releasedAt: AT,
  channels: ['announce@orbit.example'],
  cause: 'The issue had leaked.',
} as const;

const prenotice = {
  caseId: 'orbit-2026-0001',
  subject: 'Overflow in the parser',
  text: 'A length is not checked.',
  releaseAt: AT,
  channels: ['announce@orbit.example'],
  patches: dispatch.patches,
} as const;

const memberChanged = { project: 'orbit', organisation: 'Gamma Linux', state: 'active', reason: 'vetted' } as const;

const refusedPost = {
  list: 'distributors@orbit.example',
  postId: '01k3jz8q4nv1w6x0r7t2yeabcd',
  receivedAt: AT,
  reason: 'not for this list',
  contacts: 0,
  reporter: false,
} as const;

/** What each is about, with values as they might be: what a file may name, and what a preview shows. */
export const samples: { readonly [N in WordsName]: Sample<N> } = {
  acknowledged: {
    facts: [
      { project: 'orbit', caseId: 'orbit-2026-0001', words: 'We can reproduce it.' },
      { project: 'orbit', caseId: 'orbit-2026-0001', words: null },
    ],
    instants: [],
    needed: ['caseId'],
  },
  duplicate: {
    facts: [
      { caseId: 'orbit-2026-0001', words: 'It will be public soon.' },
      { caseId: 'orbit-2026-0001', words: null },
    ],
    instants: [],
    needed: ['caseId'],
  },
  notVulnerability: {
    facts: [{ caseId: 'orbit-2026-0001', words: 'Only an admin can do that.' }],
    instants: [],
    needed: ['words'],
  },
  prenotice: {
    facts: [prenotice, { ...prenotice, releaseAt: null }],
    instants: ['releaseAt'],
    needed: ['releaseAt', 'text'],
  },
  question: { facts: [{ caseId: 'orbit-2026-0001', words: 'Which version is it?' }], instants: [], needed: ['words'] },
  reminder: {
    facts: [
      { caseId: 'orbit-2026-0001', list: 'distributors-request@orbit.example', sentAt: AT, releaseAt: AT + 1000 },
      { caseId: 'orbit-2026-0001', list: 'distributors-request@orbit.example', sentAt: AT, releaseAt: null },
    ],
    instants: ['sentAt', 'releaseAt'],
    needed: ['caseId', 'list'],
  },
  moved: {
    facts: [
      { caseId: 'orbit-2026-0001', releaseAt: AT, beforeAt: Date.UTC(2026, 0, 30, 12) },
      { caseId: 'orbit-2026-0001', releaseAt: AT, beforeAt: null },
    ],
    instants: ['releaseAt', 'beforeAt'],
    needed: ['caseId', 'releaseAt'],
  },
  status: {
    facts: [
      { caseId: 'orbit-2026-0001', stage: 'in_fix', releaseAt: AT, words: 'The fix is tested.' },
      { caseId: 'orbit-2026-0001', stage: 'led', releaseAt: null, words: null },
    ],
    instants: ['releaseAt'],
    needed: ['stage'],
  },
  applied: { facts: [{ project: 'orbit', organisation: 'Gamma Linux' }], instants: [], needed: [] },
  certificateChanged: {
    facts: [
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', fingerprint: FINGERPRINT, became: 'retired' },
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', fingerprint: FINGERPRINT, became: 'proposed' },
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', fingerprint: FINGERPRINT, became: 'refused' },
    ],
    instants: [],
    needed: ['address', 'fingerprint', 'became'],
  },
  certificateEnds: {
    facts: [{ fingerprint: FINGERPRINT, days: 14, endsAt: AT, request: 'security-request@orbit.example' }],
    instants: ['endsAt'],
    needed: ['fingerprint'],
  },
  certificateReplaced: {
    facts: [
      certificateReplaced,
      { ...certificateReplaced, before: null, byTeam: true },
      { ...certificateReplaced, after: FINGERPRINT, encryptionKey: { before: FINGERPRINT, after: ANOTHER } },
      { ...certificateReplaced, after: FINGERPRINT, encryptionKey: { before: null, after: null } },
    ],
    instants: [],
    needed: ['address', 'after'],
  },
  contactChanged: {
    facts: [
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', became: 'retired', reason: 'has left' },
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', became: 'added', reason: null },
    ],
    instants: [],
    needed: ['address', 'became'],
  },
  dispatch: {
    facts: [
      dispatch,
      { ...dispatch, patches: [], text: null, severity: null, affected: [], permissions: [], revision: null, supersedes: null },
      { ...dispatch, cve: null, cwes: [], detection: null, mitigation: null, fixImpact: null, releaseAt: null },
    ],
    instants: ['releaseAt'],
    needed: ['releaseAt', 'summary'],
  },
  heldPost: {
    facts: [
      {
        list: 'distributors@orbit.example',
        postId: '01k3jz8q4nv1w6x0r7t2yeabcd',
        receivedAt: AT,
        advice: 'sign all of it, once',
      },
    ],
    instants: ['receivedAt'],
    needed: ['list', 'advice'],
  },
  keyRotated: {
    facts: [
      { list: 'distributors@orbit.example', before: FINGERPRINT, after: ANOTHER, fromAt: AT },
      { list: 'distributors@orbit.example', before: FINGERPRINT, after: FINGERPRINT, fromAt: AT },
    ],
    instants: ['fromAt'],
    needed: ['list', 'after'],
  },
  leaked: {
    facts: [
      { caseId: 'orbit-2026-0001', how: 'leaked', releaseAt: null },
      { caseId: 'orbit-2026-0001', how: 'public', releaseAt: null },
      { caseId: 'orbit-2026-0001', how: 'kept', releaseAt: null },
      { caseId: 'orbit-2026-0001', how: 'anew', releaseAt: AT },
      { caseId: 'orbit-2026-0001', how: 'still-leaked', releaseAt: AT },
    ],
    instants: ['releaseAt'],
    needed: ['caseId', 'how'],
  },
  lifted: {
    facts: [lifted, { ...lifted, cause: null }],
    instants: ['releaseAt', 'releasedAt'],
    needed: ['caseId'],
  },
  listsChanged: {
    facts: [
      { organisation: 'Gamma Linux', lists: ['distributors@orbit.example'] },
      { organisation: 'Gamma Linux', lists: [] },
    ],
    instants: [],
    needed: ['lists'],
  },
  mailFails: {
    facts: [
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', sinceAt: AT, code: '5.1.1' },
      { organisation: 'Gamma Linux', address: 'gina@gamma.example', sinceAt: AT, code: null },
    ],
    instants: ['sinceAt'],
    needed: ['address'],
  },
  memberChanged: {
    // No other word of a text is likely to be `key_hold`.
    facts: [memberChanged, { ...memberChanged, state: 'key_hold', reason: null }],
    instants: [],
    needed: ['state'],
  },
  news: {
    facts: [{ caseId: 'orbit-2026-0001', releasedAt: AT, channels: ['announce@orbit.example'] }],
    instants: ['releasedAt'],
    needed: ['caseId'],
  },
  proveKey: {
    facts: [
      {
        project: 'orbit',
        fingerprint: FINGERPRINT,
        request: 'security-request@orbit.example',
        nonce: 'k3jz8q4nv1w6x0r7t2ye',
        until: AT,
      },
    ],
    instants: ['until'],
    needed: ['nonce'],
  },
  receipt: {
    facts: [
      {
        project: 'orbit',
        caseId: 'orbit-2026-0001',
        receivedAt: AT,
        thread: 'security+orbit-2026-0001.k3jz8q4n@orbit.example',
        answerBy: AT,
      },
    ],
    instants: ['receivedAt', 'answerBy'],
    needed: ['thread'],
  },
  refusedPost: {
    facts: [refusedPost, { ...refusedPost, reason: '', contacts: 3, reporter: true }],
    instants: ['receivedAt'],
    needed: ['reason'],
  },
  renamed: {
    facts: [{ before: 'Gamma Linux', organisation: 'Gamma Systems' }],
    instants: [],
    needed: ['organisation'],
  },
  undelivered: {
    facts: [{ list: 'distributors@orbit.example', postId: '01k3jz8q4nv1w6x0r7t2yeabcd', receivedAt: AT }],
    instants: ['receivedAt'],
    needed: ['list', 'postId'],
  },
  withdrawn: {
    facts: [{ caseId: 'orbit-2026-0001', reason: 'It is no vulnerability.' }],
    instants: [],
    needed: ['caseId', 'reason'],
  },
};

/** As Curfew words them. */
export const defaultWords: Words = ours;
