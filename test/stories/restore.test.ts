import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, SECOND, systemClock } from '../../src/clock.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { arm, dispatch, mailsTo, messageIdOf, openCase, reportMail } from './embargo.ts';

const READER = 'reader@home.example';

let sink: Sink;
let house: Instance;
beforeAll(async () => {
  sink = await startSink();
  house = await openInstance({ relay: sink });
  await house.publish(READER);
});
afterAll(async () => {
  await house?.close();
  await sink?.close();
});

async function opened(file: string, address: string): Promise<Buffer> {
  const { secret } = await makeParty(address);
  const message = await openpgp.readMessage({ binaryMessage: readFileSync(file) });
  const decryptionKeys = await openpgp.readPrivateKey({ armoredKey: secret });
  const { data } = await openpgp.decrypt({ message, decryptionKeys, format: 'binary' });
  return Buffer.from(data as Uint8Array);
}

test('a backup that was taken under load comes back whole, and nothing that was sent, released or retracted since goes out again', async () => {
  const soon = await openCase(house);
  const late = await openCase(house);
  await arm(house, soon, { releaseAt: systemClock.now() + 10 * SECOND });
  await dispatch(house, soon);
  await arm(house, late, { releaseAt: systemClock.now() + 30 * DAY });
  const admin = await makeParty('admin@home.example');
  const [certificate, file] = [join(house.temporary, 'admin.asc'), join(house.temporary, 'backup.pgp')];
  writeFileSync(certificate, admin.public);

  let over = false;
  const sent = [0, 1, 2, 3].map(async (of) => {
    for (let at = 0; !over; at++) {
      const from = `r${of}-${at}@research.example`;
      expect(await house.send(from, LISTS.security, await reportMail(house, {}, from))).toMatch(/^250 /);
    }
  });
  await pause(500);
  const made = await house.curfew('backup', '--cert', certificate, '--out', file, '--with-keys');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  over = true;
  await Promise.all(sent);
  const lena = await house.token(TEAM[0]);
  expect((await house.api(lena, 'POST', `/cases/${late}/retract`, {})).status).toBe(200);
  while (mailsTo(sink, READER).length === 0) await pause(100);
  await house.settled();
  await house.kill();
  const before = new Set(sink.mails.map(messageIdOf));
  sink.mails.length = 0;

  const packed = join(house.temporary, 'backup.gz');
  writeFileSync(packed, await opened(file, admin.address));
  cpSync(join(house.dir, 'passphrase'), join(house.temporary, 'passphrase'));
  rmSync(house.dir, { recursive: true });
  expect(await house.curfew('restore', packed)).toMatchObject({ code: 0, stderr: '' });
  cpSync(join(house.temporary, 'passphrase'), join(house.dir, 'passphrase'));
  const key = await house.curfew('token', 'create', '--name', 'again', '--role', 'admin', '--person', TEAM[0], '--json');
  const token = String(JSON.parse(key.stdout).token);
  const log = join(house.temporary, 'log.jsonl');
  expect(await house.curfew('audit', 'export', '--out', log)).toMatchObject({ code: 0 });
  const keys = await house.curfew('keys', 'export', LISTS.security);
  writeFileSync(certificate, keys.stdout);
  const verified = await runCurfew(['audit', 'verify', log, '--key', certificate, '--json']);
  expect(JSON.parse(verified.stdout)).toMatchObject({ faults: [] });

  await house.start();
  const restoration = await house.api(token, 'GET', '/restoration');
  expect(restoration.body['held']).toBeGreaterThan(0);
  await pause(2 * SECOND);
  const confirmed = await house.api(token, 'POST', '/restoration/confirm', { restoredAt: restoration.body['restoredAt'] });
  expect(confirmed.status).toBe(200);
  await pause(4 * SECOND);
  expect(sink.mails.map(messageIdOf).filter((id) => before.has(id))).toEqual([]);
  expect(mailsTo(sink, READER)).toEqual([]);
  expect((await house.api(token, 'GET', `/cases/${late}`)).body['state']).toBe('scheduled');
  await house.stop();
}, 180_000);
