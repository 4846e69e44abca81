import Sqlite from 'better-sqlite3';

/** A connection that nobody refers to is collected as garbage, and its lock with it. */
const held = new Set<Sqlite.Database>();

/**
 * Takes the database for this process alone, until the function it gives is called or the process ends, however it ends.
 * The lock is SQLite's own on a file beside the database; the database itself stays open to the command line.
 * Throws where another process has it.
 */
export function lockDatabase(path: string): () => void {
  const lock = new Sqlite(`${path}-lock`, { timeout: 0 });
  try {
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_BUSY')
      throw new Error(`Another \`curfew serve\` runs on the database ${path}`);
    throw error;
  }
  held.add(lock);
  return () => {
    held.delete(lock);
    lock.close();
  };
}
