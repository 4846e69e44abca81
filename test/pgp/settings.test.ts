import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openpgp } from '../../src/pgp/settings.ts';

const { config, enums } = openpgp;

test('nothing unauthenticated is let through, and decompression and Argon2 are capped', () => {
  expect(config).toMatchObject({
    allowUnauthenticatedMessages: false,
    allowUnauthenticatedStream: false,
    enforceGrammar: true,
    allowInsecureDecryptionWithSigningKeys: false,
    constantTimePKCS1Decryption: true,
    maxDecompressedMessageSize: 64 * 1024 * 1024,
    maxArgon2MemoryExponent: 16,
  });
  expect(config.rejectMessageHashAlgorithms).toContain(enums.hash.sha1);
});

test('the settings cannot be changed by whoever comes later', () => {
  expect(() => {
    config.allowUnauthenticatedMessages = true;
  }).toThrow(TypeError);
});

test('every setting of the installed OpenPGP.js is one that was known when these were chosen', () => {
  const known = [...readFileSync(new URL('../../src/pgp/settings.ts', import.meta.url), 'utf8').matchAll(/^ {2}(\w+):/gm)].map(
    ([, name]) => name,
  );
  const left = ['aeadChunkSizeByte', 'commentString', 'knownNotations', 's2kArgon2Params', 'versionString'];
  expect(Object.keys(config).sort()).toEqual([...known, ...left].sort());
});

test('a message that decompresses past the cap is refused', { timeout: 20_000 }, async () => {
  const message = await openpgp.createMessage({ binary: new Uint8Array(65 * 1024 * 1024) });
  const bomb = await openpgp.encrypt({
    message,
    passwords: 'x',
    format: 'binary',
    config: { preferredCompressionAlgorithm: enums.compression.zlib },
  });
  expect(bomb.length).toBeLessThan(200_000);
  const opening = openpgp.decrypt({
    message: await openpgp.readMessage({ binaryMessage: bomb }),
    passwords: 'x',
    format: 'binary',
  });
  await expect(opening).rejects.toThrow('Maximum decompressed message size exceeded');
});

test('only settings.ts imports the package itself', () => {
  const src = new URL('../../src', import.meta.url).pathname;
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const importers = files.filter((name) => /^import (?!type\b).*from 'openpgp'/m.test(readFileSync(join(src, name), 'utf8')));
  expect(importers).toEqual(['pgp/settings.ts']);
});
