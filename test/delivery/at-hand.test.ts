import { beforeEach, expect, test, vi } from 'vitest';
import { DAY, SECOND } from '../../src/clock.ts';
import { createAtHand, type JustOpened } from '../../src/delivery/at-hand.ts';
import { openPost } from '../../src/delivery/opening.ts';
import type { Pgp } from '../../src/pgp/pool.ts';
import { reasonOf } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, cleartextSignedMail, encryptedMail, inlineMail, signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { unguarded } from '../support/unguarded.ts';
import { outbox } from './outbox.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let opened: string[];

  /** As it serves, with what came in at hand, and as it is after a start. What is opened is noted. */
  const serving = (): { now: House; later: House } => {
    const noting =
      <Name extends 'open' | 'reopen'>(name: Name): Pgp[Name] =>
      (...given: [never, never]) => {
        opened.push(name);
        return house.pgp[name](...given) as never;
      };
    const later = { ...house, pgp: { ...house.pgp, open: noting('open'), reopen: noting('reopen') } };
    return { now: { ...later, atHand: createAtHand() }, later };
  };

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    opened = [];
  });

  /** By what it is, as a mail of Alpha to the members, or of a stranger to the team. */
  const mails = async () => {
    const [alpha] = house.members;
    const rita = await makeParty('rita@example.org');
    const attachments = [{ name: 'fix.patch', data: Buffer.from('--- a\n+++ b\n') }];
    const posted = letterOf(house, alpha, { to: LISTS.distributors, attachments });
    const reported = letterOf(house, rita, { attachments });
    const page = letterOf(house, rita, { type: 'text/html', text: '<p>It crashes.</p>' });
    const members = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const team = [listCertificate(house, LISTS.security)];
    return {
      'sealed and signed, to members': [await encryptedMail(posted, members), LISTS.distributors, alpha.address],
      'sealed and signed': [await encryptedMail(reported, { recipients: team, signer: rita }), LISTS.security, rita.address],
      'sealed, of a page': [await encryptedMail(page, { recipients: team }), LISTS.security, rita.address],
      inline: [await inlineMail(reported, { recipients: team, signer: rita }), LISTS.security, rita.address],
      signed: [await signedMail(reported, rita), LISTS.security, rita.address],
      'signed as text': [await cleartextSignedMail(letterOf(house, rita), rita), LISTS.security, rita.address],
      'in clear': [clearMail(reported), LISTS.security, rita.address],
      'to the owner': [clearMail(letterOf(house, rita)), 'security-owner@orbit.example', rita.address],
    } as const;
  };

  /** Without what is made by chance. */
  const fixed = (octets: Uint8Array) => {
    const text = Buffer.from(octets).toString('latin1');
    const [mark = '\0'] = /^[\w-]+(?=\| )/m.exec(text) ?? [];
    return text.replaceAll(mark, 'mark').replaceAll(/=_[\w-]+/g, 'boundary');
  };

  test('what goes out is the same as if it were opened from what was kept', async () => {
    const { now, later } = serving();
    for (const [name, [raw, to, sender]] of Object.entries(await mails())) {
      const { id } = await arrive(now, raw, { to, sender });
      opened = [];
      const atHand = await openPost(now, id);
      expect(opened, name).toEqual([]);
      const kept = await openPost(later, id);
      expect(opened, name).toEqual(['reopen', 'open']);
      expect(fixed(atHand.composed.content), name).toBe(fixed(kept.composed.content));
      expect({ ...atHand.composed, content: null }, name).toEqual({ ...kept.composed, content: null });
      expect(atHand.digest, name).toBe(kept.digest);
    }
  });

  /** A mail of Alpha to the members comes in. Gives its post. */
  const post = async (to: House) => {
    const [raw, list, sender] = (await mails())['sealed and signed, to members'];
    return (await arrive(to, raw, { to: list, sender })).id;
  };

  test('a mail is opened once for all its copies, and anew for one that goes out later', async () => {
    const { now } = serving();
    const [alpha, beta] = house.members;
    await post(now);
    const box = outbox(now);
    const later = { state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' } as const;
    box.answers = ({ to }) => (to === beta.address ? later : { state: 'delivered', response: '250' });
    expect((await box.drain()).map(({ to }) => to)).toEqual([alpha.address]);
    expect(opened).toEqual(['open']);
    house.clock.moveTo(house.clock.now() + DAY);
    box.answers = () => ({ state: 'delivered', response: '250' });
    const [second] = await box.drain();
    expect(opened).toEqual(['open', 'reopen', 'open']);
    const { entity } = await openCopy(second?.raw ?? Buffer.alloc(0), beta);
    expect(entity.toString()).toContain('filename="fix.patch"');
  });

  test('what was taken away, or is not what came, is not sent, though it is at hand', async () => {
    const { now } = serving();
    const gone = await post(now);
    await unguarded(house.db, (trx) =>
      trx.updateTable('posts').set({ content: new Uint8Array(), purged_at: house.clock.now() }).where('id', '=', gone).execute(),
    );
    expect(await reasonOf(openPost(now, gone))).toBe('purged');
    const other = await post(now);
    await unguarded(house.db, (trx) => trx.updateTable('posts').set({ digest: 'another' }).where('id', '=', other).execute());
    expect(await reasonOf(openPost(now, other))).toBe('cannot-open');
  });

  test('what was refused, or came twice, is not at hand', async () => {
    const { now } = serving();
    const atHand = createAtHand();
    const put = vi.fn(atHand.put);
    const watched = { ...now, atHand: { ...atHand, put } };
    const id = await post(watched);
    expect(put.mock.calls.map(([of]) => of)).toEqual([id]);
    expect(atHand.take(id)).toBeDefined();
    const [raw, list, sender] = (await mails())['in clear'];
    await expect(arrive(watched, raw, { to: LISTS.distributors, sender })).rejects.toThrow();
    expect(put).toHaveBeenCalledTimes(1);
    // All of these were judged before any of them was kept.
    await Promise.all([raw, raw, raw].map((one) => arrive(watched, one, { to: list, sender })));
    const reports = put.mock.calls.slice(1).map(([of]) => of);
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.filter((of) => atHand.take(of) !== undefined)).toHaveLength(1);
  });

  test('what did not hold when it came is not handed on as signed, though its certificate is known by now', async () => {
    const { now, later } = serving();
    const id = await post(now);
    const isHandedOn = async (seams: House) =>
      Buffer.from((await openPost(seams, id)).composed.content)
        .toString()
        .includes('multipart/signed');
    expect(await isHandedOn(later)).toBe(true);
    const kept = JSON.stringify([
      { keyId: 'A', fingerprint: 'B', valid: false, reason: 'revoked', certificateKnown: true, coversWholeContent: true },
    ]);
    await unguarded(house.db, (trx) => trx.updateTable('posts').set({ signatures: kept }).where('id', '=', id).execute());
    expect([await isHandedOn(now), await isHandedOn(later)]).toEqual([false, false]);
  });
});

