import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { remindSilent } from '../../src/cases/acknowledgements.ts';
import { remind } from '../../src/cases/remind.ts';
import { askWhoseTurn } from '../../src/cases/rotation.ts';
import { DAY, MINUTE } from '../../src/clock.ts';
import { tellLate, tellTeam } from '../../src/delivery/tell.ts';
import { endLongest } from '../../src/embargo/dead-man.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { retractOfFormer } from '../../src/embargo/retract.ts';
import { movePast, purgeContent } from '../../src/post/retention.ts';
import { watchUndelivered } from '../../src/post/undelivered.ts';
import { watchReviews } from '../../src/roster/expiry.ts';
import { watchFailing } from '../../src/roster/failing.ts';
import { watchListKeyEnds } from '../../src/roster/list-key-ends.ts';
import { watchListKeys } from '../../src/roster/list-keys.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import { openDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as past from '../../src/store/past.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { armed } from '../embargo/armed.ts';
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

/** Indexes of a few rows of those: to go through one of them is nothing. */
const FEW = ['deliveries_untold', 'past_deliveries_untold', 'posts_dispatched', 'posts_held'];

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

/** What of a list has an index holds for most of what there is: whoever finds by that alone goes through all of it, as good as. */
const TOO_MUCH = /\(list_id=\?\)$/;

/**
 * The growing tables that each statement goes through from one end to the other, or as good as, by SQLite's plan of it. Those that insert are left out: their plan has
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
        const named = new Map([...sql.matchAll(/"(\w+)" as "(\w+)"/g)].map(([, table = '', alias = '']) => [alias, table]));
        // What is found in a view by an index is gone through by the name that the view has in the statement.
        const views = plan.filter(({ detail }) => detail === 'CO-ROUTINE all_deliveries').map(({ parent }) => parent);
        const tables = plan.flatMap(({ parent, detail }) => {
          const [, how, name = '', index = ''] =
            /^(SCAN|SEARCH) "?(\w+)"?(?: USING (?:COVERING )?INDEX (\w+))?/.exec(detail) ?? [];
          const isAll = how === 'SCAN' ? !FEW.includes(index) : TOO_MUCH.test(detail);
          const table = named.get(name) ?? name;
          return isAll && !(name === 'deliveries' && views.includes(parent)) ? [table.replace('all_', '')] : [];
        });
        return tables.filter((table) => GROWING.includes(table)).map((table) => `${table}: ${sql}`);
      });
  } finally {
    database.close();
  }
}

oneEngine((engine) => {
  const build = housing();

  /** A house in a database that has nothing prepared yet. */
  const opened = async () => {
    const { db: first, config } = await engine.open();
    const made = await build(first);
    said.clear();
    const db = openDatabase(config);
    return { db, house: { ...made, db }, path: 'sqlite' in config ? config.sqlite : '' };
  };

  test('what is done for a mail and its copies goes through no table that grows', async () => {
    const { db, house, path } = await opened();
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
    const unaddressed = await encryptedMail({ ...post, to: 'somebody@orbit.example', text: 'Not for this list.\n' }, sealing);
    const { held } = await arrive(house, unaddressed, { to: LISTS.distributors, sender: alpha.address });
    expect(held).toBe('unaddressed');
    await box.drain();
    house.clock.moveTo(house.clock.now() + 10 * MINUTE);
    await box.drain();
    await deliveries.nextInstant(db);
    await deliveries.nextInstant(db, 4);
    await deliveries.reclaim(db, house.clock.now());
    await past.moveEnded(db, house.clock.now());
    await db.destroy();
    expect(said.size).toBeGreaterThan(50);
    expect(goneThrough(path, said)).toEqual([]);
  });

  test('what is looked for from time to time, or listed while a release is due, goes through no copies and no posts', async () => {
    const { db, house, path } = await opened();
    const { id } = await armed(house, house.clock.now() + 7 * DAY);
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    house.clock.moveTo(house.clock.now() + 2 * DAY);
    const looks = [
      () => remindSilent(house),
      () => watchReviews(house),
      () => watchListKeys(house),
      () => watchListKeyEnds(house),
      () => movePast(house, { copies: 90 }),
      () => purgeContent(house, { content: 365 }),
      () => watchFailing(house),
      () => watchUndelivered(house),
      () => retractOfFormer(house),
      () => tellLetIn(house, silent),
      () => askWhoseTurn(house),
      () => remind(house, silent),
      () => endLongest(house, silent),
      () => tellLate(house, { late: 60, lateRelease: 60 }, silent),
      () => tellTeam(house, silent),
      ...deliveries.OPEN.map((state) => () => deliveries.page(db, { limit: 51, state })),
    ];
    said.clear();
    for (const look of looks) await look();
    await db.destroy();
    expect(said.size).toBeGreaterThan(30);
    const large = /^(audit|deliveries|delivery_attempts|past_deliveries|posts): /;
    expect(goneThrough(path, said).filter((found) => large.test(found))).toEqual([]);
  });
});
