import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY, toIso } from '../../src/clock.ts';
import { bounceSenders } from '../../src/delivery/bounce.ts';
import { noteLeak } from '../../src/embargo/incidents.ts';
import * as attempts from '../../src/store/attempts.ts';
import { makeDatabase } from '../../src/store/database.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { migrate } from '../../src/store/migrate.ts';
import { serving, type TestApi } from '../http/api.ts';
import { arrive } from '../post/arrive.ts';
import { holdPost } from '../post/hold.ts';
import { NOW } from '../store/roster-rows.ts';
import { command } from '../support/command.ts';
import { LISTS } from '../support/house.ts';
import type { Ended } from '../support/process.ts';
import { unguarded } from '../support/unguarded.ts';

const serve = serving();
let folder: string;
let api: TestApi;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'curfew-remote-'));
  const config = { sqlite: ':memory:' };
  const db = makeDatabase(config);
  await migrate(db);
  api = await serve({ db, config });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `curfew` as whoever has that token. */
const curfew = (token: string, ...args: string[]): Promise<Ended> =>
  command(args, { cwd: folder, env: { CURFEW_TOKEN: token, CURFEW_URL: api.url } });

async function done(token: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await curfew(token, ...args);
  expect([code, stderr], args.join(' ')).toEqual([0, '']);
  return stdout;
}

test('what a list takes is shown and changed, one thing at a time', async () => {
  const [admin, team] = [await api.house.token('admin'), await api.house.token('team')];
  expect(await done(team, 'list', 'list')).toMatch(
    /^ADDRESS +ROLE +TAKES\nannounce@orbit\.example +public +-\ndistributors@orbit\.example +private +members only\nsecurity@/,
  );
  writeFileSync(join(folder, 'footer.txt'), 'Tell nobody.\nNot even\u{202e} them.\n');
  const flags = ['--encrypted-only', 'yes', '--moderated', 'yes', '--unaddressed', 'accept', '--largest', '1000'];
  const texts = [
    '--file-names',
    '*.patch',
    '--subject-prefix',
    'distros',
    '--footer-file',
    'footer.txt',
    '--give-up',
    '24',
    '--seal',
    'fresh',
  ];
  expect(await done(admin, 'list', 'change', LISTS.distributors, ...flags, ...texts)).toMatch(
    /^distributors@orbit\.example, private\nKey: .*\nEncrypted only: +yes\nSigned only: +no\n[\s\S]*Largest: +1000 octets\n[\s\S]*\nGives up after: +24 hours\n[\s\S]*\nTell nobody\.\nNot even\\u\{202e\} them\.\n$/,
  );
  await done(admin, 'list', 'change', LISTS.distributors, '--largest', 'none', '--footer-file', 'none', '--moderated', 'no');
  expect(JSON.parse(await done(team, 'list', 'show', LISTS.distributors, '--json'))).toMatchObject({
    encryptedOnly: true,
    moderated: false,
    unaddressed: 'accept',
    largest: null,
    fileNames: '*.patch',
    subjectPrefix: 'distros',
    footer: null,
    giveUp: 24,
    seal: 'fresh',
  });
  await done(admin, 'list', 'change', LISTS.distributors, '--give-up', 'none');
  expect(JSON.parse(await done(team, 'list', 'show', LISTS.distributors, '--json'))).toMatchObject({ giveUp: null });
  expect(JSON.parse(await done(team, 'list', 'list', '--json'))).toHaveLength(3);
});

test('a change that is refused, or that is none, is said', async () => {
  const [admin, team] = [await api.house.token('admin'), await api.house.token('team')];
  const change = (token: string, ...args: string[]) => curfew(token, 'list', 'change', LISTS.distributors, ...args);
  expect(await change(team, '--moderated', 'yes')).toMatchObject({
    code: 1,
    stderr: 'curfew: This needs a token of the role admin (forbidden)\n',
  });
  expect(await change(admin, '--members-only', 'no')).toMatchObject({ code: 1, stderr: expect.stringContaining('(invalid)') });
  expect(await change(admin)).toMatchObject({ code: 2, stderr: 'curfew: Nothing is to be changed: curfew list change --help\n' });
  expect(await change(admin, '--moderated', 'maybe')).toMatchObject({ code: 2, stdout: '' });
  expect(await change(admin, '--largest', '0')).toMatchObject({ code: 2, stdout: '' });
  expect(await change(admin, '--give-up', '0')).toMatchObject({ code: 2, stdout: '' });
  expect(await change(admin, '--seal', 'both')).toMatchObject({ code: 2, stdout: '' });
  expect(await change(admin, '--give-up', '721')).toMatchObject({ code: 1, stdout: '' });
  expect(await curfew(admin, 'list', 'show', 'x@orbit.example')).toMatchObject({
    code: 1,
    stderr: 'curfew: There is no list x@orbit.example (not-found)\n',
  });
});

