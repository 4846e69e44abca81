import { expect, test } from 'vitest';
import * as recipients from '../../src/store/recipients.ts';
import type { Recipient } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';
import { addList, NOW } from './roster-rows.ts';

function recipient(listId: string, address: string, kind: Recipient['kind']): Recipient {
  return { id: `${listId} ${address}`, list_id: listId, address, kind, created_at: NOW };
}

eachEngine((engine) => {
  test('recipients come by address, in lower case, of one list', async () => {
    const { db } = await engine.open();
    const [announce, other] = [
      await addList(db, 'announce@orbit.example', 'public'),
      await addList(db, 'other@orbit.example', 'public'),
    ];
    await recipients.insert(db, recipient(announce, 'OSS@public.example', 'external'));
    await recipients.insert(db, recipient(announce, 'a@reader.example', 'subscriber'));
    await recipients.insert(db, recipient(other, 'oss@public.example', 'external'));
    expect((await recipients.ofList(db, announce)).map(({ address, kind }) => [address, kind])).toEqual([
      ['a@reader.example', 'subscriber'],
      ['oss@public.example', 'external'],
    ]);
    expect(await recipients.externalAddresses(db)).toEqual(['oss@public.example']);
  });

  test('an address gets a list once', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'announce@orbit.example', 'public');
    await recipients.insert(db, recipient(list, 'a@reader.example', 'subscriber'));
    const again = recipients.insert(db, { ...recipient(list, 'A@reader.example', 'external'), id: 'x' });
    await expect(again).rejects.toMatchObject({ reason: 'conflict', hint: 'a@reader.example gets this list already' });
  });

  test('an address is removed once', async () => {
    const { db } = await engine.open();
    const list = await addList(db, 'announce@orbit.example', 'public');
    await recipients.insert(db, recipient(list, 'a@reader.example', 'subscriber'));
    const remove = () => recipients.remove(db, list, 'A@READER.example');
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await recipients.ofList(db, list)).toEqual([]);
  });
});
