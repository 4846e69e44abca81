import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from './installed.ts';
import { type Ended, run } from './process.ts';

/** Null, or why tests with swaks must be skipped. */
export const swaksAbsent: string | null = installed('swaks') ? null : 'swaks is not installed';

export interface Swaks {
  server: { host?: string; port: number };
  /** Envelope sender; `<>` for the null sender. */
  from: string;
  to: string;
  mail: Buffer;
  /** Further options, as in ['--protocol', 'LMTP']. */
  options?: readonly string[];
}

/** Sends a mail as it stands. `stdout` holds the transcript; exit codes: 0 sent, 24 a recipient refused, 26 the DATA refused. */
export async function swaks({ server, from, to, mail, options = [] }: Swaks): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-swaks-'));
  try {
    const file = join(folder, 'mail.eml');
    // swaks ends the last line itself.
    await writeFile(file, mail.toString('latin1').replace(/\r\n$/, ''), 'latin1');
    const where = ['--server', server.host ?? '127.0.0.1', '--port', String(server.port), '--helo', 'client.example'];
    return await run('swaks', [...where, '--from', from, '--to', to, '--data', `@${file}`, ...options]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
