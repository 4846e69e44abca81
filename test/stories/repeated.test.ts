import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { type Sink, startSink } from '../support/sink.ts';

let sink: Sink;
let house: Instance;

beforeAll(async () => {
  sink = await startSink();
  house = await openInstance({ relay: sink, roster: [] });
});
afterAll(async () => {
  await house?.close();
  await sink?.close();
});

interface Said {
  status: number;
  replayed: boolean;
  body: Record<string, unknown>;
}

/** A POST with a key; null where no answer came. */
async function post(path: string, key: string, body: object): Promise<Said | null> {
  const headers = { authorization: `Bearer ${house.adminToken}`, 'content-type': 'application/json', 'idempotency-key': key };
  const url = `http://127.0.0.1:${house.httpPort}/api/v1${path}`;
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const replayed = answer.headers.get('idempotency-replayed') === 'true';
    return { status: answer.status, replayed, body: (await answer.json()) as Record<string, unknown> };
  } catch {
    return null;
  }
}

const deeds = (action: string) =>
  house.rows<{ line: string }>('select line from audit where action = ?', action).map(({ line }) => line);

test('what was answered before a kill is answered after it: a token that is shown once', async () => {
  const wish = { name: 'ci', role: 'auditor' };
  const first = await post('/tokens', 'a', wish);
  expect(first).toMatchObject({ status: 201, replayed: false });
  await house.kill();
  await house.start();
  expect(await post('/tokens', 'a', wish)).toEqual({ ...first, replayed: true });
  expect(deeds('token.issue').filter((line) => line.includes('"ci"'))).toHaveLength(1);
});

test('killed at any moment of a request, and asked again, it is done once', async () => {
  const ends: string[] = [];
  for (const [i, ms] of [0, 2, 4, 6, 9, 13].entries()) {
    const address = `reader${i}@home.example`;
    const ask = () => post(`/lists/${LISTS.announce}/recipients`, `key ${i}`, { address, kind: 'subscriber' });
    // The first request of a process takes longer than those after it.
    await house.api(house.adminToken, 'GET', '/lists');
    const lost = ask();
    await pause(ms);
    await house.kill();
    const before = await lost;
    await house.start();
    const after = await ask();
    expect([after?.status, after?.body['code']]).toBeOneOf([
      [201, undefined],
      [409, 'idempotency-done'],
    ]);
    if (before) expect(after).toMatchObject({ status: before.status, body: before.body });
    expect(deeds('recipient.add').filter((line) => line.includes(address))).toHaveLength(1);
    ends.push(before ? 'answered' : after?.replayed ? 'kept' : String(after?.status));
  }
  // Where it was hit differs from machine to machine.
  expect(ends).toHaveLength(6);
});
