import { isAscii } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { Readable, promises as streams, type Transform } from 'node:stream';
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import { type Outcome, outcomeOfFailure, outcomeOfReply } from '../delivery/outcome.ts';
import type { Log } from '../log.ts';
import type { Pieces } from '../mail/outgoing.ts';
import { envelopeAddress } from './address.ts';

export interface RelayOptions {
  host: string;
  port: number;
  /** 'starttls' is required and verified; 'none' is for loopback only. */
  tls: 'starttls' | 'implicit' | 'none';
  /** With `passwordFile`, or null for no authentication. */
  user: string | null;
  passwordFile: string | null;
  /** Connections at a time. */
  connections: number;
  /** Seconds of silence before a connection is given up. */
  timeout: number;
  /** PEM file of the authority that signs the relay's certificate; the system's authorities if null or absent. */
  authorityFile?: string | null;
}

export interface Relay {
  /**
   * One copy to one address. `from`: null for `<>`. `raw`: the whole mail in CRLF lines, ending in one, in pieces; it is sent octet for
   * octet, and not at all where a bare CR or LF would have to be changed. Never rejects: every failure is an outcome.
   */
  send(mail: { from: string | null; to: string; raw: Pieces }): Promise<Outcome>;
  /** Connects, with TLS and a name where they are asked for, and sends nothing: `delivered` where the relay would take a copy. Never rejects. */
  greet(): Promise<Outcome>;
  /** Copies under way get their outcome; those that wait for a connection are deferred. */
  close(): void;
}

/** How what goes out is signed (DKIM, RFC 6376). */
export interface DkimOptions {
  domain: string;
  selector: string;
  /** RSA, PEM. */
  key: string;
}

/** Octets that the signature adds at most, with an RSA key of 4096 bits. */
const DKIM_FIELD = 2048;

/** A relay that answers, but by a line a minute, is given up after so many timeouts. */
const PATIENCE = 5;

/** Throws one clear line where the options are unsafe or a file cannot be read. */
export function createRelay({
  relay,
  hostname,
  log,
  dkim = null,
}: {
  relay: RelayOptions;
  hostname: string;
  log: Log;
  dkim?: DkimOptions | null;
}): Relay {
  if (relay.tls === 'none' && !isLoopback(relay.host))
    throw new Error(`relay ${relay.host}:${relay.port}: only a relay on loopback may go without TLS`);
  const connect = () =>
    createTransport({ ...connectionOptions(relay, hostname), ...securityOptions(relay), ...signingOptions(dkim) }).use(
      'stream',
      inPieces(dkim !== null),
    );
  let transport = connect();
  const patienceMs = relay.timeout * 1000 * PATIENCE;
  const watch = troubleLog(log, relay);

  async function send({ from, to, raw }: Parameters<Relay['send']>[0]): Promise<Outcome> {
    const recipient = envelopeAddress(to);
    const sender = from === null ? '' : envelopeAddress(from);
    if (recipient === null || sender === null) return { state: 'failed', reason: 'bad-address', response: '' };
    if (!isCrlf(raw)) return { state: 'failed', reason: 'not-crlf', response: '' };
    // `size` and `use8BitMime` become SIZE= (RFC 1870) and BODY=8BITMIME (RFC 6152) where the relay offers them.
    const size = octetsOf(raw) + (dkim ? DKIM_FIELD : 0);
    const envelope = { from: sender, to: [recipient], size, use8BitMime: !raw.every(isAscii) };
    try {
      const sent = await transport.sendMail({ envelope, ...carrying(raw), signal: AbortSignal.timeout(patienceMs) });
      return outcomeOfReply(sent.response);
    } catch (thrown) {
      return outcomeOfFailure(thrown);
    }
  }
  return {
    send: async (mail) => {
      const used = transport;
      const outcome = await send(mail);
      watch(outcome);
      // Its connections stay with a process that refuses us, also when the relay's settings are mended.
      if (outcome.state === 'deferred' && outcome.reason === 'relay-refuses-us' && used === transport) {
        transport = connect();
        used.close();
      }
      return outcome;
    },
    greet: () =>
      transport.verify().then(
        (): Outcome => ({ state: 'delivered', response: '' }),
        (thrown: unknown) => outcomeOfFailure(thrown),
      ),
    close: () => transport.close(),
  };
}

