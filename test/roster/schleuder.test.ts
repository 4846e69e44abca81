import { expect, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { DAY } from '../../src/clock.ts';
import { certificatesIn, type LooseCertificate } from '../../src/pgp/certificate-bytes.ts';
import { exportRoster } from '../../src/roster/export.ts';
import { importRoster } from '../../src/roster/import.ts';
import { importSchleuder } from '../../src/roster/schleuder.ts';
import { type FoundSubscription, subscribersOf } from '../../src/roster/subscribers.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import type { Database } from '../../src/store/database.ts';
import * as members from '../../src/store/members.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { binary, changed, generate, makeParty, type Party } from '../support/party.ts';
import { addLists, clock, entry, pgp } from './roster-file.ts';

const OLD = 'vendors@old.example';
const TO = 'distributors@orbit.example';
const APPLY = { activate: { reason: 'was on the old list' }, dryRun: false };

async function subscription(address: string, change: Partial<FoundSubscription> & { party?: Party; armored?: string } = {}) {
  const { party = await makeParty(address.toLowerCase()), armored = party.public, ...of } = change;
  const found = { list: OLD, to: TO, address, fingerprint: party.fingerprint, admin: false, delivery: true };
  return { ...found, certificates: certificatesIn(await binary(armored)), ...of };
}

const NOBODY = new Map<string, string>();

/** `kept`: what else the homes have. */
const take = (
  db: Database,
  subscriptions: FoundSubscription[],
  organisations = NOBODY,
  options = APPLY,
  kept: readonly LooseCertificate[] = [],
) => {
  const held = [...subscriptions.flatMap(({ certificates: own }) => own), ...kept];
  return importSchleuder({ db, clock, pgp, by: SYSTEM }, { subscriptions, organisations, certificates: held }, options);
};

/** `address: remark`. */
const said = (remarks: readonly { address: string | null; remark: string }[]) =>
  remarks.map(({ address, remark }) => `${address}: ${remark}`);

test('who cannot be written to, or is sent nothing, or has no key, is left out', async () => {
  const found = subscribersOf(
    [
      await subscription('no address', { party: await makeParty('fine@alpha.example') }),
      await subscription('off@alpha.example', { delivery: false }),
      await subscription('none@alpha.example', { fingerprint: '' }),
      await subscription('gone@alpha.example', { certificates: [], fingerprint: 'AB' }),
      await subscription('fine@alpha.example'),
    ],
    NOBODY,
  );
  expect(found.subscribers.map(({ address, organisation }) => [address, organisation])).toEqual([
    ['fine@alpha.example', 'alpha.example'],
  ]);
  expect(said(found.leftOut)).toEqual([
    'null: is no mail address that can be written to',
    'off@alpha.example: delivery is disabled: he gets nothing there',
    'none@alpha.example: has no key',
    'gone@alpha.example: the key AB is not in the GnuPG home of the list',
  ]);
});

test('who is on several lists becomes one contact, unless his keys differ', async () => {
  const other = await generate('b@bravo.example', 'b', {});
  const found = subscribersOf(
    [
      await subscription('a@alpha.example', { admin: true }),
      await subscription('A@alpha.example', { list: 'team@old.example', to: 'security@orbit.example' }),
      await subscription('b@bravo.example'),
      await subscription('b@bravo.example', { list: 'team@old.example', party: other }),
    ],
    NOBODY,
  );
  expect(found.subscribers).toMatchObject([{ address: 'a@alpha.example', lists: [TO, 'security@orbit.example'] }]);
  expect(found.subscribers[0]?.copies).toHaveLength(1);
  expect(said(found.notes)).toEqual([
    `a@alpha.example: is subscribed to ${OLD}, team@old.example: he becomes one contact`,
    'a@alpha.example: is an admin of that list; here he gets no right by that',
  ]);
  expect(said(found.leftOut)).toEqual([expect.stringContaining('b@bravo.example: has several keys')]);
});

test('nobody gets a list because somebody else of his domain is on it', async () => {
  const subscriptions = [
    await subscription('a@post.example'),
    await subscription('b@post.example', { list: 'team@old.example', to: 'security@orbit.example' }),
  ];
  const { subscribers, leftOut } = subscribersOf(subscriptions, NOBODY);
  expect([subscribers, leftOut.length]).toEqual([[], 2]);
  expect(leftOut[0]?.remark).toBe(
    `is for ${TO}, and others of "post.example" are not: name another organisation for him (--organisations)`,
  );
  const told = subscribersOf(subscriptions, new Map([['b@post.example', 'Orbit']]));
  expect(told.subscribers.map(({ organisation, lists }) => [organisation, lists])).toEqual([
    ['post.example', [TO]],
    ['Orbit', ['security@orbit.example']],
  ]);
});

eachEngine((engine) => {
  const open = async () => {
    const { db } = await engine.open();
    await addLists(db);
    return db;
  };

  test('subscribers become contacts of members, by one audited move, and what cannot be used is told of', async () => {
    const db = await open();
    const expired = await generate('old@alpha.example', 'old', { born: NOW - 3 * DAY, lifetime: 86_400 });
    const revoking = await makeParty('gone@alpha.example');
    const report = await take(
      db,
      [
        await subscription('A@alpha.example'),
        await subscription('old@alpha.example', { party: expired }),
        await subscription('gone@alpha.example', { armored: await changed(revoking, NOW - DAY, { revoked: true }) }),
        await subscription('twice@bravo.example', { party: await makeParty('a@alpha.example') }),
        await subscription('alias@charlie.example', { party: await makeParty('c@charlie.example') }),
      ],
      new Map([['alias@charlie.example', 'Charlie Ltd']]),
    );
    expect(report).toMatchObject({ written: true, members: 2, contacts: 2, activated: 2 });
    expect(said(report.leftOut).sort()).toEqual([
      `gone@alpha.example: The certificate ${revoking.fingerprint} cannot be used: revoked`,
      `old@alpha.example: The certificate ${expired.fingerprint} cannot be used: expired`,
      expect.stringMatching(/^twice@bravo.example: The certificate \w+ is that of a@alpha.example too$/),
    ]);
    expect(said(report.notes)).toEqual([
      expect.stringMatching(/^alias@charlie.example: the certificate \w+ does not name that address: is it his\?$/),
    ]);
    expect((await exportRoster({ db, clock, pgp })).entries).toMatchObject([
      { organisation: 'Charlie Ltd', lists: [TO], contacts: [{ address: 'alias@charlie.example' }] },
      { organisation: 'alpha.example', lists: [TO], contacts: [{ address: 'a@alpha.example' }] },
    ]);
    const actions = (await audit.page(db, { limit: 20 })).map(({ action }) => action);
    expect(actions.reverse()).toEqual([
      ...['member.add', 'member.put-on-list', 'contact.add', 'member.activate'],
      ...['member.add', 'member.put-on-list', 'contact.add', 'member.activate'],
      // What `gone@` says of his own, whoever comes with it next.
      'certificate.hear',
    ]);
  });

  test('the same subscriptions a second time change nothing, and a dry run writes nothing', async () => {
    const db = await open();
    const subscriptions = [await subscription('a@alpha.example'), await subscription('b@bravo.example')];
    const dry = await take(db, subscriptions, NOBODY, { ...APPLY, dryRun: true });
    expect([dry.written, dry.contacts, (await members.all(db)).length]).toEqual([false, 2, 0]);
    await take(db, subscriptions);
    expect(await take(db, subscriptions)).toMatchObject({ members: 0, contacts: 0, unchanged: 2, leftOut: [], notes: [] });
  });

  test('a revocation that the home of one list knows is not lost', async () => {
    const db = await open();
    const party = await generate('a@alpha.example', 'a', { born: NOW - 30 * DAY });
    const revoked = await changed(party, NOW - DAY, { revoked: true });
    const on = { list: 'team@old.example', to: 'security@orbit.example', party };
    for (const armored of [party.public, revoked]) {
      const other = armored === revoked ? party.public : revoked;
      const subscriptions = [
        await subscription('a@alpha.example', { party, armored }),
        await subscription('a@alpha.example', { ...on, armored: other }),
      ];
      expect(said((await take(db, subscriptions)).leftOut)).toEqual([
        `a@alpha.example: The certificate ${party.fingerprint} cannot be used: revoked`,
      ]);
    }
    expect(await certificates.allCurrent(db)).toEqual([]);
  });

  test('a member who is here on other lists gets nobody added', async () => {
    const db = await open();
    const team = { ...(await entry('alpha.example', 'lena@alpha.example')), lists: ['security@orbit.example'] };
    await importRoster({ db, clock, pgp, by: SYSTEM }, [team], APPLY);
    const report = await take(db, [await subscription('a@alpha.example')]);
    expect([report.contacts, said(report.leftOut)]).toEqual([
      0,
      [`a@alpha.example: is for ${TO}, and "alpha.example" is here on other lists: security@orbit.example`],
    ]);
  });

  test('a suspended member stays as he is, and the others are taken', async () => {
    const db = await open();
    const first = [await subscription('a@alpha.example')];
    await take(db, first);
    const { id } = (await members.byOrganisation(db, 'alpha.example')) ?? { id: '' };
    await members.setState(db, id, { from: 'active', to: 'suspended', reason: 'leaked', now: NOW });
    const report = await take(db, [...first, await subscription('b@bravo.example')]);
    expect(report).toMatchObject({ written: true, members: 1, contacts: 1 });
    expect(said(report.leftOut)).toEqual([expect.stringContaining('a@alpha.example: "alpha.example" is in the state suspended')]);
    expect(await members.byOrganisation(db, 'alpha.example')).toMatchObject({ state: 'suspended' });
  });

  test.each<[why: string, of: Partial<FoundSubscription> | null, remark: string | null]>([
    ['his member is suspended', {}, 'is in the state suspended'],
    ['his member is on other lists here', {}, 'is here on other lists'],
    ['he is sent nothing there', { delivery: false }, 'delivery is disabled'],
    ['his domain is not the name of his member', {}, 'cannot be used: revoked'],
    ['he has another key there', {}, 'and changing it is not an import'],
    ['he has no key there', { fingerprint: '', certificates: [] }, 'has no key'],
    ['he is not subscribed', null, null],
  ])('of who is not taken over a revocation counts all the same: %s', async (why, of, remark) => {
    const db = await open();
    const party = await makeParty('a@alpha.example');
    const [wider, renamed] = [why.includes('other lists'), why.includes('domain')];
    const alpha = await entry(renamed ? 'Alpha Linux' : 'alpha.example', party.address, 'other@alpha.example');
    const lists = wider ? [TO, 'security@orbit.example'] : [TO];
    await importRoster({ db, clock, pgp, by: SYSTEM }, [{ ...alpha, lists }], APPLY);
    const [member] = await members.all(db);
    if (!member) throw new Error('nobody was imported');
    if (why.includes('suspended'))
      await members.setState(db, member.id, { from: 'active', to: 'suspended', reason: 'leaked', now: NOW });
    const before = await members.all(db);

    const armored = await changed(party, NOW - DAY, { revoked: true });
    const kept = certificatesIn(await binary(armored));
    const key = why.includes('another key') ? { party: await generate(party.address, 'a', {}) } : { armored };
    const subscriptions = of === null ? [] : [await subscription('A@alpha.example', { ...key, ...of })];
    expect(await take(db, subscriptions, NOBODY, { ...APPLY, dryRun: true }, kept)).toMatchObject({ renewed: 1 });
    expect(await members.all(db)).toEqual(before);
    const report = await take(db, subscriptions, NOBODY, APPLY, kept);
    expect(report).toMatchObject({ renewed: 1, renewals: [{ address: party.address, whyNot: 'revoked' }], activated: 0 });
    expect(said(report.leftOut)).toEqual(remark === null ? [] : [expect.stringContaining(remark)]);
    const current = (await certificates.allCurrent(db)).find(({ fingerprint }) => fingerprint === party.fingerprint);
    expect(await pgp.usable(current?.data ?? new Uint8Array(), NOW)).toMatchObject({ usable: false, reason: 'revoked' });
    const bare = (some: typeof before) => some.map(({ contacts: _, ...rest }) => rest);
    expect(bare(await members.all(db))).toEqual(bare(before));
    expect(await take(db, subscriptions, NOBODY, APPLY, kept)).toMatchObject({ renewed: 0, renewals: [] });
  });

  test('of whom one list has no key, a renewal by the other counts once', async () => {
    const db = await open();
    const party = await makeParty('a@alpha.example');
    await take(db, [await subscription(party.address)]);
    const bare = { list: 'team@old.example', fingerprint: '', certificates: [] };
    const subscriptions = [
      await subscription(party.address, { armored: await changed(party, NOW - DAY, { revoked: true }) }),
      await subscription(party.address, bare),
    ];
    const report = await take(db, subscriptions, NOBODY, { ...APPLY, dryRun: true });
    expect([report.renewed, report.renewals.length, said(report.leftOut)]).toEqual([1, 1, ['a@alpha.example: has no key']]);
  });

  test('a list here that has no members is refused before anything is read', async () => {
    const db = await open();
    for (const to of ['announce@orbit.example', 'none@orbit.example'])
      await expect(take(db, [await subscription('a@alpha.example', { to })])).rejects.toMatchObject({
        reason: 'invalid',
        hint: `${to} is no list that has members`,
      });
  });
});
