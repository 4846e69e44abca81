import { beforeEach, describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { HOUR, MINUTE, newId } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { withdraw } from '../../src/embargo/aside.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { addPatch, schedule, setText } from '../../src/embargo/schedule.ts';
import { when } from '../../src/notices/templates.ts';
import { decide } from '../../src/roster/admission.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { actor, arm, armed, caseOf, PATCH, PUBLIC } from './armed.ts';
import { memberOf } from './limited.ts';

const PROJECT = { project: 'orbit' };
const NO_WORDS = { text: null, list: null };

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let id: string;
  let alpha: string;
  let beta: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = [await memberOf(house, house.members[0]), await memberOf(house, house.members[1])];
    ({ id } = await armed(house, house.clock.now() + 20 * HOUR));
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    tick();
  });

  const tick = () => house.clock.moveTo(house.clock.now() + MINUTE);
  const secondNotice = () => sendNotice(as(house, house.team[0]), id, 'second-notice', NO_WORDS);
  const revise = async (mark = 'v2', through: string = LISTS.distributors) => {
    await addPatch(house, id, { name: PATCH.name, bytes: Buffer.from(`--- a/x\n+++ b/x\n${mark}\n`), replace: true });
    const hash = (await presentPatchSet(house.db, id)) ?? '';
    await approve(house, id, hash, await actor(house, house.team[0]));
    await dispatch(house, id, through);
  };
  /** What Beta reads of the case in some minutes, in its order. */
  const read = async (through = 'distributors') => {
    const [, b] = house.members;
    const texts: string[] = [];
    for (let minute = 0; minute < 4; minute++) {
      await tellLetIn(house, silent);
      const sent = (await outbox(house).drain()).filter(({ to, from }) => to === b.address && from?.startsWith(through));
      const opened = sent.map(({ raw }) => openCopy(raw, b, listCertificate(house, LISTS.distributors), house.clock.now()));
      texts.push(...(await Promise.all(opened)).map(({ entity }) => entity.toString()));
      tick();
    }
    return texts;
  };
  const contains = (...texts: string[]) => texts.map((text) => expect.stringContaining(text));
  const AGAIN = 'You have it again';
  const FINAL = PUBLIC.text.trim();
  const encoded = (mark: string) => Buffer.from(`--- a/x\n+++ b/x\n${mark}\n`).toString('base64');
  const his = () => house.members[1].contactId;

  const SMALL = 'small@orbit.example';
  /** Beta is on a second list, and has the first patches through both. */
  const throughBoth = async () => {
    const list = house.db.selectFrom('lists').selectAll().where('address', '=', LISTS.distributors);
    await house.db
      .insertInto('lists')
      .values({ ...(await list.executeTakeFirstOrThrow()), id: newId(house.clock), address: SMALL })
      .execute();
    await changeMember(house, beta, { lists: [LISTS.distributors, SMALL] });
    await dispatch(house, id, SMALL);
    await outbox(house).drain();
  };

  test('who is back on a list does not get its older patches after the newer ones that he has through another', async () => {
    await throughBoth();
    await changeMember(house, beta, { lists: [LISTS.distributors] });
    await changeMember(house, alpha, { lists: [LISTS.distributors, SMALL] });
    await revise('v2', SMALL);
    await revise('v3');
    expect(await read()).toEqual(contains(encoded('v3')));
    await changeMember(house, beta, { lists: [LISTS.distributors, SMALL] });
    tick();
    expect((await read()).filter((text) => text.includes('EMBARGOED'))).toEqual([]);
    const copies = house.db
      .selectFrom('deliveries')
      .select('state')
      .where('case_id', '=', id)
      .where('address', '=', house.members[1].address);
    expect(new Set((await copies.execute()).map(({ state }) => state))).toEqual(new Set(['delivered']));
  });

  test.each(['put off', 'refused'])(
    'who is back on a list has its patches where newer ones through another were %s',
    async (how) => {
      await throughBoth();
      await changeMember(house, beta, { lists: [LISTS.distributors] });
      await changeMember(house, alpha, { lists: [LISTS.distributors, SMALL] });
      await revise('v2', SMALL);
      await revise('v3');
      const box = outbox(house);
      box.answers = ({ to }) => {
        if (to !== house.members[1].address) return { state: 'delivered', response: '250 2.0.0 taken' };
        return how === 'refused'
          ? { state: 'failed', reason: 'rejected', response: '550 no' }
          : { state: 'deferred', reason: 'try-later', response: '451 later' };
      };
      await box.drain();
      await changeMember(house, beta, { lists: [SMALL] });
      tick();
      expect(await read('small')).toEqual(contains(encoded('v2'), AGAIN));
    },
  );

  const doors: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
    [
      'was suspended',
      () => decide(house, PROJECT, beta, 'suspend', { reason: 'away' }),
      () => decide(house, PROJECT, beta, 'reinstate', { reason: 'back' }),
    ],
    ['was retired', () => setContactActive(house, his(), false, 'on leave'), () => setContactActive(house, his(), true, 'back')],
    [
      'was not on the list',
      () => changeMember(house, beta, { lists: [] }),
      () => changeMember(house, beta, { lists: [LISTS.distributors] }),
    ],
    [
      'might not know of the case',
      () => limitCase(house, id, { groups: [], members: [alpha] }),
      () => limitCase(house, id, null),
    ],
  ];

  describe.each(doors)('who %s', (_, away, back) => {
    test('between two notices has the second one when he is back, once, and reads last how it stands', async () => {
      await away();
      await secondNotice();
      expect(await read()).toEqual([]);
      await back();
      expect(await read()).toEqual(contains(`> ${FINAL}`, AGAIN));
      expect(await read()).toEqual([]);
    });

    test('while other patches were dispatched has the newest when he is back', async () => {
      await away();
      await revise('v2');
      tick();
      await revise('v3');
      expect(await read()).toEqual([]);
      await back();
      const texts = await read();
      expect(texts).toEqual(contains(encoded('v3'), AGAIN));
      expect(texts.join()).not.toContain(encoded('v2'));
      const [last] = (await house.db.selectFrom('audit').select('line').where('action', '=', 'case.catch-up').execute()).map(
        ({ line }) => JSON.parse(line).detail,
      );
      expect(last).toMatchObject({ kind: 'dispatch', list: LISTS.distributors, to: [expect.stringContaining(his())] });
    });
  });

  test('the instant of a late dispatch is the older one: which counts is what he reads last', async () => {
    await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
    await revise('v2');
    tick();
    const later = house.clock.now() + 30 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: later }));
    await read();
    await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
    const texts = await read();
    expect(texts.join()).toContain(encoded('v2'));
    expect(texts.at(-1)).toContain(`It will be released at ${when(later)}`);
  });

  test('nobody is sent a second notice of a text that is another one by now, nor anything of a case that is withdrawn', async () => {
    await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
    await revise('v2');
    await secondNotice();
    tick();
    await setText(house, id, { subject: 'Frobnicator', text: 'Other words.\n' });
    await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
    expect(await read()).toEqual(contains(encoded('v2'), AGAIN));
    await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
    await revise('v3');
    tick();
    await withdraw(house, id, 'It is none');
    tick();
    await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
    const texts = await read();
    expect(texts).toEqual(contains('nothing of it will be released'));
  });

  test('a second notice that nobody could have is there for the first who is back', async () => {
    for (const member of [alpha, beta]) await decide(house, PROJECT, member, 'suspend', { reason: 'away' });
    const { mails } = await secondNotice();
    expect(mails.map(({ to }) => to)).toEqual([[]]);
    await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
    expect(await read()).toEqual(contains(`> ${FINAL}`, AGAIN));
  });

  test('two nodes that look at once make one copy', async () => {
    await decide(house, PROJECT, beta, 'suspend', { reason: 'away' });
    await revise('v2');
    await read();
    await decide(house, PROJECT, beta, 'reinstate', { reason: 'back' });
    await Promise.all([tellLetIn(house, silent), tellLetIn(house, silent)]);
    expect(await read()).toEqual(contains(encoded('v2'), AGAIN));
  });

  describe('a list without its key', () => {
    const withoutKey = (address: string): House => {
      const find: House['keyring']['find'] = (fingerprint) => {
        const key = house.keyring.find(fingerprint);
        return key?.address === address ? undefined : key;
      };
      return { ...house, keyring: { ...house.keyring, find } };
    };

    test('keeps nobody of another case or list waiting, and is tried again', async () => {
      const announce = await lists.byAddress(house.db, LISTS.announce);
      const inner = { id: 'inner', address: 'inner@orbit.example', role: 'private', name: 'inner', created_at: 1 } as const;
      await lists.insert(house.db, { ...inner, fingerprint: announce?.fingerprint ?? '' });
      await members.addToList(house.db, alpha, inner.id);
      const other = (await armed(house, house.clock.now() + 20 * HOUR, await house.report({ text: 'other\n' }))).id;
      await dispatch(house, other, inner.address);
      await outbox(house).drain();
      for (const caseId of [id, other]) {
        await limitCase(house, caseId, { groups: [], members: [await memberOf(house, house.team[0])] });
        await arm(house, await schedule(house, caseId, { releaseAt: house.clock.now() + 30 * HOUR }));
        await limitCase(withoutKey(LISTS.distributors), caseId, null);
      }
      const told = async () =>
        (await house.db.selectFrom('audit').select('subject').where('action', '=', 'case.let-in').orderBy('seq').execute()).map(
          ({ subject }) => subject,
        );
      expect(await told()).toEqual([`case:${other}`]);
      expect(await tellLetIn(withoutKey(LISTS.distributors), silent)).toBe(false);
      expect(await tellLetIn(house, silent)).toBe(true);
      expect(await told()).toEqual([`case:${other}`, `case:${id}`]);
    });

    test('does not make what is done fail', async () => {
      await limitCase(house, id, { groups: [], members: [alpha] });
      await arm(house, await schedule(house, id, { releaseAt: house.clock.now() + 30 * HOUR }));
      const { case: limited } = await limitCase(withoutKey(LISTS.distributors), id, null);
      expect(limited.revision).toBe((await caseOf(house, id)).revision);
      expect(await tellLetIn(withoutKey(LISTS.distributors), silent)).toBe(false);
      expect(await read()).toEqual(contains(AGAIN));
    });
  });

  test('a dispatch of an instant that has passed says first which one stands', async () => {
    const [, away, back] = doors[0] ?? [];
    const about = await caseOf(house, id);
    const X = about.release_at ?? 0;
    await away?.();
    await revise();
    tick();
    const Y = X + 20 * HOUR;
    await arm(house, await schedule(house, id, { releaseAt: Y }));
    await read();
    house.clock.moveTo(X + HOUR);
    await back?.();
    const dispatched = (await read()).find((text) => text.includes(encoded('v2'))) ?? '';
    const [first, second] = [dispatched.indexOf(when(Y)), dispatched.indexOf(`EMBARGOED until ${when(X)}`)];
    expect([first > 0, second > first]).toEqual([true, true]);
  });

  test('what two doors that were opened at once have left held goes in the next minute', async () => {
    await revise();
    const held = { state: 'held', reason: 'not-active' } as const;
    await house.db.updateTable('deliveries').set(held).where('state', '=', 'queued').where('contact_id', '=', his()).execute();
    expect(await read()).toEqual(contains(encoded('v2'), AGAIN));
    const logged = await house.db.selectFrom('audit').select('subject').where('action', '=', 'case.let-go').execute();
    expect(logged).toEqual([{ subject: `case:${id}` }]);
  });
});
