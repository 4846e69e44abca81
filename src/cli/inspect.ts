import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Instant, systemClock } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { parseMailboxes } from '../mail/address.ts';
import { automatic, isLoop, listId } from '../mail/automatic.ts';
import { recognise } from '../mail/encrypted.ts';
import { type Entity, fieldsNamed, fieldText, parseEntity, parseMessage } from '../mail/message.ts';
import { type ViewedFile, viewOf } from '../mail/view.ts';
import { type CertificateFacts, readCertificate } from '../pgp/certificate.ts';
import { type OpenedMail, openMail } from '../pgp/open.ts';
import { addressesOf, readSecretKeys } from '../pgp/secret.ts';
import type { SignatureVerdict } from '../pgp/verify.ts';
import { asRefusal, type Reason, Refusal } from '../refusal.ts';
import { certificatesIn } from './certificates.ts';
import { readNamed } from './file.ts';
import { collect, columns, print } from './local.ts';
import { askSecret } from './prompt.ts';

interface Options {
  key: string[];
  cert: string[];
  json?: true;
}

export function register(program: Command): void {
  program
    .command('inspect')
    .description('what Curfew sees in a mail')
    .argument('<mail.eml>', 'the mail; - for standard input')
    .option('--key <secret>', 'a file of secret keys that may open it (repeat it for more)', collect, [])
    .option('--cert <public>', 'a file with a certificate that counts as known (repeat it for more)', collect, [])
    .option('--json', 'print JSON')
    .action(inspect);
}

/** What `--json` prints. */
export interface Seen {
  form: OpenedMail['form'] | 'undecryptable';
  encrypted: boolean;
  decrypted: boolean;
  refusal: Reason | null;
  automatic: 'bounce' | 'auto-reply' | 'loop' | null;
  from: string | null;
  subject: string;
  outerSubject: string;
  subjectProtected: boolean;
  signatures: Omit<SignatureVerdict, 'digest' | 'madeAt' | 'intendedFor'>[];
  signer: string | null;
  text: string;
  attachments: { name: string; type: string; size: number; sha256: string }[];
  certificates: string[];
  warnings: string[];
}

/** The receiving route's own eyes, on a file. Exit 1 where that route would refuse the mail. */
async function inspect(file: string, options: Options): Promise<void> {
  const raw = withCrlf(file === '-' ? readFileSync(0) : readNamed(file));
  const secrets = (await Promise.all(options.key.map((path) => readSecretKeys(readNamed(path), passphrase)))).flat();
  const known = (await Promise.all(options.cert.map(certificatesIn))).flat();
  const seen = await look(raw, secrets, known, systemClock.now());
  print(options, seen, columns(lines(seen)));
  if (seen.refusal) process.exitCode = 1;
}

const passphrase = async () => process.env['CURFEW_PASSPHRASE'] ?? askSecret('Passphrase of the key: ');

/** Mail in files often has lost the line ends that it had on the wire. */
export function withCrlf(raw: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(raw).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}

/**
 * The same for any mail. It never throws: what the receiving route refuses is seen as refused, and what came back, what a program answers and our own
 * mail is not opened.
 */
export async function look(raw: Uint8Array, secrets: Uint8Array[], known: CertificateFacts[], at: Instant): Promise<Seen> {
  try {
    const mail = parseMessage(raw);
    const origin = originOf(mail, (await Promise.all(secrets.map(addressesOf))).flat());
    if (origin === 'loop') return unopened(mail, origin, 'mail-loop');
    if (origin === 'bounce' || origin === 'auto-reply') return unopened(mail, origin, null);
    if (fieldsNamed(mail, 'from').length === 0) throw new Refusal('malformed-mail', 'There is no From');
    const lookup = async (keyIds: string[]) =>
      known.filter(({ keys }) => keys.some(({ keyId }) => keyIds.includes(keyId))).map(({ data }) => data);
    return await describe(origin, await openMail({ raw, secrets, at }, lookup));
  } catch (error) {
    return refused(raw, asRefusal(error));
  }
}

