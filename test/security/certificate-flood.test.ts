/**
 * A certificate with 50,000 signatures, or of any other unreasonable size (CVE-2019-13050): refused by its framing, off the main thread
 * and within a time limit, and whoever else writes meanwhile is not kept waiting.
 */
import { beforeEach, expect, test } from 'vitest';
import { addCertificate } from '../../src/roster/contacts.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as certificates from '../../src/store/certificates.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { costlyCertificate, packet } from '../support/costly.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { LONGEST, longestStall } from '../support/stall.ts';
import { copyFor, cut, wordsOf } from './attack.ts';

const alphas = await makeParty('alpha@alpha.example');
const binary = Buffer.from(/\r?\n\r?\n([\s\S]*?)\r?\n(=....\r?\n)?-----END/.exec(alphas.public)?.[1] ?? '', 'base64');
const [key, userId, own, ...rest] = cut(binary) as [Buffer, Buffer, Buffer, ...Buffer[]];
const armor = (octets: Uint8Array) =>
  `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${Buffer.from(octets).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END PGP PUBLIC KEY BLOCK-----\n`;
/** Alpha's own certificate, and what a key server would have added to it. */
const flooded = (...added: Buffer[]) => Buffer.concat([key, userId, own, ...added, ...rest]);
const repeated = (what: Buffer, times: number) => Array.from({ length: times }, () => what);

const small = armor(flooded(...repeated(packet(2, Buffer.of(4, 0x10, 1, 8)), 50_000)));

const floods: [string, string, RegExp][] = [
  ['50,000 signatures of its own', armor(flooded(...repeated(own, 50_000))), /larger than 1 MiB/],
  ['50,000 signatures of a few octets', small, /more than 1000 packets/],
  ['300 signatures of its own', armor(flooded(...repeated(own, 300))), /more than 250 signatures/],
  ['60 user ids', armor(flooded(...repeated(userId, 60))), /more than 50 user IDs/],
  ['a picture of a megabyte', armor(flooded(packet(17, Buffer.alloc(1024 * 1024)))), /larger than 1 MiB/],
  [
    'a key of 16,000 bits',
    armor(costlyCertificate('alpha@alpha.example', { modulus: 16_000, exponent: 16_000 }).data),
    /too long to be used/,
  ],
  [
    'an armor of a million line ends',
    alphas.public.replace(/\n\n[\s\S]*?\n(?==)/, '\n'.repeat(1_000_000)),
    /no OpenPGP certificate/,
  ],
  ['an armor of 300,000 headers', alphas.public.replace(/\n\n[\s\S]*?\n(?==)/, '\na:'.repeat(300_000)), /no OpenPGP certificate/],
];

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
  });

  test.each(floods)('%s: no door lets it in, and the main thread goes on', async (_, certificate, why) => {
    const stall = await longestStall(async () => {
      const entry = {
        organisation: 'Gamma',
        lists: [LISTS.distributors],
        contacts: [{ address: 'g@gamma.example', certificate }],
      };
      const { written, problems } = await importRoster(house, [entry], { activate: null, dryRun: false });
      expect([written, problems.map(({ problem }) => problem)]).toEqual([false, [expect.stringMatching(why)]]);
      await expect(addCertificate(house, alpha.contactId, certificate)).rejects.toMatchObject({
        reason: 'unusable-certificate',
        message: expect.stringMatching(why),
      });
    });
    expect(stall).toBeLessThan(LONGEST);
    expect(Buffer.from((await certificates.current(house.db, alpha.contactId))?.data ?? []).length).toBeLessThan(2_000);
  });

  test('with a report, and with a request to update: the mail is mail, and nothing is done with the certificate', async () => {
    const attachments = [{ name: 'k.pgp', type: 'application/pgp-keys', data: Buffer.from(small) }];
    const to = 'security-request@orbit.example';
    const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: alpha };
    const report = await encryptedMail(letterOf(house, await makeParty('rita@example.org'), { attachments }), sealing);
    const request = await encryptedMail(
      letterOf(house, alpha, { to, text: `certificate update ${'A1'.repeat(20)}\n`, attachments }),
      sealing,
    );
    expect(
      await longestStall(async () => {
        await Promise.all([arrive(house, report), arrive(house, request, { to, sender: alpha.address })]);
      }),
    ).toBeLessThan(LONGEST);
    expect((await everything(house)).posts.map(({ kind }) => kind).sort()).toEqual(['answer', 'receipt', 'report', 'request']);
    const sent = (await outbox(house).drain()).filter(({ from, to }) => from === null && to === alpha.address);
    const answers = await Promise.all(sent.map(async (mail) => wordsOf(await copyFor(house, [mail], alpha)).join()));
    expect(answers.join()).toMatch(/No\s+certificate\s+(A1){20}\s+that\s+can\s+be\s+read/);
  });
});
