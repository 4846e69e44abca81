import { expect, test } from 'vitest';
import { serving, type TestApi } from '../http/api.ts';
import { calls } from '../http/calls.ts';
import { changes, documented, filled } from '../http/routes.ts';
import { eachEngine } from '../support/dialects.ts';

/** What ends a statement, a header, a text of PostgreSQL, a path or a page of HTML; and what is no text at all. */
const HOSTILE = [
  "'; drop table lists; --",
  '" or ""="',
  'a\r\nBcc: eve@evil.example',
  'a\u0000b',
  '\ud800',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '{{constructor}}',
  '__proto__',
  'x'.repeat(100_000),
  '\u202e\u2066',
  '%s%n',
];

/** The same value with each text in it made another, one at a time. */
function* spoilt(value: unknown, text: string): Generator<unknown> {
  if (typeof value === 'string') yield text;
  if (Array.isArray(value))
    for (const [i, item] of value.entries()) for (const bad of spoilt(item, text)) yield value.with(i, bad);
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) for (const bad of spoilt(item, text)) yield { ...value, [key]: bad };
}

eachEngine((engine) => {
  const serve = serving();

  /** Refused, or taken as the text that it is; never a failure of the server. */
  async function harmless(api: TestApi, token: string, request: string, body?: unknown): Promise<void> {
    const answer = await api.ask(token, request, { body });
    expect(answer.status, `${request} ${JSON.stringify(body)?.slice(0, 200)}: ${JSON.stringify(answer.body)}`).toBeLessThan(500);
    for (const [, value] of answer.headers) expect(value).not.toContain('evil.example');
  }

  test('whatever stands in a path, a filter or a body is a text, and nothing else', async () => {
    const api = await serve(await engine.open());
    // One token makes so many requests a minute.
    const token = () => api.house.token('admin', 'lena@orbit.example');
    const before = await api.house.db.selectFrom('lists').select('id').execute();
    const routes = (await documented(api)).filter(({ path }) => path.startsWith('/api/v1/'));
    for (const text of HOSTILE) {
      const asking = await token();
      const encoded = encodeURIComponent(Buffer.from(text).toString()).slice(0, 1000);
      const requests = routes.flatMap((route) => [
        filled(route, () => encoded),
        ...(changes(route) ? [] : ['cursor', 'subject'].map((name) => `${filled(route, () => 'none')}?${name}=${encoded}`)),
      ]);
      await Promise.all(requests.map((request) => harmless(api, asking, request)));
    }
    expect(await api.house.db.selectFrom('lists').select('id').execute()).toEqual(before);
  });

  test('every text of every body may be spoilt', async () => {
    const api = await serve(await engine.open());
    for (const route of (await documented(api)).filter(changes)) {
      const call = await calls[route.row]?.(api.house);
      const request = filled(route, (segment) => call?.at?.[segment] ?? 'none');
      const asking = await api.house.token('admin', 'lena@orbit.example');
      for (const text of HOSTILE) for (const body of spoilt(call?.body, text)) await harmless(api, asking, request, body);
    }
  });

  test('a body that is deep, large or no object is refused', async () => {
    const api = await serve(await engine.open());
    const token = await api.house.token('admin');
    const ask = (raw: string) => api.ask(token, 'POST /api/v1/members', { raw });
    for (const raw of [
      '['.repeat(100_000),
      `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      '1',
      'null',
      '[]',
      '"x"',
      '{"a":1e999}',
    ])
      expect((await ask(raw)).status, raw.slice(0, 20)).toBeOneOf([400, 422]);
    expect(await ask(`{"organisation":"${'x'.repeat(1024 * 1024)}"}`)).toMatchObject({ status: 413 });
    expect((await ask('{"__proto__":{"role":"admin"}}')).status).toBe(400);
    expect((await ask('{"constructor":{"prototype":{"role":"admin"}}}')).status).toBe(400);
  });
});