async function describe(origin: Seen['automatic'], opened: OpenedMail): Promise<Seen> {
  const { text, files } = viewOf(parseEntity(opened.content));
  const offered = await Promise.all(opened.offered.map((data) => readCertificate(data).catch(() => null)));
  return {
    form: opened.form,
    encrypted: opened.encrypted,
    decrypted: opened.encrypted,
    refusal: null,
    automatic: origin,
    from: opened.from?.address ?? null,
    subject: opened.subject,
    outerSubject: opened.outerSubject,
    subjectProtected: opened.subjectProtected,
    signatures: opened.signatures.map(({ digest: _, madeAt: __, intendedFor: ___, ...shown }) => shown),
    signer: opened.signer?.certificateKnown ? opened.signer.fingerprint : null,
    text,
    attachments: files.map(fileSeen),
    certificates: [...new Set(offered.flatMap((facts) => facts?.fingerprint ?? []))],
    warnings: opened.warnings,
  };
}

function fileSeen({ name, mediaType, bytes }: ViewedFile): Seen['attachments'][number] {
  return { name, type: mediaType, size: bytes.length, sha256: sha256(bytes) };
}

/** A file has no envelope: what it says of its own sender stands in for it. The lists are those whose keys were given. */
function originOf(mail: Entity, lists: readonly string[]): Seen['automatic'] {
  if (isLoop(mail, lists.map(listId))) return 'loop';
  const returnPath = fieldsNamed(mail, 'return-path')[0]?.value;
  const kind = automatic(mail, returnPath?.replace(/[<>\s]/g, '') ?? 'unknown');
  return kind === 'notice' ? null : kind;
}

function refused(raw: Uint8Array, { reason }: Refusal): Seen {
  try {
    const mail = parseMessage(raw);
    return unopened(mail, originOf(mail, []), reason);
  } catch {
    // What cannot even be parsed has nothing to show.
    return unopened(parseEntity(new Uint8Array()), null, reason);
  }
}

/** What can be seen of a mail without opening it. */
function unopened(mail: Entity, origin: Seen['automatic'], refusal: Reason | null): Seen {
  const { form } = recognise(mail, { onItsWay: true });
  const [from] = fieldsNamed(mail, 'from');
  const subject = fieldText(mail, 'subject') ?? '';
  const { text, files } = refusal === null ? viewOf(mail) : { text: '', files: [] };
  return {
    form: refusal === 'cannot-open' ? 'undecryptable' : form === 's-mime' ? 'clear' : form,
    encrypted: refusal === 'cannot-open' || form === 'pgp-mime' || form === 'inline',
    decrypted: false,
    refusal,
    automatic: origin,
    from: from ? (parseMailboxes(from.value)[0]?.address ?? null) : null,
    subject,
    outerSubject: subject,
    subjectProtected: false,
    signatures: [],
    signer: null,
    text,
    attachments: files.map(fileSeen),
    certificates: [],
    warnings: [],
  };
}

function lines(seen: Seen): string[][] {
  const signatures = seen.signatures.map(({ keyId, fingerprint, valid, reason, certificateKnown, coversWholeContent }) => [
    'signature',
    `${fingerprint ?? keyId}: ${valid ? 'valid' : reason}${certificateKnown ? '' : ', not on the roster'}${coversWholeContent ? '' : ', not over the whole'}`,
  ]);
  return [
    ['form', seen.form],
    ...(seen.refusal ? [['refused', seen.refusal]] : []),
    ...(seen.automatic ? [['automatic', seen.automatic]] : []),
    ['from', seen.from ?? '-'],
    ['subject', `${printable(seen.subject)}${seen.subjectProtected ? ' (protected)' : ''}`],
    ['encrypted', seen.encrypted ? (seen.decrypted ? 'yes' : 'yes, and cannot be opened') : 'no'],
    ...signatures,
    ['signer', seen.signer ?? '-'],
    ...seen.attachments.map(({ name, type, size, sha256 }) => [
      'attachment',
      `${printable(name)} (${type}, ${size} octets, SHA-256 ${sha256})`,
    ]),
    ...seen.certificates.map((fingerprint) => ['certificate', fingerprint]),
    ...seen.warnings.map((warning) => ['warning', warning]),
    ...seen.text
      .trimEnd()
      .split('\n')
      .map((line) => ['|', printable(line)]),
  ];
}

/** A mail's words on a terminal: nothing that could move its cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}/gu, '\ufffd');
}
