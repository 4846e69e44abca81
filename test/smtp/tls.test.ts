import { copyFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificates.ts';
import { dial, LIST, type Rig, rig, transcript, type Wire } from './wire.ts';

let tls: { certificate: string; key: string };
let server: Rig;
beforeAll(() => {
  tls = makeCertificate('mx.orbit.example');
});
afterEach(() => server.server.close(0));

async function untilStartTls(port: number): Promise<Wire> {
  const wire = await dial(port);
  await wire.reply();
  expect(await wire.ask('EHLO clear.example')).toContain('250-STARTTLS');
  return wire;
}

describe('STARTTLS', () => {
  it('shows the certificate of the configuration, speaks TLS 1.2 at least, and forgets what was said in clear', async () => {
    server = await rig({ tls });
    const wire = await untilStartTls(server.port);
    expect(await wire.ask('MAIL FROM:<clear@else.example>')).toMatch(/^250/);
    expect(await wire.ask('STARTTLS')).toMatch(/^220 2\.0\.0/);
    const secure = await wire.startTls();
    expect(secure.getPeerCertificate().subject.CN).toBe('mx.orbit.example');
    expect(['TLSv1.2', 'TLSv1.3']).toContain(secure.getProtocol());
    await transcript(wire, [
      [`RCPT TO:<${LIST}>`, /^503/],
      ['EHLO secret.example', /^250(?![\s\S]*STARTTLS)/],
      ['STARTTLS', /^503/],
      ['MAIL FROM:<a@else.example>', /^250/],
      [`RCPT TO:<${LIST}>`, /^250/],
      ['DATA', /^354/],
      ['x\r\n.', /^250 2\.0\.0/],
    ]);
    expect(server.taken[0]?.envelope).toMatchObject({
      sender: 'a@else.example',
      client: { helo: 'secret.example', tls: true },
    });
  });

  it('drops commands that came in clear behind STARTTLS (CVE-2011-0411)', async () => {
    server = await rig({ tls });
    const wire = await untilStartTls(server.port);
    wire.raw(`STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@else.example>\r\nRCPT TO:<${LIST}>\r\n`);
    expect(await wire.reply()).toMatch(/^220/);
    await wire.startTls();
    await transcript(wire, [
      ['DATA', /^503/],
      ['EHLO good.example', /^250/],
      ['DATA', /^503/],
      ['MAIL FROM:<good@else.example>', /^250/],
    ]);
  });

  it('drops them also when they are more than one chunk', async () => {
    server = await rig({ tls });
    const wire = await untilStartTls(server.port);
    wire.raw(`STARTTLS\r\n${'NOOP\r\n'.repeat(20_000)}`);
    expect(await wire.reply()).toMatch(/^220/);
    // What is still in the socket's buffer is read as the handshake, which then fails: nothing is run, nothing answered.
    const secured = await wire.startTls().catch(() => null);
    if (secured) expect(await wire.ask('NOOP')).toMatch(/^250 2\.0\.0 OK$/);
  });

  it('survives clients that stall, break off or talk nonsense in the handshake', async () => {
    server = await rig({ tls, limits: { idle: 0.3 } });
    const [stalls, leaves, chatters] = await Promise.all([1, 2, 3].map(() => untilStartTls(server.port)));
    for (const wire of [stalls, leaves, chatters]) expect(await wire?.ask('STARTTLS')).toMatch(/^220/);
    leaves?.destroy();
    chatters?.raw('EHLO not-tls.example\r\n');
    stalls?.raw(Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
    await chatters?.closed;
    await stalls?.closed;
    expect(await (await dial(server.port)).reply()).toMatch(/^220/);
  });

  it('takes a new certificate on reload, and stays as it was where the new one cannot be used', async () => {
    const live = makeCertificate('old.example');
    server = await rig({ tls: live });
    const next = makeCertificate('new.example');
    copyFileSync(next.certificate, live.certificate);
    expect(() => server.server.reload()).toThrow(/TLS certificate/);
    const subject = async () => {
      const wire = await untilStartTls(server.port);
      await wire.ask('STARTTLS');
      return (await wire.startTls()).getPeerCertificate().subject.CN;
    };
    expect(await subject()).toBe('old.example');
    copyFileSync(next.key, live.key);
    server.server.reload();
    expect(await subject()).toBe('new.example');
  });

  it('closes while a handshake is under way', async () => {
    server = await rig({ tls });
    const wire = await untilStartTls(server.port);
    await wire.ask('STARTTLS');
    await server.server.close(0);
    await wire.closed;
  });
});
