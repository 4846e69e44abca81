import type { Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { Refusal } from '../refusal.ts';
import { replyText, replyTo } from './reply.ts';

/*
 * What smtp-server leaves open and a server on the open internet must not. The package is pinned to an exact version;
 * the tests in test/smtp are transcripts, so that a new version that works otherwise is noticed.
 */

/** RFC 5321 §4.5.3.1.4 asks for 512 octets of command line; SIZE, BODY and the longest path stay below this. */
const LONGEST_COMMAND = 1024;
const LF = 0x0a;

/** How long a client that was turned away may take to read why. */
const LINGER_MS = 1_000;

const PRINTABLE = /^[ -~]*$/;
const ENHANCED = /^[245]\.\d{1,3}\.\d{1,3} /;

export interface ConnectionLimits {
  connections: number;
  connectionsPerHost: number;
  /** Commands that a client may send without getting one mail through. */
  commandsWithoutMail: number;
}

/** The package ends a command at a bare LF too. Only CRLF ends one here (RFC 5321 §2.3.8). */
class CommandStream extends SMTPStream {
  onBareLineFeed: () => void = () => undefined;

  override _write(chunk: Buffer, encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    const bare = !this.isClosed && !this._dataMode && hasBareLineFeed(this._remainder, chunk);
    if (bare) this.onBareLineFeed();
    // A closed stream drops what it is given.
    super._write(chunk, encoding, next);
  }
}

/** `before` is the unfinished line in front of `chunk`, one character an octet. */
function hasBareLineFeed(before: string, chunk: Buffer): boolean {
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1))
    if ((at > 0 ? String.fromCharCode(chunk[at - 1] ?? 0) : before.slice(-1)) !== '\r') return true;
  return false;
}

export class BoundedConnection extends SMTPConnection {
  /** A DATA is running, or the mail is being taken in: closing now would leave its fate open. */
  busy = false;
  readonly #server: BoundedServer;
  #commandsWithoutMail = 0;

  constructor(server: BoundedServer, socket: Socket, options?: SMTPConnectionOptions) {
    super(server, socket, options);
    this.#server = server;
  }

  mailTaken(): void {
    this.#commandsWithoutMail = 0;
  }

  override _createParser(): SMTPStream {
    const parser = new CommandStream({ maxCommandLength: LONGEST_COMMAND });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.onBareLineFeed = () => this._refuse(replyTo(new Refusal('bare-line-end')));
    parser.on('error', () => this.send(421, replyText('4.7.0', 'The command line is too long')));
    return parser;
  }

  /** A client that only guesses addresses, or only keeps its place, is sent away. */
  override _onCommand(command: Buffer, callback: () => void = () => undefined): void {
    // During the handshake the package drops what came in clear, and must not be made to answer it (RFC 3207 §6).
    if (!this._upgrading) this.#commandsWithoutMail += 1;
    if (this._upgrading || this.#mayPass(command)) super._onCommand(command, callback);
    else setImmediate(() => this._whenWritable(callback));
  }

  #mayPass(command: Buffer): boolean {
    if (this.#commandsWithoutMail > this.#server.limits.commandsWithoutMail) {
      this.send(421, replyText('4.7.0', 'Too many commands without a mail'));
      return false;
    }
    if (PRINTABLE.test(command.toString('latin1'))) return true;
    this.send(500, replyText('5.5.2', 'A command is printable ASCII'));
    return false;
  }

  /** Text that begins with its own enhanced status code is sent as it stands. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    super.send(code, data, typeof data === 'string' && ENHANCED.test(data) ? false : context);
  }

  /** The package looks the client's own words up in its table (`DATA_OK` as a command reads `500 2.6.0`). */
  override _getEnhancedStatusCode(code: number, context?: string | false): string {
    const found = super._getEnhancedStatusCode(code, context);
    return found === '' || found.startsWith(String(code).slice(0, 1)) ? found : super._getEnhancedStatusCode(code);
  }

  override _onClose(): void {
    this.#server.live.delete(this);
    super._onClose();
  }
}

/** An SMTPServer that turns clients away before it does anything for them. */
export class BoundedServer extends SMTPServer {
  /** Connections whose socket is open; unlike the package's own set also those that are closing. */
  readonly live = new Set<BoundedConnection>();
  readonly limits: ConnectionLimits;
  readonly #bySession = new WeakMap<SMTPServerSession, BoundedConnection>();
  readonly #turnedAway: (address: string) => void;

  constructor(options: SMTPServerOptions, limits: ConnectionLimits, turnedAway: (address: string) => void) {
    super(options);
    this.limits = limits;
    this.#turnedAway = turnedAway;
    // Beyond twice the limit there is not even a reply.
    this.server.maxConnections = limits.connections * 2;
  }

  /** The connection of a session that smtp-server handed to a callback. */
  connectionOf(session: SMTPServerSession): BoundedConnection | undefined {
    return this.#bySession.get(session);
  }

  override connect(socket: Socket, options?: SMTPConnectionOptions): void {
    const connection = new BoundedConnection(this, socket, options);
    const host = connection.remoteAddress;
    const fromHost = [...this.live].filter(({ remoteAddress }) => remoteAddress === host).length;
    const full = this.live.size >= this.limits.connections || fromHost >= this.limits.connectionsPerHost;
    if (full) this.#turnAway(socket, host);
    else this.#admit(connection);
  }

  #admit(connection: BoundedConnection): void {
    this.live.add(connection);
    this.#bySession.set(connection.session, connection);
    this.connections.add(connection);
    connection.on('error', (error) => this._onError(error));
    connection.init();
  }

  #turnAway(socket: Socket, address: string): void {
    this.#turnedAway(address);
    socket.on('error', () => undefined);
    socket.resume();
    socket.end(`421 ${replyText('4.7.0', 'Too many connections; try again')}\r\n`);
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }
}
