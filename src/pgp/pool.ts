import { createRequire } from 'node:module';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { type Instant, SECOND } from '../clock.ts';
import { type Reason, Refusal } from '../refusal.ts';
import type { CertificateFacts, Usable } from './certificate.ts';
import type { OpenedMail, OpenRequest } from './open.ts';
import type { Renewal } from './renewal.ts';
import { armorOf, type Shared } from './shared.ts';
import type { Lookup } from './verify.ts';
import type { Answer, Operation, Result, Sealed } from './worker.ts';

/** OpenPGP off the main thread. Every call throws a Refusal for what the world did wrong. */
export interface Pgp {
  open(request: OpenRequest, lookup: Lookup): Promise<OpenedMail>;
  /** Encrypts to a list's key what is to be stored. */
  keep(plaintext: Uint8Array, certificate: Uint8Array, at: Instant): Promise<Uint8Array>;
  /**
   * The plaintext of what `keep` made, for a key of which the secret is among these: to be read alone, as it may be in shared memory, which webcrypto does
   * not take. Throws `purged` where it was taken away.
   */
  reopen(content: Uint8Array, secrets: Uint8Array[]): Promise<Uint8Array>;
  /** A signed message, once for all who will get it. */
  sign(entity: Uint8Array, secret: Uint8Array, at: Instant): Promise<Uint8Array>;
  signApart(entity: Uint8Array, secret: Uint8Array, at: Instant): Promise<{ armored: string; micalg: string }>;
  /** One answer a certificate, in their order. One that takes too long is answered for by itself. */
  seal(signed: Uint8Array, certificates: Uint8Array[], at: Instant): Promise<Sealed[]>;
  /** The same, where all share what is encrypted: what is made of it for the first copies stays in `shared` for those that follow. */
  sealShared(signed: Uint8Array, certificates: Uint8Array[], at: Instant, shared: Shared): Promise<Sealed[]>;
  /** Reads, checks and minimises what may be a certificate. Throws `unusable-certificate`. */
  readCertificate(input: Uint8Array | string): Promise<CertificateFacts>;
  /** What its owner revokes by it, whatever else is wrong with it. Throws `unusable-certificate`. */
  hear(input: Uint8Array | string): Promise<Pick<CertificateFacts, 'fingerprint' | 'revocations'>>;
  /** As `readCertificate`, with what is known to be revoked of it: what these copies revoke. */
  readKnown(input: Uint8Array | string, copies: readonly Uint8Array[]): Promise<CertificateFacts>;
  /**
   * One that is kept, with what these copies revoke; it is not judged. `on`: whose threads it takes, `own` where something is sent with it.
   * Throws `unusable-certificate` where it is too large then.
   */
  layRevocations(kept: Uint8Array, copies: readonly Uint8Array[], on: 'own' | 'strangers'): Promise<CertificateFacts>;
  /** Merges a newer copy of a certificate into the one that is known, with what these copies revoke. Throws `unusable-certificate`. */
  renewCertificate(
    current: Uint8Array,
    newer: Uint8Array | string,
    at: Instant,
    copies?: readonly Uint8Array[],
  ): Promise<Renewal>;
  /** Whether a certificate may be encrypted to at that instant, or why not. */
  usable(certificate: Uint8Array, at: Instant): Promise<Usable>;
  close(): Promise<void>;
}

/*
 * How long a task may run, in milliseconds: what runs longer has been made to, and its thread is ended. Measured on one core
 * of 2026: an ordinary mail of 25 MiB is opened in 0.7 s, one encrypted with OCB (JavaScript, 5 MB/s) in 5.8 s, a copy of
 * 18 MiB is sealed in 0.3 s, one of a few lines in 0.01 s. All of them have about three times that, as there are slower ones.
 */
