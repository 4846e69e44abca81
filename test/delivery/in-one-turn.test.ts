import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inOneTurn } from '../../src/delivery/in-one-turn.ts';

test('who asks in one turn is asked for once, together, and after all of them asked', async () => {
  const asked: string[][] = [];
  let stands = 'before';
  const ask = inOneTurn(async (who: readonly string[]) => {
    asked.push([...who]);
    return stands;
  });
  const [a, b] = [ask('a'), Promise.resolve().then(() => ask('b'))];
  stands = 'after';
  expect(await Promise.all([a, b])).toEqual(['after', 'after']);
  expect(asked).toEqual([['a', 'b']]);
});

test('who asks while it is answered, or later, is asked for anew', async () => {
  const asked: string[][] = [];
  let answer = () => {};
  const ask = inOneTurn(async (who: readonly string[]) => {
    asked.push([...who]);
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return asked.length;
  });
  const first = ask('a');
  await turn();
  const second = ask('b');
  answer();
  await first;
  await turn();
  answer();
  await second;
  expect(asked).toEqual([['a'], ['b']]);
});

test('what fails fails for all who asked in that turn, and for nobody after them', async () => {
  let fails = true;
  const ask = inOneTurn(async () => {
    if (fails) throw new Error('the disk is full');
    return 'well';
  });
  const both = await Promise.allSettled([ask('a'), ask('b')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await ask('c')).toBe('well');
});
