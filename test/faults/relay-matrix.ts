import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { MINUTE } from '../../src/clock.ts';
import { bounceSenders } from '../../src/delivery/bounce.ts';
import { deliverBatch } from '../../src/delivery/work.ts';
import { importRoster } from '../../src/roster/import.ts';
import { createRelay, type Relay } from '../../src/smtp/client.ts';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Delivery } from '../../src/store/schema.ts';
import { OPTIONS, outbox, silent } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { type Act, type ScriptedRelay, type Stage, scriptedRelay } from '../smtp/scripted-relay.ts';
import { chanceOf } from '../support/chance.ts';
import { encryptedMail } from '../support/compose.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';

/** What the relay does in the place of its reply. */
const REPLIES = {
  late: 'late',
  '4xx': '451 4.3.0 not now',
  '5xx': '554 5.6.0 no',
  closing: '421 4.3.2 going down',
  hang: 'hang',
  drop: 'drop',
  garbage: 'garbage',
} as const satisfies Record<string, Act>;
type Reply = keyof typeof REPLIES;
type Stages = Exclude<Stage, 'auth'>;

/** How a copy whose relay did that ends, or why it waits (`OutcomeReason`). */
const ENDS: Readonly<Record<Stages, Readonly<Record<Reply, string>>>> = {
  greeting: row('delivered', 'try-later', 'relay-refuses-us', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  ehlo: row('delivered', 'try-later', 'relay-refuses-us', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  starttls: row('delivered', 'relay-tls', 'relay-tls', 'relay-tls', 'timeout', 'connection-lost', 'relay-tls'),
  mail: row('delivered', 'try-later', 'rejected', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  rcpt: row('delivered', 'try-later', 'rejected', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  data: row('delivered', 'try-later', 'rejected', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  dot: row('delivered', 'try-later', 'rejected', 'try-later', 'timeout', 'connection-lost', 'relay-error'),
  after: row('delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered', 'delivered'),
};

function row(...ends: string[]): Readonly<Record<Reply, string>> {
  const replies = Object.keys(REPLIES) as Reply[];
  return Object.fromEntries(replies.map((reply, at) => [reply, ends[at] ?? ''])) as Record<Reply, string>;
}

const CELLS = (Object.keys(ENDS) as Stages[]).flatMap((stage) =>
  (Object.keys(REPLIES) as Reply[]).map((reply) => ({ stage, reply })),
);
type Cell = (typeof CELLS)[number];

/** Neighbours in the table are rounds apart, so that few rounds see something of all of it. */
const cellOf = (seed: number): Cell => CELLS[(seed * 17) % CELLS.length] as Cell;

/** Before it is known whose copy it will be. */
const OF_CONNECTION: ReadonlySet<Stage> = new Set<Stage>(['greeting', 'ehlo', 'starttls']);
/** The relay may have the mail, and it goes again. */
const MAY_COME_TWICE: ReadonlySet<Reply> = new Set<Reply>(['hang', 'drop', 'garbage']);

const MEMBERS = ['c', 'd', 'e'].map((name) => `${name}@${name}.example`);

/**
 * F6. At one stage of the copies that chance chooses the relay does something else; then it behaves. Real OpenPGP, the real client, a relay
 * on a socket.
 */
export const relayMatrix: Experiment = {
  name: 'F6',
  title: 'relay: stage x reply',
  rounds: CELLS.length * 20,
  short: 14,
  controls: [
    { variant: 'deferred-on-5xx', rounds: CELLS.length },
    { variant: 'failed-on-4xx', rounds: CELLS.length, quick: true },
    { variant: 'new-message-id', rounds: CELLS.length },
  ],
  absent: () => null,
  open: async (folder) => {
    const db = makeDatabase({ sqlite: join(folder, 'curfew.db') });
    await migrate(db);
    const house = await housing()(db);
    const entries = MEMBERS.map(async (address) => ({
      organisation: address,
      lists: [LISTS.distributors],
      contacts: [{ address, certificate: (await makeParty(address)).public }],
    }));
    await importRoster(house, await Promise.all(entries), { activate: { reason: 'known' }, dryRun: false });
    await outbox(house).drain();
    const tls = certificateIn(folder);
    return { round: (seed) => round({ house, tls }, seed), close: () => db.destroy() };
  },
};

interface Tls {
  certificate: string;
  key: string;
}

function certificateIn(folder: string): Tls {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', [...made, ...named, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return { certificate, key };
}

async function round({ house, tls }: { house: House; tls: Tls }, seed: number): Promise<Outcome> {
  const { stage, reply } = cellOf(seed);
  const chance = chanceOf(seed);
  const copies = await post(house, seed);
  const hit = copies.filter(() => chance() < 0.3).concat(copies[Math.floor(chance() * copies.length)] ?? []);
  const senderOf = await bounceSenders(house.db);
  const senders = new Set(hit.map(({ id }) => senderOf(LISTS.distributors, id)));
  let misbehaves = true;
  const isHit = ({ connection, from }: { connection: number; from: string }) =>
    OF_CONNECTION.has(stage) ? connection <= senders.size : senders.has(from);
  const relay = await scriptedRelay((at, transaction) => {
    if (at === 'ehlo' && !(stage === 'ehlo' && misbehaves && isHit(transaction))) return greeting(stage);
    return at === stage && misbehaves && isHit(transaction) ? REPLIES[reply] : undefined;
  }, tls);
  const client = clientOf(relay, stage === 'starttls' ? tls : null);
  try {
    await sendAll(house, client);
    const first = await rowsOf(house, copies);
    misbehaves = false;
    // One that spoke unasked is out of step for good.
    relay.closeConnections();
    house.clock.moveTo(house.clock.now() + 5 * MINUTE);
    await sendAll(house, client);
    const last = await rowsOf(house, copies);
    return judge({ stage, reply }, { hit: new Set(hit.map(({ id }) => id)), first, last, relay });
  } finally {
    client.close();
    await relay.close();
  }
}

function greeting(stage: Stage): Act {
  return stage === 'starttls' ? '250-relay.example\r\n250-STARTTLS\r\n250 8BITMIME' : '250-relay.example\r\n250 8BITMIME';
}

/** A member's mail to the others' list: the copies that it makes. */
async function post(house: House, seed: number): Promise<Delivery[]> {
  house.clock.moveTo(house.clock.now() + MINUTE);
  const [alpha] = house.members;
  const letter = letterOf(house, alpha, { to: LISTS.distributors, text: `Round ${seed}.\n` });
  const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha });
  const { id } = await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
  return house.db.selectFrom('deliveries').selectAll().where('post_id', '=', id).execute();
}

/** Silence for so long, and the relay is given up. */
const PATIENCE = 0.8;

function clientOf({ port }: ScriptedRelay, tls: Tls | null): Relay {
  const secure = tls ? ({ tls: 'starttls', authorityFile: tls.certificate } as const) : ({ tls: 'none' } as const);
  const options = { host: '127.0.0.1', port, user: null, passwordFile: null, connections: 2, timeout: PATIENCE, ...secure };
  return createRelay({ relay: options, hostname: 'mx.orbit.example', log: silent });
}

async function sendAll(house: House, { send }: Relay): Promise<void> {
  while ((await deliverBatch(house, send, OPTIONS, silent)) > 0);
}

async function rowsOf({ db }: House, copies: readonly Delivery[]): Promise<Delivery[]> {
  const ids = copies.map(({ id }) => id);
  return db.selectFrom('deliveries').selectAll().where('id', 'in', ids).orderBy('id').execute();
}

interface Seen {
  /** Ids of the copies that the relay treats so; where it does so to connections, as many. */
  hit: ReadonlySet<string>;
  /** As they stand when each was tried once, and when the relay behaved again. */
  first: readonly Delivery[];
  last: readonly Delivery[];
  relay: ScriptedRelay;
}

/**
 * But for a 421, a relay says nothing unasked (RFC 5321 §3.8). What it says nevertheless cannot be told from the answer to whoever is next
 * on its connection: a copy that was not sent yet waits for it, or has failed.
 */
function isOfNext({ stage, reply }: Cell, { state, reason }: Delivery): boolean {
  return stage === 'after' && (state === 'deferred' || (reply === '5xx' && reason === 'rejected'));
}

/** Where it says that it hangs up and does, either may be seen first. */
function isEnd({ reply }: Cell, copy: Delivery, end: string): boolean {
  return endOf(copy) === end || (reply === 'closing' && end === 'try-later' && endOf(copy) === 'connection-lost');
}

const endOf = ({ state, reason }: Delivery) => (state === 'delivered' ? state : (reason ?? state));

function judge({ stage, reply }: Cell, { hit, first, last, relay }: Seen): Outcome {
  const expected = ENDS[stage][reply];
  const outcome = { ...nothingYet(), acknowledged: last.length };
  const fault = (what: string) => outcome.faults.push(`${stage}, ${reply}: ${what}`);
  for (const copy of OF_CONNECTION.has(stage) ? [] : first) {
    const [whose, right] = hit.has(copy.id) ? ['its copy', expected] : ['the copy of somebody else', 'delivered'];
    if (!isEnd({ stage, reply }, copy, right) && !isOfNext({ stage, reply }, copy))
      fault(`${whose} is ${copy.state} (${endOf(copy)}), not ${right}`);
  }
  if (OF_CONNECTION.has(stage)) {
    const ends = first.map(endOf).join();
    // A connection that is dropped before anything was said on it is made once more.
    const goesOn = reply === 'drop' && first.every(({ state }) => state === 'delivered');
    const wasSeen =
      expected === 'delivered'
        ? first.every(({ state }) => state === expected)
        : first.some((copy) => isEnd({ stage, reply }, copy, expected));
    if (!wasSeen && !goesOn) fault(`copies are ${ends}, and ${expected} was to be seen`);
    if (first.some(({ state }) => state !== 'delivered' && state !== 'deferred'))
      fault(`${ends}: a copy failed for what was done to us`);
  }
  for (const copy of last) {
    const came = relay.came.filter(({ to }) => to === copy.address);
    const again = came.length - 1;
    const mayFail = expected === 'rejected' || isOfNext({ stage, reply }, copy);
    if (copy.state === 'failed' ? !mayFail : copy.state !== 'delivered' || came.length === 0) {
      outcome.lost += 1;
      fault(`in the end a copy is ${copy.state} (${endOf(copy)}), and came ${came.length} times`);
    }
    const mayComeAgain = stage === 'after' || (stage === 'dot' && hit.has(copy.id) && reply !== 'late');
    if (again > (mayComeAgain ? 1 : 0)) fault(`a copy came ${came.length} times`);
    if (new Set(came.map(({ raw }) => /^Message-ID: .*$/m.exec(raw)?.[0])).size > 1)
      fault('a copy came again under another Message-ID');
    if (MAY_COME_TWICE.has(reply)) outcome.duplicates += Math.max(again, 0);
  }
  return outcome;
}
