import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { corpusAt, filesIn, mailIn } from '../conformance/cases.ts';
import type { Chance } from '../support/chance.ts';
import { cleartextSignedMail, encryptedMail, inlineMail, type Letter, signedMail } from '../support/compose.ts';
import { makeParty, type Party } from '../support/party.ts';

/** When every input comes in. */
export const AT = Date.parse('2026-12-01T12:00:00Z');

export const below = (chance: Chance, most: number) => Math.floor(chance() * most);
export const oneOf = <Item>(chance: Chance, items: readonly Item[]): Item => items[below(chance, items.length)] as Item;

/** What inputs are made of, and the keys that open them. */
export interface Seeds {
  mails: readonly Buffer[];
  /** Whole entities, to be encrypted after they were changed. */
  payloads: readonly Buffer[];
  list: Party;
  secrets: readonly Uint8Array[];
  known: readonly Uint8Array[];
}

/** More than this is read by mutation too slowly to be worth it. */
const LARGEST = 40 * 1024;

export async function seedsOf(): Promise<Seeds> {
  const [list, rae, eve] = await Promise.all(
    ['list@fuzz.example', 'rae@fuzz.example', 'eve@fuzz.example'].map((each) => makeParty(each)),
  );
  if (!list || !rae || !eve) throw new Error('there are no parties');
  const composed = await composedMails(list, rae, eve);
  const found = corporaMails();
  const small = [...composed, ...found.mails].filter(({ length }) => length <= LARGEST);
  return {
    mails: small,
    payloads: [...composed, ...found.mails].filter(({ length }) => length <= LARGEST / 4),
    list,
    secrets: [(await openpgp.readPrivateKey({ armoredKey: list.secret })).write(), ...found.secrets],
    known: [(await openpgp.readKey({ armoredKey: rae.public })).write()],
  };
}

async function composedMails(list: Party, rae: Party, eve: Party): Promise<Buffer[]> {
  const letter: Letter = {
    from: rae,
    to: list.address,
    subject: 'Inside',
    outerSubject: '...',
    text: 'Line – one\n-- \nRae\n',
    at: AT,
  };
  const key = { name: 'rae.asc', type: 'application/pgp-keys', data: Buffer.from(rae.public) };
  const patch = { name: 'fix.patch', data: Buffer.from('--- a\n+++ b\n') };
  const sealing = { recipients: [list.public], signer: rae };
  return Promise.all([
    encryptedMail(letter, sealing),
    encryptedMail({ ...letter, attachments: [key, patch] }, { recipients: [list.public, eve.public], signer: eve }),
    inlineMail(letter, sealing),
    signedMail({ ...letter, attachments: [patch] }, rae),
    cleartextSignedMail(letter, rae),
    cleartextSignedMail(letter, eve),
  ]);
}

function corporaMails(): { mails: Buffer[]; secrets: Uint8Array[] } {
  const mails: Buffer[] = [];
  for (const name of ['schleuder/mails', 'johnny', 'protected-headers']) {
    const { dir, absent } = corpusAt(name);
    if (absent === null) for (const file of filesIn(dir, /\.(eml|txt|inner)$/)) mails.push(Buffer.from(mailIn(join(dir, file))));
  }
  const keys = corpusAt('efail-and-bombs');
  return { mails, secrets: keys.absent === null ? [new Uint8Array(readFileSync(join(keys.dir, 'gen-sec.pgp')))] : [] };
}

/** Words that mean something to a parser of mail. */
// biome-ignore format: a list to be read across
const WORDS = [
  '\r\n', '\n', '\r', '\r\n\r\n', '--', '=', '=\r\n', '=3D', '>', '\0', '\u00a0', '\t', ';', ':', '"', '\\', '(', ')', '<', '>', '@', ',',
  '=?utf-8?q?=41?=', '=?utf-8?b?', '?=', '=?iso-2022-jp?B?GyRC?=', '=?x-none?q?a?=', "*0*=utf-8''a%41", '*1*=b', '*=',
  'From: a@b.example\r\n', 'Subject: x\r\n', 'Content-Type: text/html\r\n', 'Content-Type: message/rfc822\r\n', 'Content-Type: text/plain; charset=',
  'Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n', 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=m\r\n\r\n--m\r\n',
  'Content-Type: multipart/encrypted; boundary=m\r\n\r\n--m\r\n', 'Content-Type: multipart/alternative; boundary=""\r\n', '\r\n--m\r\n', '\r\n--m--\r\n',
  'Content-Transfer-Encoding: base64\r\n', 'Content-Transfer-Encoding: quoted-printable\r\n', 'Content-Transfer-Encoding: x-uuencode\r\n',
  'Content-Type: application/pgp-signature\r\n\r\n', 'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n', 'Content-Type: application/pgp-keys\r\n\r\n',
  'Content-Disposition: attachment; filename="a.pgp"\r\n', 'utf-7', 'utf-16le', 'iso-2022-kr', 'shift_jis', 'hz-gb-2312', 'windows-1252', '; hp="cipher"',
  '; protected-headers="v1"', '; hp-legacy-display="1"', '-----BEGIN PGP MESSAGE-----\r\n', '-----END PGP MESSAGE-----\r\n',
  '-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n', '-----BEGIN PGP SIGNATURE-----\r\n', '-----END PGP SIGNATURE-----\r\n',
  '-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n', '-----END PGP PUBLIC KEY BLOCK-----\r\n', 'Autocrypt: addr=a@b.example; keydata=', 'Charset: utf-16\r\n',
  '<br>', '<div class="header-protection-legacy-display">', '&nbsp;', '&#x41;', '<', '-----', '- -----BEGIN PGP',
];

