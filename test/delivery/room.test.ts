import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mustHaveRoom, roomWatch } from '../../src/delivery/room.ts';
import * as audit from '../../src/store/audit.ts';
import { initProject, temporaryFolder } from '../cli/project-folder.ts';
import { serving } from '../http/api.ts';
import { eachEngine } from '../support/dialects.ts';
import { send } from '../support/doors.ts';
import { housing } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { startCurfew } from '../support/process.ts';
import { outbox, silent } from './outbox.ts';

const MIB = 2 ** 20;

eachEngine((engine) => {
  const build = housing();
  const serve = serving();

  test('of a disk that is nearly full the team is told, once until there is room again', async () => {
    const house = await build((await engine.open()).db);
    const [lena] = house.team;
    let free: number | null = 300 * MIB;
    const watch = roomWatch(house, { free: () => free, reserve: 256 * MIB }, silent);
    const told = async () => {
      await watch();
      return (await outbox(house).drain()).filter(({ to }) => to === lena.address);
    };
    expect(await told()).toEqual([]);
    free = 255 * MIB;
    const [mail, ...others] = await told();
    expect(others).toEqual([]);
    expect((await openCopy(mail?.raw ?? Buffer.alloc(0), lena)).entity.toString()).toContain('Less than 256 MiB are left');
    expect(await told()).toEqual([]);
    free = 256 * MIB;
    expect(await told()).toEqual([]);
    free = 0;
    expect(await told()).toHaveLength(1);
    expect(await audit.page(house.db, { action: 'storage.scarce', limit: 9 })).toHaveLength(2);
    free = null;
    expect(await told()).toEqual([]);
  });

  test('patches and applications are refused over REST on a disk that is nearly full, before they are read; what is decided is not', async () => {
    const { ask, house, left } = await serve(await engine.open());
    const about = `/api/v1/cases/${await house.report()}`;
    const token = await house.token('team', house.team[0].address);
    const patch = { name: 'fix.patch', content: Buffer.from('+ fix\n').toString('base64') };
    left.free = 0;
    const full = { status: 507, body: { code: 'storage-unavailable' } };
    expect(await ask(token, `POST ${about}/patches`, { body: patch })).toMatchObject(full);
    expect(await ask(null, 'POST /api/v1/applications', { raw: '{' })).toMatchObject(full);
    // Whoever may not asks in vain as ever.
    expect(await ask(null, `POST ${about}/patches`, { body: patch })).toMatchObject({ status: 401 });
    expect(await ask(token, `POST ${about}/lead`, { body: {} })).toMatchObject({ status: 201 });
    left.free = 1;
    expect(await ask(token, `POST ${about}/patches`, { body: patch })).toMatchObject({ status: 201 });
    expect(await ask(null, 'POST /api/v1/applications', { raw: '{' })).toMatchObject({ status: 400 });
  });
});

test('mail is taken as long as more than the reserve is free, or nobody here knows', () => {
  const must = (free: number | null) => () => mustHaveRoom({ free: () => free, reserve: 256 * MIB });
  for (const free of [null, 256 * MIB, Number.MAX_SAFE_INTEGER]) expect(must(free)).not.toThrow();
  for (const free of [0, 256 * MIB - 1]) expect(must(free)).toThrow(expect.objectContaining({ reason: 'storage-unavailable' }));
});

test('a server whose disk is nearly full refuses mail for a while before it is sent, says how much is left, and answers', async () => {
  const project = await initProject(temporaryFolder(), '--smtp-port', '0', '--http-port', '0');
  const config = JSON.parse(readFileSync(project.config, 'utf8'));
  config.smtp.limits = { reserve: 2 ** 50 };
  writeFileSync(project.config, JSON.stringify(config));
  const serve = startCurfew(['serve', '--config', project.config]);
  const [, smtp] = await serve.line(/^smtp 127\.0\.0\.1:(\d+)$/, 30_000);
  const [, http] = await serve.line(/^http 127\.0\.0\.1:(\d+)$/);
  await serve.line(/^ready$/);
  const raw = Buffer.from('Subject: x\r\n\r\ny\r\n');
  const reply = await send(Number(smtp), { from: 'rita@example.org', to: 'security@orbit.example', raw });
  expect(reply).toMatch(/^452 4\.3\.1 /);
  const metrics = await fetch(`http://127.0.0.1:${http}/metrics`, { headers: { authorization: `Bearer ${project.made.token}` } });
  expect(await metrics.text()).toMatch(/^curfew_storage_free_bytes \d+/m);
  expect(await serve.kill('SIGTERM')).toMatchObject({ code: 0 });
});
