import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readData } from '../../src/smtp/data.ts';
import { LIST, type Rig, rig, untilData, type Wire } from './wire.ts';

let server: Rig;
beforeAll(async () => {
  server = await rig({ limits: { recipients: 50, connections: 100, connectionsPerHost: 100 } });
});
beforeEach(() => {
  server.taken.length = 0;
});
afterAll(() => server.server.close(0));

async function again(wire: Wire): Promise<void> {
  for (const line of ['MAIL FROM:<>', `RCPT TO:<${LIST}>`]) expect(await wire.ask(line)).toMatch(/^250/);
  expect(await wire.ask('DATA')).toMatch(/^354/);
}

const SMUGGLED = `MAIL FROM:<evil@else.example>\r\nRCPT TO:<${LIST}>\r\nDATA\r\nFrom: evil\r\n\r\nsmuggled`;

describe('the end of DATA', () => {
  it.each([
    ['LF . LF', '\n.\n'],
    ['LF . CRLF', '\n.\r\n'],
    ['CRLF . LF', '\r\n.\n'],
    ['CR . CR', '\r.\r'],
    ['CR . LF', '\r.\n'],
    ['CR . CRLF', '\r.\r\n'],
    ['LF . CR', '\n.\r'],
    ['CRLF . CR', '\r\n.\r'],
    ['CRLF NUL . CRLF', '\r\n\0.\r\n'],
    ['CRLF . NUL CRLF', '\r\n.\0\r\n'],
    ['CR CRLF . CRLF', '\r\r\n.\r\r\n'],
    ['LF LF . LF LF', '\n\n.\n\n'],
    ['CRLF .. LF', '\r\n..\n'],
    ['LF .. LF', '\n..\n'],
  ])('is CRLF . CRLF alone: %s is refused and nothing behind it runs', async (_name, end) => {
    const wire = await untilData(server.port);
    wire.raw(`Subject: x\r\n\r\nfirst${end}${SMUGGLED}\r\n.\r\n`);
    expect(await wire.reply()).toMatch(/^554 5\.5\.2/);
    // One reply, and the session stands where it stood: no transaction was opened by the smuggled lines.
    expect(await wire.ask(`RCPT TO:<${LIST}>`)).toMatch(/^503/);
    await again(wire);
    expect(await wire.ask('clean\r\n.')).toMatch(/^250 2\.0\.0/);
    expect(server.taken.map(({ raw }) => raw)).toEqual(['clean\r\n']);
  });

  it.each([1, 2, 3, 5, 7])('is found, and dots are unstuffed, whatever the segments (%i octets)', async (step) => {
    const wire = await untilData(server.port);
    const mail = 'a: b\r\n\r\n.\r\n..\r\n...x\r\n.y\r\nz.\r\n';
    const stuffed = `${mail.replaceAll(/^\./gm, '..')}.\r\n`;
    for (let at = 0; at < stuffed.length; at += step) {
      wire.raw(stuffed.slice(at, at + step));
      await new Promise(setImmediate);
    }
    expect(await wire.reply()).toMatch(/^250 2\.0\.0/);
    expect(server.taken[0]?.raw).toBe(mail);
  });

  it('gives back every mail in CRLF lines octet for octet', async () => {
    const wire = await untilData(server.port);
    let first = true;
    const line = fc.stringMatching(/^[.a\xe9 -]{0,8}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 6 }), async (lines) => {
        if (!first) await again(wire);
        first = false;
        const mail = lines.map((text) => `${text}\r\n`).join('');
        wire.raw(`${mail.replaceAll(/^\./gm, '..')}.\r\n`);
        expect(await wire.reply()).toMatch(/^250 2\.0\.0/);
        expect(server.taken.at(-1)?.raw).toBe(mail);
      }),
      { numRuns: 60 },
    );
  });

  it('takes an empty mail as one of no octets', async () => {
    const wire = await untilData(server.port);
    expect(await wire.ask('.')).toMatch(/^250 2\.0\.0/);
    expect(server.taken[0]?.raw).toBe('');
  });
});

