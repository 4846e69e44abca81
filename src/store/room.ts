import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseConfig } from './database.ts';

/** A file system may have room and no file left to put into it. */
const FEW_FILES = 100;

/** Octets that can still be written where the database grows; null where it is on a server of its own. Throws what the system throws. */
export function roomOf(config: DatabaseConfig): number | null {
  if (!('sqlite' in config)) return null;
  const { bavail, bsize, files, ffree } = statfsSync(dirname(config.sqlite));
  return files > 0 && ffree < FEW_FILES ? 0 : bavail * bsize;
}
