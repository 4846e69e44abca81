import { connect } from 'node:net';
import type { KyselyPlugin } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { CONTENT_SECURITY_POLICY } from '../../src/advisories/page.ts';
import { release } from '../../src/embargo/release.ts';
import { advisoryFiles } from '../../src/http/library.ts';
import { wkdUrls } from '../../src/lookup/certificate.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import type { Case } from '../../src/store/schema.ts';
import { full, minimal, site } from '../advisories/samples.ts';
import { armed, PUBLIC } from '../embargo/armed.ts';
import { eachEngine, oneEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { serving, type TestApi } from './api.ts';

/** The answer as it is on the wire, without what is of the request alone: its id, and the second. */
function wire(url: string, path: string, header = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n`),
    );
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    const plain = () => answer.replace(/x-request-id: \w+|^date: .*|urn:curfew:request:\w+/gim, '-');
    socket.once('close', () => resolve(plain())).once('error', reject);
  });
}

const forms = (id: string) => [
  `/advisories/${id}`,
  `/csaf/2026/${id.toLowerCase()}.json`,
  `/csaf/2026/${id.toLowerCase()}.json.sha256`,
  `/osv/${id}.json`,
  `/cve/${id}.json`,
];
const FEEDS = ['/advisories', '/feed.atom', '/csaf/', '/csaf/index.txt', '/csaf/changes.csv', '/csaf/csaf-feed-tlp-white.json'];

eachEngine((engine) => {
  const serve = serving();
  let api: TestApi;
  let about: Case;

  beforeEach(async () => {
    api = await serve(await engine.open());
    about = await armed(api.house);
  });

  test('before its instant a case is a 404 like that of an unknown id, octet for octet, and no feed has a word of it', async () => {
    api.house.clock.moveTo((about.release_at ?? 0) - 1);
    for (const [index, path] of forms(about.id).entries()) {
      const real = await wire(api.url, path);
      expect(real).toMatch(/^HTTP\/1\.1 404 /);
      expect(real).not.toContain(about.id);
      expect(await wire(api.url, forms('ORBIT-2026-9999')[index] ?? '')).toBe(real);
      expect(await wire(api.url, forms('nothing')[index] ?? '')).toBe(real);
      expect(await wire(api.url, path, 'If-None-Match: *\r\n')).toBe(real);
    }
    for (const path of FEEDS) {
      const feed = await wire(api.url, path);
      expect(feed).toMatch(/^HTTP\/1\.1 200 /);
      expect(feed.toLowerCase()).not.toContain(about.id.toLowerCase());
    }
  });

  test('to say so the database is asked for the same as for an unknown id, and not for a case: no time tells them apart', async () => {
    const asked: string[] = [];
    const noting: KyselyPlugin = {
      transformQuery: ({ node }) => {
        asked.push(JSON.stringify(node, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    const fresh = await engine.open();
    const { url, house } = await serve({ ...fresh, db: fresh.db.withPlugin(noting) });
    const { id } = await armed(house);
    const questionsOf = async (path: string) => {
      asked.length = 0;
      await wire(url, path);
      return [...asked];
    };
    // The first question makes the shelf.
    await questionsOf('/advisories');
    for (const [index, path] of forms(id).entries()) {
      const questions = await questionsOf(path);
      expect(questions.length).toBeGreaterThan(0);
      expect(questions.join()).not.toContain('"name":"cases"');
      expect(await questionsOf(forms('ORBIT-2026-9999')[index] ?? '')).toEqual(questions);
    }
  });

  test('from its release on its page, its documents and the feeds are there', async () => {
    await api.ask(null, 'GET /advisories');
    api.house.clock.moveTo(about.release_at ?? 0);
    await release(api.house, about.id);
    const page = await api.ask(null, `GET /advisories/${about.id}`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toBe(CONTENT_SECURITY_POLICY);
    for (const words of ['CVE-2026-99001: overflow in the frobnicator', PUBLIC.text.trim(), 'High', 'fix.patch'])
      expect(page.body).toContain(words);
    expect(page.body).not.toContain('rita@example.org');
    const [, csaf, , osv, cve] = forms(about.id);
    expect((await api.ask(null, `GET ${csaf}`)).body.document.tracking.id).toBe(about.id);
    expect((await api.ask(null, `GET ${osv}`)).body).toMatchObject({
      id: `x_${about.id}`,
      published: expect.stringMatching(/^2026-/),
    });
    // The project is no CNA.
    expect((await api.ask(null, `GET ${cve}`)).status).toBe(404);
    for (const path of FEEDS.filter((one) => one !== '/csaf/'))
      expect((await wire(api.url, path)).toLowerCase()).toContain(about.id.toLowerCase());
    expect((await api.ask(null, 'GET /csaf/')).body).toContain('2026/');
    expect((await api.ask(null, 'GET /csaf/2026/')).body).toContain(about.id.toLowerCase());
  });
});

oneEngine((engine) => {
  const serve = serving();
  let api: TestApi;

  beforeEach(async () => {
    api = await serve(await engine.open());
  });

  describe('a file', () => {
    test('is asked for anew each time, and not sent again to whoever has it', async () => {
      const first = await api.ask(null, 'GET /advisories');
      expect(first.headers.get('cache-control')).toBe('no-cache');
      const etag = first.headers.get('etag') ?? '';
      const since = first.headers.get('last-modified') ?? '';
      const status = async (headers: Record<string, string>) => (await api.ask(null, 'GET /advisories', { headers })).status;
      expect(await status({ 'if-none-match': `"x", W/${etag}` })).toBe(304);
      expect(await status({ 'if-modified-since': since })).toBe(304);
      expect(await status({ 'if-none-match': '"x"', 'if-modified-since': since })).toBe(200);
      const about = await armed(api.house);
      api.house.clock.moveTo(about.release_at ?? 0);
      await release(api.house, about.id);
      expect(await status({ 'if-none-match': etag })).toBe(200);
      expect(await status({ 'if-modified-since': since })).toBe(200);
    });

    test('has the same headers for HEAD, and no body', async () => {
      const answer = await fetch(`${api.url}/keys`, { method: 'HEAD' });
      expect([answer.status, await answer.text()]).toEqual([200, '']);
      expect(answer.headers.get('etag')).toBe((await api.ask(null, 'GET /keys')).headers.get('etag'));
    });
  });

  test('a CNA has a CVE record of what has a CVE id', () => {
    const shelf = advisoryFiles([full, minimal], site, []);
    expect([...shelf.keys()].filter((path) => path.startsWith('/cve/'))).toEqual([`/cve/${full.caseId}.json`]);
    const { body } = shelf.get(`/cve/${full.caseId}.json`) ?? {};
    expect(JSON.parse(String(body))).toMatchObject({ dataType: 'CVE_RECORD', cveMetadata: { cveId: full.cve } });
  });

  test('security.txt says where to write, with which key, by which policy, and holds for less than a year', async () => {
    const { body, headers } = await api.ask(null, 'GET /.well-known/security.txt');
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const fields = new Map(body.split('\n').map((line: string) => line.split(': ', 2)));
    expect(fields.get('Contact')).toBe(`mailto:${LISTS.security}`);
    expect(fields.get('Encryption')).toBe(`https://orbit.example/keys/${LISTS.security}.asc`);
    expect(fields.get('CSAF')).toBe('https://orbit.example/csaf/provider-metadata.json');
    const days = (Date.parse(String(fields.get('Expires'))) - api.house.clock.now()) / 86_400_000;
    expect([days > 80, days < 365]).toEqual([true, true]);
  });

  test('whoever looks a list up in the Web Key Directory finds its key, by both methods', async () => {
    const key = api.house.keyring.all().find(({ address }) => address === LISTS.security);
    for (const address of [LISTS.security, 'Security@orbit.example', 'security-request@orbit.example'])
      for (const { pathname, search } of wkdUrls(address)) {
        const answer = await fetch(`${api.url}${pathname}${search}`);
        expect(answer.headers.get('content-type')).toBe('application/octet-stream');
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(key?.certificate ?? []));
      }
    for (const { pathname } of wkdUrls(LISTS.security)) {
      const policy = await api.ask(null, `GET ${pathname.replace(/hu\/.*/, 'policy')}`);
      expect([policy.status, policy.body]).toEqual([200, '']);
    }
    for (const { pathname } of [...wkdUrls('nobody@orbit.example'), ...wkdUrls('security@elsewhere.example').slice(0, 1)])
      expect((await api.ask(null, `GET ${pathname}`)).status).toBe(404);
  });

  test('the key page has each list, and its certificate is the one that the list signs with', async () => {
    const { body } = await api.ask(null, 'GET /keys');
    for (const address of Object.values(LISTS)) {
      expect(body).toContain(address);
      const armored = (await api.ask(null, `GET /keys/${address}.asc`)).body;
      const key = api.house.keyring.all().find((one) => one.address === address);
      expect((await readCertificate(armored)).fingerprint).toBe(key?.fingerprint);
    }
    expect((await api.ask(null, 'GET /keys/alpha@alpha.example.asc')).status).toBe(404);
    expect((await api.ask(null, 'GET /policy')).body).toContain('Security policy');
  });
});
