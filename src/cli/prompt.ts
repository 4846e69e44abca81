import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ConfigError } from '../config.ts';
import { Refusal } from '../refusal.ts';

/** Whether there is a person to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks on standard error (standard output belongs to the result). An empty answer gives `initial`. */
export async function ask(question: string, initial = ''): Promise<string> {
  const answer = await readAnswer(`${question}${initial ? ` [${initial}]` : ''}: `, process.stderr);
  return answer.trim() || initial;
}

/** Asks without showing what is typed. Throws ConfigError where nobody is there to type. */
export async function askSecret(question: string): Promise<string> {
  if (!canAsk())
    throw new ConfigError([
      { path: 'passphrase', message: 'is "prompt", and there is no terminal; use {"file": path} or {"env": name}' },
    ]);
  process.stderr.write(question);
  try {
    return await readAnswer('', new Writable({ write: (_chunk, _encoding, done) => done() }));
  } finally {
    process.stderr.write('\n');
  }
}

async function readAnswer(question: string, output: NodeJS.WritableStream): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  const given = new AbortController();
  // Control-C and the end of the input both mean that there will be no answer.
  terminal.once('close', () => given.abort());
  try {
    return await terminal.question(question, { signal: given.signal });
  } catch {
    throw new Refusal('invalid', 'Given up');
  } finally {
    terminal.close();
  }
}
