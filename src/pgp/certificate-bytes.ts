import { Refusal } from '../refusal.ts';
import { type Packet, packetsOf } from './packets.ts';

/** Bytes, armored or not. A certificate of an ordinary person has 1 to 20 KiB. */
const MOST_BYTES = 1024 * 1024;
/** CVE-2019-13050: 50,000 signatures keep the parser busy for 14 s. */
const MOST_PACKETS = 1_000;
/** RSA-16384 has 2 KiB. A longer modulus is there to make somebody calculate with it. */
const MOST_KEY_BYTES = 4 * 1024;

/** Packet type ids, RFC 9580 §5. */
const SECRET_KEYS = new Set([5, 7]);
const PRIMARY = 6;
const KEYS = new Set([6, 14]);

const MINIMAL = 'export it with `gpg --armor --export-options export-minimal --export ADDRESS`';

export function refused(hint: string): Refusal {
  return new Refusal('unusable-certificate', hint);
}

/**
 * The bytes of exactly one transferable public key (RFC 9580 §10.1), armored or binary, whose size is held by its framing alone.
 * @throws Refusal `unusable-certificate` saying what was sent instead and what to send.
 */
export function certificateBytes(input: Uint8Array | string): Uint8Array {
  if (input.length > MOST_BYTES) throw refused(`The certificate is larger than 1 MiB: ${MINIMAL}`);
  const data = typeof input === 'string' ? dearmored(input) : binary(input);
  let primaries = 0;
  let count = 0;
  for (const packet of framed(data)) {
    if (++count > MOST_PACKETS) throw refused(`The certificate has more than ${MOST_PACKETS} packets: ${MINIMAL}`);
    if (SECRET_KEYS.has(packet.tag)) throw refused(secretKey);
    if (packet.tag === PRIMARY) primaries++;
    if (KEYS.has(packet.tag) && packet.end - packet.body > MOST_KEY_BYTES)
      throw refused('A key of the certificate is too long to be used');
  }
  if (primaries === 0) throw refused(noCertificate);
  if (primaries > 1) throw refused(several);
  return data;
}

const secretKey =
  'That is a secret key: it must never be given away. Send the public part (`gpg --armor --export ADDRESS`), and replace this key';
const noCertificate = 'There is no OpenPGP certificate in it. Send the public key (`gpg --armor --export ADDRESS`)';
const several = 'There are several certificates in it. Send each one alone';

function* framed(data: Uint8Array): Generator<Packet> {
  try {
    yield* packetsOf(data);
  } catch {
    throw refused('The certificate is damaged or cut off. Export and send it again');
  }
}

/** The first bit of a binary packet is set (RFC 9580 §4.2), that of armored text is not. */
function binary(input: Uint8Array): Uint8Array {
  return ((input[0] ?? 0) & 0x80) === 0 ? dearmored(Buffer.from(input).toString('latin1')) : input;
}

const BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const END = '-----END PGP PUBLIC KEY BLOCK-----';

/** RFC 9580 §6.2. The checksum is not looked at (§6.1): the signatures say more. */
function dearmored(text: string): Uint8Array {
  if (text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----')) throw refused(secretKey);
  const begin = text.indexOf(BEGIN);
  if (begin < 0) throw refused(noCertificate);
  if (text.includes(BEGIN, begin + BEGIN.length)) throw refused(several);
  const end = text.indexOf(END, begin);
  if (end < 0) throw refused('The certificate is cut off: its END line is missing');
  const lines = text.slice(begin + BEGIN.length, end).split('\n');
  // A colon is in armor headers only, a leading `=` before the checksum only.
  return Buffer.from(lines.filter((line) => !line.includes(':') && !line.startsWith('=')).join(''), 'base64');
}
