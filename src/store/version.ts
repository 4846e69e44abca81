import { createHash } from 'node:crypto';

/** What a row is like now: another text after any change of it. 32 hex digits. */
export function versionOf(row: object): string {
  const columns = Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(columns)).digest('hex').slice(0, 32);
}
