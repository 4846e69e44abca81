import { afterEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../src/refusal.ts';
import { dial, LIST, type Rig, rig, transcript, type Wire } from './wire.ts';

let server: Rig;
afterEach(() => server.server.close(0));

async function greeted(): Promise<Wire> {
  const wire = await dial(server.port);
  expect(await wire.reply()).toBe('220 mx.orbit.example LMTP');
  return wire;
}

describe('LMTP', () => {
  it('greets with LHLO alone', async () => {
    server = await rig({ protocol: 'lmtp' });
    const wire = await greeted();
    await transcript(wire, [
      ['HELO c.example', /^500/],
      ['EHLO c.example', /^500/],
      ['MAIL FROM:<>', /^503/],
      ['LHLO c.example', /^250[- ]mx\.orbit\.example/],
      ['MAIL FROM:<>', /^250/],
      ['DATA', /^503/],
    ]);
  });

  it('replies after DATA once for each RCPT that was accepted, the same address twice too (RFC 2033 §4.2)', async () => {
    server = await rig({ protocol: 'lmtp' });
    const wire = await greeted();
    await transcript(wire, [
      ['LHLO c.example', /^250/],
      ['MAIL FROM:<>', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['RCPT TO:<nobody@orbit.example>', /^550/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['RCPT TO:<distributors@orbit.example>', /^452/],
      ['DATA', /^354/],
      ['x\r\n.', /^250 2\.0\.0 post 0001$/],
    ]);
    expect(await wire.reply()).toBe('250 2.0.0 post 0001');
    expect(await wire.ask('NOOP')).toMatch(/^250 2\.0\.0 OK/);
    expect(server.taken).toHaveLength(1);
  });

  it('refuses once for each as well, from the move, for the size and for line ends', async () => {
    server = await rig({
      protocol: 'lmtp',
      doors: {
        receive: async () => {
          throw new Refusal('members-only');
        },
      },
    });
    const wire = await greeted();
    await wire.ask('LHLO c.example');
    for (const [mail, expected] of [
      ['x\r\n', /^550 5\.7\.1/],
      [`${'x'.repeat(5_000)}\r\n`, /^552 5\.3\.4/],
      ['a\nb\r\n', /^554 5\.5\.2/],
    ] as const) {
      for (const line of ['MAIL FROM:<>', `RCPT TO:<${LIST}>`, `RCPT TO:<${LIST}>`]) await wire.ask(line);
      expect(await wire.ask('DATA')).toMatch(/^354/);
      expect(await wire.ask(`${mail}.`)).toMatch(expected);
      expect(await wire.reply()).toMatch(expected);
      expect(await wire.ask('NOOP')).toMatch(/^250 2\.0\.0 OK/);
    }
  });
});
