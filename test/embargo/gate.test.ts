import { describe, expect, test } from 'vitest';
import { type Approval, approvers, gate, type PublicAttempt } from '../../src/embargo/gate.ts';
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
const HASHES = ['bundle', 'other'];
const NOWS = [AT - 1, AT, AT + 1];
const POSTS = [null, 'public', 'another'];

/** Every combination; what opens is written down apart from how the gate finds it. */
describe('the gate', () => {
  const attempts = STATES.flatMap((state) =>
    APPROVALS.flatMap(([who, approvals, enough]) =>
      HASHES.flatMap((hash) =>
        NOWS.flatMap((now) => POSTS.map((postId) => ({ state, who, approvals, enough, hash, now, postId }))),
      ),
    ),
  );
  const ask = ({ state, approvals, hash, now, postId }: (typeof attempts)[number]) =>
    gate({
      case: { state, release_at: AT, bundle_hash: 'bundle', public_post_id: state === 'released' ? 'public' : null },
      approvals,
      hash,
      now,
      postId,
    });

  test('opens for the release of an armed case and for the public post of a released one, approved, unchanged, at the instant', () => {
    const open = attempts.filter((attempt) => ask(attempt).open);
    const expected = attempts.filter(
      ({ state, enough, hash, now, postId }) =>
        enough &&
        hash === 'bundle' &&
        now >= AT &&
        ((state === 'armed' && postId === null) || (state === 'released' && postId === 'public')),
    );
    expect(open).toEqual(expected);
    expect(open).toHaveLength(2 * 2 * 2);
  });

  test('says why it is shut: approvals before contents, contents before the instant', () => {
    for (const attempt of attempts) {
      const answer = ask(attempt);
      if (answer.open) continue;
      const { enough, hash, now, postId } = attempt;
      const due = postId === null ? 'conflict' : 'not-released';
      const reason = !enough ? 'not-approved' : hash !== 'bundle' ? 'approval-voided' : now < AT ? 'not-released' : due;
      expect(answer).toEqual({ open: false, reason });
    }
  });

  test.each<[string, Partial<PublicAttempt['case']>]>([
    ['an instant', { release_at: null }],
    ['a bundle', { bundle_hash: null }],
  ])('is shut for a case without %s', (_, change) => {
    const about = { state: 'armed', release_at: AT, bundle_hash: 'bundle', public_post_id: null, ...change } as const;
    const attempt = { case: about, approvals: [by('lena'), by('dirk')], hash: 'bundle', postId: null, now: AT };
    expect(gate(attempt)).toEqual({ open: false, reason: 'not-approved' });
  });

  test('is shut for a public post that nobody named', () => {
    const about = { state: 'released', release_at: AT, bundle_hash: 'bundle', public_post_id: null } as const;
    const attempt = { case: about, approvals: [by('lena'), by('dirk')], hash: 'bundle', postId: 'public', now: AT };
    expect(gate(attempt)).toEqual({ open: false, reason: 'not-released' });
  });
});

test('approvals count by person and by bundle', () => {
  expect(approvers([by('lena'), by('lena'), by('dirk'), by('ada', 'old')], 'bundle')).toBe(2);
});
