import { describe, expect, it } from 'vitest';
import { dial, rig, untilData } from './wire.ts';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('close', () => {
  it('lets a mail that is being taken in finish, sends idle clients away and takes nothing new', async () => {
    let commit = () => {};
    const { server, port, taken } = await rig({
      doors: {
        receive: () =>
          new Promise((resolve) => {
            commit = () => resolve('post 0002');
          }),
      },
    });
    const idle = await dial(port);
    await idle.reply();
    const wire = await untilData(port);
    const reply = wire.ask('x\r\n.');
    await wait(50);
    const closed = server.close(5_000);
    expect(await idle.reply()).toMatch(/^421 4\.3\.2/);
    await expect(dial(port).then((late) => late.reply())).resolves.toBe('closed');
    commit();
    expect(await reply).toBe('250 2.0.0 post 0002');
    expect(await wire.reply()).toMatch(/^421 4\.3\.2/);
    await closed;
    expect(taken).toEqual([]);
  });

  it('lets a client finish its DATA within the grace', async () => {
    const { server, port, taken } = await rig();
    const wire = await untilData(port);
    wire.raw('first half\r\n');
    await wait(30);
    const closed = server.close(5_000);
    await wait(30);
    wire.raw('second half\r\n.\r\n');
    expect(await wire.reply()).toMatch(/^250 2\.0\.0/);
    await closed;
    expect(taken[0]?.raw).toBe('first half\r\nsecond half\r\n');
  });

  it('destroys what has not finished when the grace is over', async () => {
    const { server, port, taken } = await rig();
    const wire = await untilData(port);
    wire.raw('half\r\n');
    await wait(30);
    await server.close(100);
    expect(await wire.reply()).toBe('closed');
    expect(taken).toEqual([]);
  });

  it('does not wait for a client that never closes its side', async () => {
    const { server, port } = await rig();
    const wire = await untilData(port);
    expect(await wire.ask('x\r\n.')).toMatch(/^250/);
    const start = performance.now();
    await server.close(5_000);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
