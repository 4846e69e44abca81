import { beforeEach, describe, expect, test } from 'vitest';
import { staff } from '../../src/cases/people.ts';
import { HOUR } from '../../src/clock.ts';
import { retryCopy } from '../../src/delivery/by-hand.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { acceptPost, stopPost } from '../../src/post/moderate.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import type { Sent } from '../delivery/outbox.ts';
import { caseOf, reasonOf } from '../embargo/armed.ts';
import { limitToAlpha, memberOf, regroup } from '../embargo/limited.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';
import { REQUEST, type Story, storyOf } from './story.ts';

interface Route {
  /** While everybody on the list may know. */
  before?: (story: Story, house: House) => Promise<unknown>;
  /** Once Alpha alone may. */
  after: (story: Story, house: House) => Promise<unknown>;
  /** Whether Alpha gets something by it. */
  reaches: boolean;
}

const holdsPost = async (story: Story, house: House) => {
  await lists.change(house.db, 'distributors', { moderated: 1 });
  return story.post(house.members[0]);
};
const heldPost = async ({ db }: House) =>
  (await db.selectFrom('posts').select('id').where('state', '=', 'held').executeTakeFirstOrThrow()).id;
const hold = (reason: string) => async (story: Story, house: House) => {
  await story.dispatch();
  await house.db.updateTable('deliveries').set({ state: 'held', reason }).where('case_id', '=', story.id).execute();
};
const newCertificates = async ({ db, clock, members }: House) => {
  for (const { contactId } of members)
    await deliveries.retryForCertificate(db, { contactId, certificateId: 'none' }, clock.now());
};

