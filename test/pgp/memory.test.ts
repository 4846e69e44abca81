import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collectBuffers, octetsInBuffers } from '../../src/pgp/memory.ts';

const OCTETS = 8 * 1024 * 1024;

/** Nobody refers to it afterwards. */
function leave(): WeakRef<Uint8Array> {
  return new WeakRef(new Uint8Array(OCTETS));
}

test('buffers that nothing refers to are given back, and what is referred to is not', async () => {
  const live = new Uint8Array(OCTETS).fill(7);
  const left = leave();
  await turn();
  collectBuffers();
  expect(left.deref()).toBeUndefined();
  expect(live.every((octet) => octet === 7)).toBe(true);
  expect(octetsInBuffers()).toBeGreaterThanOrEqual(OCTETS);
});
