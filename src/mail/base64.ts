const PADDING = 61;
/** The value of a letter by its octet (RFC 4648 §4). */
export const BASE64 = valuesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

function valuesOf(letters: string): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, octet) => {
    const value = letters.indexOf(String.fromCharCode(octet));
    return value < 0 ? undefined : value;
  });
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
  for (const letter of text) {
    if (letter === PADDING) held = 0;
    const value = BASE64[letter];
    if (value === undefined) continue;
    bits = ((bits & 0xff) << 6) | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    octets[length++] = bits >> held;
  }
  return octets.subarray(0, length);
}
