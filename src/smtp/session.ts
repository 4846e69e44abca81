import type {
  SMTPServerAddress,
  SMTPServerDataStream,
  SMTPServerEnvelope,
  SMTPServerOptions,
  SMTPServerSession,
} from 'smtp-server';
import type { Clock, Instant } from '../clock.ts';
import type { Log } from '../log.ts';
import { asRefusal, type Reason, Refusal } from '../refusal.ts';
import { envelopeAddress } from './address.ts';
import type { BoundedConnection } from './connection.ts';
import { type DataLimits, type Memory, readData } from './data.ts';
import { ReplyError, replyText, replyTo } from './reply.ts';

export interface Envelope {
  /** Null for `<>` (RFC 5321 §4.5.5). */
  sender: string | null;
  recipient: string;
  /** When the last octet of the mail was in. */
  receivedAt: Instant;
  /** `helo`: what the client called itself, at most 300 printable ASCII characters, unproved. */
  client: { address: string; helo: string; tls: boolean };
}

/** Where mail goes. Recipient addresses are dot-atoms of ASCII, in the case they were written. */
export interface Doors {
  /**
   * `alone`: it is somebody's mail, and no other recipient was accepted before. Throws a Refusal where the address is nothing of ours
   * ('no-such-address', 'relay-denied' for foreign domains), and for a public list unless it is alone: such a mail is read
   * before it is refused, as somebody has to know what would have become public.
   */
  recipient(address: string, alone: boolean): Promise<void>;
  /**
   * `raw`: the mail in CRLF lines, dots unstuffed, at most `limits.size` octets, to be read alone: a large one is in shared memory.
   * Resolves only after the mail is committed, with the text behind `250 2.0.0 `; throws a Refusal otherwise.
   */
  receive(envelope: Envelope, raw: Uint8Array): Promise<string>;
}

export interface SessionOptions {
  protocol: 'smtp' | 'lmtp';
  hostname: string;
  /** RCPT commands a transaction. */
  recipients: number;
  data: DataLimits;
  memory: Memory;
  doors: Doors;
  clock: Clock;
  log: Log;
  /** Called for each sender, recipient and mail that is refused, with a word for programs. */
  refused(reason: string): void;
  connectionOf(session: SMTPServerSession): BoundedConnection | undefined;
}

/** From MAIL to the end of DATA. smtp-server makes a new envelope object for each, so it is the key. */
interface Transaction {
  commands: number;
  /** RCPT commands that were answered with 250: LMTP replies once for each (RFC 2033 §4.2). */
  accepted: number;
  recipient: string | null;
}

type Handlers = Required<Pick<SMTPServerOptions, 'onMailFrom' | 'onRcptTo' | 'onData'>>;

/** smtp-server's callbacks. `running` holds the mails that are on their way in, until their fate is known. */
export function sessionHandlers(options: SessionOptions): Handlers & { running: Set<Promise<void>> } {
  const transactions = new WeakMap<SMTPServerEnvelope, Transaction>();
  const transactionOf = ({ envelope }: SMTPServerSession): Transaction => {
    const known = transactions.get(envelope) ?? { commands: 0, accepted: 0, recipient: null };
    transactions.set(envelope, known);
    return known;
  };
  const running = new Set<Promise<void>>();
  return {
    running,
    onMailFrom: (address, session, callback) => {
      const problem = senderProblem(address);
      callback(problem && refuse(problem, session, '', 0, options));
    },
    onRcptTo: (address, session, callback) => {
      const { mailFrom } = session.envelope;
      takeRecipient(address, transactionOf(session), isProbe(mailFrom ? mailFrom.address : ''), options).then(
        () => callback(),
        (thrown) => callback(refuse(thrown, session, address.address, 0, options)),
      );
    },
    onData: (stream, session, callback) => {
      const run = takeMail(stream, session, transactionOf(session), options, callback).finally(() => running.delete(run));
      running.add(run);
    },
  };
}

/** SIZE and BODY are what is offered; any other parameter would be a promise nobody keeps (RFC 5321 §4.1.1.11). */
function senderProblem({ address, args }: SMTPServerAddress): ReplyError | Refusal | null {
  const unknown = Object.keys(args || {}).some((name) => name !== 'SIZE' && name !== 'BODY');
  if (unknown) return new ReplyError(555, '5.5.4', 'Parameter not recognised');
  if (address !== '' && envelopeAddress(address) === null) return new Refusal('bad-address');
  return null;
}

/**
 * A server in front asks by a transaction without a mail whether an address takes any: from nobody (RFC 5321 §4.5.5, as Exim does), or
 * from double-bounce (Postfix, address_verify_sender). What it hears it says to its own clients, and sends nobody a bounce later.
 */
function isProbe(sender: string): boolean {
  return sender === '' || /^double-bounce@/i.test(sender);
}

/**
 * Octets before the @ of an address of ours: answers still come to those of threads that were written before they kept to what every
 * server takes (`mail/address`). To take more is what RFC 5321 §4.5.3.1 asks for.
 */
const LONGEST_OF_OURS = 100;

