/** What one look at one thing has shown. */
export interface Finding {
  /** What was looked at, as in `dns`. */
  check: CheckName;
  standing: Standing;
  /** What is so, in one line. */
  what: string;
  /** What to do about it; null where nothing is to be done. */
  todo: string | null;
}

/**
 * `ok`: as it should be. `warning`: it works, and will not, or is less than it should be. `failed`: something does not work, or is open to
 * others. `unknown`: it could not be looked at from here.
 */
export type Standing = 'ok' | 'warning' | 'failed' | 'unknown';

export type CheckName =
  | 'config'
  | 'permissions'
  | 'passphrase'
  | 'database'
  | 'keys'
  | 'certificates'
  | 'queue'
  | 'clock'
  | 'disk'
  | 'tls'
  | 'dns'
  | 'relay'
  | 'server';

/** What a check gives: its name is put to it by who runs it. */
export type Seen = Omit<Finding, 'check'>;

export const ok = (what: string): Seen => ({ standing: 'ok', what, todo: null });
export const warning = (what: string, todo: string): Seen => ({ standing: 'warning', what, todo });
export const failed = (what: string, todo: string): Seen => ({ standing: 'failed', what, todo });
export const unknown = (what: string, todo: string): Seen => ({ standing: 'unknown', what, todo });

/** The octets of a size as people read them. */
export function mib(octets: number): string {
  return octets >= 2 ** 30 ? `${(octets / 2 ** 30).toFixed(1)} GiB` : `${Math.floor(octets / 2 ** 20)} MiB`;
}
