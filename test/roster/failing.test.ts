import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { watchFailing } from '../../src/roster/failing.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as caseTeams from '../../src/store/case-teams.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { bounce, posting } from '../delivery/bounced.ts';
import { type Outbox, outbox, type Sent } from '../delivery/outbox.ts';
import { arm, scheduled } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let box: Outbox;
  let gina: Party;
  let greg: Party;

  /** Gamma has two contacts. */
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    box = outbox(house);
    [gina, greg] = [await makeParty('gina@gamma.example'), await makeParty('greg@gamma.example')];
    const people = [gina, greg].map(({ address, public: certificate }) => ({ address, certificate }));
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: people };
    expect(await importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false })).toMatchObject({ written: true });
    await box.drain();
  });

  const later = (ms: number) => house.clock.moveTo(house.clock.now() + ms);
  /** What comes back of the next mail to him. */
  const failAt = async (address: string, status = '5.1.1') => {
    await posting(house, house.members[0]);
    const copy = (await box.drain()).find(({ to }) => to === address);
    await bounce(house, copy, { status, words: `550 ${address} canary` });
    await box.drain();
  };
  const warned = async () => {
    await watchFailing(house);
    return box.drain();
  };
  const read = async (mail: Sent | undefined, party: Party) =>
    viewOf(parseEntity((await openCopy(mail?.raw ?? Buffer.alloc(0), party, undefined, house.clock.now())).entity)).text;
  const those = (sent: readonly Sent[]) => sent.map(({ to }) => to).sort();
  const teamOf = () => house.team.map(({ address }) => address).sort();
  const lines = async () =>
    (await house.db.selectFrom('audit').select('line').where('action', '=', 'contact.failing').execute()).length;

  test('the other contacts of his member and the team are told once, he is not', async () => {
    expect(await warned()).toEqual([]);
    await failAt(gina.address);
    const sent = await warned();
    expect(those(sent)).toEqual([greg.address, ...teamOf()].sort());
    const words = await read(
      sent.find(({ to }) => to === greg.address),
      greg,
    );
    expect(words).toContain(`Mail to ${gina.address}`);
    expect(words).toContain('with the code 5.1.1');
    expect(words).not.toMatch(/canary|ORBIT-2026/);
    expect(await warned()).toEqual([]);
    await failAt(gina.address);
    expect(await warned()).toEqual([]);
    expect(await lines()).toBe(1);
  });

  test('again only after mail to him was well in between', async () => {
    await failAt(gina.address);
    expect(await warned()).toHaveLength(4);
    later(HOUR);
    await posting(house, house.members[0]);
    await box.drain();
    later(DAY);
    await failAt(gina.address);
    expect(await warned()).toHaveLength(4);
    expect(await lines()).toBe(2);
  });

  test('two nodes that look at once tell once', async () => {
    await failAt(gina.address);
    await Promise.all([watchFailing(house), watchFailing(house)]);
    expect(await box.drain()).toHaveLength(4);
  });

  test('where nobody else is left to be told, the team is told just that', async () => {
    await failAt(gina.address);
    await warned();
    await failAt(greg.address);
    const sent = await warned();
    expect(those(sent)).toEqual(teamOf());
    const [lena] = house.team;
    expect(
      await read(
        sent.find(({ to }) => to === lena.address),
        lena,
      ),
    ).toContain('It has no other contact who could be told');
  });

  test('of the team the others are told, and not twice', async () => {
    const [lena, dirk, ada] = house.team;
    await house.report();
    const copy = (await box.drain()).find(({ to }) => to === lena.address);
    await bounce(house, copy, { status: '5.1.1' });
    await box.drain();
    expect(those(await warned())).toEqual([ada.address, dirk.address]);
  });

  test('where mail to all of the team comes back, all of it is told: whoever forged that is found out', async () => {
    await house.report();
    const copies = await box.drain();
    for (const { address } of house.team)
      await bounce(
        house,
        copies.find(({ to }) => to === address),
        { status: '5.1.1' },
      );
    await box.drain();
    expect(those(await warned())).toEqual([...teamOf(), ...teamOf(), ...teamOf()].sort());
    expect(await warned()).toEqual([]);
  });

  test('of a staffed case nobody else is told, also where mail to who works on it comes back', async () => {
    const [lena, dirk] = house.team;
    const { id } = await arm(house, await scheduled(house, house.clock.now() + DAY));
    await house.report();
    const copies = await box.drain();
    await dispatch(house, id, LISTS.distributors);
    copies.push(...(await box.drain()));
    await caseTeams.replace(house.db, id, [lena.contactId]);
    for (const { address } of [lena, gina, greg])
      await bounce(
        house,
        copies.find(({ to }) => to === address),
        { status: '5.1.1' },
      );
    await box.drain();
    const sent = await warned();
    const knows = async (mail: Sent) => {
      const who = house.team.find(({ address }) => address === mail.to);
      return who !== undefined && (await read(mail, who)).includes(id);
    };
    const told = new Set<string>();
    for (const mail of sent) if (await knows(mail)) told.add(mail.to);
    expect([...told]).toEqual([lena.address]);
    expect(those(sent)).toContain(dirk.address);
  });

  test('the team is told in which cases nobody else of the member has what was dispatched', async () => {
    const [lena] = house.team;
    const { id } = await arm(house, await scheduled(house, house.clock.now() + DAY));
    await dispatch(house, id, LISTS.distributors);
    const copy = (await box.drain()).find(({ to }) => to === gina.address);
    await bounce(house, copy, { status: '5.1.1' });
    await box.drain();
    const wordsOf = async (sent: Sent[]) =>
      read(
        sent.find(({ to }) => to === lena.address),
        lena,
      );
    expect(await wordsOf(await warned())).not.toContain(id);
    await failAt(greg.address);
    expect(await wordsOf(await warned())).toContain(`NOBODY ELSE of it has what was dispatched in these cases:\n  ${id}`);
  });

  describe('no bounce', () => {
    test('removes, suspends or changes anybody, however many come', async () => {
      const [alpha, beta] = house.members;
      const state = async () => {
        const contact = await contacts.byId(house.db, beta.contactId);
        const member = contact && (await members.byId(house.db, contact.member_id));
        const certificate = await certificates.current(house.db, beta.contactId);
        return { contact, member, certificate, lists: (await contacts.activeOfList(house.db, 'distributors')).length };
      };
      const before = await state();
      for (let round = 0; round < 5; round++) {
        await posting(house, alpha);
        const copy = (await box.drain()).find(({ to }) => to === beta.address);
        // Whoever has seen the address of the copy may say of it what he likes, as often as he likes.
        for (const status of ['5.1.1', '5.7.1', '5.2.1', '4.2.2']) await bounce(house, copy, { status });
        await warned();
        later(DAY);
      }
      expect(await state()).toEqual(before);
      await posting(house, alpha);
      expect((await box.drain()).map(({ to }) => to)).toContain(beta.address);
    });
  });
});
