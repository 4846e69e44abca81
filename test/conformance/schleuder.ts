import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { encryptedMail } from '../support/compose.ts';
import { makeParty } from '../support/party.ts';
import { AT, type Case, type Expected, mailIn, senderOf } from './cases.ts';

interface Row {
  file: string;
  class: string;
  key: string;
  signature: string;
  action: string;
  detail: string;
}

/** What expected.tsv says of the mails. */
function rowsOf(dir: string): Row[] {
  const [head = '', ...lines] = readFileSync(join(dir, 'expected.tsv'), 'utf8').trimEnd().split('\n');
  const columns = head.split('\t');
  return lines
    .map((line) => line.split('\t'))
    .filter((cells) => cells[columns.indexOf('kind')] === 'mail')
    .map((cells) => {
      const cell = (name: string) => cells[columns.findIndex((column) => column.startsWith(name))] ?? '';
      return {
        file: cell('path'),
        class: cell('class'),
        key: cell('key_or'),
        signature: cell('signature'),
        action: cell('expected_action'),
        detail: cell('expected_detail'),
      };
    });
}

/** The corpus keeps its keys in one folder. */
const SECRETS: Readonly<Record<string, string>> = {
  '421C19AF8B9C33B8B62D76EBDB2F7E271D773073': 'list-421C19AF8B9C33B8B62D76EBDB2F7E271D773073.sec.pgp',
  '7EDF3336CB8BC6D15D461DB5FFF7A04251E7D112': 'encapsulated-list.sec.pgp',
};
const LIST = 'list-59C71FB38AEE22E091C78259D06350440F759BD3.sec.pgp';
/** Certificates with which gpg called a signature good. */
const SIGNERS = ['default_list_key.txt', 'openpgpkey_52507B0163A8D9F0094FFE03B1A36F08069E55DE.asc', 'encapsulated-sender.pub'];

/** Bodies that a test has to encrypt and sign, by what the table says of them. */
const BODY = /used as BODY/;

export async function schleuder(dir: string): Promise<Case[]> {
  const known = SIGNERS.map((name) => readFileSync(join(dir, 'keys', name)));
  return Promise.all(rowsOf(dir).map((row) => caseOf(dir, row, known)));
}

async function caseOf(dir: string, row: Row, known: Uint8Array[]): Promise<Case> {
  const secret = new Uint8Array(readFileSync(join(dir, 'keys', SECRETS[row.key] ?? LIST)));
  const shared = { corpus: 'schleuder', file: row.file, class: row.class, secret };
  if (BODY.test(row.class)) return { ...shared, ...(await sealed(readFileSync(join(dir, row.file)), secret, row)) };
  const raw = mailIn(join(dir, row.file));
  const clear = /^(none|-)$/.test(row.key) || !/^[0-9A-F]{40}$/.test(row.key);
  return { ...shared, raw, sender: senderOf(raw), known, expected: expectedOf(row), clear };
}

/** The mail's body, encrypted and signed by somebody on the roster. */
async function sealed(
  file: Buffer,
  secret: Uint8Array,
  row: Row,
): Promise<Pick<Case, 'raw' | 'sender' | 'known' | 'expected' | 'composedBy'>> {
  const text = file.toString('utf8').replaceAll('\r\n', '\n');
  const from = await makeParty('signer@senders.example');
  const recipients = [(await openpgp.readPrivateKey({ binaryKey: secret })).toPublic().armor()];
  const letter = { from, to: 'schleuder@example.org', subject: 'A body', outerSubject: '...', text, at: AT };
  const raw = await encryptedMail(letter, { recipients, signer: from });
  const expected: Expected = { ...expectedOf(row), signer: from.fingerprint, onlyText: [text] };
  return { raw, sender: from.address, known: [Buffer.from(from.public)], expected, composedBy: from.fingerprint };
}

function expectedOf({ file, signature, action, detail }: Row): Expected {
  if (/^never distribute/.test(action)) return { outcome: ['automatic'], signer: null };
  if (/^reject to sender/.test(action)) return { outcome: ['refused'], reason: 'cannot-open' };
  const signer = /^([0-9A-F]{40}) GOOD/.exec(signature)?.[1] ?? null;
  const quoted = [...detail.matchAll(/contains "([^"]+)"/g)].flatMap((match) => match[1]?.replaceAll('\\n', '\n') ?? []);
  const imports = /imports ([0-9A-F]{40})/.exec(detail)?.[1];
  return {
    outcome: ['distributed'],
    signer,
    text: quoted,
    ...(imports ? { certificates: [imports] } : {}),
    ...DETAILS[file],
  };
}

const subject = (text: string, isProtected: boolean) => ({ subject: { text, isProtected } });

/** What the table says in prose, in our words. */
const DETAILS: Readonly<Record<string, Partial<Expected>>> = {
  'mails/attach-list-key-thunderbird.eml': { text: ['x-attach-listkey'] },
  'mails/protected-headers.eml': subject('Re: the real subject', true),
  'mails/mutt_protected_headers.txt': { ...subject('x', true), onlyText: ['test'] },
  'mails/encrypted+signed-mime/thunderbird.eml': subject('encrypted test', true),
  'mails/encrypted-inline/thunderbird.eml': { text: ['Umlauts: öäß'] },
  'mails/encrypted-mime/thunderbird.eml': { text: ['Umlauts: öäß'] },
  'mails/encrypted+signed-inline/thunderbird.eml': { text: ['Umlauts: öäß'] },
  'mails/signed-inline/thunderbird.eml': { text: ['Umlauts: öäß'], never: ['BEGIN PGP', 'END PGP'] },
  'mails/signed-mime/thunderbird.eml': { files: [] },
  'mails/charset_mails/signed_utf8.eml': { certificates: ['BAD19C0F23FD2342604A2E51B00801450B3A2BA4'] },
  'mails/charset_mails/japanese.eml': { text: ['かきくえこ'] },
};
