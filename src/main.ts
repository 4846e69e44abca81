import type { AddressInfo } from 'node:net';
import type { Site } from './advisories/advisory.ts';
import { SYSTEM } from './audit/entry.ts';
import { readersOf, signHead } from './audit/heads.ts';
import { createRefusals, type Refusals } from './audit/refusals.ts';
import { remindSilent } from './cases/acknowledgements.ts';
import { withoutPolicy } from './cases/clocks.ts';
import { remind } from './cases/remind.ts';
import { askWhoseTurn } from './cases/rotation.ts';
import { type Clock, createAlarm, DAY, HOUR, type Instant, MINUTE, SECOND } from './clock.ts';
import { begunFolder, type Config, ConfigError, readClientSecret, readDkim } from './config.ts';
import { createAtHand } from './delivery/at-hand.ts';
import { PRIORITY } from './delivery/copies.ts';
import { mustHaveRoom, type Room, roomWatch } from './delivery/room.ts';
import { tellLate, type Waits } from './delivery/tell.ts';
import { deliveryLoop, type Lane } from './delivery/work.ts';
import { type Duty, dutyLoop } from './duties.ts';
import { createWatch, openClock, watchLoop } from './embargo/clock-watch.ts';
import { createComparison } from './embargo/comparison.ts';
import { endLongest } from './embargo/dead-man.ts';
import { tellIncidents } from './embargo/incidents.ts';
import { tellLetIn } from './embargo/let-in.ts';
import { releaseLoop } from './embargo/loop.ts';
import { areReconcilable } from './embargo/policy.ts';
import { allPolicies, type OwnPolicies } from './embargo/presets.ts';
import type { Watched } from './embargo/recognise.ts';
import { createRecogniser } from './embargo/recogniser.ts';
import { retractOfFormer } from './embargo/retract.ts';
import { createWatched } from './embargo/watched.ts';
import { type Ground, takeDown, takeGround } from './ground.ts';
import { createNumbers, type Numbers } from './http/numbers.ts';
import { createHttp, type HttpOptions } from './http/server.ts';
import { cannotListen } from './listening.ts';
import type { Log } from './log.ts';
import { lookUp } from './lookup/certificate.ts';
import { outside } from './lookup/guarded.ts';
import { createProvider } from './oidc/provider.ts';
import { type ListKey, loadKeyring } from './pgp/keyring.ts';
import { createPgp } from './pgp/pool.ts';
import { anyDestination, destination } from './post/destination.ts';
import { adviceOn } from './post/held.ts';
import { receive } from './post/receive.ts';
import type { Identity } from './post/received.ts';
import { movePast, purgeContent } from './post/retention.ts';
import { watchUndelivered } from './post/undelivered.ts';
import { Refusal } from './refusal.ts';
import type { AdmissionRules } from './roster/apply.ts';
import { CRITERIA } from './roster/criteria.ts';
import { watchCertificates, watchReviews } from './roster/expiry.ts';
import { watchFailing } from './roster/failing.ts';
import { catchingUp } from './roster/known.ts';
import { watchListKeyEnds } from './roster/list-key-ends.ts';
import { watchListKeys } from './roster/list-keys.ts';
import { addList } from './roster/lists.ts';
import { forgetSignIns } from './roster/sign-in.ts';
import type { Project, Seams } from './seams.ts';
import { createRelay } from './smtp/client.ts';
import { createSmtp, type Doors } from './smtp/server.ts';
import { type Begun, openBegun } from './store/begun.ts';
import * as cases from './store/cases.ts';
import { type Database, isStorageFault, namingFile } from './store/database.ts';
import * as deliveries from './store/deliveries.ts';
import { createEndNote, lostLine } from './store/end-note.ts';
import * as idempotency from './store/idempotency.ts';
import { changesOf, firstOf } from './store/integrity.ts';
import * as lists from './store/lists.ts';
import { migrate, pendingMigrations } from './store/migrate.ts';
import * as restorations from './store/restorations.ts';
import { roomOf } from './store/room.ts';
import type { IncidentKind } from './store/schema.ts';
import { readWords } from './wording/read.ts';

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
 * person can act on; then nothing is left running. `taken`: what it stands on, where whoever calls has it already.
 */
export async function start(config: Config, passphrase: string, clock: Clock, log: Log, taken?: Ground): Promise<Running> {
  const undo: (() => unknown)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= takeDown(undo, log);
    return stopped;
  };
  try {
    const ground = taken ?? takeGround(config, log);
    undo.push(...ground.undo);
    return { ...(await build(config, passphrase, clock, log, ground, undo)), stop };
  } catch (error) {
    await stop();
    throw namingFile(error, config.database);
  }
}

