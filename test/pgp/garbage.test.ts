import { expect, test } from 'vitest';
import { collectBuffers, octetsInBuffers } from '../../src/pgp/garbage.ts';

const MEBIBYTE = 1024 * 1024;

const used = () => process.memoryUsage().arrayBuffers / MEBIBYTE;

/** What nobody refers to afterwards. */
function leave(mebibytes: number): void {
  new Uint8Array(mebibytes * MEBIBYTE).fill(1);
}

test('buffers that nothing refers to are given back, and what is referred to is not', async () => {
  collectBuffers();
  await expect.poll(() => used()).toBeLessThan(64);
  const before = used();
  const live = new Uint8Array(8 * MEBIBYTE).fill(7);
  leave(12);
  leave(12);
  expect(used()).toBeGreaterThan(before + 31);
  expect(octetsInBuffers()).toBeGreaterThan(32 * MEBIBYTE);
  collectBuffers();
  // They are freed beside it.
  await expect.poll(() => used()).toBeLessThan(before + 12);
  expect(live.every((octet) => octet === 7)).toBe(true);
});
