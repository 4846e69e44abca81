import { dearmor } from '../mail/armor.ts';
import { packetsOf } from './packets.ts';

/** The first packet, those that may follow it, and the marks of its armor. Markers and padding say nothing. */
const KINDS = {
  /** RFC 9580 §10.1, with GnuPG's trust packets. */
  certificate: { first: 6, others: new Set([2, 6, 10, 12, 13, 14, 17, 21]), mark: 'PUBLIC KEY BLOCK' },
  /** RFC 9580 §10.4. */
  signature: { first: 2, others: new Set([2, 10, 21]), mark: 'SIGNATURE' },
} as const;

/** Octets of a file that is looked at. */
const LARGEST = 1024 * 1024;

/**
 * Whether a file is certificates, or signatures, and nothing else: no words stand with their armor or in it, and no other data with
 * their packets.
 */
export function isNothingBut(kind: keyof typeof KINDS, file: Uint8Array): boolean {
  if (file.length > LARGEST) return false;
  const { first, others, mark } = KINDS[kind];
  try {
    return binariesOf(file, mark).every((data) => {
      const tags = [...packetsOf(data)].map(({ tag }) => tag);
      return tags[0] === first && tags.every((tag) => others.has(tag));
    });
  } catch {
    return false;
  }
}

/** The blocks of an armored file, or the file. Throws where they are damaged, or something stands around them. */
function binariesOf(file: Uint8Array, mark: string): Uint8Array[] {
  if (((file[0] ?? 0) & 0x80) !== 0) return [file];
  const end = `-----END PGP ${mark}-----`;
  const blocks = Buffer.from(file)
    .toString('latin1')
    .split(end)
    .map((block) => block.trim());
  const isArmor = blocks.pop() === '' && blocks.length > 0;
  if (!isArmor || blocks.some((block) => block.split('\n', 1)[0]?.trim() !== `-----BEGIN PGP ${mark}-----`))
    throw new Error('it is more than armor');
  return blocks.map((block) => dearmor(`${block}\n${end}`));
}