/** Pushes onto `undo` what takes each part down again. */
async function build(
  config: Config,
  passphrase: string,
  wall: Clock,
  log: Log,
  { privileges, db, damage }: Ground,
  undo: (() => unknown)[],
): Promise<Omit<Running, 'stop'>> {
  const { database, domain } = config;
  const identity: Identity = { ...admissionRules(config), domain };
  const words = readWords(config.notices);
  // Both take their time, and neither needs the other.
  const isSound = mustBeSound(db, database, damage);
  isSound.catch(() => undefined);
  const keyring = await loadKeyring(config.keys, passphrase);
  await isSound;
  await mustHoldProject(db, database);
  // Of an older one of PostgreSQL not all could be asked for before.
  if ((await migrate(db)) > 0) await mustBeAsMade(db, database);
  await mustBeRestored(db);
  const noteEnd = 'sqlite' in database ? createEndNote(db, database.sqlite) : null;
  if (noteEnd) undo.push(noteEnd);
  if (await restorations.isOpen(db))
    log.error('a backup was restored: nothing is released until an admin confirms it: curfew restored show');
  const project = projectOf(config);
  mustAgree(project, wall.now());
  await mustKnowPolicies(db, project);
  const clock = await openClock(db, wall, config.clock.longestDowntime * HOUR);
  // With the lock in hand, whoever held a lease is dead; on PostgreSQL other nodes may be alive, and leases run out.
  await deliveries.reclaim(db, clock.now(), 'sqlite' in database ? 'all' : 'ended');
  if ('sqlite' in database) await idempotency.giveBack(db, 'all');
  for (const key of keyring.all())
    if (expiresWithin(key, clock.now() + EXPIRY_WARNING))
      log.error({ list: key.address }, 'the list key expires within 30 days, and then signs nothing: curfew keys renew');
  for (const { address, fingerprint } of await lists.all(db))
    if (!keyring.find(fingerprint))
      log.error({ list: address, fingerprint }, 'the key of the list is not in the folder of the list keys: mail to it waits');
  const begun = begunIn(begunFolder(config), wall.now());
  const pgp = createPgp(config.workers);
  undo.push(() => pgp.close());
  const stopping = new AbortController();
  const incidentAlarm = createAlarm(clock);
  const comparing = createRecogniser();
  undo.push(() => comparing.close());
  const local: Seams = { db, clock, keyring, pgp, compare: createComparison(comparing), begun, by: SYSTEM, words, project };
  const { missing } = await readersOf(local, config.audit.headTo);
  if (missing.length > 0) log.warn({ missing }, 'nobody gets the signed heads of the audit log there: audit.headTo');
  const recogniser = createRecogniser();
  undo.push(() => recogniser.close());
  const noted = (kind: IncidentKind) => {
    numbers.incident(kind);
    incidentAlarm.ring();
  };
  const watched = createWatched(local, recogniser, log, { noted, signal: stopping.signal });
  // What is wrong with it is said before anything is sent.
  const signIn = signInOf(config, clock);
  const seams: Seams = { ...local, watched, atHand: createAtHand() };
  const room: Room = { free: () => roomOf(database), reserve: config.smtp.limits.reserve };
  const numbers = createNumbers(seams, log, room.free);
  const refusals = createRefusals(seams, domain);
  undo.push(() => refusals.logCounts());

  const dkim = readDkim(config);
  const lanes = (Object.keys(PRIORITY) as Lane[]).map((lane) => {
    const relay = createRelay({ relay: config.relay, hostname: domain, log, dkim });
    undo.push(() => relay.close());
    return { lane, relay, alarm: createAlarm(clock) };
  });
  const queued = () => {
    for (const { alarm } of lanes) alarm.ring();
  };
  const releasing = createAlarm(clock);
  const dutyAlarm = createAlarm(clock);
  const deadlineAlarm = createAlarm(clock);
  const believedAgain = () => {
    queued();
    releasing.ring();
  };
  // Before anything is sent, and as whom it runs: what could not be read again is not begun with.
  const quiet = createSmtp({
    smtp: config.smtp,
    hostname: domain,
    log,
    clock,
    doors: doors(seams, identity, { numbers, refusals, room }, queued),
    refused: (reason) => {
      numbers.judged('refused', reason);
      refusals.count(reason);
    },
    turnedAway: () => refusals.count('too-many-connections'),
  });
  const begin = () => [
    ...lanes.map(({ lane, relay, alarm }) => {
      const settled: typeof numbers.settled = (...of) => {
        numbers.settled(...of);
        // What comes after it in a release may go.
        if (lane !== 'ordinary') queued();
      };
      const options = { ...config.delivery, connections: config.relay.connections, lane, settled };
      return deliveryLoop(seams, relay.send, options, alarm, log, stopping.signal);
    }),
    releaseLoop(seams, releasing, queued, log, stopping.signal),
    watchLoop(createWatch(seams, clock, believedAgain, log), clock, log, stopping.signal),
    dutyLoop(dutiesOf(seams, config, refusals), dutyAlarm, queued, log, stopping.signal),
    // Neither waits for the other duties: somebody is to know at once, and what is under embargo is learned before it is asked for.
    dutyLoop([{ name: 'incidents', run: () => tellIncidents(seams) }], incidentAlarm, queued, log, stopping.signal),
    dutyLoop([{ name: 'recognition', run: () => learn(watched) }], createAlarm(clock), queued, log, stopping.signal),
    dutyLoop(
      [...deadlinesOf(seams, log, config.delivery), { name: 'room', run: roomWatch(seams, room, log) }],
      deadlineAlarm,
      queued,
      log,
      stopping.signal,
      MINUTE,
    ),
  ];
  let loops: Promise<unknown> = Promise.resolve();
  undo.push(async () => {
    stopping.abort();
    await Promise.race([loops, new Promise((resolve) => setTimeout(resolve, DRAIN).unref())]);
  });

  const ready = () => whatIsMissing(seams);
  const http = createHttp({
    seams,
    clock,
    log,
    ready,
    numbers,
    room,
    admission: admissionRules(config),
    policies: seams.project.policies,
    signIn,
    lookUp: (address, source) => lookUp(address, source, config.keyLookup, outside),
    addList: (acting, wanted) => addList({ ...acting, keys: config.keys, passphrase, domain }, wanted),
    changed: { deliveries: queued, releases: releasing.ring },
  });
  undo.push(() => http.close());
  const { host, port } = config.http;
  const smtp = await privileges.asStarted(async () => {
    await http.listen({ host, port }).catch((error: unknown) => {
      throw cannotListen('HTTP', { host, port }, error);
    });
    return quiet.listen();
  });
  undo.push(() => smtp.close(DRAIN));
  privileges.drop();
  // What is due at a start has a whole roster looked through: whoever has mail, or a question, waits for none of that.
  loops = Promise.all(begin());
  // What root makes nobody else could write: not before those rights are gone.
  if (noteEnd) {
    const noting = { name: 'end of the audit log', run: () => noteEnd().then(() => false) };
    void dutyLoop([noting], createAlarm(clock), queued, log, stopping.signal, SECOND);
  }
  return {
    seams,
    smtpPort: smtp.port,
    httpPort: (http.server.address() as AddressInfo).port,
    wake() {
      queued();
      releasing.ring();
      dutyAlarm.ring();
      deadlineAlarm.ring();
    },
    reload: () => smtp.reload(),
  };
}

