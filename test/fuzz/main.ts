/**
 * `npm run fuzz -- --seconds 600 [--seed N] [--out DIR]`: changed mails through the parser, all of OpenPGP, the bounces' reader and
 * what makes a copy of them; changed SMTP sessions on a socket; changed requests to the API. Prints how many, with
 * which seed, and every failure: what is thrown and is no Refusal, hangs over 2 s, makes the process grow by over
 * 512 MiB, or has two different verdicts. The inputs that failed are written to DIR, and nowhere without it. Exit 1 where there are any.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { chanceOf } from '../support/chance.ts';
import type { Executed } from './execute.ts';
import { nextInput, type Seeds, seedsOf } from './inputs.ts';
import { type FuzzedRequest, openRequests } from './request.ts';
import { nextSession, openSessions } from './session.ts';

const HANGS = 2_000;
const LARGEST_GROWTH = 512 * 1024 * 1024;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' }, out: { type: 'string' } },
});
const seed = Number(values.seed);

/** A thread that is replaced when it had to be ended. */
function executor({ secrets, known }: Seeds) {
  let worker: Worker | undefined;
  const start = async () => {
    const made = new Worker(join(import.meta.dirname, 'worker.js'), {
      workerData: { secrets, known },
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    await new Promise((resolve) => made.once('message', resolve));
    return made;
  };
  return {
    async execute(raw: Uint8Array): Promise<Executed> {
      worker ??= await start();
      const running = worker;
      const executed = await new Promise<Executed>((resolve) => {
        const timer = setTimeout(() => settle({ failure: `hang: over ${HANGS} ms` }), HANGS);
        const broken = (error: Error) => settle({ failure: `thread: ${error.message}` });
        const settle = (result: Executed) => {
          clearTimeout(timer);
          running.off('message', settle);
          running.off('error', broken);
          resolve(result);
        };
        running.once('message', settle);
        running.once('error', broken);
        running.postMessage(raw);
      });
      if ('failure' in executed && /^(hang|thread)/.test(executed.failure)) {
        await running.terminate();
        worker = undefined;
      }
      return executed;
    },
    end: async () => worker?.terminate(),
  };
}

const seeds = await seedsOf();
const chance = chanceOf(seed);
const by = executor(seeds);
/** A session waits for its greeting most of the time: so many at a time, each with a server of its own. */
const SESSIONS = 10;
const servers = await Promise.all(Array.from({ length: SESSIONS }, openSessions));
const folder = mkdtempSync(join(tmpdir(), 'curfew-fuzz-'));
const requests = await openRequests(folder);
const failures = new Map<string, number>();
const verdicts = new Map<string, number>();
const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

function keep(raw: Uint8Array, failure: string): void {
  const kind = failure.split('\n').slice(0, 3).join(' | ').slice(0, 300);
  count(failures, kind);
  if (failures.get(kind) === 1) process.stdout.write(`FAILURE after ${executions}: ${kind}\n`);
  if (values.out === undefined || (failures.get(kind) ?? 0) > 20) return;
  mkdirSync(values.out, { recursive: true });
  const name = createHash('sha256').update(raw).digest('hex').slice(0, 16);
  writeFileSync(join(values.out, `${name}.eml`), raw);
  writeFileSync(join(values.out, `${name}.txt`), `${failure}\nseed ${seed}, execution ${executions}\n`);
}

let executions = 0;
/** What was executed last: whatever is thrown where nobody waits for it comes of that. */
let last: Uint8Array = new Uint8Array();
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => keep(last, `crash: ${error instanceof Error ? error.stack : error}`));

const inOctets = (input: object) => Buffer.from(JSON.stringify(input));

/** What only reads takes a moment: so many at a time, beside a request that may need a case to be made. */
const QUERIES = 4;

/** Of one in ten turns they are sessions, of three in ten requests, else a mail. */
async function turn(): Promise<{ raw: Uint8Array; executed: Executed }[]> {
  const kind = chance();
  if (kind < 0.1)
    return Promise.all(
      servers.map(async ({ play }) => {
        const session = nextSession(chance, seeds.mails);
        const raw = inOctets(session);
        last = raw;
        return { raw, executed: await patient(() => play(session)) };
      }),
    );
  if (kind < 0.4) {
    const request = await requests.next(chance).catch(unmade);
    const played = [await asked(request)];
    while (played.length <= QUERIES) played.push(await asked(requests.nextQuery(chance)));
    return played;
  }
  const raw = await nextInput(seeds, chance);
  return [{ raw, executed: await patient(() => by.execute(raw)) }];
}

async function asked(request: FuzzedRequest | { failure: string }): Promise<{ raw: Uint8Array; executed: Executed }> {
  const raw = inOctets(request);
  last = raw;
  return { raw, executed: 'failure' in request ? request : await requests.play(request) };
}

/** What a request is about is made by the program as well. */
function unmade(error: unknown): { failure: string } {
  return { failure: `request: what it is about could not be made: ${error instanceof Error ? error.stack : error}` };
}

/** Another program may have had the machine: only who hangs twice hangs. */
async function patient(execute: () => Promise<Executed>): Promise<Executed> {
  const executed = await execute();
  return 'failure' in executed && executed.failure.includes('hang') ? execute() : executed;
}

/** Octets since the first execution, of the process with its threads. */
const grownBy = () => Math.max(0, process.memoryUsage.rss() - base);
const inMiB = (octets: number) => `${octets >> 20} MiB`;

await by.execute(Buffer.from('From: a@x.example\r\n\r\nx'));
let base = process.memoryUsage.rss();
const began = performance.now();
const end = began + Number(values.seconds) * 1_000;
let said = began;
while (performance.now() < end) {
  const played = await turn();
  executions += played.length;
  for (const { raw, executed } of played)
    if ('failure' in executed) keep(raw, executed.failure);
    else count(verdicts, executed.verdict.split(' ').slice(0, 2).join(' '));
  const grown = grownBy();
  if (grown > LARGEST_GROWTH) {
    keep(played.at(-1)?.raw ?? last, `memory: the process grew by ${inMiB(grown)}`);
    base += grown;
  }
  if (performance.now() - said > 60_000) {
    said = performance.now();
    process.stdout.write(
      `${Math.round((said - began) / 1_000)} s: ${executions} executions, ${failures.size} kinds of failure, grown by ${inMiB(grownBy())}\n`,
    );
  }
}
// While the thread that did all the work still has what it holds.
const grown = grownBy();
await by.end();
await Promise.all(servers.map(({ close }) => close()));
await requests.close();
rmSync(folder, { recursive: true, force: true });
const seconds = Math.round((performance.now() - began) / 1_000);
process.stdout.write(`${executions} executions in ${seconds} s, seed ${seed}, grown by ${inMiB(grown)}\n`);
for (const [verdict, times] of [...verdicts].sort((a, b) => b[1] - a[1])) process.stdout.write(`  ${times} ${verdict}\n`);
process.stdout.write(`${requests.done.size} routes did what they are there for\n`);
process.stdout.write(failures.size === 0 ? 'no failures\n' : 'failures:\n');
for (const [failure, times] of failures) process.stdout.write(`  ${times} ${failure}\n`);
// The threads of OpenPGP behind the API are still there.
process.exit(failures.size > 0 ? 1 : 0);