describe('line ends', () => {
  it.each([
    ['a bare LF', 'a\nb\r\n'],
    ['a bare CR', 'a\rb\r\n'],
    ['a NUL', 'a\0b\r\n'],
    ['a bare CR before the end', 'a\r\r\n'],
    ['a bare LF at the start', '\na\r\n'],
  ])('refuses %s', async (_name, mail) => {
    const wire = await untilData(server.port);
    expect(await wire.ask(`${mail}.`)).toMatch(/^554 5\.5\.2/);
    expect(server.taken).toEqual([]);
  });

  it('refuses a CR and an LF in different segments of which the first is not before the second', async () => {
    const wire = await untilData(server.port);
    wire.raw('aaaaaaaa\r');
    await new Promise((resolve) => setTimeout(resolve, 20));
    wire.raw('bbbbbbbb\r\n.\r\n');
    expect(await wire.reply()).toMatch(/^554 5\.5\.2/);
  });

  it('closes on a command that ends in a bare LF, and runs nothing of it', async () => {
    const wire = await untilData(server.port);
    wire.raw('x\r\n.\r\nMAIL FROM:<>\nRCPT TO:<security@orbit.example>\nDATA\n');
    expect(await wire.reply()).toMatch(/^250 2\.0\.0/);
    expect(await wire.reply()).toMatch(/^554 5\.5\.2/);
    await wire.closed;
    expect(await wire.reply()).toBe('closed');
  });

  it('sees a bare LF at the start of a segment', async () => {
    const wire = await untilData(server.port);
    expect(await wire.ask('x\r\n.')).toMatch(/^250/);
    wire.raw('NOOP');
    await new Promise((resolve) => setTimeout(resolve, 20));
    wire.raw('\nNOOP\r\n');
    expect(await wire.reply()).toMatch(/^554 5\.5\.2/);
    await wire.closed;
  });

  it('takes a command whose CR and LF come apart', async () => {
    const wire = await untilData(server.port);
    expect(await wire.ask('x\r\n.')).toMatch(/^250/);
    wire.raw('NOOP\r');
    await new Promise((resolve) => setTimeout(resolve, 20));
    wire.raw('\n');
    expect(await wire.reply()).toMatch(/^250/);
  });
});

describe('size', () => {
  it('takes a mail of exactly the size and refuses one octet more', async () => {
    const wire = await untilData(server.port);
    expect(await wire.ask(`${'x'.repeat(4094)}\r\n.`)).toMatch(/^250 2\.0\.0/);
    await again(wire);
    expect(await wire.ask(`${'x'.repeat(4095)}\r\n.`)).toMatch(/^552 5\.3\.4/);
    expect(server.taken).toHaveLength(1);
  });

  it('drains an oversized mail to its end without keeping it, also behind a small SIZE=', async () => {
    const wire = await untilData(server.port);
    expect(await wire.ask('x\r\n.')).toMatch(/^250/);
    expect(await wire.ask('MAIL FROM:<> SIZE=10')).toMatch(/^250/);
    expect(await wire.ask(`RCPT TO:<${LIST}>`)).toMatch(/^250/);
    expect(await wire.ask('DATA')).toMatch(/^354/);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 320; i++) {
      wire.raw(`${'x'.repeat(65_534)}\r\n`);
      if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await wire.ask('.')).toMatch(/^552 5\.3\.4/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60 * 2 ** 20);
    expect(server.taken).toHaveLength(1);
    await again(wire);
    expect(await wire.ask('after\r\n.')).toMatch(/^250 2\.0\.0/);
    expect(server.taken.at(-1)?.raw).toBe('after\r\n');
  });

  it('takes a large one octet for octet, and where every thread has it', async () => {
    const lines = Array.from({ length: 80_000 }, (_, line) => `${line} ${'x'.repeat(50)}\r\n`);
    const chunks = Array.from({ length: 80 }, (_, at) => Buffer.from(lines.slice(at * 1000, (at + 1) * 1000).join('')));
    const memory = { held: 0, limit: 2 ** 30 };
    const limits = { size: 2 ** 23, data: 10, minimumRate: 0, rateGraceMs: 1000 };
    const data = await readData(Readable.from(chunks), limits, memory);
    if (data.state !== 'complete') throw new Error(data.state);
    expect(Buffer.concat(chunks).equals(data.raw)).toBe(true);
    expect(data.raw.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(memory.held).toBe(data.raw.length);
  });

  it('hands nothing over when the client goes in the middle', async () => {
    const wire = await untilData(server.port);
    wire.raw('half a mail\r\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
    wire.destroy();
    await expect.poll(() => server.log.at(-1) ?? '').toContain('"reason":"lost"');
    expect(server.taken).toEqual([]);
  });
});