function begunIn(folder: string, now: Instant): Begun {
  try {
    return openBegun(folder, now);
  } catch (error) {
    const message = `is ${folder}, and nothing can be written there (${error instanceof Error ? error.message : error}); must be a folder that is this node's alone`;
    throw new ConfigError([{ path: 'begun', message }]);
  }
}

function projectOf({ project, domain, embargo, site }: Config): Project {
  const own = structuredClone(embargo) as OwnPolicies;
  const policies = allPolicies(own);
  const there = policies.map(({ name }) => name);
  const unknown = own.policy.filter((name) => !there.includes(name));
  if (unknown.length > 0)
    throw new ConfigError([
      { path: 'embargo.policy', message: `names ${unknown.join(', ')}; must name some of ${there.join(', ')}` },
    ]);
  return { name: project, policies, usual: own.policy, site: siteOf({ project, domain, site }) };
}

/** No case could be scheduled under such policies: each refuses what the others want. */
function mustAgree({ policies, usual }: Project, now: Instant): void {
  if (
    areReconcilable(
      policies.filter(({ name }) => usual.includes(name)),
      now,
    )
  )
    return;
  const message = `has ${usual.join(', ')}, and no instant would do for all of them: each refuses what another one wants`;
  throw new ConfigError([{ path: 'embargo.policy', message }]);
}

