import { describe, expect, test } from 'vitest';
import { admit } from '../../src/post/admit.ts';
import type { Facts, Signer, Verdict } from '../../src/post/checks.ts';
import type { ListRole } from '../../src/store/schema.ts';

const PURPOSES = ['post', 'thread', 'owner', 'request'] as const;

const onThisList: Signer = { contactId: 'c', active: true, memberState: 'active', lists: ['here'] };
const inactive: Signer = { ...onThisList, active: false };
const suspended: Signer = { ...onThisList, memberState: 'suspended' };
const elsewhere: Signer = { ...onThisList, lists: ['elsewhere'] };
const ofTheTeam: Signer = { ...onThisList, lists: ['team'] };
const suspendedTeam: Signer = { ...ofTheTeam, memberState: 'suspended' };

function verdict(role: ListRole, facts: Partial<Omit<Facts, 'list'>> = {}): Verdict {
  const list = { id: 'here', role };
  const quiet = { loop: false, automatic: null, repeated: false, signer: null, intakeLists: ['team'] } as const;
  return admit({ list, purpose: 'post', ...quiet, ...facts });
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
    ['public', [notReleased, accept, accept, accept]],
  ])('to the %s list: as post, thread, owner and request', (role, verdicts) => {
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

  test('is no post for the members, signed or not', () => {
    for (const automatic of ['bounce', 'auto-reply'] as const)
      for (const purpose of ['post', 'thread', 'request'] as const)
        expect(verdict('private', { automatic, purpose, signer: onThisList })).toEqual(membersOnly);
  });
});

test("a program's own mail is judged like a person's", () => {
  expect(verdict('intake', { automatic: 'notice' })).toEqual(accept);
  expect(verdict('private', { automatic: 'notice' })).toEqual(membersOnly);
  expect(verdict('private', { automatic: 'notice', signer: onThisList })).toEqual(accept);
});
