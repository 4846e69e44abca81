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
import type { Seams } from '../../src/seams.ts';
import * as certificates from '../../src/store/certificates.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, type Person } from '../support/house.ts';
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

  describe('another certificate of somebody of the response team', () => {
    const waiting = async (by: Seams) => {
      const [, dirk] = house.team;
      const another = await generate(dirk.address, 'another', {});
      const { certificate } = await addCertificate(by, dirk.contactId, another.public);
      await proveCertificate(house, dirk.contactId, certificate.id);
      return { certificate, another, dirk };
    };
    const nobody = (): Seams => ({ ...house, by: { type: 'token', id: 't', name: 'deploy', via: 'token:t' }, role: 'admin' });

    test.each([
      ['by the one who gave it', () => as(house, house.team[0]), 'you gave this'],
      ['where a token of nobody gave it', nobody, 'no person gave this'],
    ])('is not approved %s', async (_, by, why) => {
      const { certificate, dirk } = await waiting(by());
      await expect(approveCertificate(house, dirk.contactId, certificate.id, lena)).rejects.toMatchObject({
        reason: 'forbidden',
        message: expect.stringContaining(why),
      });
      expect((await certificates.current(house.db, dirk.contactId))?.fingerprint).toBe(dirk.fingerprint);
    });

    test.each([
      ['another person', 0, 2],
      ['himself, where another gave it', 0, 1],
      ['himself, where he gave it', 1, 1],
    ] as const)('is approved by %s', async (_, giver, approver) => {
      const { certificate, another, dirk } = await waiting(as(house, house.team[giver]));
      await approveCertificate(house, dirk.contactId, certificate.id, house.team[approver].contactId);
      expect((await certificates.current(house.db, dirk.contactId))?.fingerprint).toBe(another.fingerprint);
    });

    test('is approved by who gave it where it was refused since, and another one gave it anew', async () => {
      const [, , ada] = house.team;
      const { certificate, another, dirk } = await waiting(as(house, house.team[0]));
      await refuseCertificate(house, dirk.contactId, certificate.id, lena);
      await addCertificate(as(house, ada), dirk.contactId, another.public);
      await proveCertificate(house, dirk.contactId, certificate.id);
      const approving = (by: string) => approveCertificate(house, dirk.contactId, certificate.id, by);
      await expect(approving(ada.contactId)).rejects.toMatchObject({ reason: 'forbidden' });
      expect(await approving(lena)).toMatchObject({ state: 'current' });
    });
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
