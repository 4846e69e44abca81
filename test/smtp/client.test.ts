import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/delivery/outcome.ts';
import { createLog } from '../../src/log.ts';
import { inSharedMemory } from '../../src/pgp/memory.ts';
import { createRelay, type Relay, type RelayOptions } from '../../src/smtp/client.ts';
import { makeCertificate } from './certificates.ts';
import { type Act, type ScriptedRelay, type Stage, scriptedRelay } from './scripted-relay.ts';

const FROM = 'distributors-bounce+t0ken@orbit.example';
const TO = 'contact@member.example';
const MAIL = Buffer.from('From: list\r\n\r\nsealed\r\n');

let closing: (() => unknown)[] = [];
let log: string[] = [];
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
  log = [];
});

function toRelay(port: number, changes: Partial<RelayOptions> = {}): Relay {
  const relay: RelayOptions = {
    host: '127.0.0.1',
    port,
    tls: 'none',
    user: null,
    passwordFile: null,
    connections: 2,
    timeout: 0.4,
    ...changes,
  };
  const made = createRelay({
    relay,
    hostname: 'mx.orbit.example',
    log: createLog('debug', { write: (line: string) => void log.push(line) }),
  });
  closing.push(() => made.close());
  return made;
}

async function scripted(
  script?: Partial<Record<Stage, Act>>,
  tls?: { certificate: string; key: string },
): Promise<ScriptedRelay> {
  const made = await scriptedRelay(script, tls);
  closing.push(() => made.close());
  return made;
}

async function outcomeOf(script: Partial<Record<Stage, Act>>, changes?: Partial<RelayOptions>): Promise<Outcome> {
  const { port } = await scripted(script);
  return toRelay(port, changes).send({ from: FROM, to: TO, raw: [MAIL] });
}

describe('a copy that the relay takes', () => {
  it('is delivered, with the words of the relay', async () => {
    const relay = await scripted();
    const outcome = await toRelay(relay.port).send({ from: FROM, to: TO, raw: [MAIL] });
    expect(outcome).toEqual({ state: 'delivered', response: '250 2.0.0 queued as 4XyZ' });
    expect(relay.commands).toEqual([
      'EHLO mx.orbit.example',
      `MAIL FROM:<${FROM}> SIZE=${MAIL.length}`,
      `RCPT TO:<${TO}>`,
      'DATA',
    ]);
  });

  it('goes from <> where there is no sender, and as 8BITMIME where it has such octets', async () => {
    const relay = await scripted();
    const raw = Buffer.from([...MAIL, 0xe9, 0x0d, 0x0a]);
    expect(await toRelay(relay.port).send({ from: null, to: TO, raw: [raw] })).toMatchObject({ state: 'delivered' });
    expect(relay.commands).toContain(`MAIL FROM:<> BODY=8BITMIME SIZE=${raw.length}`);
  });

  it('arrives octet for octet, whatever stands at the beginnings of its lines', async () => {
    const relay = await scripted();
    const every = Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => octet !== 0x0a && octet !== 0x0d);
    const raw = Buffer.concat([
      Buffer.from('.\r\n..\r\n...\r\n.x\r\nBcc: kept@else.example\r\n\r\n'),
      Buffer.from(every),
      Buffer.from('\r\n'),
      Buffer.from('.z'.repeat(70_000)),
      Buffer.from('\r\n\r\n.\r\n\r\n'),
    ]);
    expect(await toRelay(relay.port).send({ from: FROM, to: TO, raw: [raw] })).toMatchObject({ state: 'delivered' });
    expect(relay.mails[0]?.replaceAll(/^\./gm, '') === raw.toString('latin1')).toBe(true);
  });

  it('arrives octet for octet in whatever pieces, where no line begins with a dot', async () => {
    const relay = await scripted();
    const sender = toRelay(relay.port);
    const lines = (length: number, count: number) => `${'a'.repeat(length)}\r\n`.repeat(count);
    const texts = [
      lines(76, 3000),
      lines(0, 100_000),
      lines(200_000, 3),
      `${lines(65_533, 2)}${lines(65_534, 2)}${lines(65_535, 2)}x.\r\n.`.slice(0, -1),
      `${lines(30, 9)}${'b.'.repeat(70_000)}\r\n${lines(1, 40_000)}`,
    ];
    for (const [at, text] of texts.entries()) {
      const whole = Buffer.from(text, 'latin1');
      // Cut anywhere: within a line, and within its end.
      const cuts = [0, ...[1, 64 * 1024 - 1, 64 * 1024, 100_001].filter((cut) => cut < whole.length), whole.length];
      const raw = cuts.slice(1).map((cut, part) => inSharedMemory(whole.subarray(cuts[part], cut)));
      expect(await sender.send({ from: FROM, to: TO, raw })).toMatchObject({ state: 'delivered' });
      expect(relay.mails[at] === text, `text ${at}`).toBe(true);
    }
  });

  it('goes without its neighbours where it is a part of a larger buffer', async () => {
    const relay = await scripted();
    const whole = Uint8Array.from(Buffer.from('secret\r\nx\r\nsecret\r\n'));
    await toRelay(relay.port).send({ from: FROM, to: TO, raw: [whole.subarray(8, 11)] });
    expect(relay.mails).toEqual(['x\r\n']);
  });

  it('shares connections with others', async () => {
    const relay = await scripted();
    const sender = toRelay(relay.port);
    const sent = Array.from({ length: 12 }, (_, i) => sender.send({ from: FROM, to: `c${i}@member.example`, raw: [MAIL] }));
    expect((await Promise.all(sent)).every(({ state }) => state === 'delivered')).toBe(true);
    expect(relay.connections).toBeLessThanOrEqual(2);
    expect(relay.commands.filter((line) => line.startsWith('RCPT'))).toHaveLength(12);
  });

  it('goes on a new connection where the relay closed the idle one', async () => {
    const relay = await scripted();
    const sender = toRelay(relay.port, { connections: 1 });
    await sender.send({ from: FROM, to: TO, raw: [MAIL] });
    relay.closeConnections();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await sender.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'delivered' });
    expect(relay.connections).toBe(2);
    await relay.close();
    expect(await sender.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'deferred' });
    expect(await sender.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      state: 'deferred',
      reason: 'relay-unreachable',
    });
  });
});

