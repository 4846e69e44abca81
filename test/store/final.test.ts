import { type RawBuilder, sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { eachEngine } from '../support/dialects.ts';
import { approval, delivery, FIXTURE, post, RELEASE_AT, releaseCase, toContact, toStranger } from './gate-rows.ts';

/** Written by hand, as gate.test.ts: what must never change again, and who gets what. */
eachEngine((engine) => {
  let db: Database;
  const run = (statement: RawBuilder<unknown>) => statement.execute(db);
  const refused = (statement: RawBuilder<unknown>, why: RegExp) => expect(run(statement)).rejects.toThrow(why);
  const release = async () => {
    for (const person of ['lead', 'deputy']) await run(approval(person));
    await run(releaseCase);
  };

  beforeEach(async () => {
    db = (await engine.open()).db;
    for (const statement of FIXTURE) await run(statement);
  });

  describe('a post', () => {
    test.each([
      sql`kind = 'news-clear'`,
      sql`content = ${Buffer.from('of another case')}`,
      sql`digest = 'other'`,
      sql`case_id = 'ORBIT-2'`,
      sql`case_id = null`,
      sql`list_id = 'announce'`,
      sql`id = 'another'`,
      sql`received_at = 1`,
      sql`signer_fingerprint = 'F'`,
      sql`bundle_hash = 'bundle'`,
    ])('is never changed (%#)', async (change) => {
      await refused(sql`update posts set ${change} where id = 'draft'`, /a post is never changed/);
    });

    test.each(['draft', 'public'])('that a case has for its %s is not deleted', async (id) => {
      await release();
      await refused(sql`delete from posts where id = ${id}`, /a case or a delivery refers to/);
    });

    test('that has deliveries is not deleted, and one that nobody needs is', async () => {
      await run(delivery(toContact));
      await refused(sql`delete from posts where id = 'report'`, /a case or a delivery refers to/);
      await run(sql`delete from posts where id = 'owner'`);
    });
  });

  describe('a case', () => {
    test.each(['id', 'thread_token', 'list_id'])('keeps its %s', async (column) => {
      await refused(sql`update cases set ${sql.ref(column)} = 'distributors' where id = 'ORBIT-2'`, /keeps its number/);
    });

    test.each(['year', 'number'])('keeps its %s', async (column) => {
      await refused(sql`update cases set ${sql.ref(column)} = 7 where id = 'ORBIT-2'`, /keeps its number/);
    });

    test('is not deleted while it is armed or released, and is before', async () => {
      await run(sql`delete from posts where case_id = 'ORBIT-2'`);
      await refused(sql`delete from cases where id = 'ORBIT-2'`, /armed or released is not deleted/);
      await run(sql`update cases set state = 'scheduled' where id = 'ORBIT-2'`);
      await run(sql`delete from cases where id = 'ORBIT-2'`);
      await release();
      await refused(sql`delete from cases where id = 'ORBIT-1'`, /armed or released is not deleted/);
    });

    const early = /which was written at the instant or later/;
    test.each([
      ['that is not the digest of its public post', sql`public_digest = 'other'`],
      ['that is missing', sql`public_digest = null`],
    ])('is not released with a digest %s', async (_, change) => {
      for (const person of ['lead', 'deputy']) await run(approval(person));
      const wrong = sql`update cases set state = 'released', public_post_id = 'public', released_at = ${RELEASE_AT}, ${change} where id = 'ORBIT-1'`;
      await refused(wrong, early);
    });

    test('is not released by a hand that says it is time, while its public post is older than the instant', async () => {
      for (const person of ['lead', 'deputy']) await run(approval(person));
      await run(post('early', 'public', 'ORBIT-1', RELEASE_AT - 1));
      const lie = sql`update cases set state = 'released', released_at = release_at, public_post_id = 'early', public_digest = '-' where id = 'ORBIT-1'`;
      await refused(lie, early);
    });

    test('keeps the digest that it was released with, and its approvals', async () => {
      await run(approval('lead', { hash: 'old' }));
      await run(sql`delete from approvals`);
      await release();
      await refused(sql`update cases set public_digest = 'other' where id = 'ORBIT-1'`, /stays as it was released/);
      await refused(sql`delete from approvals where person_id = 'lead'`, /approvals of a released case are not deleted/);
    });
  });

  test.each([sql`role = 'private'`, sql`address = 'news@orbit.example'`, sql`id = 'news'`])(
    'a list keeps what it is and where (%#)',
    async (change) => {
      await refused(sql`update lists set ${change} where id = 'announce'`, /keeps its address and its role/);
      await run(sql`update lists set name = 'News', fingerprint = 'NEW' where id = 'announce'`);
      await refused(sql`delete from lists where id = 'announce'`, /not deleted/);
    },
  );

  describe('a copy', () => {
    test.each(['contact', 'reporter'])('of a public post never goes to a %s', async (audience) => {
      await release();
      await run(
        sql`insert into certificates (id, fingerprint, data, state, created_at) values ('c', 'F', ${Buffer.alloc(1)}, 'mail', 1)`,
      );
      const copy = { ...toContact, audience, certificate_id: 'c' };
      await refused(delivery({ ...copy, post_id: 'public' }), /goes to the public alone/);
      await run(delivery(copy));
      await refused(sql`update deliveries set post_id = 'public'`, /goes to the public alone/);
    });

    test.each(['report', 'draft', 'public', 'owner'])('for a stranger never holds the %s', async (post_id) => {
      await release();
      await run(delivery(toStranger));
      await refused(sql`update deliveries set post_id = ${post_id}`, /nothing but fixed words/);
    });

    test.each(['stranger@example.org', 'deputy@orbit.example', 'Lead@orbit.example'])(
      'for a contact does not go to %s, who is another',
      async (address) => {
        await refused(delivery({ ...toContact, address }), /to his own address/);
        await run(delivery(toContact));
        await refused(sql`update deliveries set address = ${address}`, /to his own address/);
        await refused(sql`update deliveries set contact_id = 'deputy'`, /to his own address/);
        await run(sql`update deliveries set contact_id = 'deputy', address = 'deputy@orbit.example'`);
      },
    );

    test.each([' oss@public.example', 'oss@public.example ', '\toss@public.example', 'oss@public.example\r\n'])(
      'does not go to an address with blanks around it (%j)',
      async (address) => {
        await refused(delivery({ ...toStranger, address }), /no blanks around it/);
        await run(delivery(toStranger));
        await refused(sql`update deliveries set address = ${address}`, /no blanks around it/);
      },
    );
  });

  if (engine.name === 'sqlite')
    describe.each(['off', 'on'])('with recursive triggers %s, no row is put in the place of another', (recursive) => {
      const columns = sql.raw(
        'id, year, number, state, list_id, thread_token, received_at, revision, release_at, draft_post_id, bundle_hash, updated_at',
      );
      const again = (id: string, number: number, thread: string) =>
        sql`replace into cases (${columns}) values (${id}, 2026, ${number}, 'armed', 'security', ${thread}, 1, 1, 1, 'draft', 'bundle', 1)`;

      beforeEach(async () => {
        await run(sql`pragma recursive_triggers = ${sql.raw(recursive)}`);
        await run(sql`pragma foreign_keys = off`);
        await release();
      });

      test.each([
        ['a case by its id', again('ORBIT-1', 1, 't1'), 'cases'],
        ['a case by its number', again('ORBIT-9', 1, 't9'), 'cases'],
        ['a case by its thread', again('ORBIT-9', 9, 't1'), 'cases'],
        ['a post', sql`replace into posts select * from posts where id = 'public'`, 'posts'],
        [
          'a list by its id',
          sql`replace into lists (id, address, role, name, fingerprint, created_at) values ('announce', 'x@orbit.example', 'private', 'a', 'F', 1)`,
          'lists',
        ],
        [
          'a list by its address',
          sql`replace into lists (id, address, role, name, fingerprint, created_at) values ('x', 'announce@orbit.example', 'private', 'a', 'F', 1)`,
          'lists',
        ],
        ['an approval', sql`replace into approvals select * from approvals where person_id = 'lead'`, 'approvals'],
      ])('%s', async (_, replacement, table) => {
        const rows = () => sql`select * from ${sql.table(table)} order by 1, 2, 3`.execute(db);
        const before = await rows();
        await refused(replacement, /is never replaced by another|are not replaced/);
        expect((await rows()).rows).toEqual(before.rows);
      });

      test.each(['cases', 'posts', 'lists'])('one of %s by the number of its row', async (table) => {
        const rows = () => sql`select rowid, * from ${sql.table(table)} order by rowid`.execute(db);
        const before = await rows();
        await refused(sql`update or replace ${sql.table(table)} set rowid = 1 where rowid = 2`, /never changed|keeps its/);
        expect((await rows()).rows).toEqual(before.rows);
      });

      test('a post or an approval by a number that is given with the row', async () => {
        await refused(
          sql`insert or replace into posts (rowid, id, list_id, kind, digest, encrypted, received_at, size, content)
            select rowid, 'new', list_id, kind, digest, encrypted, received_at, size, content from posts where id = 'public'`,
          /is never replaced by another/,
        );
        await refused(
          sql`insert or replace into approvals (rowid, case_id, hash, person_id, token_id, approved_at)
            select rowid, 'ORBIT-2', hash, person_id, token_id, approved_at from approvals where person_id = 'lead'`,
          /are not replaced/,
        );
      });
    });
});
