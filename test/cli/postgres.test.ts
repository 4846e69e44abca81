import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { newToken } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/store/database.ts';
import { runCurfew, startCurfew } from '../support/process.ts';
import { unlogged } from '../support/unlogged.ts';
import { initProject, temporaryFolder } from './project-folder.ts';

const server = inject('postgres');
const folder = temporaryFolder();

describe.skipIf('absent' in server)(
  `a project on PostgreSQL${'absent' in server ? ` (absent: ${server.absent})` : ''}`,
  async () => {
    const name = `project_${newToken(6)}`;
    const adminUrl = 'url' in server ? server.url : '';
    const url = adminUrl.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);
    const query = async (sql: string) => {
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      await client.query(sql).finally(() => client.end());
    };
    if (adminUrl) await query(`create database ${name}`);
    afterAll(() => query(`drop database if exists ${name} with (force)`));

    test('is made, served and worked on by the command line, with no SQLite file', async () => {
      const project = await initProject(folder, '--postgres', url, '--smtp-port', '0', '--http-port', '0');
      expect(loadConfig(project.config).database).toEqual({ postgres: url });
      const serve = startCurfew(['serve', '--config', project.config]);
      const [, port] = await serve.line(/^http 127\.0\.0\.1:(\d+)$/, 30_000);
      await serve.line(/^ready$/);
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
      const listed = await project.curfew('keys', 'list', '--json');
      expect(JSON.parse(listed.stdout)).toHaveLength(3);
      expect(await serve.kill('SIGTERM')).toMatchObject({ code: 0 });
    });

    test('is not served where the database lost what guards it, until it is back', async () => {
      const config = join(folder, 'orbit', 'config.json');
      const db = openDatabase({ postgres: url });
      const { rows } = await sql<{ made: string }>`select pg_get_triggerdef(oid) as made from pg_trigger
        where tgname = 'deliveries_public'`.execute(db);
      try {
        await sql`drop trigger deliveries_public on deliveries`.execute(db);
        const { code, stderr } = await runCurfew(['serve', '--config', config]);
        expect([code, stderr.replaceAll(/^\{.*\}\n/gm, '')]).toEqual([
          1,
          'curfew: The PostgreSQL database is not as Curfew makes it: the trigger deliveries_public of deliveries is missing. Keep a copy of it (pg_dump), and restore the last backup into a new one\n',
        ]);
        const looked = await runCurfew(['doctor', '--dns', '127.0.0.1:1', '--json', '--config', config]);
        expect(JSON.parse(looked.stdout)).toContainEqual(
          expect.objectContaining({
            check: 'database',
            standing: 'failed',
            what: expect.stringContaining('the trigger deliveries_public of deliveries is missing'),
          }),
        );
      } finally {
        await sql.raw(rows[0]?.made ?? '').execute(db);
        await db.destroy();
      }
      const serve = startCurfew(['serve', '--config', config]);
      await serve.line(/^ready$/);
      expect(await serve.kill('SIGTERM')).toMatchObject({ code: 0 });
    });

    test.each([
      ['database', `alter database ${name}`],
      ['role', `alter role curfew in database ${name}`],
    ])('is not served where triggers are switched off for the %s, and says what ends that', async (_, alter) => {
      const config = join(folder, 'orbit', 'config.json');
      const line = `session_replication_role is replica, so that no trigger does anything (${alter} reset session_replication_role)`;
      await query(`${alter} set session_replication_role = replica`);
      try {
        const { code, stderr } = await runCurfew(['serve', '--config', config]);
        expect([code, stderr.replaceAll(/^\{.*\}\n/gm, '')]).toEqual([
          1,
          `curfew: The PostgreSQL database is not as Curfew makes it: ${line}. End that as it says there, and look at what was written meanwhile, which nothing guarded\n`,
        ]);
        const looked = await runCurfew(['doctor', '--dns', '127.0.0.1:1', '--json', '--config', config]);
        expect(JSON.parse(looked.stdout)).toContainEqual({
          check: 'database',
          standing: 'failed',
          what: `the database is not as Curfew makes it: ${line}`,
          todo: 'end that as it says there, and look at what was written meanwhile, which nothing guarded',
        });
      } finally {
        await query(`${alter} reset session_replication_role`);
      }
    });

    test('a key is not renewed, nor another one made, where that cannot be logged', async () => {
      const dir = join(folder, 'orbit');
      const config = join(dir, 'config.json');
      const keys = () => readdirSync(join(dir, 'keys')).map((name) => readFileSync(join(dir, 'keys', name), 'utf8'));
      const before = keys();
      const db = openDatabase({ postgres: url });
      await unlogged(db, async () => {
        for (const verb of ['renew', 'rotate']) {
          const { code, stderr } = await runCurfew(['keys', verb, 'security@orbit.example', '--days=1000', '--config', config]);
          expect([code, stderr], verb).toEqual([1, expect.stringContaining('the log is full')]);
        }
      }).finally(() => db.destroy());
      expect(keys()).toEqual(before);
    });

    test('is not made a second time in the same database', async () => {
      const dir = join(folder, 'second');
      const again = await runCurfew([
        'init',
        '--dir',
        dir,
        '--project',
        'x',
        '--domain',
        'x.example',
        '--postgres',
        url,
        '--yes',
      ]);
      expect(again.code).toBe(1);
      expect(again.stderr).toContain('The database holds the lists of a project already');
    });
  },
);
