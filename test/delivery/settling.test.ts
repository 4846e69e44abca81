import { beforeEach, expect, test } from 'vitest';
import { MINUTE, newId } from '../../src/clock.ts';
import { createSettling } from '../../src/delivery/settling.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';

const TAKEN = { state: 'delivered', response: '250 2.0.0 taken' } as const;

eachEngine((engine) => {
  const build = housing();
  let house: House;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  /** The copies of a post for Alpha and Beta, under one lease. */
  const leased = async () => {
    const [alpha] = house.members;
    const letter = letterOf(house, alpha, { to: LISTS.distributors, text: 'Hello.\n' });
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    await arrive(house, await encryptedMail(letter, sealing), { to: LISTS.distributors, sender: alpha.address });
    const lease = { id: newId(house.clock), until: house.clock.now() + MINUTE };
    const [one, other] = await deliveries.lease(house.db, lease, house.clock.now(), { copies: 50 });
    if (!one || !other) throw new Error('there are not two copies');
    return [one, other] as const;
  };
  const settling = (inHand?: number) => {
    let commits = 0;
    const db = new Proxy(house.db, {
      get(of, name) {
        if (name === 'transaction') commits++;
        return Reflect.get(of, name, of);
      },
    });
    return { settle: createSettling({ ...house, db }, inHand === undefined ? undefined : () => inHand), commits: () => commits };
  };
  const logged = async () =>
    (await house.db.selectFrom('audit').select('subject').where('action', '=', 'delivery.delivered').execute())
      .map(({ subject }) => subject)
      .sort();

  test('copies that end together are settled in one transaction, and each is logged', async () => {
    const copies = await leased();
    const { settle, commits } = settling();
    const settled = await Promise.all(copies.map((copy) => settle({ copy, lease: copy.lease ?? '', settlement: TAKEN })));
    expect(settled).toEqual([
      { state: 'delivered', reason: null },
      { state: 'delivered', reason: null },
    ]);
    expect(commits()).toBe(1);
    expect(await logged()).toEqual(copies.map(({ id }) => `delivery:${id}`).sort());
  });

  test('whoever has ended waits for another one in a hand, and not for one that takes its time', async () => {
    const [one, other] = await leased();
    const { settle, commits } = settling(2);
    const first = settle({ copy: one, lease: one.lease ?? '', settlement: TAKEN });
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(commits()).toBe(0);
    await Promise.all([first, settle({ copy: other, lease: other.lease ?? '', settlement: TAKEN })]);
    expect(commits()).toBe(1);
    const [again] = await leased();
    expect(await settle({ copy: again, lease: again.lease ?? '', settlement: TAKEN })).toMatchObject({ state: 'delivered' });
    expect(commits()).toBe(2);
  });

  test('one that cannot be written keeps none of the others from it', async () => {
    const [one, other] = await leased();
    const { settle } = settling();
    const never = { state: 'deferred', reason: 'try-later', response: null, until: Number.NaN } as const;
    const [bad, good] = await Promise.allSettled([
      settle({ copy: one, lease: one.lease ?? '', settlement: never }),
      settle({ copy: other, lease: other.lease ?? '', settlement: TAKEN }),
    ]);
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
    expect(await deliveries.byId(house.db, one.id)).toMatchObject({ state: 'leased' });
    expect(await deliveries.byId(house.db, other.id)).toMatchObject({ state: 'delivered' });
    expect(await logged()).toEqual([`delivery:${other.id}`]);
  });

  test('whose lease is lost changes nothing, beside one that holds it', async () => {
    const [one, other] = await leased();
    const { settle } = settling();
    const settled = await Promise.all([
      settle({ copy: one, lease: 'another', settlement: TAKEN }),
      settle({ copy: other, lease: other.lease ?? '', settlement: TAKEN }),
    ]);
    expect(settled).toEqual([null, { state: 'delivered', reason: null }]);
    expect(await logged()).toEqual([`delivery:${other.id}`]);
  });
});