/** Every way by which something of a case goes to people on a private list. */
const routes: Record<string, Route> = {
  'a dispatch': { after: (story) => story.dispatch(), reaches: true },
  'a post of a member in the thread': { after: (story, { members }) => story.post(members[0]), reaches: false },
  'a post of the team in the thread': { after: (story, { team }) => story.post(team[0]), reaches: true },
  'an answer to a copy that comes to the list itself': {
    before: (story, { team }) => story.post(team[1]),
    after: async (story, house) => {
      const { message_id } = await story.copyOf(house.team[0]);
      return story.write(house.team[0], LISTS.distributors, { headers: [`In-Reply-To: ${message_id}`] });
    },
    reaches: true,
  },
  'a held post that is accepted': {
    before: holdsPost,
    after: async (_, house) => acceptPost(house, await heldPost(house), null),
    reaches: true,
  },
  'a stopped dispatch that is let go': {
    before: async (story, house) => stopPost(house, (await story.dispatch()).postId),
    after: async (_, house) => acceptPost(house, await heldPost(house), null),
    reaches: true,
  },
  'a copy that was queued before': { before: (story) => story.dispatch(), after: async () => {}, reaches: true },
  'a copy that is held for a certificate, and another one comes': {
    before: hold('expired'),
    after: (_, house) => newCertificates(house),
    reaches: true,
  },
  'a copy that a person sends now': {
    before: hold('withheld'),
    after: async (story, house) => {
      for (const { id, audience } of await story.copies()) if (audience === 'contact') await retryCopy(house, id);
    },
    reaches: true,
  },
  'a copy that the relay deferred': {
    before: async (story, { clock }) => {
      await story.dispatch();
      story.box.answers = () => ({ state: 'deferred', reason: 'try-later', response: '451 later' });
      await story.box.drain();
      story.box.answers = () => ({ state: 'delivered', response: '250' });
      clock.moveTo(clock.now() + HOUR / 2);
    },
    after: async () => {},
    reaches: true,
  },
  'an archive': {
    before: async (story) => {
      await story.dispatch();
      await story.box.drain();
    },
    after: async (story, { members }) => {
      for (const member of members) await story.ask(member, `archive ${story.id}\n`);
    },
    reaches: true,
  },
  'an archive that was made before, and waits': {
    before: async (story, { members }) => {
      await story.dispatch();
      await story.box.drain();
      for (const member of members) await story.ask(member, `archive ${story.id}\n`);
    },
    after: async () => {},
    reaches: true,
  },
  'news of the release': {
    before: async (story) => {
      await story.dispatch();
      await story.box.drain();
    },
    after: (story) => story.release(),
    reaches: true,
  },
  'the thread of a released case': {
    after: async (story, { team }) => {
      await story.release();
      return story.post(team[0]);
    },
    reaches: true,
  },
  'a group that its last other member has left': {
    before: async (story, house) => {
      for (const member of house.members) await regroup(house, member, 'cloud');
      await limitCase(house, story.id, { groups: ['cloud'], members: [] });
      await story.dispatch();
      await regroup(house, house.members[1]);
    },
    after: (story, { team }) => story.post(team[0]),
    reaches: true,
  },
};

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let story: Story;
  let alpha: Person;
  let beta: Person;
  let lena: Person;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
    [lena] = house.team;
    story = await storyOf(house);
    await story.box.drain();
  });

  /** Of the answers to a person, the last one's text and files. */
  const answerTo = async (person: Person, sent: readonly Sent[]) => {
    const mail = sent.findLast(({ to }) => to === person.address);
    const certificate = listCertificate(house, LISTS.distributors);
    const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), person, certificate, house.clock.now());
    return viewOf(parseEntity(entity));
  };
  const ask = async (person: Person, text: string) => {
    await story.ask(person, text);
    return answerTo(person, await story.box.drain());
  };

  describe('of a case that is limited, nothing goes to anybody outside by', () => {
    test.each(Object.entries(routes))('%s', async (_, { before, after, reaches }) => {
      await before?.(story, house);
      await limitToAlpha(house, story.id);
      const earlier = new Set((await story.copies()).map(({ id }) => id));
      await after(story, house);
      const ofBeta = (await story.copies()).filter(({ contact_id }) => contact_id === beta.contactId);
      expect(ofBeta.filter(({ id }) => !earlier.has(id))).toEqual([]);
      const sent = await story.box.drain();
      const toBeta = sent.filter(({ to }) => to === beta.address);
      for (const mail of toBeta) {
        // What he asked himself is answered: that there is nothing for him.
        const { text, files } = await answerTo(beta, [mail]);
        expect([text, files]).toEqual([expect.stringContaining(`There is nothing for you in ${story.id}`), []]);
      }
      expect(sent.some(({ to }) => to === alpha.address)).toBe(reaches || sent.some(({ to }) => to === lena.address));
      expect(
        (await story.copies()).filter(({ contact_id, state }) => contact_id === beta.contactId && state === 'queued'),
      ).toEqual([]);
    });
  });

  describe('who is outside hears what is said of a case that does not exist', () => {
    beforeEach(async () => {
      await story.dispatch();
      await story.box.drain();
      await limitToAlpha(house, story.id);
    });

    test('when he writes into its thread, or answers a copy that he has', async () => {
      const nowhere = threadAddress(LISTS.distributors, 'ORBIT-2026-9999', 'a'.repeat(32));
      const posts = () => house.db.selectFrom('posts').select('id').execute();
      const before = await posts();
      const { message_id } = await story.copyOf(beta);
      const asked = [
        story.write(beta, nowhere),
        story.post(beta),
        story.write(beta, LISTS.distributors, { headers: [`In-Reply-To: ${message_id}`] }),
      ];
      expect(await Promise.all(asked.map(reasonOf))).toEqual(Array(3).fill('no-such-address'));
      expect(await posts()).toEqual(before);
    });

    test('when he asks for its archive, or says that he has its patches', async () => {
      for (const command of ['archive', 'acknowledge']) {
        const { text: real, files } = await ask(beta, `${command} ${story.id}\n`);
        const { text: unreal } = await ask(beta, `${command} ORBIT-2026-9999\n`);
        expect([real.replaceAll(story.id, 'CASE'), files]).toEqual([unreal.replaceAll('ORBIT-2026-9999', 'CASE'), []]);
      }
      expect(await house.db.selectFrom('acknowledgements').selectAll().execute()).toEqual([]);
    });

    test('but his words as a reporter reach the team', async () => {
      const mine = await house.report({ text: 'Mine.\n' }, beta.address);
      const { thread_token } = await caseOf(house, mine);
      await limitCase(house, mine, { groups: ['cloud'], members: [] });
      await story.box.drain();
      const to = threadAddress(LISTS.security, mine, thread_token);
      const letter = letterOf(house, beta, { to, text: 'More.\n' });
      const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.security)], signer: beta });
      expect(await reasonOf(arrive(house, raw, { to, sender: beta.address }))).toBe('done');
      expect((await story.box.drain()).map(({ to: reader }) => reader).sort()).toEqual(
        house.team.map(({ address }) => address).sort(),
      );
    });
  });

  test('nor does who is of the team write to its members once it is staffed without him, but through a list of his organisation', async () => {
    const [, dirk, ada] = house.team;
    await story.dispatch();
    await staff(as(house, lena), story.id, [lena.contactId, dirk.contactId]);
    await story.box.drain();
    expect(await reasonOf(story.post(ada))).toBe('no-such-address');
    await story.post(dirk);
    expect((await story.box.drain()).map(({ to }) => to).sort()).toEqual(
      [lena, dirk, alpha, beta].map(({ address }) => address).sort(),
    );
    await changeMember(house, await memberOf(house, ada), { lists: [LISTS.security, LISTS.distributors] });
    expect(await reasonOf(story.post(ada))).toBe('done');
  });

  test('who is inside writes, asks and acknowledges as ever', async () => {
    await limitToAlpha(house, story.id);
    await story.dispatch();
    await story.box.drain();
    await story.post(lena);
    await story.post(alpha);
    expect((await story.box.drain()).filter(({ to }) => to === alpha.address)).toHaveLength(2);
    expect((await ask(alpha, `acknowledge ${story.id}\n`)).text).toContain('noted');
    expect((await ask(alpha, `archive ${story.id}\n`)).files).toHaveLength(3);
  });

  test('an archive that is made while its case is limited is refused for now, and nothing of it is kept', async () => {
    await story.dispatch();
    await story.box.drain();
    const reopen: typeof house.pgp.reopen = async (...sealed) => {
      await limitCase(house, story.id, { groups: [], members: [await memberOf(house, alpha)] });
      return house.pgp.reopen(...sealed);
    };
    const slow = { ...house, pgp: { ...house.pgp, reopen } };
    const letter = letterOf(house, beta, { to: REQUEST, text: `archive ${story.id}\n` });
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: beta });
    const before = await story.copies();
    expect(await reasonOf(arrive(slow, raw, { to: REQUEST, sender: beta.address }))).toBe('busy');
    expect(await story.copies()).toEqual(before);
  });

  test('a copy that is held goes out when its contact may know again: of a case that is widened, or by his groups', async () => {
    await story.dispatch();
    await limitToAlpha(house, story.id);
    await story.box.drain();
    expect(await story.copyOf(beta)).toMatchObject({ state: 'held', reason: 'need-to-know' });
    await retryCopy(house, (await story.copyOf(beta)).id);
    expect(await story.box.drain()).not.toContainEqual(expect.objectContaining({ to: beta.address }));
    expect(await story.copyOf(beta)).toMatchObject({ state: 'held', reason: 'need-to-know' });
    await regroup(house, beta, 'embedded');
    expect(await story.copyOf(beta)).toMatchObject({ state: 'held' });
    await regroup(house, beta, 'cloud');
    expect((await story.box.drain()).map(({ to }) => to)).toEqual([beta.address]);

    await story.post(lena);
    await regroup(house, beta);
    await story.box.drain();
    await limitCase(house, story.id, null);
    // What was held, and at which instant the case that he has is released.
    expect((await story.box.drain()).map(({ to }) => to)).toEqual([beta.address, beta.address]);
  });

  test('who is held for his key is as any other: his copies wait, and go if he may still know', async () => {
    await limitToAlpha(house, story.id);
    await house.db.updateTable('members').set({ state: 'key_hold' }).where('organisation', '=', 'Alpha').execute();
    expect(await story.dispatch()).toMatchObject({ copies: 1 });
  });
});
