import { Resolver } from 'node:dns/promises';
import { afterEach, expect, test } from 'vitest';
import { exchangersOf, lookAtDns } from '../../src/doctor/dns.ts';
import { type NameServer, nameServer, type RecordOf } from './name-server.ts';

const DOMAIN = 'security.orbit.example';
const servers: NameServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function resolver(records: readonly RecordOf[], refuses = false): Promise<Resolver> {
  const server = await nameServer(records, refuses);
  servers.push(server);
  const dns = new Resolver({ timeout: 2000, tries: 1 });
  dns.setServers([server.address]);
  return dns;
}

const mx = (exchange: string, preference = 10): RecordOf => ({ type: 'MX', name: DOMAIN, data: { exchange, preference } });
const address = (name: string): RecordOf => ({ type: 'A', name, data: '192.0.2.1' });
const txt = (data: string | string[], name = DOMAIN): RecordOf => ({ type: 'TXT', name, data });
const dmarc = txt('v=DMARC1; p=reject', `_dmarc.${DOMAIN}`);
const whole = [mx('mx.orbit.example'), address('mx.orbit.example'), txt('v=spf1 mx -all'), dmarc];

test('all that is there is as it should be', async () => {
  const seen = await lookAtDns(DOMAIN, await resolver([...whole, txt('other=1')]));
  expect(seen.map(({ standing, todo }) => [standing, todo])).toEqual([
    ['ok', null],
    ['ok', null],
    ['ok', null],
  ]);
  expect(seen.map(({ what }) => what).join()).toMatch(/goes to mx\.orbit\.example,.*v=spf1 mx -all,.*p=reject/);
});

const without = (...gone: RecordOf[]) => whole.filter((record) => !gone.includes(record));
const [itsMx, , itsSpf] = whole as [RecordOf, RecordOf, RecordOf];

test.each<[string, RecordOf[], number, string, RegExp]>([
  ['no mail reaches it', without(itsMx), 0, 'failed', /neither MX nor address/],
  ['it has an address, and no MX', [...without(itsMx), address(DOMAIN)], 0, 'warning', /has no MX/],
  ['a null MX', [...without(itsMx), mx('.', 0)], 0, 'failed', /takes no mail/],
  ['an MX without an address', [...whole, mx('gone.example', 20)], 0, 'failed', /^gone\.example, an MX/],
  ['no SPF', without(itsSpf), 1, 'warning', /no SPF/],
  ['two SPF records', [...whole, txt('v=spf1 -all')], 1, 'failed', /2 SPF records/],
  ['SPF for everybody', [...without(itsSpf), txt('v=spf1 mx +all')], 1, 'failed', /everybody/],
  ['SPF for everybody, in pieces', [...without(itsSpf), txt(['v=spf1 mx', ' all'])], 1, 'failed', /everybody/],
  ['no DMARC', without(dmarc), 2, 'warning', /no DMARC/],
  [
    'DMARC of the domain above',
    [...without(dmarc), txt('v=DMARC1; p=none', '_dmarc.orbit.example')],
    2,
    'ok',
    /_dmarc\.orbit\.example/,
  ],
  ['two DMARC records', [...whole, txt('v=DMARC1; p=none', `_dmarc.${DOMAIN}`)], 2, 'failed', /several DMARC/],
])('%s', async (_, records, at, standing, what) => {
  const seen = await lookAtDns(DOMAIN, await resolver(records));
  expect(seen[at]).toMatchObject({ standing, what: expect.stringMatching(what) });
  expect(seen.filter(({ standing: other }, index) => index !== at && other !== 'ok')).toEqual([]);
  expect(seen[at]?.todo === null).toBe(standing === 'ok');
});

test('where nobody answers, nothing is said of what there is', async () => {
  const seen = await lookAtDns(DOMAIN, await resolver([], true));
  expect(seen.map(({ standing }) => standing)).toEqual(['unknown', 'unknown', 'unknown']);
});

test('a certificate is for one of those who take the mail', async () => {
  expect(await exchangersOf(DOMAIN, await resolver([...whole, mx('first.example', 5)]))).toEqual([
    'first.example',
    'mx.orbit.example',
  ]);
  expect(await exchangersOf(DOMAIN, await resolver([address(DOMAIN)]))).toEqual([DOMAIN]);
  expect(await exchangersOf(DOMAIN, await resolver([], true))).toBeNull();
});
