import { beforeEach, describe, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import {
  addCertificate,
  approveCertificate,
  refuseCertificate,
  replaceCertificate,
  retireCertificate,
} from '../../src/roster/contacts.ts';
import { addFound } from '../../src/roster/looked-up.ts';
import { prepareReplacementNews } from '../../src/roster/replaced.ts';
import { teamList } from '../../src/roster/tell.ts';
import * as certificates from '../../src/store/certificates.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, type Person } from '../support/house.ts';
import { binary, changed, generate, makeParty } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let lena: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    lena = house.team[0].contactId;
  });

  const current = async () => (await certificates.current(house.db, alpha.contactId))?.fingerprint;

  test.each([
    ['retired', retireCertificate],
    ['refused', refuseCertificate],
  ] as const)('a certificate that was proved, and then %s, is proved again before it counts', async (_how, end) => {
    const another = await generate(alpha.address, 'another', {});
    const { certificate } = await addCertificate(house, alpha.contactId, another.public);
    await proveCertificate(house, alpha.contactId, certificate.id);
    await end(house, alpha.contactId, certificate.id, lena);
    await addCertificate(house, alpha.contactId, another.public);
    const approving = () => approveCertificate(house, alpha.contactId, certificate.id, lena);
    await expect(approving()).rejects.toMatchObject({
      reason: 'conflict',
      message: expect.stringContaining('Nobody has proved'),
    });
    await proveCertificate(house, alpha.contactId, certificate.id);
    await approving();
    expect(await current()).toBe(another.fingerprint);
  });

  test('one that waits counts when its owner gives it himself, by his word', async () => {
    const another = await generate(alpha.address, 'another', {});
    await addCertificate(house, alpha.contactId, another.public);
    expect(await replaceCertificate(house, alpha.contactId, await binary(another.public))).toMatchObject({
      certificate: { state: 'current' },
      waits: false,
    });
    expect(await current()).toBe(another.fingerprint);
  });

  test.each(['new', 'retired'])('a %s one of his that nobody can be told of takes the place of none', async (which) => {
    const another = await generate(alpha.address, 'another', {});
    if (which === 'retired') {
      const { certificate } = await addCertificate(house, alpha.contactId, another.public);
      await retireCertificate(house, alpha.contactId, certificate.id, lena);
    }
    const list = await teamList(house.db);
    const replacing = replaceCertificate(house, alpha.contactId, await binary(another.public), async (after, encryptionKey) => {
      const facts = { contact: alpha, organisation: 'Alpha', former: null, after, encryptionKey, byTeam: false };
      const news = await prepareReplacementNews(house, facts, list);
      return { ...news, toTeam: { list, post: { ...news.toTeam.post, list_id: 'none' } } };
    });
    await expect(replacing).rejects.toThrow(/foreign key/i);
    expect(await current()).toBe(alpha.fingerprint);
    expect((await certificates.ofContact(house.db, alpha.contactId)).filter(({ state }) => state === 'proposed')).toEqual([]);
  });

  describe('what a directory has', () => {
    const look = async (...found: readonly string[]) =>
      addFound(house, { id: alpha.contactId, address: alpha.address }, Buffer.concat(await Promise.all(found.map(binary))));
    const usable = async () =>
      house.pgp.usable((await certificates.current(house.db, alpha.contactId))?.data as never, house.clock.now());
    const revoked = () => changed(alpha, house.clock.now() - DAY, { revoked: true });

    test.each(['first', 'last'])(
      'the revoked one %s: its revocation counts, and the one that can be used waits',
      async (where) => {
        const next = await generate(alpha.address, 'next', {});
        const passedOver = [(await makeParty('other@alpha.example')).public, alpha.public];
        const found = [await revoked(), next.public, ...passedOver];
        expect(await look(...(where === 'first' ? found : found.reverse()))).toMatchObject({
          certificate: { fingerprint: next.fingerprint, state: 'proposed' },
          waits: true,
        });
        expect([await current(), await usable()]).toMatchObject([alpha.fingerprint, { usable: false, reason: 'revoked' }]);
      },
    );

    test('several that could be meant are named, and the revocation counts all the same', async () => {
      const [one, other] = [await generate(alpha.address, 'one', {}), await generate(alpha.address, 'other', {})];
      const looking = look(one.public, other.public, await revoked());
      await expect(looking).rejects.toMatchObject({
        reason: 'unusable-certificate',
        message: expect.stringContaining(`${one.fingerprint}, ${other.fingerprint}`),
      });
      expect(await usable()).toMatchObject({ reason: 'revoked' });
      expect(await certificates.ofContact(house.db, alpha.contactId)).toHaveLength(1);
    });

    test('one that was retired is passed over, and where nothing is left that is said', async () => {
      const former = await generate(alpha.address, 'former', {});
      const { certificate } = await addCertificate(house, alpha.contactId, former.public);
      await refuseCertificate(house, alpha.contactId, certificate.id, lena);
      const other = (await makeParty('other@alpha.example')).public;
      await expect(look(former.public, alpha.public, other)).rejects.toMatchObject({ reason: 'conflict' });
      await expect(look(former.public, other)).rejects.toMatchObject({ reason: 'unusable-certificate' });
      expect(await look(former.public, await revoked())).toMatchObject({ certificate: { fingerprint: alpha.fingerprint } });
    });
  });
});
