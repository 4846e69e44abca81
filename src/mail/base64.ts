const PADDING = 61;
/** The value of a letter by its octet (RFC 4648 §4); -1 for what is none. */
export const BASE64 = valuesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

function valuesOf(letters: string): Int8Array {
  return Int8Array.from({ length: 256 }, (_, octet) => letters.indexOf(String.fromCharCode(octet)));
}

/** Padding ends a piece (RFC 2045 §6.8), and clients read on, however many there are: what they show is read here, too. */
export function fromBase64(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length);
  const end = text.indexOf('=');
  if (end < 0 || !/[A-Za-z0-9+/]/.test(text.toString('latin1', end))) return Buffer.from(text.toString('latin1'), 'base64');
  const octets = Buffer.allocUnsafe(text.length);
  let length = 0;
  let bits = 0;
  let held = 0;
  // By index: the iterator of a Buffer takes several times as long, and this may be all of a large mail.
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? 0;
    if (letter === PADDING) held = 0;
    const value = BASE64[letter] ?? -1;
    if (value < 0) continue;
    bits = ((bits & 0xff) << 6) | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    octets[length++] = bits >> held;
  }
  return octets.subarray(0, length);
}
