import { promises as files, rmSync } from 'node:fs';
import * as audit from './audit.ts';
import type { Db } from './database.ts';

/*
 * Where the log of a SQLite database (WAL) is cut or removed, or an older copy put in its place, SQLite takes what is left for all there
 * was. What must not be lost has a line in the audit log: so the last of them is noted in a file beside the database, `{"seq":812,"hash":"5d1c..."}`,
 * when it is on the disk there (a commit is when it returns), and no start goes without that line. What is younger than the note it cannot know of.
 */

const fileOf = (database: string) => `${database}-end`;

/** Of a database that is not there any more. */
export function forgetEnd(database: string): void {
  rmSync(fileOf(database), { force: true });
}

/** The number of the line that was noted last, where the audit log has it no more; null where it has, or where nothing was noted. */
export async function lostLine(db: Db, database: string): Promise<number | null> {
  // First: a server that runs meanwhile adds lines.
  const noted = await read(fileOf(database));
  if (noted === null || noted.seq === 0) return null;
  return (await audit.hashOf(db, noted.seq)) === noted.hash ? null : noted.seq;
}

/** What is no note says nothing: it is written anew as a whole, or not at all. */
async function read(file: string): Promise<{ seq: number; hash: string } | null> {
  const text = await files.readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const [, seq, hash] = /^\{"seq":(\d+),"hash":"([0-9a-f]{64})"\}\n$/.exec(text) ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
}

/** Notes the end of the audit log where it is another one than at the last time. One at a time, and no other process may do so. */
export type NoteEnd = () => Promise<void>;

export function createEndNote(db: Db, database: string): NoteEnd {
  let noted = '';
  let turn = Promise.resolve();
  const note = async () => {
    const { seq, hash } = await audit.end(db);
    if (hash === noted) return;
    const file = fileOf(database);
    const written = await files.open(`${file}.new`, 'w', 0o600);
    try {
      await written.writeFile(`${JSON.stringify({ seq, hash })}\n`);
      await written.sync();
    } finally {
      await written.close();
    }
    await files.rename(`${file}.new`, file);
    noted = hash;
  };
  return () => {
    turn = turn.catch(() => {}).then(note);
    return turn;
  };
}
