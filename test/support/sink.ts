import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { type Instant, systemClock } from '../../src/clock.ts';

export interface SunkMail {
  /** Envelope sender; empty for the null sender. */
  from: string;
  /** The recipients that were accepted, as they were sent. */
  to: string[];
  raw: Buffer;
  /** On the machine's clock, when DATA ended. */
  at: Instant;
}

/** `drop` closes the connection without a word; after DATA the mail is recorded under `unanswered`. */
export type Answer = 'accept' | 'drop' | { code: number; text: string };

export interface Sink {
  host: string;
  port: number;
  /** What was answered with 250, in the order of the answers. */
  mails: SunkMail[];
  /** What came in full and was then refused or dropped. */
  unanswered: SunkMail[];
  /** The script, changed at will. `attempt` counts the RCPT commands for that address from 1. */
  atRecipient: (address: string, attempt: number) => Answer;
  atData: (mail: SunkMail) => Answer;
  /** Resolves with all mails as soon as there are `count`. Rejects after `timeout` ms, saying what there was. */
  waitFor(count: number, timeout?: number): Promise<SunkMail[]>;
  /** Resolves when nobody is connected: what a client sent before it went has been taken by then. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** A real SMTP server on a free port of loopback that keeps what it gets. `options` are those of smtp-server (TLS, lmtp). */
export async function startSink(options: SMTPServerOptions = {}): Promise<Sink> {
  const sockets = new Map<number, Socket>();
  const attempts = new Map<string, number>();
  const waiting = new Set<() => void>();
  const drop = (session: SMTPServerSession) => sockets.get(session.remotePort)?.destroy();

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.cert ? ['AUTH'] : ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    ...options,
    onRcptTo({ address }, session, callback) {
      const attempt = (attempts.get(address) ?? 0) + 1;
      attempts.set(address, attempt);
      const answer = sink.atRecipient(address, attempt);
      if (answer === 'drop') drop(session);
      else callback(refusal(answer));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const to = rcptTo.map(({ address }) => address);
        const mail = { from: mailFrom ? mailFrom.address : '', to, raw: Buffer.concat(chunks), at: systemClock.now() };
        const answer = sink.atData(mail);
        (answer === 'accept' ? sink.mails : sink.unanswered).push(mail);
        if (answer === 'drop') drop(session);
        else callback(refusal(answer));
        for (const look of waiting) look();
      });
    },
  });
  server.on('error', () => {
    // A client that broke the connection is part of what is tested.
  });
  server.server.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    if (remotePort === undefined) return;
    sockets.set(remotePort, socket);
    socket.once('close', () => {
      sockets.delete(remotePort);
      for (const look of waiting) look();
    });
  });

  const sink: Sink = {
    host: '127.0.0.1',
    port: 0,
    mails: [],
    unanswered: [],
    atRecipient: () => 'accept',
    atData: () => 'accept',
    waitFor: (count, timeout = 10_000) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(look);
          settle();
        };
        const look = () => {
          if (sink.mails.length >= count) end(() => resolve(sink.mails));
        };
        const got = () => sink.mails.map(({ to }) => to.join(',')).join(' ') || 'none';
        const timer = setTimeout(
          () => end(() => reject(new Error(`${sink.mails.length} of ${count} mails came in ${timeout} ms: ${got()}`))),
          timeout,
        );
        waiting.add(look);
        look();
      }),
    async idle() {
      while (sockets.size > 0)
        await new Promise<void>((resolve) => {
          const look = () => {
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
        });
      await pause(50); // What was read last goes through the parser, and then is a mail.
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  server.listen(0, sink.host);
  await once(server.server, 'listening');
  sink.port = (server.server.address() as AddressInfo).port;
  return sink;
}

function refusal(answer: Exclude<Answer, 'drop'>): Error | null {
  return answer === 'accept' ? null : Object.assign(new Error(answer.text), { responseCode: answer.code });
}
