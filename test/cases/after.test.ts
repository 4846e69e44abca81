import { expect, test } from 'vitest';
import { archive, close, draftArchive, retrospect, writingsOf } from '../../src/cases/after.ts';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { claim } from '../../src/cases/people.ts';
import { statistics } from '../../src/cases/read-statistics.ts';
import { archiveText, sanitised } from '../../src/cases/sanitise.ts';
import { stageOf } from '../../src/cases/state.ts';
import { DAY, SECOND } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import { outbox } from '../delivery/outbox.ts';
import { armed, caseOf, KNOWN, OUTSIDE, reasonOf, subscribe } from '../embargo/armed.ts';
import { eachEngine, oneEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';

const TEXT = 'Rita found it; write to rita@example.org, or ask Beta.\n';
const build = housing();

/** A released case, led by the first of the team. */
async function released(house: House): Promise<string> {
  const id = await house.report({ subject: 'A hole, says Rita', text: TEXT });
  await claim(as(house, house.team[0]), id, {});
  const { release_at } = await armed(house, house.clock.now() + 9 * DAY, id);
  house.clock.moveTo(house.clock.now() + DAY);
  await dispatch(as(house, house.team[0]), id, LISTS.distributors);
  await outbox(house).drain();
  house.clock.moveTo(release_at ?? 0);
  await release(house, id);
  await outbox(house).drain();
  return id;
}

eachEngine((engine) => {
  test('after its release a case gets its retrospective, sealed, and is closed, and those who handle it are told', async () => {
    const house = await build((await engine.open()).db);
    const [lena, dirk] = house.team;
    const open = await house.report({}, 'ron@example.org');
    expect(await reasonOf(retrospect(as(house, lena), open, 'Well.'))).toBe('conflict');
    expect(await reasonOf(close(as(house, lena), open))).toBe('conflict');
    // The public was promised a word.
    const promised = { aside: 'withdrawn', release_at: house.clock.now() + DAY } as const;
    await house.db.updateTable('cases').set(promised).where('id', '=', open).execute();
    expect(await reasonOf(close({ ...as(house, lena), role: 'admin' }, open))).toBe('conflict');
    await house.db.updateTable('cases').set({ release_at: null }).where('id', '=', open).execute();
    expect(stageOf(await close({ ...as(house, lena), role: 'admin' }, open))).toBe('closed');
    const id = await released(house);
    expect(await reasonOf(close(as(house, lena), id))).toBe('conflict');
    expect(await reasonOf(retrospect(as(house, dirk), id, ' \n'))).toBe('invalid');
    expect(stageOf(await retrospect(as(house, dirk), id, 'It went well.'))).toBe('retrospective');
    const about = await caseOf(house, id);
    expect((await writingsOf(house, about, 'retrospective')).map(({ text }) => text)).toEqual(['It went well.']);
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
    expect(await reasonOf(close(as(house, dirk), id))).toBe('forbidden');
    expect(stageOf(await close(as(house, lena), id))).toBe('closed');
    expect(await reasonOf(close(as(house, lena), id))).toBe('already-released');
    const lines = house.db.selectFrom('audit').select('action').where('subject', '=', `case:${id}`).orderBy('seq');
    expect((await lines.execute()).map(({ action }) => action).slice(-2)).toEqual(['case.retrospective', 'case.close']);
  });

  test('statistics have the times of released cases, and of others their number alone', async () => {
    const house = await build((await engine.open()).db);
    await subscribe(house);
    const { clock } = house;
    const start = clock.now();
    const id = await released(house);
    const hidden = await house.report({}, 'ron@example.org');
    const [, third] = [hidden, await house.report({}, 'rob@example.org')];
    await house.db.updateTable('cases').set({ aside: 'rejected', duplicate_of: id }).where('id', '=', third).execute();
    const found = await statistics(house, start, clock.now() + 1);
    expect(found).toMatchObject({ reports: 3, rejected: 1, duplicates: 1, released: 1, onTime: 1, severity: { high: 1 } });
    expect(found.cases).toMatchObject([{ id, embargoed: 8, reportToPublic: 9, onTime: true, severity: 'high' }]);
    expect(JSON.stringify(found)).not.toContain(hidden);
    expect(await statistics(house, clock.now() + 1, clock.now() + 2)).toMatchObject({ reports: 0, released: 0, cases: [] });
  });
});

oneEngine((engine) => {
  test('a release is late where somebody of the public got it late, or no one of a channel, and not for who cannot be reached', async () => {
    const house = await build((await engine.open()).db);
    await subscribe(house);
    await addRecipient(house, { list: LISTS.announce, address: 'gone@example.org', kind: 'subscriber' });
    const start = house.clock.now();
    const { id, release_at } = await armed(house);
    const instant = release_at ?? 0;
    house.clock.moveTo(instant);
    await release(house, id);
    const box = outbox(house);
    box.answers = ({ to }) => {
      if (to === 'gone@example.org') return { state: 'failed', reason: 'rejected', response: '550' };
      return to === OUTSIDE
        ? { state: 'deferred', reason: 'try-later', response: '451' }
        : { state: 'delivered', response: '250' };
    };
    const said = async (seconds: number) => {
      house.clock.moveTo(instant + seconds * SECOND);
      await box.drain();
      return (await statistics(house, start, instant + DAY)).cases.map(({ onTime, cause }) => [onTime, cause]);
    };
    expect(await said(60)).toEqual([[true, null]]);
    expect(await said(61)).toEqual([[false, 'channel']]);
    box.answers = () => ({ state: 'delivered', response: '250' });
    expect(await said(300)).toEqual([[false, 'channel']]);
    const outside = house.db.updateTable('deliveries').where('address', '=', OUTSIDE);
    await outside.set({ settled_at: instant + SECOND }).execute();
    expect(await said(300)).toEqual([[true, null]]);
    await outside.set({ state: 'failed' }).execute();
    expect(await said(300)).toEqual([[false, 'channel']]);
  });

  test('a release is late where nobody is on its lists', async () => {
    const house = await build((await engine.open()).db);
    const start = house.clock.now();
    const { id, release_at } = await armed(house);
    house.clock.moveTo(release_at ?? 0);
    await release(house, id);
    expect((await statistics(house, start, house.clock.now() + 1)).cases).toMatchObject([{ onTime: false, cause: 'channel' }]);
  });

  test('the thread of a case is archived by its lead after the release, without addresses, and names of who did not consent', async () => {
    const house = await build((await engine.open()).db);
    const [lena, dirk] = house.team;
    const open = await house.report({}, 'ron@example.org');
    const nothing = { hash: 'none', without: [] };
    expect(await reasonOf(archive(as(house, lena), open, nothing))).toBe('conflict');
    const id = await released(house);
    expect(await reasonOf(draftArchive(as(house, dirk), id, []))).toBe('forbidden');
    expect(await reasonOf(archive(as(house, dirk), id, nothing))).toBe('forbidden');
    const read = await draftArchive(as(house, lena), id, []);
    expect(read.text).toContain('or ask Beta');
    const without = ['Beta'];
    const { hash, text } = await draftArchive(as(house, lena), id, without);
    expect(text).toContain('or ask [left out]');
    // What was read is what is kept.
    expect(await reasonOf(archive(as(house, lena), id, { hash: read.hash, without }))).toBe('approval-voided');
    expect(await writingsOf(house, await caseOf(house, id), 'archive')).toEqual([]);
    await archive(as(house, lena), id, { hash, without });
    const about = await caseOf(house, id);
    const [made] = await writingsOf(house, about, 'archive');
    expect(made?.text).toBe(text);
    expect(made?.text).toContain(', the reporter\n');
    expect(made?.text).not.toMatch(/@|rita|example\.org/i);
    expect(made?.text).toContain('[address]');
    // Nothing of it goes anywhere but to the team's own.
    const to = (await outbox(house).drain()).map((mail) => mail.to);
    expect(to.sort()).toEqual(house.team.map(({ address }) => address).sort());
  });

  test('whoever is to be credited is named by the name that he wants', async () => {
    const house = await build((await engine.open()).db);
    const id = await house.report({ text: TEXT });
    await describeCase(house, id, { ...KNOWN, reporter: { wishedAt: null, credit: 'Rita R.', anonymous: false } });
    const { release_at } = await armed(house, house.clock.now() + DAY, id);
    house.clock.moveTo(release_at ?? 0);
    await release(house, id);
    expect((await draftArchive(house, id, [])).text).toContain(', Rita R.\n');
  });
});

test('names go as whole words, the longer first, and addresses however they are written', () => {
  const people = [
    { label: 'member 1', names: ['Alpha', 'Al'] },
    { label: 'the reporter', names: ['Rita Alpha-Jones', 'Rita  Jones'] },
  ];
  expect(sanitised('Rita Alpha-Jones of ALPHA, alphabet, Al: <a.b+c@x.example>, ü@münchen.example.', people)).toBe(
    'the reporter of member 1, alphabet, Al: <[address]>, [address]',
  );
  expect(sanitised('rita\njones', people)).toBe('the reporter');
});

test.each([
  ['Call +49 89 1234567 or (089) 123 45-67.', 'Call [number] or [number].'],
  ['In the US 555-123-4567; Tel.: 4711 0815', 'In the US [number]; [number]'],
  ['rita at example dot org, rita [at] example (dot) co (dot) uk, rita%40example.org', '[address], [address], [address]'],
  ['@ritah, https://github.com/ritah-sec/poc', '[account], https://[account]/poc'],
  ['0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567', '[fingerprint]'],
])('what tells how somebody is reached goes by its form: %s', (text, left) => {
  expect(sanitised(text, [])).toBe(left);
});

test.each([
  'CVE-2026-99001 in 1.2.3, since 2026-09-22 16:00:00 UTC',
  'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H at 192.168.100.10:8080',
  'commit 0123456789abcdef0123456789abcdef01234567, 65536 bytes at 0x7fff5fbff8c0',
  '@@ -40,3 +40,4 @@ look at line 30',
])('and nothing else does: %s', (text) => {
  expect(sanitised(text, [])).toBe(text);
});

test('an archive has no signature, no armor and nobody above whose words they stand', () => {
  const armor = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----';
  const text = `It crashes.\n\nOn Mon, Lena Ortiz wrote:\n> Where?\n${armor}\nAsk rita＠example.org.\n-- \nHalloran, PhD\nNightjar Research\n`;
  const made = archiveText('ORBIT-2026-0001', [{ at: 0, author: 'the reporter', subject: 'x', text, files: 0 }], []);
  expect(made).toContain('It crashes.');
  expect(made).toContain('Ask [address]');
  expect(made).not.toMatch(/Ortiz|mDMEZ|Halloran|Nightjar|rita/);
});
