import * as templates from './templates.ts';

/** The notices that a project may word otherwise: all that go out sealed to people outside of the team. What goes out in clear is fixed. */
const ours = {
  applied: templates.applied,
  certificateEnds: templates.certificateEnds,
  certificateReplaced: templates.certificateReplaced,
  dispatch: templates.dispatch,
  heldPost: templates.heldPost,
  keyRotated: templates.keyRotated,
  lifted: templates.lifted,
  memberChanged: templates.memberChanged,
  news: templates.news,
  proveKey: templates.proveKey,
  receipt: templates.receipt,
  refusedPost: templates.refusedPost,
};

export type Words = Readonly<typeof ours>;
export type WordsName = keyof Words;
type Facts<N extends WordsName> = Parameters<Words[N]>[0];
type Instants<F> = { [K in keyof F]: K extends `${string}At` | `${string}By` | 'until' ? K : never }[keyof F];

export interface Sample<N extends WordsName> {
  facts: Facts<N>;
  /** Of the facts: shown as people read an instant. */
  instants: readonly Instants<Facts<N>>[];
}

const AT = Date.UTC(2026, 0, 31, 12);
const FINGERPRINT = 'D3B5A1C0FFEE00D3B5A1C0FFEE00D3B5A1C0FFEE';

/** What each is about, with values as they might be: what a file may name, and what a preview shows. */
export const samples: { readonly [N in WordsName]: Sample<N> } = {
  applied: { facts: { project: 'orbit', organisation: 'Gamma Linux' }, instants: [] },
  certificateEnds: {
    facts: { fingerprint: FINGERPRINT, days: 14, endsAt: AT, request: 'security-request@orbit.example' },
    instants: ['endsAt'],
  },
  certificateReplaced: {
    facts: {
      address: 'gina@gamma.example',
      organisation: 'Gamma Linux',
      before: FINGERPRINT,
      after: FINGERPRINT.replaceAll('0', '1'),
      encryptionKey: null,
    },
    instants: [],
  },
  dispatch: {
    facts: {
      caseId: 'orbit-2026-0001',
      subject: 'Overflow in the parser',
      text: 'A length is not checked.',
      releaseAt: AT,
      patches: [{ name: 'fix.patch', sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }],
    },
    instants: ['releaseAt'],
  },
  heldPost: {
    facts: {
      list: 'distributors@orbit.example',
      postId: '01k3jz8q4nv1w6x0r7t2yeabcd',
      receivedAt: AT,
      advice: 'sign all of it, once',
    },
    instants: ['receivedAt'],
  },
  keyRotated: {
    facts: { list: 'distributors@orbit.example', before: FINGERPRINT, after: FINGERPRINT.replaceAll('0', '1'), fromAt: AT },
    instants: ['fromAt'],
  },
  lifted: {
    facts: { caseId: 'orbit-2026-0001', releaseAt: AT, releasedAt: AT, channels: ['announce@orbit.example'] },
    instants: ['releaseAt', 'releasedAt'],
  },
  memberChanged: {
    facts: { project: 'orbit', organisation: 'Gamma Linux', state: 'active', reason: 'vetted' },
    instants: [],
  },
  news: { facts: { caseId: 'orbit-2026-0001', releasedAt: AT, channels: ['announce@orbit.example'] }, instants: ['releasedAt'] },
  proveKey: {
    facts: {
      project: 'orbit',
      fingerprint: FINGERPRINT,
      request: 'security-request@orbit.example',
      nonce: 'k3jz8q4nv1w6x0r7t2ye',
      until: AT,
    },
    instants: ['until'],
  },
  receipt: {
    facts: {
      project: 'orbit',
      caseId: 'orbit-2026-0001',
      receivedAt: AT,
      thread: 'security+orbit-2026-0001.k3jz8q4n@orbit.example',
      answerBy: AT,
    },
    instants: ['receivedAt', 'answerBy'],
  },
  refusedPost: {
    facts: {
      list: 'distributors@orbit.example',
      postId: '01k3jz8q4nv1w6x0r7t2yeabcd',
      receivedAt: AT,
      reason: 'not for this list',
    },
    instants: ['receivedAt'],
  },
};

/** As Curfew words them. */
export const defaultWords: Words = ours;