/** That takes so many octets, and is no mail otherwise. */
const mail = (octets: number, content = 0) => {
  const opened = { content: new Uint8Array(content), signedAs: null, aside: [], offered: [], offeredInside: [], enclosed: [] };
  return { raw: new Uint8Array(octets), digest: '', opened } as unknown as JustOpened;
};
const MIB = 1024 * 1024;

test('who asks first has it; what nobody asks for is gone after a moment', () => {
  vi.useFakeTimers();
  try {
    const atHand = createAtHand();
    const one = mail(1);
    atHand.put('one', one);
    atHand.put('two', mail(1));
    expect(atHand.take('one')).toEqual(one);
    expect(atHand.take('one')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(11 * SECOND);
    expect(atHand.take('two')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('there is room for some at a time, and again when those are gone', () => {
  const atHand = createAtHand();
  for (const name of ['a', 'b', 'c']) atHand.put(name, mail(10 * MIB, 10 * MIB));
  expect(atHand.take('c')).toBeUndefined();
  expect(atHand.take('a')).toBeDefined();
  atHand.put('c', mail(20 * MIB));
  expect(atHand.take('c')).toBeDefined();
  atHand.put('large', mail(49 * MIB));
  expect(atHand.take('large')).toBeUndefined();
  // As what was compressed is when it was opened.
  atHand.put('grown', mail(1, 49 * MIB));
  expect(atHand.take('grown')).toBeUndefined();
});
