import { beforeEach, describe, expect, test } from 'vitest';
import { copiesFor, copyFor, eachContact, readers, team } from '../../src/delivery/copies.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import type { PostKind, PostState } from '../../src/store/schema.ts';
import { addList } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });
  const TEAM = ['ada@orbit.example', 'dirk@orbit.example', 'lena@orbit.example'];
  const MEMBERS = ['alpha@alpha.example', 'beta@beta.example'];
  const read = async (id: string, kind: PostKind, inThread: boolean, state: PostState = 'accepted') => {
    const list = await lists.byId(house.db, id);
    if (!list) throw new Error(`no list ${id}`);
    return (await readers(house.db, list, { kind, state, case_id: inThread ? 'ORBIT-2026-0001' : null })).map(
      ({ address }) => address,
    );
  };

  describe('a post is for', () => {
    test('the team, on the intake list', async () => {
      for (const kind of ['report', 'post', 'owner'] as const) expect(await read('security', kind, true)).toEqual(TEAM);
    });
    test('the members, on a private list; in a thread of a case the team as well', async () => {
      expect(await read('distributors', 'post', false)).toEqual(MEMBERS);
      expect(await read('distributors', 'post', true)).toEqual([...MEMBERS, ...TEAM]);
    });
    test('the team, when it is for the people behind a private or public list', async () => {
      for (const list of ['distributors', 'announce']) expect(await read(list, 'owner', false)).toEqual(TEAM);
    });
  });

  test('what is held is for the team alone', async () => {
    for (const inThread of [true, false]) expect(await read('distributors', 'post', inThread, 'held')).toEqual(TEAM);
  });

  test('who has unsubscribed from a list gets nothing that it distributes, until he subscribes again', async () => {
    const [alpha] = house.members;
    expect(await contacts.unsubscribe(house.db, alpha.contactId, 'distributors', 1)).toBe(true);
    expect(await contacts.unsubscribe(house.db, alpha.contactId, 'distributors', 2)).toBe(false);
    expect(await read('distributors', 'post', false)).toEqual([MEMBERS[1]]);
    expect(await contacts.resubscribe(house.db, alpha.contactId, 'distributors')).toBe(true);
    expect(await read('distributors', 'post', false)).toEqual(MEMBERS);
  });

  test('the team is everybody on an intake list, each once, while active', async () => {
    const second = await addList(house.db, 'cert@orbit.example', 'intake');
    for (const { id, organisation } of await members.all(house.db))
      if (organisation !== 'Beta') await members.addToList(house.db, id, second);
    await house.db.updateTable('contacts').set({ active: 0 }).where('address', '=', 'ada@orbit.example').execute();
    expect((await team(house.db)).map(({ address }) => address).sort()).toEqual([
      MEMBERS[0],
      'dirk@orbit.example',
      'lena@orbit.example',
    ]);
  });

  test('the order of copies is not that of the roster, and none is missing', () => {
    const post = { id: 'p', case_id: null, list: { id: 'distributors', address: LISTS.distributors } };
    const addresses = Array.from({ length: 20 }, (_, index) => `${String.fromCharCode(97 + index)}@member.example`);
    const made = copiesFor(house.clock, post, eachContact(addresses.map((address) => ({ id: address, address })))).map(
      ({ address }) => address,
    );
    expect(made).not.toEqual(addresses);
    expect(made.sort()).toEqual(addresses);
  });

  test('a copy has a Message-ID of its own that tells nothing, in the domain of its list', () => {
    const post = { id: 'p', case_id: 'ORBIT-2026-0001', list: { id: 'security', address: 'security@orbit.example' } };
    const copies = [1, 2].map(() => copyFor(house.clock, post, { audience: 'contact', address: 'a@b.example', contactId: 'c' }));
    for (const { message_id } of copies) expect(message_id).toMatch(/^<[0-9a-z]{32}@orbit\.example>$/);
    expect(new Set(copies.map(({ message_id }) => message_id)).size).toBe(2);
  });
});