/** Nobody would be reminded of anything in a case whose deadlines are not known, nor the public told of its end. */
async function mustKnowPolicies(db: Database, project: Project): Promise<void> {
  const lost = withoutPolicy(project, await cases.underWay(db));
  if (lost.length === 0) return;
  const message = `lacks policies of cases that are not over: ${lost.join(', ')}; must keep each until its cases are, or are under another`;
  throw new ConfigError([{ path: 'embargo.policies', message }]);
}

function siteOf({ project, domain, site }: Pick<Config, 'project' | 'domain' | 'site'>): Site {
  const url = site.url ?? `https://${domain}`;
  const contact = `Security reports: security@${domain}, encrypted to the key at ${url}/keys`;
  return {
    project,
    url,
    publisher: { name: site.publisher ?? project, namespace: site.namespace ?? url, contact },
    cna: site.cnaOrgId === null ? null : { orgId: site.cnaOrgId },
  };
}

function admissionRules({ project, members }: Config): AdmissionRules {
  const { criteria, terms } = members;
  return { project, criteria: criteria ?? CRITERIA, terms };
}

/** Null where the project has no identity provider. */
function signInOf(config: Config, clock: Clock): HttpOptions['signIn'] {
  const { issuer, clientId, hours, admins } = config.oidc;
  if (issuer === null || clientId === null) return null;
  return {
    provider: createProvider({ issuer, clientId, clientSecret: readClientSecret(config) }, clock),
    rules: { hours, admins },
  };
}

/** Queues nothing. */
const learn = (watched: Watched) => watched.refresh().then(() => false);

function dutiesOf(seams: Seams, { project, audit, retention }: Config, refusals: Refusals): Duty[] {
  const head = { project, days: audit.headDays, to: audit.headTo };
  return [
    { name: 'certificates', run: (signal) => watchCertificates(seams, project, signal) },
    { name: 'acknowledgements', run: () => remindSilent(seams) },
    { name: 'reviews', run: () => watchReviews(seams) },
    { name: 'list keys', run: () => watchListKeys(seams) },
    { name: 'ends of list keys', run: () => watchListKeyEnds(seams) },
    { name: 'refusals', run: () => refusals.logCounts().then(() => false) },
    { name: 'audit head', run: async () => (await signHead(seams, head)) !== null },
    { name: 'sign-ins', run: () => forgetSignIns(seams).then(() => false) },
    { name: 'idempotency keys', run: () => idempotency.purge(seams.db, seams.clock.now()).then(() => false) },
    { name: 'past copies', run: () => movePast(seams, retention).then(() => false) },
    { name: 'retention', run: () => purgeContent(seams, retention).then(() => false) },
  ];
}

/** What is due to the minute. */
function deadlinesOf(seams: Seams, log: Log, waits: Waits): Duty[] {
  return [
    { name: 'revocations', run: catchingUp(seams, log) },
    { name: 'contacts whose mail fails', run: () => watchFailing(seams) },
    { name: 'what reached nobody', run: () => watchUndelivered(seams) },
    { name: 'approvals', run: () => retractOfFormer(seams) },
    { name: 'let in', run: () => tellLetIn(seams, log) },
    { name: 'turns', run: () => askWhoseTurn(seams) },
    { name: 'deadlines', run: () => remind(seams, log) },
    { name: 'longest embargo', run: () => endLongest(seams, log) },
    { name: 'late copies', run: async () => (await tellLate(seams, waits, log)) > 0 },
  ];
}

/** Nothing is sent from what may be anything, and nothing is done to what this version does not understand. */
async function mustBeSound(db: Database, config: Config['database'], damage: Promise<string[]>): Promise<void> {
  const { unknown, had } = await pendingMigrations(db);
  if (unknown.length > 0)
    throw new Refusal(
      'not-ready',
      `The database was written by a newer Curfew (${unknown.join(', ')}), and this one would not understand it: start that one`,
    );
  // A database of nobody is told of later.
  const isAsMade = had > 0 ? mustBeAsMade(db, config) : Promise.resolve();
  // What a damaged one says of itself is heard after that it is damaged.
  isAsMade.catch(() => undefined);
  if ('sqlite' in config) await mustBeUndamaged(config.sqlite, damage);
  await isAsMade;
  if ('sqlite' in config) await mustHaveItsEnd(db, config.sqlite);
}

async function mustBeUndamaged(path: string, damage: Promise<string[]>): Promise<void> {
  const [fault] = await damage;
  if (fault !== undefined)
    throw new Refusal(
      'not-ready',
      `The database is damaged: ${path} (${fault.split('\n', 1)[0]}). Keep a copy of it, with what is beside it, and restore the last backup`,
    );
}

