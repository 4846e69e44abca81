/**
 * SHA-1 signatures and self-signatures, which can be made to fit another text or key (SHAttered, RFC 9580 §9.5): mail signed so is
 * credited to nobody, and a certificate that is held together so is not let in and not encrypted to.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { addCertificate } from '../../src/roster/contacts.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as certificates from '../../src/store/certificates.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything, letterOf, listCertificate, postOf } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import type { Party } from '../support/party.ts';
import { withoutFlags } from '../support/unflagged.ts';
import { blockOf, copyFor, head, mailOf, multipart, nothingOf, outcomeOf, text, wordsOf } from './attack.ts';

const BORN = new Date('2026-01-01T00:00:00Z');
const { sha1 } = openpgp.enums.hash;
const old = (await openpgp.generateKey({
  type: 'rsa',
  rsaBits: 2048,
  userIDs: { name: 'gamma', email: 'gamma@gamma.example' },
  date: BORN,
  format: 'object',
})) as { privateKey: openpgp.PrivateKey };

const party = (key: openpgp.PrivateKey): Party => {
  const fingerprint = key.getFingerprint().toUpperCase();
  return { address: 'gamma@gamma.example', name: 'gamma', secret: key.armor(), public: key.toPublic().armor(), fingerprint };
};
const sound = party(old.privateKey);
/** The same keys, bound by SHA-1. */
const weak = party(await withoutFlags(await openpgp.readPrivateKey({ binaryKey: old.privateKey.write() }), BORN, { hash: sha1 }));

oneEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const enrol = ({ address, public: certificate }: Party) => {
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: [{ address, certificate }] };
    return importRoster(house, [entry], { activate: { reason: 'x' }, dryRun: false });
  };

  /** A detached signature by SHA-1, which OpenPGP.js makes only by hand. */
  async function signedBySha1(): Promise<Buffer> {
    const lines = text('The embargo is lifted.', 'text/plain; protected-headers="v1"', `To: ${LISTS.distributors}`);
    const packet = new openpgp.SignaturePacket();
    const { keyPacket } = await openpgp.readPrivateKey({ armoredKey: sound.secret });
    const says = { signatureType: 0, publicKeyAlgorithm: openpgp.enums.publicKey.rsaEncryptSign, hashAlgorithm: sha1 };
    const [data] = (await openpgp.createMessage({ binary: mailOf(...lines).subarray(0, -2) })).packets;
    Object.assign(packet, says);
    const at = new Date(house.clock.now());
    const config = { ...openpgp.config, nonDeterministicSignaturesViaNotation: false };
    await Reflect.apply(packet.sign, packet, [keyPacket, data, at, true, config]);
    const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
    packets.push(packet);
    const armored = new openpgp.Signature(packets).armor().trim();
    const parts = multipart('signed; protocol="application/pgp-signature"', lines, text(armored, 'application/pgp-signature'));
    return mailOf(...head(sound.address), ...parts);
  }

  test('a mail of a member that SHA-1 signed: refused by the list, and nobody’s as a report', async () => {
    expect((await enrol(sound)).problems).toEqual([]);
    const raw = await signedBySha1();
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: sound.address }))).toBe('refused: members-only');
    expect(await nothingOf(house)).toBe(true);
    const post = await postOf(house, await arrive(house, raw, { sender: sound.address }));
    expect(post).toMatchObject({ signer_contact_id: null, signer_fingerprint: null });
    expect(JSON.parse(post.signatures ?? '[]')).toMatchObject([{ valid: false, reason: 'weak', certificateKnown: false }]);
    const [lena] = house.team;
    expect(blockOf(await copyFor(house, await outbox(house).drain(), lena))).toContain(
      'BAD: it rests on an algorithm that is broken',
    );
  });

  test('a new certificate that SHA-1 holds together is let in by no door', async () => {
    expect(await enrol(weak)).toMatchObject({
      written: false,
      problems: [{ address: weak.address, problem: expect.stringMatching(/cannot be used: weak$/) }],
    });
    const [alpha] = house.members;
    await expect(addCertificate(house, alpha.contactId, weak.public)).rejects.toMatchObject({ reason: 'unusable-certificate' });
    const to = 'distributors-request@orbit.example';
    const attachments = [{ name: 'new.asc', type: 'application/pgp-keys', data: Buffer.from(weak.public) }];
    const letter = letterOf(house, alpha, { to, text: `certificate update ${weak.fingerprint}\n`, attachments });
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha });
    await arrive(house, raw, { to, sender: alpha.address });
    const answer = wordsOf(await copyFor(house, await outbox(house).drain(), alpha)).join();
    expect(answer).toMatch(/cannot be used:\s+weak|has\s+no\s+user\s+ID\s+with/);
    expect((await certificates.current(house.db, alpha.contactId))?.fingerprint).toBe(alpha.fingerprint);
  });

  test('one that came with a report is nobody on the roster, and nothing is sealed to it', async () => {
    const attachments = (party: Party) => [{ name: 'k.asc', type: 'application/pgp-keys', data: Buffer.from(party.public) }];
    for (const [party, audience] of [
      [weak, 'stranger'],
      [sound, 'reporter'],
    ] as const) {
      const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: sound };
      house.clock.moveTo(house.clock.now() + 1000);
      const raw = await encryptedMail(letterOf(house, sound, { attachments: attachments(party) }), sealing);
      const post = await arrive(house, raw, { sender: `${audience}@gamma.example` });
      expect(await postOf(house, post)).toMatchObject({ signer_contact_id: null });
      const { copies } = await everything(house);
      expect(copies.filter(({ address }) => address.endsWith('@gamma.example')).map((copy) => copy.audience)).toContain(audience);
      if (audience === 'stranger') expect(copies.some((copy) => copy.audience === 'reporter')).toBe(false);
    }
    const stranger = (await outbox(house).drain()).find(({ to }) => to === 'stranger@gamma.example');
    expect(stranger?.raw.toString()).not.toMatch(/BEGIN PGP MESSAGE|ORBIT-/);
  });

  test('one that was let in before it was refused holds its copies, and theirs alone', async () => {
    expect((await enrol(sound)).problems).toEqual([]);
    const { data } = await house.pgp.readCertificate(weak.public);
    await house.db.updateTable('certificates').set({ data }).where('fingerprint', '=', weak.fingerprint).execute();
    const [alpha] = house.members;
    const letter = letterOf(house, alpha, { to: LISTS.distributors });
    await arrive(
      house,
      await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha }),
      {
        to: LISTS.distributors,
      },
    );
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(['alpha@alpha.example', 'beta@beta.example']);
    expect((await everything(house)).copies.filter(({ state }) => state === 'held')).toMatchObject([
      { address: weak.address, reason: 'weak' },
    ]);
  });
});
