import { decodedBody, type Entity, entityText, isAttachment, leaves } from './message.ts';

/**
 * What a mail, or what came out of a layer of it, is, seen from outside before anything is decrypted.
 * `whole` says whether the layer holds everything that a reader would see.
 */
export type Layer =
  | { form: 'pgp-mime'; ciphertext: Uint8Array; whole: true }
  | { form: 'inline'; ciphertext: Uint8Array; whole: boolean; part: Entity }
  | { form: 'signed-mime'; signed: Entity; signature: Uint8Array; whole: true }
  | { form: 'cleartext-signed'; text: string; whole: boolean; part: Entity }
  | { form: 'clear' };

/** The head and tail lines of armored blocks (RFC 9580 §6.2, §7). */
const MESSAGE = ['-----BEGIN PGP MESSAGE-----', '-----END PGP MESSAGE-----'] as const;
const CLEARSIGNED = ['-----BEGIN PGP SIGNED MESSAGE-----', '-----END PGP SIGNATURE-----'] as const;

/** The first such block of a text, found in one pass: a pattern would look for the tail anew from every head. */
function blockIn(text: string, [head, tail]: readonly [string, string]): { start: number; block: string } | undefined {
  const start = text.indexOf(head);
  const end = start < 0 ? -1 : text.indexOf(tail, start);
  return end < 0 ? undefined : { start, block: text.slice(start, end + tail.length) };
}

/** Recognises the outermost OpenPGP layer (RFC 3156, RFC 9580 §7). A pure look: nothing is decrypted or verified. */
export function recognise(entity: Entity): Layer {
  return pgpMimeEncrypted(entity) ?? pgpMimeSigned(entity) ?? inText(entity) ?? { form: 'clear' };
}

/** RFC 3156 §4: exactly two parts, `Version: 1` and the message. The protocol parameter is often lost on the way. */
function pgpMimeEncrypted(entity: Entity): Layer | undefined {
  const [control, data] = entity.parts;
  if (entity.mediaType !== 'multipart/encrypted' || !control || !data) return undefined;
  if (control.mediaType !== 'application/pgp-encrypted') return undefined;
  return { form: 'pgp-mime', ciphertext: decodedBody(data), whole: true };
}

/** RFC 3156 §5: the first part as it stands is what was signed. */
function pgpMimeSigned(entity: Entity): Layer | undefined {
  const [signed, signature] = entity.parts;
  if (entity.mediaType !== 'multipart/signed' || !signed || !signature || entity.parts.length !== 2) return undefined;
  if (signature.mediaType !== 'application/pgp-signature') return undefined;
  return { form: 'signed-mime', signed, signature: decodedBody(signature), whole: true };
}

/** Armor in the first text part. It is the whole only if no other text and no other part stands around it. */
function inText(entity: Entity): Layer | undefined {
  const parts = leaves(entity);
  const part = parts.find((leaf) => leaf.mediaType === 'text/plain' && !isAttachment(leaf));
  if (!part) return undefined;
  const text = entityText(part).replaceAll('\u00a0', ' ');
  const message = blockIn(text, MESSAGE);
  const signed = blockIn(text, CLEARSIGNED);
  const found = message && (!signed || message.start < signed.start) ? message : signed;
  if (!found) return undefined;
  const { start, block } = found;
  const around = text.slice(0, start).trim() + text.slice(start + block.length).trim();
  const whole = parts.length === 1 && around === '';
  return found === message
    ? { form: 'inline', ciphertext: Buffer.from(block, 'latin1'), whole, part }
    : { form: 'cleartext-signed', text: block, whole, part };
}

/** Certificates that came with the mail: `application/pgp-keys` parts, and the Autocrypt header field of its sender. */
export function offeredCertificates(entity: Entity): Uint8Array[] {
  const attached = leaves(entity)
    .filter((leaf) => leaf.mediaType === 'application/pgp-keys')
    .map(decodedBody);
  const autocrypt = entity.fields
    .filter((field) => field.name.toLowerCase() === 'autocrypt')
    .flatMap((field) => field.value.split(/;\s*keydata=/, 2)[1] ?? [])
    .map((data) => Buffer.from(data, 'base64'));
  return [...attached, ...autocrypt];
}
