/**
 * Several signatures, extra literal packets beside what was signed (CVE-2025-47934), and words in the head of a cleartext signature
 * (CVE-2023-41037): refused by grammar, or credited to nobody; what readers see is what was verified.
 */
import { deflateRawSync } from 'node:zlib';
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { outbox } from '../delivery/outbox.ts';
import { arrive } from '../post/arrive.ts';
import { packet } from '../support/costly.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import {
  blockOf,
  copyFor,
  cut,
  encryptedPackets,
  head,
  literal,
  mailOf,
  nothingOf,
  outcomeOf,
  pgpMime,
  readersOf,
  secretOf,
  teamOf,
  wordsOf,
} from './attack.ts';

const FORGED = 'Publish it now.';
const HONEST = `Content-Type: text/plain; protected-headers="v1"\r\nTo: ${LISTS.distributors}\r\n\r\nThe embargo holds.\r\n`;

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
  });

  /** One-pass signature, literal, signature. */
  async function statement(by: Person, words = HONEST): Promise<[Buffer, Buffer, Buffer]> {
    const octets = await openpgp.sign({
      message: await openpgp.createMessage({ binary: Buffer.from(words) }),
      signingKeys: await secretOf(by),
      date: new Date(house.clock.now()),
      format: 'binary',
    });
    return cut(octets as Uint8Array) as [Buffer, Buffer, Buffer];
  }
  const compressed = (octets: Uint8Array) => packet(8, Buffer.concat([Buffer.of(1), deflateRawSync(octets)]));
  const forged = literal(`Content-Type: text/plain\r\n\r\n${FORGED}`);

  const composed: [string, () => Promise<Buffer[]>][] = [
    ['a literal before it', async () => [forged, ...(await statement(alpha))]],
    ['a literal after it', async () => [...(await statement(alpha)), forged]],
    [
      'a literal between',
      async () => {
        const [first, signed, last] = await statement(alpha);
        return [first, forged, signed, last];
      },
    ],
    [
      'a literal after it, and all of it compressed',
      async () => [compressed(Buffer.concat([...(await statement(alpha)), forged]))],
    ],
    ['a compressed one before it', async () => [compressed(forged), ...(await statement(alpha))]],
    [
      'a compressed one beside a compressed one',
      async () => [compressed(Buffer.concat(await statement(alpha))), compressed(forged)],
    ],
    ['two statements', async () => [...(await statement(alpha)), ...(await statement(beta))]],
    ['a marker, then a literal', async () => [packet(10, Buffer.from('PGP')), forged, ...(await statement(alpha))]],
    [
      'a signature that announces nothing',
      async () => {
        const [, , last] = await statement(alpha);
        return [last, forged, last];
      },
    ],
  ];

  test.each(composed)('%s: refused, sealed or not', async (_, packets) => {
    const octets = Buffer.concat(await packets());
    const sealed = pgpMime(await encryptedPackets(house, octets, LISTS.distributors));
    const inline = ['Content-Type: text/plain', '', openpgp.armor(openpgp.enums.armor.message, octets) as unknown as string];
    for (const lines of [sealed, inline]) {
      const raw = mailOf(...head(alpha.address), ...lines);
      expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toMatch(
        /^refused: (cannot-open|members-only)$/,
      );
    }
    expect(await nothingOf(house)).toBe(true);
  });

  test('the statement alone is taken, and a literal in its place is what the signature does not fit', async () => {
    const [first, honest, last] = await statement(alpha);
    const send = async (...packets: Buffer[]) => {
      const sealed = await encryptedPackets(house, Buffer.concat(packets), LISTS.distributors);
      return outcomeOf(arrive(house, mailOf(...head(alpha.address), ...pgpMime(sealed)), { to: LISTS.distributors }));
    };
    expect(await send(first, forged, last)).toBe('refused: members-only');
    expect(await send(first, honest, last)).toBe('taken');
    const words = wordsOf(await copyFor(house, await outbox(house).drain(), beta)).join();
    expect(words).toContain('The embargo holds.');
    expect(words).not.toContain(FORGED);
  });

  test('two people’s signatures over one text are credited to nobody, and eleven are too many', async () => {
    const send = async (...by: Person[]) => {
      const message = await openpgp.createMessage({ binary: Buffer.from(HONEST) });
      const signingKeys = await Promise.all(by.map(secretOf));
      const octets = await openpgp.sign({ message, signingKeys, date: new Date(house.clock.now()), format: 'binary' });
      const sealed = await encryptedPackets(house, octets as Uint8Array, LISTS.distributors);
      return arrive(house, mailOf(...head(alpha.address), ...pgpMime(sealed)), { to: LISTS.distributors });
    };
    const post = await send(alpha, beta);
    expect(post.held).toBe('mixed');
    expect((await readersOf(house, post)).sort()).toEqual(teamOf(house));
    expect(await outcomeOf(send(...Array.from({ length: 11 }, () => alpha)))).toBe('refused: too-complex');
  });

  const cleartext = async (by: Person, words = 'The embargo holds.') =>
    openpgp.sign({
      message: await openpgp.createCleartextMessage({ text: words }),
      signingKeys: await secretOf(by),
      date: new Date(house.clock.now()),
    });
  const tricks: [string, (text: string) => string][] = [
    ['a field of another name', (text) => text.replace('Hash:', `Comment: ${FORGED}\nHash:`)],
    ['words behind the hash', (text) => text.replace(/Hash: (\w+)/, `Hash: $1, ${FORGED}`)],
    ['a line that is no field', (text) => text.replace(/(Hash: \w+\n)/, `$1${FORGED}\n`)],
    ['a blank line that is not empty', (text) => text.replace(/(Hash: \w+\n)\n/, `$1 \n${FORGED}\n\n`)],
    ['a line that a tab begins', (text) => text.replace(/(Hash: \w+\n)/, `$1\t\n${FORGED}\n`)],
    [
      'a head of its own inside',
      (text) => text.replace('The embargo', `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${FORGED}\nThe embargo`),
    ],
  ];
  test.each(tricks)('%s in a signed text: nothing that was not verified is credited to its signer', async (_, trick) => {
    const raw = mailOf(...head(alpha.address), 'Content-Type: text/plain', '', trick(await cleartext(alpha)));
    const outcome = await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }));
    expect(outcome).toMatch(/^(refused: (malformed-mail|members-only)|held: (mixed|unaddressed))$/);
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to).filter((to) => !teamOf(house).includes(to))).toEqual([]);
    if (sent.length === 0) return;
    const [lena] = house.team;
    const copy = await copyFor(house, sent, lena);
    if (/good, by/.test(blockOf(copy))) expect(wordsOf(copy)[1]).not.toContain(FORGED);
  });

  test('another hash in the head of a signed text than that of the signature says nothing: what was signed is its signer’s', async () => {
    const text = (await cleartext(alpha)).replace(/Hash: \w+/, 'Hash: SHA256');
    const raw = mailOf(...head(alpha.address), 'Content-Type: text/plain', '', text);
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('held: unaddressed');
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to).filter((to) => !teamOf(house).includes(to))).toEqual([alpha.address]);
    const [lena] = house.team;
    expect(wordsOf(await copyFor(house, sent, lena))[1]).toContain('The embargo holds.');
  });
});
