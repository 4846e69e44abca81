import { expect, test } from 'vitest';
import * as lists from '../../src/store/lists.ts';
import { eachEngine } from '../support/dialects.ts';
import { addList } from './roster-rows.ts';

eachEngine((engine) => {
  test('a list is found by its id and by its address in any case', async () => {
    const { db } = await engine.open();
    await addList(db, 'Security@Orbit.example', 'intake');
    const list = await lists.byAddress(db, 'SECURITY@orbit.EXAMPLE');
    expect(list).toMatchObject({ id: 'Security', address: 'security@orbit.example', role: 'intake' });
    expect(await lists.byId(db, 'Security')).toEqual(list);
    expect(await lists.byAddress(db, 'other@orbit.example')).toBeUndefined();
  });

  test('lists come by address', async () => {
    const { db } = await engine.open();
    await addList(db, 'b@orbit.example', 'private');
    await addList(db, 'a@orbit.example', 'public');
    expect((await lists.all(db)).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  test('a second list with the address is refused, and the transaction can go on', async () => {
    const { db } = await engine.open();
    await addList(db, 'a@orbit.example', 'intake');
    await db.transaction().execute(async (tx) => {
      const again = lists.insert(tx, {
        id: 'x',
        address: 'A@orbit.example',
        role: 'public',
        name: '',
        fingerprint: '',
        created_at: 0,
      });
      await expect(again).rejects.toMatchObject({ reason: 'conflict', hint: 'The list a@orbit.example is there already' });
      expect(await lists.all(tx)).toHaveLength(1);
    });
  });
});
