import { type Instant, newToken } from '../../clock.ts';
import {
  filePart,
  mailbox,
  multipart,
  protectedPayload,
  sealedMail,
  signedMail,
  signedPayload,
  type TrustedFields,
  textPart,
} from '../../mail/outgoing.ts';
import { sealTo, signDetached, signOnce } from '../../pgp/seal.ts';
import type { Person } from './cast.ts';

/** What somebody writes, and where to. */
export interface Letter {
  from: Person;
  to: string;
  subject: string;
  text: string;
  at: Instant;
}

function fieldsOf({ from, to, subject, at }: Letter): TrustedFields {
  return { from: mailbox(from.name, from.address), to, subject, date: at };
}

/** As a mail client sends it: PGP/MIME, signed and encrypted, the sender's certificate attached if wanted. */
export async function encryptedLetter(letter: Letter, certificate: Uint8Array, attachKey = false): Promise<Uint8Array> {
  const { from, text, at } = letter;
  const key = filePart('certificate.asc', 'application/pgp-keys', Buffer.from(from.key.armored));
  const content = attachKey ? multipart('mixed', [textPart(text), key]) : textPart(text);
  const fields = fieldsOf(letter);
  const signed = await signOnce(protectedPayload(fields, content), from.key.secret, at);
  return Buffer.concat(sealedMail(fields, messageId(from), [], await sealTo(signed, certificate, at)));
}

/** PGP/MIME, signed and in clear. */
export async function signedLetter(letter: Letter): Promise<Uint8Array> {
  const fields = fieldsOf(letter);
  const payload = signedPayload(fields, textPart(letter.text));
  return signedMail(fields, messageId(letter.from), [], payload, await signDetached(payload, letter.from.key.secret, letter.at));
}

function messageId({ address }: Person): string {
  return `<${newToken()}@${address.split('@')[1]}>`;
}
