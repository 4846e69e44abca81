import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { fingerprint } from '../../src/embargo/fingerprint.ts';
import { embargoedIn, type Watch, watch } from '../../src/embargo/recognise.ts';
import { parseMessage } from '../../src/mail/message.ts';
import { HELD_OUT } from '../recognition/held-out.ts';
import { base64Lines, file, mailOf, plain, quotedPrintable, zipOf } from '../recognition/letter.ts';
import { NEAR } from '../recognition/near.ts';
import { filesBelow, mailOfFile, near, shuffled } from '../recognition/ordinary.ts';
import { embargoedOf, tries, watched } from '../recognition/recall.ts';
import { SECRETS } from '../recognition/secrets.ts';
import { TRANSFORMATIONS } from '../recognition/transformations.ts';
import { chanceOf } from '../support/chance.ts';

const seenIn = (mail: Uint8Array, by: Watch = watched) =>
  embargoedIn(parseMessage(mail), by).map(({ caseId, kind, place }) => `${kind} of ${caseId} in ${place}`);
const asText = (text: string) => mailOf({ content: plain(text) });
const nothing = { ids: [], texts: [], patches: [] };

/** What is missed, by its transformation; all three secrets where no id stands there. */
function missed(all: ReturnType<typeof tries>): string[] {
  return all.filter(({ recognised }) => !recognised).map(({ transformation, caseId }) => `${transformation}: ${caseId}`);
}

describe('what is under embargo is recognised', () => {
  it('however it is passed on, but where hardly anything is left of it', () => {
    expect(TRANSFORMATIONS.length).toBeGreaterThanOrEqual(50);
    expect(missed(tries(TRANSFORMATIONS))).toEqual([
      'its subject alone, in a subject: ORBIT-2026-0007',
      'what a patch makes, without marks: ORBIT-2026-0015',
    ]);
  });

  it('in nine of ten ways that it was not made for', () => {
    const all = tries(HELD_OUT);
    expect(missed(all).length / all.length).toBeLessThan(0.1);
  });

  it('as the case that it is, with its place and how much of it is there', () => {
    const [secret] = SECRETS as [(typeof SECRETS)[0]];
    const [first = ''] = secret.text.split('\n# Mitigation');
    expect(embargoedIn(parseMessage(asText(first)), watched)).toEqual([
      { caseId: secret.caseId, kind: 'text', place: 'text', score: expect.closeTo(0.6, 1) },
    ]);
  });

  it('by the octets of a file, whatever it is called and packed in', () => {
    const octets = Uint8Array.from({ length: 900 }, (_, at) => (at * 37) % 256);
    const crash = watch([fingerprint('ORBIT-2026-0020', { ...nothing, patches: [{ name: 'crash.bin', bytes: octets }] })]);
    const attached = (name: string, bytes: Uint8Array) => mailOf({ content: [plain('x'), file(name, bytes)] });
    expect(seenIn(attached('a', octets), crash)).toContain('file of ORBIT-2026-0020 in file');
    expect(seenIn(attached('a', zipOf('b', octets, zlib.deflateRawSync(octets))), crash)).toContain(
      'file of ORBIT-2026-0020 in packed file',
    );
    expect(seenIn(attached('a', octets.slice(1)), crash)).not.toContainEqual(expect.stringMatching(/^file/));
  });

  it('by a name of a patch that tells what it is, and not by one that anybody gives', () => {
    const named = (name: string) =>
      watch([fingerprint('ORBIT-2026-0020', { ...nothing, patches: [{ name, bytes: Buffer.from('x') }] })]);
    const mail = (name: string) => mailOf({ content: [plain('x'), file(name, 'y')] });
    const telling = named('0001-webhook-distrust-mirrored-tenants.patch');
    expect(seenIn(mail('0001-Webhook-distrust-mirrored-tenants.diff.txt'), telling)).toEqual([
      'file of ORBIT-2026-0020 in file name',
    ]);
    expect(seenIn(mail('0001-fix.patch'), named('0001-fix.patch'))).toEqual([]);
  });

  it('by every id, and by none that merely contains one', () => {
    const mail = (words: string) => seenIn(asText(`About ${words}.`));
    expect(mail('cve 2026 99001')).toEqual(['id of ORBIT-2026-0007 in text']);
    expect(mail('ghsa-7QXV-29fm\u2010w3hj')).toEqual(['id of ORBIT-2026-0011 in text']);
    for (const other of ['CVE-2026-990011', 'CVE-2026-9900', 'XCVE-2026-99001', 'CVE-2025-99001', '99001', 'CVE-2025-1, 99001'])
      expect(mail(other), other).toEqual([]);
  });

  it('in a diff whose fix is one line', () => {
    const diff = '@@ -1,3 +1,3 @@\n x();\n-if (length > sizeof buffer) return;\n+if (length >= sizeof buffer) return;\n y();\n';
    const small = watch([
      fingerprint('ORBIT-2026-0021', { ...nothing, patches: [{ name: 'a', bytes: Buffer.from(`--- a\n+++ a\n${diff}`) }] }),
    ]);
    expect(seenIn(asText(`Look:\n\n> ${diff.replaceAll('\n', '\n> ')}`), small)).toEqual(['patch of ORBIT-2026-0021 in text']);
    expect(seenIn(asText(diff.replace(/^\+.*$/m, '+abort();')), small)).toEqual([]);
  });
});

