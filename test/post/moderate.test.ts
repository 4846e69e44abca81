import { beforeEach, describe, expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { retryCopy } from '../../src/delivery/by-hand.ts';
import { tellTeam } from '../../src/delivery/tell.ts';
import { acceptPost, refusePost, stopPost } from '../../src/post/moderate.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import type { Delivery } from '../../src/store/schema.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { blockOf, copyFor, membersOf, teamOf } from '../security/attack.ts';
import { NOW } from '../store/roster-rows.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';
import { holdPost } from './hold.ts';

const LATER = { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' } as const;
const TAKEN = { state: 'delivered', response: '250 2.0.0 taken' } as const;

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  let lena: Person;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
    [lena] = house.team;
  });

  /** A post of Alpha's for the members, accepted and on its way. */
  const post = async () => {
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    return (await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address })).id;
  };
  const copies = (postId: string) => deliveries.page(house.db, { limit: 99, postId });
  const copyOf = async (postId: string, { address }: Person): Promise<Delivery> => {
    const found = (await copies(postId)).find((copy) => copy.address === address);
    if (!found) throw new Error(`no copy for ${address}`);
    return found;
  };
  const states = async (postId: string) => new Set((await copies(postId)).map(({ state, reason }) => `${state} ${reason}`));
  const retry = async (postId: string, person: Person) => retryCopy(house, (await copyOf(postId, person)).id);
  const conflict = (detail: string) => ({ reason: 'conflict', message: expect.stringContaining(detail) });
  const later = () => house.clock.moveTo(house.clock.now() + 60 * MINUTE);

  describe('what a person has stopped', () => {
    test('is nobody’s to send again, by the move or by the row', async () => {
      const id = await post();
      expect(await stopPost(house, id)).toEqual({ stopped: 2, delivered: 0, underWay: 0 });
      await expect(retry(id, beta)).rejects.toMatchObject(conflict('is held: its copies go out when it is accepted'));
      expect(await deliveries.retry(house.db, (await copyOf(id, beta)).id, house.clock.now())).toBe(false);
      expect(await outbox(house).drain()).toEqual([]);
      await acceptPost(house, id, lena.contactId);
      expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    });

    test('ends when it is refused, and stays ended; nobody has to be told of that', async () => {
      const id = await post();
      await stopPost(house, id);
      await refusePost(house, id, lena.contactId, 'a secret');
      expect(await states(id)).toEqual(new Set(['failed refused']));
      expect((await copies(id)).every(({ settled_at }) => settled_at === house.clock.now())).toBe(true);
      for (const person of [alpha, beta]) await expect(retry(id, person)).rejects.toMatchObject(conflict('was refused'));
      expect(await deliveries.retry(house.db, (await copyOf(id, beta)).id, house.clock.now())).toBe(false);
      const entry = await house.db
        .selectFrom('audit')
        .select('line')
        .where('action', '=', 'post.refuse')
        .where('subject', '=', `post:${id}`)
        .executeTakeFirstOrThrow();
      expect(entry.line).toContain('"copies":2');
      expect(await tellTeam(house, silent)).toBe(0);
      // Alpha is told why.
      expect((await outbox(house).drain()).map(({ to }) => to)).toEqual([alpha.address]);
    });

    test('is not sent by a row of before, of which a refusal ended no copy', async () => {
      const id = await post();
      await stopPost(house, id);
      await house.db.updateTable('posts').set({ state: 'refused' }).where('id', '=', id).execute();
      await expect(retry(id, beta)).rejects.toMatchObject(conflict('was refused'));
      await house.db.updateTable('deliveries').set({ state: 'queued', reason: null }).where('post_id', '=', id).execute();
      expect(await outbox(house).drain()).toEqual([]);
      expect(await states(id)).toEqual(new Set(['failed refused']));
    });
  });

  describe('a copy that is under way when its post is', () => {
    /** The relay has no time for the first one; meanwhile the team decides. */
    const meanwhile = async (id: string, decide: () => Promise<unknown>) => {
      const box = outbox(house, { batch: 1, lease: 300, giveUp: 864_000, connections: 1 });
      let decided = false;
      box.answers = async () => {
        if (decided) return TAKEN;
        decided = true;
        await decide();
        return LATER;
      };
      const sent = await box.drain();
      later();
      sent.push(...(await box.drain()));
      return { sent: sent.map(({ to }) => to), states: await states(id), box };
    };

    test('stopped waits with the others, and goes with them', async () => {
      const id = await post();
      const { sent, states: reached, box } = await meanwhile(id, () => stopPost(house, id));
      expect(sent).toEqual([]);
      expect(reached).toEqual(new Set(['held stopped']));
      await acceptPost(house, id, lena.contactId);
      expect((await box.drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    });

    test('stopped and refused does not go out any more', async () => {
      const id = await post();
      const { sent, states: reached } = await meanwhile(id, async () => {
        await stopPost(house, id);
        await refusePost(house, id, lena.contactId, '');
      });
      expect(sent).toEqual([alpha.address]);
      expect(reached).toEqual(new Set(['failed refused']));
    });

    test('stopped and accepted goes out without a word for the team', async () => {
      const id = await post();
      const box = outbox(house);
      box.answers = async () => LATER;
      await box.drain();
      await stopPost(house, id);
      await house.db
        .updateTable('deliveries')
        .set({ state: 'queued', reason: null, due_at: NOW })
        .where('post_id', '=', id)
        .execute();
      // It is opened while it is held, and let go before it is sent.
      const { db } = house;
      const slow = {
        ...house,
        pgp: {
          ...house.pgp,
          sealShared: async (...args: Parameters<typeof house.pgp.sealShared>) => {
            const { state } = await db.selectFrom('posts').select('state').where('id', '=', id).executeTakeFirstOrThrow();
            if (state === 'held') await acceptPost(house, id, lena.contactId);
            return house.pgp.sealShared(...args);
          },
        },
      };
      const sent = await outbox(slow).drain();
      expect(sent.map(({ to }) => to).sort()).toEqual(membersOf(house));
      for (const person of house.members) expect(blockOf(await copyFor(house, sent, person))).not.toMatch(/Held|Decide/);
    });
  });

  describe('a held post', () => {
    const unreachable = async () => {
      const box = outbox(house);
      const id = await holdPost(house);
      box.answers = ({ to }) => (to === alpha.address ? TAKEN : LATER);
      await box.drain();
      box.answers = () => TAKEN;
      return { id, box };
    };

    test('goes to the team alone, who may have their copies again', async () => {
      const { id, box } = await unreachable();
      await retry(id, lena);
      const sent = await box.drain();
      expect(sent.map(({ to }) => to)).toContain(lena.address);
      expect(blockOf(await copyFor(house, sent, lena))).toContain(`write "accept ${id}"`);
    });

    test('that is refused goes to none of those who have not got it', async () => {
      const { id, box } = await unreachable();
      await refusePost(house, id, lena.contactId, 'no');
      later();
      expect((await box.drain()).map(({ to }) => to)).toEqual([alpha.address]);
      expect(await states(id)).toEqual(new Set(['failed refused']));
      await expect(retry(id, lena)).rejects.toMatchObject(conflict('was refused'));
    });

    test('is no member’s, whatever a row says', async () => {
      const { id, box } = await unreachable();
      const { contactId, address } = beta;
      const row = await house.db.selectFrom('deliveries').selectAll().where('post_id', '=', id).executeTakeFirstOrThrow();
      const forBeta = { id: 'forbeta', contact_id: contactId, address, message_id: '<b@orbit.example>' };
      await house.db
        .insertInto('deliveries')
        .values({ ...row, ...forBeta })
        .execute();
      await expect(retryCopy(house, 'forbeta')).rejects.toMatchObject(conflict('is held'));
      later();
      expect((await box.drain()).map(({ to }) => to).sort()).toEqual(teamOf(house));
      expect(await copyOf(id, beta)).toMatchObject({ state: 'held', reason: 'stopped' });
    });
  });

  describe('at the same moment', () => {
    const both = async (id: string, ...moves: (() => Promise<unknown>)[]) => {
      const done = await Promise.allSettled(moves.map((move) => move()));
      for (const one of done) if (one.status === 'rejected') expect(one.reason).toMatchObject({ reason: 'conflict' });
      const sent = (await outbox(house).drain()).map(({ to }) => to);
      return { sent, states: await states(id) };
    };

    test('one refuses and others send a stopped copy: none goes out', async () => {
      for (let times = 0; times < 3; times++) {
        const id = await post();
        await stopPost(house, id);
        const refuse = () => refusePost(house, id, lena.contactId, '');
        const again = () => retry(id, beta);
        const after = await both(id, ...[again, refuse, again].sort(() => times - 1));
        expect(after).toEqual({ sent: [alpha.address], states: new Set(['failed refused']) });
        house.clock.moveTo(house.clock.now() + 1000);
      }
    });

    test('one stops it and others send a copy that waits for its certificate: none goes out', async () => {
      for (let times = 0; times < 3; times++) {
        const id = await post();
        await house.db.updateTable('deliveries').set({ state: 'held', reason: 'expired' }).where('post_id', '=', id).execute();
        const after = await both(id, ...[() => stopPost(house, id), () => retry(id, beta)].sort(() => times - 1));
        // Whoever came first: what was sent again is stopped with the others, or was not sent again.
        expect(after.sent).toEqual([]);
        house.clock.moveTo(house.clock.now() + 1000);
      }
    });

    test('one refuses a held post and another sends a copy of the team: it is refused, and nothing goes out', async () => {
      const id = await holdPost(house);
      await house.db.updateTable('deliveries').set({ state: 'deferred' }).where('post_id', '=', id).execute();
      const after = await both(
        id,
        () => retry(id, lena),
        () => refusePost(house, id, null, ''),
      );
      expect(after.states).toEqual(new Set(['failed refused']));
      expect(after.sent.every((to) => to === alpha.address)).toBe(true);
    });
  });
});
