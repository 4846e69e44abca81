import { systemClock } from '../../src/clock.ts';
import { entityText, leaves, parseEntity } from '../../src/mail/message.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { createListKey, type ListKey, openListKey } from '../../src/pgp/keyring.ts';
import { type OpenedMail, openMail } from '../../src/pgp/open.ts';
import { sealTo, signOnce } from '../../src/pgp/seal.ts';
import { Refusal } from '../../src/refusal.ts';
import { armoredMail, entity, type Letter, pgpMimeMail } from '../support/compose.ts';
import { sealSharedTo } from '../support/seal-shared.ts';
import type { Kind } from './kinds.ts';
import type { Key, Peer } from './peers.ts';

/** From the program to Curfew in each form of mail, and from Curfew to the program. */
export const directions = [
  'PGP/MIME',
  'inline',
  'multipart/signed',
  'cleartext-signed',
  'cleartext-signed, with "-- "',
  'AEAD',
  'copy',
] as const;
export type Direction = (typeof directions)[number];

/** `cannot`: the program does not do its part, in its own words. `refused`: Curfew does not do its own. */
export type Outcome = 'ok' | { cannot: string } | { refused: string };

const ADDRESS = 'security@orbit.example';
const passphrase = 'x';

export async function makeList(): Promise<ListKey> {
  const { armored } = await createListKey({ name: 'Orbit Security', address: ADDRESS, passphrase, now: systemClock.now() });
  return openListKey(armored, passphrase);
}

/** Lines that cleartext signing and mail like to change, and letters beyond ASCII. */
const TEXT = 'Naïve length check – see frame.c.\n- a dash\nFrom here on\n\n.\nPat';
/** The line before a signature block ends in a blank (RFC 3676 §4.3), which a cleartext signature must not cover (RFC 9580 §7.2). */
const WITH_BLANK = `${TEXT}\n-- \nPat Peer`;
const letter: Letter = {
  from: { address: 'pat@peer.example', name: 'Pat Peer' },
  to: ADDRESS,
  subject: 'Heap overflow',
  outerSubject: '...',
  text: TEXT,
};

/** Every direction of one kind with one program, one after the other. */
export async function measure(peer: Peer, key: Key, kind: Kind, list: ListKey): Promise<Map<Direction, Outcome>> {
  const part = Buffer.from(entity(letter, true));
  const open = (form: OpenedMail['form'], mail: Buffer) => opened(mail, form, key, list);
  const cleartext = async (text: string) => {
    const signed = await did(() => peer.clearsign(text, key));
    return then(signed, (armored) => open('cleartext-signed', armoredMail(letter, armored)));
  };
  const message = await did(() => peer.encrypt(part, list, key));
  const cells = new Map<Direction, Outcome>([
    ['PGP/MIME', await then(message, (armored) => open('pgp-mime', pgpMimeMail(letter, armored)))],
    ['inline', await then(message, (armored) => open('inline', armoredMail(letter, armored)))],
  ]);
  if (kind.more) {
    const signature = await did(() => peer.sign(part, key));
    cells.set('multipart/signed', await then(signature, (armored) => open('signed-mime', multipartSigned(part, armored))));
    cells.set('cleartext-signed', await cleartext(TEXT));
  }
  if (kind.more === 'every form') {
    cells.set('cleartext-signed, with "-- "', await cleartext(WITH_BLANK));
    const modern = await did(() => peer.encryptAead(part, list, key));
    cells.set('AEAD', await then(modern, (armored) => open('pgp-mime', pgpMimeMail(letter, armored))));
  }
  cells.set('copy', await copied(peer, part, key, list));
  return cells;
}

/** What a program gave, or that it could not. */
async function did<Given>(act: () => Promise<Given>): Promise<{ given: Given } | { cannot: string }> {
  try {
    return { given: await act() };
  } catch (error) {
    return { cannot: messageOf(error) };
  }
}

async function then(from: { given: string } | { cannot: string }, act: (given: string) => Promise<Outcome>): Promise<Outcome> {
  return 'given' in from ? act(from.given) : from;
}

/** Curfew opens it as its list does, with the peer's certificate on the roster, and credits all of it to that certificate. */
async function opened(raw: Buffer, form: OpenedMail['form'], key: Key, list: ListKey): Promise<Outcome> {
  try {
    const { data, keys } = await readCertificate(key.certificate);
    const lookup = async (ids: string[]) => (keys.some(({ keyId }) => ids.includes(keyId)) ? [data] : []);
    const mail = await openMail({ raw, secrets: [list.secret], at: systemClock.now() }, lookup);
    const text = leaves(parseEntity(mail.content)).map(entityText).join('').replaceAll('\r\n', '\n');
    if (mail.form !== form || mail.warnings.length > 0 || !text.includes(TEXT))
      return { refused: `opened as ${mail.form}, with another text: ${text}` };
    const { signer } = mail;
    if (signer?.fingerprint === key.fingerprint && signer.certificateKnown) return 'ok';
    return { refused: `signature: ${mail.signatures.map(({ reason }) => reason).join() || 'none'}` };
  } catch (error) {
    return { refused: messageOf(error) };
  }
}

/** Copies as delivery makes them, by either seal policy of a list. */
async function copied(peer: Peer, part: Buffer, key: Key, list: ListKey): Promise<Outcome> {
  for (const seal of [sealTo, sealSharedTo]) {
    const copy = await sealed(seal, part, key, list);
    const outcome = typeof copy === 'string' ? await reads(peer, copy, part, key, list) : copy;
    if (outcome !== 'ok') return outcome;
  }
  return 'ok';
}

async function sealed(seal: typeof sealTo, part: Uint8Array, key: Key, list: ListKey): Promise<string | { refused: string }> {
  const now = systemClock.now();
  try {
    const { data } = await readCertificate(key.certificate);
    return await seal(await signOnce(part, list.secret, now), data, now);
  } catch (error) {
    return { refused: messageOf(error) };
  }
}

async function reads(peer: Peer, copy: string, part: Buffer, key: Key, list: ListKey): Promise<Outcome> {
  const read = await did(() => peer.open(copy, key, list));
  if ('cannot' in read) return read;
  const expected = peer.lineEnds === 'LF' ? Buffer.from(part.toString().replaceAll('\r\n', '\n')) : part;
  return read.given.equals(expected) ? 'ok' : { cannot: 'it opens to other octets' };
}

/** RFC 3156 §5. The parameter micalg is a hint for readers in one pass; nobody here needs it to be true. */
function multipartSigned(part: Buffer, armored: string): Buffer {
  const type = 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="signed"';
  const mail = armoredMail({ ...letter, text: '' }, '').toString('latin1');
  const [fields = ''] = mail.split('\r\n\r\n', 1);
  const outer = fields.replace(/^Content-Type: .*\r\nContent-Transfer-Encoding: .*$/m, `Content-Type: ${type}`);
  const signature = `Content-Type: application/pgp-signature\r\n\r\n${armored.replaceAll(/\r?\n/g, '\r\n')}`;
  const body = `--signed\r\n${part.toString('latin1')}\r\n--signed\r\n${signature}\r\n--signed--\r\n`;
  return Buffer.from(`${outer}\r\n\r\n${body}`, 'latin1');
}

function messageOf(error: unknown): string {
  if (error instanceof Refusal) return `${error.reason}: ${error.detail ?? error.hint ?? ''}`;
  return error instanceof Error ? error.message : String(error);
}
