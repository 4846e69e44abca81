import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.ts';

export interface Ended {
  /** Null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  pid: number;
  /** Everything said so far on both outputs, in the order it came. */
  said(): string;
  /** Resolves with the first match of `pattern` in a line of either output. Rejects after `timeout` ms or when the process ends. */
  line(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>;
  /** Sends the signal (SIGKILL unless told) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Ended>;
  ended: Promise<Ended>;
}

export interface Surroundings {
  cwd?: string;
  /** Beside those of this process. */
  env?: Record<string, string>;
  /** Written to standard input, which is then closed. */
  input?: string | Buffer;
  /** Another compiled `curfew` than the one of this project. */
  program?: string;
}

const COMPILED = join(ROOT, 'dist', 'src', 'cli', 'curfew.js');

/** Starts the compiled `curfew`; throws where `npm run build` was not run. */
export function startCurfew(args: readonly string[], surroundings: Surroundings = {}): Running {
  const program = surroundings.program ?? COMPILED;
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  return start(process.execPath, [program, ...args], surroundings);
}

/** Runs the compiled `curfew` to its end. */
export function runCurfew(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  return startCurfew(args, surroundings).ended;
}

/** Runs any program to its end; never rejects for its exit code. */
export function run(command: string, args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  return start(command, args, surroundings).ended;
}

/** Starts any program. What still runs when the tests end is killed. */
export function start(command: string, args: readonly string[], { cwd, env, input }: Surroundings = {}): Running {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
  const { collected, lines } = listen(child);
  const atExit = () => child.kill('SIGKILL');
  process.once('exit', atExit);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', atExit);
      resolve({ code, signal, stdout: collected.stdout, stderr: collected.stderr });
    });
  });
  // Whoever asks gets the rejection; unasked it must not end the test run.
  ended.catch(() => {});
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  return {
    pid: child.pid ?? -1,
    said: () => collected.both,
    line: (pattern, timeout = 20_000) => waitForLine({ collected, lines, ended }, pattern, timeout),
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    },
    ended,
  };
}

interface Output {
  collected: { stdout: string; stderr: string; both: string };
  lines: Set<() => void>;
  ended: Promise<Ended>;
}

function listen(child: ChildProcessWithoutNullStreams): Omit<Output, 'ended'> {
  const collected = { stdout: '', stderr: '', both: '' };
  const lines = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      collected[stream] += chunk;
      collected.both += chunk;
      for (const look of lines) look();
    });
  return { collected, lines };
}

function waitForLine({ collected, lines, ended }: Output, pattern: RegExp, timeout: number): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      lines.delete(look);
      settle();
    };
    const look = () => {
      for (const line of collected.both.split('\n')) {
        const match = new RegExp(pattern).exec(line);
        if (match) return end(() => resolve(match));
      }
    };
    const fail = (why: string) => end(() => reject(new Error(`${why} before ${pattern} was said:\n${collected.both}`)));
    const timer = setTimeout(() => fail(`${timeout} ms passed`), timeout);
    lines.add(look);
    look();
    ended.then(
      ({ code, signal }) => fail(`ended with ${code ?? signal}`),
      (error: Error) => fail(error.message),
    );
  });
}
