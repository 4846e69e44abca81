import { describe, expect, test } from 'vitest';
import { admit } from '../../src/post/admit.ts';
import type { Facts, Signer, Verdict } from '../../src/post/checks.ts';
import type { List, ListRole } from '../../src/store/schema.ts';

const PURPOSES = ['post', 'thread', 'owner', 'sendkey'] as const;

const HERE = 'distributors@orbit.example';
const addressed = { addressedTo: [HERE], intendedFor: [] };
const THREAD = 'distributors+orbit-2026-0001.token@orbit.example';
const onThisList: Signer = { contactId: 'c', active: true, proved: true, memberState: 'active', lists: ['here'], ...addressed };
const inactive: Signer = { ...onThisList, active: false };
const suspended: Signer = { ...onThisList, memberState: 'suspended' };
const elsewhere: Signer = { ...onThisList, lists: ['elsewhere'] };
const ofTheTeam: Signer = { ...onThisList, lists: ['team'] };
const suspendedTeam: Signer = { ...ofTheTeam, memberState: 'suspended' };

const anyList = (role: ListRole, policy: Partial<List> = {}): List => ({
  id: 'here',
  address: HERE,
  role,
  name: 'Orbit',
  fingerprint: 'F',
  next_fingerprint: null,
  next_at: null,
  next_told: 0,
  expires_told: null,
  created_at: 0,
  encrypted_only: 0,
  signed_only: 0,
  members_only: 0,
  moderated: 0,
  unaddressed: 'hold',
  largest: null,
  file_names: null,
  file_types: null,
  subject_prefix: null,
  footer: null,
  give_up: null,
  seal: 'shared',
  ...policy,
});

const QUIET: Omit<Facts, 'list' | 'purpose'> = {
  caseId: null,
  outside: false,
  size: 100,
  loop: false,
  automatic: null,
  repeated: false,
  encrypted: true,
  signer: null,
  signedTwice: false,
  introduces: false,
  mixed: false,
  files: [],
  listKeys: ['F', 'SUB'],
  intakeLists: ['team'],
};

function judged(list: List, facts: Partial<Omit<Facts, 'list'>> = {}) {
  return admit({ list, purpose: 'post', ...QUIET, ...facts });
}

function verdict(role: ListRole, facts: Partial<Omit<Facts, 'list'>> = {}, policy: Partial<List> = {}): Verdict {
  const { hits: _, ...said } = judged(anyList(role, policy), facts);
  return said;
}

const accept: Verdict = { verdict: 'accept' };
const membersOnly: Verdict = { verdict: 'reject', reason: 'members-only' };
const notReleased: Verdict = { verdict: 'reject', reason: 'not-released' };
const mailLoop: Verdict = { verdict: 'reject', reason: 'mail-loop' };
const discard: Verdict = { verdict: 'discard', reason: 'repeated' };

describe('an unsigned mail', () => {
  test.each<[ListRole, readonly [Verdict, Verdict, Verdict, Verdict]]>([
    ['intake', [accept, accept, accept, accept]],
    ['private', [membersOnly, membersOnly, accept, accept]],
    ['public', [notReleased, notReleased, accept, accept]],
  ])('to the %s list: as post, thread, owner and sendkey', (role, verdicts) => {
    expect(PURPOSES.map((purpose) => verdict(role, { purpose }))).toEqual(verdicts);
  });
});

describe('a post or a thread of a private list', () => {
  test.each<[string, Signer | null, Verdict]>([
    ['an active contact of an active member on that list', onThisList, accept],
    ['the team', ofTheTeam, accept],
    ['nobody on the roster', null, membersOnly],
    ['an inactive contact', inactive, membersOnly],
    ['a suspended member', suspended, membersOnly],
    ['a member of another private list', elsewhere, membersOnly],
    ['a suspended team', suspendedTeam, membersOnly],
    ['one who has not proved his key', { ...onThisList, proved: false }, membersOnly],
    ['one of the team who has not proved his key', { ...ofTheTeam, proved: false }, membersOnly],
    ['a member of no list', { ...onThisList, lists: [] }, membersOnly],
  ])('signed by %s', (_, signer, expected) => {
    expect(verdict('private', { signer })).toEqual(expected);
    expect(verdict('private', { signer, purpose: 'thread' })).toEqual(expected);
  });

  test.each(['applied', 'vouched', 'vetted', 'key_proved', 'key_hold', 'suspended', 'removed', 'rejected'] as const)(
    'signed by a member who is %s is refused',
    (memberState) => expect(verdict('private', { signer: { ...onThisList, memberState } })).toEqual(membersOnly),
  );
});