describe('a copy that cannot be put on the wire', () => {
  it.each([
    ['contact@member.example\r\nRCPT TO:<other@else.example>'],
    ['contact@member.example>,<other@else.example'],
    ['a@b@member.example'],
    ['Someone <contact@member.example>'],
    ['contact@member.example, other@else.example'],
    ['cöntact@member.example'],
    [''],
  ])('fails without a connection: to %j', async (to) => {
    const relay = await scripted();
    expect(await toRelay(relay.port).send({ from: FROM, to, raw: [MAIL] })).toMatchObject({
      state: 'failed',
      reason: 'bad-address',
    });
    expect(relay.connections).toBe(0);
  });

  it.each(['a\nb\r\n', 'a\rb\r\n', 'a\r\n\n', 'a', 'a\r', ''])('fails rather than change its line ends: %j', async (text) => {
    const relay = await scripted();
    const outcome = await toRelay(relay.port).send({ from: FROM, to: TO, raw: [Buffer.from(text)] });
    expect(outcome).toMatchObject({ state: 'failed', reason: 'not-crlf' });
    expect(relay.connections).toBe(0);
  });

  it('fails where it is larger than the SIZE of the relay', async () => {
    const outcome = await outcomeOf({ ehlo: '250-relay.example\r\n250 SIZE 10' });
    expect(outcome).toMatchObject({ state: 'failed', reason: 'too-large' });
  });
});