test('a clock in doubt is shown with how it is confirmed, and confirmed', async () => {
  const lena = await api.house.token('admin', 'lena@orbit.example');
  expect(await done(lena, 'clock', 'show')).toMatch(
    /^The clock is believed\.\nIts clock: +\S+Z\nTaken to be: +\S+Z\nThis machine: \S+Z\n$/,
  );
  api.house.clock.jumpTo(api.house.clock.now() + DAY);
  const wall = toIso(api.house.clock.now());
  const shown = await done(lena, 'clock', 'show');
  expect(shown).toMatch(/^The clock is in doubt: it is ahead of where it ought to be\. Nothing is released\.\n/);
  expect(shown.trimEnd().split('\n').at(-1)).toBe(`If another clock says so, too: curfew clock confirm --wall ${wall}`);
  expect(await curfew(lena, 'clock', 'confirm', '--wall', toIso(0))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(stale)'),
  });
  expect(JSON.parse(await done(lena, 'clock', 'confirm', '--wall', wall, '--json'))).toMatchObject({
    trusted: true,
    believed: wall,
  });
});

test('held posts are listed, shown, accepted and refused', async () => {
  const [first, second] = [await holdPost(api.house), await holdPost(api.house)];
  const lena = await api.house.token('team', 'lena@orbit.example');
  const held = await done(lena, 'post', 'list');
  expect(held).toMatch(/^ID +KIND +STATE +CASE +SENDER +RECEIVED +HELD FOR\n/);
  expect(held.split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(new RegExp(`^${second} .* unaddressed$`)),
    expect.stringMatching(new RegExp(`^${first} .* unaddressed$`)),
  ]);
  expect(await done(lena, 'post', 'accept', first)).toBe('2 copies are on their way\n');
  expect(await done(lena, 'post', 'hold', first)).toBe('copies: 5 are stopped, 0 are out, 0 are under way and may be out soon\n');
  expect(await done(lena, 'post', 'accept', first)).toBe('5 copies are on their way\n');
  expect(await done(lena, 'post', 'refuse', second, '--reason', 'not for this list')).toMatch(
    /, refused\n(.+\n)+Out to: +contacts: 0\n/,
  );
  expect(await done(lena, 'post', 'list')).toMatch(/^ID [^\n]*\n$/);
  expect(await curfew(lena, 'post', 'accept', first)).toMatchObject({
    code: 1,
    stderr: `curfew: The post ${first} is not held (conflict)\n`,
  });
  expect(await done(lena, 'post', 'show', first)).toMatch(/, accepted\nCase: [\s\S]*Signed by: +[0-9A-F]{40}\n/);
  const any = JSON.parse(await done(lena, 'post', 'list', '--state', 'any', '--json'));
  expect(any.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([first, second]));
  expect(JSON.parse(await done(lena, 'post', 'list', '--state', 'refused', '--json'))).toMatchObject([{ id: second }]);
});

