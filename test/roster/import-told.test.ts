import { beforeEach, expect, test } from 'vitest';
import { importRoster } from '../../src/roster/import.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let gina: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    gina = await makeParty('security@gamma.example');
  });

  const roster = () => [
    {
      organisation: 'Gamma',
      lists: [LISTS.distributors],
      contacts: [{ address: gina.address, certificate: gina.public }],
    },
    { organisation: 'Alpha', lists: [LISTS.distributors], contacts: [] },
  ];
  const activated = async (how: { tells?: boolean; dryRun?: boolean } = {}) => {
    const tell = how.tells === false ? {} : { tell: { ...house, project: 'orbit' } };
    return importRoster(house, roster(), { activate: { reason: 'met them' }, dryRun: how.dryRun === true, ...tell });
  };
  const sent = () => outbox(house).drain();

  test.each(['new', 'applied'])(
    'a %s member that an import activates is told so, as by a single activation, once',
    async (which) => {
      if (which === 'applied') await importRoster(house, roster(), { activate: null, dryRun: false });
      expect(await activated()).toMatchObject({ written: true, activated: 1 });
      const mails = await sent();
      expect(mails.map(({ to }) => to)).toEqual([gina.address]);
      const { entity } = await openCopy(mails[0]?.raw ?? Buffer.of(), gina, undefined, house.clock.now());
      expect(entity.toString()).toContain('Gamma');
      expect(entity.toString()).toContain('met them');
      await activated();
      expect(await sent()).toEqual([]);
    },
  );

  test('nobody is told of what was only looked at, or where it is to be quiet', async () => {
    await activated({ dryRun: true });
    await activated({ tells: false });
    expect(await sent()).toEqual([]);
    expect(await members.byOrganisation(house.db, 'Gamma')).toMatchObject({ state: 'active' });
  });

  test('where the mail cannot be kept nobody was activated', async () => {
    const keep = async () => {
      throw new Error('the disk is full');
    };
    const tell = { ...house, pgp: { keep }, project: 'orbit' };
    const how = { activate: { reason: 'met them' }, dryRun: false, tell };
    await expect(importRoster(house, roster(), how)).rejects.toThrow('the disk is full');
    expect(await members.byOrganisation(house.db, 'Gamma')).toBeUndefined();
  });
});
