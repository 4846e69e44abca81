import type { Direction } from './measure.ts';

/** Cells that are not ok, and why that is as it should be, or nothing that Curfew could mend. */
export interface Exception {
  kinds: readonly string[] | 'all';
  programs: readonly string[] | 'all';
  directions: readonly Direction[];
  /** `cannot` is the program's own doing, and a version that can is welcome; what is `refused` must stay so. */
  outcome: 'cannot' | 'refused';
  /** What is said then, by the program or by Curfew. */
  says: RegExp;
  because: string;
}

const COPY: readonly Direction[] = ['copy'];
const CLEARTEXT: readonly Direction[] = ['cleartext-signed', 'cleartext-signed, with "-- "'];
const TO_CURFEW: readonly Direction[] = ['PGP/MIME', 'inline', 'multipart/signed', ...CLEARTEXT, 'AEAD'];
const EVERY: readonly Direction[] = [...TO_CURFEW, ...COPY];

const BRAINPOOL = ['Brainpool P-256', 'Brainpool P-384', 'Brainpool P-512'];
const RFC_9580 = ['Ed25519, X25519 of RFC 9580, v4', 'Ed25519, X25519, v6'];
const UNFLAGGED = ['RSA-2048, no key flags'];
const STRICT = ['sq', 'sqop', 'pgpainless-cli'];
/** Sequoia's and PGPainless's words for a key that they do not sign with. */
const NO_SIGNING_KEY = /Found no suitable key|Key not signing-capable|cannot sign\.|does not have valid, signing capable subkeys/;
/** And for one that they do not decrypt with. */
const NO_DECRYPTION_KEY = /No key to decrypt message|Unable to decrypt|Message could not be decrypted/;

/** The first that fits counts. */
export const exceptions: readonly Exception[] = [
  {
    kinds: ['DSA, ElGamal', 'RSA-1024', 'RSA-2048, SHA-1'],
    programs: 'all',
    directions: COPY,
    outcome: 'refused',
    says: /^unusable-certificate: weak$/,
    because: 'Curfew does not encrypt to ElGamal, to RSA of less than 2047 bits, or to a subkey that is bound by SHA-1 alone.',
  },
  {
    kinds: ['DSA, ElGamal'],
    programs: 'all',
    directions: TO_CURFEW,
    outcome: 'refused',
    says: /^signature: weak$/,
    because: 'The mail opens; Curfew credits signatures by DSA, and by RSA of less than 2047 bits, to nobody.',
  },
  {
    kinds: ['RSA-1024'],
    programs: ['gpg', 'rnp', 'gosop'],
    directions: TO_CURFEW,
    outcome: 'refused',
    says: /^signature: weak$/,
    because: 'The mail opens; Curfew credits signatures by DSA, and by RSA of less than 2047 bits, to nobody.',
  },
  {
    kinds: ['RSA-1024', 'RSA-2048, SHA-1'],
    programs: STRICT,
    directions: TO_CURFEW,
    outcome: 'cannot',
    says: NO_SIGNING_KEY,
    because: 'It does not sign with such a key either.',
  },
  {
    kinds: ['RSA-2048, SHA-1'],
    programs: ['rnp'],
    directions: TO_CURFEW,
    outcome: 'cannot',
    says: /Insecure hash algorithm 2/,
    because: 'It does not sign with such a key either.',
  },
  {
    kinds: UNFLAGGED,
    programs: ['gpg'],
    directions: TO_CURFEW,
    outcome: 'refused',
    says: /^signature: no-certificate$/,
    because:
      'GnuPG signs with the RSA subkey, which it takes for a signing one. Curfew credits nobody with that: the subkey has made no signature over the primary key (RFC 9580 §5.2.1.8), so that it might be anybody’s. `gpg --local-user FINGERPRINT!` signs with the primary key.',
  },
  {
    kinds: UNFLAGGED,
    programs: STRICT,
    directions: TO_CURFEW,
    outcome: 'cannot',
    says: NO_SIGNING_KEY,
    because: 'It uses a key without flags for nothing.',
  },
  {
    kinds: UNFLAGGED,
    programs: STRICT,
    directions: COPY,
    outcome: 'cannot',
    says: NO_DECRYPTION_KEY,
    because: 'It uses a key without flags for nothing.',
  },
  {
    kinds: RFC_9580,
    programs: 'all',
    directions: EVERY,
    outcome: 'cannot',
    says: /secret key info missing|unknown version 6|Unsupported primary key|Invalid data type|unknown key algorithm: 27|wrong key packet version|first packet was not a public\/private key|unknown PGP public key algorithm encountered: 27/,
    because: 'It is older than RFC 9580, and does not read such a key.',
  },
  {
    kinds: BRAINPOOL,
    programs: ['sq', 'sqop'],
    directions: TO_CURFEW,
    outcome: 'cannot',
    says: NO_SIGNING_KEY,
    because: 'Nettle, with which Debian builds Sequoia, has no Brainpool curves.',
  },
  {
    kinds: BRAINPOOL,
    programs: ['sq', 'sqop'],
    directions: COPY,
    outcome: 'cannot',
    says: NO_DECRYPTION_KEY,
    because: 'Nettle, with which Debian builds Sequoia, has no Brainpool curves.',
  },
  {
    kinds: 'all',
    programs: ['gosop'],
    directions: CLEARTEXT,
    outcome: 'cannot',
    says: /Unsupported subcommand/,
    because: 'It has no cleartext signatures.',
  },
  {
    kinds: 'all',
    programs: ['pgpainless-cli'],
    directions: ['cleartext-signed, with "-- "'],
    outcome: 'refused',
    says: /^malformed-mail: The signed text was changed/,
    because: 'It signs blanks at the end of a line, against RFC 9580 §7.2; GnuPG and Sequoia call that signature bad as well.',
  },
  {
    kinds: 'all',
    programs: ['gpg', 'sq', 'sqop', 'gosop', 'pgpainless-cli'],
    directions: ['AEAD'],
    outcome: 'cannot',
    says: /invalid option "--force-ocb"|'--profile' which wasn't expected|not defined: -profile|Unknown option: '--profile/,
    because: 'It writes no AEAD, and refuses the option by which newer versions are asked for it.',
  },
];

export function exceptionFor(program: string, kind: string, direction: Direction): Exception | undefined {
  const fits = (among: readonly string[] | 'all', one: string) => among === 'all' || among.includes(one);
  return exceptions.find(
    ({ kinds, programs, directions }) => fits(kinds, kind) && fits(programs, program) && fits(directions, direction),
  );
}
