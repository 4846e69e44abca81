import { beforeEach, describe, expect, test } from 'vitest';
import { addContact } from '../../src/roster/contacts.ts';
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

  describe('what changes of a member who is there', () => {
    const to = (mails: readonly { to: string }[]) => mails.map((mail) => mail.to).sort();
    const change = (how: { tells?: boolean; dryRun?: boolean } = {}) =>
      importRoster(
        house,
        [
          {
            organisation: 'Alpha',
            lists: [LISTS.security],
            groups: ['kernel'],
            contacts: [{ address: gina.address, certificate: gina.public }],
          },
        ],
        {
          activate: { reason: 'met them' },
          dryRun: how.dryRun === true,
          ...(how.tells === false ? {} : { tell: { ...house, project: 'orbit' } }),
        },
      );
    const changes = {
      contacts: 1,
      vouched: [],
      putOnLists: [{ organisation: 'Alpha', list: LISTS.security }],
      putIntoGroups: [{ organisation: 'Alpha', group: 'kernel' }],
    };

    test('is in the report, and told to his contacts', async () => {
      expect(await change({ dryRun: true })).toMatchObject({ written: false, ...changes });
      expect(await sent()).toEqual([]);
      expect(await change()).toMatchObject({ written: true, ...changes });
      const mails = await sent();
      const [{ address }] = house.members;
      expect(to(mails)).toEqual([address, address, gina.address, gina.address].sort());
      const texts = [];
      for (const { to: who, raw } of mails)
        if (who === gina.address) texts.push((await openCopy(raw, gina, undefined, house.clock.now())).entity.toString());
      expect(texts.join()).toContain(LISTS.security);
      expect(texts.join()).toContain(gina.address);
      expect(await change()).toMatchObject({ unchanged: 1, putOnLists: [], putIntoGroups: [] });
      expect(await sent()).toEqual([]);
    });

    test('is told to nobody where it is to be quiet', async () => {
      expect(await change({ tells: false })).toMatchObject({ written: true, ...changes });
      expect(await sent()).toEqual([]);
    });

    test('names who has copies without a proof', async () => {
      const alpha = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
      await addContact(house, { project: 'orbit' }, alpha, { address: gina.address, name: null, certificate: gina.public });
      await sent();
      const vouched = [{ organisation: 'Alpha', address: gina.address }];
      expect(await change({ dryRun: true })).toMatchObject({ contacts: 0, vouched });
    });
  });
});
