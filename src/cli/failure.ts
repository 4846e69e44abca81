import { ConfigError } from '../config.ts';
import { Refusal } from '../refusal.ts';

export interface Failure {
  /** 1: refused, or the system does not let us; 2: usage or a bad configuration. */
  exit: 1 | 2;
  /** For standard error. */
  lines: string[];
}

/** What a person is told about anything that a command threw. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ConfigError) return { exit: 2, lines: error.message.split('\n') };
  if (error instanceof Refusal) return { exit: 1, lines: error.message.split('\n') };
  const known = knownFault(error);
  if (known !== undefined) return { exit: 1, lines: [known] };
  return { exit: 1, lines: unknownFault(error) };
}

/** A plain Error was written for people; a TypeError and the like is a fault of the program. */
function unknownFault(error: unknown): string[] {
  if (error instanceof Error && error.name === 'Error') return error.message.split('\n');
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return [`A fault of the program: ${message.split('\n', 1)[0]} (CURFEW_DEBUG=1 shows where)`];
}

/** What happens to anybody, by the code of the system, of SQLite, of PostgreSQL (its appendix A). */
const FAULTS: Record<string, (what: string) => string> = {
  EADDRINUSE: (what) => `The port is in use${what}: is Curfew running already?`,
  EADDRNOTAVAIL: (what) => `The address is not one of this machine${what}`,
  EACCES: (what) => `No permission${what}`,
  EPERM: (what) => `No permission${what}`,
  ENOENT: (what) => `There is no such file${what}`,
  ENOTDIR: (what) => `A part of the path is no folder${what}`,
  EEXIST: (what) => `A file is where a folder should be${what}`,
  EISDIR: (what) => `A folder is where a file should be${what}`,
  ENAMETOOLONG: (what) => `The name is too long${what} (a file system takes 255 octets, or fewer: give a shorter one)`,
  EFBIG: (what) =>
    `The file may not become so large${what} (raise the limit of the process, ulimit -f, or take another file system)`,
  ENOSPC: (what) => `The disk is full${what} (make room on it, and try again)`,
  EROFS: (what) => `The file system is read-only${what}`,
  ECONNREFUSED: (what) => `Nobody answers${what}`,
  ENOTFOUND: (what) => `There is no such host${what}`,
  SQLITE_CANTOPEN: (what) => `The database cannot be opened${what} (may the file and its folder be written?)`,
  SQLITE_READONLY: (what) => `The database cannot be written${what} (who owns the file and its folder?)`,
  SQLITE_BUSY: (what) => `The database is busy; try again${what}`,
  SQLITE_FULL: (what) => `The disk of the database is full${what}`,
  SQLITE_IOERR: (what) =>
    `The database cannot be read or written${what} (look at its disk, and at how large a file may become: ulimit -f)`,
  SQLITE_CORRUPT: (what) => `The database is damaged${what} (keep a copy of it, and restore the last backup)`,
  SQLITE_NOTADB: (what) =>
    `The file is no SQLite database${what} (if it was one, keep a copy of it, and restore the last backup)`,
  '28P01': () => 'PostgreSQL refuses the user or the password',
  '28000': () => 'PostgreSQL refuses the user',
  '3D000': () => 'PostgreSQL has no such database',
  '42P01': (what) => `The database has no tables${what} (is it the right one? \`curfew init\` makes a project)`,
};

function knownFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError && error.errors.length > 0) return knownFault(error.errors[0]);
  if (/^no such table: /.test(error.message)) return FAULTS['42P01']?.(whereOf(error));
  const code = 'code' in error ? String(error.code) : '';
  // SQLITE_READONLY_DIRECTORY and the like.
  const fault = FAULTS[code] ?? FAULTS[code.split('_').slice(0, 2).join('_')];
  if (fault) return fault(whereOf(error));
  return error.cause === undefined ? undefined : knownFault(error.cause);
}

function whereOf(error: Error): string {
  if ('path' in error && typeof error.path === 'string') return `: ${error.path}`;
  if ('address' in error && 'port' in error) return `: ${error.address}:${error.port}`;
  if ('hostname' in error) return `: ${error.hostname}`;
  return '';
}
