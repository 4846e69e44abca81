import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** For what is used by several test files. */
    folder: string;
  }
}

/** Global set-up of vitest: a folder for the run, which is removed when it ends. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-run-'));
  project.provide('folder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
