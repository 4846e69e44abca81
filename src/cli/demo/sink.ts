import type { Clock, Instant } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { createSmtp } from '../../smtp/server.ts';

/** A mail that Curfew sent, as the mail server of its recipient got it. */
export interface Sent {
  at: Instant;
  from: string | null;
  to: string;
  raw: Uint8Array;
}

/** The rest of the world: a mail server on a real socket that takes everything and keeps it in memory, in order. */
export async function startSink(clock: Clock, log: Log): Promise<{ port: number; sent: Sent[]; close(): Promise<void> }> {
  const sent: Sent[] = [];
  const limits = {
    size: 26_214_400,
    connections: 50,
    connectionsPerHost: 50,
    recipients: 100,
    idle: 60,
    data: 600,
    minimumRate: 0,
  };
  const server = await createSmtp({
    smtp: { host: '127.0.0.1', port: 0, protocol: 'smtp', tls: null, limits },
    hostname: 'mx.example',
    log,
    clock,
    doors: {
      recipient: async () => {},
      receive: async ({ sender, recipient }, raw) => {
        sent.push({ at: clock.now(), from: sender, to: recipient, raw });
        return 'kept';
      },
    },
  }).listen();
  return { port: server.port, sent, close: () => server.close(1000) };
}
