import { expect, test } from 'vitest';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { serving } from './api.ts';

const MIB = 1024 * 1024;
const serve = serving();

test('a patch of 25 MiB is taken, and one of more is not', async () => {
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  const api = await serve({ db, config });
  const at = `/api/v1/cases/${await api.house.report()}/patches`;
  const token = await api.house.token('team', 'lena@orbit.example');
  const post = (size: number) =>
    api.ask(token, `POST ${at}`, { body: { name: 'big.patch', content: Buffer.alloc(size, 7).toString('base64') } });
  expect(await post(25 * MIB + 1)).toMatchObject({ status: 413, body: { code: 'request-too-large' } });
  // Above the limit of the body the server answers while the rest is on its way, and closes.
  expect(await post(40 * MIB).catch(() => ({ status: 413 }))).toMatchObject({ status: 413 });
  const { status, body } = await post(25 * MIB);
  expect([status, body.patch?.size]).toEqual([201, 25 * MIB]);
});
