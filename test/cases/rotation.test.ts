import { expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { claim } from '../../src/cases/people.ts';
import { askWhoseTurn } from '../../src/cases/rotation.ts';
import { HOUR } from '../../src/clock.ts';
import { reopen } from '../../src/embargo/aside.ts';
import { outbox } from '../delivery/outbox.ts';
import { caseOf } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, housing } from '../support/house.ts';

eachEngine((engine) => {
  test('of a case that nobody leads each of the team is asked in turn, who led least lately first, and nobody twice before it is opened again', async () => {
    const house = await housing()((await engine.open()).db);
    const { team, clock } = house;
    const first = await house.report();
    await claim(as(house, team[0]), first, {});
    const id = await house.report({}, 'ron@example.org');
    await outbox(house).drain();
    const asked: (string | null)[] = [];
    for (const hours of [0, 1, 1, 8, 8, 8]) {
      clock.moveTo(clock.now() + hours * HOUR);
      await askWhoseTurn(house);
      const to = (await outbox(house).drain()).map((mail) => mail.to);
      asked.push(...to, '|');
    }
    const others = [team[1], team[2]].sort((a, b) => (a.contactId < b.contactId ? -1 : 1)).map(({ address }) => address);
    expect(asked).toEqual(['|', others[0], '|', '|', others[1], '|', team[0].address, '|', '|']);
    await sendNotice(as(house, team[0]), id, 'not-a-vulnerability', { text: 'no', list: null });
    await reopen(as(house, team[0]), id, 'It is one.');
    await outbox(house).drain();
    clock.moveTo(clock.now() + 8 * HOUR);
    expect(await askWhoseTurn(house)).toBe(true);
    expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([others[0]]);
    await claim(as(house, team[1]), id, {});
    expect(await caseOf(house, id)).toMatchObject({ lead_id: team[1].contactId, handover_id: null, handover_at: null });
    clock.moveTo(clock.now() + 9 * HOUR);
    expect(await askWhoseTurn(house)).toBe(false);
  });
});
