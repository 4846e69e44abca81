import { beforeEach, describe, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { release } from '../../src/embargo/release.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import * as cases from '../../src/store/cases.ts';
import type { Case } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { actor, arm, caseOf, PUBLIC, reasonOf, scheduled } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let about: Case;
  let hash: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    about = await scheduled(house);
    hash = about.bundle_hash ?? '';
  });

  const people = async () => (await cases.approvals(house.db, about.id)).map(({ person_id }) => person_id);

  test('the second different person arms the case', async () => {
    const [lena, dirk, ada] = house.team;
    expect((await approve(house, about.id, hash, await actor(house, lena))).state).toBe('scheduled');
    const second = await approve(house, about.id, hash, await actor(house, dirk));
    expect(second).toEqual(await caseOf(house, about.id));
    expect(second).toMatchObject({ state: 'armed', revision: about.revision + 1 });
    expect(await approve(house, about.id, hash, await actor(house, ada))).toEqual(second);
    expect(await people()).toEqual(expect.arrayContaining([lena.contactId, dirk.contactId, ada.contactId]));
  });

  test('two people who approve at once arm it too', async () => {
    const [lena, dirk] = house.team;
    const actors = await Promise.all([lena, dirk].map((person) => actor(house, person)));
    for (let round = 1; round <= 5; round++) {
      // Connections that are open already, so that neither has a head start.
      await Promise.all(actors.map(() => house.db.selectFrom('cases').select('id').execute()));
      const next = await schedule(house, about.id, { releaseAt: house.clock.now() + DAY, ...PUBLIC });
      const waits = next.proposed_hash ?? next.bundle_hash;
      await Promise.all(actors.map((one) => approve(house, about.id, waits ?? '', one)));
      expect(await caseOf(house, about.id)).toMatchObject({ state: 'armed', bundle_hash: waits });
    }
  });

  test('one person at once under two tokens is one person', async () => {
    const [lena] = house.team;
    const actors = [await actor(house, lena), await actor(house, lena)];
    const answers = await Promise.all(actors.map((one) => reasonOf(approve(house, about.id, hash, one))));
    expect(answers.sort()).toEqual(['approved-already', 'done']);
    expect((await caseOf(house, about.id)).state).toBe('scheduled');
  });

  describe('is refused, and counts for nothing', () => {
    test('the same person again, also with another token', async () => {
      const [lena] = house.team;
      await approve(house, about.id, hash, await actor(house, lena));
      expect(await reasonOf(approve(house, about.id, hash, await actor(house, lena)))).toBe('approved-already');
      expect(await people()).toEqual([lena.contactId]);
    });

    test('a member who is not of the team, a token of nobody, and who left the team', async () => {
      const [lena] = house.team;
      const token = await actor(house, lena);
      const others = [
        { ...token, personId: house.members[0].contactId },
        { ...token, personId: null },
      ];
      for (const other of others) expect(await reasonOf(approve(house, about.id, hash, other))).toBe('needs-person');
      await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', lena.contactId).execute();
      expect(await reasonOf(approve(house, about.id, hash, token))).toBe('needs-person');
      expect(await people()).toEqual([]);
    });

    test('another bundle than the one that stands there', async () => {
      const [lena] = house.team;
      expect(await reasonOf(approve(house, about.id, 'f'.repeat(64), await actor(house, lena)))).toBe('approval-voided');
      expect(await people()).toEqual([]);
    });

    test('a case that has no bundle yet, one that is not there, and one that is released', async () => {
      const [lena] = house.team;
      const token = await actor(house, lena);
      const fresh = await house.report({ text: 'Another.\n' });
      expect(await reasonOf(approve(house, fresh, hash, token))).toBe('conflict');
      expect(await reasonOf(approve(house, 'ORBIT-2026-9999', hash, token))).toBe('not-found');
      await arm(house, about);
      house.clock.moveTo(house.clock.now() + DAY);
      await release(house, about.id);
      expect(await reasonOf(approve(house, about.id, hash, await actor(house, house.team[2])))).toBe('already-released');
    });
  });
});
