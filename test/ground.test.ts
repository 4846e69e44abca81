import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeDown, takeGround } from '../src/ground.ts';
import { createLog } from '../src/log.ts';
import { makeDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';

const log = createLog('silent');
let folder: string;
let sqlite: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-ground-'));
  sqlite = join(folder, 'curfew.db');
  const db = makeDatabase({ sqlite });
  await migrate(db);
  await db.destroy();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Files of the folder that this process has open. */
function opened(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(join('/proc/self/fd', fd));
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // That by which the folder was read.
    }
  });
}

const ground = () => takeGround({ user: null, database: { sqlite } }, log);

const absent = process.platform === 'linux' ? '' : ' (what is open is asked of /proc, which is of Linux)';

test.skipIf(absent !== '')(`taken down again it leaves nothing open, though nothing was asked of it${absent}`, async () => {
  const { undo, damage } = ground();
  expect(opened()).not.toEqual([]);
  expect(await damage).toEqual([]);
  await takeDown(undo, log);
  await expect.poll(opened).toEqual([]);
  // And the next one has it.
  await takeDown(ground().undo, log);
  await expect.poll(opened).toEqual([]);
});

test.skipIf(absent !== '')(`what is refused leaves nothing open${absent}`, async () => {
  const { undo, damage } = ground();
  await damage;
  for (let time = 0; time < 3; time++) expect(ground).toThrow(/^Another `curfew serve` runs on the database /);
  // As long as one of a process has the file, SQLite keeps what others closed.
  await takeDown(undo, log);
  await expect.poll(opened).toEqual([]);
});