describe('a mail that has been here before', () => {
  test('is discarded on every list that would take it', () => {
    expect(verdict('intake', { repeated: true })).toEqual(discard);
    expect(verdict('private', { repeated: true, signer: onThisList })).toEqual(discard);
    expect(verdict('public', { repeated: true, purpose: 'owner' })).toEqual(discard);
  });

  test('is refused all the same by a list that does not take it', () => {
    expect(verdict('private', { repeated: true })).toEqual(membersOnly);
    expect(verdict('public', { repeated: true })).toEqual(notReleased);
  });
});

test.each<ListRole>(['intake', 'private', 'public'])(
  'our own mail that comes back to the %s list is a loop, whoever signed it',
  (role) => {
    for (const purpose of PURPOSES)
      expect(verdict(role, { loop: true, purpose, signer: onThisList, repeated: true })).toEqual(mailLoop);
  },
);

describe('an automatic answer', () => {
  test('is for people: at the intake list and behind every list', () => {
    for (const automatic of ['bounce', 'auto-reply'] as const) {
      for (const purpose of PURPOSES) expect(verdict('intake', { automatic, purpose })).toEqual(accept);
      for (const role of ['private', 'public'] as const) expect(verdict(role, { automatic, purpose: 'owner' })).toEqual(accept);
    }
  });

  test('is for people at a private list too, whatever that takes, and no post for its members', () => {
    for (const automatic of ['bounce', 'auto-reply'] as const)
      for (const purpose of ['post', 'thread'] as const)
        expect(verdict('private', { automatic, purpose }, { moderated: 1, encrypted_only: 1 })).toEqual(accept);
  });
});

test("a program's own mail is judged like a person's", () => {
  expect(verdict('intake', { automatic: 'notice' })).toEqual(accept);
  expect(verdict('private', { automatic: 'notice' })).toEqual(membersOnly);
  expect(verdict('private', { automatic: 'notice', signer: onThisList })).toEqual(accept);
});

describe('what a list may ask for', () => {
  const hint = expect.any(String);
  test.each<[string, Partial<List>, Partial<Facts>, Verdict]>([
    ['only encrypted mail', { encrypted_only: 1 }, { encrypted: false }, { verdict: 'reject', reason: 'encrypted-only' }],
    ['only encrypted mail, and it is', { encrypted_only: 1 }, {}, accept],
    ['only signed mail', { signed_only: 1 }, {}, { verdict: 'reject', reason: 'signed-only' }],
    ['only signed mail, and it is', { signed_only: 1 }, { signer: elsewhere }, accept],
    ['only its members', { members_only: 1 }, { signer: elsewhere }, membersOnly],
    ['a size', { largest: 99 }, {}, { verdict: 'reject', reason: 'too-large', hint }],
    ['a size that it has', { largest: 100 }, {}, accept],
    ['moderation', { moderated: 1 }, { signer: onThisList }, { verdict: 'hold', reason: 'moderated' }],
    ['moderation of all but the team', { moderated: 1 }, { signer: ofTheTeam }, accept],
    ['moderation of a suspended team', { moderated: 1 }, { signer: suspendedTeam }, { verdict: 'hold', reason: 'moderated' }],
  ])('%s', (_, policy, facts, expected) => {
    expect(verdict('intake', facts, policy)).toEqual(expected);
    for (const purpose of ['owner', 'request'] as const) {
      const signer = { ...onThisList, addressedTo: ['distributors-owner@orbit.example'] };
      expect(verdict('intake', { ...facts, purpose, signer, encrypted: true }, policy)).toEqual(accept);
    }
  });

  test.each<[string, boolean]>([
    ['fix.patch', true],
    ['FIX.PATCH', true],
    ['cve_v1.2.diff', true],
    ['fix.patch.exe', false],
    ['patch', false],
    ['../.patch', true],
  ])('attachments by name: %s', (name, taken) => {
    const files = [{ name, mediaType: 'text/plain' }];
    const policy = { file_names: '*.patch *.diff' };
    expect(verdict('intake', { files }, policy).verdict).toBe(taken ? 'accept' : 'reject');
    expect(verdict('intake', { files }, { file_types: 'text/* image/png' })).toEqual(accept);
    expect(verdict('intake', { files }, { file_types: 'image/*' })).toMatchObject({ reason: 'file-not-allowed' });
  });

  test('a pattern with many stars takes no time', () => {
    const before = process.cpuUsage();
    const files = [{ name: 'a'.repeat(100_000), mediaType: 'x/y' }];
    expect(verdict('intake', { files }, { file_names: `${'*a'.repeat(50)}*b` })).toMatchObject({ verdict: 'reject' });
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });
});

