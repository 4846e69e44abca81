import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, systemClock, toIso } from '../../src/clock.ts';
import { clearMail, encryptedMail, inlineMail } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { arm, dispatch, mailsTo, openCase, REPORTER, reportMail } from './embargo.ts';
import { filesBelow, findings, formsIn, formsOf, openFiles, type Trace } from './traces.ts';

let sink: Sink;
let house: Instance;
const canaries: Trace[] = [];

/** A word that occurs nowhere else, with a letter that mail programs encode; it must leave no trace from now on. */
function canary(name: string): string {
  const text = `Canary${randomBytes(9).toString('hex')}ö${randomBytes(3).toString('hex')}`;
  // Found as well where only its ASCII part was kept.
  canaries.push({ name, text }, { name: `the beginning of ${name}`, text: text.slice(0, text.indexOf('ö')) });
  return text;
}

/** Where a header cannot carry more than ASCII. */
function plainCanary(name: string): string {
  const text = `Canary${randomBytes(12).toString('hex')}`;
  canaries.push({ name, text });
  return text;
}

/** Everything of the server that is on a disk, and all that it said. */
function places(): Map<string, Buffer> {
  const files = new Map([...filesBelow(house.dir), ...filesBelow(house.temporary)]);
  return files.set('the log', Buffer.from(house.said()));
}

beforeAll(async () => {
  sink = await startSink();
  house = await openInstance({ relay: sink, log: 'trace' });
});
afterAll(async () => {
  await house?.close();
  await sink?.close();
});

test('the search finds a text in every form that it knows', () => {
  const text = 'Canaryö12';
  for (const { name, form } of formsOf(text)) expect(formsIn(Buffer.from(`x${form}y`, 'latin1'), text)).toContain(name);
  for (const shift of ['', 'a', 'ab']) {
    const folded = Buffer.from(`${shift}${text} and more`).toString('base64').replaceAll(/.{5}/g, '$&\r\n');
    expect(formsIn(Buffer.from(folded), text)).toEqual([expect.stringMatching(/^base64 at [012]$/)]);
  }
  expect(formsIn(Buffer.from('Canaryo12'), text)).toEqual([]);
});

test('an encrypted report, a clear one, a post and a draft leave no trace of what they say', async () => {
  const file = () => ({ name: `${plainCanary('a file name')}.bin`, data: Buffer.from(canary('a file')) });
  const words = (what: string) => ({ subject: plainCanary(`the subject of ${what}`), text: canary(`the text of ${what}`) });

  const telling = { outerSubject: plainCanary('a telling outer subject') };
  const id = await openCase(house, { ...words('an encrypted report'), ...telling, attachments: [file()] });
  const clear = { from: { address: 'cleo@street.example', name: plainCanary('a name') }, to: LISTS.security };
  const report = clearMail({ ...clear, ...words('a clear report'), attachments: [file()] });
  expect(await house.send('cleo@street.example', LISTS.security, report)).toMatch(/^250 /);
  const alpha = await makeParty(MEMBERS[0]);
  const letter = { from: alpha, to: LISTS.distributors, ...words('a post'), outerSubject: '...', attachments: [file()] };
  const post = await encryptedMail(letter, { recipients: [await house.certificate(LISTS.distributors)], signer: alpha });
  expect(await house.send(alpha.address, LISTS.distributors, post)).toMatch(/^250 /);

  const patch = { name: `${plainCanary('the name of a patch')}.patch`, bytes: Buffer.from(canary('a patch')) };
  await arm(house, id, { releaseAt: systemClock.now() + DAY, ...words('a draft'), patch });
  await dispatch(house, id);
  await house.settled();

  // It all came through: what is searched for was there.
  const received = await Promise.all(
    [...TEAM.slice(0, 1), MEMBERS[1]].flatMap((address) =>
      mailsTo(sink, address).map(async ({ raw }) => (await openCopy(raw, await makeParty(address))).entity),
    ),
  );
  const read = Buffer.concat(received);
  const seen = canaries.filter(({ text }) => formsIn(read, text).length > 0).map(({ name }) => name);
  const missed = canaries.map(({ name }) => name).filter((name) => !seen.includes(name));
  // The reader's own mail program never shows it.
  expect(missed).toEqual(['a telling outer subject']);
});

