import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stage, setStage } from '../../src/cli/demo/stage.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as lists from '../../src/store/lists.ts';
import { above0, readScrape } from '../http/prometheus.ts';
import { listCertificate } from '../post/arrive.ts';
import { NOW } from '../store/roster-rows.ts';
import { encryptedMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

const dir = mkdtempSync(join(tmpdir(), 'curfew-numbers-'));
let stage: Stage;
beforeAll(async () => {
  stage = await setStage(join(dir, 'project'), NOW);
});
afterAll(async () => {
  await stage?.close();
  rmSync(dir, { recursive: true, force: true });
});

const read = async () => {
  const headers = { authorization: `Bearer ${stage.adminToken}` };
  const answer = await fetch(`http://127.0.0.1:${stage.running.httpPort}/metrics`, { headers });
  return readScrape(await answer.text());
};

test('what a server takes, holds, refuses and delivers is counted, once', async () => {
  const { seams } = stage.running;
  const [lena, rita] = await Promise.all([makeParty('lena@team.example'), makeParty('rita@example.org')]);
  const mail = async (to: string, text: string) => {
    const letter = { from: rita, to, subject: 'A hole', outerSubject: '...', text, at: NOW };
    const raw = await encryptedMail(letter, { recipients: [listCertificate(seams, LISTS.security)], signer: rita });
    return { text, send: () => stage.mail(rita.address, to, raw) };
  };
  const first = await mail(LISTS.security, 'It crashes.\n');
  expect((await first.send()).response).toMatch(/^450 4\.2\.1/);
  const contacts = [{ address: lena.address, certificate: lena.public }];
  await importRoster(seams, [{ organisation: 'Team', lists: [LISTS.security], contacts }], {
    activate: { reason: 'test' },
    dryRun: false,
  });
  for (const answer of [await first.send(), await first.send()]) expect(answer.state).toBe('delivered');
  const intake = await lists.byAddress(seams.db, LISTS.security);
  await lists.change(seams.db, intake?.id ?? '', { moderated: 1 });
  expect((await (await mail(LISTS.security, 'Another one.\n')).send()).response).toContain('moderated');
  expect((await (await mail('nobody@orbit.example', 'Hello.\n')).send()).response).toMatch(/^550 5\.1\.1/);
  await stage.settle();

  const numbers = await read();
  expect(above0(numbers, 'curfew_mail_verdicts_total')).toEqual({
    '{outcome="refused",reason="no-readers"}': 1,
    '{outcome="accepted",reason="none"}': 1,
    '{outcome="discarded",reason="repeated"}': 1,
    '{outcome="held",reason="moderated"}': 1,
    '{outcome="refused",reason="no-such-address"}': 1,
  });
  const copies = stage.sent.filter(({ to }) => to === lena.address).length;
  const receipts = stage.sent.filter(({ to }) => to === rita.address).length;
  expect([copies > 0, receipts > 0]).toEqual([true, true]);
  expect(above0(numbers, 'curfew_deliveries_settled_total')).toEqual({
    '{state="delivered",audience="contact"}': copies,
    '{state="delivered",audience="stranger"}': receipts,
  });
  expect(numbers.samples.get('process_start_time_seconds')).toBeGreaterThan(0);
});
