/**
 * Requests that a page of another site makes a browser send (CSRF, CWE-352), and what such a page may read of the answers (CORS, frames,
 * sniffing): nothing that a browser adds by itself is a proof of anything, so there is nothing to ride on; nothing is answered for another site.
 */
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { publicPaths } from '../../src/http/public.ts';
import { serving, type TestApi } from '../http/api.ts';
import { calls } from '../http/calls.ts';
import { changes, documented, filled } from '../http/routes.ts';
import { oneEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';

const isPublic = (asked: string) => publicPaths.some(({ path }) => asked === `GET ${path}`);

const EVIL = 'https://evil.example';

interface Heard {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

oneEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let admin: string;
  beforeEach(async () => {
    api = await serve(await engine.open());
    admin = await api.house.token('admin', 'lena@orbit.example');
  });
  /** Whatever was asked, and by whomever: no cookie is set, and no other site is let in. */
  const heard: Heard[] = [];
  afterEach(() => {
    expect(heard.length).toBeGreaterThan(0);
    for (const { headers } of heard.splice(0)) {
      expect(headers).not.toHaveProperty('set-cookie');
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  /** With exactly these headers: a browser's own rules are not asked. */
  function send(asked: string, headers: Record<string, string> = {}, body?: string): Promise<Heard> {
    const [method = '', path = ''] = asked.split(' ', 2);
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const sending = request(`${api.url}${path}`, { method, headers: { ...headers, ...length } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => {
          const one = { status: answer.statusCode ?? 0, headers: answer.headers, text };
          heard.push(one);
          resolve(one);
        });
      });
      sending.on('error', reject).end(body);
    });
  }
  const bearer = () => ({ authorization: `Bearer ${admin}` });
  const lines = async () => (await api.house.db.selectFrom('audit_end').select('seq').executeTakeFirstOrThrow()).seq;
  const pages = ['GET /healthz', 'GET /readyz', 'GET /api/docs', 'GET /api/docs/static/index.html', 'GET /metrics'];
  const everyRequest = async () => [...pages, ...(await documented(api)).map((route) => filled(route, () => 'none'))];
  /** The minute of whoever fails too often has passed. */
  const later = () => api.house.clock.moveTo(api.house.clock.now() + MINUTE);

  test('no route answers a preflight, nor allows another site anything', async () => {
    for (const asked of await everyRequest()) {
      const [method = '', path = ''] = asked.split(' ', 2);
      const preflight = {
        origin: EVIL,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization, content-type',
      };
      expect((await send(`OPTIONS ${path}`, preflight)).status, asked).toBeGreaterThanOrEqual(404);
      later();
      await send(asked, { origin: EVIL });
      await send(asked, { origin: EVIL, ...bearer() });
    }
  });

  test('a token counts in its header alone: no cookie, no password, no query and no form has one', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const basic = (user: string, password: string) => ({
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    });
    const ways: [string, Record<string, string>, string?][] = [
      ['', {}],
      ['', { cookie: `token=${admin}; authorization=Bearer ${admin}; session=${admin}` }],
      ['', basic('', admin)],
      ['', basic(admin, '')],
      ['', basic('admin', admin)],
      ['', { authorization: admin }],
      ['', { authorization: `Token ${admin}` }],
      ['', { 'x-api-key': admin, 'x-auth-token': admin, 'proxy-authorization': `Bearer ${admin}` }],
      [`?access_token=${admin}&token=${admin}`, {}],
      ['', form, `access_token=${admin}`],
    ];
    const before = await lines();
    for (const [query, headers, body] of ways) {
      later();
      const read = await send(`GET /api/v1/members${query}`, headers);
      expect([read.status, read.headers['www-authenticate']?.slice(0, 6)], JSON.stringify(headers)).toEqual([401, 'Bearer']);
      expect((await send(`POST /api/v1/tokens${query}`, headers, body)).status).toBe(401);
    }
    expect(await lines()).toBe(before);
    expect((await send('GET /api/v1/members', bearer())).status).toBe(200);
  });

  test('what a form of another site can send is refused before anything is done, even with a token', async () => {
    const token = await api.house.token('admin', 'lena@orbit.example');
    for (const route of (await documented(api)).filter(changes)) {
      const call = await calls[route.row]?.(api.house);
      const asked = filled(route, (segment) => call?.at?.[segment] ?? 'none');
      const before = await lines();
      for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=b', '']) {
        const headers = { authorization: `Bearer ${token}`, ...(type ? { 'content-type': type } : {}) };
        const answer = await send(asked, headers, JSON.stringify(call?.body ?? {}));
        // A form of our own, which nobody can send who has not the link that is its path.
        const isForm = route.row === 'POST /acknowledge/:token' && type.endsWith('urlencoded');
        const refused = isForm ? [422, 'invalid'] : [415, 'unsupported-media-type'];
        expect([answer.status, JSON.parse(answer.text).code], `${asked} ${type}`).toEqual(refused);
      }
      expect(await lines(), asked).toBe(before);
    }
  });

  test('where a request says that it comes from makes no difference', async () => {
    const from = [{}, { origin: EVIL, referer: `${EVIL}/`, 'sec-fetch-site': 'cross-site' }, { origin: 'null' }];
    const answers = [];
    for (const headers of from) {
      const { status, text } = await send(`GET /api/v1/lists/${LISTS.announce}`, { ...bearer(), ...headers });
      answers.push({ status, text });
      expect((await send('GET /api/v1/lists', headers)).status).toBe(401);
    }
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
    expect(answers[0]?.status).toBe(200);
  });

  test('nothing but what is public is kept by a cache, and nothing is guessed at, framed, or loaded by another site', async () => {
    const asked = [...(await everyRequest()), 'GET /', 'GET /api/v1/none', 'PUT /api/v1/lists', 'GET /api/v1/%zz'];
    for (const one of asked)
      for (const headers of [{}, bearer()]) {
        later();
        const answer = await send(one, headers);
        expect(answer.headers, `${one} ${answer.status}`).toMatchObject({
          // That is asked for anew each time.
          'cache-control': answer.status === 200 && isPublic(one) ? 'no-cache' : 'no-store',
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'cross-origin-resource-policy': 'same-origin',
        });
        const policy = String(answer.headers['content-security-policy']);
        expect(policy, one).toMatch(/default-src 'none'/);
        expect(policy, one).toMatch(/frame-ancestors 'none'/);
        expect(policy, one).not.toMatch(/unsafe-|\*/);
      }
  });

  test('bytes that are no request get no more than that either', async () => {
    const said = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.end('\x16\x03\x01 hello\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject).on('close', () => resolve(text));
    });
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    for (const header of [/^cache-control: no-store\r$/im, /^x-content-type-options: nosniff\r$/im]) expect(said).toMatch(header);
    expect(said).not.toMatch(/access-control|set-cookie/i);
    await send('GET /healthz');
  });
});
