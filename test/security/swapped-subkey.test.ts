/**
 * An update of a certificate that swaps the encryption subkey, or leaves a revocation out (key servers, RFC 9580 §5.2.1): what becomes
 * another is shown, another certificate waits for a person while the old one stays, and a revocation that is known is never lost.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { addCertificate, approveCertificate, refuseCertificate } from '../../src/roster/contacts.ts';
import { type ImportOptions, importRoster } from '../../src/roster/import.ts';
import { shownOf } from '../../src/roster/shown.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import { outbox } from '../delivery/outbox.ts';
import { serving, type TestApi } from '../http/api.ts';
import { arrive, CANARY, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, LISTS, type Person } from '../support/house.ts';
import { changed, generate } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';
import { copyFor, secretOf, wordsOf } from './attack.ts';

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let house: House;
  let alpha: Person;
  let beta: Person;
  let before: string;
  beforeEach(async () => {
    api = await serve(await engine.open());
    house = api.house;
    [alpha, beta] = house.members;
    before = await encryptionKey(alpha.public);
  });

  async function encryptionKey(armored: string): Promise<string> {
    const key = await openpgp.readKey({ armoredKey: armored });
    return (await key.getEncryptionKey(undefined, new Date(house.clock.now()))).getFingerprint().toUpperCase();
  }
  const roster = (certificate: string) => [
    { organisation: 'Alpha', lists: [LISTS.distributors], contacts: [{ address: alpha.address, certificate }] },
  ];
  const renew = (certificate: string, how: Partial<ImportOptions> = {}) =>
    importRoster(house, roster(certificate), { activate: null, dryRun: false, ...how });
  const current = async () => (await certificates.current(house.db, alpha.contactId))?.data ?? Buffer.alloc(0);

  /** Key ids that a copy for Alpha is sealed to; null where it is held. */
  async function sealedTo(): Promise<string[] | null> {
    house.clock.moveTo(house.clock.now() + 1000);
    const letter = letterOf(house, beta, { to: LISTS.distributors });
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: beta });
    await arrive(house, raw, { to: LISTS.distributors });
    const copy = (await outbox(house).drain()).find(({ to }) => to === alpha.address);
    if (!copy) return null;
    expect(copy.raw.toString()).not.toContain(CANARY);
    const [armored = ''] = /-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/.exec(copy.raw.toString()) ?? [];
    const message = await openpgp.readMessage({ armoredMessage: armored });
    return message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase());
  }

  test('a new encryption subkey is shown by a dry run and by the import, and waits; an admin may say that it is right', async () => {
    const swapped = await changed(alpha, house.clock.now(), { subkey: true });
    const after = await encryptionKey(swapped);
    expect(after).not.toBe(before);
    const of = { organisation: 'Alpha', address: alpha.address, fingerprint: alpha.fingerprint };
    const shown = [{ ...of, encryptionKey: { before, after }, whyNot: null, waits: true, holds: false }];
    const counts = { renewed: 0, waiting: 1, unchanged: 0, renewals: shown };
    expect(await renew(swapped, { dryRun: true })).toMatchObject({ written: false, ...counts });
    expect(await renew(swapped)).toMatchObject({ written: true, ...counts });
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    const [line] = await audit.page(house.db, { action: 'certificate.propose-renewal', limit: 1 });
    expect(JSON.parse(line?.line ?? '').detail).toMatchObject({ fingerprint: alpha.fingerprint, before, after, holds: false });
    // What waits already is nothing new, nor is what is there.
    for (const same of [swapped, alpha.public])
      expect(await renew(same)).toMatchObject({ renewed: 0, waiting: 0, unchanged: 1, renewals: [] });

    const lena = await house.token('admin', house.team[0].address);
    const [{ id, waiting }] = (await api.ask(lena, `GET /api/v1/contacts/${alpha.contactId}/certificates`)).body.items;
    expect(waiting).toMatchObject({ before, after });
    expect((await api.ask(lena, `POST /api/v1/contacts/${alpha.contactId}/certificates/${id}/approve`)).status).toBe(200);
    expect(await sealedTo()).toEqual([after.slice(-16)]);

    const third = await changed(alpha, house.clock.now(), { subkey: true });
    const accepted = [{ ...of, encryptionKey: { before: after, after: await encryptionKey(third) }, waits: false }];
    expect(await renew(third, { acceptChanged: true })).toMatchObject({ renewed: 1, waiting: 0, renewals: accepted });
    expect(await sealedTo()).toEqual([(await encryptionKey(third)).slice(-16)]);
  });

  test('of what waits and what an import brings one does not push the other out, and what is accepted ends it', async () => {
    const swap = () => changed(alpha, house.clock.now(), { subkey: true });
    const [first, second, third] = [await swap(), await swap(), await swap()];
    const { certificate } = await addCertificate(house, alpha.contactId, first);
    expect(await renew(second)).toMatchObject({ waiting: 1 });
    const { waiting } = await shownOf(house.db, certificate);
    const kept = await openpgp.readKey({ binaryKey: new Uint8Array(waiting?.data ?? []) });
    expect(kept.subkeys).toHaveLength((await openpgp.readKey({ armoredKey: alpha.public })).subkeys.length + 2);
    // An expiry that its owner changed counts at once, and what waits goes on waiting.
    const extended = await changed(alpha, house.clock.now(), { lifetime: 10 * 365 * 86_400 });
    expect(await renew(extended)).toMatchObject({ renewed: 1, waiting: 0 });
    expect((await shownOf(house.db, certificate)).waiting).toBeDefined();
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    expect(await renew(third, { acceptChanged: true })).toMatchObject({ renewed: 1 });
    expect((await shownOf(house.db, certificate)).waiting).toBeUndefined();
  });

  test('one that an import brings and that revokes the key that was used: nothing is encrypted to either meanwhile', async () => {
    const date = new Date(house.clock.now());
    const grown = await (await secretOf(alpha)).addSubkey({ date });
    const flag = openpgp.enums.reasonForRevocation.keyCompromised;
    const revoked = await grown.subkeys[0]?.revoke(grown.keyPacket as openpgp.SecretKeyPacket, { flag }, date);
    if (revoked) grown.subkeys[0] = revoked;
    expect(await renew(grown.toPublic().armor())).toMatchObject({ waiting: 1, renewals: [{ waits: true, holds: true }] });
    expect(await sealedTo()).toBeNull();
    const held = await house.db.selectFrom('deliveries').select('reason').where('state', '=', 'held').execute();
    expect(held).toEqual([{ reason: 'changed' }]);
  });

  test('a new encryption subkey is shown by REST, and waits', async () => {
    const again = await changed(alpha, house.clock.now(), { subkey: true });
    const answer = await api.ask(await house.token('admin'), `POST /api/v1/contacts/${alpha.contactId}/certificates`, {
      body: { certificate: again },
    });
    const proposed = { before, after: await encryptionKey(again) };
    expect(answer).toMatchObject({ status: 202, body: { encryptionKey: proposed } });
    // The old one stays meanwhile.
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    const at = `/api/v1/contacts/${alpha.contactId}/certificates/${answer.body.id}`;
    expect(await api.ask(await house.token('admin'), `POST ${at}/approve`)).toMatchObject({ body: { code: 'needs-person' } });
    const lena = await house.token('admin', house.team[0].address);
    expect((await api.ask(lena, `POST ${at}/approve`)).status).toBe(200);
    expect(await sealedTo()).toEqual([proposed.after.slice(-16)]);
    expect(await api.ask(lena, `POST ${at}/approve`)).toMatchObject({ status: 409 });
  });

  test('one that revokes the key that was used: nothing is encrypted to either until a person has approved it', async () => {
    const privateKey = await secretOf(alpha);
    const date = new Date(house.clock.now());
    const grown = await privateKey.addSubkey({ date });
    const [former] = grown.subkeys;
    const revoked = await former?.revoke(
      grown.keyPacket as openpgp.SecretKeyPacket,
      { flag: openpgp.enums.reasonForRevocation.keyCompromised },
      date,
    );
    if (revoked) grown.subkeys[0] = revoked;
    const lena = await house.token('admin', house.team[0].address);
    const given = await api.ask(lena, `POST /api/v1/contacts/${alpha.contactId}/certificates`, {
      body: { certificate: grown.toPublic().armor() },
    });
    expect(given).toMatchObject({ status: 202, body: { encryptionKey: { before } } });
    expect(await sealedTo()).toBeNull();
    const held = await house.db.selectFrom('deliveries').select('reason').where('state', '=', 'held').execute();
    expect(held).toEqual([{ reason: 'changed' }]);
    const approving = `POST /api/v1/contacts/${alpha.contactId}/certificates/${given.body.id}/approve`;
    const shown = await api.ask(lena, `GET /api/v1/contacts/${alpha.contactId}/certificates`);
    expect(shown.body.items).toMatchObject([{ id: given.body.id, waiting: { after: given.body.encryptionKey.after } }]);
    expect((await api.ask(lena, approving)).status).toBe(200);
    expect((await api.ask(lena, `GET /api/v1/contacts/${alpha.contactId}/certificates`)).body.items[0].waiting).toBeNull();
    expect((await outbox(house).drain()).filter(({ to }) => to === alpha.address)).toHaveLength(1);
    expect(await sealedTo()).toEqual([given.body.encryptionKey.after.slice(-16)]);
  });

  test('a revocation counts from when it is known: neither an older copy nor a refusal brings the key back to life', async () => {
    const date = new Date(house.clock.now());
    const grown = await (await secretOf(alpha)).addSubkey({ date });
    const [former] = grown.subkeys;
    const flag = openpgp.enums.reasonForRevocation.keyCompromised;
    const revoked = await former?.revoke(grown.keyPacket as openpgp.SecretKeyPacket, { flag }, date);
    if (revoked) grown.subkeys[0] = revoked;
    const lena = await house.token('admin', house.team[0].address);
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const give = (certificate: string) => api.ask(lena, `POST ${at}`, { body: { certificate } });
    const { id } = (await give(grown.toPublic().armor())).body;
    expect(await sealedTo()).toBeNull();
    // An export from before the revocation, with yet another subkey.
    const older = await changed(alpha, house.clock.now(), { subkey: true });
    expect((await give(older)).status).toBe(202);
    expect(await sealedTo()).toBeNull();
    expect((await api.ask(lena, `POST ${at}/${id}/refuse`)).status).toBe(200);
    // He is asked for a new one, in clear and without a word of it.
    await outbox(house).drain();
    expect(await sealedTo()).toBeNull();
    // Nor does a new key count by itself because there is none left.
    expect((await give(older)).status).toBe(202);
    expect(await sealedTo()).toBeNull();
    expect((await api.ask(lena, `POST ${at}/${id}/approve`)).status).toBe(200);
    expect(await sealedTo()).toEqual([(await encryptionKey(older)).slice(-16)]);
  });

  test('an approval is for what was shown: where more waits by then it is refused, and so is a refusal', async () => {
    const lena = await house.token('admin', house.team[0].address);
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const swap = async () => {
      house.clock.moveTo(house.clock.now() + 1000);
      const certificate = await changed(alpha, house.clock.now(), { subkey: true });
      const given = await api.ask(lena, `POST ${at}`, { body: { certificate } });
      expect(given.status).toBe(202);
      return { certificate, id: given.body.id, etag: given.headers.get('etag') ?? '' };
    };
    const decide = (verb: string, { id, etag }: { id: string; etag: string }) =>
      api.ask(lena, `POST ${at}/${id}/${verb}`, { headers: { 'if-match': etag } });
    const shown = await swap();
    const read = await api.ask(lena, `GET ${at}/${shown.id}`);
    expect([read.body.etag, read.headers.get('etag')]).toEqual([shown.etag, shown.etag]);
    expect(await encryptionKey(read.body.waiting.certificate)).toBe(await encryptionKey(shown.certificate));
    const more = await swap();
    for (const verb of ['approve', 'refuse', 'retire'])
      expect(await decide(verb, shown), verb).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    expect((await decide('approve', more)).status).toBe(200);
    expect(await sealedTo()).toEqual([(await encryptionKey(more.certificate)).slice(-16)]);
    expect(await decide('approve', more)).toMatchObject({ status: 412 });
  });

  test('one that comes while an approval is under way is neither approved with it nor lost', async () => {
    const swap = () => changed(alpha, house.clock.now(), { subkey: true });
    const lena = house.team[0].contactId;
    const { certificate } = await addCertificate(house, alpha.contactId, await swap());
    const shown = await shownOf(house.db, certificate);
    const renewCertificate: House['pgp']['renewCertificate'] = async (...asked) => {
      await addCertificate(house, alpha.contactId, await swap());
      return house.pgp.renewCertificate(...asked);
    };
    const slow = { ...house, pgp: { ...house.pgp, renewCertificate } };
    const approving = approveCertificate(slow, alpha.contactId, certificate.id, lena, shown.version);
    await expect(approving).rejects.toMatchObject({ reason: 'stale' });
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    const now = await shownOf(house.db, certificate);
    expect(now.waiting).toBeDefined();
    expect(now.version).not.toBe(shown.version);
  });

  test('a proposed certificate that its owner extends meanwhile is another one', async () => {
    const other = await generate(alpha.address, 'alpha', {});
    const { certificate } = await addCertificate(house, alpha.contactId, other.public);
    await proveCertificate(house, alpha.contactId, certificate.id);
    const { version } = await shownOf(house.db, certificate);
    await addCertificate(house, alpha.contactId, await changed({ ...alpha, ...other }, house.clock.now(), { subkey: true }));
    const lena = house.team[0].contactId;
    for (const decide of [approveCertificate, refuseCertificate])
      await expect(decide(house, alpha.contactId, certificate.id, lena, version)).rejects.toMatchObject({ reason: 'stale' });
    expect((await certificates.byId(house.db, certificate.id))?.state).toBe('proposed');
  });

  test('what was proved of a proposed certificate counts no more once another encryption key is in it', async () => {
    const lena = house.team[0].contactId;
    const fresh = await generate(alpha.address, 'alpha', {});
    const { certificate } = await addCertificate(house, alpha.contactId, fresh.public);
    await proveCertificate(house, alpha.contactId, certificate.id);
    await addCertificate(house, alpha.contactId, await changed(fresh, house.clock.now(), { subkey: true }));
    const approve = () => approveCertificate(house, alpha.contactId, certificate.id, lena);
    await expect(approve()).rejects.toMatchObject({ reason: 'conflict', message: expect.stringContaining('Nobody has proved') });
    await proveCertificate(house, alpha.contactId, certificate.id);
    expect(await approve()).toMatchObject({ state: 'current' });
  });

  test('one that a person refuses is gone', async () => {
    const swapped = await changed(alpha, house.clock.now(), { subkey: true });
    const lena = await house.token('admin', house.team[0].address);
    const given = await api.ask(lena, `POST /api/v1/contacts/${alpha.contactId}/certificates`, {
      body: { certificate: swapped },
    });
    const at = `/api/v1/contacts/${alpha.contactId}/certificates/${given.body.id}`;
    expect((await api.ask(lena, `POST ${at}/refuse`)).status).toBe(200);
    expect((await api.ask(lena, `POST ${at}/approve`)).status).toBe(409);
    expect(await sealedTo()).toEqual([before.slice(-16)]);
  });

  test('and by the answer to a request that brings it', async () => {
    const grown = await (await secretOf(alpha)).addSubkey({ date: new Date(house.clock.now()) });
    const swapped = grown.toPublic().armor();
    const to = 'distributors-request@orbit.example';
    const attachments = [{ name: 'new.asc', type: 'application/pgp-keys', data: Buffer.from(swapped) }];
    const letter = letterOf(house, alpha, { to, text: `certificate update ${alpha.fingerprint}\n`, attachments });
    await arrive(
      house,
      await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha }),
      { to },
    );
    const sent = await outbox(house).drain();
    const owner = { ...alpha, secret: grown.armor() };
    expect(wordsOf(await copyFor(house, sent, owner)).join()).toContain(
      `mail to you is encrypted to its key ${await encryptionKey(swapped)}, until now to ${before}`,
    );
  });

  test('one that its primary key did not bind is no part of it', async () => {
    const eve = await generate('eve@evil.example', 'eve', {});
    const packets = (await openpgp.readKey({ armoredKey: alpha.public })).toPacketList();
    for (const { keyPacket, bindingSignatures } of (await openpgp.readKey({ armoredKey: eve.public })).subkeys)
      packets.push(keyPacket, ...bindingSignatures);
    const grafted = new openpgp.PublicKey(packets as unknown as openpgp.PacketList<openpgp.AnyPacket>).armor();
    await renew(grafted);
    expect(await sealedTo()).toEqual([before.slice(-16)]);
    await expect(addCertificate(house, alpha.contactId, grafted)).rejects.toMatchObject({ reason: 'conflict' });
  });

  test('another certificate of the contact waits; an import does not bring it at all', async () => {
    const other = await generate(alpha.address, 'alpha', {});
    expect((await renew(other.public)).problems).toHaveLength(1);
    const { certificate } = await addCertificate(house, alpha.contactId, other.public);
    expect(certificate.state).toBe('proposed');
    expect(await sealedTo()).toEqual([before.slice(-16)]);
  });

  test('a revocation counts at once, and a copy without it takes nothing back', async () => {
    const revoked = await changed(alpha, house.clock.now(), { revoked: true });
    expect(await renew(revoked)).toMatchObject({ written: true, renewals: [{ whyNot: 'revoked' }] });
    expect(await sealedTo()).toBeNull();
    const known = await current();
    expect((await renew(alpha.public)).renewed).toBe(0);
    const extended = await changed(alpha, house.clock.now(), { lifetime: 10 * 365 * 86_400 });
    await renew(extended);
    await expect(addCertificate(house, alpha.contactId, alpha.public)).rejects.toMatchObject({ reason: 'conflict' });
    const kept = await openpgp.readKey({ binaryKey: new Uint8Array(await current()) });
    expect(kept.revocationSignatures).toHaveLength(1);
    expect((await current()).length).toBeGreaterThanOrEqual(known.length);
    expect(await sealedTo()).toBeNull();
    expect((await everything(house)).copies.filter(({ state }) => state === 'held')).toMatchObject([
      { reason: 'revoked' },
      { reason: 'revoked' },
    ]);
  });
});
