import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The relay behind Curfew and its peers, in a process of its own. */
export interface SinkProcess {
  port: number;
  /** What came so far counts no more. */
  forget(): Promise<void>;
  /** When the 250 of the mail was written that is the `count`th since then, of those to that domain where one is given. */
  have(count: number, to?: string): Promise<{ at: bigint; octets: number }>;
  close(): Promise<void>;
}

/** Milliseconds for the longest fan-out. */
const PATIENCE = 300_000;

export async function startSinkProcess(): Promise<SinkProcess> {
  const child = fork(join(import.meta.dirname, 'sink-main.js'));
  const heard = async <Answer>() => (await once(child, 'message', { signal: AbortSignal.timeout(PATIENCE) }))[0] as Answer;
  const { port } = await heard<{ port: number }>();
  return {
    port,
    async forget() {
      child.send('forget');
      await heard();
    },
    async have(count, to = '') {
      child.send({ count, to });
      const { at, octets } = await heard<{ at: string; octets: number }>();
      return { at: BigInt(at), octets };
    },
    async close() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
