import { beforeEach, describe, expect, test } from 'vitest';
import { createAlarm, DAY, HOUR, type Instant, MINUTE, movingClock, newId, SECOND } from '../../src/clock.ts';
import { deliveryOfToken } from '../../src/delivery/bounce.ts';
import { copyFor } from '../../src/delivery/copies.ts';
import { tellTeam } from '../../src/delivery/tell.ts';
import { deliverBatch, deliveryLoop, type Lane, type Send } from '../../src/delivery/work.ts';
import { release } from '../../src/embargo/release.ts';
import { createLog } from '../../src/log.ts';
import { armorCertificate } from '../../src/pgp/certificate.ts';
import { createListKey, openListKey } from '../../src/pgp/keyring.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as posts from '../../src/store/posts.ts';
import type { Delivery } from '../../src/store/schema.ts';
import { armed, caseOf, OUTSIDE, READER, scheduled, subscribe } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { eachEngine, type OpenedDatabase } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { unguarded } from '../support/unguarded.ts';
import { OPTIONS, outbox, silent } from './outbox.ts';

/** Where other tests run as well, to seal the first copies takes its time. */
const PATIENT = { timeout: 5_000 };

const DEFERRED = { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' } as const;
const REFUSED = { state: 'failed', reason: 'rejected', response: '550 5.1.1 nobody' } as const;

eachEngine((engine) => {
  const build = housing();
  let opened: OpenedDatabase;
  let house: House;

  beforeEach(async () => {
    opened = await engine.open();
    house = await build(opened.db);
  });

  /** A post of a member, for Alpha and Beta. */
  const post = async (text = 'Hello.\n', recipients = [listCertificate(house, LISTS.distributors)]) => {
    const [alpha] = house.members;
    const letter = letterOf(house, alpha, { to: LISTS.distributors, text });
    const sealing = { recipients, signer: alpha };
    return (await arrive(house, await encryptedMail(letter, sealing), { to: LISTS.distributors, sender: alpha.address })).id;
  };
  const copies = async (postId?: string) => {
    const rows = await deliveries.page(house.db, { limit: 999, ...(postId ? { postId } : {}) });
    return rows.sort((a, b) => (a.address < b.address ? -1 : 1));
  };
  const forAlpha = async (postId: string): Promise<Delivery> => {
    const copy = (await copies(postId)).find(({ address }) => address === house.members[0].address);
    if (!copy) throw new Error('no copy for Alpha');
    return copy;
  };
  const alerts = async () => (await house.db.selectFrom('posts').select('id').where('kind', '=', 'alert').execute()).length;
  const lease = (until: Instant) =>
    deliveries.lease(house.db, { id: newId(house.clock), until }, house.clock.now(), { copies: 50 });

  describe('a copy', () => {
    test('that the relay takes is delivered, with its answer', async () => {
      const id = await post();
      expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(house.members.map(({ address }) => address));
      for (const copy of await copies(id))
        expect(copy).toMatchObject({
          state: 'delivered',
          response: '250 2.0.0 taken',
          reason: null,
          attempts: 1,
          settled_at: house.clock.now(),
          lease: null,
        });
    });

    test('that is deferred comes again with the same Message-ID, sealed anew, later each time', async () => {
      const id = await post();
      const box = outbox(house);
      const tried: [Instant, string, string][] = [];
      box.answers = ({ to, raw }) => {
        if (to !== house.members[0].address) return { state: 'delivered', response: '250' };
        tried.push([house.clock.now(), /^Message-ID: (.*)\r$/m.exec(raw.toString())?.[1] ?? '', raw.toString()]);
        return tried.length < 4 ? DEFERRED : { state: 'delivered', response: '250' };
      };
      for (let minutes = 0; minutes < 60; minutes++) {
        await box.drain();
        house.clock.moveTo(house.clock.now() + MINUTE);
      }
      const copy = await forAlpha(id);
      expect(copy).toMatchObject({ state: 'delivered', attempts: 4 });
      expect(new Set(tried.map(([, messageId]) => messageId))).toEqual(new Set([copy.message_id]));
      expect(new Set(tried.map(([, , raw]) => raw)).size).toBe(4);
      const waits = tried.slice(1).map(([at], index) => at - (tried[index]?.[0] ?? 0));
      expect(waits).toEqual([...waits].sort((a, b) => a - b));
    });

    test('that is deferred too long fails, and the team is told once', async () => {
      const id = await post();
      const box = outbox(house);
      box.answers = ({ to }) => (to === house.members[0].address ? DEFERRED : { state: 'delivered', response: '250' });
      await box.drain();
      expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'try-later', response: DEFERRED.response });
      house.clock.moveTo(house.clock.now() + OPTIONS.giveUp * SECOND);
      await box.drain();
      expect(await forAlpha(id)).toMatchObject({ state: 'failed', reason: 'gave-up', response: DEFERRED.response });
    });

    test('fails when the patience of its list has ended, longer or shorter than the usual one, and the team is told', async () => {
      const box = outbox(house);
      box.answers = ({ to }) => (to === house.members[0].address ? DEFERRED : { state: 'delivered', response: '250' });
      const patience = (hours: number | null) =>
        house.db.updateTable('lists').set({ give_up: hours }).where('address', '=', LISTS.distributors).execute();
      for (const hours of [OPTIONS.giveUp / 3600 + 2, 1]) {
        await patience(hours);
        const id = await post(`For ${hours} hours.\n`);
        await box.drain();
        const { tried_at } = await forAlpha(id);
        house.clock.moveTo((tried_at ?? 0) + hours * HOUR - 1);
        await box.drain();
        expect(await forAlpha(id), `${hours}`).toMatchObject({ state: 'deferred' });
        house.clock.moveTo((await forAlpha(id)).due_at);
        await box.drain();
        expect(await forAlpha(id), `${hours}`).toMatchObject({ state: 'failed', reason: 'gave-up', told_at: null });
        await tellTeam(house, silent);
        expect(await forAlpha(id)).toMatchObject({ told_at: house.clock.now() });
      }
      // What belongs to a release is tried as long as anything is.
      await patience(1);
      const id = await post('Of a release.\n');
      await house.db.updateTable('deliveries').set({ priority: 3 }).where('post_id', '=', id).execute();
      const box3 = outbox(house, { ...OPTIONS, giveUp: 3 * 3600 });
      box3.answers = box.answers;
      await box3.drain();
      house.clock.moveTo(house.clock.now() + 2 * HOUR);
      await box3.drain();
      expect(await forAlpha(id)).toMatchObject({ state: 'deferred', attempts: 2 });
    });

    test('that the relay refuses for good fails, with its words', async () => {
      const id = await post();
      const box = outbox(house);
      box.answers = () => REFUSED;
      await box.drain();
      for (const copy of await copies(id)) expect(copy).toMatchObject({ ...REFUSED, settled_at: house.clock.now() });
      house.clock.moveTo(house.clock.now() + DAY);
      box.answers = () => ({ state: 'delivered', response: '250' });
      expect(await box.drain()).toEqual([]);
      expect(await deliveries.retry(house.db, (await forAlpha(id)).id, house.clock.now())).toBe(false);
    });

    test('is settled by whoever holds its lease, and by nobody else', async () => {
      await post();
      const [copy] = await lease(house.clock.now() + MINUTE);
      const delivered = { state: 'delivered', response: '250' } as const;
      const settle = async (holder: string, settlement: deliveries.Settlement) => {
        const [settled] = await deliveries.settle(
          house.db,
          [{ id: copy?.id ?? '', lease: holder, settlement }],
          house.clock.now(),
        );
        return settled;
      };
      expect(await settle('another', delivered)).toBeNull();
      expect(await settle(copy?.lease ?? '', delivered)).toEqual({ state: 'delivered', reason: null });
      expect(await settle(copy?.lease ?? '', REFUSED)).toBeNull();
    });

    test('whose worker died is taken back when its lease ends, and goes out with the Message-ID it had', async () => {
      const id = await post();
      const leased = await lease(house.clock.now() + MINUTE);
      expect(leased).toHaveLength(2);
      expect(await deliveries.reclaim(house.db, house.clock.now() + MINUTE - 1)).toBe(0);
      expect(await outbox(house).drain()).toEqual([]);
      expect(await deliveries.reclaim(house.db, house.clock.now() + MINUTE)).toBe(2);
      expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'lease-lost', lease: null });
      const sent = await outbox(house).drain();
      expect(sent.find(({ to }) => to === house.members[0].address)?.raw.toString()).toContain((await forAlpha(id)).message_id);
      expect((await forAlpha(id)).attempts).toBe(2);
    });

    test('is not sent by who has lost its lease while he sealed it', async () => {
      const id = await post();
      const { open, reopen, ...pgp } = house.pgp;
      const slow = async (...args: Parameters<typeof reopen>) => {
        house.clock.moveTo(house.clock.now() + OPTIONS.lease * SECOND);
        return reopen(...args);
      };
      await deliverBatch({ ...house, pgp: { ...pgp, open, reopen: slow } }, outbox(house).send, OPTIONS, silent);
      expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'interrupted' });
      expect(await outbox(house).drain()).toHaveLength(2);
    });

    test('that was reclaimed meanwhile keeps what its new worker says of it', async () => {
      const id = await post();
      const box = outbox(house);
      box.answers = async ({ to }) => {
        await house.db.updateTable('deliveries').set({ lease: 'another' }).where('address', '=', to).execute();
        return REFUSED;
      };
      await deliverBatch(house, box.send, OPTIONS, silent);
      for (const copy of await copies(id)) expect(copy).toMatchObject({ state: 'leased', lease: 'another', response: null });
    });

    test('is left to the next one when the worker is told to stop', async () => {
      const id = await post();
      const box = outbox(house);
      const stopping = AbortSignal.abort();
      expect(await deliverBatch(house, box.send, OPTIONS, silent, stopping)).toBe(2);
      expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'interrupted', due_at: house.clock.now() });
      expect(await box.drain()).toHaveLength(2);
    });
  });

  test('two workers on one database send each copy once', async () => {
    const other = opened.elsewhere();
    for (let count = 0; count < 3; count++) await post(`Hello ${count}.\n`);
    await house.report();
    const boxes = [outbox(house, { ...OPTIONS, batch: 1 }), outbox({ ...house, db: other }, { ...OPTIONS, batch: 1 })];
    const sent: string[] = [];
    for (const box of boxes)
      box.answers = async ({ to, raw }) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        sent.push(`${to} ${/^Message-ID: (.*)\r$/m.exec(raw.toString())?.[1]}`);
        return { state: 'delivered', response: '250' };
      };
    for (let rounds = 0; rounds < 3; rounds++) await Promise.all(boxes.map((box) => box.drain()));
    const all = await copies();
    expect(sent.sort()).toEqual(all.map(({ address, message_id }) => `${address} ${message_id}`).sort());
    expect(all.every(({ state, attempts }) => state === 'delivered' && attempts === 1)).toBe(true);
  });

  test('a relay slower than the lease keeps it: the second worker finds nothing to take', async () => {
    const id = await post();
    const slow = outbox(house);
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let asked = 0;
    slow.answers = async () => {
      asked++;
      await answered;
      return { state: 'delivered', response: '250 at last' };
    };
    const working = slow.drain();
    await expect.poll(() => asked).toBe(house.members.length);
    const until = async () => (await copies(id)).map(({ lease_until }) => lease_until);
    for (let third = 1; third <= 9; third++) {
      house.clock.moveTo(house.clock.now() + (OPTIONS.lease * SECOND) / 3);
      await expect.poll(until).toEqual(house.members.map(() => house.clock.now() + OPTIONS.lease * SECOND));
      expect(await deliveries.reclaim(house.db, house.clock.now())).toBe(0);
      expect(await outbox(house).drain()).toEqual([]);
    }
    answer();
    expect(await working).toHaveLength(house.members.length);
    for (const copy of await copies(id)) expect(copy).toMatchObject({ state: 'delivered', attempts: 1, response: '250 at last' });
  });

  test('nor does it lose it where another copy of its batch fails in our own hands', async () => {
    const id = await post();
    const [alpha, beta] = house.members;
    const slow = outbox(house);
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const asked: string[] = [];
    slow.answers = async ({ to }) => {
      asked.push(to);
      if (to === alpha.address) throw new Error('a fault of the program');
      await answered;
      return { state: 'delivered', response: '250 at last' };
    };
    const working = slow.drain().catch((error: unknown) => String(error));
    await expect.poll(() => asked.length).toBe(2);
    for (let third = 1; third <= 6; third++) {
      house.clock.moveTo(house.clock.now() + (OPTIONS.lease * SECOND) / 3);
      const ofBeta = async () => (await copies(id)).find(({ address }) => address === beta.address)?.lease_until;
      await expect.poll(ofBeta).toBe(house.clock.now() + OPTIONS.lease * SECOND);
      expect(await deliveries.reclaim(house.db, house.clock.now())).toBe(0);
    }
    answer();
    expect(await working).toBe('Error: a fault of the program');
    expect((await copies(id)).find(({ address }) => address === beta.address)).toMatchObject({ state: 'delivered', attempts: 1 });
  });

  test('a lane takes its own copies alone: a release does not wait for ordinary mail that hangs', async () => {
    await subscribe(house);
    const about = await armed(house);
    await outbox(house).drain();
    await post();
    const ordinary = outbox(house, { ...OPTIONS, lane: 'ordinary' });
    const urgent = (['public', 'external'] as const).map((lane) => outbox(house, { ...OPTIONS, lane }));
    const published = async () => (await Promise.all(urgent.map((box) => box.drain()))).flat().map(({ to }) => to);
    expect(await published()).toEqual([]);
    house.clock.moveTo(about.release_at ?? 0);
    await release(house, about.id);
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const tried: string[] = [];
    ordinary.answers = async ({ to }) => {
      tried.push(to);
      await answered;
      return { state: 'delivered', response: '250' };
    };
    const hanging = ordinary.drain();
    await expect.poll(() => tried.length).toBe(house.members.length);
    const members = house.members.map(({ address }) => address);
    expect([...(await published()), ...(await published())]).toEqual([READER, OUTSIDE]);
    expect(tried.sort()).toEqual(members);
    answer();
    expect((await hanging).map(({ to }) => to).sort()).toEqual(members);
  });

  describe('a copy is held, and nothing is sent, while', () => {
    test('the member is suspended, and goes when he is back and a person says so', async () => {
      const id = await post();
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([house.members[1].address]);
      expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'not-active', settled_at: null });
      await house.db.updateTable('members').set({ state: 'active' }).where('organisation', '=', 'Alpha').execute();
      expect(await outbox(house).drain()).toEqual([]);
      expect(await deliveries.retry(house.db, (await forAlpha(id)).id, house.clock.now())).toBe(true);
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([house.members[0].address]);
    });

    test('the contact is inactive', async () => {
      const id = await post();
      await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', house.members[0].contactId).execute();
      await outbox(house).drain();
      expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'not-active' });
    });

    test('there is no current certificate', async () => {
      const id = await post();
      await house.db
        .updateTable('certificates')
        .set({ state: 'retired' })
        .where('contact_id', '=', house.members[0].contactId)
        .execute();
      await outbox(house).drain();
      expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'no-certificate' });
    });

    test('the certificate cannot be read', async () => {
      const set = { data: Buffer.from('nonsense') };
      const id = await post();
      await house.db.updateTable('certificates').set(set).where('contact_id', '=', house.members[0].contactId).execute();
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([house.members[1].address]);
      expect((await forAlpha(id)).state).toBe('held');
    });

    test('what opens is not what was kept of the post', async () => {
      const ids = [await post('One.\n'), await post('Two.\n')];
      const [one, two] = await house.db.selectFrom('posts').select(['id', 'content']).where('id', 'in', ids).execute();
      if (!one || !two) throw new Error('no posts');
      await unguarded(house.db, async (trx) => {
        for (const [{ id }, { content }] of [
          [one, two],
          [two, one],
        ] as const)
          await trx.updateTable('posts').set({ content }).where('id', '=', id).execute();
      });
      expect(await outbox(house).drain()).toEqual([]);
      for (const id of ids)
        for (const copy of await copies(id)) expect(copy).toMatchObject({ state: 'held', reason: 'cannot-open' });
    });

    test('what is kept of the post does not open; where its key is not loaded, another node is waited for first', async () => {
      const id = await post();
      const damaged = Buffer.from('nonsense');
      await unguarded(house.db, (trx) => trx.updateTable('posts').set({ content: damaged }).where('id', '=', id).execute());
      expect(await outbox(house).drain()).toEqual([]);
      expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'cannot-open' });
      const lost = await post('Again.\n');
      await house.db.updateTable('lists').set({ fingerprint: 'GONE' }).where('id', '=', 'distributors').execute();
      expect(await outbox(house).drain()).toEqual([]);
      expect(await forAlpha(lost)).toMatchObject({ state: 'deferred', reason: 'not-ready' });
      house.clock.moveTo(house.clock.now() + OPTIONS.giveUp * SECOND);
      expect(await outbox(house).drain()).toEqual([]);
      expect(await forAlpha(lost)).toMatchObject({ state: 'held', reason: 'not-ready' });
    });
  });

  test('a post that cannot be made ready is tried again, and in the end held for a person', async () => {
    const id = await post();
    const { reopen: _, ...pgp } = house.pgp;
    const broken = { ...house, pgp: { ...pgp, reopen: () => Promise.reject(new Error('out of threads')) } };
    await deliverBatch(broken, outbox(house).send, OPTIONS, silent);
    expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'internal-error' });
    expect((await forAlpha(id)).due_at).toBeGreaterThan(house.clock.now());
    house.clock.moveTo(house.clock.now() + OPTIONS.giveUp * SECOND);
    await deliverBatch(broken, outbox(house).send, OPTIONS, silent);
    expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'internal-error' });
  });

  describe('a public copy asks the gate each time', () => {
    beforeEach(async () => {
      await subscribe(house);
      const about = await armed(house);
      await outbox(house).drain();
      house.clock.moveTo(about.release_at ?? 0);
      await release(house, about.id);
      await house.db.deleteFrom('deliveries').where('audience', '!=', 'public').execute();
    });
    const publicCopies = async () => (await copies()).filter(({ audience }) => audience === 'public');
    const heldWith = async (reason: string) => {
      expect(await outbox(house).drain()).toEqual([]);
      for (const copy of await publicCopies()) expect(copy).toMatchObject({ state: 'held', reason });
    };

    test('and waits for the instant where the clock is before it again', async () => {
      house.clock.moveTo(house.clock.now() - 1);
      await house.db.updateTable('deliveries').set({ due_at: 0 }).execute();
      expect((await outbox(house).drain()).filter(({ to }) => to === READER || to === OUTSIDE)).toEqual([]);
      for (const copy of await publicCopies()) expect(copy).toMatchObject({ state: 'deferred', reason: 'not-released' });
      house.clock.moveTo(house.clock.now() + 1);
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([READER, OUTSIDE]);
    });

    test('and is held where the approvals are gone', async () => {
      await unguarded(house.db, (trx) => trx.deleteFrom('approvals').execute());
      await heldWith('not-approved');
    });

    test('and is held, and told, where other octets stand in its post than those that were released', async () => {
      const other = await scheduled(house, house.clock.now() + HOUR);
      await house.db.deleteFrom('deliveries').where('audience', '!=', 'public').execute();
      const draft = await posts.byId(house.db, other.draft_post_id ?? '');
      const { content, digest } = draft ?? {};
      await unguarded(house.db, (trx) =>
        trx.updateTable('posts').set({ content, digest }).where('kind', '=', 'public').execute(),
      );
      await heldWith('approval-voided');
      expect(await tellTeam(house, silent)).toBe(2);
      const told = (await outbox(house).drain()).find(({ to }) => to === house.team[0].address);
      const alert = await openCopy(told?.raw ?? Buffer.alloc(0), house.team[0], undefined, house.clock.now());
      expect(alert.entity.toString()).toContain('approval-voided: what is kept is not what was approved');
    });

    test('and waits for the instant where a hand wrote "released" into the case hours before', async () => {
      const about = await armed(house, house.clock.now() + 5 * HOUR);
      const releaseAt = about.release_at ?? 0;
      await house.db.deleteFrom('deliveries').execute();
      const [list] = await house.db.selectFrom('lists').selectAll().where('id', '=', 'announce').execute();
      const [published] = await house.db.selectFrom('posts').selectAll().where('kind', '=', 'public').execute();
      if (!list || !published) throw new Error('a list, and a public post to copy');
      // The database believes the instants that it is given.
      const post = { ...published, id: 'early', case_id: about.id, received_at: releaseAt };
      await posts.insert(house.db, post);
      const lie = { state: 'released', public_post_id: post.id, public_digest: post.digest, released_at: releaseAt } as const;
      await house.db.updateTable('cases').set(lie).where('id', '=', about.id).execute();
      const copy = copyFor(house.clock, { id: post.id, case_id: about.id, list }, { audience: 'public', address: READER });
      await deliveries.insertMany(house.db, [copy]);
      expect(await outbox(house).drain()).toEqual([]);
      expect(await publicCopies()).toMatchObject([{ state: 'deferred', reason: 'not-released', due_at: releaseAt }]);
      house.clock.moveTo(releaseAt - 1);
      expect(await outbox(house).drain()).toEqual([]);
    });

    test('whomever a row says that it is for', async () => {
      const [alpha] = house.members;
      const [copy] = await publicCopies();
      if (!copy) throw new Error('there are public copies');
      const change = { audience: 'contact', address: alpha.address, contact_id: alpha.contactId } as const;
      await unguarded(house.db, async (trx) => {
        await trx.updateTable('deliveries').set(change).where('id', '=', copy.id).execute();
        await trx.deleteFrom('approvals').execute();
      });
      expect(await outbox(house).drain()).toEqual([]);
      expect(await deliveries.byId(house.db, copy.id)).toMatchObject({ state: 'held', reason: 'not-approved' });
    });

    test('and goes to no stranger, while the others go', async () => {
      const [copy] = await publicCopies();
      await unguarded(house.db, (trx) =>
        trx
          .updateTable('deliveries')
          .set({ audience: 'stranger' })
          .where('id', '=', copy?.id ?? '')
          .execute(),
      );
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([READER, OUTSIDE].filter((to) => to !== copy?.address));
      expect(await deliveries.byId(house.db, copy?.id ?? '')).toMatchObject({ state: 'held', reason: 'not-in-clear' });
    });

    test('and is sent again well within the minute when the node that had it died', async () => {
      // The dead one's clock stands still: it renews no lease.
      const dead = { ...house, clock: movingClock(house.clock.now()) };
      const options = { ...OPTIONS, lease: 60, lane: 'public' } as const;
      const taken = new Promise<void>((resolve) => {
        const hang = () => new Promise<never>(() => resolve());
        void deliverBatch(dead, hang, options, silent);
      });
      await taken;
      const boxes = [outbox(house, options), outbox(house, { ...options, lane: 'external' })];
      const next = async (seconds: number) => {
        house.clock.moveTo(dead.clock.now() + seconds * SECOND);
        await deliveries.reclaim(house.db, house.clock.now());
        return (await Promise.all(boxes.map((box) => box.drain()))).flat().map(({ to }) => to);
      };
      // It had the post for the lists in hand; that for external addresses is another one.
      expect(await next(14)).toEqual([OUTSIDE]);
      expect(await next(15)).toEqual([READER]);
    });

    test('and is there within the minute though the relay puts it off for a quarter of that', async () => {
      const box = outbox(house);
      const instant = house.clock.now();
      box.answers = () => (house.clock.now() < instant + 15 * SECOND ? DEFERRED : { state: 'delivered', response: '250' });
      const taken: string[] = [];
      for (let second = 0; second < 45; second++) {
        house.clock.moveTo(instant + second * SECOND);
        taken.push(...(await box.drain()).map(({ to }) => to));
      }
      expect(taken.sort()).toEqual([OUTSIDE, READER]);
    });

    test('in the order of priorities: the first to fail does not hold the next', async () => {
      const box = outbox(house);
      const order: string[] = [];
      box.answers = ({ to }) => {
        order.push(to);
        return to === READER ? DEFERRED : { state: 'delivered', response: '250' };
      };
      await box.drain();
      expect(order).toEqual([READER, OUTSIDE]);
    });
  });

  describe('of a release, with the relay silent for one reader', () => {
    const READERS = [READER, 'second@example.org'];
    /** The loops of these lanes from the instant on; the relay keeps silent for the first reader until `answer`. */
    const releasing = async (lanes: readonly Lane[], batch: number, quiet = [READER], log = silent) => {
      await subscribe(house);
      await addRecipient(house, { list: LISTS.announce, address: 'second@example.org', kind: 'subscriber' });
      const about = await armed(house);
      await outbox(house).drain();
      house.clock.moveTo(about.release_at ?? 0);
      await release(house, about.id);
      const [stopping, tried] = [new AbortController(), [] as string[]];
      let answer = () => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const send: Send = async ({ to }) => {
        tried.push(to);
        if (quiet.includes(to)) await answered;
        return { state: 'delivered', response: '250' };
      };
      const alarms = lanes.map((lane) => ({ lane, alarm: createAlarm(house.clock) }));
      const ring = () => {
        for (const { alarm } of alarms) alarm.ring();
      };
      const loops = alarms.map(({ lane, alarm }) =>
        deliveryLoop(house, send, { ...OPTIONS, batch, lane, settled: ring }, alarm, log, stopping.signal),
      );
      const end = async () => {
        answer();
        stopping.abort();
        await Promise.all(loops);
      };
      return { tried, ring, end };
    };

    test('the other readers go, of whichever batch', async () => {
      const { tried, end } = await releasing(['public'], 1);
      await expect.poll(() => [...tried].sort()).toEqual(READERS);
      await end();
    });

    test('the later channels go as soon as another reader has it', async () => {
      const { tried, end } = await releasing(['public', 'external', 'reporter', 'member'], 50);
      await expect.poll(() => tried.slice(2)).toEqual([OUTSIDE, 'rita@example.org']);
      expect(tried.slice(0, 2).sort()).toEqual(READERS);
      await end();
    });

    test('and where no reader has it, after ten seconds, which is logged', async () => {
      const warned: unknown[] = [];
      const log = { ...silent, warn: (facts: unknown) => void warned.push(facts) } as typeof silent;
      const { tried, ring, end } = await releasing(['public', 'external', 'reporter', 'member'], 50, READERS, log);
      await expect.poll(() => [...tried].sort()).toEqual(READERS);
      house.clock.moveTo(house.clock.now() + 9 * SECOND);
      ring();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([tried.length, warned]).toEqual([2, []]);
      house.clock.moveTo(house.clock.now() + SECOND);
      ring();
      await expect.poll(() => tried.slice(2).sort()).toEqual([OUTSIDE, 'rita@example.org']);
      expect(warned).toMatchObject([{ case: expect.any(String) }, { case: expect.any(String) }]);
      await end();
    });

    test('a node that has just been started keeps the order as well', async () => {
      const { tried, end } = await releasing(['public'], 50, READERS);
      await expect.poll(() => tried).toHaveLength(2);
      house.clock.moveTo(house.clock.now() + 10 * SECOND);
      const later = new AbortController();
      const alarm = createAlarm(house.clock);
      const began = deliveryLoop(house, outbox(house).send, { ...OPTIONS, lane: 'external' }, alarm, silent, later.signal);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await caseChannel()).toMatchObject({ state: 'queued', attempts: 0 });
      house.clock.moveTo(house.clock.now() + 11 * SECOND);
      await expect.poll(async () => (await caseChannel())?.state).toBe('delivered');
      later.abort();
      await Promise.all([end(), began]);
    });
    const caseChannel = async () => (await copies()).find(({ address }) => address === OUTSIDE);
  });

  test('what is urgent goes before what is older, of other posts too', async () => {
    await subscribe(house);
    const about = await armed(house);
    await outbox(house).drain();
    house.clock.moveTo(about.release_at ?? 0);
    await post();
    await release(house, about.id);
    const order = (await outbox(house).drain()).map(({ to }) => to);
    expect(order.slice(0, 3)).toEqual([READER, OUTSIDE, 'rita@example.org']);
    expect(order.slice(3).sort()).toEqual(house.members.map(({ address }) => address));
  });

  test('a stranger is never sent anything but the fixed words, whatever the row says', async () => {
    const caseId = await house.report();
    const [report] = await copies();
    await outbox(house).drain();
    const list = await house.db.selectFrom('lists').selectAll().where('id', '=', 'security').executeTakeFirstOrThrow();
    const row = copyFor(
      house.clock,
      { id: report?.post_id ?? '', case_id: caseId, list },
      { audience: 'public', address: 'x@y.example' },
    );
    await expect(deliveries.insertMany(house.db, [row])).rejects.toThrow(/needs a released case/);
    const stranger = copyFor(
      house.clock,
      { id: report?.post_id ?? '', case_id: caseId, list },
      { audience: 'stranger', address: 'x@y.example' },
    );
    await expect(deliveries.insertMany(house.db, [stranger])).rejects.toThrow(/nothing but fixed words/);
    const clear = (await copies()).find(({ audience }) => audience === 'stranger');
    await house.db
      .updateTable('deliveries')
      .set({ state: 'queued' })
      .where('id', '=', clear?.id ?? '')
      .execute();
    await unguarded(house.db, (trx) =>
      trx
        .updateTable('posts')
        .set({ kind: 'report' })
        .where('id', '=', clear?.post_id ?? '')
        .execute(),
    );
    expect(await outbox(house).drain()).toEqual([]);
    expect(await deliveries.byId(house.db, clear?.id ?? '')).toMatchObject({ state: 'held', reason: 'not-in-clear' });
  });

  describe('bounces of a copy come', () => {
    const senders = async () => new Set((await outbox(house).drain()).map(({ from }) => from));
    test('to an address that is made for it alone, and known again', async () => {
      const id = await post();
      const sent = await outbox(house).drain();
      const copies = await deliveries.page(house.db, { limit: 9, postId: id });
      expect(new Set(sent.map(({ from }) => from)).size).toBe(copies.length);
      for (const { from, to } of sent) {
        expect(from).toMatch(/^distributors-bounce\+[0-9a-z]+@orbit\.example$/);
        expect(from?.split('@')[0]?.length).toBeLessThanOrEqual(64);
        const token = /\+(.*)@/.exec(from ?? '')?.[1] ?? '';
        expect(await deliveryOfToken(house.db, token)).toBe(copies.find(({ address }) => address === to)?.id);
        for (const forged of [`${token.slice(0, -1)}x`, token.slice(0, 26), `1${token.slice(1)}`, ''])
          expect(await deliveryOfToken(house.db, forged)).toBeNull();
      }
    });

    test('to that of the public list, of what was published there', async () => {
      await subscribe(house);
      const about = await armed(house);
      await outbox(house).drain();
      house.clock.moveTo(about.release_at ?? 0);
      await release(house, about.id);
      const sent = await outbox(house).drain();
      const from = new Map(sent.map((mail) => [mail.to, mail.from]));
      for (const to of [READER, OUTSIDE]) expect(from.get(to)).toMatch(/^announce-bounce\+/);
      expect(from.get('rita@example.org')).toBeNull();
    });

    test('to nobody, of mail for people and of alarms', async () => {
      const raw = clearMail(letterOf(house, house.members[0]));
      await arrive(house, raw, { to: 'security-owner@orbit.example' });
      expect(await senders()).toEqual(new Set([null]));
    });
  });

  test('the loop sends what is queued, reclaims what is due, tells the team and goes on after an error', async () => {
    const alarm = createAlarm(house.clock);
    const stopping = new AbortController();
    const id = await post();
    const box = outbox(house);
    let thrown = 0;
    const send: typeof box.send = (mail) => {
      if (mail.to === house.members[0].address && thrown++ === 0) throw new Error('a bug in the relay');
      return mail.to === house.members[0].address ? Promise.resolve(REFUSED) : box.send(mail);
    };
    const lines: string[] = [];
    const log = createLog('error', { write: (line) => void lines.push(line) });
    const ended = deliveryLoop(house, send, OPTIONS, alarm, log, stopping.signal);
    for (let tries = 0; tries < 2_000 && (await alerts()) === 0; tries++) {
      house.clock.moveTo(house.clock.now() + MINUTE);
      alarm.ring();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stopping.abort();
    await ended;
    expect(await forAlpha(id)).toMatchObject({ state: 'failed', reason: 'rejected' });
    expect(thrown).toBeGreaterThan(1);
    expect(await alerts()).toBe(1);
    expect(lines.join('')).toContain('delivery stumbled and goes on');
    expect(lines.join('')).not.toContain('Hello');
  });

  test('the loop seals the next copies while those before them are under way, and gives them back where it is to stop', async () => {
    const first = await post('One.\n');
    // Of two that came in the same moment either may go first.
    house.clock.moveTo(house.clock.now() + SECOND);
    const second = await post('Two.\n');
    const stopping = new AbortController();
    const tried: string[] = [];
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const send: Send = async ({ to }) => {
      tried.push(to);
      await answered;
      return { state: 'delivered', response: '250' };
    };
    const options = { ...OPTIONS, batch: 2, connections: 2 };
    const ended = deliveryLoop(house, send, options, createAlarm(house.clock), silent, stopping.signal);
    const statesOf = async (id: string) => (await copies(id)).map(({ state }) => state);
    await expect.poll(() => tried, PATIENT).toHaveLength(2);
    await expect.poll(() => statesOf(second), PATIENT).toEqual(['leased', 'leased']);
    stopping.abort();
    // Though the relay is silent.
    await expect.poll(() => statesOf(second), PATIENT).toEqual(['deferred', 'deferred']);
    answer();
    await ended;
    expect([await statesOf(first), await statesOf(second)]).toEqual([
      ['delivered', 'delivered'],
      ['deferred', 'deferred'],
    ]);
    expect(tried).toHaveLength(2);
  });

  test('a certificate is the one of the moment: a new one counts for copies that were queued before', async () => {
    const [alpha, beta] = house.members;
    const id = await post();
    const theirs = await house.db
      .selectFrom('certificates')
      .select('data')
      .where('contact_id', '=', beta.contactId)
      .executeTakeFirstOrThrow();
    await house.db.updateTable('certificates').set(theirs).where('contact_id', '=', alpha.contactId).execute();
    const sent = await outbox(house).drain();
    const toAlpha = sent.find(({ to }) => to === alpha.address)?.raw ?? Buffer.alloc(0);
    await expect(openCopy(toAlpha, alpha, undefined, house.clock.now())).rejects.toThrow(/decrypt/);
    expect((await openCopy(toAlpha, beta, undefined, house.clock.now())).entity.toString()).toContain('Hello.');
    expect((await forAlpha(id)).state).toBe('delivered');
  });

  test('a copy that a person sends again after a long hold is tried for as long as any other', async () => {
    const id = await post('Hello.\n');
    const box = outbox(house);
    const copy = await forAlpha(id);
    await house.db.updateTable('deliveries').set({ state: 'held', reason: 'expired' }).where('id', '=', copy.id).execute();
    house.clock.moveTo(house.clock.now() + 30 * DAY);
    await deliveries.retry(house.db, copy.id, house.clock.now());
    box.answers = () => ({ state: 'deferred', reason: 'try-later', response: '450 later' });
    await box.drain();
    expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'try-later' });
  });

  test('ten megabytes reach every contact: a batch is as large as memory allows, and no larger', async () => {
    const text = 'x'.repeat(10 * 1024 * 1024);
    const id = await post(text.replace(/.{70}/g, '$&\n'));
    const [, beta] = house.members;
    const copy = await forAlpha(id);
    await deliveries.insertMany(
      house.db,
      Array.from({ length: 12 }, (_, index) => ({
        ...copy,
        id: `${copy.id}-${index}`,
        message_id: `<${index}@x.example>`,
        contact_id: beta.contactId,
        address: beta.address,
      })),
    );
    const lease = await deliveries.lease(house.db, { id: 'look', until: house.clock.now() + 1 }, house.clock.now(), {
      copies: 50,
      octets: 32 * 2 ** 20,
    });
    expect(lease).toHaveLength(2);
    await deliveries.reclaim(house.db, house.clock.now(), 'all');
    const sent = await outbox(house).drain();
    expect(sent).toHaveLength(14);
  }, 120_000);

  test('an expired list key still opens what was kept, and seals nothing new', async () => {
    const { armored } = await createListKey({
      name: 'Orbit',
      address: LISTS.distributors,
      passphrase: 'x',
      now: house.clock.now(),
      days: 1,
    });
    const key = await openListKey(armored, 'x');
    house.keyring.add(key);
    await house.db.updateTable('lists').set({ fingerprint: key.fingerprint }).where('id', '=', 'distributors').execute();
    const id = await post('Hello.\n', [armorCertificate(key.certificate)]);
    house.clock.moveTo(house.clock.now() + DAY + HOUR);
    expect(await outbox(house).drain()).toEqual([]);
    expect(await forAlpha(id)).toMatchObject({ state: 'deferred', reason: 'internal-error' });
    house.clock.moveTo(house.clock.now() + OPTIONS.giveUp * SECOND);
    expect(await outbox(house).drain()).toEqual([]);
    expect(await forAlpha(id)).toMatchObject({ state: 'held', reason: 'internal-error' });
    expect((await caseOf(house, await house.report())).state).toBe('received');
  });
});
