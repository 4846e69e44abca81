import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A mail that ends the process while it is read would do so again: its sender's server hands it in anew, and the queue takes it up anew. So
 * each reading is counted before it begins, in a file of its own, which is gone when the reading has ended in any other way: an octet for
 * each time. It is not synced: it stays when the process ends, and when the machine does the mail is not at fault.
 *
 * What was read beside it when the process ended was counted too. So whatever is counted is read alone of its kind the next time, and of those it is
 * the one at fault that is counted again.
 */
export interface Begun {
  /** What `read` gives, or, where that ended the process three times, what `aside` gives: another three follow then. `name`: a file's. */
  reading<Result>(name: string, read: () => Promise<Result>, aside: () => Promise<Result>): Promise<Result>;
}

/** Where nothing is served: nobody hands anything in again. */
export const uncounted: Begun = { reading: (_name, read) => read() };

/** How often one may end the process before it is left alone. */
const MOST = 3;

/** Milliseconds. Nobody hands in after that long what ended the process. */
const FORGOTTEN = 7 * 24 * 60 * 60 * 1000;

/** Throws where the folder cannot be made or written to. `now`: of the machine, as files have it. */
export function openBegun(folder: string, now: number): Begun {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).mtimeMs < now - FORGOTTEN) rmSync(path, { force: true });
  }
  /** How often each was begun before, of those that are being read now, and how many times that is. */
  const running = new Map<string, { before: number; times: number }>();
  const counted: Begun = {
    async reading(name, read, aside) {
      const path = join(folder, name);
      const one = running.get(name) ?? { before: count(path), times: 0 };
      one.times++;
      running.set(name, one);
      try {
        return await (one.before < MOST ? read() : aside());
      } finally {
        one.times--;
        if (one.times === 0) {
          running.delete(name);
          rmSync(path, { force: true });
        }
      }
    },
  };
  const alone = createTurns();
  return {
    reading(name, read, aside) {
      const begin = () => counted.reading(name, read, aside);
      return existsSync(join(folder, name)) && !running.has(name) ? alone(kindOf(name), begin) : begin();
    },
  };
}

/** Of its name, as in `mail-...`: what is read in the course of a mail does not wait for the mail. */
const kindOf = (name: string) => name.split('-', 1)[0] ?? name;

/** One after the other, of each kind. */
function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return <Result>(kind: string, begin: () => Promise<Result>): Promise<Result> => {
    const turn = (last.get(kind) ?? Promise.resolve()).then(begin);
    last.set(
      kind,
      turn.catch(() => undefined),
    );
    return turn;
  };
}

/** Adds one; gives how many were there. What cannot be counted, as the disk is full, is read all the same: a release may depend on it. */
function count(path: string): number {
  try {
    appendFileSync(path, '.', { mode: 0o600 });
    return statSync(path).size - 1;
  } catch {
    return 0;
  }
}
