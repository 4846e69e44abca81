import { beforeEach, describe, expect, test } from 'vitest';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import * as posts from '../../src/store/posts.ts';
import type { NewPost } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';
import { addList, NOW } from './roster-rows.ts';

eachEngine((engine) => {
  let db: Database;
  beforeEach(async () => {
    db = (await engine.open()).db;
    for (const local of ['security', 'other']) await addList(db, `${local}@orbit.example`, 'intake');
  });

  const post = (id: string, change: Partial<NewPost> = {}): NewPost => ({
    id,
    list_id: 'security',
    case_id: null,
    kind: 'post',
    digest: 'octets',
    signature_digest: 'signature',
    message_id_digest: 'message-id',
    encrypted: 1,
    received_at: NOW,
    size: 1,
    content: Buffer.from([0, 255]),
    ...change,
  });

  describe('a post is like an earlier one of its list', () => {
    const like = (marks: Partial<posts.Marks>, place: Partial<posts.Place> = {}) =>
      posts.like(
        db,
        { listId: 'security', kind: 'post', caseId: null, oneOfSeveral: false, ...place },
        { digest: 'octets', signature_digest: null, message_id_digest: null, ...marks },
      );

    test('by its signature, or by what its Message-ID and its body make together, whatever else its octets are', async () => {
      await posts.insert(db, post('one'));
      expect(await like({ signature_digest: 'signature', digest: 'x' })).toEqual({ id: 'one' });
      expect(await like({ message_id_digest: 'message-id', digest: 'x' })).toEqual({ id: 'one' });
      expect(await like({ message_id_digest: 'x' })).toBeUndefined();
      expect(await like({ signature_digest: 'x' })).toBeUndefined();
    });

    test('never without a mark, nor on another list', async () => {
      await posts.insert(db, post('one', { signature_digest: null, message_id_digest: null }));
      expect(await like({})).toBeUndefined();
      await posts.insert(db, post('two'));
      expect(await like({ signature_digest: 'signature', message_id_digest: 'message-id' }, { listId: 'other' })).toBeUndefined();
    });
  });

  test('what was signed once for a list is the same wherever on it it comes, unless it says that it is for both places', async () => {
    const marks = post('one') as posts.Marks;
    const like = (place: Partial<posts.Place>, of: posts.Marks = marks) =>
      posts.like(db, { listId: 'security', kind: 'post', caseId: null, oneOfSeveral: false, ...place }, of);
    const member = {
      id: 'm',
      organisation: 'Alpha',
      product: null,
      state: 'active' as const,
      reason: null,
      created_at: NOW,
      updated_at: NOW,
    };
    await members.insert(db, member);
    await contacts.insert(db, {
      id: 'alpha',
      member_id: 'm',
      address: 'a@alpha.example',
      proved_at: NOW,
      name: null,
      active: 1,
      created_at: NOW,
    });
    const signed = { signer_contact_id: 'alpha' };
    // Of nobody on the roster, or held, it takes no other place.
    await posts.insert(db, post('none', { signature_digest: 'another' }));
    expect(await like({ kind: 'report' }, { ...marks, signature_digest: 'another', message_id_digest: null })).toBeUndefined();
    await posts.insert(db, post('held', { ...signed, signature_digest: 'held', state: 'held', hold_reason: 'mixed' }));
    expect(await like({ kind: 'report' }, { ...marks, signature_digest: 'held', message_id_digest: null })).toBeUndefined();
    await posts.insert(db, post('one', { ...signed, message_id_digest: 'one' }));
    marks.message_id_digest = 'one';
    for (const place of [{}, { kind: 'report' }, { caseId: 'ORBIT-1' }, { oneOfSeveral: true }] as const)
      expect(await like(place)).toEqual({ id: 'one' });
    expect(await like({ caseId: 'ORBIT-1', oneOfSeveral: true })).toBeUndefined();
    expect(await like({ kind: 'report', oneOfSeveral: true })).toBeUndefined();
    // Not signed, it may be sent to each of them; and to the people behind the list, by anybody, it may have come before.
    expect(await like({ caseId: 'ORBIT-1' }, { ...marks, signature_digest: null })).toBeUndefined();
    expect(await like({ kind: 'owner' })).toBeUndefined();
  });

  test('content comes back as the octets that were written, and facts come without it', async () => {
    await posts.insert(db, post('one'));
    expect(Buffer.from((await posts.byId(db, 'one'))?.content ?? [])).toEqual(Buffer.from([0, 255]));
    expect(await posts.byId(db, 'two')).toBeUndefined();
    expect(await posts.factsById(db, 'one')).not.toHaveProperty('content');
    await posts.insert(db, post('two', { signature_digest: null }));
    expect((await posts.page(db, { limit: 9 })).map(({ id }) => id)).toEqual(['two', 'one']);
    expect((await posts.page(db, { limit: 9, before: 'two' })).map(({ id }) => id)).toEqual(['one']);
  });

  test("a list's lock lets one transaction through after the other, and does not stop posts to other lists", async () => {
    const order: string[] = [];
    const take = (name: string, list: string) =>
      db.transaction().execute(async (trx) => {
        await lists.lock(trx, list);
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 30));
        await posts.insert(trx, post(name, { list_id: list, signature_digest: name }));
        order.push(`${name} out`);
      });
    await Promise.all([take('a', 'security'), take('b', 'security'), take('c', 'other')]);
    const same = order.filter((step) => !step.startsWith('c'));
    expect([same[0]?.[0], same[2]?.[0]]).toEqual([same[1]?.[0], same[3]?.[0]]);
    expect((await lists.byId(db, 'security'))?.name).toBe('security');
  });
});
