import { describe, expect, test } from 'vitest';
import {
  type Approval,
  approvers,
  type ForthcomingAttempt,
  forthcomingGate,
  forthcomingHash,
  type Going,
  gate,
  type PublicAttempt,
} from '../../src/embargo/gate.ts';
import type { CaseState } from '../../src/store/schema.ts';

const AT = 1_790_092_800_000;
const by = (person_id: string, hash = 'bundle'): Approval => ({ person_id, hash });

const STATES: CaseState[] = ['received', 'scheduled', 'armed', 'released'];
const APPROVALS: [string, Approval[], boolean][] = [
  ['nobody', [], false],
  ['one person', [by('lena')], false],
  ['one person twice', [by('lena'), by('lena')], false],
  ['one of this and one of another bundle', [by('lena'), by('dirk', 'old')], false],
  ['two of another bundle', [by('lena', 'old'), by('dirk', 'old')], false],
  ['two people', [by('lena'), by('dirk')], true],
  ['three people', [by('lena'), by('dirk'), by('ada')], true],
];
const NOWS = [AT - 1, AT, AT + 1];
const DOUBTS = [null, 'clock-suspect', 'restored'] as const;
const GOING: Going[] = [
  ...['bundle', 'other'].map((bundle) => ({ bundle })),
  ...['public', 'another'].flatMap((postId) => ['octets', 'other'].map((digest) => ({ postId, digest }))),
];
/** What was approved, and what the release made of it. */
const approved = (going: Going) => ('bundle' in going ? going.bundle === 'bundle' : going.digest === 'octets');

const TERMS = { release_at: AT, bundle_hash: 'bundle' };
const UNPUBLISHED = { public_post_id: null, public_digest: null, external_post_id: null, external_digest: null };
const PUBLISHED: Record<keyof typeof UNPUBLISHED, string | null> = {
  ...UNPUBLISHED,
  public_post_id: 'public',
  public_digest: 'octets',
};

/** Nothing that would keep it from being released. */
const CLEAR = { aside: null, patch_set: null, distributed_set: null } as const;

/** Every combination; what opens is written down apart from how the gate finds it. */
describe('the gate', () => {
  const attempts = STATES.flatMap((state) =>
    APPROVALS.flatMap(([who, approvals, enough]) =>
      NOWS.flatMap((now) =>
        DOUBTS.flatMap((doubt) => GOING.map((going) => ({ state, who, approvals, enough, now, doubt, going }))),
      ),
    ),
  );
  const ask = ({ state, approvals, now, doubt, going }: (typeof attempts)[number]) =>
    gate({
      case: { state, ...CLEAR, ...TERMS, ...(state === 'released' ? PUBLISHED : UNPUBLISHED) },
      approvals,
      now,
      doubt,
      going,
    });

  test('opens for the release of an armed case and for the public post of a released one, approved, unchanged, at the instant, by a clock that is believed', () => {
    const open = attempts.filter((attempt) => ask(attempt).open);
    const expected = attempts.filter(
      ({ state, enough, now, doubt, going }) =>
        enough &&
        doubt === null &&
        approved(going) &&
        now >= AT &&
        ('bundle' in going ? state === 'armed' : state === 'released' && going.postId === 'public'),
    );
    expect(open).toEqual(expected);
    expect(open).toHaveLength(2 * 2 * 2);
  });

  test('says why it is shut: of a bundle its contents before the instant, of a post the instant before its octets', () => {
    for (const attempt of attempts) {
      const answer = ask(attempt);
      if (answer.open) continue;
      const { enough, now, doubt, going, state } = attempt;
      const early = doubt ?? (now < AT ? 'not-released' : null);
      const bundle = () => (!approved(going) ? 'approval-voided' : (early ?? 'conflict'));
      const post = (id: string) => early ?? (state !== 'released' || id !== 'public' ? 'not-released' : 'approval-voided');
      const reason = !enough ? 'not-approved' : 'bundle' in going ? bundle() : post(going.postId);
      expect(answer).toEqual({ open: false, reason });
    }
  });

  test.each<[string, Partial<PublicAttempt['case']>]>([
    ['an instant', { release_at: null }],
    ['a bundle', { bundle_hash: null }],
  ])('is shut for a case without %s', (_, change) => {
    const about = { state: 'armed', ...CLEAR, ...TERMS, ...UNPUBLISHED, ...change } as const;
    const attempt = { case: about, approvals: [by('lena'), by('dirk')], going: { bundle: 'bundle' }, now: AT, doubt: null };
    expect(gate(attempt)).toEqual({ open: false, reason: 'not-approved' });
  });

  test.each<[string, Partial<typeof PUBLISHED>, string]>([
    ['post that nobody named', { public_post_id: null }, 'not-released'],
    ['post whose octets nobody wrote down', { public_digest: null }, 'approval-voided'],
  ])('is shut for a public %s', (_, change, reason) => {
    const about = { state: 'released', ...CLEAR, ...TERMS, ...PUBLISHED, ...change } as const;
    const going = { postId: 'public', digest: 'octets' };
    expect(gate({ case: about, approvals: [by('lena'), by('dirk')], going, now: AT, doubt: null })).toEqual({
      open: false,
      reason,
    });
  });
});