const UNDO = 'End that as it says there, and look at what was written meanwhile, which nothing guarded';

/** Half of what keeps an embargo, and a log that is only appended to, is in the triggers and constraints of the database: without them it would run on as if nothing were. */
async function mustBeAsMade(db: Database, config: Config['database']): Promise<void> {
  const changes = await changesOf(db);
  if (changes.length === 0) return;
  const [which, copy] =
    'sqlite' in config
      ? [`The database ${config.sqlite}`, 'Keep a copy of it, with what is beside it']
      : ['The PostgreSQL database', 'Keep a copy of it (pg_dump)'];
  const mend = changes.every(({ undo }) => undo) ? UNDO : `${copy}, and restore the last backup into a new one`;
  throw new Refusal('not-ready', `${which} is not as Curfew makes it: ${firstOf(changes)}. ${mend}`);
}

async function mustHaveItsEnd(db: Database, path: string): Promise<void> {
  const lost = await lostLine(db, path);
  if (lost !== null)
    throw new Refusal(
      'not-ready',
      `The database lacks what was in it: line ${lost} of its audit log, which ${path}-end says it had. Its log (${path}-wal) was cut or removed, or an older copy put in its place. Bring back what was there, or restore the last backup`,
    );
}

/** Somebody stopped it in the middle: what waited in the backup is not held yet, and would go out. */
async function mustBeRestored(db: Database): Promise<void> {
  if (await restorations.isUnfinished(db))
    throw new Refusal(
      'not-ready',
      'A backup was being restored into this database, and that was not finished: restore it again into a new one',
    );
}

/**
 * A database of nobody, where a path is mistyped or a volume is not mounted, would answer every mail that there is no such
 * list. Looked at before a migration: another program's database is not written to.
 */
async function mustHoldProject(db: Database, config: Config['database']): Promise<void> {
  if (await lists.some(db)) return;
  const which = 'sqlite' in config ? `The database ${config.sqlite}` : 'The PostgreSQL database';
  throw new Refusal('not-ready', `${which} holds no lists: is it the right one? \`curfew init\` makes a project`);
}

/** How SMTP comes to the moves. */
function doors(
  seams: Seams,
  identity: Identity,
  { numbers, refusals, room }: { numbers: Numbers; refusals: Refusals; room: Room },
  accepted: () => void,
): Doors {
  return {
    async recipient(address, alone) {
      mustHaveRoom(room);
      const find = alone ? anyDestination : destination;
      await find(seams.db, identity.domain, address);
    },
    async receive({ sender, recipient, receivedAt, client }, raw) {
      try {
        const to = await anyDestination(seams.db, identity.domain, recipient);
        const { id, held, repeated } = await receive(seams, identity, to, { sender, receivedAt, raw }).catch(async (error) => {
          // An incident has its own line.
          if (error instanceof Refusal && !('incident' in error && error.incident === true))
            await refusals.log(error, { list: to.list, raw, client: client.address });
          throw error;
        });
        accepted();
        if (repeated) numbers.judged('discarded', 'repeated');
        else numbers.judged(held === null ? 'accepted' : 'held', held);
        return held === null ? `Accepted as ${id}` : `Accepted as ${id}, and held for a moderator: ${adviceOn(held)}`;
      } catch (error) {
        if (isStorageFault(error)) throw new Refusal('storage-unavailable', undefined, String(error));
        throw error;
      }
    },
  };
}

/** How long before a list key expires the log begins to say so. */
const EXPIRY_WARNING = 30 * DAY;

function expiresWithin(key: ListKey | undefined, instant: Instant): boolean {
  return typeof key?.expiresAt === 'number' && key.expiresAt <= instant;
}

/**
 * One line for each thing without which mail cannot be taken; empty: ready. A list that another node made, and that nobody is on yet,
 * puts no node out of service.
 */
async function whatIsMissing({ db, keyring, clock }: Seams): Promise<string[]> {
  const [all, used] = [await lists.all(db), await lists.inUse(db)];
  const keyless = used.filter(({ fingerprint }) => !keyring.find(fingerprint));
  const expired = used.filter(({ fingerprint }) => expiresWithin(keyring.find(fingerprint), clock.now()));
  return [
    ...(all.length === 0 ? ['the database holds no lists'] : []),
    ...(all.some(({ role }) => role === 'intake') ? [] : ['there is no intake list']),
    ...keyless.map(({ address }) => `the key of ${address} is not loaded`),
    ...expired.map(({ address }) => `the key of ${address} has expired: curfew keys renew ${address}, then restart`),
  ];
}
