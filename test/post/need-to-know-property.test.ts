import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { acceptPost } from '../../src/post/moderate.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import { reasonOf } from '../embargo/armed.ts';
import { memberOf, regroup } from '../embargo/limited.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { type Story, storyOf } from './story.ts';

/** Who may know of the case, told again: Alpha is member 0, Beta member 1. */
interface Model {
  groups: [string[], string[]];
  limit: { groups: readonly string[]; members: readonly number[] } | null;
}

const mayKnow = ({ groups, limit }: Model, who: 0 | 1) =>
  limit === null || limit.members.includes(who) || groups[who].some((name) => limit.groups.includes(name));

const some = fc.subarray(['cloud', 'embedded']);
const who = fc.constantFrom(0 as const, 1 as const);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('limit' as const), groups: some, members: fc.subarray([0, 1]) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('regroup' as const), who, groups: some }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('archive' as const, 'hold' as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('post' as const, 'accept' as const, 'retry' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('everybody' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function take(house: House, story: Story, model: Model, one: Step): Promise<void> {
  const person = 'who' in one ? house.members[one.who] : house.members[0];
  switch (one.do) {
    case 'limit': {
      const members = await Promise.all(one.members.map((at) => memberOf(house, house.members[at as 0 | 1])));
      const done = await reasonOf(limitCase(house, story.id, { groups: one.groups, members }));
      const known = one.groups.every((name) => model.groups.flat().includes(name));
      expect(done).toBe(known && one.groups.length + members.length > 0 ? 'done' : 'invalid');
      if (done === 'done') model.limit = one;
      return;
    }
    case 'everybody':
      await limitCase(house, story.id, null);
      model.limit = null;
      return;
    case 'regroup':
      await regroup(house, person, ...one.groups);
      model.groups[one.who] = one.groups;
      return;
    case 'hold':
      await lists.change(house.db, 'distributors', { moderated: 1 });
      expect(await reasonOf(story.post(person))).toBe(mayKnow(model, one.who) ? 'done' : 'no-such-address');
      await lists.change(house.db, 'distributors', { moderated: 0 });
      return;
    case 'accept':
      for (const { id } of await house.db.selectFrom('posts').select('id').where('state', '=', 'held').execute())
        await acceptPost(house, id, null);
      return;
    case 'archive':
      await story.ask(person, `archive ${story.id}\n`);
      return;
    case 'retry':
      for (const { id } of await story.copies()) await deliveries.retry(house.db, id, house.clock.now());
      return;
    case 'post':
      await story.post(house.team[0]);
      return;
    case 'send':
      await story.box.drain();
  }
}

eachEngine((engine) => {
  const build = housing();

  /** The contacts of copies that are made, and of those that are delivered, by the ids of these. */
  const glance = async ({ copies }: Story) => {
    const all = await copies();
    return {
      made: new Map(all.map((copy) => [copy.id, copy])),
      sent: new Map(all.filter(isSent).map((copy) => [copy.id, copy])),
    };
  };
  const isSent = ({ state }: { state: string }) => state === 'delivered';

  test('in whatever order things happen, no copy is made for, nor sent to, who may not know at that moment', async () => {
    let reached = 0;
    let kept = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 20 }), async (steps) => {
        const house = await build((await engine.open()).db);
        const story = await storyOf(house);
        const model: Model = { groups: [['cloud'], ['embedded']], limit: null };
        for (const [at, member] of house.members.entries()) await regroup(house, member, ...(model.groups[at] ?? []));
        await story.dispatch();
        let before = await glance(story);
        for (const one of [...steps, { do: 'send' } as const]) {
          await take(house, story, model, one);
          const now = await glance(story);
          for (const list of ['made', 'sent'] as const)
            for (const [id, { contact_id }] of now[list]) {
              if (before[list].has(id)) continue;
              const at = house.members.findIndex(({ contactId }) => contactId === contact_id);
              if (at < 0) continue;
              expect([list, one.do, mayKnow(model, at as 0 | 1)]).toEqual([list, one.do, true]);
              reached++;
            }
          const isKept = ({ reason }: { reason: string | null }) => reason === 'need-to-know';
          kept += [...now.made.values()].filter(isKept).length;
          before = now;
        }
      }),
      { numRuns: 12 },
    );
    // The steps must have led somewhere, or all of this says nothing.
    expect([reached > 20, kept > 5]).toEqual([true, true]);
  }, 180_000);
});
