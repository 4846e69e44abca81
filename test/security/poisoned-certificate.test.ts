import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { importRoster } from '../../src/roster/import.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';

/** What OpenPGP.js has and does not tell of: enough to bind a subkey that it would never make. */
interface Raw {
  publicParams: Record<string, unknown>;
  computeFingerprintAndKeyID(): Promise<void>;
}
interface Signer {
  signatureType: unknown;
  publicKeyAlgorithm: unknown;
  hashAlgorithm: unknown;
  keyFlags: unknown;
  sign(key: unknown, data: object, date: Date, detached: boolean, config: object): Promise<void>;
}

const BORN = new Date(1_735_689_600_000);

/** A certificate whose encryption subkey is the all-zero point, validly bound: nothing is wrong with it until it is used. */
async function poisoned(address: string): Promise<string> {
  const userIDs = [{ name: 'evil', email: address }];
  const made = await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs, date: BORN, format: 'object' });
  const { privateKey } = made;
  const [subkey] = privateKey.subkeys;
  if (!subkey) throw new Error('no subkey');
  const packet = subkey.keyPacket as unknown as Raw;
  packet.publicParams = { ...packet.publicParams, Q: Uint8Array.of(0x40, ...new Uint8Array(32)) };
  await packet.computeFingerprintAndKeyID();
  const [old] = subkey.bindingSignatures;
  const binding = new openpgp.SignaturePacket() as unknown as Signer;
  const { signatureType, keyFlags } = old as unknown as Signer;
  const publicKeyAlgorithm = (privateKey.keyPacket as unknown as { algorithm: number }).algorithm;
  Object.assign(binding, { signatureType, publicKeyAlgorithm, hashAlgorithm: openpgp.enums.hash.sha512, keyFlags });
  await binding.sign(privateKey.keyPacket, { key: privateKey.keyPacket, bind: packet }, BORN, false, openpgp.config);
  subkey.bindingSignatures = [binding as unknown as openpgp.SignaturePacket];
  return privateKey.toPublic().armor();
}

eachEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  test('a certificate that cannot be encrypted to holds its own copy, and the others go', async () => {
    const contacts = [{ address: 'evil@evil.example', certificate: await poisoned('evil@evil.example') }];
    const entry = { organisation: 'Evil', lists: [LISTS.distributors], contacts };
    const { problems } = await importRoster(house, [entry], { activate: { reason: 'x' }, dryRun: false });
    expect(problems).toEqual([]);
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const mail = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    await arrive(house, mail, { to: LISTS.distributors, sender: alpha.address });
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to)).toEqual(expect.arrayContaining(house.members.map(({ address }) => address)));
    const copies = await deliveries.page(house.db, { limit: 99, state: 'held' });
    expect(copies).toMatchObject([{ address: 'evil@evil.example', reason: 'cannot-encrypt' }]);
  });
});
