import { type RawBuilder, sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { eachEngine } from '../support/dialects.ts';
import { approval, delivery, FIXTURE, minimalNotice, post, RELEASE_AT, releaseCase, toContact, toStranger } from './gate-rows.ts';

/** Every statement here is written by hand: the database must refuse whatever the code believes. */
const NEEDS_RELEASE = /a public delivery needs a released case and its public post/;
const NEEDS_APPROVALS = /only with the approvals of two different people/;
const AS_APPROVED = /a release changes nothing of what was approved/;
const FIXED_WORDS = /a stranger is sent nothing but fixed words/;
const FINAL = /a released case stays as it was released|a case keeps its number/;

eachEngine((engine) => {
  let db: Database;
  const run = (statement: RawBuilder<unknown>) => statement.execute(db);

  beforeEach(async () => {
    db = (await engine.open()).db;
    for (const statement of FIXTURE) await run(statement);
  });

  describe('a public delivery', () => {
    test.each(['received', 'scheduled', 'armed'])('of a case that is %s is refused', async (state) => {
      await run(sql`update cases set state = ${state}, public_post_id = 'public' where id = 'ORBIT-1'`);
      await expect(run(delivery())).rejects.toThrow(NEEDS_RELEASE);
    });

    test('of no case, and of a case that does not exist, is refused', async () => {
      await expect(run(delivery({ case_id: null }))).rejects.toThrow(NEEDS_RELEASE);
      await expect(run(delivery({ case_id: 'ORBIT-9' }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('of its external post is taken, which is written at the instant or later, and stays the one', async () => {
      await run(post('outside', 'public', 'ORBIT-1'));
      await run(post('soon', 'public', 'ORBIT-1', RELEASE_AT - 1));
      await approve();
      const named = (post: string, digest: string) =>
        run(sql`update cases set external_post_id = ${post}, external_digest = ${digest} where id = 'ORBIT-1'`);
      for (const [post, digest] of [
        ['soon', '-'],
        ['outside', 'other'],
        ['draft', '-'],
        ['other-public', '-'],
      ] as const) {
        await named(post, digest);
        await expect(run(releaseCase)).rejects.toThrow(/an external post of its own/);
      }
      await named('outside', '-');
      await expect(run(delivery({ post_id: 'outside' }))).rejects.toThrow(NEEDS_RELEASE);
      await run(releaseCase);
      await run(delivery({ post_id: 'outside' }));
      await expect(run(delivery({ post_id: 'soon', id: 'd2', message_id: '<2@x>' }))).rejects.toThrow(NEEDS_RELEASE);
      await expect(named('soon', '-')).rejects.toThrow(FINAL);
    });

    test('of the public post of a released case is taken', async () => {
      await release();
      await run(delivery());
      await run(delivery({ id: 'd2', message_id: '<2@x>', address: 'oss@public.example' }));
      expect(await db.selectFrom('deliveries').select('address').orderBy('id').execute()).toEqual([
        { address: 'reader@example.org' },
        { address: 'oss@public.example' },
      ]);
    });

    test.each(['report', 'draft'])('of the %s of a released case is refused', async (post_id) => {
      await release();
      await expect(run(delivery({ post_id }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('of the public post of another, unreleased case is refused', async () => {
      await release();
      await expect(run(delivery({ post_id: 'other-public' }))).rejects.toThrow(NEEDS_RELEASE);
      await expect(run(delivery({ post_id: 'other-public', case_id: 'ORBIT-2' }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test.each([
      ['an external recipient', 'oss@public.example'],
      ['an external recipient in other letters', 'OSS@Public.Example'],
      ['a public list', 'announce@orbit.example'],
      ['a public list in other letters', 'Announce@ORBIT.example'],
      ['a private list', 'distributors@orbit.example'],
    ])('that says it is fixed words for a stranger, but goes to %s, is refused', async (_, address) => {
      await expect(run(delivery({ ...toStranger, address }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test.each([
      ['an external recipient', 'oss'],
      ['a public list', 'list'],
    ])('that says it is for a contact, whose address is that of %s, is refused', async (_, contact_id) => {
      const address = contact_id === 'oss' ? 'oss@public.example' : 'announce@orbit.example';
      await expect(run(delivery({ ...toContact, contact_id, address }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('that says it is for a contact, but goes out through a public list, is refused', async () => {
      await expect(run(delivery({ ...toContact, list_id: 'announce' }))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('is not what a reporter with the address of a list is told, and cannot hold a release up', async () => {
      const toReporter = { ...toStranger, address: 'security@orbit.example', post_id: 'news' };
      await expect(run(delivery(toReporter))).rejects.toThrow(NEEDS_RELEASE);
      await release();
      await run(delivery(toReporter));
      await expect(run(sql`update deliveries set audience = 'public'`)).rejects.toThrow(NEEDS_RELEASE);
    });

    test('is not what the people behind a public list are sent', async () => {
      await run(delivery({ ...toContact, list_id: 'announce', post_id: 'owner' }));
      await expect(run(sql`update deliveries set post_id = 'report'`)).rejects.toThrow(NEEDS_RELEASE);
      await expect(run(sql`update deliveries set audience = 'reporter'`)).rejects.toThrow(NEEDS_RELEASE);
    });

    test.each([
      sql`update deliveries set audience = 'public'`,
      sql`update deliveries set address = 'OSS@public.example'`,
      sql`update deliveries set list_id = 'announce'`,
      sql`update deliveries set address = 'announce@orbit.example', state = 'queued'`,
    ])('is not made out of a harmless one (%#)', async (change) => {
      await run(delivery(toStranger));
      await expect(run(change)).rejects.toThrow(NEEDS_RELEASE);
    });

    test('is not made through a conflict', async () => {
      await run(delivery(toContact));
      const upsert = sql`${delivery()} on conflict (id) do update set audience = 'public', address = 'reader@example.org'`;
      await expect(run(upsert)).rejects.toThrow(NEEDS_RELEASE);
      if (engine.name === 'postgres') return;
      for (const word of ['replace', 'ignore']) await expect(run(delivery({}, word))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('is not turned into one of another case afterwards', async () => {
      await release();
      await run(delivery());
      for (const id of ['ORBIT-2', null])
        await expect(run(sql`update deliveries set case_id = ${id}`)).rejects.toThrow(NEEDS_RELEASE);
    });

    test('is not an alarm for the people behind a public list', async () => {
      await run(delivery({ ...toContact, list_id: 'announce', post_id: 'alert' }));
      // Which of the two guards speaks first is the engine's choice.
      const refusal = /a public delivery needs a released case|the copy of a contact goes to his own address/;
      await expect(run(sql`update deliveries set address = 'oss@public.example'`)).rejects.toThrow(refusal);
    });

    test('is not turned into another post afterwards', async () => {
      await release();
      await run(delivery());
      await expect(run(sql`update deliveries set post_id = 'draft'`)).rejects.toThrow(NEEDS_RELEASE);
      await run(sql`update deliveries set state = 'delivered', settled_at = ${RELEASE_AT}`);
    });
  });

  describe('the word that a fix will come', () => {
    const naming = (change: Record<string, string | null> = {}) => {
      const names = {
        forthcoming_post_id: 'forthcoming',
        forthcoming_digest: '-',
        forthcoming_hash: 'word',
        forthcoming_by: 'lead',
        ...change,
      };
      const sets = Object.entries(names).map(([name, value]) => sql`${sql.ref(name)} = ${value}`);
      return sql`update cases set ${sql.join(sets)} where id = 'ORBIT-1'`;
    };
    const word = (change: Record<string, string | null> = {}) => delivery({ post_id: 'forthcoming', ...change });

    test('goes to the public as the case names it, once somebody else than its author approved it', async () => {
      await run(naming());
      await expect(run(word())).rejects.toThrow(NEEDS_RELEASE);
      await run(approval('lead', { hash: 'word' }));
      await expect(run(word())).rejects.toThrow(NEEDS_RELEASE);
      await run(approval('deputy', { hash: 'word' }));
      await run(word());
      expect(await db.selectFrom('deliveries').select('post_id').execute()).toEqual([{ post_id: 'forthcoming' }]);
    });

    test.each<[string, Record<string, string | null>, Record<string, string | null>]>([
      ['of a post that the case does not name', { forthcoming_post_id: null }, {}],
      ['of another post of the case', {}, { post_id: 'draft' }],
      ['of another post that the case names', { forthcoming_post_id: 'draft' }, { post_id: 'draft' }],
      ['of its public post', { forthcoming_post_id: 'public' }, { post_id: 'public' }],
      ['of the word of another case', { forthcoming_post_id: 'other-forthcoming' }, { post_id: 'other-forthcoming' }],
      ['with other octets', { forthcoming_digest: 'x' }, {}],
      ['that was approved otherwise', { forthcoming_hash: 'x' }, {}],
      ['that nobody drafted', { forthcoming_by: null }, {}],
      ['by its author alone', { forthcoming_by: 'deputy' }, {}],
      ['in the name of another case', {}, { case_id: 'ORBIT-2' }],
      ['through a list that is not public', {}, { list_id: 'distributors' }],
      ['that is said to be for a stranger', {}, { audience: 'stranger', address: 'oss@public.example' }],
    ])('%s is refused', async (_, named, copy) => {
      await run(naming(named));
      await run(approval('deputy', { hash: 'word' }));
      await expect(run(word(copy))).rejects.toThrow(NEEDS_RELEASE);
    });

    test('lets nothing else through once it is out', async () => {
      await run(naming());
      await run(approval('deputy', { hash: 'word' }));
      await run(word());
      for (const post_id of ['draft', 'report', 'public', 'other-forthcoming'])
        await expect(run(sql`update deliveries set post_id = ${post_id}`)).rejects.toThrow(NEEDS_RELEASE);
      await expect(run(delivery({ id: 'd2', message_id: '<2@x>' }))).rejects.toThrow(NEEDS_RELEASE);
    });
  });

  describe('that the longest embargo has ended', () => {
    const minimal = delivery({ post_id: 'minimal' });
    const accept = () => run(sql`update cases set accepted_at = 1, aside = null where id = 'ORBIT-1'`);

    test('is said to the public by the one post that is written down for it, and by nothing else of that case', async () => {
      await accept();
      await expect(run(minimal)).rejects.toThrow(NEEDS_RELEASE);
      await run(minimalNotice());
      await run(minimal);
      for (const post_id of ['report', 'draft', 'public', 'early-minimal'])
        await expect(run(delivery({ id: 'd2', message_id: '<2@x>', post_id }))).rejects.toThrow(NEEDS_RELEASE);
      for (const change of [{ case_id: 'ORBIT-2' }, { case_id: null }, { list_id: 'distributors' }])
        await expect(run(delivery({ id: 'd2', message_id: '<2@x>', post_id: 'minimal', ...change }))).rejects.toThrow(
          NEEDS_RELEASE,
        );
      await expect(run(delivery({ ...toContact, id: 'd2', message_id: '<2@x>', post_id: 'minimal' }))).rejects.toThrow(
        /a public post goes to the public alone/,
      );
      await expect(run(sql`update deliveries set post_id = 'draft'`)).rejects.toThrow(NEEDS_RELEASE);
    });

    test.each([
      ['of a post that is another kind', { post_id: 'draft' }],
      ['of a post of another case', { case_id: 'ORBIT-2' }],
      ['with another digest', { digest: 'x' }],
      ['of a post that was written before that', { post_id: 'early-minimal' }],
      ['before that', { created_at: RELEASE_AT - 1 }],
    ])('is not written down %s', async (_, change) => {
      await accept();
      await expect(run(minimalNotice(change))).rejects.toThrow(/a minimal notice is|minimal_notices_not_early/);
    });

    test.each([
      ['that nobody accepted', sql`update cases set accepted_at = null`],
      ['that is closed', sql`update cases set closed_at = 1`],
      ['that is rejected', sql`update cases set aside = 'rejected'`],
      ['that is withdrawn', sql`update cases set aside = 'withdrawn'`],
    ])('is not written down of a case %s', async (_, change) => {
      await accept();
      await run(change);
      await expect(run(minimalNotice())).rejects.toThrow(/a minimal notice is of an accepted case/);
    });

    test('is not written down of a released case, or changed, deleted or replaced', async () => {
      await accept();
      await run(minimalNotice());
      await expect(run(sql`update minimal_notices set digest = 'x'`)).rejects.toThrow(/never changed/);
      await expect(run(sql`delete from minimal_notices`)).rejects.toThrow(/never deleted/);
      await expect(run(minimalNotice())).rejects.toThrow(/never replaced|unique|duplicate/i);
      await run(sql`update cases set accepted_at = 1 where id = 'ORBIT-2'`);
      await release();
      await expect(run(minimalNotice())).rejects.toThrow();
    });
  });

  test('a contact copy is taken, leased and settled while the case is closed', async () => {
    await run(delivery(toContact));
    await run(sql`update deliveries set state = 'leased', lease = 'x', attempts = attempts + 1`);
    const { numAffectedRows } = await run(sql`update deliveries set state = 'delivered' where lease = 'x'`);
    expect(Number(numAffectedRows)).toBe(1);
  });

  test.each(['report', 'draft', 'public'])('a stranger is never written the %s', async (post_id) => {
    await release();
    const copy = delivery({ ...toStranger, post_id });
    await expect(run(copy)).rejects.toThrow(FIXED_WORDS);
  });

  test('a stranger is written fixed words, and nothing else afterwards', async () => {
    await run(delivery(toStranger));
    await expect(run(sql`update deliveries set post_id = 'report'`)).rejects.toThrow(FIXED_WORDS);
  });

  test('a copy for a contact is not made one for a stranger', async () => {
    await run(delivery(toContact));
    await expect(run(sql`update deliveries set audience = 'stranger'`)).rejects.toThrow(FIXED_WORDS);
  });

  describe('a release', () => {
    test('without any approval is refused', async () => {
      await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
    });

    test('with the approval of one person is refused', async () => {
      await run(approval('lead'));
      await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
    });

    test('with one person under two tokens is refused', async () => {
      await run(approval('lead'));
      await expect(run(approval('lead', { token: 'lead-second' }))).rejects.toThrow(/unique|duplicate/i);
      await expect(run(approval('deputy', { token: 'lead-second' }))).rejects.toThrow(/foreign key/i);
      await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
    });

    test('with approvals of what stood there before is refused', async () => {
      await run(approval('lead', { hash: 'old' }));
      await run(approval('deputy', { hash: 'old' }));
      await run(approval('deputy'));
      await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
      await expect(run(sql`update approvals set hash = 'bundle'`)).rejects.toThrow(/an approval is never changed/);
    });

    test('with approvals of another case is refused', async () => {
      await run(approval('lead', { case: 'ORBIT-2' }));
      await run(approval('deputy', { case: 'ORBIT-2' }));
      await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
    });

    test('before the instant is refused', async () => {
      await approve();
      const early = sql`update cases set state = 'released', public_post_id = 'public', public_digest = '-', released_at = ${RELEASE_AT - 1} where id = 'ORBIT-1'`;
      await expect(run(early)).rejects.toThrow(/cases_not_early/);
    });

    test.each([sql`release_at = ${RELEASE_AT - 1}`, sql`bundle_hash = 'old'`, sql`draft_post_id = 'report'`])(
      'that changes what was approved in the same breath is refused (%#)',
      async (change) => {
        await approve();
        await run(approval('lead', { hash: 'old' }));
        await run(approval('deputy', { hash: 'old' }));
        const sly = sql`update cases set state = 'released', public_post_id = 'public', public_digest = '-', released_at = ${RELEASE_AT}, ${change} where id = 'ORBIT-1'`;
        await expect(run(sly)).rejects.toThrow(AS_APPROVED);
      },
    );

    test.each(['report', 'draft', 'other-public', 'none'])('that would publish the post "%s" is refused', async (post) => {
      await approve();
      const wrong = sql`update cases set state = 'released', public_post_id = ${post}, public_digest = '-', released_at = ${RELEASE_AT} where id = 'ORBIT-1'`;
      await expect(run(wrong)).rejects.toThrow(/a case is released with a public post of its own/);
    });

    test('is not there from the beginning', async () => {
      const born = (verb: string) => sql`${sql.raw(verb)} into cases
        (id, year, number, state, list_id, thread_token, received_at, revision, release_at, draft_post_id, bundle_hash, public_post_id, released_at, updated_at)
        values ('ORBIT-3', 2026, 3, 'released', 'security', 't3', 1, 1, 1, 'draft', 'bundle', 'public', 1, 1)`;
      await approve();
      await expect(run(born('insert'))).rejects.toThrow(/no case begins released/);
      if (engine.name === 'sqlite') await expect(run(born('replace'))).rejects.toThrow(/no case begins released/);
    });

    test('with two approvals, at the instant, is taken', async () => {
      await release();
      expect(await db.selectFrom('cases').select('state').where('id', '=', 'ORBIT-1').execute()).toEqual([{ state: 'released' }]);
    });

    test.each([
      sql`id = 'ORBIT-3'`,
      sql`state = 'armed'`,
      sql`public_post_id = 'draft'`,
      sql`bundle_hash = 'old'`,
      sql`draft_post_id = 'report'`,
      sql`released_at = ${RELEASE_AT + 1}`,
      sql`channels = 'evil@example.org'`,
      sql`release_at = release_at - 1`,
    ])('is final (%#)', async (change) => {
      await release();
      await expect(run(sql`update cases set ${change} where id = 'ORBIT-1'`)).rejects.toThrow(FINAL);
      await run(sql`update cases set overdue_told_at = 5, updated_at = 5 where id = 'ORBIT-1'`);
    });
  });

  test.each([
    ['instant', sql`release_at = ${RELEASE_AT - 1}`],
    ['channels', sql`channels = 'oss@public.example'`],
  ])('the %s of an approved bundle cannot change under it', async (_, change) => {
    await approve();
    await expect(run(sql`update cases set ${change} where id = 'ORBIT-1'`)).rejects.toThrow(/is another bundle/);
    await run(sql`update cases set ${change}, bundle_hash = 'another' where id = 'ORBIT-1'`);
    await expect(run(releaseCase)).rejects.toThrow(NEEDS_APPROVALS);
  });

  if (engine.name === 'sqlite')
    test('an instant is a number: a text would be later than any', async () => {
      await approve();
      const late = sql`update cases set state = 'released', public_post_id = 'public', public_digest = '-', released_at = 'z' where id = 'ORBIT-1'`;
      await expect(run(late)).rejects.toThrow(/cannot store TEXT value in INTEGER column cases.released_at/);
    });

  test.each([
    [
      'lists',
      sql`insert into lists (id, address, role, name, fingerprint, created_at) values ('more', 'More@orbit.example', 'private', 'm', 'F', 1)`,
    ],
    ['contacts', sql`update contacts set address = upper(address)`],
    ['recipients', sql`update recipients set address = upper(address)`],
  ])('an address of %s is kept in lower case', async (_, shout) => {
    await expect(run(shout)).rejects.toThrow(/check constraint/i);
  });

  async function approve(): Promise<void> {
    for (const person of ['lead', 'deputy']) await run(approval(person));
  }

  async function release(): Promise<void> {
    await approve();
    await run(releaseCase);
  }
});
