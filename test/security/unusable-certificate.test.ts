/**
 * A certificate that is expired, revoked, for signing alone or gone when a copy is sent (RFC 9580 §5.2.3.10, §5.2.3.29): that copy is
 * held, the team is told why, and nothing ever goes out unsealed in its place.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { tellTeam } from '../../src/delivery/tell.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { headerOf, outbox, silent } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { changed, generate } from '../support/party.ts';
import { copyFor, teamOf, wordsOf } from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
  });

  const put = async (armored: string) => {
    const { data } = await house.pgp.readCertificate(armored);
    await house.db.updateTable('certificates').set({ data }).where('contact_id', '=', beta.contactId).execute();
  };
  const signOnly = async () => {
    const userIDs = { name: 'beta', email: beta.address };
    const date = new Date(house.clock.now() - DAY);
    return (await openpgp.generateKey({ type: 'ecc', curve: 'ed25519Legacy', userIDs, subkeys: [], date })).publicKey;
  };
  const states: [string, () => Promise<void>, string][] = [
    ['expired', async () => put((await generate(beta.address, 'beta', { lifetime: 86_400 })).public), 'expired'],
    ['revoked', async () => put(await changed(beta, house.clock.now(), { revoked: true })), 'revoked'],
    ['for signing alone', async () => put(await signOnly()), 'no-encryption-subkey'],
    [
      'missing',
      async () => void (await house.db.deleteFrom('certificates').where('contact_id', '=', beta.contactId).execute()),
      'no-certificate',
    ],
    [
      'unreadable',
      async () =>
        void (await house.db
          .updateTable('certificates')
          .set({ data: Buffer.from('nonsense') })
          .where('contact_id', '=', beta.contactId)
          .execute()),
      'unreadable',
    ],
  ];

  test.each(states)('%s: held and told, for a post and for embargoed patches, and never in clear', async (_, spoil, reason) => {
    const { id } = await armed(house);
    const box = outbox(house);
    await box.drain();
    await spoil();
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    await arrive(house, await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing), {
      to: LISTS.distributors,
    });
    await dispatch(house, id, LISTS.distributors);
    const sent = await box.drain();
    expect(sent.map(({ to }) => to)).toEqual([alpha.address, alpha.address]);
    for (const { raw } of sent) {
      expect(headerOf(raw)).toContain('Content-Type: multipart/encrypted');
      expect(raw.toString()).not.toMatch(new RegExp(`${CANARY}|crashes|Frobnicator`));
    }
    const held = await deliveries.page(house.db, { limit: 9, state: 'held' });
    expect(held.map((copy) => [copy.address, copy.reason])).toEqual(Array(2).fill([beta.address, reason]));
    await tellTeam(house, silent);
    const alarms = await box.drain();
    expect(alarms.map(({ to }) => to).sort()).toEqual(teamOf(house));
    const [lena] = house.team;
    const words = wordsOf(await copyFor(house, alarms, lena)).join();
    expect(words).toContain(`held: ${beta.address}`);
    expect(words).toContain(`reason: ${reason}`);
  });
});
