import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import nodemailer from 'nodemailer';
import { afterEach, describe, expect, test } from 'vitest';
import { staleSource } from './built.ts';
import { clearMail, cleartextSignedMail, encryptedMail, inlineMail, signedMail } from './compose.ts';
import { generate, makeParty, openCopy } from './party.ts';
import { postfixAbsent, startPostfix } from './postfix.ts';
import { start } from './process.ts';
import { type Sink, startSink } from './sink.ts';
import { swaks, swaksAbsent } from './swaks.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function sink(): Promise<Sink> {
  const server = await startSink();
  opened.push(server);
  return server;
}

const letter = {
  from: { address: 'rita@example.org', name: 'Rita' },
  to: 'security@orbit.example',
  subject: 'A hole',
  text: 'See.\n',
};

describe('the sink', () => {
  test('keeps envelope and octets, and answers by its script', async () => {
    const server = await sink();
    server.atRecipient = (address, attempt) =>
      address.startsWith('bad')
        ? { code: 550, text: '5.1.1 unknown' }
        : attempt === 1 && address.startsWith('late')
          ? { code: 451, text: '4.3.0 later' }
          : 'accept';
    const transport = nodemailer.createTransport({ host: server.host, port: server.port, secure: false, ignoreTLS: true });
    const raw = clearMail(letter);
    const result = await transport.sendMail({
      envelope: { from: '', to: ['a@x.example', 'bad@x.example', 'late@x.example'] },
      raw,
    });
    expect(result.rejectedErrors?.map(({ responseCode }) => responseCode)).toEqual([550, 451]);
    const [mail] = await server.waitFor(1);
    expect(mail).toMatchObject({ from: '', to: ['a@x.example'] });
    expect(mail?.raw.equals(raw)).toBe(true);
    server.atData = () => 'drop';
    await expect(transport.sendMail({ envelope: { from: 'x@x.example', to: 'b@x.example' }, raw })).rejects.toThrow();
    expect([server.mails.length, server.unanswered.length]).toEqual([1, 1]);
    await expect(server.waitFor(2, 50)).rejects.toThrow('1 of 2 mails came in 50 ms: a@x.example');
  });
});

describe('a party', () => {
  test('opens what was sealed to it, and nobody else does', async () => {
    const [rita, list, other] = await Promise.all([
      makeParty('rita@example.org'),
      makeParty('l@orbit.example'),
      makeParty('o@x.example'),
    ]);
    const attachments = [{ name: 'a.patch', type: 'text/x-diff', data: Buffer.alloc(5_000, 'x') }];
    const raw = await encryptedMail({ ...letter, attachments, outerSubject: '...' }, { recipients: [list.public], signer: rita });
    const copy = await openCopy(raw, list, rita.public);
    expect(copy.entity.toString()).toMatch(/^Content-Type: multipart\/mixed[\s\S]*Subject: A hole[\s\S]*See\.[\s\S]*a\.patch/);
    expect(copy.signer).toBe(rita.fingerprint);
    expect(copy.encryptedTo).toHaveLength(1);
    expect(raw.toString()).not.toContain('A hole');
    await expect(openCopy(raw, other)).rejects.toThrow('No decryption key packets found');
    await expect(openCopy(raw, list, other.public)).rejects.toThrow('Could not find signing key');
  });

  test('writes each form with CRLF and nothing else', async () => {
    const rita = await generate('rita@example.org', 'Rita', { lifetime: 86_400 });
    const at = 1_735_689_700_000;
    const sealing = { recipients: [rita.public], signer: rita };
    const mails = [
      clearMail(letter),
      await signedMail({ ...letter, at }, rita),
      await inlineMail({ ...letter, at }, sealing),
      await cleartextSignedMail({ ...letter, at }, rita),
    ];
    for (const mail of mails) expect(mail.toString().replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    expect((await openCopy(mails[2] as Buffer, rita, rita.public, at)).entity.toString()).toBe('See.\r\n');
  });
});

test('what was changed after it was built is found, and what was never built', async () => {
  const root = await mkdtemp(join(tmpdir(), 'curfew-built-'));
  opened.push({ close: () => rm(root, { recursive: true }) });
  const write = async (path: string, seconds: number) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
    await utimes(join(root, path), seconds, seconds);
  };
  await write('migrations/0001.ts', 1);
  await write('src/mail/a.ts', 5);
  await write('src/mail/b.d.ts', 9);
  expect(staleSource(root)).toBe('src/mail/a.ts');
  await write('dist/src/mail/a.js', 5);
  expect(staleSource(root)).toBe('migrations/0001.ts');
  await write('dist/migrations/0001.js', 2);
  expect(staleSource(root)).toBeNull();
  await write('src/mail/a.ts', 6);
  expect(staleSource(root)).toBe('src/mail/a.ts');
});

test('a process is heard by its lines and killed', async () => {
  const child = start('sh', ['-c', 'echo ready on 4711; exec sleep 60']);
  expect((await child.line(/ready on (\d+)/))[1]).toBe('4711');
  expect(await child.kill()).toMatchObject({ signal: 'SIGKILL', stdout: 'ready on 4711\n' });
  await expect(start('true', []).line(/never/)).rejects.toThrow('ended with 0 before /never/ was said');
});

test.skipIf(swaksAbsent)(`swaks sends a mail as it stands${swaksAbsent ? ` (${swaksAbsent})` : ''}`, async () => {
  const server = await sink();
  const mail = clearMail({ ...letter, text: 'one\n.two\n' });
  const { code, stdout } = await swaks({ server, from: '<>', to: 'security@orbit.example', mail });
  expect(code, stdout).toBe(0);
  const [got] = await server.waitFor(1);
  expect(got?.raw.toString()).toBe(mail.toString());
});

test.skipIf(postfixAbsent)(`Postfix hands over and relays${postfixAbsent ? ` (${postfixAbsent})` : ''}`, async () => {
  const [lmtp, relay] = [await startSink({ lmtp: true }), await sink()];
  opened.push(lmtp);
  const postfix = await startPostfix({ domain: 'orbit.example', curfew: { protocol: 'lmtp', port: lmtp.port }, sink: relay });
  opened.push({ close: postfix.stop });
  const send = (port: number, to: string) =>
    nodemailer
      .createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
      .sendMail({ envelope: { from: 'r@x.example', to }, raw: clearMail(letter) });
  await send(postfix.inPort, 'security@orbit.example');
  await send(postfix.outPort, 'alpha@member.example');
  await send(postfix.outPort, 'announce@orbit.example');
  const [inward] = await lmtp.waitFor(1, 20_000);
  expect(inward).toMatchObject({ from: 'r@x.example', to: ['security@orbit.example'] });
  const outward = await relay.waitFor(2, 20_000);
  expect(outward.flatMap(({ to }) => to).sort()).toEqual(['alpha@member.example', 'announce@orbit.example']);
  expect(await postfix.log()).toContain('status=sent');
  await postfix.stop();
  const refused = await new Promise((resolve) =>
    connect(postfix.inPort, '127.0.0.1')
      .once('error', resolve)
      .once('connect', () => resolve(null)),
  );
  expect(refused).not.toBe(null);
});