/** Lengths and tags of OpenPGP packets that decide something. */
// biome-ignore format: a list to be read across
const OCTETS = [0, 1, 0x7f, 0x80, 0xa3, 0xac, 0xc0, 0xbf, 0xc2, 0xc3, 0xc4, 0xc6, 0xc8, 0xc9, 0xca, 0xcb, 0xd2, 0xd4, 0xd5, 0xdf, 0xe0, 0xfe, 0xff];

type Change = (bytes: Buffer, chance: Chance, seeds: readonly Buffer[]) => Buffer;

const spliced = (bytes: Buffer, at: number, gone: number, put: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(bytes.length, at + gone))]);

const changes: readonly Change[] = [
  (bytes, chance) => spliced(bytes, below(chance, bytes.length), 1, Buffer.from([below(chance, 256)])),
  (bytes, chance) => spliced(bytes, below(chance, bytes.length), 1, Buffer.from([oneOf(chance, OCTETS)])),
  (bytes, chance) => spliced(bytes, below(chance, bytes.length), below(chance, 2), Buffer.from(oneOf(chance, WORDS), 'latin1')),
  (bytes, chance) => spliced(bytes, lineIn(bytes, chance), 0, Buffer.from(oneOf(chance, WORDS), 'latin1')),
  // A line goes, or comes twice.
  (bytes, chance) => spliced(bytes, lineIn(bytes, chance), below(chance, 90), Buffer.alloc(0)),
  (bytes, chance) => {
    const at = lineIn(bytes, chance);
    return spliced(bytes, at, 0, bytes.subarray(at, at + below(chance, 600)));
  },
  (bytes, chance) => {
    const at = below(chance, bytes.length);
    const run = bytes.subarray(at, at + 1 + below(chance, 12));
    return spliced(bytes, at, 0, Buffer.concat(Array.from({ length: below(chance, 3000) }, () => run)));
  },
  (bytes, chance, seeds) => {
    const other = oneOf(chance, seeds);
    const from = lineIn(other, chance);
    return spliced(bytes, lineIn(bytes, chance), below(chance, 400), other.subarray(from, from + below(chance, 3000)));
  },
  (bytes, chance, seeds) => {
    const other = oneOf(chance, seeds);
    return Buffer.concat([bytes.subarray(0, lineIn(bytes, chance)), other.subarray(lineIn(other, chance))]);
  },
  (bytes, chance) => bytes.subarray(0, below(chance, bytes.length)),
  inArmor,
  inArmor,
];

/** Where a line begins. */
function lineIn(bytes: Buffer, chance: Chance): number {
  return bytes.indexOf(10, below(chance, bytes.length)) + 1;
}

/** Changes the octets inside of an armor, and closes it again. */
function inArmor(bytes: Buffer, chance: Chance): Buffer {
  const text = bytes.toString('latin1');
  const blocks = [
    ...text.matchAll(/(-----BEGIN PGP [A-Z ]+-----\r?\n(?:[A-Za-z]+: .*\r?\n)*\r?\n)([A-Za-z0-9+/=\r\n]+)(-----END)/g),
  ];
  if (blocks.length === 0) return bytes;
  const block = oneOf(chance, blocks);
  let data = Buffer.from((block[2] ?? '').replace(/\r?\n=[A-Za-z0-9+/]{4}\r?\n$/, ''), 'base64');
  if (data.length === 0) return bytes;
  const octetChanges = changes.slice(0, 2);
  for (let left = 1 + below(chance, 3); left > 0; left--) data = Buffer.from(oneOf(chance, octetChanges)(data, chance, []));
  if (chance() < 0.2) data = data.subarray(0, below(chance, data.length));
  if (chance() < 0.2) data = Buffer.concat([data, data]);
  const armor = data.toString('base64').replace(/.{64}/g, '$&\r\n');
  return Buffer.from(
    text.replace(block[0], () => `${block[1]}${armor}\r\n${block[3]}`),
    'latin1',
  );
}

export function changed(bytes: Buffer, chance: Chance, seeds: readonly Buffer[]): Buffer {
  let mail = bytes;
  for (let left = 1 + below(chance, 6); left > 0 && mail.length > 0; left--) mail = oneOf(chance, changes)(mail, chance, seeds);
  return mail.subarray(0, 4 * LARGEST);
}

/** The next input. One in eight is encrypted after it was changed, so that what lies inside is reached as well. */
export async function nextInput(seeds: Seeds, chance: Chance): Promise<Buffer> {
  if (chance() >= 1 / 8) return changed(oneOf(chance, seeds.mails), chance, seeds.mails);
  const inner = changed(oneOf(chance, seeds.payloads), chance, seeds.payloads);
  const asText = chance() < 0.3;
  const armored = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: new Uint8Array(inner) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: seeds.list.public }),
    date: new Date(AT),
  });
  return asText ? Buffer.from(`${HEAD}\r\n${armored}`) : Buffer.from(`${HEAD}${ENVELOPE}${armored}\r\n--e--\r\n`);
}

const HEAD = 'From: rae@fuzz.example\r\nSubject: ...\r\n';
const ENVELOPE = [
  'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
  '',
  ...[
    '--e',
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '--e',
    'Content-Type: application/octet-stream',
    '',
    '',
  ],
].join('\r\n');
