import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stage, setStage } from '../../src/cli/demo/stage.ts';
import { HOUR } from '../../src/clock.ts';
import { decide } from '../../src/roster/admission.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as contacts from '../../src/store/contacts.ts';
import { listCertificate } from '../post/arrive.ts';
import { dial } from '../smtp/wire.ts';
import { NOW } from '../store/roster-rows.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

const dir = mkdtempSync(join(tmpdir(), 'curfew-refusals-'));
let stage: Stage;
beforeAll(async () => {
  stage = await setStage(join(dir, 'project'), NOW);
});
afterAll(async () => {
  await stage?.close();
  rmSync(dir, { recursive: true, force: true });
});

const logged = async (action: string) =>
  (await audit.page(stage.running.seams.db, { action, limit: 100 })).map(({ line }) => JSON.parse(line).detail).reverse();

test('what SMTP refuses can be proved afterwards, and what cannot be logged is refused for now', async () => {
  const { seams } = stage.running;
  const alpha = await makeParty('alpha@alpha.example');
  const entry = {
    organisation: 'Alpha',
    lists: [LISTS.distributors],
    contacts: [{ address: alpha.address, certificate: alpha.public }],
  };
  await importRoster(seams, [entry], { activate: { reason: 'test' }, dryRun: false });
  const contact = await contacts.byAddress(seams.db, alpha.address);
  await decide(seams, { project: 'orbit' }, contact?.member_id ?? '', 'suspend', { reason: 'test' });

  const letter = (text: string) => ({ from: alpha, to: LISTS.distributors, subject: 'canary', text, at: NOW });
  const sealing = { recipients: [listCertificate(seams, LISTS.distributors)], signer: alpha };
  const send = async (raw: Uint8Array, to: string = LISTS.distributors) =>
    (await stage.mail('eve@evil.example', to, raw)).response;
  expect(await send(await encryptedMail(letter('canary\n'), sealing))).toMatch(/^550 5\.7\.1/);
  expect(await send(clearMail(letter('canary in clear\n')))).toMatch(/^550 5\.7\.1/);
  for (const to of ['nobody@orbit.example', 'somebody@else.example', LISTS.announce])
    expect(await send(clearMail(letter('x\n')), to)).toMatch(/^550 5\./);

  const client = '127.0.0.1';
  const lines = await logged('mail.refuse');
  expect(lines).toMatchObject([
    { reason: 'members-only', signer: contact?.id, client },
    { reason: 'members-only', signer: null, client },
    { reason: 'not-released', signer: null, client },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/canary|eve/);

  const { seq, hash } = await audit.end(seams.db);
  await seams.db.deleteFrom('audit_end').execute();
  expect(await send(clearMail(letter('again\n')))).toMatch(/^452 4\.3\.1/);
  await seams.db.insertInto('audit_end').values({ id: 1, seq, hash }).execute();

  expect(await logged('mail.count-refusals')).toEqual([]);
  await stage.moveTo(NOW + HOUR);
  await expect
    .poll(() => logged('mail.count-refusals'))
    .toMatchObject([{ 'members-only': 2, 'no-such-address': 1, 'relay-denied': 1, 'not-released': 1, 'storage-unavailable': 1 }]);
});

test('a connection that is one too many is counted too', async () => {
  const { smtpPort } = stage.running;
  const wires = await Promise.all(Array.from({ length: 60 }, () => dial(smtpPort)));
  const greetings = await Promise.all(wires.map((wire) => wire.reply()));
  for (const wire of wires) wire.destroy();
  const away = greetings.filter((greeting) => greeting.startsWith('421')).length;
  expect(away).toBeGreaterThan(0);
  await stage.moveTo(NOW + 2 * HOUR);
  await expect.poll(() => logged('mail.count-refusals')).toMatchObject([{}, { 'too-many-connections': away }]);
});