describe('the outcome when the relay says no', () => {
  const waits = (reason: string) => ({ state: 'deferred', reason });
  const fails = (reason: string) => ({ state: 'failed', reason });
  it.each<[Stage, Act, object]>([
    ['greeting', '421 4.3.2 going down', waits('try-later')],
    ['greeting', '554 5.7.1 you are not wanted', waits('relay-refuses-us')],
    ['greeting', 'drop', waits('connection-lost')],
    ['greeting', 'hang', waits('timeout')],
    ['ehlo', '421 4.7.0 slow down', waits('try-later')],
    ['ehlo', '550 5.7.1 bad name', waits('relay-refuses-us')],
    ['ehlo', 'drop', waits('connection-lost')],
    ['ehlo', 'hang', waits('timeout')],
    ['mail', '451 4.3.0 disk', waits('try-later')],
    ['mail', '550 5.1.8 bad sender', fails('rejected')],
    ['mail', '530 5.7.0 authenticate first', waits('relay-refuses-us')],
    ['mail', '552 5.3.4 too large', fails('too-large')],
    ['mail', '421 4.3.2 going down', waits('try-later')],
    ['mail', 'drop', waits('connection-lost')],
    ['mail', 'hang', waits('timeout')],
    ['rcpt', '450 4.2.0 greylisted', waits('try-later')],
    ['rcpt', '550 5.1.1 no such user', fails('rejected')],
    ['rcpt', '501 5.1.3 bad address', fails('rejected')],
    ['rcpt', '503 5.5.1 need EHLO', waits('relay-refuses-us')],
    ['rcpt', '554 5.7.1 <contact@member.example>: Relay access denied', waits('relay-refuses-us')],
    ['rcpt', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', waits('relay-refuses-us')],
    ['rcpt', 'drop', waits('connection-lost')],
    ['rcpt', 'hang', waits('timeout')],
    ['data', '451 4.3.0 disk', waits('try-later')],
    ['data', '554 5.6.0 no', fails('rejected')],
    ['data', 'drop', waits('connection-lost')],
    ['data', 'hang', waits('timeout')],
    ['dot', '451 4.7.1 greylisted', waits('try-later')],
    ['dot', '421 4.3.2 going down', waits('try-later')],
    ['dot', '554 5.7.1 looks like spam', fails('rejected')],
    ['dot', '552 5.2.2 mailbox full', fails('rejected')],
    ['dot', 'drop', waits('connection-lost')],
    ['dot', 'hang', waits('timeout')],
  ])('at %s, %s', async (stage, act, expected) => {
    expect(await outcomeOf({ [stage]: act })).toMatchObject(expected);
    // The same where commands go one at a time.
    const ehlo = stage === 'ehlo' ? act : '250 relay.example';
    expect(await outcomeOf({ ehlo, [stage]: act })).toMatchObject(expected);
  });

  it('sends a copy that was lost after the dot once, not again by itself', async () => {
    const relay = await scripted({ dot: 'drop' });
    expect(await toRelay(relay.port).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'deferred' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(relay.mails).toHaveLength(1);
  });

  it('gives a relay up that trickles its reply', async () => {
    const relay = await scripted({ dot: 'trickle' });
    const started = performance.now();
    expect(await toRelay(relay.port, { timeout: 0.2 }).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      reason: 'timeout',
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('keeps the response to one line of 500 characters', async () => {
    const { response } = await outcomeOf({ rcpt: `550-5.1.1 one\r\n550 5.1.1 two\u0007\u009b${'x'.repeat(600)}` });
    expect(response).toMatch(/^550-5\.1\.1 one 550 5\.1\.1 two x+$/);
    expect(response).toHaveLength(500);
  });

  it('logs the trouble once, not once a copy, and nothing of the mail', async () => {
    const { port } = await scripted({ greeting: '554 5.7.1 not you' });
    const relay = toRelay(port);
    for (let i = 0; i < 3; i++) await relay.send({ from: FROM, to: TO, raw: [MAIL] });
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('relay-refuses-us');
    expect(log[0]).not.toMatch(/sealed|contact@/);
  });

  it('comes back over a new connection after a refusal: the old one would go on refusing', async () => {
    const server = await scripted({ rcpt: '554 5.7.1 <contact@member.example>: Relay access denied' });
    const relay = toRelay(server.port);
    for (let i = 0; i < 2; i++) await relay.send({ from: FROM, to: TO, raw: [MAIL] });
    expect(server.connections).toBe(2);
  });

  it('defers what is sent after close', async () => {
    const { port } = await scripted();
    const relay = toRelay(port);
    relay.close();
    expect(await relay.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'deferred', reason: 'connection-lost' });
  });
});

describe('TLS to the relay', () => {
  let certificate: { certificate: string; key: string };
  beforeAll(() => {
    certificate = makeCertificate('localhost');
  });
  const WITH_TLS = '250-relay.example\r\n250-STARTTLS\r\n250 8BITMIME';

  it('goes through where the relay shows a certificate of the known authority', async () => {
    const relay = await scripted({ ehlo: WITH_TLS }, certificate);
    const sender = toRelay(relay.port, { tls: 'starttls', authorityFile: certificate.certificate });
    expect(await sender.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'delivered' });
    expect(relay.commands.slice(0, 4).join()).toMatch(/^EHLO \S+,STARTTLS,EHLO \S+,MAIL/);
  });

  it('takes a large mail whose lines are in memory that threads share', async () => {
    const relay = await scripted({ ehlo: WITH_TLS }, certificate);
    const sender = toRelay(relay.port, { tls: 'starttls', authorityFile: certificate.certificate });
    const text = `${'a'.repeat(76)}\r\n`.repeat(20_000);
    const raw = [MAIL, inSharedMemory(Buffer.from(text)), MAIL];
    expect(await sender.send({ from: FROM, to: TO, raw })).toMatchObject({ state: 'delivered' });
    expect(relay.mails[0] === `${MAIL}${text}${MAIL}`).toBe(true);
  });

  it('defers, and sends no mail, where the relay offers none', async () => {
    const relay = await scripted({ starttls: '502 5.5.1 what?' });
    expect(await toRelay(relay.port, { tls: 'starttls' }).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      state: 'deferred',
      reason: 'relay-tls',
    });
    expect(relay.commands.filter((line) => !/^(EHLO|STARTTLS)/.test(line))).toEqual([]);
  });

  it.each([
    ['is self-signed', 'localhost', '127.0.0.1', false],
    ['has another name', 'mx.else.example', '127.0.0.1', true],
  ])('defers, and sends no mail, where the certificate %s', async (_what, name, host, known) => {
    const shown = makeCertificate(name);
    const relay = await scripted({ ehlo: WITH_TLS }, shown);
    const sender = toRelay(relay.port, { tls: 'starttls', host, ...(known ? { authorityFile: shown.certificate } : {}) });
    expect(await sender.send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({ state: 'deferred', reason: 'relay-tls' });
    expect(relay.mails).toEqual([]);
    expect(relay.commands.filter((line) => !/^(EHLO|STARTTLS)/.test(line))).toEqual([]);
  });

  it('defers where NODE_TLS_REJECT_UNAUTHORIZED asks to look away', async () => {
    const relay = await scripted({ ehlo: WITH_TLS }, certificate);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const outcome = await toRelay(relay.port, { tls: 'starttls' }).send({ from: FROM, to: TO, raw: [MAIL] });
    vi.unstubAllEnvs();
    expect(outcome).toMatchObject({ state: 'deferred', reason: 'relay-tls' });
  });

  it('defers where the relay speaks no TLS on an implicit port', async () => {
    const { port } = await scripted();
    expect(await toRelay(port, { tls: 'implicit' }).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      state: 'deferred',
      reason: 'relay-tls',
    });
  });

  it.each(['starttls', 'greeting'] as const)('defers where the relay drops or hangs at %s', async (stage) => {
    for (const act of ['drop', 'hang'] as const)
      expect(await outcomeOf({ ehlo: WITH_TLS, [stage]: act }, { tls: 'starttls' })).toMatchObject({ state: 'deferred' });
  });

  it('is left out on loopback alone', () => {
    for (const host of ['relay.example', '10.0.0.1', '127.evil.example', '::2', '0.0.0.0'])
      expect(() => toRelay(25, { host })).toThrow(`relay ${host}:25: only a relay on loopback may go without TLS`);
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST'])
      expect(() => toRelay(25, { host })).not.toThrow();
  });

  it('is not asked of a loopback relay without it, even if that offers a certificate nobody knows', async () => {
    const relay = await scripted({ ehlo: WITH_TLS }, certificate);
    expect(await toRelay(relay.port, { host: 'localhost' }).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      state: 'delivered',
    });
    expect(relay.commands).not.toContain('STARTTLS');
  });
});

describe('authentication', () => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-relay-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'correct horse\n');
  const WITH_AUTH = '250-relay.example\r\n250 AUTH PLAIN';

  it('uses the user and the first line of the password file', async () => {
    const relay = await scripted({ ehlo: WITH_AUTH });
    expect(await toRelay(relay.port, { user: 'orbit', passwordFile }).send({ from: FROM, to: TO, raw: [MAIL] })).toMatchObject({
      state: 'delivered',
    });
    expect(relay.commands[1]).toBe(`AUTH PLAIN ${Buffer.from('\0orbit\0correct horse').toString('base64')}`);
  });

  it.each([
    ['refuses', { ehlo: WITH_AUTH, auth: '535 5.7.8 no' }, 'relay-refuses-us'],
    ['defers', { ehlo: WITH_AUTH, auth: '454 4.7.0 later' }, 'relay-refuses-us'],
    ['does not offer', { auth: '503 5.5.1 not here' }, 'relay-refuses-us'],
    ['drops at', { ehlo: WITH_AUTH, auth: 'drop' }, 'connection-lost'],
  ] as const)('defers where the relay %s it', async (_what, script, reason) => {
    const relay = await scripted(script);
    const outcome = await toRelay(relay.port, { user: 'orbit', passwordFile }).send({ from: FROM, to: TO, raw: [MAIL] });
    expect(outcome).toMatchObject({ state: 'deferred', reason });
    expect(relay.mails).toEqual([]);
  });

  it('says which password file cannot be read', () => {
    expect(() => toRelay(25, { user: 'orbit', passwordFile: '/nowhere/p' })).toThrow(
      'the password file of the relay cannot be read: /nowhere/p (ENOENT)',
    );
  });
});
