import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/clock.ts';
import { decodedBody, leaves, parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { armorCertificate, readCertificate } from '../../src/pgp/certificate.ts';
import { createListKey, type ListKey, openListKey, renewListKey } from '../../src/pgp/keyring.ts';
import { watchListKeyEnds } from '../../src/roster/list-key-ends.ts';
import { keepKey, rotateKey, watchListKeys } from '../../src/roster/list-keys.ts';
import { createList } from '../../src/roster/lists.ts';
import * as audit from '../../src/store/audit.ts';
import * as lists from '../../src/store/lists.ts';
import type { List } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, postOf } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy, type Party } from '../support/party.ts';
import { unlogged } from '../support/unlogged.ts';

const LIST = LISTS.distributors;
const PASSPHRASE = 'orbit';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let keys: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    keys = mkdtempSync(join(tmpdir(), 'curfew-list-keys-'));
    expect(await watchListKeys(house)).toBe(false);
  });
  afterEach(() => rmSync(keys, { recursive: true, force: true }));

  const list = async (address: string = LIST) => (await lists.byAddress(house.db, address)) as List;
  const keyOf = async (fingerprint: string) => house.keyring.find(fingerprint) as ListKey;
  const rotate = (address: string = LIST) =>
    rotateKey({ ...house, keys, passphrase: PASSPHRASE }, address, { after: 14, days: 730 });
  /** As a restart does. */
  const load = async (fingerprint: string) =>
    house.keyring.add(await openListKey(readFileSync(join(keys, `${fingerprint}.asc`), 'utf8'), PASSPHRASE));
  const opened = (raw: Buffer, reader: Party, by: ListKey) =>
    openCopy(raw, reader, armorCertificate(by.certificate), house.clock.now());
  /** A post by alpha, encrypted to that key. */
  const post = async (key: ListKey, subject: string) => {
    const [alpha] = house.members;
    const letter = letterOf(house, alpha, { to: LIST, subject });
    const sealing = { recipients: [armorCertificate(key.certificate)], signer: alpha };
    return arrive(house, await encryptedMail(letter, sealing), { to: LIST, sender: alpha.address });
  };
  const deeds = async () => {
    const found: string[] = [];
    for await (const line of audit.lines(house.db)) found.push(JSON.parse(line).action);
    return found.filter((action) => action.includes('key'));
  };

  test('another key is told of, signed with the old one, when it can be opened; and signs when its instant has come', async () => {
    const [, beta] = house.members;
    const { before, after, at } = await rotate();
    expect(before).toBe((await list()).fingerprint);
    expect(readdirSync(keys)).toEqual([`${after}.asc`]);
    // Nobody is told of a key that would not open what comes.
    await expect(watchListKeys(house)).rejects.toThrow(`the next key of ${LIST} is not loaded: restart the server`);
    expect(await outbox(house).drain()).toEqual([]);

    await load(after);
    expect(await watchListKeys(house)).toBe(true);
    const told = await outbox(house).drain();
    expect(told.map(({ to }) => to).sort()).toEqual(house.members.map(({ address }) => address).sort());
    const mail = told.find(({ to }) => to === beta.address);
    const { entity, signer } = await opened(mail?.raw ?? Buffer.alloc(0), beta, await keyOf(before));
    expect(signer).toBe(before);
    expect(viewOf(parseEntity(entity)).text).toContain(after);
    const attached = leaves(parseEntity(entity)).find(({ mediaType }) => mediaType === 'application/pgp-keys');
    expect((await readCertificate(Buffer.from(decodedBody(attached as never)).toString())).fingerprint).toBe(after);
    expect(await watchListKeys(house)).toBe(false);

    const early = await post(await keyOf(after), 'early');
    expect(early.held).toBeNull();
    for (const { to, raw } of await outbox(house).drain())
      if (to === beta.address) expect((await opened(raw, beta, await keyOf(before))).signer).toBe(before);

    house.clock.moveTo(at - HOUR);
    await watchListKeys(house);
    expect((await list()).fingerprint).toBe(before);
    house.clock.moveTo(at);
    await watchListKeys(house);
    expect(await list()).toMatchObject({ fingerprint: after, next_fingerprint: null, next_at: null, next_told: 0 });

    // What was sealed to the old one before, and what still comes for it.
    expect(
      await house.pgp.reopen(
        (await postOf(house, early)).content,
        house.keyring.family(after).map((k) => k.secret),
      ),
    ).toBeTruthy();
    expect((await post(await keyOf(before), 'late')).held).toBeNull();
    const [late] = (await outbox(house).drain()).filter(({ to }) => to === beta.address);
    expect((await opened(late?.raw ?? Buffer.alloc(0), beta, await keyOf(after))).signer).toBe(after);
    expect(await deeds()).toEqual(['list.plan-key', 'list.announce-key', 'list.change-key']);
  });

  test('a lost key keeps no other list from its turn, and the next one signs at once', async () => {
    const lost = (await list(LISTS.distributors)).fingerprint;
    const { after } = await rotate(LISTS.distributors);
    const other = await rotate(LISTS.security);
    await load(after);
    await load(other.after);
    const { find, family } = house.keyring;
    const without = { ...house.keyring, find: (one: string) => (one === lost ? undefined : find(one)), family };
    await expect(watchListKeys({ ...house, keyring: without })).rejects.toThrow(`the key of ${LISTS.distributors} is not loaded`);
    expect(await list(LISTS.distributors)).toMatchObject({ fingerprint: after, next_fingerprint: null });
    expect((await list(LISTS.security)).next_told).toBe(1);
  });

  test('what comes for a key that another node has announced is tried again, and not refused', async () => {
    const { after } = await rotate();
    const key = await openListKey(readFileSync(join(keys, `${after}.asc`), 'utf8'), PASSPHRASE);
    await expect(post(key, 'early')).rejects.toMatchObject({ reason: 'not-ready' });
    house.keyring.add(key);
    expect((await post(key, 'later')).held).toBeNull();
  });

  test('one that would end too soon is none, and one that is on its way can be called off', async () => {
    const making = { ...house, keys, passphrase: PASSPHRASE };
    await expect(rotateKey(making, LIST, { after: 100, days: 10 })).rejects.toMatchObject({ reason: 'invalid' });
    await expect(keepKey(house, LIST)).rejects.toMatchObject({ reason: 'conflict' });
    await rotate();
    await keepKey(house, LIST);
    expect(await list()).toMatchObject({ next_fingerprint: null, next_at: null });
    expect(await watchListKeys(house)).toBe(false);
    expect(await deeds()).toEqual(['list.plan-key', 'list.keep-key']);
  });

  test('a server that was not restarted in time gives its contacts a day, all the same', async () => {
    const { before, after, at } = await rotate();
    house.clock.moveTo(at + DAY);
    await load(after);
    await watchListKeys(house);
    await watchListKeys(house);
    expect(await list()).toMatchObject({ fingerprint: before, next_at: at + 2 * DAY });
    house.clock.moveTo(at + 2 * DAY);
    await watchListKeys(house);
    expect((await list()).fingerprint).toBe(after);
  });

  test('one that cannot be logged is not made, and leaves no file', async () => {
    const making = { ...house, keys, passphrase: PASSPHRASE };
    const other = { address: 'other@orbit.example', role: 'private', name: 'Other' } as const;
    await unlogged(house.db, async () => {
      await expect(rotate()).rejects.toThrow('the log is full');
      await expect(createList(making, other)).rejects.toThrow('the log is full');
    });
    expect(await list()).toMatchObject({ next_fingerprint: null, next_at: null });
    expect(await lists.byAddress(house.db, other.address)).toBeUndefined();
    expect(readdirSync(keys)).toEqual([]);
  });

  test('one at a time, and for a list that there is; of a public one nobody is told by mail', async () => {
    const { after } = await rotate(LISTS.announce);
    await expect(rotate(LISTS.announce)).rejects.toMatchObject({ reason: 'conflict', message: expect.stringContaining(after) });
    await expect(rotate('none@orbit.example')).rejects.toMatchObject({ reason: 'not-found' });
    await load(after);
    expect(await watchListKeys(house)).toBe(false);
    expect(await outbox(house).drain()).toEqual([]);
    expect((await list(LISTS.announce)).next_told).toBe(1);
  });

  test('a key that was extended is told of once, and by no node that still has it as it was', async () => {
    const [alpha] = house.members;
    const now = house.clock.now();
    const made = await createListKey({ name: 'Orbit', address: LIST, passphrase: PASSPHRASE, now, days: 30 });
    const shorter = await openListKey(made.armored, PASSPHRASE);
    const renewed = await renewListKey({ armored: made.armored, passphrase: PASSPHRASE, now: now + HOUR, days: 400 });
    await house.db
      .updateTable('lists')
      .set({ fingerprint: made.fingerprint, expires_told: null })
      .where('address', '=', LIST)
      .execute();
    house.keyring.add(shorter);
    expect(await watchListKeys(house)).toBe(false);
    house.clock.moveTo(now + DAY);
    house.keyring.add(await openListKey(renewed.armored, PASSPHRASE));
    expect(await watchListKeys(house)).toBe(true);
    const [mail] = (await outbox(house).drain()).filter(({ to }) => to === alpha.address);
    const { entity, signer } = await opened(mail?.raw ?? Buffer.alloc(0), alpha, await keyOf(made.fingerprint));
    expect([signer, viewOf(parseEntity(entity)).text.includes('was extended')]).toEqual([made.fingerprint, true]);
    house.keyring.add(shorter);
    expect(await watchListKeys(house)).toBe(false);
    expect(await watchListKeys(house)).toBe(false);
    expect(await outbox(house).drain()).toEqual([]);
  });

  /** What the team was told at each of these days before that list's key ends, the list looked at twice. */
  const warnings = async (days: readonly number[], address: string = LIST) => {
    const [lena] = house.team;
    const ends = (await keyOf((await list(address)).fingerprint)).expiresAt ?? 0;
    const told: number[] = [];
    for (const left of days) {
      house.clock.moveTo(ends - left * DAY);
      await watchListKeyEnds(house);
      expect(await watchListKeyEnds(house)).toBe(false);
      const mails = (await outbox(house).drain()).filter(({ to }) => to === lena.address);
      for (const { raw } of mails) {
        const key = await keyOf((await list(LISTS.security)).fingerprint);
        const { text } = viewOf(parseEntity((await opened(raw, lena, key)).entity));
        if (text.includes(`curfew keys renew ${address}`)) told.push(left);
      }
    }
    return told;
  };

  test('the team is told 30, 14 and 3 days before a key ends, each once, and again of the end that it was extended to', async () => {
    expect(await warnings([31, 30, 29, 14, 13, 3, 1, 0.01])).toEqual([30, 14, 3]);
    const { fingerprint } = await list();
    const expiresAt = house.clock.now() + 20 * DAY;
    const keyring = {
      ...house.keyring,
      find: (one: string) => {
        const key = house.keyring.find(one);
        return key && one === fingerprint ? { ...key, expiresAt } : key;
      },
    };
    expect(await watchListKeyEnds({ ...house, keyring })).toBe(true);
    expect(await watchListKeyEnds({ ...house, keyring })).toBe(false);
  });

  test('of a key that another one follows in time nobody is told, unless that one is not loaded; and nothing is tried that none can sign', async () => {
    const ends = (await keyOf((await list()).fingerprint)).expiresAt ?? 0;
    house.clock.moveTo(ends - 20 * DAY);
    const { after } = await rotate();
    expect(await warnings([16])).toEqual([16]);
    await load(after);
    expect(await warnings([14, 3])).toEqual([]);
    house.clock.moveTo(((await keyOf((await list(LISTS.security)).fingerprint)).expiresAt ?? 0) + DAY);
    expect(await watchListKeyEnds(house)).toBe(false);
  });
});
