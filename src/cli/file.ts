import { readFileSync } from 'node:fs';

/** The octets of a file that somebody named. What is thrown has its `path`: of a folder the system does not say which. */
export function readNamed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}
