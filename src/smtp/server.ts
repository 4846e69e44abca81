import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import type { SMTPServerOptions } from 'smtp-server';
import type { Clock } from '../clock.ts';
import { cannotListen } from '../listening.ts';
import type { Log } from '../log.ts';
import { BoundedServer } from './connection.ts';
import { replyText } from './reply.ts';
import { type Doors, sessionHandlers } from './session.ts';

export type { Doors, Envelope } from './session.ts';

export interface SmtpOptions {
  host: string;
  /** 0 for any free one. */
  port: number;
  protocol: 'smtp' | 'lmtp';
  /** PEM files; null: STARTTLS is not offered. */
  tls: { certificate: string; key: string } | null;
  limits: {
    /** Octets of one mail. */
    size: number;
    /** Connections at a time, in all and from one host. */
    connections: number;
    connectionsPerHost: number;
    /** RCPT commands a transaction. */
    recipients: number;
    /** Seconds of silence before a connection is closed. */
    idle: number;
    /** Seconds from DATA to its end. */
    data: number;
    /** Octets a second that DATA keeps on the average after its first 30 seconds; 0 for no limit. */
    minimumRate: number;
  };
}

/** Complete, and not listening yet. */
export interface QuietSmtp {
  /** Opens its door. Throws one clear line where it cannot. */
  listen(): Promise<SmtpServer>;
}

export interface SmtpServer {
  port: number;
  /**
   * Takes no new connection or command, lets mails that are on their way in get their reply for up to `graceMs`
   * milliseconds of real time, then closes everything.
   */
  close(graceMs: number): Promise<void>;
  /** Reads certificate and key again, for connections to come. Throws one clear line where they cannot be used. */
  reload(): void;
}

const RATE_GRACE_MS = 30_000;
/** Commands beyond one full transaction that a client may spend without a mail. */
const SPARE_COMMANDS = 100;
/** All sessions together hold this many mails of the largest size, and never less than 64 MiB. */
const MAILS_IN_MEMORY = 8;
const LEAST_MEMORY = 64 * 2 ** 20;
/** How long closed sockets may take to bring their last reply out. */
const FLUSH_MS = 250;

/** Reads certificate and key with the rights of now, as `reload` will with those of then. Throws one clear line where they cannot be used. */
export function createSmtp(options: {
  smtp: SmtpOptions;
  hostname: string;
  log: Log;
  clock: Clock;
  doors: Doors;
  /** Called for each sender, recipient and mail that is refused, with a word for programs. */
  refused?: (reason: string) => void;
  /** Called for each connection that was one too many. */
  turnedAway?: () => void;
  /** Real milliseconds of DATA before the minimum rate counts. */
  rateGraceMs?: number;
}): QuietSmtp {
  const { smtp, hostname, log, clock, doors, refused = () => {}, turnedAway = () => {}, rateGraceMs = RATE_GRACE_MS } = options;
  const { limits, protocol } = smtp;
  const handlers = sessionHandlers({
    protocol,
    hostname,
    recipients: limits.recipients,
    data: { size: limits.size, data: limits.data, minimumRate: limits.minimumRate, rateGraceMs },
    memory: { held: 0, limit: Math.max(MAILS_IN_MEMORY * limits.size, LEAST_MEMORY) },
    doors,
    clock,
    log,
    refused,
    connectionOf: (session) => server.connectionOf(session),
  });
  const server = new BoundedServer(
    { ...packageOptions(smtp, hostname), ...certificate(smtp.tls), ...handlers },
    { ...limits, commandsWithoutMail: limits.recipients + SPARE_COMMANDS },
    (client) => {
      log.warn({ client, reason: 'too-many-connections' }, 'turned away');
      turnedAway();
    },
  );
  return {
    async listen() {
      await listen(server, smtp);
      server.on('error', (error: Error & { code?: string }) =>
        log.info({ code: error.code ?? error.name }, 'a connection broke'),
      );
      const { port } = server.server.address() as AddressInfo;
      return {
        port,
        close: (graceMs) => close(server, handlers.running, graceMs),
        reload: () => server.updateSecureContext(certificate(smtp.tls)),
      };
    },
  };
}

function packageOptions({ protocol, tls, limits }: SmtpOptions, hostname: string): SMTPServerOptions {
  return {
    name: hostname,
    heloResponse: '%s',
    lmtp: protocol === 'lmtp',
    size: limits.size,
    socketTimeout: limits.idle * 1000,
    hideENHANCEDSTATUSCODES: false,
    // Addresses and headers in UTF-8 would have to be carried through to every copy (RFC 6531 §3.1).
    hideSMTPUTF8: true,
    hideSTARTTLS: tls === null,
    disabledCommands: ['AUTH', 'XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL', ...(tls === null ? ['STARTTLS'] : [])],
    // A name from a stranger's DNS is worth nothing here, and asking for it tells who writes to us.
    disableReverseLookup: true,
    logger: false,
  };
}

/** Always sets `key` and `cert`: left out, the package would load its own key, which everybody has. */
function certificate(tls: SmtpOptions['tls']): SMTPServerOptions {
  if (tls === null) return { key: undefined, cert: undefined };
  const options = { key: readPem(tls.key, 'key'), cert: readPem(tls.certificate, 'certificate'), minVersion: 'TLSv1.2' as const };
  try {
    // Tried first: the package throws its old context away before it makes the new one.
    createSecureContext(options);
  } catch (error) {
    throw new Error(`the TLS certificate of SMTP cannot be used: ${tls.certificate} with ${tls.key} (${codeOf(error)})`);
  }
  return options;
}

function readPem(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const whose = codeOf(error) === 'EACCES' ? '; let the user that the server runs as read it, and enter its folders' : '';
    throw new Error(`the TLS ${what} of SMTP cannot be read: ${path} (${codeOf(error)})${whose}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function listen(server: BoundedServer, { host, port, protocol }: SmtpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(cannotListen(protocol.toUpperCase(), { host, port }, error));
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

async function close(server: BoundedServer, running: Set<Promise<void>>, graceMs: number): Promise<void> {
  // From here on the package answers every command with 421. Its own deadline, which cuts mails off, is put behind ours.
  server.options.closeTimeout = graceMs + 60_000;
  const closed = new Promise<void>((resolve) => server.close(resolve));
  const sendIdleAway = () => {
    for (const connection of server.live)
      if (!connection.busy) connection.send(421, replyText('4.3.2', 'This server is going down; try again'));
  };
  sendIdleAway();
  await atMost(graceMs, Promise.all([...running].map((run) => run.then(sendIdleAway))));
  await atMost(FLUSH_MS, closed);
  for (const connection of server.live) connection._socket.destroy();
  await closed;
}

/** Resolves with `promise`, or after `ms` of real time. */
async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  await Promise.race([promise, sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined)]);
  stop.abort();
}