test('the copies of the queue are listed, shown, held, sent and dropped', async () => {
  const [team, auditor] = [await api.house.token('team'), await api.house.token('auditor')];
  const [first, second] = [await api.house.report(), await api.house.report({ text: 'Another.\n' })];
  const list = async (...args: string[]) =>
    JSON.parse(await done(auditor, 'queue', 'list', '--json', ...args)) as { id: string }[];
  const ids = async (...args: string[]) => (await list(...args)).map(({ id }) => id);
  const all = await ids();
  expect(all).toEqual([...all].sort().reverse());
  const ofCase = await ids('--case', first);
  expect([...ofCase, ...(await ids('--case', second))].sort()).toEqual([...all].sort());
  const [id = ''] = ofCase;
  expect(await done(auditor, 'queue', 'list', '--case', first)).toMatch(
    new RegExp(`^ID +STATE +TRIED +DUE +CASE +ADDRESS +REASON\n${id} +queued +0 +2026-\\S+ +${first} +\\S+@\\S+\n`),
  );
  expect(await ids('--list', LISTS.security)).toEqual(all);
  expect(await ids('--list', LISTS.distributors)).toEqual([]);
  expect(await ids('--state', 'delivered')).toEqual([]);
  expect(await ids('--state', 'any')).toEqual(all);

  expect(await done(team, 'queue', 'hold', id, '--reason', 'wrong list')).toMatch(
    new RegExp(`^${id}, held\nTo: [\\s\\S]*\nReason: +withheld\n`),
  );
  expect(await ids('--state', 'held')).toEqual([id]);
  expect(await done(auditor, 'queue', 'show', id)).toMatch(/, held\n/);
  const { db } = api.house;
  const ended = { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' } as const;
  await attempts.note(db, [{ delivery_id: id, number: 1, at: NOW, ...ended }]);
  expect(await done(auditor, 'queue', 'show', id)).toMatch(
    new RegExp(`\nAttempt 1: +${toIso(NOW)}, deferred, try-later, 451 4\\.2\\.0 later\n$`),
  );
  const note = Buffer.from('From: lena@orbit.example\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n');
  const { id: post } = await arrive(api.house, note, { to: (await bounceSenders(db))(LISTS.security, id) });
  expect(await done(auditor, 'queue', 'show', id)).toMatch(new RegExp(`\nCame back: +2026-\\S+, auto-reply, post ${post}\n$`));
  const ofNote = (await deliveries.page(db, { limit: 9, postId: post })).map((copy) => copy.id);
  expect(ofNote).toHaveLength(3);
  for (const one of ofNote) await deliveries.hold(db, one, 0);
  for (const one of ofNote) await deliveries.drop(db, one, 0);
  expect(await done(team, 'queue', 'retry', id)).toMatch(/, queued\n/);
  expect(await curfew(team, 'queue', 'drop', id, '--reason', 'x')).toMatchObject({
    code: 1,
    stderr: 'curfew: The copy is queued: only what is held or deferred can be dropped (conflict)\n',
  });
  await done(team, 'queue', 'hold', id, '--reason', 'wrong list');
  expect(await done(team, 'queue', 'drop', id, '--reason', 'wrong list')).toMatch(/, failed\n[\s\S]*Reason: +dropped\n/);
  expect(await ids('--case', first)).not.toContain(id);
  expect((await curfew(team, 'queue', 'hold', id)).code).toBe(2);
  expect(await curfew(auditor, 'queue', 'retry', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('(forbidden)') });
  expect(await curfew(team, 'queue', 'list', '--list', 'x@orbit.example')).toMatchObject({ code: 1, stdout: '' });
});

test('many copies are held, sent and dropped by what they have in common, after a look at which those are', async () => {
  const [team, auditor] = [await api.house.token('team'), await api.house.token('auditor')];
  const [first, second] = [await api.house.report(), await api.house.report({ text: 'Another.\n' })];
  const ids = async (...args: string[]) =>
    (JSON.parse(await done(auditor, 'queue', 'list', '--json', ...args)) as { id: string }[]).map(({ id }) => id);
  const [ofFirst, ofSecond] = [await ids('--case', first), await ids('--case', second)];
  const hold = ['queue', 'hold', '--case', first, '--reason', 'wrong list'];
  const look = await done(auditor, ...hold, '--dry-run');
  for (const id of ofFirst) expect(look).toMatch(new RegExp(`^${id}  queued  \\S+@\\S+$`, 'm'));
  expect(look).toMatch(new RegExp(`\n${ofFirst.length} copies would be held; nothing was done\n$`));
  expect(await ids('--state', 'held')).toEqual([]);
  expect(await done(team, ...hold)).toBe(`${ofFirst.length} copies are held\n`);
  expect(await ids('--state', 'held', '--for', 'withheld')).toEqual(ofFirst);
  expect(await ids('--state', 'queued')).toEqual(ofSecond);

  const [one = ''] = ofFirst;
  await unguarded(api.house.db, (trx) =>
    trx
      .updateTable('deliveries')
      .set({ audience: 'public', contact_id: null, certificate_id: null })
      .where('id', '=', one)
      .execute(),
  );
  const left = ofFirst.length - 1;
  const drop = ['queue', 'drop', '--state', 'held', '--for', 'withheld', '--list', LISTS.security];
  expect(await curfew(team, ...drop)).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
  expect(await curfew(team, ...drop, '--reason', 'wrong list')).toMatchObject({
    code: 1,
    stdout: `${left} copies are dropped\n`,
    stderr: expect.stringMatching(new RegExp(`^curfew: With 1 copy nothing was done:\n.*${one}: It is a copy of a release`)),
  });
  expect(await done(team, 'queue', 'retry', '--for', 'withheld')).toBe('1 copy is queued\n');

  // What names no copies would be all of them.
  expect((await curfew(team, 'queue', 'retry')).code).toBe(2);
  expect((await curfew(team, 'queue', 'retry', one, '--case', first)).code).toBe(2);
  expect((await curfew(team, 'queue', 'retry', '--state', 'queued')).code).toBe(2);
});

test('the log is listed, newest first, by who did what to what', async () => {
  const [admin, auditor] = [await api.house.token('admin'), await api.house.token('auditor')];
  for (const prefix of ['one', 'two']) await done(admin, 'list', 'change', LISTS.announce, '--subject-prefix', prefix);
  const table = await done(auditor, 'audit', 'list', '--limit', '2');
  expect(table).toMatch(
    /^LINE +AT +BY +ACTION +SUBJECT +DETAIL\n\d+ +2026-\S+ +token:admin 1 +list\.change +list:announce +\{"subject_prefix":"two"\}\n.*"one"\}\n$/,
  );
  const ofTokens = JSON.parse(await done(auditor, 'audit', 'list', '--action', 'token.issue', '--actor', 'system', '--json'));
  expect(ofTokens.length).toBe(2);
  expect(JSON.parse(await done(auditor, 'audit', 'list', '--subject', 'list:none', '--json'))).toEqual([]);
  api.house.clock.moveTo(api.house.clock.now() + 1);
  await done(admin, 'list', 'change', LISTS.announce, '--subject-prefix', 'three');
  const [last] = JSON.parse(await done(auditor, 'audit', 'list', '--limit', '1', '--json'));
  const since = JSON.parse(await done(auditor, 'audit', 'list', '--from', last.at, '--json'));
  expect(since.map(({ seq }: { seq: number }) => seq)).toContain(last.seq);
  const until = JSON.parse(await done(auditor, 'audit', 'list', '--to', last.at, '--json'));
  expect(until.length).toBeGreaterThan(0);
  expect(until.every(({ at }: { at: string }) => at < last.at)).toBe(true);
  expect(await curfew(auditor, 'audit', 'list', '--from', '2026-09-22 4pm')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(no-utc-offset)'),
  });
  expect(await curfew(auditor, 'audit', 'list', '--limit', '0')).toMatchObject({ code: 2, stdout: '' });
});