describe('words that were signed for somebody else wait for a person', () => {
  test.each<[string, Partial<Signer>, boolean]>([
    ['to the list', { addressedTo: ['x@y.example', HERE] }, true],
    ['to a thread of it', { addressedTo: [THREAD] }, false],
    ['for its key', { addressedTo: [], intendedFor: ['F'] }, true],
    ['for its subkey', { addressedTo: [], intendedFor: ['OTHER', 'SUB'] }, true],
    ['to nobody', { addressedTo: [] }, false],
    ['to another list', { addressedTo: ['security@orbit.example'] }, false],
    ['for another key', { addressedTo: [], intendedFor: ['OTHER'] }, false],
  ])('addressed %s', (_, change, taken) => {
    const facts = { signer: { ...onThisList, ...change } };
    expect(verdict('private', facts)).toEqual(taken ? accept : { verdict: 'hold', reason: 'unaddressed' });
    expect(verdict('private', facts, { unaddressed: 'accept' })).toEqual(accept);
    expect(verdict('intake', facts)).toEqual(taken ? accept : { verdict: 'hold', reason: 'unaddressed' });
  });

  test('to the thread of a case: for that case alone', () => {
    const to = (caseId: string) =>
      verdict('private', { purpose: 'thread', caseId, signer: { ...onThisList, addressedTo: [THREAD] } });
    expect(to('ORBIT-2026-0001')).toEqual(accept);
    expect(to('ORBIT-2026-0002')).toEqual({ verdict: 'hold', reason: 'unaddressed' });
  });

  test('and so does a mixture of signed and unsigned words; a stranger is refused at once', () => {
    for (const role of ['private', 'intake'] as const)
      expect(verdict(role, { mixed: true })).toEqual({ verdict: 'hold', reason: 'mixed' });
    expect(verdict('private', { mixed: false })).toEqual(membersOnly);
    expect(verdict('private', { mixed: true, repeated: true })).toEqual(discard);
  });

  test('what one certificate signed several times is refused, unless it is for people or was here before', () => {
    const facts = { signer: onThisList, signedTwice: true };
    for (const purpose of ['post', 'thread', 'request'] as const)
      expect(verdict('private', { ...facts, purpose })).toMatchObject({ verdict: 'reject', reason: 'malformed-mail' });
    expect(verdict('intake', { signedTwice: true })).toMatchObject({ verdict: 'reject', reason: 'malformed-mail' });
    expect(verdict('private', { ...facts, purpose: 'owner' })).not.toMatchObject({ verdict: 'reject' });
    expect(verdict('private', { ...facts, repeated: true })).toEqual(discard);
  });
});

describe('a request', () => {
  const purpose = 'request';
  test.each<[string, Partial<Facts>, boolean]>([
    ['sealed and signed', { signer: elsewhere }, true],
    ['in clear', { signer: onThisList, encrypted: false }, false],
    ['unsigned', {}, false],
    ['by an inactive contact', { signer: inactive }, false],
    ['by a suspended member', { signer: suspended }, false],
  ])('%s', (_, facts, taken) => {
    for (const role of ['intake', 'private', 'public'] as const)
      expect(verdict(role, { purpose, ...facts })).toEqual(taken ? accept : { verdict: 'reject', reason: 'request-unsigned' });
  });
});

test('what each check said is told, up to the one that decided', () => {
  const { hits } = judged(anyList('private', { moderated: 1 }), { signer: onThisList });
  expect(hits.at(-1)).toEqual(['moderated', 'hold']);
  expect(hits.slice(0, -1).every(([, said]) => said === 'miss')).toBe(true);
  expect(judged(anyList('public')).hits).toEqual([
    ['loop', 'miss'],
    ['publicList', 'reject'],
  ]);
});
