import { createRequire } from 'node:module';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { type Instant, SECOND } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { CertificateFacts, Usable } from './certificate.ts';
import type { OpenedMail, OpenRequest } from './open.ts';
import type { Lookup } from './verify.ts';
import type { Answer, Operation, Result, Sealed } from './worker.ts';

/** OpenPGP off the main thread. Every call throws a Refusal for what the world did wrong. */
export interface Pgp {
  open(request: OpenRequest, lookup: Lookup): Promise<OpenedMail>;
  /** Encrypts to a list's key what is to be stored. */
  keep(plaintext: Uint8Array, certificate: Uint8Array, at: Instant): Promise<Uint8Array>;
  /** The plaintext of what `keep` made. */
  reopen(content: Uint8Array, secret: Uint8Array): Promise<Uint8Array>;
  /** A signed message, once for all who will get it. */
  sign(entity: Uint8Array, secret: Uint8Array, at: Instant): Promise<Uint8Array>;
  signApart(entity: Uint8Array, secret: Uint8Array, at: Instant): Promise<{ armored: string; micalg: string }>;
  /** One answer a certificate, in their order. */
  seal(signed: Uint8Array, certificates: Uint8Array[], at: Instant): Promise<Sealed[]>;
  /** Reads, checks and minimises what may be a certificate. Throws `unusable-certificate`. */
  readCertificate(input: Uint8Array | string): Promise<CertificateFacts>;
  /** Whether a certificate may be encrypted to at that instant, or why not. */
  usable(certificate: Uint8Array, at: Instant): Promise<Usable>;
  close(): Promise<void>;
}

/**
 * No mail of at most 25 MiB takes this long; what does has been made to. Looked at in these steps, so a task runs for one
 * to two of them at most, and waits for a free thread for MOST_WAITS of them.
 */
const TIME_LIMIT = 30 * SECOND;
const MOST_WAITS = 10;

/** The worker is the compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#openpgp-worker');

export function createPgp(threads: number): Pgp {
  // Strangers' mail, and what is offered as a certificate, has threads of its own: however it may have been made, it
  // does not keep a copy, or a release, waiting for one.
  const strangers = threadPool(threads);
  const own = threadPool(threads);
  const look = runner(strangers);
  const run = runner(own);
  return {
    open: (request, lookup) => openWithLookup(look, request, lookup),
    keep: (plaintext, certificate, at) => run('keep', { plaintext, certificate, at }),
    reopen: (content, secret) => run('reopen', { content, secret }),
    sign: (entity, secret, at) => run('sign', { entity, secret, at }),
    signApart: (entity, secret, at) => run('signApart', { entity, secret, at }),
    seal: (signed, certificates, at) => run('seal', { signed, certificates, at }),
    readCertificate: (input) => look('readCertificate', { input }),
    usable: (certificate, at) => run('usable', { certificate, at }),
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
    // What grows beyond this ends its thread, and nothing else.
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}

type Run = <Name extends Operation>(name: Name, task: object, ports?: MessagePort[]) => Promise<Result<Name>>;

function runner(pool: Piscina): Run {
  return async <Name extends Operation>(operation: Name, task: object, ports: MessagePort[] = []) => {
    const started = new Int32Array(new SharedArrayBuffer(4));
    const late = watch(started);
    try {
      const options = { signal: late.signal, transferList: ports };
      const answer: Answer = await pool.run({ operation, task, started }, options);
      if ('refused' in answer) throw new Refusal(answer.refused.reason, answer.refused.hint, answer.refused.detail);
      return answer.value as Result<Name>;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const detail = `${operation}: ${error instanceof Error ? error.message : String(error)}`;
      // A mail that was made to take for ever is refused for good; anything else was our own load.
      if (late.signal.aborted && Atomics.load(started, 0) === 1 && operation === 'open')
        throw new Refusal('cannot-open', undefined, detail);
      throw new Refusal('busy', undefined, detail);
    } finally {
      late.end();
    }
  };
}

/** Aborts a task that runs too long, and one that waits too long for a thread. */
function watch(started: Int32Array): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  let looks = 0;
  let running = 0;
  const timer = setInterval(() => {
    looks += 1;
    if (Atomics.load(started, 0) === 1) running += 1;
    if (running === 2 || looks - running === MOST_WAITS) controller.abort();
  }, TIME_LIMIT);
  return { signal: controller.signal, end: () => clearInterval(timer) };
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
    return await Promise.race([run('open', { ...request, port: port2 }, [port2]), failed]);
  } finally {
    port1.close();
  }
}
