import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { MINUTE } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Memory } from './memory.ts';
import type { Hit } from './recognise.ts';
import type { Answer } from './recogniser-worker.ts';

/** The memory of what is under embargo, off the main thread. Calls are done one after the other; each throws `busy` where its thread was lost. */
export interface Recogniser {
  /** Ids of the pieces that it has learned: none after its thread was lost. */
  pieces: ReadonlySet<string>;
  /** It knows nothing: `know` comes first. */
  isEmpty(): boolean;
  know(texts: readonly string[]): Promise<void>;
  learn(piece: Parameters<Memory['learn']>[0]): Promise<string[]>;
  forget(ids: readonly string[]): Promise<void>;
  look(mails: readonly Uint8Array[]): Promise<Hit[]>;
  close(): Promise<void>;
}

/** Milliseconds for one call: a mail that takes longer was made to, and the thread is ended. Ordinary ones take a second. */
const LIMIT = MINUTE;

/** The compiled file also where this one is run from source (`imports` in package.json). */
const workerFile = createRequire(import.meta.url).resolve('#recogniser-worker');

interface Pending {
  resolve(value: unknown): void;
  reject(error: Refusal): void;
}

export function createRecogniser(limit = LIMIT): Recogniser {
  const pieces = new Set<string>();
  const pending = new Map<number, Pending>();
  let calls = 0;
  let empty = true;
  let thread: Worker | null = null;
  let timer: NodeJS.Timeout | undefined;

  const lose = (lost: Worker, why: string) => {
    if (thread !== lost) return;
    thread = null;
    empty = true;
    clearTimeout(timer);
    pieces.clear();
    for (const { reject } of pending.values()) reject(new Refusal('busy', undefined, `the recogniser was lost: ${why}`));
    pending.clear();
  };
  /** The time of a call counts from when the one before it was answered. */
  const watch = (running: Worker) => {
    clearTimeout(timer);
    if (pending.size === 0) {
      // It is no reason for the process to live on; an answer that somebody waits for is.
      running.unref();
      return;
    }
    running.ref();
    timer = setTimeout(() => {
      lose(running, 'a call took too long');
      void running.terminate();
    }, limit);
    timer.unref();
  };
  const start = () => {
    const started = new Worker(workerFile, { resourceLimits: { maxOldGenerationSizeMb: 1024 } });
    started.on('message', (answer: Answer) => {
      const waiting = pending.get(answer.call);
      pending.delete(answer.call);
      watch(started);
      if ('refused' in answer) waiting?.reject(new Refusal(answer.refused.reason, undefined, answer.refused.detail));
      else waiting?.resolve(answer.value);
    });
    started.on('error', (error) => lose(started, error.name));
    started.on('exit', () => lose(started, 'it ended'));
    return started;
  };
  const call = <Name extends keyof Memory>(name: Name, given: Parameters<Memory[Name]>[0]) =>
    new Promise<ReturnType<Memory[Name]>>((resolve, reject) => {
      thread ??= start();
      pending.set(++calls, { resolve: resolve as Pending['resolve'], reject });
      thread.postMessage({ call: calls, name, given });
      if (pending.size === 1) watch(thread);
    });
  return {
    pieces,
    isEmpty: () => empty,
    async know(texts) {
      pieces.clear();
      await call('know', texts);
      empty = false;
    },
    async learn(piece) {
      const shortened = await call('learn', piece);
      pieces.add(piece.id);
      return shortened;
    },
    async forget(ids) {
      for (const id of ids) pieces.delete(id);
      await call('forget', ids);
    },
    look: (mails) => call('look', mails),
    async close() {
      const running = thread;
      if (!running) return;
      lose(running, 'the server stops');
      await running.terminate();
    },
  };
}
