import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/**
 * Has the buffers of this thread freed that nothing refers to any more: after work that took several of LARGE. V8 lets 64 MB of them lie in each
 * thread before it looks. It takes some milliseconds in a thread that does little else, and thirty in the main one.
 */
export const collectBuffers = runInNewContext('gc') as () => void;

/** The same in a turn of the event loop of its own: whoever waits for the loop waits for that alone, and not for what left them as well. */
export function collectInTurn(): Promise<void> {
  return new Promise((resolve) => {
    const collect = () => {
      collectBuffers();
      resolve();
    };
    // The first one is still in the turn of whoever calls it, where that was woken by a socket or a thread.
    setImmediate(() => setImmediate(collect));
  });
}

/** Octets. What has more is collected after, given to OpenPGP.js piece by piece, and not copied from thread to thread. */
export const LARGE = 4 * 1024 * 1024;

/** The same octets where every thread has them: whoever posts them to another one does not copy them. */
export function inSharedMemory(octets: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(octets.length));
  shared.set(octets);
  return shared;
}

/** For what takes no shared memory, as webcrypto, and with it OpenPGP.js: the octets, or a copy where others have them as well. */
export function inOwnMemory(octets: Uint8Array): Uint8Array {
  return octets.buffer instanceof SharedArrayBuffer ? Uint8Array.from(octets) : octets;
}

/** Octets in the buffers of this thread, with those that nothing refers to any more. */
export function octetsInBuffers(): number {
  return getHeapStatistics().external_memory;
}
