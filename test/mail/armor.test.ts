import { expect, test } from 'vitest';
import { dearmor } from '../../src/mail/armor.ts';

const [HEAD, TAIL] = ['-----BEGIN PGP MESSAGE-----', '-----END PGP MESSAGE-----'];
const octets = (count: number) => Buffer.from(Array.from({ length: count }, (_, at) => (at * 131 + (at >> 8)) & 0xff));
const inLines = (data: Buffer, end = '\n') => data.toString('base64').replace(/.{64}(?=.)/g, (line) => line + end);

test.each([1, 2, 3, 47, 48, 49, 10_000])('the octets in an armor of %i, as programs write it and as it arrives', (count) => {
  const data = octets(count);
  for (const end of ['\n', '\r\n'])
    for (const headers of ['', `Version: x y${end}`, `Version: 1${end}Comment: https://example.org/a=b${end}`])
      for (const sum of ['', `${end}=aB+/`]) {
        const tidy = `${HEAD}${end}${headers}${end}${inLines(data, end)}${sum}${end}${TAIL}`;
        // Each of these is gone through line by line.
        const others = [tidy.replace(TAIL, `${end}${TAIL}`), tidy.replaceAll(end, ` ${end}`), tidy.replace(HEAD, `${HEAD} `)];
        for (const block of [tidy, ...others])
          expect(Buffer.compare(dearmor(block), data), JSON.stringify(block.slice(0, 200))).toBe(0);
      }
});

test.each([
  ['a sign that is none of base64', (text: string) => text.replace(/(?<=\n\n.{10})./, '*')],
  ['a line of another alphabet', (text: string) => text.replace(/(?<=\n\n.{10})./, 'é')],
  ['no data', () => `${HEAD}\n\n=aB+/\n${TAIL}`],
])('is refused with %s', (_, broken) => {
  const tidy = `${HEAD}\n\n${inLines(octets(500))}\n=aB+/\n${TAIL}`;
  expect(() => dearmor(broken(tidy))).toThrow(expect.objectContaining({ reason: 'cannot-open' }));
});

test('what is nearly tidy is read as the rest is: padding in a line of its own is none, and a lone CR is a blank', () => {
  expect(() => dearmor(`${HEAD}\n\nQQ\n==\n${TAIL}`)).toThrow(expect.objectContaining({ reason: 'cannot-open' }));
  expect(dearmor(`${HEAD}\n\nQU\rJD\nREVG\n${TAIL}`).toString()).toBe('ABCDEF');
});
