import type { AddressInfo } from 'node:net';
import { type Clock, createAlarm, SECOND } from './clock.ts';
import type { Config } from './config.ts';
import { deliveryLoop } from './delivery/work.ts';
import { releaseLoop } from './embargo/loop.ts';
import { createHttp } from './http/server.ts';
import { cannotListen } from './listening.ts';
import type { Log } from './log.ts';
import { loadKeyring } from './pgp/keyring.ts';
import { createPgp } from './pgp/pool.ts';
import { destination } from './post/destination.ts';
import { type Identity, receive } from './post/receive.ts';
import { Refusal } from './refusal.ts';
import type { Seams } from './seams.ts';
import { createRelay } from './smtp/client.ts';
import { type Doors, startSmtp } from './smtp/server.ts';
import { isStorageFault, openDatabase } from './store/database.ts';
import * as deliveries from './store/deliveries.ts';
import * as lists from './store/lists.ts';
import { lockDatabase } from './store/lock.ts';
import { migrate } from './store/migrate.ts';

/** A server that runs. */
export interface Running {
  smtpPort: number;
  httpPort: number;
  seams: Seams;
  /** Wakes both loops: something was changed from outside, or the clock was moved. */
  wake(): void;
  /** Reads the TLS certificate again. */
  reload(): void;
  /** Takes nothing new, lets what is under way finish, closes everything; within 10 seconds. */
  stop(): Promise<void>;
}

/** What is left to mail that is coming in, and to copies that are going out, when the server is stopped. */
const DRAIN = 4 * SECOND;

/**
 * Builds the parts, starts them in order, and stops them in the opposite one. Rejects with an error whose message a
 * person can act on; then nothing is left running.
 */
export async function start(config: Config, passphrase: string, clock: Clock, log: Log): Promise<Running> {
  const undo: (() => unknown)[] = [];
  const stop = async () => {
    for (const step of undo.reverse()) await step();
    undo.length = 0;
  };
  try {
    return { ...(await build(config, passphrase, clock, log, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Pushes onto `undo` what takes each part down again. */
async function build(
  config: Config,
  passphrase: string,
  clock: Clock,
  log: Log,
  undo: (() => unknown)[],
): Promise<Omit<Running, 'stop'>> {
  const { database, domain, project } = config;
  const identity: Identity = { project, domain };
  const keyring = await loadKeyring(config.keys, passphrase);
  const db = openDatabase(database);
  undo.push(() => db.destroy());
  if ('sqlite' in database) undo.push(lockDatabase(database.sqlite));
  await migrate(db);
  // With the lock in hand, whoever held a lease is dead; on PostgreSQL other nodes may be alive, and leases run out.
  await deliveries.reclaim(db, 'sqlite' in database ? null : clock.now());
  const pgp = createPgp(config.workers);
  undo.push(() => pgp.close());
  const seams: Seams = { db, clock, keyring, pgp };

  const relay = createRelay({ relay: config.relay, hostname: domain, log });
  undo.push(() => relay.close());
  const sending = createAlarm(clock);
  const releasing = createAlarm(clock);
  const stopping = new AbortController();
  const loops = Promise.all([
    deliveryLoop(seams, relay.send, config.delivery, sending, log, stopping.signal),
    releaseLoop(seams, project, releasing, sending.ring, log, stopping.signal),
  ]);
  undo.push(async () => {
    stopping.abort();
    await Promise.race([loops, new Promise((resolve) => setTimeout(resolve, DRAIN).unref())]);
  });

  const ready = () => whatIsMissing(seams);
  const http = createHttp({ seams, identity, log, ready, changed: { deliveries: sending.ring, releases: releasing.ring } });
  undo.push(() => http.close());
  const { host, port } = config.http;
  await http.listen({ host, port }).catch((error: unknown) => {
    throw cannotListen('HTTP', { host, port }, error);
  });
  const smtp = await startSmtp({ smtp: config.smtp, hostname: domain, log, clock, doors: doors(seams, identity, sending.ring) });
  undo.push(() => smtp.close(DRAIN));
  return {
    seams,
    smtpPort: smtp.port,
    httpPort: (http.server.address() as AddressInfo).port,
    wake() {
      sending.ring();
      releasing.ring();
    },
    reload: () => smtp.reload(),
  };
}

/** How SMTP comes to the moves. */
function doors(seams: Seams, identity: Identity, accepted: () => void): Doors {
  return {
    async recipient(address) {
      await destination(seams.db, identity.domain, address);
    },
    async receive({ sender, recipient, receivedAt }, raw) {
      try {
        const to = await destination(seams.db, identity.domain, recipient);
        const { id } = await receive(seams, identity, to, { sender, receivedAt, raw });
        accepted();
        return `Accepted as ${id}`;
      } catch (error) {
        if (isStorageFault(error)) throw new Refusal('storage-unavailable', undefined, String(error));
        throw error;
      }
    },
  };
}

/** One line for each thing without which mail cannot be taken; empty: ready. */
async function whatIsMissing({ db, keyring }: Seams): Promise<string[]> {
  const all = await lists.all(db);
  const keyless = all.filter(({ fingerprint }) => !keyring.find(fingerprint));
  return [
    ...(all.some(({ role }) => role === 'intake') ? [] : ['there is no intake list']),
    ...keyless.map(({ address }) => `the key of ${address} is not loaded`),
  ];
}
