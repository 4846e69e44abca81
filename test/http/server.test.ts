import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { openClock } from '../../src/embargo/clock-watch.ts';
import { access } from '../../src/http/access.ts';
import { createNumbers } from '../../src/http/numbers.ts';
import { createHttp } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { eachEngine } from '../support/dialects.ts';
import { housing, LISTS } from '../support/house.ts';
import { serving } from './api.ts';

const problem = (status: number, code: string) => ({
  status,
  body: { type: `urn:curfew:refusal:${code}`, title: expect.any(String), status, code, instance: expect.stringMatching(/^urn:/) },
});

/** Sends octets as they are; what came back before the connection was closed. */
function exchange(url: string, octets: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(octets));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.once('close', () => resolve(answer)).once('error', reject);
  });
}

eachEngine((engine) => {
  const serve = serving();
  const build = housing();
  const start = async () => serve(await engine.open());

  test('it is alive, and ready when nothing is missing', async () => {
    const api = await start();
    expect(await api.ask(null, 'GET /healthz')).toMatchObject({ status: 200, body: { status: 'alive' } });
    expect(await api.ask(null, 'GET /readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
    api.missing.push('the key of security@orbit.example is not loaded');
    const answer = await api.ask(null, 'GET /readyz');
    expect(answer).toMatchObject(problem(503, 'not-ready'));
    expect(answer.body.detail).toBe('the key of security@orbit.example is not loaded');
  });

  test('every answer says by which id the log has its request', async () => {
    const api = await start();
    const token = await api.house.token('admin');
    const ids = [];
    for (const request of ['GET /healthz', 'GET /api/v1/lists', 'GET /nowhere'])
      ids.push((await api.ask(token, request, { headers: { 'x-request-id': 'forged' } })).headers.get('x-request-id'));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-z]{26}$/);
      expect(api.logged()).toContain(`"reqId":"${id}"`);
    }
  });

  test('every refusal of the server itself is a problem', async () => {
    const api = await start();
    const token = await api.house.token('admin');
    const body = '{"organisation": "Gam';
    const large = JSON.stringify({ reason: 'x'.repeat(1024 * 1024) });
    const refused = [
      [await api.ask(token, 'GET /nowhere'), problem(404, 'not-found')],
      [await api.ask(token, 'GET /api/v1/nowhere'), problem(404, 'not-found')],
      [await api.ask(token, 'PATCH /api/v1/cases'), problem(405, 'method-not-allowed')],
      [await api.ask(token, 'POST /api/v1/members', { raw: body }), problem(400, 'malformed-request')],
      [await api.ask(token, 'POST /api/v1/members', { raw: '{"__proto__": 1}' }), problem(400, 'malformed-request')],
      [await api.ask(token, 'POST /api/v1/members', { raw: '' }), problem(400, 'malformed-request')],
      [await api.ask(token, 'POST /api/v1/members/x/activate', { raw: large }), problem(413, 'request-too-large')],
      [
        await api.ask(token, 'POST /api/v1/members', { raw: 'x', headers: { 'content-type': 'text/plain' } }),
        problem(415, 'unsupported-media-type'),
      ],
      [await api.ask(token, 'GET /%zz'), problem(400, 'malformed-request')],
      [await api.ask(token, `GET /api/v1/cases/${'x'.repeat(301)}`), problem(400, 'malformed-request')],
    ] as const;
    for (const [answer, expected] of refused) {
      expect(answer).toMatchObject(expected);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.body.instance).toBe(`urn:curfew:request:${answer.headers.get('x-request-id')}`);
    }
    expect(refused[2][0].headers.get('allow')).toBe('GET, HEAD');
    expect(await exchange(api.url, 'nonsense\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*content-type: application\/problem\+json\r\n[\s\S]*"code":"malformed-request"/,
    );
  });

  test('what a request lacks is told all at once, by path, with what is allowed', async () => {
    const api = await start();
    const token = await api.house.token('admin');
    const answer = await api.ask(token, 'POST /api/v1/tokens', { body: { nam: 'ci', role: 'root', days: 0 } });
    expect(answer).toMatchObject(problem(422, 'invalid'));
    expect(answer.body.problems).toEqual([
      { path: 'nam', message: 'is no option; did you mean "name"?' },
      { path: 'name', message: 'is missing; must be what it is for: 1 to 100 printable ASCII characters' },
      { path: 'role', message: 'is "root"; must be "admin", "team" or "auditor"' },
      { path: 'days', message: 'is 0; must be days until it ends, 1 to 36500' },
    ]);
    expect(await api.ask(token, 'GET /api/v1/cases?limit=ten')).toMatchObject({
      status: 422,
      body: { detail: 'limit is "ten"; must be a whole number, 1 to 200' },
    });
  });

  test.each<[string, unknown, string]>([
    [
      'POST /api/v1/deliveries/hold',
      { ids: [], reason: 'why' },
      'ids is an array of 0; must be ids of 1 to 100 copies, none of them twice',
    ],
    [
      'POST /api/v1/deliveries/hold',
      { ids: ['a', 'a'], reason: 'why' },
      'ids is an array of 2; must be ids of 1 to 100 copies, none of them twice',
    ],
    [`PATCH /api/v1/lists/${LISTS.announce}`, {}, 'the body is an empty object; must have some of '],
    ['POST /api/v1/members/x/verdicts', { verdicts: [] }, 'verdicts is an array of 0; must be 1 to 50 entries'],
  ])('%s %j is refused with how many there must be', async (request, body, detail) => {
    const api = await start();
    const answer = await api.ask(await api.house.token('admin'), request, { body });
    expect(answer).toMatchObject(problem(422, 'invalid'));
    expect(answer.body.detail.slice(0, detail.length)).toBe(detail);
  });

  test('a fault of the server is told without a word of it, and logged', async () => {
    const api = await start();
    const token = await api.house.token('admin');
    const id = await api.house.report();
    for (const key of api.house.keyring.all()) api.house.keyring.add({ ...key, certificate: Buffer.from('CANARY') });
    const body = { releaseAt: '2026-10-01T00:00:00Z', subject: 'CANARY', text: 'CANARY' };
    const answer = await api.ask(token, `PUT /api/v1/cases/${id}/schedule`, { body });
    expect(answer).toMatchObject(problem(500, 'internal-error'));
    expect(answer.body).not.toHaveProperty('detail');
    expect(api.logged()).toContain('a request failed');
    expect(api.logged()).not.toContain('CANARY');
  });

  test('the document is OpenAPI 3.1, and says of every route who may use it and what it answers', async () => {
    const api = await start();
    const { body } = await api.ask(null, 'GET /api/openapi.json');
    expect(body.openapi).toMatch(/^3\.1\./);
    const operations = Object.entries<Record<string, unknown>>(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, row: `${method.toUpperCase()} ${path}`, operation })),
    );
    expect(operations.length).toBeGreaterThan(30);
    for (const { path, row, operation } of operations) {
      const success = expect.objectContaining({ content: expect.any(Object) });
      expect(operation, path).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
      const { responses } = operation as { responses: Record<string, unknown> };
      expect(Object.values(responses), path).toContainEqual(success);
      if (!path.startsWith('/api/v1/')) continue;
      const forAnyone = access[row] === 'anyone';
      const said = forAnyone ? /For anyone/ : /Roles: admin/;
      const security = forAnyone ? [] : [{ bearer: [] }];
      expect(operation, path).toMatchObject({ security, description: expect.stringMatching(said) });
      expect(responses['default'], path).toMatchObject({ content: { 'application/problem+json': {} } });
    }
  });

  test('the page of the documentation loads nothing that its policy forbids', async () => {
    const api = await start();
    const { status, body, headers } = await api.ask(null, 'GET /api/docs/');
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).not.toContain('unsafe');
    expect(body).not.toMatch(/<script>|<style|\son\w+=|\sstyle=/);
    const files = [...String(body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file);
    expect(files).toContain('./static/swagger-initializer.js');
    for (const file of files) {
      expect(file).toMatch(/^\.\//);
      expect((await api.ask(null, `GET ${new URL(file, `${api.url}/api/docs/`).pathname}`)).status, file).toBe(200);
    }
    expect((await api.ask(null, 'GET /api/docs/json')).body.openapi).toMatch(/^3\.1\./);
  });

  const make = async () => {
    const house = await build((await engine.open()).db);
    const changed = { deliveries() {}, releases() {} };
    const admission = { project: 'orbit', criteria: CRITERIA, terms: null };
    const log = createLog('silent');
    const lookUp = () => Promise.reject(new Error('nothing is looked up here'));
    return createHttp({
      seams: house,
      clock: await openClock(house.db, house.clock, DAY),
      log,
      ready: async () => [],
      numbers: createNumbers(house, log),
      room: { free: () => null, reserve: 0 },
      changed,
      admission,
      signIn: null,
      policies: [],
      lookUp,
      addList: () => Promise.reject(new Error('no list is made here')),
    });
  };

  test('a route about which nothing says who may use it does not start', async () => {
    const app = await make();
    app.register((scope, _options, done) => {
      try {
        scope.get('/api/v1/secrets', async () => 'secret');
        done();
      } catch (error) {
        done(error as Error);
      }
    });
    await expect(app.ready()).rejects.toThrow('nothing says who may use GET /api/v1/secrets');
    await app.close();
  });

  test('a request that never ends does not keep the server from closing', async () => {
    const app = await make();
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const head = 'POST /api/v1/members HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{';
    const dropped = exchange(url, head);
    await fetch(`${url}/healthz`);
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(4_000);
    await dropped;
  });
});
