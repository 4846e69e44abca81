import { createRequire } from 'node:module';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { type Instant, SECOND } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { CertificateFacts, Usable } from './certificate.ts';
import type { OpenedMail, OpenRequest } from './open.ts';
import type { Lookup } from './verify.ts';
import type { Answer, Sealed } from './worker.ts';

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

/** No mail of at most 25 MiB takes this long; what does has been made to. */
const TIME_LIMIT = 60 * SECOND;

/** The worker is the compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#openpgp-worker');

export function createPgp(threads: number): Pgp {
  const pool = new Piscina({
    filename: workerFile,
    minThreads: 1,
    maxThreads: threads,
    idleTimeout: 60 * SECOND,
    maxQueue: 1000,
    // A thread's crash must not print what it held.
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });

  async function run<T>(name: string, task: object, ports: MessagePort[] = []): Promise<T> {
    const signal = AbortSignal.timeout(TIME_LIMIT);
    const answer: Answer<T> = await pool.run(task, { name, signal, transferList: ports }).catch((error: unknown) => {
      if (signal.aborted) throw new Refusal('cannot-open', undefined, `${name} took longer than ${TIME_LIMIT} ms`);
      if (pool.queueSize >= pool.options.maxQueue) throw new Refusal('busy');
      throw error;
    });
    if ('refused' in answer) throw new Refusal(answer.refused.reason, answer.refused.hint, answer.refused.detail);
    return answer.value;
  }

  return {
    async open(request, lookup) {
      const { port1, port2 } = new MessageChannel();
      // A lookup that fails must fail the mail, not leave the thread waiting.
      const failed = new Promise<never>((_, reject) => {
        port1.on('message', (keyIds: string[]) => {
          lookup(keyIds).then((certificates) => port1.postMessage(certificates), reject);
        });
      });
      try {
        return await Promise.race([run<OpenedMail>('open', { ...request, port: port2 }, [port2]), failed]);
      } finally {
        port1.close();
      }
    },
    keep: (plaintext, certificate, at) => run('keep', { plaintext, certificate, at }),
    reopen: (content, secret) => run('reopen', { content, secret }),
    sign: (entity, secret, at) => run('sign', { entity, secret, at }),
    signApart: (entity, secret, at) => run('signApart', { entity, secret, at }),
    seal: (signed, certificates, at) => run('seal', { signed, certificates, at }),
    readCertificate: (input) => run('read', { input }),
    usable: (certificate, at) => run('judge', { certificate, at }),
    close: () => pool.destroy(),
  };
}
