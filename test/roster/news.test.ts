import { beforeEach, expect, test } from 'vitest';
import {
  addCertificate,
  addContact,
  refuseCertificate,
  replaceCertificate,
  retireCertificate,
  setContactActive,
} from '../../src/roster/contacts.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { binary, generate, makeParty, openCopy, type Party } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let memberId: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    alpha = house.members[0];
    memberId = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
  });

  /** What each of them can read of what went out since the last time: his address, and the subject of each mail. */
  const told = async (...readers: Party[]): Promise<Record<string, string[]>> => {
    const subjects: Record<string, string[]> = {};
    for (const { to, raw } of await outbox(house).drain()) {
      const reader = readers.find(({ address }) => address === to);
      const words = reader ? (await openCopy(raw, reader, undefined, house.clock.now())).entity.toString() : 'unread';
      // Of what is due at one instant nobody says which goes first.
      subjects[to] = [...(subjects[to] ?? []), /^Subject: (.*)\r$/m.exec(words)?.[1] ?? words].sort();
    }
    return subjects;
  };

  test('the contacts of a member are told of one who is added, retired and reinstated, and he is himself', async () => {
    const amy = await makeParty('amy@alpha.example');
    const { contact } = await addContact(house, house.identity, memberId, {
      address: amy.address,
      name: null,
      certificate: amy.public,
    });
    const both = (became: string) => {
      const subjects = [`A contact of "Alpha" was ${became}`];
      return { [alpha.address]: subjects, [amy.address]: subjects };
    };
    const added = both('added');
    const asked = 'Prove your certificate to orbit';
    expect(await told(alpha, amy)).toEqual({ ...added, [amy.address]: [...(added[amy.address] ?? []), asked] });
    await setContactActive(house, contact.id, false, 'has left');
    expect(await told(alpha, amy)).toEqual(both('retired'));
    await setContactActive(house, contact.id, true, 'is back');
    expect(await told(alpha, amy)).toEqual(both('reinstated'));
  });

  test('where nothing came of it, nobody is told', async () => {
    await expect(setContactActive(house, alpha.contactId, true, 'is there')).rejects.toMatchObject({ reason: 'conflict' });
    const amy = await makeParty('amy@alpha.example');
    const taken = { address: house.members[1].address, name: null, certificate: amy.public };
    await expect(addContact(house, house.identity, memberId, taken)).rejects.toMatchObject({ reason: 'conflict' });
    expect(await told()).toEqual({});
  });

  test('whoever has a certificate can read that another one was given in his name, and that his was retired', async () => {
    const another = await generate(alpha.address, 'alpha', {});
    const { certificate } = await addCertificate(house, alpha.contactId, another.public);
    expect(await told(alpha)).toEqual({ [alpha.address]: [`A certificate of ${alpha.address} was proposed`] });
    const lena = house.team[0].contactId;
    await retireCertificate(house, alpha.contactId, certificate.id, lena);
    expect(await told(alpha)).toEqual({ [alpha.address]: [`A certificate of ${alpha.address} was retired`] });
    await addCertificate(house, alpha.contactId, another.public);
    expect(await told(alpha)).toEqual({ [alpha.address]: [`A certificate of ${alpha.address} was proposed`] });
    const current = await certificates.current(house.db, alpha.contactId);
    await retireCertificate(house, alpha.contactId, current?.id ?? '', lena);
    expect(await told(alpha)).toEqual({ [alpha.address]: [`A certificate of ${alpha.address} was retired`] });
  });

  test('whoever was told that one waits is told that it was refused', async () => {
    const another = await generate(alpha.address, 'alpha', {});
    const { certificate } = await addCertificate(house, alpha.contactId, another.public);
    await told();
    await refuseCertificate(house, alpha.contactId, certificate.id, house.team[0].contactId);
    expect(await told(alpha)).toEqual({ [alpha.address]: [`A certificate of ${alpha.address} was refused`] });
  });

  test('a member is told of the lists that he is on, where those are others, but not before he is one', async () => {
    const lists = { [alpha.address]: ['The lists of "Alpha"'] };
    await changeMember(house, memberId, { lists: [LISTS.distributors], product: 'Alpha OS' });
    expect(await told(alpha)).toEqual({});
    await changeMember(house, memberId, { lists: [] });
    expect(await told(alpha)).toEqual(lists);
    await changeMember(house, memberId, { lists: [LISTS.security, LISTS.security.toUpperCase()] });
    expect(await told(alpha)).toEqual(lists);
    await house.db.updateTable('members').set({ state: 'vetted' }).where('id', '=', memberId).execute();
    await changeMember(house, memberId, { lists: [LISTS.distributors] });
    expect(await told(alpha)).toEqual({});
  });

  test('a member who is called something else is told so, and found by that name alone', async () => {
    const at = (organisation: string) => changeMember(house, memberId, { organisation });
    await at('Alpha');
    expect(await told(alpha)).toEqual({});
    expect(await at('Alpha Systems')).toMatchObject({ organisation: 'Alpha Systems' });
    expect(await told(alpha)).toEqual({ [alpha.address]: ['The name of "Alpha Systems"'] });
    expect(await members.byOrganisation(house.db, 'Alpha')).toBeUndefined();
    const [line] = await audit.page(house.db, { action: 'member.change', subject: `member:${memberId}`, limit: 1 });
    expect(JSON.parse(line?.line ?? '').detail).toMatchObject({ organisation: 'Alpha Systems', organisationBefore: 'Alpha' });
    await at('ALPHA systems');
    expect(await told(alpha)).toEqual({ [alpha.address]: ['The name of "ALPHA systems"'] });
  });

  test('nobody is called what another one is, or what reads so, or cannot be read', async () => {
    const other = (await members.named(house.db)).find(({ organisation }) => organisation !== 'Alpha')?.organisation ?? '';
    for (const [organisation, reason] of [
      [other, 'conflict'],
      [other.toUpperCase(), 'conflict'],
      ['Al\u200bpha', 'invalid'],
      [' Alpha', 'invalid'],
    ] as const)
      await expect(changeMember(house, memberId, { organisation })).rejects.toMatchObject({ reason });
    expect((await members.byId(house.db, memberId))?.organisation).toBe('Alpha');
    expect(await told()).toEqual({});
  });

  test('of a new one that he signs himself with the old one he is not told that it waits', async () => {
    const another = await generate(alpha.address, 'alpha', {});
    await replaceCertificate(house, alpha.contactId, await binary(another.public));
    expect(await told(alpha)).toEqual({});
  });
});
