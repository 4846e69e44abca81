import { beforeEach, expect, test } from 'vitest';
import { importRoster } from '../../src/roster/import.ts';
import * as certificates from '../../src/store/certificates.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { adopting } from '../support/bindings.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';

const EVIL = 'evil@evil.example';
const ENCRYPT = 4;

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let gamma: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    gamma = await makeParty('gamma@gamma.example');
  });

  async function enrol(organisation: string, address: string, certificate: string): Promise<string[]> {
    const entry = { organisation, lists: [LISTS.distributors], contacts: [{ address, certificate }] };
    const { problems } = await importRoster(house, [entry], { activate: { reason: 'x' }, dryRun: false });
    return problems.map(({ problem }) => problem);
  }

  async function post(): Promise<unknown> {
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: gamma };
    const mail = await encryptedMail(letterOf(house, gamma, { to: LISTS.distributors }), sealing);
    return arrive(house, mail, { to: LISTS.distributors, sender: gamma.address });
  }

  test('a key that somebody claimed for his own before its owner came still signs for its owner alone', async () => {
    expect(await enrol('Evil', EVIL, await adopting(EVIL, gamma.public))).toEqual([]);
    house.clock.moveTo(house.clock.now() + 1000);
    expect(await enrol('Gamma', gamma.address, gamma.public)).toEqual([]);
    expect(await certificates.byKeyIds(house.db, [gamma.fingerprint.slice(-16)])).toMatchObject([
      { contact: { address: gamma.address } },
    ]);
    await expect(post()).resolves.toMatchObject({ caseId: null });
  });

  test.each([
    ['for signing', undefined],
    ['for encryption', ENCRYPT],
  ])('a certificate that claims the key of another contact %s is refused', async (_, flags) => {
    expect(await enrol('Gamma', gamma.address, gamma.public)).toEqual([]);
    expect(await enrol('Evil', EVIL, await adopting(EVIL, gamma.public, flags))).toEqual([
      expect.stringMatching(new RegExp(`holds the key ${gamma.fingerprint}, which belongs to another contact$`)),
    ]);
    await expect(post()).resolves.toMatchObject({ caseId: null });
  });

  test('a key claimed for encryption, in a roster from before that was refused, credits its owner all the same', async () => {
    expect(await enrol('Evil', EVIL, (await makeParty(EVIL)).public)).toEqual([]);
    expect(await enrol('Gamma', gamma.address, gamma.public)).toEqual([]);
    const facts = await house.pgp.readCertificate(await adopting(EVIL, gamma.public, ENCRYPT));
    const [evil] = (await certificates.allCurrent(house.db)).filter(
      ({ fingerprint }) => fingerprint === facts.keys[0]?.fingerprint,
    );
    const [old] = await house.db
      .selectFrom('certificates')
      .innerJoin('contacts', 'contacts.id', 'certificates.contact_id')
      .selectAll('certificates')
      .where('address', '=', EVIL)
      .execute();
    expect(evil).toBeUndefined();
    if (!old) throw new Error('nobody was enrolled');
    await certificates.renew(house.db, old, facts);
    await expect(post()).resolves.toMatchObject({ caseId: null });
  });
});
