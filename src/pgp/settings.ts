/**
 * The one place where OpenPGP.js is configured. Everything under pgp/ takes `openpgp` from here and never from the package,
 * so that no call can run on the package's defaults, which are those of a browser and not of a server that opens strangers' mail.
 * A setting on which safety depends is said here even where it is the default of today.
 */
import * as openpgp from 'openpgp';
import type { Instant } from '../clock.ts';

export { openpgp };

const { hash, publicKey, curve, compression, symmetric, aead, s2k } = openpgp.enums;
const MEBIBYTE = 1024 * 1024;

const settings: openpgp.PartialConfig = {
  // What a stranger may make this process spend.
  /** Bytes; the default is infinite. Mail is at most 25 MiB, and no honest mail of that size grows past this. */
  maxDecompressedMessageSize: 64 * MEBIBYTE,
  /** 2^16 KiB = 64 MiB; the default is 1 TiB. Only secret keys brought along use Argon2 here: list keys do not, mail by password is not opened. */
  maxArgon2MemoryExponent: 16,
  /** Characters; GnuPG's own limit. */
  maxUserIDLength: 2048,

  // Nothing is shown that was not authenticated (EFAIL, CVE-2017-17688).
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  /** One message, one literal, as many signatures as announced (CVE-2025-47934). */
  enforceGrammar: true,
  additionalAllowedPackets: [],
  /** What follows a packet of a future version (a post-quantum subkey, a second recipient) stays usable ... */
  ignoreUnsupportedPackets: true,
  /** ... a damaged packet does not: what follows it cannot be attributed. */
  ignoreMalformedPackets: false,
  /** v5 was never a standard; it would only be more to parse. */
  enableParsingV5Entities: false,
  parseAEADEncryptedV4KeysAsLegacy: false,

  // Which keys may do what.
  /** A key that signs must not decrypt: one could be made to do the other's work. */
  allowInsecureDecryptionWithSigningKeys: false,
  /** A signature counts only where its key was valid at that moment, not where it is valid today. */
  allowInsecureVerificationWithReformattedKeys: false,
  /**
   * A key that does not say what it is for is used for nothing, but for what old ones without flags were always used for: a subkey
   * to encrypt to (recipient.ts), the primary key to sign (verify.ts). Ours to sign and to decrypt with say it.
   */
  allowMissingKeyFlags: false,
  /** Not 2048: old OpenPGP.js (Mailvelope, Proton) made RSA moduli of 2047 bits that are no weaker. */
  minRSABits: 2047,
  /** DSA is mostly 1024 bits with SHA-1; ElGamal in OpenPGP was broken across implementations (CVE-2021-40528). */
  rejectPublicKeyAlgorithms: new Set([publicKey.elgamal, publicKey.dsa]),
  /** Not in RFC 9580, and unknown to most recipients. */
  rejectCurves: new Set([curve.secp256k1]),
  /** P-256 and up where the platform lacks them. */
  useEllipticFallback: true,

  // Which hashes may be believed.
  /**
   * SHA-1 is not here: a revocation made with it would be ignored as well, and the revoked key used. Self-signatures by SHA-1
   * are refused in certificate.ts (`weak`) instead, where the two can be told apart.
   */
  rejectHashAlgorithms: new Set([hash.md5, hash.ripemd]),
  /** SHAttered: whoever can get a message signed can get another one signed too. */
  rejectMessageHashAlgorithms: new Set([hash.md5, hash.ripemd, hash.sha1]),

  /** List keys may be RSA (brought along), mail is opened without a person, and its sender sees the time that the reply takes (Bleichenbacher). */
  constantTimePKCS1Decryption: true,
  constantTimePKCS1DecryptionSupportedSymmetricAlgorithms: new Set([symmetric.aes128, symmetric.aes192, symmetric.aes256]),

  // What is written.
  /** No size oracle over what a reporter and the team write together, no bomb at the recipient's, and faster. */
  preferredCompressionAlgorithm: compression.uncompressed,
  preferredSymmetricAlgorithm: symmetric.aes256,
  preferredHashAlgorithm: hash.sha512,
  /** List keys do not ask for AEAD: GnuPG 2.2 cannot write RFC 9580's, and who can may choose OCB, which is JavaScript here (5 MB/s). */
  aeadProtect: false,
  /** Native, for recipients who ask for AEAD. */
  preferredAEADAlgorithm: aead.gcm,
  v6Keys: false,
  /** A random salt in each signature: a bit flip while signing must not give the Ed25519 key away. */
  nonDeterministicSignaturesViaNotation: true,
  passwordCollisionCheck: false,
  /** Mail does not tell what software and which version of it to attack. */
  showVersion: false,
  showComment: false,
  /** Stored list keys: iterated, because GnuPG 2.2 must be able to import them in an emergency; 65 MB hashed a guess, the most there is. */
  s2kType: s2k.iterated,
  s2kIterationCountByte: 255,
};

Object.assign(openpgp.config, settings);
Object.freeze(openpgp.config);

/** OpenPGP counts in whole seconds; every call is given the caller's instant, none asks the machine for the time. */
export function dateAt(instant: Instant): Date {
  return new Date(instant);
}
