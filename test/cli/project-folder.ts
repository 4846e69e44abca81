import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { command } from '../support/command.ts';
import { type Ended, runCurfew } from '../support/process.ts';

export interface TestProject {
  dir: string;
  config: string;
  /** What `init --json` printed. */
  made: { config: string; token: string; lists: { address: string; role: string; fingerprint: string }[] };
  /** Runs a command with this project's configuration, in this process. */
  curfew(...args: string[]): Promise<Ended>;
}

/** A folder that is removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A project of its own, made by the compiled `curfew init`, in `folder`. */
export async function initProject(folder: string, ...flags: string[]): Promise<TestProject> {
  const dir = join(folder, 'orbit');
  const init = ['init', '--dir', dir, '--project', 'orbit', '--domain', 'orbit.example', '--yes', '--json', ...flags];
  const { code, stdout, stderr } = await runCurfew(init);
  if (code !== 0) throw new Error(stderr);
  const config = join(dir, 'config.json');
  return { dir, config, made: JSON.parse(stdout), curfew: (...args) => command([...args, '--config', config]) };
}
