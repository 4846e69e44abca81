import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { inSharedMemory } from '../../src/pgp/memory.ts';
import { createRelay } from '../../src/smtp/client.ts';
import { temporaryFolder } from '../cli/project-folder.ts';
import { installed } from '../support/installed.ts';
import { scriptedRelay } from './scripted-relay.ts';

/** Debian's python3-dkim; it is asked of a mail, with what DNS would say of the key. Says the domain whose signature holds, or nothing. */
const VERIFY = `
import sys, dkim
name, record = sys.argv[1], sys.argv[2]
of = lambda asked, timeout=5: record.encode() if asked.decode().rstrip('.') == name else None
verifier = dkim.DKIM(sys.stdin.buffer.read(), minkey=2048)
print(verifier.domain.decode() if verifier.verify(dnsfunc=of) else '')
`;
const isAbsent = !installed('dkimverify');

describe.skipIf(isAbsent)(`what goes out is signed${isAbsent ? ' (absent: python3-dkim)' : ''}`, () => {
  const closing: (() => unknown)[] = [];
  let key: string;
  let record: string;
  beforeAll(() => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    record = `v=DKIM1; k=rsa; p=${createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64')}`;
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function sent(raw: Buffer): Promise<{ mail: Buffer; mailFrom: string }> {
    const relay = await scriptedRelay({ ehlo: '250-relay.example\r\n250-8BITMIME\r\n250 SIZE 41943040' });
    const options = {
      host: '127.0.0.1',
      port: relay.port,
      tls: 'none',
      user: null,
      passwordFile: null,
      connections: 1,
      timeout: 20,
    } as const;
    const dkim = { domain: 'orbit.example', selector: 'curfew', key };
    const client = createRelay({ relay: options, hostname: 'mx.orbit.example', log: createLog('silent'), dkim });
    closing.push(client.close, relay.close);
    const outcome = await client.send({
      from: 'distributors-bounce+t@orbit.example',
      to: 'contact@member.example',
      raw: [inSharedMemory(raw)],
    });
    expect(outcome).toMatchObject({ state: 'delivered' });
    const mail = Buffer.from(relay.mails[0]?.replaceAll(/^\.(?=\.)/gm, '') ?? '', 'latin1');
    return { mail, mailFrom: relay.commands.find((line) => line.startsWith('MAIL')) ?? '' };
  }

  function verified(mail: Buffer): string {
    const [, interpreter = ''] = /^#!(\S+)/.exec(execFileSync('head', ['-n1', '/usr/bin/dkimverify']).toString()) ?? [];
    const { stdout } = spawnSync(interpreter, ['-c', VERIFY, 'curfew._domainkey.orbit.example', record], { input: mail });
    return stdout.toString().trim();
  }

  const HEADER = [
    'From: distributors@orbit.example',
    'To: contact@member.example',
    'Subject: [...]',
    'Date: Tue, 22 Sep 2026 16:00:00 +0000',
    'Message-ID: <1@orbit.example>',
    'List-Id: <distributors.orbit.example>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain',
  ].join('\r\n');

  test.each<[string, Buffer]>([
    ['a short mail', Buffer.from('Hello.\r\n')],
    ['one without a body', Buffer.alloc(0)],
    ['blank lines at its end, dots, blanks and tabs', Buffer.from('. x \t y\r\n..\r\n \r\n\r\n\r\n')],
    [
      '12 MiB',
      Buffer.from(
        `${randomBytes(12 * 2 ** 20 * 0.75)
          .toString('base64')
          .replaceAll(/.{76}/g, '$&\r\n')}\r\n`,
      ),
    ],
  ])('%s: another program verifies it, and the rest is octet for octet as it was', async (_what, body) => {
    const raw = Buffer.concat([Buffer.from(`${HEADER}\r\n\r\n`), body]);
    const { mail, mailFrom } = await sent(raw);
    expect(mail.toString('latin1')).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/relaxed; d=orbit\.example;/);
    expect(mail.subarray(mail.length - raw.length).equals(raw)).toBe(true);
    expect(verified(mail)).toBe('orbit.example');
    expect(verified(Buffer.from(mail.toString('latin1').replace('Subject: [...]', 'Subject: [..]'), 'latin1'))).toBe('');
    // RFC 1870 §6.1: what is announced is not less than what comes.
    expect(Number(/SIZE=(\d+)/.exec(mailFrom)?.[1])).toBeGreaterThanOrEqual(mail.length);
  });

  test('in memory: nothing of it is written beside', async () => {
    const folder = temporaryFolder();
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    await sent(Buffer.from(`${HEADER}\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(1) + 'y\r\n'.repeat(4 * 2 ** 20))).finally(() => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});
