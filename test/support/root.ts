import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Of the project: this file runs compiled as well, further down. */
export const ROOT = projectRoot(import.meta.dirname);

function projectRoot(dir: string): string {
  return existsSync(join(dir, 'package.json')) ? dir : projectRoot(resolve(dir, '..'));
}
