import { afterAll, describe, expect, it } from 'vitest';
import { createPgp } from '../../src/pgp/pool.ts';
import { casesOf, corpora } from './corpora.ts';
import { examine } from './examine.ts';
import { exceptions } from './exceptions.ts';
import { frozenVerdicts } from './frozen.ts';
import { judge, LIMITS } from './judge.ts';

const pgp = createPgp(1);
afterAll(() => pgp.close());
const frozen = frozenVerdicts();

for (const name of corpora) {
  const cases = await casesOf(name);
  const absent = 'absent' in cases ? cases.absent : null;
  describe.skipIf(absent !== null)(
    `every mail of ${name} through the receiving route${absent ? ` (skipped: ${absent})` : ''}`,
    () => {
      it.each('absent' in cases ? [] : cases)('$file', async (mail) => {
        const got = await examine(mail, pgp);
        // Another test may have the machine: time is `npm run conformance`'s to judge, and this is no hang.
        const { verdict, problems, exception } = judge(mail, { ...got, ms: got.ms < 10 * LIMITS.ms ? 0 : got.ms });
        // Of another corpus of this kind nothing is frozen.
        expect(verdict).toBe(frozen.get(`${name}/${mail.file}`) ?? verdict);
        if (exception === undefined) expect(problems).toEqual([]);
      });
    },
  );
}

describe('the exceptions', () => {
  it('are few, each with its reason, and each for a mail that is there', () => {
    for (const [file, { reason, differs }] of Object.entries(exceptions)) {
      expect(frozen.has(file)).toBe(true);
      expect(reason.length).toBeGreaterThan(20);
      expect(differs).not.toEqual([]);
    }
    expect(Object.keys(exceptions).length).toBeLessThan(10);
  });
});
