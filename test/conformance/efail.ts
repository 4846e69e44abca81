import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sha256 } from '../../src/embargo/bundle.ts';
import { type Case, type Expected, filesIn, mailIn } from './cases.ts';

/** All that anybody is allowed to see of a cleartext-signed one: what its signature covers. */
const SIGNED = 'line one';
/** SOURCE.txt: these may show their signed text. All the others are refused or show nothing more than that. */
const FINE = /^(ok-seipdv1\.pgp|csf-(plain|trailspace|nohash)\.asc)$/;

const WRAPS = ['PGP/MIME', 'inline', 'attachment'] as const;
type Wrap = (typeof WRAPS)[number];

/** Each message as PGP/MIME, as armor in a text, and as a file. */
export function efail(dir: string): Case[] {
  const secret = new Uint8Array(readFileSync(join(dir, 'gen-sec.pgp')));
  const known = [readFileSync(join(dir, 'gen-pub.asc'))];
  const files = filesIn(dir, /\.(pgp|asc)$/).filter((name) => !name.startsWith('gen-'));
  return files.flatMap((file) =>
    WRAPS.map((wrap): Case => {
      const bytes = file.endsWith('.asc') ? mailIn(join(dir, file)) : readFileSync(join(dir, file));
      return {
        corpus: 'efail-and-bombs',
        file: `${file} as ${wrap}`,
        class: FINE.test(file) ? 'sound' : file.startsWith('csf') ? 'cleartext trick' : 'tampered',
        raw: wrapped(file, bytes, wrap),
        sender: 'gen@x.test',
        secret,
        known,
        expected: expectedOf(file, bytes, wrap),
      };
    }),
  );
}

function expectedOf(file: string, bytes: Uint8Array, wrap: Wrap): Expected {
  const cleartext = file.startsWith('csf');
  // A signed text is none of an encrypted message, and as a file it is a file.
  if (cleartext && wrap === 'PGP/MIME') return { outcome: ['refused'], reason: 'cannot-open' };
  if (cleartext && wrap === 'attachment')
    return {
      outcome: ['distributed'],
      signer: null,
      onlyText: ['See the file.'],
      files: [{ name: file, sha256: sha256(bytes) }],
    };
  if (FINE.test(file)) return { outcome: ['distributed'], ...(cleartext ? { onlyText: [SIGNED] } : {}) };
  if (cleartext) return { outcome: ['distributed', 'refused'], onlyText: [SIGNED] };
  return { outcome: ['refused'], reason: 'cannot-open' };
}

function wrapped(file: string, bytes: Uint8Array, wrap: Wrap): Uint8Array {
  const armored = file.endsWith('.asc') ? Buffer.from(bytes).toString('latin1') : armor(bytes);
  const mail = (...lines: string[]) =>
    Buffer.from(['From: gen@x.test', 'Subject: x', 'MIME-Version: 1.0', ...lines, ''].join('\r\n'), 'latin1');
  if (wrap === 'inline') return mail('Content-Type: text/plain', '', armored);
  if (wrap === 'attachment')
    return mail(
      'Content-Type: multipart/mixed; boundary=m',
      '',
      ...['--m', 'Content-Type: text/plain', '', 'See the file.', '--m'],
      `Content-Type: application/octet-stream; name="${basename(file)}"`,
      'Content-Disposition: attachment',
      'Content-Transfer-Encoding: base64',
      '',
      base64(bytes),
      '--m--',
    );
  return mail(
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
    '',
    ...['--e', 'Content-Type: application/pgp-encrypted', '', 'Version: 1', '--e'],
    ...['Content-Type: application/octet-stream', '', armored, '--e--'],
  );
}

function armor(bytes: Uint8Array): string {
  return ['-----BEGIN PGP MESSAGE-----', '', base64(bytes), '-----END PGP MESSAGE-----'].join('\r\n');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('base64')
    .replace(/.{76}(?=.)/g, '$&\r\n');
}