describe('ordinary mail raises no alarm', () => {
  const earlier = NEAR.filter(({ subject }) => /CVE-/.test(subject)).map(({ text }) => text);

  it('on the same programs, where the advisories that are out are known', () => {
    const informed = watch(SECRETS.map((secret) => fingerprint(secret.caseId, embargoedOf(secret), earlier)));
    for (const { source, mail } of near()) expect(seenIn(mail, informed), source).toEqual([]);
    expect(missed(tries(TRANSFORMATIONS.slice(0, 10), informed))).toEqual([]);
  });

  it('on other programs: words and patches of 300 files', () => {
    const chance = chanceOf(7);
    const files = shuffled(filesBelow(join(import.meta.dirname, '../../node_modules')), chance).slice(0, 300);
    expect(files).toHaveLength(300);
    for (const path of files) expect(seenIn(mailOfFile(path, path, chance).mail), path).toEqual([]);
  });

  it('where it has in common what everybody writes: a licence, a signature, a footer, who wrote what', () => {
    const common = `/* Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with the License.
You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0. Unless required by applicable law or agreed to in writing */`;
    const signature =
      '-- \nDirk Beispiel, Orbit Response Committee\nSternwarte Betzdorf, Turmstrasse 4, Observatory wing, second door\nOpenPGP: the usual place\n';
    const post = `On Mon, 14 Sep 2026 at 10:11, Rita Halloran of Nightjar Research in Betzdorf wrote:\n> It crashes.\n\nSo it does.\n\n${common}\n\n${signature}`;
    const posted = watch([fingerprint('ORBIT-2026-0022', { ...nothing, texts: [post] })]);
    expect(seenIn(asText(`Release 4.0 is out.\n\n${common}\n${signature}`), posted)).toEqual([]);
  });

  it('where it shows the code that a patch is for, and none of what the patch makes of it', () => {
    const before = SECRETS[0]?.patch.bytes
      .toString()
      .split('\n')
      .filter((line) => /^[- ]/.test(line))
      .map((line) => line.slice(1));
    expect(seenIn(asText((before ?? []).join('\n')))).toEqual([]);
  });
});

test('what is packed too tightly to be looked into hides nothing beside it, and is refused where nothing was found', () => {
  const bomb = zlib.gzipSync(Buffer.alloc(80 * 1024 * 1024));
  const [{ text, caseId }] = SECRETS as [(typeof SECRETS)[0]];
  const packed = zlib.gzipSync(text);
  const beside = mailOf({ content: [file('a.gz', bomb), file('b.gz', bomb), plain('x'), file('c.gz', packed)] });
  expect(seenIn(beside)).toEqual([`text of ${caseId} in packed file`]);
  expect(seenIn(mailOf({ content: [file('a.gz', bomb), plain(text)] }))).toEqual([`text of ${caseId} in text`]);
  expect(() => seenIn(mailOf({ content: [plain('x'), file('a.gz', bomb)] }))).toThrow(
    expect.objectContaining({ reason: 'too-complex' }),
  );
  let nested: Uint8Array = Buffer.from('x');
  for (let depth = 0; depth < 10; depth++) nested = zlib.gzipSync(nested);
  expect(() => seenIn(mailOf({ content: [plain('x'), file('a.gz', nested)] }))).toThrow(
    expect.objectContaining({ reason: 'too-complex' }),
  );
});

