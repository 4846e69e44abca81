import { run } from '../../src/cli/program.ts';
import type { Ended, Surroundings } from './process.ts';

const STREAMS = ['stdout', 'stderr'] as const;

let last: Promise<unknown> = Promise.resolve();

/**
 * As `runCurfew`, in this process, where all that it loads is loaded already: half a second less. For what a command says and does,
 * without standard input; one after the other, since environment, folder and outputs are those of the process.
 */
export function command(args: readonly string[], surroundings: Omit<Surroundings, 'input'> = {}): Promise<Ended> {
  const ended = last.then(() => perform(args, surroundings));
  last = ended.catch(() => {});
  return ended;
}

async function perform(args: readonly string[], { cwd = process.cwd(), env = {} }: Surroundings): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const before = { cwd: process.cwd(), env: { ...process.env }, exitCode: process.exitCode };
  const writers = STREAMS.map((stream) => {
    const { write } = process[stream];
    process[stream].write = (chunk: Uint8Array | string) => {
      said[stream] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      return true;
    };
    return () => Object.assign(process[stream], { write });
  });
  try {
    process.chdir(cwd);
    Object.assign(process.env, env);
    process.exitCode = undefined;
    return { code: await run(['node', 'curfew', ...args], '0.0.0'), signal: null, ...said };
  } finally {
    for (const restore of writers) restore();
    process.chdir(before.cwd);
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before.env);
    process.exitCode = before.exitCode;
  }
}