const MEBIBYTE = 1024 * 1024;
const OPEN = { base: 3 * SECOND, mebibyte: 0.6 * SECOND };
const SEAL = { base: 2 * SECOND, copy: 0.03 * SECOND, mebibyte: 0.06 * SECOND };
/** An honest certificate takes 10 ms, and one of Ed448 with ten addresses that was extended again and again 0.3 s. */
const CERTIFICATE = 2 * SECOND;
/** What only our own keys have a part in. */
const OWN = 30 * SECOND;
/** How long a task waits for a thread. */
const WAIT = 300 * SECOND;
/** How often the time is looked at. */
const STEP = SECOND / 4;

/** The worker is the compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#openpgp-worker');

export function createPgp(threads: number): Pgp {
  // Strangers' mail, and what is offered as a certificate, has threads of its own: however it may have been made, it
  // does not keep a copy, or a release, waiting for one.
  const strangers = threadPool(threads);
  const own = threadPool(threads);
  const look = runner(strangers);
  const run = runner(own);
  const read: Judge = (name, task) => timely(look(name, task, CERTIFICATE), 'unusable-certificate');
  const keep: Judge = (name, task) => timely(run(name, task, OWN), 'busy');
  return {
    open: (request, lookup) => openWithLookup(look, request, lookup),
    keep: (plaintext, certificate, at) => keep('keep', { plaintext, certificate, at }),
    reopen: async (content, secrets) => {
      if (content.length === 0) throw new Refusal('purged');
      return keep('reopen', { content, secrets });
    },
    sign: (entity, secret, at) => keep('sign', { entity, secret, at }),
    signApart: (entity, secret, at) => keep('signApart', { entity, secret, at }),
    seal: (signed, certificates, at) => sealAll(run, signed, certificates, at),
    sealShared: (signed, certificates, at, shared) => sealAllShared(run, signed, certificates, at, shared),
    readCertificate: (input) => read('readCertificate', { input }),
    hear: (input) => read('hear', { input }),
    readKnown: (input, copies) => read('readKnown', { input, copies }),
    layRevocations: (kept, copies, on) => {
      const lay = on === 'own' ? run : look;
      return timely(lay('layRevocations', { kept, copies }, CERTIFICATE), 'unusable-certificate');
    },
    renewCertificate: (current, newer, at, copies) => read('renewCertificate', { current, newer, at, copies }),
    usable: async (certificate, at) => {
      const verdict = await look('usable', { certificate, at }, CERTIFICATE);
      return verdict === LATE ? { usable: false, reason: 'too-costly' } : verdict;
    },
    close: async () => {
      await Promise.all([strangers.destroy(), own.destroy()]);
    },
  };
}

function threadPool(maxThreads: number): Piscina {
  return new Piscina({
    filename: workerFile,
    minThreads: 1,
    maxThreads,
    idleTimeout: 60 * SECOND,
    maxQueue: 1000,
    // A thread that is ended while it `require`s a module with imports ends the process: node aborts. Without that, it is imported.
    execArgv: ['--no-experimental-require-module'],
    // What grows beyond this ends its thread, and nothing else. What is young is small: the rest of a task is in buffers.
    resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 4 },
  });
}

/** In place of an answer: the task ran for longer than it may, and its thread was ended. */
const LATE = Symbol('late');

/** Throws what the task refused, and `busy` where it found no thread or lost it. */
type Run = <Name extends Operation>(
  name: Name,
  task: object,
  limit: number,
  ports?: MessagePort[],
) => Promise<Result<Name> | typeof LATE>;
type Judge = <Name extends Operation>(name: Name, task: object) => Promise<Result<Name>>;