async function takeRecipient(
  { address, args }: SMTPServerAddress,
  transaction: Transaction,
  probe: boolean,
  options: SessionOptions,
): Promise<void> {
  transaction.commands += 1;
  if (transaction.commands > options.recipients) throw new ReplyError(452, '4.5.3', 'Too many recipients');
  if (args) throw new ReplyError(555, '5.5.4', 'Parameter not recognised');
  // RFC 5321 §4.1.1.3: `RCPT TO:<postmaster>` needs no domain.
  const full = address.toLowerCase() === 'postmaster' ? `postmaster@${options.hostname}` : address;
  const recipient = envelopeAddress(full, LONGEST_OF_OURS);
  if (recipient === null) throw new Refusal('bad-address');
  const first = transaction.recipient === null || transaction.recipient.toLowerCase() === recipient.toLowerCase();
  await options.doors.recipient(recipient, first && !probe);
  if (transaction.recipient !== null && transaction.recipient.toLowerCase() !== recipient.toLowerCase())
    throw new Refusal('one-list-a-transaction');
  transaction.recipient ??= recipient;
  transaction.accepted += 1;
}

type DataCallback = Parameters<Handlers['onData']>[2];

async function takeMail(
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
  transaction: Transaction,
  options: SessionOptions,
  callback: DataCallback,
): Promise<void> {
  const connection = options.connectionOf(session);
  if (connection) connection.busy = true;
  const data = await readData(stream, options.data, options.memory);
  const recipient = transaction.recipient ?? '';
  const about = { client: session.remoteAddress, recipient: listOf(recipient), octets: data.octets };
  if (data.state !== 'complete' && data.state !== 'refused') {
    options.log.info({ ...about, reason: data.state }, 'mail not taken');
    // A slow client is in the middle of its data: nothing but the end of the connection can follow.
    if (data.state !== 'lost') {
      options.refused('too-slow');
      connection?.send(421, replyTo(new Refusal('too-slow')).message);
    }
  } else {
    const result: Result =
      data.state === 'complete' ? await commit(data.raw, session, recipient, options) : refusalOf(data.reason);
    if (data.state === 'complete') options.memory.held -= data.octets;
    if ('text' in result) {
      options.log.info(about, 'mail taken');
      connection?.mailTaken();
      answer(result.text, transaction, options, callback);
    } else answer(refuse(result.thrown, session, recipient, data.octets, options), transaction, options, callback);
  }
  if (connection) connection.busy = false;
}

/** One reply to SMTP; to LMTP one for each RCPT that was accepted, in their order (RFC 2033 §4.2). */
function answer(
  result: string | ReplyError,
  { accepted }: Transaction,
  { protocol }: SessionOptions,
  callback: DataCallback,
): void {
  if (protocol === 'lmtp') callback(null, Array<string | ReplyError>(accepted).fill(result));
  else if (typeof result === 'string') callback(null, result);
  else callback(result);
}

type Result = { text: string } | { thrown: unknown };

function refusalOf(reason: Reason): Result {
  return { thrown: new Refusal(reason) };
}

/** Hands the mail over; the text of the 250, or what was thrown. */
async function commit(
  raw: Uint8Array,
  session: SMTPServerSession,
  recipient: string,
  { doors, clock }: SessionOptions,
): Promise<Result> {
  const { mailFrom } = session.envelope;
  const envelope: Envelope = {
    sender: mailFrom ? envelopeAddress(mailFrom.address) : null,
    recipient,
    receivedAt: clock.now(),
    client: { address: session.remoteAddress, helo: session.hostNameAppearsAs, tls: session.secure },
  };
  try {
    return { text: replyText('2.0.0', await doors.receive(envelope, raw)) };
  } catch (thrown) {
    return { thrown };
  }
}

/** Logs and counts a refusal and gives its reply. An unknown error is logged without its message, which may quote the mail. */
function refuse(
  thrown: unknown,
  session: SMTPServerSession,
  recipient: string,
  octets: number,
  { log, refused }: SessionOptions,
): ReplyError {
  const about = { client: session.remoteAddress, recipient: listOf(recipient), octets };
  if (thrown instanceof ReplyError) {
    const [reason = ''] = thrown.message.split(' ', 1);
    log.info({ ...about, reason }, 'refused');
    refused(reason);
    return thrown;
  }
  const { reason, detail } = asRefusal(thrown);
  refused(reason);
  if (thrown instanceof Refusal) log.info({ ...about, reason, ...(detail === undefined ? {} : { detail }) }, 'refused');
  else log.error({ ...about, reason, ...whereabouts(thrown) }, 'a mail failed here');
  return replyTo(thrown);
}

/** The kind of an error and the places it came through, for as much as can be told from its message. */
function whereabouts(thrown: unknown): { error: string; at?: string[] } {
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  const [, frames] = (thrown.stack ?? '').split(thrown.message === '' ? thrown.name : thrown.message, 2);
  const lines = (frames ?? '').split('\n').filter((line) => /^ {4}at \S/.test(line));
  return { error: thrown.name, at: lines.map((line) => line.trim()) };
}

/** The list's own address: what stands after `+` lets its holder write into a case. */
function listOf(recipient: string): string {
  return recipient.replace(/\+[^@]*/, '');
}
