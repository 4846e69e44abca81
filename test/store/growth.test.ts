import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as past from '../../src/store/past.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { housing, LISTS } from '../support/house.ts';
import { changed, makeParty } from '../support/party.ts';

/** They have a row for each mail, copy, case or change: after some years these are millions. */
const GROWING = [
  'acknowledgements',
  'approvals',
  'audit',
  'came_back',
  'cases',
  'certificates',
  'deliveries',
  'delivery_attempts',
  'past_deliveries',
  'patches',
  'posts',
  'reminders',
  'revocations',
];

/** Of a plan. */
interface Step {
  parent: number;
  detail: string;
}

const { prepare } = Sqlite.prototype;
let said: Set<string>;
beforeEach(() => {
  said = new Set();
  Sqlite.prototype.prepare = function (this: Sqlite.Database, sql: string) {
    said.add(sql);
    return prepare.call(this, sql);
  } as typeof prepare;
});
afterEach(() => {
  Sqlite.prototype.prepare = prepare;
});

/**
 * The growing tables that each statement goes through from one end to the other, by SQLite's plan of it. Those that insert are left out: their plan has
 * what is gone through for keys that are checked later (sqlite.org/foreignkeys.html, section 4.2), and there are none.
 */
function goneThrough(path: string, statements: Iterable<string>): string[] {
  const database = new Sqlite(path, { readonly: true });
  try {
    return [...statements]
      .filter((sql) => /^(select|update|delete|with)\b/i.test(sql))
      .flatMap((sql) => {
        const parameters = Array<null>((sql.match(/\?/g) ?? []).length).fill(null);
        const plan = database.prepare<null[], Step>(`explain query plan ${sql}`).all(...parameters);
        // What is found in a view by an index is gone through by the name that the view has in the statement.
        const views = plan.filter(({ detail }) => detail === 'CO-ROUTINE all_deliveries').map(({ parent }) => parent);
        const scans = plan.flatMap(({ parent, detail }) => {
          const name = /^SCAN "?(\w+)"?/.exec(detail)?.[1] ?? '';
          return name === 'deliveries' && views.includes(parent) ? [] : name;
        });
        return scans.filter((table) => GROWING.includes(table)).map((table) => `${table}: ${sql}`);
      });
  } finally {
    database.close();
  }
}

oneEngine((engine) => {
  const build = housing();

  test('what is done for a mail and its copies goes through no table that grows', async () => {
    const { db: first, config } = await engine.open();
    const made = await build(first);
    // One that has nothing prepared yet.
    said.clear();
    const db = openDatabase(config);
    const house = { ...made, db };
    const [alpha, beta] = house.members;
    const revoked = await house.pgp.readCertificate(await changed(beta, house.clock.now(), { revoked: true }));
    await db.transaction().execute((trx) => keepStranger(trx, house, revoked));
    const rita = await makeParty('rita@example.org');
    const box = outbox(house);
    box.answers = ({ to }) =>
      to === alpha.address
        ? { state: 'deferred', reason: 'try-later', response: '451 later' }
        : { state: 'delivered', response: '250' };
    const recipients = [listCertificate(house, LISTS.security)];
    const report = await encryptedMail(letterOf(house, rita), { recipients, signer: rita });
    await arrive(house, report);
    await arrive(house, clearMail(letterOf(house, rita, { text: 'Another one' })));
    const post = letterOf(house, alpha, { to: LISTS.distributors });
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    await arrive(house, await encryptedMail(post, sealing), { to: LISTS.distributors });
    await box.drain();
    house.clock.moveTo(house.clock.now() + 10 * MINUTE);
    await box.drain();
    await deliveries.nextInstant(db);
    await deliveries.nextInstant(db, 4);
    await deliveries.reclaim(db, house.clock.now());
    await past.moveEnded(db, house.clock.now());
    await db.destroy();
    expect(said.size).toBeGreaterThan(50);
    expect(goneThrough('sqlite' in config ? config.sqlite : '', said)).toEqual([]);
  });
});
