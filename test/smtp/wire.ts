import { connect, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { movingClock } from '../../src/clock.ts';
import { createLog, type Log } from '../../src/log.ts';
import { Refusal } from '../../src/refusal.ts';
import { createSmtp, type Doors, type Envelope, type SmtpOptions, type SmtpServer } from '../../src/smtp/server.ts';

export const NOW = Date.UTC(2026, 8, 1, 12);
export const LIST = 'security@orbit.example';

export interface Wire {
  /** Sends octets as they are. */
  raw(octets: string | Uint8Array): void;
  /** The next complete reply, its lines joined by \n; 'closed' where the other side closed instead. */
  reply(): Promise<string>;
  /** Sends a line with CRLF, waits for its reply. */
  ask(line: string): Promise<string>;
  startTls(): Promise<TLSSocket>;
  closed: Promise<void>;
  destroy(): void;
}

export async function dial(port: number): Promise<Wire> {
  let socket: Socket = connect(port, '127.0.0.1');
  let text = '';
  let over = false;
  let wake = () => {};
  const { promise: closed, resolve: onClosed } = deferred();
  const listen = (from: Socket) => {
    from.on('error', () => undefined);
    from.on('data', (chunk) => {
      text += chunk.toString('latin1');
      wake();
    });
    from.on('close', () => {
      over = true;
      onClosed();
      wake();
    });
  };
  listen(socket);
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  const reply = async (): Promise<string> => {
    for (;;) {
      const complete = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(text)?.[0];
      if (complete) {
        text = text.slice(complete.length);
        return complete.trim().replaceAll('\r', '');
      }
      if (over) return 'closed';
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const raw = (octets: string | Uint8Array) =>
    void socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);
  return {
    raw,
    reply,
    ask: (line) => {
      raw(`${line}\r\n`);
      return reply();
    },
    startTls: () =>
      new Promise((resolve, reject) => {
        socket.removeAllListeners('data');
        socket.removeAllListeners('close');
        const secure = tlsConnect({ socket, rejectUnauthorized: false }, () => resolve(secure));
        secure.once('error', reject);
        socket = secure;
        listen(secure);
      }),
    closed,
    destroy: () => socket.destroy(),
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Lines and the pattern each reply must have; the greeting is read first. */
export async function transcript(wire: Wire, lines: [line: string, expected: RegExp][]): Promise<void> {
  for (const [line, expected] of lines) {
    const reply = await wire.ask(line);
    if (!expected.test(reply)) throw new Error(`${line}\n  expected ${expected}\n  got ${reply}`);
  }
}

/** Greeting, EHLO, MAIL, RCPT, DATA: the next octets are the mail. */
export async function untilData(port: number, recipient = LIST): Promise<Wire> {
  const wire = await dial(port);
  await wire.reply();
  await transcript(wire, [
    ['EHLO client.example', /^250/],
    ['MAIL FROM:<reporter@else.example>', /^250 2\.1\.0/],
    [`RCPT TO:<${recipient}>`, /^250 2\.1\.5/],
    ['DATA', /^354/],
  ]);
  return wire;
}

export interface Taken {
  envelope: Envelope;
  raw: string;
}

export interface Rig {
  server: SmtpServer;
  port: number;
  taken: Taken[];
  /** Why something was refused, in its order. */
  refused: string[];
  log: string[];
}

export const LIMITS: SmtpOptions['limits'] = {
  size: 4096,
  connections: 20,
  connectionsPerHost: 20,
  recipients: 5,
  idle: 10,
  data: 10,
  minimumRate: 0,
};

type Changes = Partial<Omit<SmtpOptions, 'limits'>> & {
  limits?: Partial<SmtpOptions['limits']>;
  doors?: Partial<Doors>;
  rateGraceMs?: number;
};

/** A server that knows security@, distributors@ and postmaster@ of orbit.example and remembers what it took. */
export async function rig({ limits, doors, rateGraceMs, ...smtp }: Changes = {}): Promise<Rig> {
  const taken: Taken[] = [];
  const refused: string[] = [];
  const lines: string[] = [];
  const log: Log = createLog('debug', { write: (line: string) => void lines.push(line) });
  const server = await createSmtp({
    smtp: { host: '127.0.0.1', port: 0, protocol: 'smtp', tls: null, ...smtp, limits: { ...LIMITS, ...limits } },
    hostname: 'mx.orbit.example',
    log,
    clock: movingClock(NOW),
    doors: {
      recipient: async (address) => {
        if (address === 'postmaster@mx.orbit.example') return;
        if (!address.toLowerCase().endsWith('@orbit.example')) throw new Refusal('relay-denied');
        if (!/^(security|distributors)(\+[^@]*)?@/i.test(address)) throw new Refusal('no-such-address');
      },
      receive: async (envelope, raw) => {
        taken.push({ envelope, raw: Buffer.from(raw).toString('latin1') });
        return 'post 0001';
      },
      ...doors,
    },
    refused: (reason) => void refused.push(reason),
    ...(rateGraceMs === undefined ? {} : { rateGraceMs }),
  }).listen();
  return { server, port: server.port, taken, refused, log: lines };
}