test.each<[string, (digits: string) => string]>([
  ['xxd -p', (digits) => digits.replaceAll(/.{60}/g, '$&\n')],
  ['in one line', (digits) => digits],
  ['xxd', (digits) => dumped(digits, 4, (at) => `${at}: `, '  ................')],
  ['hexdump -C, quoted', (digits) => `${dumped(digits, 2, (at) => `> ${at}  `, ' |................|')}\n> ${lastOf(digits)}`],
  ['xxd -c 8', (digits) => dumped(digits, 4, (at) => `${at}: `, '  ........', 8)],
  [
    'od -A x -t x1z',
    (digits) => `${dumped(digits, 2, (at) => `${at.slice(2)} `, '  >................<')}\n${lastOf(digits).slice(2)}`,
  ],
])('what is written in hexadecimal is read: %s', (_, write) => {
  const [{ text, caseId }] = SECRETS as [(typeof SECRETS)[0]];
  const pasted = `See:\n${write(Buffer.from(text).toString('hex'))}\n`;
  expect(seenIn(asText(pasted))).toEqual([`text of ${caseId} in pasted data`]);
});
/** Behind the last octet. */
const lastOf = (digits: string) => (digits.length / 2).toString(16).padStart(8, '0');
const dumped = (digits: string, group: number, lead: (at: string) => string, letters: string, width = 16) =>
  (digits.match(new RegExp(`.{1,${2 * width}}`, 'g')) ?? [])
    .map((line, at) => {
      const groups = (line.match(new RegExp(`.{1,${group}}`, 'g')) ?? []).join(' ');
      return `${lead((width * at).toString(16).padStart(8, '0'))}${groups}${letters}`;
    })
    .join('\n');

test.each<[string, (lines: string[]) => string]>([
  ['with an empty line after each', (lines) => lines.join('\n\n')],
  ['in a string of JSON', (lines) => JSON.stringify({ content: `${lines.join('\n')}\n` })],
])('what is written in base64 is read: %s', (_, write) => {
  const [{ text, caseId }] = SECRETS as [(typeof SECRETS)[0]];
  const lines =
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,60}/g) ?? [];
  expect(seenIn(asText(`See:\n${write(lines)}\n`))).toEqual([`text of ${caseId} in pasted data`]);
});

const RUSSIAN = `Планировщик выполняет задание с правами другого арендатора, если очередь переименована во время её опустошения.
Второе чтение следует по указателю, который заполнил арендатор, и работает с правами самого планировщика.
Отключение общего опустошения очередей разделяет ячейки до тех пор, пока не установлено обновление.
Злоумышленнику нужен только обычный счёт и около сорока секунд времени на стандартной установке.
`;
const CHINESE = `调度器在清空队列时，如果租户重命名该队列，就会两次读取已经释放的槽位表。第二次读取会跟随租户填写的指针，并以调度器本身的权限运行。
在更新到位之前，关闭共享清空功能可以将各个槽位彼此隔离。攻击者只需要一个普通账户，在标准安装上大约四十秒即可成功。
`;
test.each([
  ['Cyrillic', RUSSIAN],
  ['Chinese', CHINESE],
])('letters that are several octets each are read as they are pasted: %s', (_, text) => {
  const watched = watch([fingerprint('ORBIT-2026-0030', { ids: [], texts: [text], patches: [] })]);
  // Longer than what is looked at, which ends within a letter.
  const octets = Buffer.from(`x${text.repeat(4)}`);
  const written = [base64Lines(octets), octets.toString('hex').replaceAll(/.{60}/g, '$&\n'), quotedPrintable(octets)];
  const kinds = written.map((pasted) => embargoedIn(parseMessage(asText(pasted)), watched).map(({ kind }) => kind));
  expect(kinds).toEqual([['text'], ['text'], ['text']]);
});

test('what is packed with zstd is read where Node can', () => {
  const { zstdCompressSync: pack } = zlib as { zstdCompressSync?: (octets: string) => Uint8Array };
  const [{ text, caseId }] = SECRETS as [(typeof SECRETS)[0]];
  // RFC 8878 §3.1.1: one block of the text as it is, with its whole length in two octets.
  const length = Buffer.byteLength(text);
  const block = Buffer.from([((length << 3) | 1) & 255, (length >> 5) & 255, (length >> 13) & 255]);
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x60, (length - 256) & 255, (length - 256) >> 8]);
  const packed = pack?.(text) ?? Buffer.concat([head, block, Buffer.from(text)]);
  const seen = seenIn(mailOf({ content: [plain('x'), file('a.zst', packed)] }));
  expect(seen).toEqual([`text of ${caseId} in ${pack ? 'packed file' : 'file'}`]);
});

test('a fingerprint has no words of what it is of, and crosses to a thread as it is', () => {
  const [secret] = SECRETS as [(typeof SECRETS)[0]];
  const made = fingerprint(secret.caseId, embargoedOf(secret));
  expect(JSON.stringify(made)).not.toMatch(/session|ticket|evict|borrow|orbit-gateway/i);
  expect(seenIn(asText(secret.text), watch([structuredClone(made)]))).toEqual([`text of ${secret.caseId} in text`]);
});
