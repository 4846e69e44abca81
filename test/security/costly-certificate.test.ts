import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SECOND } from '../../src/clock.ts';
import { createPgp, type Pgp } from '../../src/pgp/pool.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { NOW } from '../store/roster-rows.ts';
import { encryptedMail } from '../support/compose.ts';
import { costlyCertificate } from '../support/costly.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

const costly = (signatures: number) => costlyCertificate('evil@evil.example', { modulus: 16_000, exponent: 16_000, signatures });

/** A signed mail that brings its certificate (Autocrypt) along. */
function costlyMail(): Buffer {
  const { data, sign } = costly(5);
  const text = 'Content-Type: text/plain\r\n\r\nhello\r\n';
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n');
  const lines = [
    'From: evil@evil.example',
    `Message-ID: <${randomBytes(6).toString('hex')}@evil.example>`,
    `Autocrypt: addr=evil@evil.example; keydata=${data.toString('base64')}`,
    'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="B"',
    '',
    `--B\r\n${text}`,
    '--B',
    'Content-Type: application/pgp-signature',
    'Content-Transfer-Encoding: base64',
    '',
    base64(sign(Buffer.from(text))),
    '--B--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('mails whose certificates were made to cost are mail as any other, and keep nobody waiting', async () => {
    const started = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => arrive(house, costlyMail(), { sender: 'evil@evil.example' })));
    await arrive(house, Buffer.from('From: rita@example.org\r\nMessage-ID: <1@x>\r\nSubject: hello\r\n\r\nreport\r\n'));
    expect(performance.now() - started).toBeLessThan(5 * SECOND); // 0.2 s where nobody else works.
  });

  test('a certificate that takes too long holds its own copy, and the others go', { timeout: 60_000 }, async () => {
    // As if it had been let in before there was a limit.
    const { contactId } = house.members[1];
    const { data } = costly(1);
    await house.db.updateTable('certificates').set({ data }).where('contact_id', '=', contactId).execute();
    const [alpha, beta] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const mail = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    await arrive(house, mail, { to: LISTS.distributors, sender: alpha.address });
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to)).toContain(alpha.address);
    expect(await deliveries.page(house.db, { limit: 99, state: 'held' })).toMatchObject([
      { address: beta.address, reason: 'cannot-encrypt' },
    ]);
    expect(await deliveries.page(house.db, { limit: 99, state: 'deferred' })).toEqual([]);
  });
});

describe('judging a certificate', () => {
  let pgp: Pgp;
  beforeAll(() => {
    pgp = createPgp(1);
  });
  afterAll(() => pgp.close());

  test('ends within its time, whoever let it in', { timeout: 40_000 }, async () => {
    await pgp.readCertificate((await makeParty('alpha@alpha.example')).public);
    const started = performance.now();
    expect(await pgp.usable(costly(1).data, NOW)).toEqual({ usable: false, reason: 'too-costly' });
    expect(performance.now() - started).toBeLessThan(15 * SECOND); // 2.3 s where nobody else works.
  });
});
