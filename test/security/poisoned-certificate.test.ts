import { beforeEach, expect, test } from 'vitest';
import { importRoster } from '../../src/roster/import.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { poisoned } from '../support/bindings.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('a certificate that cannot be encrypted to holds its own copy, and the others go', async () => {
    const contacts = [{ address: 'evil@evil.example', certificate: await poisoned('evil@evil.example') }];
    const entry = { organisation: 'Evil', lists: [LISTS.distributors], contacts };
    const { problems } = await importRoster(house, [entry], { activate: { reason: 'x' }, dryRun: false });
    expect(problems).toEqual([]);
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const mail = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    await arrive(house, mail, { to: LISTS.distributors, sender: alpha.address });
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to)).toEqual(expect.arrayContaining(house.members.map(({ address }) => address)));
    const copies = await deliveries.page(house.db, { limit: 99, state: 'held' });
    expect(copies).toMatchObject([{ address: 'evil@evil.example', reason: 'cannot-encrypt' }]);
  });
});