test('the post for external addresses is let through with its own octets, and those of neither post as the other', () => {
  const released = { ...PUBLISHED, external_post_id: 'external', external_digest: 'own octets' };
  const about = { state: 'released', ...CLEAR, ...TERMS, ...released } as const;
  const ask = (postId: string, digest: string) =>
    gate({ case: about, approvals: [by('lena'), by('dirk')], going: { postId, digest }, now: AT, doubt: null });
  expect(ask('external', 'own octets')).toEqual({ open: true });
  expect(ask('public', 'octets')).toEqual({ open: true });
  expect(ask('external', 'octets')).toEqual({ open: false, reason: 'approval-voided' });
  expect(ask('public', 'own octets')).toEqual({ open: false, reason: 'approval-voided' });
});

describe('a release', () => {
  const about = { state: 'armed', ...CLEAR, ...TERMS, ...UNPUBLISHED } as const;
  const attempt = { approvals: [by('lena'), by('dirk')], going: { bundle: 'bundle' }, now: AT, doubt: null };

  test.each<[string, Partial<PublicAttempt['case']>, string]>([
    ['of a withdrawn case', { aside: 'withdrawn' }, 'withdrawn'],
    ['of a rejected case', { aside: 'rejected' }, 'withdrawn'],
    ['of other patches than distributors have', { patch_set: 'v2', distributed_set: 'v1' }, 'not-distributed'],
    ['without the patches that distributors have', { patch_set: null, distributed_set: 'v1' }, 'not-distributed'],
  ])('%s is refused', (_, change, reason) => {
    expect(gate({ case: { ...about, ...change }, ...attempt })).toEqual({ open: false, reason });
  });

  test.each<[string, Partial<PublicAttempt['case']>]>([
    ['of a leak', { aside: 'leaked' }],
    ['of what is public already', { aside: 'public_already' }],
    ['of the patches that distributors have', { patch_set: 'v2', distributed_set: 'v2' }],
    ['that distributors were not told of', { patch_set: 'v2' }],
  ])('%s is let through', (_, change) => {
    expect(gate({ case: { ...about, ...change }, ...attempt })).toEqual({ open: true });
  });

  test('of a withdrawn case is that of its note alone, whatever patches there were, and no note goes out for another case', () => {
    const going = { bundle: 'bundle', note: true };
    const withdrawn = { ...about, aside: 'withdrawn', patch_set: 'v2', distributed_set: 'v1' } as const;
    expect(gate({ case: withdrawn, ...attempt, going })).toEqual({ open: true });
    expect(gate({ case: withdrawn, ...attempt, going, now: AT - 1 })).toEqual({ open: false, reason: 'not-released' });
    for (const aside of [null, 'leaked', 'rejected'] as const)
      expect(gate({ case: { ...about, aside }, ...attempt, going })).toEqual({ open: false, reason: 'withdrawn' });
  });
});

test('approvals count by person and by bundle', () => {
  expect(approvers([by('lena'), by('lena'), by('dirk'), by('ada', 'old')], 'bundle')).toBe(2);
});

describe('the word that a fix will come', () => {
  const of = { caseId: 'ORBIT-2026-0001', releaseAt: AT, postId: 'word', digest: 'octets' };
  const hash = forthcomingHash(of);
  const about = {
    id: of.caseId,
    state: 'armed',
    release_at: AT,
    aside: null,
    forthcoming_post_id: 'word',
    forthcoming_digest: 'octets',
    forthcoming_hash: hash,
    forthcoming_by: 'lena',
  } as const;
  const going = { postId: 'word', digest: 'octets' };
  const attempt = { case: about, approvals: [by('dirk', hash)], going, now: AT - 1, doubt: null };

  test('goes out before the instant, as one drafted it and another one approved it', () => {
    expect(forthcomingGate(attempt)).toEqual({ open: true });
  });

  test.each<[string, Partial<ForthcomingAttempt>, string]>([
    ['of another post', { going: { postId: 'public', digest: 'octets' } }, 'not-released'],
    ['with other octets', { going: { postId: 'word', digest: 'x' } }, 'approval-voided'],
    [
      'whose digest was changed with the case',
      { going: { postId: 'word', digest: 'x' }, case: { ...about, forthcoming_digest: 'x' } },
      'approval-voided',
    ],
    ['for an instant that moved', { case: { ...about, release_at: AT + 1 } }, 'approval-voided'],
    ['of a case without an instant', { case: { ...about, release_at: null } }, 'not-approved'],
    ['that its author alone approved', { approvals: [by('lena', hash)] }, 'not-approved'],
    ['that was approved otherwise', { approvals: [by('dirk', 'x')] }, 'not-approved'],
    ['that nobody drafted', { case: { ...about, forthcoming_by: null } }, 'not-approved'],
    ['of a withdrawn case', { case: { ...about, aside: 'withdrawn' } }, 'withdrawn'],
    ['of a case that is released', { case: { ...about, state: 'released' } }, 'already-released'],
    ['by a clock that is in doubt', { doubt: 'clock-suspect', now: AT }, 'clock-suspect'],
    ['after a backup was restored', { doubt: 'restored' }, 'restored'],
    ['at the instant itself', { now: AT }, 'past-instant'],
  ])('%s is refused', (_, change, reason) => {
    expect(forthcomingGate({ ...attempt, ...change })).toEqual({ open: false, reason });
  });
});
