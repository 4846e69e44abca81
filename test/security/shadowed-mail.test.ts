import { beforeEach, expect, test } from 'vitest';
import { threadAddress } from '../../src/mail/address.ts';
import * as cases from '../../src/store/cases.ts';
import * as posts from '../../src/store/posts.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('a mail that somebody brought to the people behind the list first still opens its case', async () => {
    const rita = await makeParty('rita@example.org');
    const attachments = [{ name: 'k.asc', type: 'application/pgp-keys', data: Buffer.from(rita.public) }];
    const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: rita };
    const mail = await encryptedMail(letterOf(house, rita, { to: LISTS.security, attachments }), sealing);
    await arrive(house, mail, { to: 'security-owner@orbit.example', sender: 'mallory@evil.example' });
    const { caseId } = await arrive(house, mail, { to: LISTS.security, sender: rita.address });
    expect(caseId).toMatch(/^ORBIT-/);
    expect(await arrive(house, mail, { to: LISTS.security, sender: rita.address })).toMatchObject({ caseId: null });
  });

  test('one mail to the threads of two cases is in both, and in each once', async () => {
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const ids = [await house.report(), await house.report({ text: 'another\n' })];
    const threads = ids.map(async (id) =>
      threadAddress(LISTS.distributors, id, (await cases.byId(house.db, id))?.thread_token ?? ''),
    );
    const addresses = await Promise.all(threads);
    const mail = await encryptedMail(letterOf(house, alpha, { to: addresses.join(', ') }), sealing);
    for (const [index, id] of ids.entries()) {
      const to = addresses[index] ?? '';
      for (let times = 0; times < 2; times++) await arrive(house, mail, { to, sender: alpha.address });
      expect((await posts.page(house.db, { limit: 99, caseId: id })).filter(({ kind }) => kind === 'post')).toHaveLength(1);
    }
  });
});
