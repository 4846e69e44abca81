import { parentPort } from 'node:worker_threads';
import { asRefusal, type Reason } from '../refusal.ts';
import { createMemory, type Memory } from './memory.ts';

/** What crosses to the thread, in order; each is answered once. */
export type Call = { [Name in keyof Memory]: { call: number; name: Name; given: Parameters<Memory[Name]>[0] } }[keyof Memory];
export type Answer = { call: number; value: unknown } | { call: number; refused: { reason: Reason; detail: string | undefined } };

/* The thread in which mail is looked through: 25 MiB of text take one to two and a half seconds, with 100 cases that are looked for. */

const memory = createMemory();

parentPort?.on('message', ({ call, name, given }: Call) => {
  try {
    const perform: (given: never) => unknown = memory[name];
    parentPort?.postMessage({ call, value: perform(given as never) } satisfies Answer);
  } catch (error) {
    // A thrown error loses its class on the way.
    const { reason, detail } = asRefusal(error);
    parentPort?.postMessage({ call, refused: { reason, detail } } satisfies Answer);
  }
});
