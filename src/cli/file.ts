import { readFileSync } from 'node:fs';

/** The octets of a file that somebody named. What is thrown has its `path`: of a folder the system does not say which. */
export function readNamed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

/** A text that somebody named; - is standard input. */
export function readText(path: string): string {
  return (path === '-' ? readFileSync(0) : readNamed(path)).toString('utf8');
}
