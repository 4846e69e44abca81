import { expect, test } from 'vitest';
import { SYSTEM } from '../../src/audit/entry.ts';
import { importRoster } from '../../src/roster/import.ts';
import { addRecipient, removeRecipient } from '../../src/roster/recipients.ts';
import * as audit from '../../src/store/audit.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as recipients from '../../src/store/recipients.ts';
import { eachEngine } from '../support/dialects.ts';
import { addLists, clock, entry, pgp } from './roster-file.ts';

const LIST = 'announce@orbit.example';

eachEngine((engine) => {
  const open = async () => {
    const { db } = await engine.open();
    await addLists(db);
    return { db, clock, pgp, by: SYSTEM };
  };

  test('a public list gets recipients', async () => {
    const deps = await open();
    await addRecipient(deps, { list: 'Announce@orbit.example', address: 'Reader@public.example', kind: 'subscriber' });
    await addRecipient(deps, { list: LIST, address: 'oss@public.example', kind: 'external' });
    await removeRecipient(deps, LIST, 'READER@public.example');
    expect(await recipients.ofList(deps.db, 'announce')).toMatchObject([{ address: 'oss@public.example', kind: 'external' }]);
  });

  test.each([
    [
      'distributors@orbit.example',
      'a@b.example',
      'not-found',
      'distributors@orbit.example is private: who gets it is its members',
    ],
    ['none@orbit.example', 'a@b.example', 'not-found', 'There is no list none@orbit.example'],
    [LIST, 'no address', 'bad-address', '"no address" is no mail address'],
    [LIST, 'a@b.example\r\nBcc: c@d.example', 'bad-address', expect.any(String)],
    [LIST, 'security-owner@orbit.example', 'conflict', 'security-owner@orbit.example is an address of a list here'],
  ])('%s does not get the recipient %j', async (list, address, reason, hint) => {
    const refused = addRecipient(await open(), { list, address, kind: 'subscriber' });
    await expect(refused).rejects.toMatchObject({ reason, hint });
  });

  test('a contact of a member may subscribe, and cannot be an external address: his copies would wait for the release', async () => {
    const deps = await open();
    await importRoster(deps, [await entry('Alpha', 'a@alpha.example')], { activate: null, dryRun: false });
    const add = (kind: 'subscriber' | 'external') => addRecipient(deps, { list: LIST, address: 'A@alpha.example', kind });
    await expect(add('external')).rejects.toMatchObject({
      reason: 'conflict',
      hint: expect.stringContaining('is a contact of a member'),
    });
    expect(await add('subscriber')).toMatchObject({ address: 'a@alpha.example' });
  });

  test('who has only applied is named, and gives his address up when he is rejected', async () => {
    const deps = await open();
    await importRoster(deps, [await entry('Alpha', 'oss@public.example')], { activate: null, dryRun: false });
    const add = () => addRecipient(deps, { list: LIST, address: 'OSS@public.example', kind: 'external' });
    await expect(add()).rejects.toMatchObject({ reason: 'conflict', hint: expect.stringContaining('"Alpha"') });
    await expect(add()).rejects.toMatchObject({ hint: expect.stringContaining('reject that application first') });
    const contact = await contacts.byAddress(deps.db, 'oss@public.example');
    await deps.db.updateTable('members').set({ state: 'rejected' }).execute();
    expect(await add()).toMatchObject({ address: 'oss@public.example', kind: 'external' });
    expect(await contacts.byAddress(deps.db, 'oss@public.example')).toBeUndefined();
    const logged = await audit.page(deps.db, { action: 'contact.release', limit: 9 });
    expect(logged.map(({ line }) => JSON.parse(line))).toMatchObject([
      { subject: `contact:${contact?.id}`, detail: { member: contact?.member_id, address: 'oss@public.example' } },
    ]);
  });

  test('what is not there cannot be removed', async () => {
    const { db } = await open();
    await expect(removeRecipient({ db, clock, by: SYSTEM }, LIST, 'a@b.example')).rejects.toMatchObject({ reason: 'not-found' });
  });
});
