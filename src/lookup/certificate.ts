import { createHash } from 'node:crypto';
import { splitAddress } from '../mail/address.ts';
import { Refusal } from '../refusal.ts';
import { type Fetched, fetchGuarded, type NotFetched, type Outside } from './guarded.ts';

/** Where certificates may be looked up; nothing is, unless the configuration says so. */
export interface Sources {
  /** In the Web Key Directory of the address's own domain. */
  wkd: boolean;
  /** `https://keys.example`: a key server that is asked by address (draft-gallagher-openpgp-hkp). */
  keyserver: string | null;
}

export type Source = 'wkd' | 'keyserver';

/** z-base-32 (RFC 6189 §5.1.6). */
const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

function zBase32(bytes: Uint8Array): string {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const length = Math.ceil((bytes.length * 8) / 5);
  bits <<= BigInt(length * 5 - bytes.length * 8);
  return Array.from({ length }, (_, at) => ALPHABET[Number((bits >> BigInt(5 * (length - 1 - at))) & 31n)]).join('');
}

/** How a directory names the certificate of that local part (draft-koch-openpgp-webkey-service §3.1). */
export function wkdHash(local: string): string {
  return zBase32(createHash('sha1').update(local.toLowerCase()).digest());
}

/** The two places of an address, the advanced one first (draft-koch-openpgp-webkey-service §3.1). SHA-1 is what the directory is by. */
export function wkdUrls(address: string): URL[] {
  const { local, domain } = splitAddress(address);
  const tail = `hu/${wkdHash(local)}?l=${encodeURIComponent(local)}`;
  return [
    new URL(`https://openpgpkey.${domain}/.well-known/openpgpkey/${domain}/${tail}`),
    new URL(`https://${domain}/.well-known/openpgpkey/${tail}`),
  ];
}

function keyserverUrl(keyserver: string, address: string): URL {
  return new URL(`/pks/lookup?op=get&options=mr&search=${encodeURIComponent(address)}`, keyserver);
}

/**
 * Looks the certificate of an address up, as it is there: nobody has read it yet, and nothing says that it is his.
 * Throws Refusal: forbidden where that source is off; not-found where nothing came, saying why.
 */
export async function lookUp(address: string, source: Source, sources: Sources, outside: Outside): Promise<Uint8Array> {
  const off = source === 'wkd' ? !sources.wkd : sources.keyserver === null;
  if (off) throw new Refusal('forbidden', `Looking certificates up by ${source} is off: keyLookup in the configuration`);
  const urls = source === 'wkd' ? wkdUrls(address) : [keyserverUrl(sources.keyserver ?? '', address)];
  let last: Fetched = { failed: 'not-found' };
  for (const url of urls) {
    last = await fetchGuarded(url, outside);
    if ('bytes' in last) return last.bytes;
  }
  throw new Refusal('not-found', `No certificate of ${address} came from there: ${WHY[last.failed]}`);
}

const WHY: Readonly<Record<NotFetched, string>> = {
  'not-found': 'there is none',
  'not-https': 'it is no https address',
  'private-address': 'the name leads to an address that is not public',
  redirected: 'it leads elsewhere, and is not followed',
  'too-large': 'what came is larger than any certificate',
  'too-slow': 'it took too long',
  unreachable: 'it cannot be reached, or does not answer as it should',
};