test('what is refused leaves no trace either', async () => {
  const stranger = await makeParty('mallory@evil.example');
  const words = (to: string) => ({
    from: stranger,
    to,
    subject: plainCanary('a refused subject'),
    text: canary('a refused text'),
  });
  const wrongKey = { recipients: [stranger.public], signer: stranger };
  const lost = await encryptedMail({ ...words(LISTS.security), outerSubject: plainCanary('an outer subject') }, wrongKey);
  expect(await house.send(stranger.address, LISTS.security, lost)).toMatch(/^550 5\.7\.0 /);
  const inline = await inlineMail(words(LISTS.security), wrongKey);
  expect(await house.send(stranger.address, LISTS.security, inline)).toMatch(/^550 5\.7\.0 /);
  expect(await house.send(stranger.address, LISTS.distributors, clearMail(words(LISTS.distributors)))).toMatch(/^550 5\.7\.1 /);
  expect(await house.send(stranger.address, LISTS.announce, clearMail(words(LISTS.announce)))).toMatch(/^550 5\.7\.1 /);
  const broken = Buffer.from((await reportMail(house)).toString('latin1').replace(/^[A-Za-z0-9+/]{60,}\r$/m, 'AAAA\r'), 'latin1');
  expect(await house.send(REPORTER, LISTS.security, broken)).toMatch(/^5/);

  const lena = await house.token(TEAM[0]);
  const schedule = (releaseAt: string, more = {}) => ({
    releaseAt,
    subject: plainCanary('the subject of a refused draft'),
    text: canary('the text of a refused draft'),
    ...more,
  });
  const [{ id }] = (await house.api(lena, 'GET', '/cases')).body['items'] as [{ id: string }];
  for (const body of [schedule('tomorrow'), schedule('2020-01-01T00:00:00Z'), schedule(toIso(0), { [canary('a key')]: 1 })])
    expect((await house.api(lena, 'PUT', `/cases/${id}/schedule`, body)).status).toBeOneOf([400, 422]);
  const content = canary('the octets of a refused patch');
  expect((await house.api(lena, 'POST', `/cases/${id}/patches`, { name: canary('a refused name'), content })).status).toBe(422);
  expect((await house.api(lena, 'POST', `/cases/${canary('an id')}/dispatch`, { list: 1 })).status).toBeOneOf([400, 404, 422]);
});

test('while it serves: on no disk and in no log', () => {
  const found = places();
  expect([...found.keys()].filter((path) => path.endsWith('-wal'))).toHaveLength(1);
  expect(findings(found, canaries)).toEqual([]);
  expect(filesBelow(house.temporary)).toEqual(new Map());
  // Nothing is written to a file that has no name any more.
  for (const path of openFiles(house.pid)) if (path.includes('(deleted)')) expect(path).toMatch(/dev\/(shm|zero)/);
  // The same search finds what is no secret, where it must be.
  const control = findings(found, [{ name: 'the envelope sender', text: REPORTER }]);
  expect(control.join('\n')).toMatch(/curfew\.db(-wal)?: plain of the envelope sender/);
  const logged = findings(found, [{ name: 'a recipient', text: LISTS.security }]);
  expect(logged.join('\n')).toContain('the log: plain of a recipient');
});

test('after it stopped: on no disk and in no log', async () => {
  expect(await house.stop()).toMatchObject({ code: 0 });
  expect(findings(places(), canaries)).toEqual([]);
  expect(filesBelow(house.temporary)).toEqual(new Map());
  expect(findings(places(), [{ name: 'the envelope sender', text: REPORTER }]).join()).toContain('curfew.db: plain of');
});
