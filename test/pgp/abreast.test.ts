import { expect, test } from 'vitest';
import { abreast, IN_A_THREAD } from '../../src/pgp/abreast.ts';

test('a few are in hand at a time, and what is made of each comes in its place', async () => {
  let inHand = 0;
  let most = 0;
  const made = await abreast([5, 1, 4, 1, 3, 2, 6], IN_A_THREAD, async (ms) => {
    most = Math.max(most, ++inHand);
    await new Promise((resolve) => setTimeout(resolve, ms));
    inHand--;
    return ms * 10;
  });
  expect(made).toEqual([50, 10, 40, 10, 30, 20, 60]);
  expect(most).toBe(4);
  expect(await abreast([], IN_A_THREAD, async () => 1)).toEqual([]);
  await expect(abreast([1, 2], IN_A_THREAD, (one) => Promise.reject(new Error(`${one}`)))).rejects.toThrow('1');
});
