import { beforeEach, expect, test } from 'vitest';
import { claim, staff } from '../../src/cases/people.ts';
import { DAY, HOUR } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { draftForthcoming } from '../../src/embargo/forthcoming.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import * as cases from '../../src/store/cases.ts';
import { outbox } from '../delivery/outbox.ts';
import { actor, caseOf, scheduled, subscribe } from '../embargo/armed.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS, type Person } from '../support/house.ts';
import { openCopy } from '../support/party.ts';
import { arrive, letterOf, listCertificate } from './arrive.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let id: string;
  let hash: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    const about = await scheduled(house);
    [id, hash] = [about.id, about.bundle_hash ?? ''];
    await outbox(house).drain();
  });

  const sealed = async (from: Person, text: string, list: string = LISTS.security) => {
    house.clock.moveTo(house.clock.now() + 1000);
    const to = list.replace('@', '-request@');
    const sealing = { recipients: [listCertificate(house, list)], signer: from };
    return encryptedMail(letterOf(house, from, { to, subject: 'request', text }), sealing);
  };
  const bring = async (raw: Uint8Array, from: Person, list: string = LISTS.security) => {
    await arrive(house, raw, { to: list.replace('@', '-request@'), sender: from.address });
    const [mail] = (await outbox(house).drain()).filter(({ to }) => to === from.address);
    if (!mail) return null;
    const { entity } = await openCopy(mail.raw, from, listCertificate(house, list), house.clock.now());
    return viewOf(parseEntity(entity)).text;
  };
  const ask = async (from: Person, text: string) => bring(await sealed(from, text), from);

  test('two different people arm a case by signed mail, and are told what is to follow', async () => {
    const [lena, dirk] = house.team;
    expect(await ask(lena, `approve ${id} ${hash}\n`)).toContain('Another person has to approve the same hash');
    expect(await ask(lena, `approve ${id} ${hash}\n`)).toContain('This person approved this already');
    expect((await caseOf(house, id)).state).toBe('scheduled');
    expect(await ask(dirk, `approve ${id} ${hash}\n`)).toContain(`${id} is armed`);
    expect((await caseOf(house, id)).state).toBe('armed');
    const given = await house.db
      .selectFrom('approvals')
      .innerJoin('posts', 'posts.id', 'approvals.post_id')
      .select(['person_id', 'token_id', 'posts.kind', 'posts.signer_contact_id'])
      .orderBy('approved_at')
      .execute();
    expect(given).toEqual(
      [lena, dirk].map(({ contactId }) => ({
        person_id: contactId,
        token_id: null,
        kind: 'request',
        signer_contact_id: contactId,
      })),
    );
  });

  test('the same mail counts once, whoever sends it again and whenever', async () => {
    const [lena] = house.team;
    const raw = await sealed(lena, `approve ${id} ${hash}\n`);
    expect(await bring(raw, lena)).toContain('approved: the release');
    expect(await bring(raw, lena)).toBeNull();
    await house.db.deleteFrom('approvals').execute();
    house.clock.moveTo(house.clock.now() + DAY / 48);
    expect(await bring(raw, lena)).toBeNull();
    expect(await cases.approvals(house.db, id)).toEqual([]);
  });

  test('of a word to the public it is said whether it goes out, also where one is out already', async () => {
    const [lena, dirk, ada] = house.team;
    await subscribe(house);
    const planned = async (releaseAt: number) => {
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      return (await draftForthcoming(as(house, lena), id, null)).hash;
    };
    const out = 'It is on its way to the public';
    expect(await ask(dirk, `approve ${id} ${await planned(house.clock.now() + 2 * HOUR)}\n`)).toContain(out);
    const second = await planned(house.clock.now() + 3 * HOUR);
    await setContactActive(as(house, ada), lena.contactId, false, 'she left');
    await outbox(house).drain();
    expect(await ask(ada, `approve ${id} ${second}\n`)).toContain('Another person has to approve the same hash');
    expect(await ask(dirk, `approve ${id} ${second}\n`)).toContain(out);
  });

  test('what is not approved leaves no approval, and what stands beside it is done all the same', async () => {
    const [lena] = house.team;
    const text = await ask(lena, `approve ${id} ${'0'.repeat(64)}\nhelp\n`);
    expect(text).toContain('What was approved is not what stands there now');
    expect(text).toContain('approve CASE HASH');
    expect(await cases.approvals(house.db, id)).toEqual([]);
  });

  test('a member approves nothing, nor does somebody of the team who does not work on the case', async () => {
    const [lena, dirk, ada] = house.team;
    const [alpha] = house.members;
    const raw = await sealed(alpha, `approve ${id} ${hash}\n`, LISTS.distributors);
    expect(await bring(raw, alpha, LISTS.distributors)).toContain('that is for the response team');
    await claim({ ...house, by: { type: 'person', id: lena.contactId, name: '', via: null }, role: 'team' }, id, {});
    await staff(house, id, [dirk.contactId]);
    expect(await ask(ada, `approve ${id} ${hash}\n`)).toContain(`There is no case ${id}`);
    expect(await ask(dirk, `approve ${id} ${hash}\n`)).toContain('approved: the release');
    expect(await cases.approvals(house.db, id)).toMatchObject([{ person_id: dirk.contactId }]);
  });

  test('a mail of yesterday, or for another list, approves nothing', async () => {
    const [lena] = house.team;
    const raw = await sealed(lena, `approve ${id} ${hash}\n`);
    house.clock.moveTo(house.clock.now() + 2 * DAY);
    expect(await bring(raw, lena)).toContain('signed more than a day ago');
    const elsewhere = await ask(lena, `list ${LISTS.distributors}\napprove ${id} ${hash}\n`);
    expect(elsewhere).toContain(`what you signed is for ${LISTS.distributors}`);
    expect(await cases.approvals(house.db, id)).toEqual([]);
  });
});
