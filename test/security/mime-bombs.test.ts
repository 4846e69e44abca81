/**
 * Deep MIME nesting, 100,000 parts, headers of megabytes, duplicate fields, broken charsets (RFC 2045, RFC 5322 §3.6): carried or refused
 * in under a second, and never a crash. Every single thing repeated without end is in hostile-sizes.test.ts.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything } from '../post/arrive.ts';
import type { Rig } from '../smtp/wire.ts';
import { oneEngine } from '../support/dialects.ts';
import { effort } from '../support/effort.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { door, encrypted, handOver, head, mailOf, multipart, outcomeOf, pgpMime, text } from './attack.ts';

const body = text('x');
const nested = (levels: number, within = ['Content-Type: text/plain', '', 'x']) => {
  const open = Array.from({ length: levels }, (_, at) => `Content-Type: multipart/mixed; boundary="n${at}"\r\n\r\n--n${at}\r\n`);
  return [open.join('') + within.join('\r\n')];
};
const parts = (count: number) => [
  'Content-Type: multipart/mixed; boundary=p',
  '',
  ...Array.from({ length: count }, () => '--p\r\n\r\nx'),
  '--p--',
];
const digest = (mails: number, of: number) => {
  const mail = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n\r\n'.repeat(of)}--b--\r\n`;
  return ['Content-Type: multipart/digest; boundary=a', '', `${`--a\r\n\r\n${mail}\r\n`.repeat(mails)}--a--`];
};
const several = (type: string, count: number) =>
  multipart('mixed', body, ...Array.from({ length: count }, () => [`Content-Type: ${type}`, '', 'x']));
const REFUSED = /^refused: (too-complex|malformed-mail)$/;
const CARRIED = /^taken$/;

const bombs: [string, string[], RegExp][] = [
  ['10,000 levels of multiparts', nested(10_000), REFUSED],
  ['21 levels', nested(21), REFUSED],
  ['10 levels', nested(10), CARRIED],
  ['100,000 parts', parts(100_000), REFUSED],
  [
    'a boundary of 10,000 characters, and lines that are nearly it',
    [
      `Content-Type: multipart/mixed; boundary="${'a'.repeat(10_000)}"`,
      '',
      ...Array.from({ length: 20 }, () => `--${'a'.repeat(9_995)}c`),
      'a'.repeat(2_000_000),
    ],
    /^(taken|refused: (too-complex|malformed-mail))$/,
  ],
  [
    '1,000 messages in one another',
    [Array.from({ length: 1_000 }, () => 'Content-Type: message/rfc822\r\n\r\n').join('')],
    CARRIED,
  ],
  ['501 mails', several('message/rfc822', 501), CARRIED],
  ['501 pages', several('text/html', 501), CARRIED],
  ['998 files', several('application/x-crash', 998), CARRIED],
  ['998 files, five levels deep', nested(5, several('application/x-crash', 990)), CARRIED],
  ['a digest of 100 mails of 5 parts', digest(100, 5), CARRIED],
  ['a digest of 100 mails of 900 parts', digest(100, 900), REFUSED],
  ['a digest of 990 mails of 900 parts', digest(990, 900), REFUSED],
  ['a header of 5 MB in one line', [`X-A: ${'a'.repeat(5_000_000)}`, ...body], REFUSED],
  ['a header of 5 MB in folds', [`X-A: a${'\r\n a'.repeat(1_250_000)}`, ...body], REFUSED],
  ['100,000 fields', [...Array.from({ length: 100_000 }, (_, at) => `X-${at}: a`), ...body], REFUSED],
  ['a Subject of 400 KB of encoded words', [`X-Subject: ${'=?utf-8?q?a?= '.repeat(28_000)}`, ...body], CARRIED],
  ['two Subject fields', ['Subject: other', ...body], REFUSED],
  ['two Content-Type fields', ['Content-Type: text/html', ...body], REFUSED],
  ['two Message-ID fields', ['Message-ID: <other@x.example>', ...body], REFUSED],
  ['a charset of nobody', text('caf\xe9 \xff\xfe', 'text/plain; charset=x-none'), CARRIED],
  ['a charset of control characters', text('x', 'text/plain; charset="\x1b[2J\x07"'), CARRIED],
  ['octets that are not its charset', text('\xc3\x28\xa0\xa1\xe2\x28\xa1', 'text/plain; charset=utf-8'), CARRIED],
  ['half a character in UTF-16', text('\xd8', 'text/plain; charset=utf-16le'), CARRIED],
  ['an escape of ISO-2022-JP that ends nowhere', text('\x1b$B', 'text/plain; charset=iso-2022-jp'), CARRIED],
  ['UTF-7', text('+ADw-script+AD4-', 'text/html; charset=utf-7'), CARRIED],
  ['base64 that is none', text('====\xff====', 'text/plain', 'Content-Transfer-Encoding: base64'), CARRIED],
  ['quoted-printable that is none', text('=Z=\xff==', 'text/plain', 'Content-Transfer-Encoding: quoted-printable'), CARRIED],
  ['a boundary of nothing', ['Content-Type: multipart/mixed; boundary=""', '', '--', '', 'x'], CARRIED],
  ['a boundary that is never there', ['Content-Type: multipart/mixed; boundary=b', '', 'x'], CARRIED],
  ['a multipart that names no boundary', ['Content-Type: multipart/mixed', '', 'x'], CARRIED],
  [
    'a parameter of 10,000 pieces',
    text('x', `text/plain${Array.from({ length: 10_000 }, (_, at) => `; a*${at}=b`).join('')}`),
    CARRIED,
  ],
];

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rig = await door(house);
  });
  afterEach(() => rig.server.close(0));

  test.each(bombs)('%s', async (_, lines, expected) => {
    const raw = mailOf(...head('eve@evil.example'), ...lines);
    const spent = effort();
    expect(await outcomeOf(arrive(house, raw))).toMatch(expected);
    expect(spent()).toBeLessThan(1_000);
    const kept = (await everything(house)).posts.length;
    expect(kept === 0).toBe(expected === REFUSED);
    const reached = new Set((await outbox(house).drain()).map(({ to }) => to));
    for (const { address } of house.team) expect(reached.has(address), address).toBe(kept > 0);
  });

  test.each([
    ['10,000 levels', nested(10_000)],
    ['100,000 parts', parts(100_000)],
  ])('%s inside of an encryption: refused as well', async (_, lines) => {
    const octets = await encrypted(house, mailOf(...lines), LISTS.security);
    const spent = effort();
    expect(await outcomeOf(arrive(house, mailOf(...head('eve@evil.example'), ...pgpMime(octets))))).toMatch(REFUSED);
    expect(spent()).toBeLessThan(1_000);
  });

  test('through the socket, one after another, and the server takes the next mail', async () => {
    for (const lines of [nested(10_000), parts(100_000), [`X-A: ${'a'.repeat(900_000)}`, ...body]])
      expect(await handOver(rig, mailOf(...head('eve@evil.example'), ...lines))).toMatch(/^554 5\.6\.0 /);
    expect(await handOver(rig, mailOf(...head('rita@example.org'), ...multipart('mixed', body)))).toMatch(/^250 /);
  });
});