test('incidents are listed, shown and closed, by those who may know of their case', async () => {
  const { house } = api;
  const [lena, dirk] = house.team;
  const caseId = await house.report();
  const hit = { caseId, kind: 'patch', place: 'packed file', score: 0.424 } as const;
  const who = { sender: 'alpha@alpha.example', from: 'alp\u{202e}ha@alpha.example', signerId: house.members[0].contactId };
  await noteLeak(house, { ...who, listId: 'announce', refused: true, encrypted: false, digest: '', hits: [hit] });
  const first = await house.token('team', lena.address);
  const listed = await done(first, 'incident', 'list');
  const [, row = ''] = listed.split('\n');
  expect(row).toMatch(new RegExp(`^\\w+ +open +\\S+Z +${caseId} +patch +1 +alpha@alpha\\.example$`));
  const [id = ''] = row.split(' ');
  expect(await done(first, 'incident', 'show', id)).toContain('Recognised:  patch, in: packed file, 42 % of it\n');
  expect(await done(first, 'incident', 'show', id)).toContain('alp\\u{202e}ha@alpha.example (From)\n');

  await api.ask(first, `POST /api/v1/cases/${caseId}/lead`, { body: {} });
  await api.ask(first, `PUT /api/v1/cases/${caseId}/team`, { body: { people: [lena.contactId] } });
  const outside = await house.token('team', dirk.address);
  expect(await done(outside, 'incident', 'list', '--state', 'any')).toMatch(/^ID [^\n]*\n$/);
  expect(await curfew(outside, 'incident', 'close', id, '--reason', 'x')).toMatchObject({
    code: 1,
    stderr: `curfew: There is no incident ${id} (not-found)\n`,
  });
  expect(await done(first, 'incident', 'close', id, '--reason', 'he was asked')).toMatch(/, closed\n/);
  expect(await done(first, 'incident', 'list')).toMatch(/^ID [^\n]*\n$/);
  expect(await curfew(first, 'incident', 'close', id, '--reason', 'x')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(conflict)'),
  });
});
