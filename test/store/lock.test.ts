import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDatabase } from '../../src/store/database.ts';
import { lockDatabase } from '../../src/store/lock.ts';
import { migrate } from '../../src/store/migrate.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-lock-'));
  path = join(folder, 'curfew.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TAKEN = /^Another `curfew serve` runs on the database .*curfew\.db$/;

test('a second lock is refused while the first lives, and had once it is given back', () => {
  const release = lockDatabase(path);
  expect(() => lockDatabase(path)).toThrow(TAKEN);
  release();
  lockDatabase(path)();
});

test('another database is not locked by it, and the database itself stays open to others', async () => {
  const release = lockDatabase(path);
  lockDatabase(join(folder, 'other.db'))();
  const db = makeDatabase({ sqlite: path });
  await migrate(db);
  await db.destroy();
  release();
});

test('a process that is killed with the lock in hand leaves it free', async () => {
  const script = `import { lockDatabase } from '${join(import.meta.dirname, '../../dist/src/store/lock.js')}';
    lockDatabase(process.argv[1]); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect(() => lockDatabase(path)).toThrow(TAKEN);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockDatabase(path)();
  } finally {
    child.kill('SIGKILL');
  }
});

test('a folder that cannot be written to is said to be so', () => {
  expect(() => lockDatabase(join(folder, 'nowhere', 'curfew.db'))).toThrow(/directory does not exist|unable to open/i);
});
