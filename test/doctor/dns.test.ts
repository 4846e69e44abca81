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
/** Longer than one string of a TXT record, as an RSA key is. */
const KEY = { selector: 'curfew', publicKey: `MIIB${'A'.repeat(388)}` };
const dkim = (record: string) => txt([record.slice(0, 200), record.slice(200)], `curfew._domainkey.${DOMAIN}`);
const itsDkim = dkim(`v=DKIM1; k=rsa; p=${KEY.publicKey}`);
const whole = [mx('mx.orbit.example'), address('mx.orbit.example'), txt('v=spf1 mx -all'), itsDkim, dmarc];

test('all that is there is as it should be', async () => {
  const seen = await lookAtDns(DOMAIN, await resolver([...whole, txt('other=1')]), KEY);
  expect(seen.map(({ standing, todo }) => [standing, todo])).toEqual([
    ['ok', null],
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
  ['no DKIM record', without(itsDkim), 2, 'failed', /nobody finds/],
  ['a revoked DKIM key', [...without(itsDkim), dkim('v=DKIM1; p=')], 2, 'failed', /not the key/],
  ['another DKIM key', [...without(itsDkim), dkim(`p=${KEY.publicKey}B`)], 2, 'failed', /not the key/],
  ['two DKIM records', [...whole, dkim('v=DKIM1; p=MIIB')], 2, 'failed', /not the key/],
  [
    'a DKIM key without version, in blanks',
    [...without(itsDkim), dkim(`k=rsa;p = ${KEY.publicKey.slice(0, 9)} ${KEY.publicKey.slice(9)};`)],
    2,
    'ok',
    /DKIM at/,
  ],
  ['no DMARC', without(dmarc), 3, 'warning', /no DMARC/],
  [
    'DMARC of the domain above',
    [...without(dmarc), txt('v=DMARC1; p=none', '_dmarc.orbit.example')],
    3,
    'ok',
    /_dmarc\.orbit\.example/,
  ],
  ['two DMARC records', [...whole, txt('v=DMARC1; p=none', `_dmarc.${DOMAIN}`)], 3, 'failed', /several DMARC/],
])('%s', async (_, records, at, standing, what) => {
  const seen = await lookAtDns(DOMAIN, await resolver(records), KEY);
  expect(seen[at]).toMatchObject({ standing, what: expect.stringMatching(what) });
  expect(seen.filter(({ standing: other }, index) => index !== at && other !== 'ok')).toEqual([]);
  expect(seen[at]?.todo === null).toBe(standing === 'ok');
});

test('where the relay signs, that is left to it', async () => {
  const seen = await lookAtDns(DOMAIN, await resolver(whole), null);
  expect(seen[2]).toMatchObject({ standing: 'ok', what: expect.stringContaining('signed by the relay') });
});

test('where nobody answers, nothing is said of what there is', async () => {
  const seen = await lookAtDns(DOMAIN, await resolver([], true), KEY);
  expect(seen.map(({ standing }) => standing)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
});

test('a certificate is for one of those who take the mail', async () => {
  expect(await exchangersOf(DOMAIN, await resolver([...whole, mx('first.example', 5)]))).toEqual([
    'first.example',
    'mx.orbit.example',
  ]);
  expect(await exchangersOf(DOMAIN, await resolver([address(DOMAIN)]))).toEqual([DOMAIN]);
  expect(await exchangersOf(DOMAIN, await resolver([], true))).toBeNull();
});
