import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { type DataLimits, type Memory, readData } from '../../src/smtp/data.ts';

const LIMITS: DataLimits = { size: 1_000, data: 10, minimumRate: 0, rateGraceMs: 30_000 };

it('drops the mail that all sessions together have no room for, and counts what the others hold', async () => {
  const memory: Memory = { held: 0, limit: 1_500 };
  const [first, second] = [new PassThrough(), new PassThrough()];
  const read = [readData(first, LIMITS, memory), readData(second, LIMITS, memory)] as const;
  first.end(`${'a'.repeat(898)}\r\n`);
  expect(await read[0]).toMatchObject({ state: 'complete', octets: 900 });
  expect(memory.held).toBe(900);
  second.write(`${'b'.repeat(498)}\r\n`);
  second.end(`${'b'.repeat(198)}\r\n`);
  expect(await read[1]).toEqual({ state: 'refused', reason: 'busy', octets: 700 });
  expect(memory.held).toBe(900);
});

it('frees what it held of a mail that turns out too large, comes in bare lines, or breaks off', async () => {
  const memory: Memory = { held: 0, limit: 10_000 };
  for (const [rest, end] of [
    ['x'.repeat(1_000), 'too-large'],
    ['x\n', 'bare-line-end'],
  ]) {
    const stream = new PassThrough();
    const read = readData(stream, LIMITS, memory);
    stream.write('x\r\n');
    stream.end(rest);
    expect(await read).toMatchObject({ state: 'refused', reason: end });
  }
  const broken = new PassThrough();
  const read = readData(broken, LIMITS, memory);
  broken.write('x\r\n');
  await new Promise(setImmediate);
  broken.destroy(new Error('gone'));
  expect(await read).toMatchObject({ state: 'lost' });
  expect(memory.held).toBe(0);
});
