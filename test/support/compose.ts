import { randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import { type Instant, systemClock, toIso } from '../../src/clock.ts';
import type { Party } from './party.ts';

export interface Letter {
  from: Pick<Party, 'address' | 'name'>;
  to: string;
  /** The outer subject, and the protected one unless `outerSubject` is given. ASCII. */
  subject: string;
  outerSubject?: string;
  text: string;
  /** Of the text; `text/plain` unless told. */
  type?: string;
  /** Of the text, as `; format=flowed`. */
  parameters?: string;
  attachments?: readonly { name: string; type?: string; data: Uint8Array }[];
  /** When it is dated and signed; the machine's now unless told. */
  at?: Instant;
  /** Further header lines, without line ends. */
  headers?: readonly string[];
}

export interface Sealing {
  /** Armored certificates. */
  recipients: readonly string[];
  /** Signs inside of the encryption; nobody unless told. */
  signer?: Party;
}

/** Everything here gives a whole mail (RFC 5322), CRLF at every line end. */
export async function encryptedMail(letter: Letter, sealing: Sealing): Promise<Buffer> {
  return pgpMimeMail(letter, await seal(Buffer.from(entity(letter, true)), letter, sealing));
}

/** The envelope of RFC 3156 §4 around what any program encrypted: an entity that `entity` gave. */
export function pgpMimeMail(letter: Letter, armored: string): Buffer {
  const boundary = `pgp-${randomBytes(6).toString('hex')}`;
  return mail(letter, `multipart/encrypted; protocol="application/pgp-encrypted"; boundary="${boundary}"`, [
    `--${boundary}`,
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '',
    `--${boundary}`,
    'Content-Type: application/octet-stream; name="encrypted.asc"',
    '',
    armored,
    `--${boundary}--`,
  ]);
}

/** multipart/signed, detached signature over the canonical part (RFC 3156 §5). */
export async function signedMail(letter: Letter, signer: Party): Promise<Buffer> {
  const part = entity(letter, true);
  const signature = await openpgp.sign({
    message: await openpgp.createMessage({ binary: Buffer.from(part) }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: signer.secret }),
    detached: true,
    date: dateOf(letter),
    config: { preferredHashAlgorithm: openpgp.enums.hash.sha512 },
  });
  const boundary = `sig-${randomBytes(6).toString('hex')}`;
  const type = `multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="${boundary}"`;
  const signaturePart = ['Content-Type: application/pgp-signature; name="signature.asc"', '', signature];
  return mail(letter, type, [`--${boundary}`, part, `--${boundary}`, ...signaturePart, `--${boundary}--`]);
}

/** The armor as the text of an ordinary mail; attachments are left out. */
export async function inlineMail(letter: Letter, sealing: Sealing): Promise<Buffer> {
  return armoredMail(letter, await seal(Buffer.from(crlf(letter.text)), letter, sealing));
}

/** What any program encrypted or signed in clear, as the text of an ordinary mail. */
export function armoredMail(letter: Letter, armored: string): Buffer {
  return mail(letter, 'text/plain; charset=utf-8', [armored]);
}

/** The text between a cleartext signature's lines (RFC 9580 §7). */
export async function cleartextSignedMail(letter: Letter, signer: Party): Promise<Buffer> {
  const signed = await openpgp.sign({
    message: await openpgp.createCleartextMessage({ text: letter.text }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: signer.secret }),
    date: dateOf(letter),
  });
  return armoredMail(letter, signed);
}

export function clearMail(letter: Letter): Buffer {
  const [type, ...rest] = entity(letter, false).split('\r\n');
  return mail(letter, type?.replace('Content-Type: ', '') ?? '', rest.slice(rest.indexOf('') + 1));
}

async function seal(content: Buffer, letter: Letter, { recipients, signer }: Sealing): Promise<string> {
  const message = await openpgp.createMessage({ binary: content });
  const encryptionKeys = await Promise.all(recipients.map((armoredKey) => openpgp.readKey({ armoredKey })));
  const signingKeys = signer ? [await openpgp.readPrivateKey({ armoredKey: signer.secret })] : [];
  return openpgp.encrypt({ message, encryptionKeys, signingKeys, date: dateOf(letter) });
}

/** The MIME entity without a line end after it; with `protect` its headers carry the real subject (RFC 9788). */
export function entity(letter: Letter, protect: boolean): string {
  const hp = protect ? [`Subject: ${letter.subject}`, `From: ${mailbox(letter.from)}`, `To: ${letter.to}`] : [];
  const mark = `${letter.parameters ?? ''}${protect ? '; hp="cipher"' : ''}`;
  const text = ['Content-Transfer-Encoding: 8bit', '', crlf(letter.text)];
  if (!letter.attachments?.length)
    return [`Content-Type: ${letter.type ?? 'text/plain'}; charset=utf-8${mark}`, ...hp, ...text].join('\r\n');
  const boundary = `mix-${randomBytes(6).toString('hex')}`;
  const parts = letter.attachments.flatMap(({ name, type = 'application/octet-stream', data }) => [
    `--${boundary}`,
    `Content-Type: ${type}; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(data)
      .toString('base64')
      .replaceAll(/.{76}(?=.)/g, '$&\r\n'),
  ]);
  const first = [`--${boundary}`, 'Content-Type: text/plain; charset=utf-8', ...text];
  const top = [`Content-Type: multipart/mixed; boundary="${boundary}"${mark}`, ...hp, ''];
  return [...top, ...first, ...parts, `--${boundary}--`].join('\r\n');
}

function mail(letter: Letter, contentType: string, body: readonly string[]): Buffer {
  const lines = [
    `From: ${mailbox(letter.from)}`,
    `To: ${letter.to}`,
    `Subject: ${letter.outerSubject ?? letter.subject}`,
    `Date: ${dateOf(letter).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${toIso(dateOf(letter).getTime()).replaceAll(/\D/g, '')}.${randomBytes(8).toString('hex')}@${letter.from.address.split('@')[1]}>`,
    ...(letter.headers ?? []),
    'MIME-Version: 1.0',
    `Content-Type: ${contentType}`,
    ...(contentType.startsWith('text/') ? ['Content-Transfer-Encoding: 8bit'] : []),
    '',
    ...body.map(crlf),
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}

function mailbox({ name, address }: Letter['from']): string {
  return `"${name}" <${address}>`;
}

function dateOf({ at }: Letter): Date {
  return new Date(at ?? systemClock.now());
}

function crlf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n');
}
