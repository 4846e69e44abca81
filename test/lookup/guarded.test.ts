import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lookUp, wkdUrls } from '../../src/lookup/certificate.ts';
import { fetchGuarded, isPrivate, type Outside, outside } from '../../src/lookup/guarded.ts';
import { makeCertificate } from '../smtp/certificates.ts';

test.each([
  ['192.0.0.1', true],
  ['10.1.2.3', true],
  ['127.0.0.1', true],
  ['169.254.169.254', true],
  ['172.31.255.255', true],
  ['192.168.1.1', true],
  ['100.64.0.1', true],
  ['0.0.0.0', true],
  ['224.0.0.1', true],
  ['255.255.255.255', true],
  ['::1', true],
  ['::', true],
  ['::ffff:127.0.0.1', true],
  ['::ffff:8.8.8.8', true],
  ['64:ff9b::7f00:1', true],
  ['2002:7f00:1::', true],
  ['fe80::1', true],
  ['fe80::1%eth0', true],
  ['fd00::1', true],
  ['ff02::1', true],
  ['not an address', true],
  ['8.8.8.8', false],
  ['172.32.0.1', false],
  ['2a00:1450:4001:82a::200e', false],
])('the address %s is no public one: %s', (address, is) => {
  expect(isPrivate(address)).toBe(is);
});

describe('a file that somebody else has named', () => {
  const pem = makeCertificate('keys.example');
  let server: Server;
  let port: number;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const asked: { host: string | undefined; url: string | undefined }[] = [];
  beforeAll(async () => {
    const tls = { cert: readFileSync(pem.certificate), key: readFileSync(pem.key) };
    server = createServer(tls, (request, response) => {
      asked.push({ host: request.headers.host, url: request.url });
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked.length = 0;
    answer = (_, response) => response.end('the file');
  });

  const here = (change: Partial<Outside> = {}): Outside => ({
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    allowed: () => true,
    authority: readFileSync(pem.certificate, 'utf8'),
    ...change,
  });
  const get = (path = '/a', change: Partial<Outside> = {}) =>
    fetchGuarded(new URL(`https://keys.example:${port}${path}`), here(change));

  test('is fetched from the one address that its name was looked up to', async () => {
    let looked = 0;
    const fetched = await get('/a?b', {
      resolve: async () => {
        looked++;
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    expect('bytes' in fetched && Buffer.from(fetched.bytes).toString()).toBe('the file');
    expect(looked).toBe(1);
    expect(asked).toEqual([{ host: `keys.example:${port}`, url: '/a?b' }]);
  });

  test.each<[string, string, () => Promise<unknown>]>([
    ['of a private address', 'private-address', () => get('/', { allowed: outside.allowed })],
    [
      'of a name one of whose addresses is private',
      'private-address',
      () =>
        get('/', {
          allowed: outside.allowed,
          resolve: async () => [
            { address: '93.184.216.34', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ],
        }),
    ],
    [
      'at an address that is written out',
      'private-address',
      () => fetchGuarded(new URL(`https://127.0.0.1:${port}/`), here({ allowed: outside.allowed })),
    ],
    [
      'at an address that is written another way',
      'private-address',
      () => fetchGuarded(new URL(`https://2130706433:${port}/`), here({ allowed: outside.allowed })),
    ],
    [
      'at an address of IPv6',
      'private-address',
      () => fetchGuarded(new URL(`https://[::1]:${port}/`), here({ allowed: outside.allowed })),
    ],
    ['without TLS', 'not-https', () => fetchGuarded(new URL(`http://keys.example:${port}/`), here())],
    ['with a password in it', 'not-https', () => fetchGuarded(new URL(`https://a:b@keys.example:${port}/`), here())],
    ['of a name that is never found', 'too-slow', () => get('/', { resolve: () => new Promise(() => {}), patience: 50 })],
    ['of a name that leads nowhere', 'unreachable', () => get('/', { resolve: () => Promise.reject(new Error('ENOTFOUND')) })],
    ['by a certificate of somebody else', 'unreachable', () => fetchGuarded(new URL(`https://other.example:${port}/`), here())],
  ])('is not fetched %s', async (_, failed, fetching) => {
    expect(await fetching()).toEqual({ failed });
    expect(asked).toEqual([]);
  });

  test.each<[string, string, typeof answer]>([
    ['leads elsewhere', 'redirected', (_, response) => response.writeHead(302, { location: 'https://127.0.0.1/' }).end()],
    ['is not there', 'not-found', (_, response) => response.writeHead(404).end()],
    ['is refused', 'unreachable', (_, response) => response.writeHead(500).end()],
    [
      'never ends',
      'too-large',
      (_, response) => {
        const more = () => (response.write(Buffer.alloc(64 * 1024)) ? setImmediate(more) : response.once('drain', more));
        more();
      },
    ],
    [
      'breaks off',
      'unreachable',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('x');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])('that %s: %s', async (_, failed, how) => {
    answer = how;
    expect(await get()).toEqual({ failed });
    expect(asked).toHaveLength(1);
  });
});

describe('the certificate of an address', () => {
  test('has its place in the Web Key Directory', () => {
    // The example of draft-koch-openpgp-webkey-service §3.1.
    expect(wkdUrls('Joe.Doe@Example.ORG').map(String)).toEqual([
      'https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe',
      'https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe',
    ]);
  });

  const nowhere: Outside = { resolve: () => Promise.reject(new Error('ENOTFOUND')), allowed: () => true };
  test('is looked up nowhere unless the configuration says so', async () => {
    const off = { wkd: false, keyserver: null };
    for (const source of ['wkd', 'keyserver'] as const)
      await expect(lookUp('joe@example.org', source, off, nowhere)).rejects.toMatchObject({ reason: 'forbidden' });
  });

  test('that does not come is said not to be there, and why', async () => {
    const looking = lookUp('joe@example.org', 'wkd', { wkd: true, keyserver: null }, nowhere);
    await expect(looking).rejects.toMatchObject({ reason: 'not-found', hint: expect.stringContaining('cannot be reached') });
  });
});