function runner(pool: Piscina): Run {
  return async <Name extends Operation>(operation: Name, task: object, limit: number, ports: MessagePort[] = []) => {
    const started = new Int32Array(new SharedArrayBuffer(4));
    const late = watch(started, limit);
    try {
      const options = { signal: late.signal, transferList: ports };
      const answer: Answer = await pool.run({ operation, task, started }, options);
      if ('refused' in answer) throw new Refusal(answer.refused.reason, answer.refused.hint, answer.refused.detail);
      return answer.value as Result<Name>;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (late.signal.aborted && Atomics.load(started, 0) === 1) return LATE;
      throw new Refusal('busy', undefined, `${operation}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      late.end();
    }
  };
}

/**
 * Aborts a task that runs too long, and one that waits too long for a thread. A second counts as far as this process had the
 * processor in it, and for a tenth at least: where the machine is busy with others, nobody's mail is refused for that.
 */
function watch(started: Int32Array, limit: number): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  let waited = 0;
  let ran = 0;
  // To ask for it takes as long as many a task: of one that is done before the first step nobody asks.
  let before: NodeJS.CpuUsage | undefined;
  const timer = setInterval(() => {
    const now = process.cpuUsage();
    const had = before ? (now.user - before.user + now.system - before.system) / 1000 : STEP;
    before = now;
    if (Atomics.load(started, 0) === 1) ran += Math.max(STEP / 10, Math.min(STEP, had));
    else waited += STEP;
    if (ran > limit || waited > WAIT) controller.abort();
  }, STEP);
  return { signal: controller.signal, end: () => clearInterval(timer) };
}

const TOO_LONG: Partial<Record<Reason, string>> = {
  'unusable-certificate': 'The certificate takes too long to verify: export it with fewer signatures, or make a new key',
};

/** The answer of a task, or a refusal for this reason where it is late. */
async function timely<Value>(answer: Promise<Value | typeof LATE>, reason: Reason): Promise<Value> {
  const value = await answer;
  if (value === LATE) throw new Refusal(reason, TOO_LONG[reason], 'it ran past its time limit');
  return value as Value;
}

/**
 * All in one task, as they mostly are done in a moment. Where that takes too long, each in a task of its own: a certificate
 * that was made to cost holds its own copy, and nobody else's.
 */
async function sealAll(run: Run, signed: Uint8Array, certificates: Uint8Array[], at: Instant): Promise<Sealed[]> {
  const together = await run('seal', { signed, certificates, at }, sealLimit(signed, certificates.length));
  return together === LATE ? eachAlone(run, signed, certificates, at) : together;
}

async function eachAlone(run: Run, signed: Uint8Array, certificates: Uint8Array[], at: Instant): Promise<Sealed[]> {
  const answers: Sealed[] = [];
  for (const certificate of certificates) {
    const alone = await run('seal', { signed, certificates: [certificate], at }, sealLimit(signed, 1));
    answers.push(...(alone === LATE ? [{ unusable: 'cannot-encrypt' }] : alone));
  }
  return answers;
}

/** Where it takes too long, each by itself, with a body of its own. */
async function sealAllShared(
  run: Run,
  signed: Uint8Array,
  certificates: Uint8Array[],
  at: Instant,
  shared: Shared,
): Promise<Sealed[]> {
  const { bodies } = shared;
  const task = { signed, certificates, at, bodies, lines: new Set(shared.lines.keys()) };
  const answer = await run('sealShared', task, sealLimit(signed, certificates.length));
  if (answer === LATE) return eachAlone(run, signed, certificates, at);
  for (const [cohort, body] of answer.made.bodies) bodies.set(cohort, body);
  for (const [name, lines] of answer.made.lines) shared.lines.set(name, lines);
  return answer.copies.map((copy) => ('unusable' in copy ? copy : { armored: armorOf(copy, shared) }));
}

function sealLimit(signed: Uint8Array, copies: number): number {
  return SEAL.base + copies * (SEAL.copy + SEAL.mebibyte * (signed.length / MEBIBYTE));
}

/** A lookup that fails must fail the mail, not leave the thread waiting. */
async function openWithLookup(run: Run, request: OpenRequest, lookup: Lookup): Promise<OpenedMail> {
  const { port1, port2 } = new MessageChannel();
  const failed = new Promise<never>((_, reject) => {
    port1.on('message', (keyIds: string[]) => {
      lookup(keyIds).then((certificates) => port1.postMessage(certificates), reject);
    });
  });
  try {
    const limit = OPEN.base + OPEN.mebibyte * (request.raw.length / MEBIBYTE);
    // A mail that was made to take for ever is refused for good.
    const opened = timely(run('open', { ...request, port: port2 }, limit, [port2]), 'cannot-open');
    return await Promise.race([opened, failed]);
  } finally {
    port1.close();
  }
}