function connectionOptions(relay: RelayOptions, hostname: string) {
  const timeout = relay.timeout * 1000;
  return {
    pool: true as const,
    // A name is looked up in DNS first; what must not leave the machine is not left to an answer from there.
    host: relay.tls === 'none' && relay.host.toLowerCase() === 'localhost' ? '127.0.0.1' : relay.host,
    port: relay.port,
    name: hostname,
    maxConnections: relay.connections,
    // Once, for the idle connection that the relay closed meanwhile; everything else is for the queue to retry.
    maxRequeues: 1,
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    logger: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function securityOptions(relay: RelayOptions) {
  const authority = relay.authorityFile ? { ca: readSecret(relay.authorityFile, 'authority') } : {};
  return {
    secure: relay.tls === 'implicit',
    requireTLS: relay.tls === 'starttls',
    ignoreTLS: relay.tls === 'none',
    // Said in so many words, because NODE_TLS_REJECT_UNAUTHORIZED=0 would change the default.
    tls: { minVersion: 'TLSv1.2' as const, rejectUnauthorized: true, ...authority },
    ...(relay.user === null ? {} : { auth: { user: relay.user, pass: password(relay) }, forceAuth: true }),
  };
}

/** In memory: without a folder for it, nodemailer writes no mail to the disk. */
function signingOptions(dkim: DkimOptions | null) {
  return dkim ? { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.key } } : {};
}

function password(relay: RelayOptions): string {
  if (relay.passwordFile === null) throw new Error(`relay ${relay.host}:${relay.port}: a user without a password file`);
  return readSecret(relay.passwordFile, 'password').trimEnd();
}

function readSecret(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    throw new Error(`the ${what} file of the relay cannot be read: ${path} (${code})`);
  }
}

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1 (RFC 4291 §2.5.3), localhost (RFC 6761 §6.3). */
function isLoopback(host: string): boolean {
  return (isIPv4(host) && host.startsWith('127.')) || host === '::1' || host.toLowerCase() === 'localhost';
}

/**
 * What nodemailer is to send, for `inPieces`: it would hold a `raw` of octets as one, and read a `raw` stream once, though it may send it twice.
 * With a `raw` and an id it composes nothing that is thrown away.
 */
function carrying(pieces: Pieces): SendMailOptions {
  return { pieces, raw: ' ', messageId: '<>' } as SendMailOptions;
}

/** A plugin of nodemailer, for when it has composed a mail: in the place of what it composed, the pieces are sent, anew whenever it asks. */
const inPieces =
  (isSigned: boolean): Parameters<Transporter['use']>[1] =>
  ({ data, message }, done) => {
    const { pieces } = data as { pieces?: Pieces };
    if (!message || !pieces) return done(new Error('there is a mail to send and no pieces of it'));
    if (isSigned || pieces.some(mayBeginWithDot))
      message.stream = (output, _, ended) => {
        // A pipeline for one chunk would cost as much as composing the mail did.
        if (octetsOf(pieces) <= CHUNK) {
          output.write(Buffer.concat(pieces));
          return ended();
        }
        streams.pipeline(Readable.from(chunksOf(pieces)), output, { end: false }).then(() => ended(), ended);
      };
    else message.createReadStream = () => straight(pieces);
    done();
  };

/**
 * A mail in which no line begins with a dot. What nodemailer pipes a mail to, a Transform, goes through each octet of it to double such
 * dots (RFC 5321 §4.5.2), which takes ten times as long as all else; here what comes out of that is put there. The last line of each chunk goes the
 * ordinary way, so that nodemailer knows where in a line it is, and says when the relay takes more.
 */
