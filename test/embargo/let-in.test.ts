import { beforeEach, describe, expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { tellLetIn } from '../../src/embargo/let-in.ts';
import { limitCase } from '../../src/embargo/need-to-know.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { arm, armed, caseOf } from './armed.ts';
import { memberOf } from './limited.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let id: string;
  let alpha: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    alpha = await memberOf(house, house.members[0]);
    ({ id } = await armed(house, house.clock.now() + 20 * HOUR));
    await dispatch(house, id, LISTS.distributors);
    await outbox(house).drain();
    tick();
  });

  const tick = () => house.clock.moveTo(house.clock.now() + MINUTE);
  /** What Beta reads of the case in some minutes, in its order. */
  const read = async () => {
    const [, b] = house.members;
    const texts: string[] = [];
    for (let minute = 0; minute < 4; minute++) {
      await tellLetIn(house, silent);
      const sent = (await outbox(house).drain()).filter(({ to, from }) => to === b.address && from?.startsWith('distributors'));
      const opened = sent.map(({ raw }) => openCopy(raw, b, listCertificate(house, LISTS.distributors), house.clock.now()));
      texts.push(...(await Promise.all(opened)).map(({ entity }) => entity.toString()));
      tick();
    }
    return texts;
  };
  const contains = (...texts: string[]) => texts.map((text) => expect.stringContaining(text));
  const AGAIN = 'You have it again';

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
});
