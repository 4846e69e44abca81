import { describe, expect, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { DAY } from '../../src/clock.ts';
import { exportRoster } from '../../src/roster/export.ts';
import { type ImportOptions, importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import * as members from '../../src/store/members.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { changed, generate, makeParty } from '../support/party.ts';
import { addLists, clock, entry, pgp } from './roster-file.ts';

const LOOK: ImportOptions = { activate: null, dryRun: true };
const APPLY: ImportOptions = { activate: null, dryRun: false };
const ACTIVATE: ImportOptions = { activate: { reason: 'known for years' }, dryRun: false };

const take = (db: Database, entries: unknown, options = APPLY) => importRoster({ db, clock, pgp, by: SYSTEM }, entries, options);

async function isEmpty(db: Database): Promise<boolean> {
  return (await members.all(db)).length === 0 && (await contacts.all(db)).length === 0;
}

eachEngine((engine) => {
  const open = async () => {
    const { db } = await engine.open();
    await addLists(db);
    return db;
  };

  describe('an import', () => {
    test('leaves new members applied: nothing reaches them yet', async () => {
      const db = await open();
      const report = await take(db, [
        await entry('Alpha', 'a@alpha.example', 'B@Alpha.example'),
        await entry('Bravo', 'b@bravo.example'),
      ]);
      expect(report).toEqual({
        written: true,
        members: 2,
        contacts: 3,
        activated: 0,
        renewed: 0,
        waiting: 0,
        unchanged: 0,
        vouched: [],
        putOnLists: [],
        putIntoGroups: [],
        renewals: [],
        problems: [],
      });
      expect((await members.all(db)).map(({ organisation, state, reason }) => [organisation, state, reason])).toEqual([
        ['Alpha', 'applied', null],
        ['Bravo', 'applied', null],
      ]);
      expect(await contacts.activeOfList(db, 'distributors')).toEqual([]);
    });

    test('with activation makes them active and records why', async () => {
      const db = await open();
      const report = await take(db, [await entry('Alpha', 'a@alpha.example')], ACTIVATE);
      expect(report).toMatchObject({ written: true, activated: 1 });
      expect(await members.byOrganisation(db, 'Alpha')).toMatchObject({ state: 'active', reason: 'known for years' });
      const party = await makeParty('a@alpha.example');
      expect(await contacts.activeOfList(db, 'distributors')).toMatchObject([
        { address: 'a@alpha.example', organisation: 'Alpha', certificate: { fingerprint: party.fingerprint } },
      ]);
    });

    test('makes a signer findable by the key ids of his certificate', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')]);
      const { fingerprint } = await makeParty('a@alpha.example');
      expect(await certificates.byKeyIds(db, [fingerprint.slice(-16)])).toMatchObject([{ fingerprint, lists: ['distributors'] }]);
    });

    test('of the same data a second time changes nothing', async () => {
      const db = await open();
      const roster = [await entry('Alpha', 'a@alpha.example'), await entry('Bravo', 'b@bravo.example')];
      await take(db, roster, ACTIVATE);
      const before = await members.all(db);
      for (const options of [ACTIVATE, APPLY])
        expect(await take(db, roster, options)).toEqual({
          written: true,
          members: 0,
          contacts: 0,
          activated: 0,
          renewed: 0,
          waiting: 0,
          unchanged: 2,
          vouched: [],
          putOnLists: [],
          putIntoGroups: [],
          renewals: [],
          problems: [],
        });
      expect(await members.all(db)).toEqual(before);
    });

    test('of what was exported changes nothing', async () => {
      const db = await open();
      const named = { ...(await entry('Alpha', 'a@alpha.example')), product: 'Alpha OS', groups: ['kernel', 'cloud', 'cloud'] };
      await take(db, [named], ACTIVATE);
      await take(db, [await entry('Bravo')]);
      // As he may be whose contacts have left him.
      await db.updateTable('members').set({ state: 'active' }).where('organisation', '=', 'Bravo').execute();
      const { entries: exported } = await exportRoster({ db, clock, pgp });
      expect(exported).toMatchObject([
        {
          organisation: 'Alpha',
          product: 'Alpha OS',
          lists: ['distributors@orbit.example'],
          groups: ['cloud', 'kernel'],
          contacts: [{ address: 'a@alpha.example' }],
        },
        { organisation: 'Bravo', lists: ['distributors@orbit.example'], contacts: [] },
      ]);
      expect(await take(db, exported)).toMatchObject({ written: true, unchanged: 2 });
    });

    test('puts a member into groups that he is not in, as what counts at once, and takes him out of none', async () => {
      const db = await open();
      const alpha = await entry('Alpha', 'a@alpha.example');
      await take(db, [{ ...alpha, groups: ['kernel'] }], ACTIVATE);
      const more = [{ ...alpha, groups: ['cloud'] }];
      expect((await take(db, more)).problems).toMatchObject([{ problem: expect.stringContaining('needs activation') }]);
      expect(await take(db, more, ACTIVATE)).toMatchObject({ written: true, members: 0, unchanged: 0 });
      expect(await members.all(db)).toMatchObject([{ organisation: 'Alpha', groups: ['cloud', 'kernel'] }]);
      expect((await take(db, [{ ...alpha, groups: ['Cloud'] }])).problems).toMatchObject([
        { entry: 0, problem: expect.stringContaining('groups[0] is "Cloud"; must be the name of a group') },
      ]);
    });

    test('of what was exported makes the same roster elsewhere', async () => {
      const [here, there] = [await open(), await open()];
      await take(here, [await entry('Alpha', 'a@alpha.example', 'b@alpha.example')], ACTIVATE);
      const exported = await exportRoster({ db: here, clock, pgp });
      expect(exported).toMatchObject({ entries: [{ contacts: [{}, {}] }], remarks: [] });
      await take(there, exported.entries, ACTIVATE);
      expect(await exportRoster({ db: there, clock, pgp })).toEqual(exported);
    });

    test('renews a certificate that has another encryption key by now, where that is said to be right, by whatever state he is in, and approves nothing', async () => {
      const db = await open();
      const old = await generate('a@alpha.example', 'a', { born: NOW - 30 * DAY, lifetime: 40 * 86_400 });
      const roster = (certificate: string) => [
        { organisation: 'Alpha', lists: [], contacts: [{ address: 'a@alpha.example', certificate }] },
      ];
      await take(db, roster(old.public), ACTIVATE);
      const { id } = (await members.byOrganisation(db, 'Alpha')) ?? { id: '' };
      await members.setState(db, id, { from: 'active', to: 'key_hold', reason: 'a reason', now: NOW });
      const newer = roster(await changed(old, NOW - DAY, { subkey: true }));
      const expected = { members: 0, contacts: 0, activated: 0, renewed: 1, unchanged: 0, problems: [] };
      const acceptChanged = true;
      const dry = await take(db, newer, { ...LOOK, acceptChanged });
      expect(dry).toMatchObject({ ...expected, written: false });
      expect(dry.renewals).toMatchObject([{ address: 'a@alpha.example', fingerprint: old.fingerprint, whyNot: null }]);
      const done = await take(db, newer, { ...APPLY, acceptChanged });
      expect(done).toEqual({ ...dry, written: true });
      expect(done.renewals[0]?.encryptionKey.before).not.toBe(done.renewals[0]?.encryptionKey.after);
      const { keys } = await pgp.readCertificate(newer[0]?.contacts[0]?.certificate ?? '');
      expect(keys).toHaveLength(3);
      for (const { keyId } of keys) expect(await certificates.byKeyIds(db, [keyId])).toHaveLength(1);
      expect(await take(db, newer)).toMatchObject({ renewed: 0, unchanged: 1, renewals: [] });
      expect(await take(db, roster(old.public))).toMatchObject({ renewed: 0, unchanged: 1 });
      expect(await members.byOrganisation(db, 'Alpha')).toMatchObject({ state: 'key_hold' });
    });

    test('takes up a revocation, and the same roster again is no problem', async () => {
      const db = await open();
      const alpha = await makeParty('a@alpha.example');
      const roster = await entry('Alpha', 'a@alpha.example', 'b@alpha.example');
      await take(db, [roster], ACTIVATE);
      const [a, b] = roster.contacts;
      const contacts = [{ address: a?.address, certificate: await changed(alpha, NOW - DAY, { revoked: true }) }, b];
      const report = await take(db, [{ ...roster, contacts }]);
      expect(report).toMatchObject({
        written: true,
        renewed: 1,
        renewals: [{ whyNot: 'revoked', encryptionKey: { after: null } }],
      });
      for (const again of [[{ ...roster, contacts }], [roster]])
        expect(await take(db, again)).toMatchObject({ written: true, renewed: 0, unchanged: 1 });
      const [current] = (await certificates.allCurrent(db)).filter(({ fingerprint }) => fingerprint === alpha.fingerprint);
      expect(await pgp.usable(current?.data ?? Buffer.of(), NOW)).toEqual({ usable: false, reason: 'revoked' });
    });

    test('activates a candidate that came before', async () => {
      const db = await open();
      const roster = [await entry('Alpha', 'a@alpha.example')];
      await take(db, roster);
      expect(await take(db, roster, ACTIVATE)).toMatchObject({ written: true, activated: 1, unchanged: 0 });
      expect(await members.byOrganisation(db, 'Alpha')).toMatchObject({ state: 'active', reason: 'known for years' });
    });

    test('adds contacts and lists to a candidate whose contacts it names', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')]);
      const more = { ...(await entry('Alpha', 'a@alpha.example', 'b@alpha.example')), lists: ['SECURITY@orbit.example'] };
      expect(await take(db, [more])).toMatchObject({ written: true, members: 0, contacts: 1 });
      const [alpha] = await members.all(db);
      expect(alpha?.lists).toEqual(['distributors', 'security']);
      expect(alpha?.contacts.map(({ address }) => address)).toEqual(['a@alpha.example', 'b@alpha.example']);
    });

    test('that comes twice at the same time is written once', async () => {
      const db = await open();
      const roster = [await entry('Alpha', 'a@alpha.example')];
      const ended = await Promise.allSettled([take(db, roster), take(db, roster)]);
      const refused = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
      for (const reason of refused) expect(reason).toMatchObject({ reason: 'conflict' });
      expect(refused.length).toBeLessThan(2);
      expect(await members.all(db)).toMatchObject([{ organisation: 'Alpha', contacts: [{ address: 'a@alpha.example' }] }]);
    });

    test('of more members than one statement takes is written and logged whole, and tells how far it has come', async () => {
      const db = await open();
      const many = Array.from({ length: 1100 }, (_, i) => ({ organisation: `Many ${i}`, lists: ['distributors@orbit.example'] }));
      const roster = [
        await entry('Alpha', 'a@alpha.example', 'b@alpha.example'),
        ...many.map((one) => ({ ...one, contacts: [] })),
      ];
      const told: string[] = [];
      const progress = (step: string, done: number, total: number) => told.push(`${step} ${done}/${total}`);
      expect(await take(db, roster, { ...APPLY, progress })).toMatchObject({ written: true, members: 1101, contacts: 2 });
      expect(told).toEqual(['reading 1/2', 'reading 2/2', 'writing 500/1101', 'writing 1000/1101', 'writing 1101/1101']);
      const known = await members.all(db);
      expect(known.filter(({ lists }) => lists[0] === 'distributors')).toHaveLength(1101);
      const { seq } = await audit.end(db);
      expect(seq).toBe(2 * 1101 + 2);
    });

    test('that only looks writes nothing and says what it would write', async () => {
      const db = await open();
      expect(await take(db, [await entry('Alpha', 'a@alpha.example')], LOOK)).toMatchObject({
        written: false,
        members: 1,
        contacts: 1,
        problems: [],
      });
      expect(await isEmpty(db)).toBe(true);
    });
  });

  describe('of an import that takes what is right', () => {
    const REST: ImportOptions = { ...ACTIVATE, leaveOut: true };
    const NOTHING = 'Nothing of it is taken, for what is wrong with its contacts';
    const list = 'security@orbit.example';
    const told = async (db: Database, entries: unknown, options = REST) => {
      const { written, leftOut = [], problems } = await take(db, entries, options);
      expect([written, problems]).toEqual([true, []]);
      return leftOut.map(({ entry: at, address, problem }) => [at, address, problem]);
    };

    test('an entry that came without contacts is judged as it is of any other', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')], ACTIVATE);
      const alpha = { organisation: 'Alpha', lists: [list], contacts: [] };
      expect(await told(db, [await entry('Bravo'), { ...alpha, lists: ['none@orbit.example'] }])).toEqual([
        [0, null, expect.stringContaining('"Bravo" would be active, and nobody of it could be written to')],
        [1, null, expect.stringContaining('There is no list none@orbit.example')],
      ]);
      expect(await take(db, [alpha], REST)).toMatchObject({ putOnLists: [{ organisation: 'Alpha', list }], leftOut: [] });
      expect(await members.all(db)).toMatchObject([{ organisation: 'Alpha', lists: ['distributors', 'security'] }]);
    });

    test('an entry that has lost its last contact is told of as one of which nothing is taken', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')], ACTIVATE);
      const bad = { address: 'b@alpha.example', certificate: 'none' };
      const roster = [
        { organisation: 'Alpha', lists: [list], contacts: [bad] },
        // His certificate is another's: that comes out when all is planned.
        { ...(await entry('Bravo', 'a@alpha.example')), lists: [] },
        { ...(await entry('Charlie', 'c@charlie.example')), groups: ['No'], contacts: [{ ...bad, name: 5 }] },
        { organisation: 'Delta', lists: [], contacts: [bad, ...(await entry('', 'd@delta.example')).contacts] },
      ];
      expect(await told(db, roster, { ...APPLY, leaveOut: true })).toEqual([
        [0, 'b@alpha.example', expect.any(String)],
        [0, null, NOTHING],
        [1, 'a@alpha.example', 'The address is a contact of "Alpha" already'],
        [1, null, NOTHING],
        [2, null, expect.stringContaining('groups[0] is "No"')],
        [2, 'b@alpha.example', expect.stringContaining('contacts[0].name is 5')],
        [3, 'b@alpha.example', expect.any(String)],
      ]);
      expect((await members.all(db)).map(({ organisation, lists }) => [organisation, lists])).toEqual([
        ['Alpha', ['distributors']],
        ['Delta', []],
      ]);
      const malformed = [{ ...(await entry('Echo', 'e@echo.example')), contacts: [{ ...bad, name: 5 }] }];
      expect((await told(db, malformed)).at(-1)).toEqual([0, null, NOTHING]);
    });

    test('who is left out while the entries are made, of a CSV, is missed as any other', async () => {
      const db = await open();
      const problems = [{ entry: 0, address: 'a@alpha.example', line: 2, problem: 'is not in the certificate folder' }];
      const options = { ...APPLY, leaveOut: true, problems };
      expect((await told(db, [await entry('Alpha')], options)).at(-1)).toEqual([0, null, NOTHING]);
      expect(await isEmpty(db)).toBe(true);
    });

    test('what is no roster is refused all the same', async () => {
      expect(await take(await open(), { no: 1 }, REST)).toMatchObject({
        written: false,
        problems: [{ entry: null, problem: 'A roster is a JSON array of members' }],
        leftOut: [],
      });
    });
  });

  describe('an import is refused whole', () => {
    test('where a member would be active whom nobody could write to', async () => {
      const db = await open();
      const gina = await makeParty('gina@gamma.example');
      const [gamma, nobody] = [await entry('Gamma', gina.address), await entry('Gamma')];
      const unreachable = {
        written: false,
        activated: 1,
        problems: [{ entry: 0, address: null, problem: expect.stringContaining('nobody of it could be written to') }],
      };
      expect(await take(db, [nobody], ACTIVATE)).toMatchObject(unreachable);
      await take(db, [gamma]);
      const revoked = [{ address: gina.address, certificate: await changed(gina, NOW, { revoked: true }) }];
      expect(await take(db, [{ ...gamma, contacts: revoked }], ACTIVATE)).toMatchObject(unreachable);
      const rest = { ...ACTIVATE, leaveOut: true };
      expect(await take(db, [{ ...gamma, contacts: revoked }], rest)).toMatchObject({ activated: 0, problems: [] });
      await db.updateTable('contacts').set({ active: 0 }).execute();
      expect(await take(db, [nobody], ACTIVATE)).toMatchObject(unreachable);
      expect(await members.byOrganisation(db, 'Gamma')).toMatchObject({ state: 'applied' });
      // It says so without an activation, too, that it cannot be used; and that is taken up.
      await db.updateTable('contacts').set({ active: 1 }).execute();
      const [{ whyNot } = { whyNot: null }] = (await take(db, [{ ...gamma, contacts: revoked }])).renewals;
      expect(whyNot).toBe('revoked');
    });

    test('with every problem of every entry at once', async () => {
      const db = await open();
      const expired = await generate('old@alpha.example', 'old', { lifetime: DAY / 1000 });
      const roster = [
        await entry('Fine', 'fine@fine.example'),
        {
          organisation: 'Alpha',
          lists: ['nowhere@orbit.example', 'announce@orbit.example'],
          contacts: [
            { address: 'old@alpha.example', certificate: expired.public },
            { address: 'secret@alpha.example', certificate: expired.secret },
            { address: 'junk@alpha.example', certificate: 'junk' },
            { address: 'none@alpha.example' },
          ],
        },
        {
          organisation: 'Bravo',
          lists: 'distributors',
          contacts: [{ address: 'b@bravo.example\r\nBcc: x', name: 5 }],
          colour: 'red',
        },
        'Charlie',
      ];
      const report = await take(db, roster, ACTIVATE);
      expect(report.written).toBe(false);
      expect(report.problems.map(({ entry, address, problem }) => [entry, address, problem])).toEqual([
        [1, 'old@alpha.example', `The certificate ${expired.fingerprint} cannot be used: expired`],
        [1, 'secret@alpha.example', expect.stringContaining('secret key')],
        [1, 'junk@alpha.example', expect.any(String)],
        [1, 'none@alpha.example', 'The certificate is missing'],
        [1, null, expect.stringContaining('There is no list nowhere@orbit.example')],
        [1, null, 'announce@orbit.example is public: it has recipients, no members'],
        [2, null, 'colour is no option; allowed: organisation, product, lists, groups, contacts'],
        [2, null, 'lists is "distributors"; must be an array of list addresses'],
        [2, null, expect.stringContaining('contacts[0].address is "b@bravo.example\\r\\nBcc: x"; must be a mail address')],
        [2, null, expect.stringContaining('contacts[0].name is 5')],
        [3, null, expect.stringContaining('must be an object with organisation')],
      ]);
      expect(await isEmpty(db)).toBe(true);
    });

    test('where it is no array', async () => {
      const db = await open();
      expect((await take(db, { organisation: 'Alpha' })).problems).toEqual([
        { entry: null, address: null, problem: 'A roster is a JSON array of members' },
      ]);
    });

    test('where a contact has another certificate here: that is named, and stays', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')]);
      const { fingerprint } = await makeParty('a@alpha.example');
      const other = await generate('a@alpha.example', 'a', {});
      const changed = { ...(await entry('Alpha')), contacts: [{ address: 'A@alpha.example', certificate: other.public }] };
      expect((await take(db, [changed], ACTIVATE)).problems).toEqual([
        {
          entry: 0,
          address: 'a@alpha.example',
          problem: `a@alpha.example has the certificate ${fingerprint}; ${other.fingerprint} is another one, and changing it is not an import's to do`,
        },
      ]);
      expect(await certificates.allCurrent(db)).toMatchObject([{ fingerprint }]);
    });

    test('where an active member would get more contacts without activation', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')], ACTIVATE);
      const more = [await entry('Alpha', 'a@alpha.example', 'b@alpha.example')];
      expect((await take(db, more)).problems).toMatchObject([
        { entry: 0, problem: expect.stringContaining('needs activation with a reason') },
      ]);
      expect(await take(db, more, ACTIVATE)).toMatchObject({ written: true, contacts: 1, activated: 0 });
    });

    test.each(['suspended', 'key_hold', 'removed'] as const)('where it would touch a member who is %s', async (state) => {
      const db = await open();
      const roster = [await entry('Alpha', 'a@alpha.example')];
      await take(db, roster);
      const { id } = (await members.byOrganisation(db, 'Alpha')) ?? { id: '' };
      await members.setState(db, id, { from: 'applied', to: state, reason: 'a reason', now: NOW });
      const more = [await entry('Alpha', 'a@alpha.example', 'b@alpha.example')];
      expect((await take(db, more, ACTIVATE)).problems).toMatchObject([
        { problem: expect.stringContaining(`is in the state ${state}`) },
      ]);
      expect(await take(db, roster)).toMatchObject({ written: true, unchanged: 1 });
      expect(await members.byOrganisation(db, 'Alpha')).toMatchObject({ state, reason: 'a reason' });
    });

    test('where an address or a certificate would belong to two', async () => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example')]);
      const { public: certificate, fingerprint } = await makeParty('a@alpha.example');
      const roster = [
        { ...(await entry('Bravo')), contacts: [{ address: 'a@alpha.example', certificate }] },
        { ...(await entry('Charlie')), contacts: [{ address: 'c@charlie.example', certificate }] },
        await entry('Dora', 'd@dora.example', 'd@dora.example'),
        await entry('Dora'),
      ];
      expect((await take(db, roster)).problems.map(({ entry, problem }) => [entry, problem])).toEqual([
        [0, 'The address is a contact of "Alpha" already'],
        [1, `The certificate ${fingerprint} is that of a@alpha.example too`],
        [1, `The certificate ${fingerprint} is that of a@alpha.example already`],
        [2, 'The address is twice in this roster'],
        [3, '"Dora" is twice in this roster'],
      ]);
    });

    test.each([
      ['distributors@orbit.example', 'The address is that of a list here'],
      ['security-owner@orbit.example', 'The address is that of a list here'],
      ['announce-request@orbit.example', 'The address is that of a list here'],
      ['oss@public.example', 'The address is an external public address'],
    ])('where a contact would be %s', async (address, problem) => {
      const db = await open();
      await db
        .insertInto('recipients')
        .values({ id: 'r', list_id: 'announce', address: 'oss@public.example', kind: 'external', created_at: NOW })
        .execute();
      expect((await take(db, [await entry('Alpha', address)])).problems).toEqual([{ entry: 0, address, problem }]);
    });
  });

  test.each(['applied', 'vouched', 'vetted', 'key_proved', 'suspended', 'removed', 'rejected'] as const)(
    'the export leaves out a member who is %s, and says so: it would be activated elsewhere',
    async (state) => {
      const db = await open();
      await take(db, [await entry('Alpha', 'a@alpha.example'), await entry('Bravo', 'b@bravo.example')], ACTIVATE);
      const { id } = (await members.byOrganisation(db, 'Bravo')) ?? { id: '' };
      await members.setState(db, id, { from: 'active', to: state, reason: 'a leak', now: NOW });
      expect(await exportRoster({ db, clock, pgp })).toMatchObject({
        entries: [{ organisation: 'Alpha', contacts: [{ address: 'a@alpha.example' }] }],
        remarks: [{ organisation: 'Bravo', address: null, remark: `is left out: it is ${state}: a leak` }],
      });
    },
  );

  test('the export has who is held for his key, leaves out contacts who get nothing, and names who has unsubscribed', async () => {
    const db = await open();
    const addresses = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@alpha.example`);
    await take(db, [await entry('Alpha', ...addresses)], ACTIVATE);
    const { id } = (await members.byOrganisation(db, 'Alpha')) ?? { id: '' };
    await members.setState(db, id, { from: 'active', to: 'key_hold', reason: null, now: NOW });
    const [, retired = '', unproved = '', off = '', bare = ''] = (await contacts.ofMember(db, id)).map((contact) => contact.id);
    await contacts.setActive(db, retired, false);
    await contacts.forgetProof(db, unproved);
    await contacts.unsubscribe(db, off, 'distributors', NOW);
    await certificates.retire(db, (await certificates.current(db, bare))?.id ?? '');
    const { entries, remarks } = await exportRoster({ db, clock, pgp });
    expect(entries).toMatchObject([{ contacts: ['a', 'd', 'e'].map((name) => ({ address: `${name}@alpha.example` })) }]);
    expect(remarks.map(({ address, remark }) => `${address} ${remark}`)).toEqual([
      'b@alpha.example is left out: he is retired',
      'c@alpha.example is left out: he has not proved his key',
      'd@alpha.example has unsubscribed from distributors@orbit.example, and gets it again where this is imported',
      'e@alpha.example has no certificate, and is refused where this is imported (--leave-out)',
    ]);
    for (const name of ['a', 'd'])
      await contacts.setActive(db, (await contacts.byAddress(db, `${name}@alpha.example`))?.id ?? '', false);
    expect((await exportRoster({ db, clock, pgp })).remarks.at(-1)).toEqual({
      organisation: 'Alpha',
      address: null,
      remark: 'has no contact who could be written to, and is refused where this is imported with --activate (--leave-out)',
    });
  });

  test('the export names whose certificate would be refused where it is imported', async () => {
    const db = await open();
    await take(
      db,
      [await entry('Alpha', 'a@alpha.example', 'b@alpha.example'), await entry('Bravo', 'b@bravo.example')],
      ACTIVATE,
    );
    const ends = await generate('c@alpha.example', 'c', { born: NOW - DAY, lifetime: (2 * DAY) / 1000 });
    const contact = { address: ends.address, certificate: ends.public };
    await take(db, [{ organisation: 'Alpha', lists: ['distributors@orbit.example'], contacts: [contact] }], ACTIVATE);
    for (const address of ['a@alpha.example', 'b@bravo.example']) {
      const certificate = await changed(await makeParty(address), NOW - DAY, { revoked: true });
      const [organisation] = address.includes('alpha') ? ['Alpha'] : ['Bravo'];
      await take(db, [{ organisation, lists: ['distributors@orbit.example'], contacts: [{ address, certificate }] }], ACTIVATE);
    }
    const { remarks, entries } = await exportRoster({ db, clock: { ...clock, now: () => NOW + 3 * DAY }, pgp });
    expect(remarks.map(({ organisation, address, remark }) => `${address ?? organisation} ${remark.split(',')[0]}`)).toEqual([
      'a@alpha.example has a certificate that cannot be used (revoked)',
      'c@alpha.example has a certificate that cannot be used (expired)',
      'b@bravo.example has a certificate that cannot be used (revoked)',
      'Bravo has no contact who could be written to',
    ]);
    // As the remarks say: with who is named left out, it is taken.
    const elsewhere = await importRoster(
      { db: await open(), clock: { ...clock, now: () => NOW + 3 * DAY }, pgp, by: SYSTEM },
      entries,
      { ...ACTIVATE, leaveOut: true },
    );
    expect(elsewhere).toMatchObject({ written: true, members: 1 });
  });

  test('activation without a reason is refused', async () => {
    const blank = take(await open(), [], { activate: { reason: ' ' }, dryRun: false });
    await expect(blank).rejects.toMatchObject({ reason: 'invalid', hint: 'Activation needs a reason' });
  });
});
