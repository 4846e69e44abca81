import { ConfigError } from './config.ts';
import type { Log } from './log.ts';

/** The rights that a server was started with, until it listens. */
export interface Privileges {
  /** Does something as root, where it was started so: a port below 1024 is bound. */
  asStarted<Result>(bind: () => Promise<Result>): Promise<Result>;
  /** Gives them up for good. */
  drop(): void;
}

/** `initgroups` is documented, and not in the types. */
type Posix = NodeJS.Process & { initgroups?: (user: string, group: string) => void };

const kept: Privileges = { asStarted: (bind) => bind(), drop() {} };

/**
 * From here on what is opened and made is opened and made as that user, "name" or "name:group" (without a group: that of the same name).
 * Null: whoever started it. Throws ConfigError where there is no such user, or where it was started by another one who is not root.
 */
export function becomeUser(user: string | null, log: Log): Privileges {
  const { getuid, geteuid, seteuid, setegid, setuid, setgid, initgroups } = process as Posix;
  if (!getuid || !geteuid || !seteuid || !setegid || !setuid || !setgid || !initgroups) return kept;
  if (user === null) {
    if (getuid() === 0) log.warn('it runs as root, and need not: "user" in the configuration says as whom');
    return kept;
  }
  const [name = '', group = name] = user.split(':');
  const root = getuid() === 0;
  const before = geteuid();
  try {
    if (root) {
      initgroups(name, group);
      setegid(group);
    }
    seteuid(name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([
      { path: 'user', message: `is "${user}", and it cannot run as that (${why}); start it as root or as that user` },
    ]);
  }
  if (!root) {
    if (geteuid() === before) return kept;
    throw new ConfigError([
      { path: 'user', message: `is "${user}", and it was started as another; start it as root or as that user` },
    ]);
  }
  if (geteuid() === 0) return kept;
  return {
    async asStarted(bind) {
      seteuid(0);
      try {
        return await bind();
      } finally {
        seteuid(name);
      }
    },
    drop() {
      seteuid(0);
      setgid(group);
      setuid(name);
      if (getuid() === 0 || geteuid() === 0) throw new Error('root could not be given up');
    },
  };
}
