/**
 * CFB gadgets, a missing MDC, the tag lowered from 18 to 9, truncation (EFAIL, CVE-2017-17688): every one of them is refused in the
 * same words, and none of its octets is used. Where else such a message may stand is in efail.test.ts.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { arrive, CANARY } from '../post/arrive.ts';
import type { Rig } from '../smtp/wire.ts';
import { packet } from '../support/costly.ts';
import { oneEngine } from '../support/dialects.ts';
import { effort } from '../support/effort.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import {
  cut,
  door,
  encrypted,
  handOver,
  head,
  literal,
  mailOf,
  nothingOf,
  outcomeOf,
  pgpMime,
  unprotectedPackets,
} from './attack.ts';

const REPLY = '550 5.7.0 The mail could not be opened. Encrypt it to the current key of this list';
const BLOCK = 16;

function xor(octets: Buffer, at: number, ...changes: Buffer[]): Buffer {
  const changed = Buffer.from(octets);
  for (const change of changes) for (const [i, value] of change.entries()) changed[at + i] = (changed[at + i] ?? 0) ^ value;
  return changed;
}

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rig = await door(house);
  });
  afterEach(() => rig.server.close(0));

  /** What a thief of ciphertext makes of one report. */
  async function harmed(): Promise<[string, Buffer][]> {
    const words = `Content-Type: text/plain\r\n\r\n${`The ${CANARY} crashes. `.repeat(20)}`;
    const octets = await encrypted(house, words, LISTS.security, await makeParty('rita@example.org'));
    const [sessionKey = octets, data = octets] = cut(octets);
    const body = data.subarray(
      data.length - (data[1] === 0xff ? data.readUInt32BE(2) : (((data[1] ?? 0) - 192) << 8) + (data[2] ?? 0) + 192),
    );
    const cipher = body.subarray(1);
    const rebuilt = (changed: Uint8Array, tag = 18) =>
      Buffer.concat([sessionKey, packet(tag, tag === 18 ? Buffer.concat([body.subarray(0, 1), changed]) : changed)]);
    const known = Buffer.from('Content-Type: te');
    const wanted = Buffer.from('<img src="//e.x/');
    const withoutMdc = cipher.subarray(0, -22);
    const gadget = Buffer.concat([
      cipher.subarray(0, 5 * BLOCK),
      cipher.subarray(2 * BLOCK, 4 * BLOCK),
      cipher.subarray(5 * BLOCK),
    ]);
    return [
      ['a block made another one', rebuilt(xor(cipher, 2 * BLOCK, known, wanted))],
      ['blocks twice', rebuilt(gadget)],
      ['its MDC gone', rebuilt(withoutMdc)],
      ['its MDC of something else', rebuilt(xor(cipher, cipher.length - 20, Buffer.alloc(20, 1)))],
      ['as data without integrity', rebuilt(withoutMdc, 9)],
      ['written without integrity', await unprotectedPackets(house, literal(words), LISTS.security)],
      ['the same with a gadget', rebuilt(xor(withoutMdc, 2 * BLOCK, known, wanted), 9)],
      ['cut off at a block', Buffer.concat([sessionKey, packet(18, body.subarray(0, 1 + 6 * BLOCK))])],
      ['cut off in its framing', octets.subarray(0, -40)],
      ['without its session key', Buffer.from(data)],
      ['with a session key of nobody', Buffer.concat([xor(sessionKey, sessionKey.length - 4, Buffer.of(1)), data])],
      ['for another list', await encrypted(house, words, LISTS.distributors)],
      ['a literal in clear before it', Buffer.concat([literal('<img src="//e.x/">'), octets])],
    ];
  }

  test('one answer for all of them, in comparable time, and nothing is kept', async () => {
    for (const [what, octets] of await harmed()) {
      const raw = mailOf(...head('eve@evil.example'), ...pgpMime(octets));
      expect(await outcomeOf(arrive(house, raw)), what).toBe('refused: cannot-open');
      const spent = effort();
      expect(await handOver(rig, raw), what).toBe(REPLY);
      expect(spent(), what).toBeLessThan(1_000);
    }
    expect(rig.log.join('')).not.toContain(CANARY);
    expect(await nothingOf(house)).toBe(true);
  });

  test('the message that they were made of is taken', async () => {
    const octets = await encrypted(house, 'Content-Type: text/plain\r\n\r\nx', LISTS.security);
    expect(await handOver(rig, mailOf(...head('rita@example.org'), ...pgpMime(octets)))).toMatch(/^250 /);
  });
});
