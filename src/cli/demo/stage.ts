import { readFile, writeFile } from 'node:fs/promises';
import { remindSilent } from '../../cases/acknowledgements.ts';
import { remind } from '../../cases/remind.ts';
import { askWhoseTurn } from '../../cases/rotation.ts';
import { type Instant, type MovingClock, movingClock } from '../../clock.ts';
import { loadConfig, readPassphrase } from '../../config.ts';
import type { Outcome } from '../../delivery/outcome.ts';
import { createLog, type Log } from '../../log.ts';
import { type Running, start } from '../../main.ts';
import { createRelay, type Relay } from '../../smtp/client.ts';
import * as deliveries from '../../store/deliveries.ts';
import * as incidents from '../../store/incidents.ts';
import { makeProject, type ProjectAnswers } from '../project.ts';
import { ORBIT } from './policy.ts';
import { type Sent, startSink } from './sink.ts';

/** An instance of Curfew on real sockets with the world around it. */
export interface Stage {
  clock: MovingClock;
  running: Running;
  sent: Sent[];
  adminToken: string;
  /** A mail client: hands a mail to Curfew's SMTP door. */
  mail(from: string, to: string, raw: Uint8Array): Promise<Outcome>;
  /** A request to the REST API; the answer's status and body. */
  api(token: string, method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
  /** What anybody gets who asks for that path without a token. */
  page(path: string): Promise<{ status: number; body: string }>;
  /** Moves the clock and waits until everything that is due has been done. */
  moveTo(instant: Instant): Promise<void>;
  /** Waits until no copy is due or under way. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes a project in `dir` with the embedded defaults and starts it, at the hour at which the story begins. `postgres`: URL of a
 * database without lists; null: SQLite.
 */
export async function setStage(dir: string, begin: Instant, postgres: string | null = null): Promise<Stage> {
  const clock = movingClock(begin);
  const log = createLog('error');
  const sink = await startSink(clock, log);
  const relay = { host: '127.0.0.1', port: sink.port };
  const answers = {
    dir,
    project: 'orbit',
    domain: 'orbit.example',
    smtpPort: 0,
    httpPort: 0,
    relay,
    passphraseFile: null,
    postgres,
  };
  const made = await startProject(answers, clock, log).catch(async (error: unknown) => {
    await sink.close();
    throw error;
  });
  const { token, running } = made;
  const client = clientOf(running.smtpPort);
  const settle = () => untilSettled(running, clock);
  return {
    clock,
    running,
    sent: sink.sent,
    adminToken: token,
    mail: (from, to, raw) => client.send({ from, to, raw: [raw] }),
    api: (bearer, method, path, body) => request(running.httpPort, bearer, method, path, body),
    page: (path) => page(running.httpPort, path),
    async moveTo(instant) {
      clock.moveTo(instant);
      running.wake();
      // The server does it by itself; whoever comes second finds it done. So it is certain that it was.
      await askWhoseTurn(running.seams);
      await remind(running.seams, log);
      await remindSilent(running.seams);
      running.wake();
      await settle();
    },
    settle,
    async close() {
      client.close();
      await running.stop();
      await sink.close();
    },
  };
}

/** The project's id as a CVE Numbering Authority. */
const CNA = '3f1d6a52-8a43-4c1f-9d0e-2b7a5c9e4f10';

/** A project with the embedded defaults, made and started. */
async function startProject(answers: ProjectAnswers, clock: MovingClock, log: Log): Promise<{ token: string; running: Running }> {
  const { token, config: file } = await makeProject(answers, clock);
  const written = JSON.parse(await readFile(file, 'utf8'));
  const embargo = { policy: ['orbit'], policies: { orbit: ORBIT }, holidays: [] };
  await writeFile(file, JSON.stringify({ ...written, embargo, site: { cnaOrgId: CNA } }));
  const config = loadConfig(file);
  return { token, running: await start(config, await readPassphrase(config, async () => ''), clock, log) };
}

function clientOf(port: number): Relay {
  const relay = { host: '127.0.0.1', port, tls: 'none' as const, user: null, passwordFile: null, connections: 1, timeout: 30 };
  return createRelay({ relay, hostname: 'client.example', log: createLog('silent') });
}

/** Real milliseconds: the story's clock stands still while the server works. */
const PATIENCE = 60_000;
const GLANCE = 20;

async function untilSettled(running: Running, clock: MovingClock): Promise<void> {
  const { db } = running.seams;
  for (let waited = 0; waited < PATIENCE; waited += GLANCE) {
    const armed = await db
      .selectFrom('cases')
      .select('id')
      .where('state', '=', 'armed')
      .where('release_at', '<=', clock.now())
      .executeTakeFirst();
    const untold = await incidents.untold(db, 1);
    // After these: what is released or told meanwhile has its copies by then.
    const open = await deliveries.page(db, { limit: 1000 });
    const due = open.some(({ state, due_at }) => state === 'leased' || (isWaiting(state) && due_at <= clock.now()));
    if (!due && !armed && untold.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, GLANCE));
  }
  throw new Error('The server did not finish what is due within a minute');
}

function isWaiting(state: string): boolean {
  return state === 'queued' || state === 'deferred';
}

async function request(port: number, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

async function page(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
}
