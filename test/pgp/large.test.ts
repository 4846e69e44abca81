import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { blocksIn, dearmor } from '../../src/mail/armor.ts';
import { inSharedMemory } from '../../src/pgp/memory.ts';
import { openMail } from '../../src/pgp/open.ts';
import { createPgp, type Pgp } from '../../src/pgp/pool.ts';
import { signDetached } from '../../src/pgp/seal.ts';
import { encryptedMail } from '../support/compose.ts';
import { binary, makeParty, type Party } from '../support/party.ts';

const NOW = systemClock.now();
const OCTETS = 6_000_000;
const LINE = '+  if (length > sizeof(header) + left) return -EINVAL; /* what a patch is like */\r\n';
const TEXT = LINE.repeat(OCTETS / LINE.length);

let pgp: Pgp;
let lena: Party;
let list: Party;

beforeAll(async () => {
  // One thread: what it gave away in one task it is not to need in the next.
  pgp = createPgp(1);
  lena = await makeParty('lena@team.example');
  list = await makeParty('security@orbit.example');
});
afterAll(() => pgp?.close());

const head = 'From: lena@team.example\r\nTo: security@orbit.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n';
const file = `${Buffer.from(TEXT).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`;
const mixed = [
  `${head}Content-Type: multipart/mixed; boundary=b\r\n`,
  `--b\r\nContent-Type: text/plain\r\n\r\nsee there\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}--b--\r\n`,
].join('\r\n');

const mails: Record<string, () => Promise<Buffer>> = {
  'in clear': async () => Buffer.from(`${head}Content-Type: text/plain\r\n\r\n${TEXT}`),
  'with an attachment': async () => Buffer.from(mixed),
  'signed in clear': async () => {
    const entity = `Content-Type: text/plain\r\n\r\n${TEXT}`;
    const { armored, micalg } = await signDetached(Buffer.from(entity), await binary(lena.secret), NOW);
    const type = `Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=${micalg}; boundary=b`;
    const signature = `Content-Type: application/pgp-signature\r\n\r\n${armored.replaceAll('\n', '\r\n')}`;
    return Buffer.from(`${head}${type}\r\n\r\n--b\r\n${entity}\r\n--b\r\n${signature}\r\n--b--\r\n`);
  },
  'sealed and signed': () =>
    encryptedMail(
      { from: lena, to: list.address, subject: 'large', outerSubject: '...', text: TEXT },
      { recipients: [list.public], signer: lena },
    ),
  'sealed without armor': async () => {
    const armored = await encryptedMail(
      { from: lena, to: list.address, subject: 'large', outerSubject: '...', text: TEXT },
      { recipients: [list.public], signer: lena },
    );
    const [block] = blocksIn(armored.toString('latin1'));
    const type = 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b';
    const version = '--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n';
    const before = `${head}${type}\r\n\r\n${version}--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n`;
    return Buffer.concat([Buffer.from(before), dearmor(block?.text ?? ''), Buffer.from('\r\n--b--\r\n')]);
  },
};

test.each(Object.keys(mails))('a large mail %s is opened by a thread as without one, in either memory', async (name) => {
  const raw = new Uint8Array((await mails[name]?.()) ?? []);
  expect(raw.length).toBeGreaterThan(5_000_000);
  const request = { raw, secrets: [await binary(list.secret)], at: NOW, withSignature: true };
  const certificate = await binary(lena.public);
  const lookup = async () => [certificate];
  const wanted = await openMail(request, lookup);
  if (name.includes('signed') || name.includes('sealed')) expect(wanted.signer).not.toBeNull();
  // As whoever else has it, and as the SMTP server gives it.
  for (const given of [raw, inSharedMemory(raw)]) {
    const opened = await pgp.open({ ...request, raw: given }, lookup);
    expect(Buffer.from(opened.content).equals(wanted.content)).toBe(true);
    expect({ ...opened, content: null, signedAs: null }).toEqual({ ...wanted, content: null, signedAs: null });
    expect(Buffer.from(opened.signedAs?.entity ?? []).equals(Buffer.from(wanted.signedAs?.entity ?? []))).toBe(true);
  }
});
