/**
 * Decompression bombs, compression within compression, thousands of session keys, and passwords that take gigabytes to try
 * (CVE-2013-4402, Argon2 of RFC 9580 §3.7.1.4): refused within 2 s and 512 MB, while other mail goes through.
 */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything } from '../post/arrive.ts';
import { clearMail } from '../support/compose.ts';
import { packet } from '../support/costly.ts';
import { oneEngine } from '../support/dialects.ts';
import { effort } from '../support/effort.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import {
  copyFor,
  cut,
  encrypted,
  encryptedPackets,
  head,
  literal,
  mailOf,
  outcomeOf,
  pgpMime,
  secretOf,
  wordsOf,
} from './attack.ts';

const MEBIBYTE = 1024 * 1024;
const compressed = (octets: Uint8Array) => packet(8, Buffer.concat([Buffer.of(1), deflateRawSync(octets)]));
const bomb = compressed(literal(Buffer.alloc(300 * MEBIBYTE)));
let nested: Buffer = literal('Content-Type: text/plain\r\n\r\nx');
for (let depth = 0; depth < 5_000; depth++) nested = compressed(nested);
/** Version 4, AES-256, Argon2 with one pass, one lane and 2^31 KiB. */
const password = packet(3, Buffer.concat([Buffer.of(4, 9, 4), randomBytes(16), Buffer.of(1, 1, 31), randomBytes(33)]));

oneEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const sealed = () => encrypted(house, 'Content-Type: text/plain\r\n\r\nx', LISTS.security);
  const bombs: [string, () => Promise<Buffer>][] = [
    ['300 MiB in 300 KiB', () => encryptedPackets(house, bomb, LISTS.security)],
    ['the same, compressed again', () => encryptedPackets(house, compressed(bomb), LISTS.security)],
    ['compression 5,000 deep', () => encryptedPackets(house, nested, LISTS.security)],
    [
      '20,000 session keys',
      async () => {
        const [sessionKey = bomb, data = bomb] = cut(await sealed());
        return Buffer.concat([...Array.from({ length: 20_000 }, () => sessionKey), data]);
      },
    ],
    [
      '2,000 hidden recipients',
      async () => {
        const [sessionKey = bomb, data = bomb] = cut(await sealed());
        const hidden = Buffer.from(sessionKey);
        hidden.fill(0, 3, 11);
        return Buffer.concat([...Array.from({ length: 2_000 }, () => hidden), data]);
      },
    ],
    ['a password behind 2 TiB of memory', async () => Buffer.concat([password, cut(await sealed())[1] ?? bomb])],
    [
      '1,000 of them',
      async () => Buffer.concat([...Array.from({ length: 1_000 }, () => password), cut(await sealed())[1] ?? bomb]),
    ],
  ];

  test.each(bombs)('%s: refused, soon and within its memory', async (_, compose) => {
    const raw = mailOf(...head('eve@evil.example'), ...pgpMime(await compose()));
    const ordinary = clearMail({ from: await makeParty('rita@example.org'), to: LISTS.security, subject: 'A hole', text: 'x' });
    await house.pgp.usable(Buffer.alloc(1), 0); // Its thread is there.
    const before = process.memoryUsage().rss;
    let most = before;
    const look = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 5);
    const spent = effort();
    const [outcome, other] = await Promise.all([outcomeOf(arrive(house, raw)), outcomeOf(arrive(house, ordinary))]);
    const took = spent();
    clearInterval(look);
    expect([outcome, other]).toEqual(['refused: cannot-open', 'taken']);
    expect(took).toBeLessThan(2_000);
    expect(most - before).toBeLessThan(512 * MEBIBYTE);
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'report')).toHaveLength(1);
  });

  test('forty signed files of 8 MiB in as many kibibytes, in a mail in clear: refused, soon and within its memory', async () => {
    const eve = await makeParty('eve@evil.example');
    const message = await openpgp.createMessage({ binary: new Uint8Array(8 * MEBIBYTE) });
    const signing = { signingKeys: await secretOf(eve), date: new Date(house.clock.now()), format: 'binary' } as const;
    const data = compressed((await openpgp.sign({ ...signing, message })) as Uint8Array);
    const attachments = Array.from({ length: 40 }, (_, at) => ({ name: `file-${at}.gpg`, data }));
    const raw = clearMail({ from: eve, to: LISTS.security, subject: 'Files', text: 'See these.\n', attachments });
    await house.pgp.usable(Buffer.alloc(1), 0);
    const before = process.memoryUsage().rss;
    const spent = effort();
    expect(await outcomeOf(arrive(house, raw))).toBe('refused: too-complex');
    expect(spent()).toBeLessThan(2_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(512 * MEBIBYTE);
  });

  test('a request of five million lines in a few kibibytes: nothing is run, soon and within its memory', async () => {
    const [alpha] = house.members;
    const type = 'text/plain; charset=utf-8; format=flowed; hp="cipher"';
    const fields = `Content-Type: ${type}\r\nTo: distributors-request@orbit.example\r\n\r\nhelp\n`;
    const content = new Uint8Array(Buffer.concat([Buffer.from(fields), Buffer.alloc(5_000_000, '\n')]));
    const signing = { signingKeys: await secretOf(alpha), date: new Date(house.clock.now()), format: 'binary' } as const;
    const signed = await openpgp.sign({ ...signing, message: await openpgp.createMessage({ binary: content }) });
    const message = await encryptedPackets(house, compressed(signed as Uint8Array), LISTS.distributors);
    const raw = mailOf(...head(alpha.address, 'To: distributors-request@orbit.example'), ...pgpMime(message));
    expect(raw.length).toBeLessThan(16 * 1024);
    await house.pgp.usable(Buffer.alloc(1), 0);
    const before = process.memoryUsage().rss;
    const spent = effort();
    expect(await outcomeOf(arrive(house, raw, { to: 'distributors-request@orbit.example', sender: alpha.address }))).toBe(
      'taken',
    );
    expect(spent()).toBeLessThan(2_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(512 * MEBIBYTE);
    const copy = await copyFor(house, await outbox(house).drain(), alpha);
    expect(wordsOf(copy).join('')).toContain('there are too many lines');
  });
});
