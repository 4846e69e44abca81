import { expect, test } from 'vitest';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { remove } from '../../src/roster/admission.ts';
import { apply } from '../../src/roster/apply.ts';
import { addCertificate, addContact, setContactActive } from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { exportRoster } from '../../src/roster/export.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as exposure from '../../src/store/exposure.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { generate } from '../support/party.ts';

const rules = { project: 'orbit', criteria: CRITERIA, terms: null };

eachEngine((engine) => {
  const build = housing();

  const removed = async (house: House, organisation: string) => {
    const id = (await members.byOrganisation(house.db, organisation))?.id ?? '';
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, rules, id, contactId, 'leaked');
    return id;
  };
  const loggedSince = async (house: House, seq: number) => {
    const logged = [];
    for await (const line of audit.lines(house.db)) logged.push(JSON.parse(line));
    return logged.filter((line) => line.seq > seq).map(({ action, subject, detail }) => ({ action, subject, detail }));
  };

  test('whose address an applicant takes is logged, and stays in what that one was exposed to', async () => {
    const house = await build((await engine.open()).db);
    const [alpha] = house.members;
    const { id: caseId } = await armed(house);
    await dispatch(house, caseId, LISTS.distributors);
    await outbox(house).drain();
    const former = await removed(house, 'Alpha');
    const { seq } = await audit.end(house.db);
    const certificate = (await generate(alpha.address, 'somebody', {})).public;
    await apply(house, rules, {
      organisation: 'Gamma',
      product: null,
      contact: { address: alpha.address, name: null, certificate },
      terms: null,
      answers: CRITERIA.map(({ id: criterion }) => ({ criterion, answer: 'Yes.', evidence: null })),
    });
    expect(await contacts.byId(house.db, alpha.contactId)).toMatchObject({
      address: expect.stringContaining('released.invalid'),
    });
    expect(await exposure.ofMember(house.db, former)).toMatchObject([{ caseId, address: alpha.address, delivery: 'delivered' }]);
    expect(await exposure.ofCase(house.db, caseId)).toContainEqual(expect.objectContaining({ address: alpha.address }));
    expect(await loggedSince(house, seq)).toMatchObject([
      {
        action: 'contact.release',
        subject: `contact:${alpha.contactId}`,
        detail: { member: former, address: alpha.address },
      },
      { action: 'member.apply' },
    ]);
  });

  test('who was let go to another member is in no list of contacts and no export, and is given nothing', async () => {
    const house = await build((await engine.open()).db);
    const [alpha, beta] = house.members;
    const idOf = async (name: string) => (await members.byOrganisation(house.db, name))?.id ?? '';
    await setContactActive(house, alpha.contactId, false, 'goes to Beta');
    const named = { address: alpha.address, name: null, certificate: alpha.public };
    const { contact } = await addContact(house, rules, await idOf('Beta'), named);
    const shown = async (name: string) =>
      (await contacts.page(house.db, { limit: 10, memberId: await idOf(name) })).map(({ address }) => address);
    expect([await shown('Alpha'), await shown('Beta')]).toEqual([[], [alpha.address, beta.address]]);
    expect((await exportRoster(house)).remarks).toMatchObject([
      { organisation: 'Alpha', address: null },
      { organisation: 'Beta', address: contact.address, remark: 'is left out: he has not proved his key' },
    ]);
    const another = (await generate(alpha.address, 'another', {})).public;
    const refused = { reason: 'conflict', message: expect.stringContaining('add him anew') };
    await expect(addCertificate(house, alpha.contactId, another)).rejects.toMatchObject(refused);
    await expect(setContactActive(house, alpha.contactId, true, 'a mistake')).rejects.toMatchObject(refused);
  });

  test('whose certificate an import takes is logged', async () => {
    const house = await build((await engine.open()).db);
    const [alpha] = house.members;
    await removed(house, 'Alpha');
    const { seq } = await audit.end(house.db);
    const entry = { organisation: 'Gamma', lists: [], contacts: [{ address: alpha.address, certificate: alpha.public }] };
    expect(await importRoster(house, [entry], { activate: null, dryRun: false })).toMatchObject({ written: true });
    const logged = await loggedSince(house, seq);
    expect(logged.map(({ action }) => action)).toEqual(['contact.release', 'certificate.retire', 'member.add', 'contact.add']);
    expect(logged[1]).toMatchObject({
      subject: `contact:${alpha.contactId}`,
      detail: { fingerprint: alpha.fingerprint, taken: true },
    });
  });
});