function straight(pieces: Pieces): Readable {
  const chunks = Readable.from(chunksOf(pieces));
  const handOver = async (to: Transform) => {
    let isAtLine = true;
    for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
      const endsLine = chunk[chunk.length - 1] === LF;
      const last = isAtLine && endsLine ? chunk.lastIndexOf(LF, chunk.length - 2) + 1 : 0;
      if (last > 0) to.push(chunk.subarray(0, last));
      await new Promise<void>((resolve, reject) => {
        to.write(chunk.subarray(last), (failed) => (failed ? reject(failed) : resolve()));
      });
      isAtLine = endsLine;
    }
    to.end();
  };
  return Object.assign(chunks, {
    pipe<To extends NodeJS.WritableStream>(to: To): To {
      // Where the connection ended meanwhile nodemailer knows it, and has destroyed what it reads.
      handOver(to as unknown as Transform).catch((error: Error) => chunks.destroy(error));
      return to;
    },
  });
}

/** Octets that are handed over at a time: what the relay does not take yet is not read. */
const CHUNK = 64 * 1024;

function octetsOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** Each ends a line where it can. */
async function* chunksOf(pieces: Pieces): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let octets = 0;
  for (const piece of pieces)
    for (let from = 0; from < piece.length; ) {
      const room = CHUNK - octets;
      const rest = piece.subarray(from);
      const line = rest.length <= room ? rest.length : rest.lastIndexOf(LF, room - 1) + 1;
      const part = rest.subarray(0, line || room);
      held.push(part);
      octets += part.length;
      from += part.length;
      if (from === piece.length && octets < CHUNK) continue;
      yield joined(held);
      // A relay that takes all at once would have the whole mail gone through before anything else is done.
      await new Promise((resolve) => setImmediate(resolve));
      held = [];
      octets = 0;
    }
  if (octets > 0) yield joined(held);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

/** nodemailer would turn a bare CR or LF into CRLF, and a signature over the mail would not verify any more. */
function isCrlf(raw: Pieces): boolean {
  let before = 0;
  for (const piece of raw) {
    if (piece.length === 0) continue;
    if ((piece[0] === LF) !== (before === CR) || !isCrlfWithin(piece)) return false;
    before = piece[piece.length - 1] ?? 0;
  }
  return before === LF;
}

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** What many mails have in common is looked through once. */
function onceEach(look: (piece: Uint8Array) => boolean): (piece: Uint8Array) => boolean {
  const known = new WeakMap<Uint8Array, boolean>();
  return (piece) => {
    const found = known.get(piece) ?? look(piece);
    known.set(piece, found);
    return found;
  };
}

const isCrlfWithin = onceEach((piece) => {
  // By number: to go through it by `of` takes more than twice as long.
  let at = 1;
  while (at < piece.length && (piece[at] === LF) === (piece[at - 1] === CR)) at++;
  return at >= piece.length;
});

/** A line of it, or the line that it goes on with. */
const mayBeginWithDot = onceEach((piece) => piece[0] === DOT || octetsIn(piece).includes('\n.'));

function octetsIn(piece: Uint8Array): Buffer {
  return Buffer.from(piece.buffer, piece.byteOffset, piece.length);
}

/** One line when the relay begins to make trouble or changes it, and one when it works again: not one a copy. */
function troubleLog(log: Log, { host, port }: RelayOptions): (outcome: Outcome) => void {
  let trouble: string | null = null;
  return (outcome) => {
    if (outcome.state === 'failed') return;
    const now = outcome.state === 'delivered' ? null : outcome.reason;
    const level = now === 'relay-refuses-us' || now === 'relay-tls' ? 'error' : 'warn';
    if (now !== trouble && outcome.state === 'deferred' && now !== 'try-later')
      log[level]({ relay: `${host}:${port}`, reason: now, response: outcome.response }, 'the relay makes trouble');
    if (now === null && trouble !== null && trouble !== 'try-later')
      log.info({ relay: `${host}:${port}` }, 'the relay works again');
    trouble = now;
  };
}
