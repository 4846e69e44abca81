import { afterEach, describe, expect, it } from 'vitest';
import { dial, LIST, type Rig, rig, transcript, untilData } from './wire.ts';

let open: Rig[] = [];
async function started(...args: Parameters<typeof rig>): Promise<Rig> {
  const made = await rig(...args);
  open.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(open.map(({ server }) => server.close(0)));
  open = [];
});

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('time', () => {
  it('ends DATA at its deadline, however lively the client is', async () => {
    const { port, taken, refused, log } = await started({ limits: { data: 0.4 } });
    const wire = await untilData(port);
    const lively = setInterval(() => wire.raw('x\r\n'), 20);
    expect(await wire.reply()).toMatch(/^421 4\.4\.2/);
    clearInterval(lively);
    wire.raw('.\r\nNOOP\r\n');
    expect(await wire.reply()).toBe('closed');
    expect(taken).toEqual([]);
    expect(log.join('')).toContain('"reason":"past-deadline"');
    expect(refused).toEqual(['too-slow']);
  });

  it('ends DATA that falls below the minimum rate once the grace is over', async () => {
    const { port, taken, log } = await started({ limits: { minimumRate: 1000, data: 600, idle: 600 }, rateGraceMs: 300 });
    const wire = await untilData(port);
    const slow = setInterval(() => wire.raw('x\r\n'), 30);
    expect(await wire.reply()).toMatch(/^421 4\.4\.2/);
    clearInterval(slow);
    expect(taken).toEqual([]);
    expect(log.join('')).toContain('"reason":"below-minimum-rate"');
  });

  it('lets DATA above the minimum rate through, long after the grace', async () => {
    const { port } = await started({ limits: { minimumRate: 1000 }, rateGraceMs: 90 });
    const wire = await untilData(port);
    for (let i = 0; i < 20; i++) {
      wire.raw(`${'x'.repeat(98)}\r\n`);
      await wait(25);
    }
    expect(await wire.ask('.')).toMatch(/^250 2\.0\.0/);
  });

  it('closes a silent connection', async () => {
    const { port } = await started({ limits: { idle: 0.3 } });
    const wire = await dial(port);
    expect(await wire.reply()).toMatch(/^220/);
    expect(await wire.reply()).toMatch(/^421 4\.4\.2/);
  });

  it('closes a connection that is silent in DATA', async () => {
    const { port, taken } = await started({ limits: { idle: 0.3 } });
    const wire = await untilData(port);
    wire.raw('half\r\n');
    expect(await wire.reply()).toMatch(/^421 4\.4\.2/);
    expect(taken).toEqual([]);
  });
});

describe('number', () => {
  it('turns away what is above the connections of one host, and lets in again when one is gone', async () => {
    const { port, log } = await started({ limits: { connectionsPerHost: 2 } });
    const [first, second] = [await dial(port), await dial(port)];
    expect(await first.reply()).toMatch(/^220/);
    expect(await second.reply()).toMatch(/^220/);
    const third = await dial(port);
    expect(await third.reply()).toMatch(/^421 4\.7\.0/);
    await third.closed;
    expect(log.join('')).toContain('"reason":"too-many-connections"');
    first.destroy();
    await wait(30);
    expect(await (await dial(port)).reply()).toMatch(/^220/);
  });

  it('turns away what is above all connections', async () => {
    const { port } = await started({ limits: { connections: 1 } });
    const first = await dial(port);
    expect(await first.reply()).toMatch(/^220/);
    expect(await (await dial(port)).reply()).toMatch(/^421 4\.7\.0/);
    expect(await first.ask('NOOP')).toMatch(/^250/);
  });

  it('answers RCPT above the limit with 452, known or not, and keeps the transaction', async () => {
    const asked: string[] = [];
    const { port } = await started({
      limits: { recipients: 3 },
      doors: { recipient: async (address) => void asked.push(address) },
    });
    const wire = await dial(port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO c.example', /^250/],
      ['MAIL FROM:<>', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      [`RCPT TO:<${LIST}>`, /^452 4\.5\.3/],
      ['RCPT TO:<nobody@orbit.example>', /^452 4\.5\.3/],
      ['DATA', /^354/],
      ['x\r\n.', /^250 2\.0\.0/],
    ]);
    expect(asked).toHaveLength(3);
  });

  it('sends a client away that only guesses addresses', async () => {
    const { port } = await started();
    const wire = await dial(port);
    await wire.reply();
    expect(await wire.ask('EHLO c.example')).toMatch(/^250/);
    const guesses = Array.from({ length: 40 }, (_, i) => `MAIL FROM:<>\r\nRCPT TO:<guess${i}@orbit.example>\r\nRSET\r\n`);
    wire.raw(guesses.join(''));
    const replies: string[] = [];
    for (let reply = await wire.reply(); reply !== 'closed'; reply = await wire.reply()) replies.push(reply);
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0/);
    expect(replies.length).toBeLessThan(110);
  });

  it('ends an endless command line without keeping it', async () => {
    const { port } = await started();
    const wire = await dial(port);
    await wire.reply();
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let i = 0; i < 200; i++) {
      wire.raw('x'.repeat(65_536));
      if (i % 8 === 0) await wait(1);
    }
    expect(await wire.reply()).toMatch(/^421 4\.7\.0/);
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(60 * 2 ** 20);
  });

  it('refuses a command line of more than 1024 octets that came whole', async () => {
    const { port, taken } = await started();
    const wire = await dial(port);
    await wire.reply();
    expect(await wire.ask(`NOOP ${'x'.repeat(1024)}`)).toMatch(/^421 4\.7\.0/);
    expect(taken).toEqual([]);
  });

  it('sends a client away that talks before the greeting', async () => {
    const { port } = await started();
    const wire = await dial(port);
    expect(await wire.ask('EHLO c.example')).toMatch(/^421 /);
  });
});
