import { beforeEach, describe, expect, test } from 'vitest';
import { describe as say } from '../../src/cases/describe.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { claim } from '../../src/cases/people.ts';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { closeIncident, tellIncidents } from '../../src/embargo/incidents.ts';
import { createMemory, type Memory } from '../../src/embargo/memory.ts';
import type { Hit } from '../../src/embargo/recognise.ts';
import { createRecogniser, type Recogniser } from '../../src/embargo/recogniser.ts';
import { release } from '../../src/embargo/release.ts';
import { addPatch, schedule, withdrawPatch } from '../../src/embargo/schedule.ts';
import { strangeTo } from '../../src/embargo/watched.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { anyDestination } from '../../src/post/destination.ts';
import { receive } from '../../src/post/receive.ts';
import * as incidents from '../../src/store/incidents.ts';
import { outbox } from '../delivery/outbox.ts';
import { arm, caseOf, KNOWN, OUTSIDE, reasonOf, subscribe } from '../embargo/armed.ts';
import {
  base64,
  blockOf,
  copyFor,
  door,
  handOver,
  head,
  mailOf,
  membersOf,
  multipart,
  text,
  wordsOf,
} from '../security/attack.ts';
import { dial, transcript } from '../smtp/wire.ts';
import { encryptedMail, signedMail } from '../support/compose.ts';
import { eachEngine, oneEngine } from '../support/dialects.ts';
import { housing, LISTS, type Person } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { type Watching, watching } from '../support/watching.ts';
import { everything, listCertificate } from './arrive.ts';

/** As people would write it; the reporter, the team and the public text each say it in words of their own. */
const SECRET = `A tenant who renames his queue while the scheduler drains it makes the drain loop read the freed slot table twice.
The second read follows a pointer that the tenant has filled, and runs with the rights of the scheduler itself.
Switching the shared drain off with queue.drain=private keeps the slots apart until the update is there.
`;
const REPORT = `Renaming a queue during drain confuses your slot table: I got a shell as the scheduler user in about forty seconds on
version 1.3.5, by filling the freed slot from a second tenant with the spray in the attached script.
`;
/** Another reporter's words for it. */
const OTHER = `While the drainer walks its buckets a hostile customer may swap the label of a bucket, whereupon the walker dereferences
memory that the customer groomed beforehand. Proof of concept gives uid 0 within half a minute on a stock installation of orbit.
`;
const FIX = `--- a/drain.go
+++ b/drain.go
@@ -40,3 +40,4 @@ func drain(q *Queue) {
 	for _, slot := range q.slots {
-		slot.follow(q.owner)
+		if slot.generation != q.generation { return errStaleSlot }
+		slot.followPinned(q.owner, slot.generation)
 	}
`;

async function embargoed(house: Watching): Promise<string> {
  const id = await house.report({ subject: 'Drain loop', text: REPORT });
  const [lena] = house.team;
  await claim({ ...house, by: personOf(lena), role: 'team' }, id, {});
  await say(house, id, { ...KNOWN, summary: SECRET });
  await addPatch(house, id, { name: 'fix.patch', bytes: Buffer.from(FIX) });
  await schedule(house, id, { releaseAt: house.clock.now() + 8 * HOUR, subject: 'Drain loop', text: 'Update to 1.3.6 now.\n' });
  return id;
}

const personOf = ({ contactId, address }: Person) => ({ type: 'person' as const, id: contactId, name: address, via: null });
const REFUSED = '550 5.7.1 This list takes announcements of its own server only';

eachEngine((engine) => {
  const build = housing();
  let house: Watching;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = watching(await build((await engine.open()).db));
    [alpha, beta] = house.members;
    await subscribe(house);
  });
  const all = () => incidents.page(house.db, { limit: 100 });
  const toPublic = async (mail: Buffer) => {
    const rig = await door(house);
    try {
      return await handOver(rig, mail, LISTS.announce);
    } finally {
      await rig.server.close(0);
    }
  };

  test('a mail that touches two cases is an incident of each', async () => {
    const named = [await house.report(), await house.report({}, 'ron@example.org')];
    const letter = { from: alpha, to: LISTS.announce, subject: 'Which?', at: house.clock.now() };
    expect(await toPublic(await signedMail({ ...letter, text: `${named.join(' or ')}?\n` }, alpha))).toBe(REFUSED);
    expect((await all()).map(({ case_id, kind }) => `${case_id} ${kind}`).sort()).toEqual(named.map((id) => `${id} id`).sort());
  });

  test('embargoed words to the public list: refused in the session as any other, an incident, and the lead is told, once', async () => {
    const id = await embargoed(house);
    await outbox(house).drain();
    const before = await everything(house);
    const letter = { from: alpha, to: LISTS.announce, subject: 'Watch out', at: house.clock.now() };
    const quoted = `${SECRET.replaceAll(/^/gm, '> ')}\nIs that so?\n`;
    expect(await toPublic(await signedMail({ ...letter, text: quoted }, alpha))).toBe(REFUSED);
    expect(await toPublic(await signedMail({ ...letter, text: 'Will there be a release this week?\n' }, alpha))).toBe(REFUSED);
    expect(await everything(house), 'nothing of it is kept').toEqual(before);
    const [one, ...more] = await all();
    expect(more).toEqual([]);
    expect(one).toMatchObject({
      case_id: id,
      kind: 'text',
      place: 'text',
      list_id: 'announce',
      refused: 1,
      sender: 'reporter@else.example',
      from_address: alpha.address,
      signer_contact_id: alpha.contactId,
      mails: 1,
      closed_at: null,
    });
    expect(house.noted).toEqual(['text']);

    expect(await tellIncidents(house)).toBe(true);
    expect(await tellIncidents(house)).toBe(false);
    const sent = await outbox(house).drain();
    const [lena, dirk] = house.team;
    expect(sent.map(({ to }) => to)).toEqual([lena.address]);
    const words = wordsOf(await copyFor(house, sent, lena)).join('\n');
    for (const wanted of [id, alpha.address, 'reporter@else.example', LISTS.announce]) expect(words).toContain(wanted);
    expect(words).not.toMatch(/tenant|slot|drain/i);

    const closing = { ...house, by: personOf(dirk), role: 'team' as const };
    expect(await closeIncident(closing, one?.id ?? '', 'he was asked')).toMatchObject({ closed_by: `person:${dirk.contactId}` });
    expect(await reasonOf(closeIncident(closing, one?.id ?? '', 'again'))).toBe('conflict');
    const log = await house.db.selectFrom('audit').select('action').where('subject', '=', `incident:${one?.id}`).execute();
    expect(log.map(({ action }) => action).sort()).toEqual(['incident.close', 'incident.open', 'incident.tell']);
  });

  test('a member answers all with the public list in Cc: the private list is served, the public one refused, and it is an incident', async () => {
    const id = await embargoed(house);
    await outbox(house).drain();
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const words = { from: alpha, to: LISTS.distributors, subject: 'Re: drain', text: SECRET, at: house.clock.now() };
    const cc = (...copied: string[]) => encryptedMail({ ...words, headers: [`Cc: ${copied.join(', ')}`] }, sealing);
    const rig = await door(house);
    const wire = await dial(rig.port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      [`MAIL FROM:<${alpha.address}>`, /^250/],
      [`RCPT TO:<${LISTS.distributors}>`, /^250/],
      [`RCPT TO:<${LISTS.announce}>`, /^550 5\.7\.1/],
      ['DATA', /^354/],
    ]);
    wire.raw(await cc(beta.address, LISTS.announce));
    expect(await wire.ask('.')).toMatch(/^250 2\.0\.0 Accepted/);
    wire.destroy();
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    expect(await all()).toMatchObject([
      { case_id: id, refused: 0, encrypted: 1, sender: alpha.address, list_id: 'distributors' },
    ]);

    house.clock.moveTo(house.clock.now() + 2 * HOUR);
    await handOver(rig, await encryptedMail({ ...words, text: `Again. ${SECRET}` }, sealing), LISTS.distributors);
    expect(await all(), 'nobody of the public is named').toHaveLength(1);
    await handOver(rig, await cc(OUTSIDE), LISTS.distributors);
    expect(await all()).toHaveLength(2);
    await rig.server.close(0);
  });

  test('a report that a public address has beside us is an incident of the case that it opens, and the team reads which it is', async () => {
    const rig = await door(house);
    const report = (cc: string) =>
      mailOf(...head('ron@example.org'), `Cc: ${cc}`, ...text('The exporter follows any pointer that it is handed.'));
    await handOver(rig, report('carol@example.org'), LISTS.security);
    expect(await all()).toEqual([]);
    await outbox(house).drain();
    await handOver(rig, report(`carol@example.org, <${OUTSIDE.toUpperCase()}>`), LISTS.security);
    await rig.server.close(0);
    const [one] = await all();
    const { id } = await house.db.selectFrom('cases').select('id').orderBy('number', 'desc').executeTakeFirstOrThrow();
    expect(one).toMatchObject({ case_id: id, refused: 0, kind: 'text', list_id: 'security' });
    const mails = await outbox(house).drain();
    const copy = blockOf(await copyFor(house, mails, house.team[0]));
    expect(copy).toContain(`Also to:   ${OUTSIDE}, which is public`);
    expect(copy).not.toContain('carol');
    await tellIncidents(house);
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
  });

  test('so is what is new in the thread of a case, once for a mail, until that is public', async () => {
    const id = await embargoed(house);
    const rig = await door(house);
    const { thread_token } = await caseOf(house, id);
    const say = async (words: string, cc = OUTSIDE) => {
      house.clock.moveTo(house.clock.now() + 2 * HOUR);
      const mail = mailOf(...head('rita@example.org'), `Cc: <${cc}>`, ...text(words));
      expect(await handOver(rig, mail, threadAddress(LISTS.security, id, thread_token))).toMatch(/^250/);
    };
    await say('It follows a pointer of yours: send a frame of type 9 and length 0xffff.', 'carol@example.org');
    expect(await all()).toEqual([]);
    await say(`The loop in the parser of ${id} writes over the heap below.`);
    expect(await all()).toMatchObject([{ case_id: id, kind: 'text', refused: 0, mails: 1, from_address: 'rita@example.org' }]);
    await arm(house, await schedule(house, id, { releaseAt: house.clock.now() + HOUR }));
    house.clock.moveTo(house.clock.now() + HOUR);
    await release(house, id);
    await say('Thank you, I can confirm that the update helps.');
    expect(await all()).toHaveLength(1);
    await rig.server.close(0);
  });

  test('a leak that the lead signed is told to all who handle the case, and not to him alone', async () => {
    await embargoed(house);
    await outbox(house).drain();
    const [lena] = house.team;
    const letter = { from: lena, to: LISTS.announce, subject: 'Watch out', at: house.clock.now() };
    expect(await toPublic(await signedMail({ ...letter, text: SECRET }, lena))).toBe(REFUSED);
    expect(await all()).toMatchObject([{ signer_contact_id: lena.contactId }]);
    expect(await tellIncidents(house)).toBe(true);
    const sent = (await outbox(house).drain()).map(({ to }) => to);
    expect(sent.sort()).toEqual(house.team.map(({ address }) => address).sort());
  });

  test('mail of one sender within an hour is one incident, and a flood is counted', async () => {
    await embargoed(house);
    const mail = (subject: string) => mailOf(...head('eve@evil.example', `X-Way: ${subject}`), ...text(SECRET));
    const from = async (sender: string, subject = 'a') => {
      const to = await anyDestination(house.db, house.identity.domain, LISTS.announce);
      const taken = receive(house, house.identity, to, { sender, receivedAt: house.clock.now(), raw: mail(subject) });
      expect(await reasonOf(taken)).toBe('not-released');
    };
    for (const subject of ['a', 'b', 'c']) await from('eve@evil.example', subject);
    expect(await all()).toMatchObject([{ mails: 3 }]);
    for (let sender = 0; sender < 12; sender++) await from(`eve${sender}@evil.example`);
    const flooded = await all();
    expect([flooded.length, flooded.reduce((sum, { mails }) => sum + mails, 0)]).toEqual([10, 15]);
    house.clock.moveTo(house.clock.now() + HOUR + MINUTE);
    await from('eve@evil.example');
    expect(await all()).toHaveLength(11);
  });

  test('what weighs more is told though it comes after less, of the same sender or in a flood, and so is what comes after the end', async () => {
    const id = await embargoed(house);
    const from = async (sender: string, words: string) => {
      const to = await anyDestination(house.db, house.identity.domain, LISTS.announce);
      const raw = mailOf(...head(sender), ...text(words));
      const taken = receive(house, house.identity, to, { sender, receivedAt: house.clock.now(), raw });
      expect(await reasonOf(taken)).toBe('not-released');
    };
    const counted = async (of: string) => (await all()).flatMap(({ kind, mails }) => (kind === of ? [mails] : []));
    for (let sender = 0; sender < 12; sender++) await from(`eve${sender}@evil.example`, `Is there news of ${id}?`);
    await from('eve1@evil.example', `Is there news of ${id}?`);
    await from('eve1@evil.example', SECRET);
    await from('eve1@evil.example', SECRET);
    const ids = await counted('id');
    expect([ids.length, ids.reduce((sum, mails) => sum + mails, 0)]).toEqual([10, 13]);
    expect(await counted('text')).toEqual([2]);
    const open = (await all()).find(({ kind }) => kind === 'text');
    await closeIncident({ ...house, by: personOf(house.team[1]), role: 'team' }, open?.id ?? '', 'asked');
    await from('eve1@evil.example', SECRET);
    expect(await counted('text')).toHaveLength(2);
  });
});

oneEngine((engine) => {
  const build = housing();
  let house: Watching;
  beforeEach(async () => {
    house = watching(await build((await engine.open()).db));
  });
  const look = (...lines: string[]) => house.watched.look([mailOf(...head('alpha@alpha.example'), ...lines)]);
  const kindsOf = (hits: readonly Hit[]) => hits.map(({ caseId, kind }) => `${kind} ${caseId}`).sort();

  describe('what is looked for', () => {
    test('is what the reporter wrote, what is known, what will be published, and patches, those of before too', async () => {
      const id = await embargoed(house);
      expect(kindsOf(await look(...text(REPORT)))).toEqual([`text ${id}`]);
      expect(
        kindsOf(await look(...text(base64(Buffer.from(SECRET)), 'text/plain', 'Content-Transfer-Encoding: base64'))),
      ).toEqual([`text ${id}`]);
      expect(kindsOf(await look(...text('It is CVE-2026-99001.')))).toEqual([`id ${id}`]);
      const [{ id: patch } = { id: '' }] = await house.db.selectFrom('patches').select('id').execute();
      await withdrawPatch(house, id, patch);
      const attached = multipart('mixed', text('See.'), text(FIX, 'text/x-patch'));
      expect(kindsOf(await look(...attached))).toContain(`patch ${id}`);
      expect(await look(...text('A queue was renamed, and the scheduler went on as if nothing had happened to it.'))).toEqual([]);
    });

    test('is what stands there now: what was written since, and nothing of what is released', async () => {
      const id = await house.report({ text: REPORT });
      expect(await look(...text(SECRET))).toEqual([]);
      await say(house, id, { ...KNOWN, summary: SECRET });
      expect(kindsOf(await look(...text(SECRET)))).toEqual([`text ${id}`]);
      const releaseAt = house.clock.now() + HOUR;
      await arm(house, await schedule(house, id, { releaseAt, subject: 'Drain loop', text: SECRET }));
      house.clock.moveTo(releaseAt);
      await release(house, id);
      expect(await look(...text(SECRET))).toEqual([]);
      expect(await look(...text(REPORT))).toEqual([]);
    });

    test('is what people look after, however much strangers report meanwhile', async () => {
      const id = await house.report({ text: REPORT });
      await say(house, id, KNOWN);
      const { db } = house;
      const row = await db
        .selectFrom('cases')
        .selectAll()
        .where('id', '=', await house.report())
        .executeTakeFirstOrThrow();
      const others = Array.from({ length: 200 }, (_, more) => ({
        ...row,
        id: `ORBIT-2026-${1000 + more}`,
        number: 1000 + more,
        thread_token: `${more}`,
        updated_at: row.updated_at + 1 + more,
      }));
      for (let start = 0; start < others.length; start += 10)
        await db
          .insertInto('cases')
          .values(others.slice(start, start + 10))
          .execute();
      expect(kindsOf(await look(...text(REPORT)))).toEqual([`text ${id}`]);
    });

    test('makes room for that, and forgets a report of which nobody has said anything', async () => {
      const memory = createMemory(110);
      const pieces = new Set<string>();
      const by: Recogniser = {
        pieces,
        isEmpty: () => false,
        know: async (texts) => memory.know(texts),
        learn: async (piece) => {
          pieces.add(piece.id);
          return memory.learn(piece);
        },
        forget: async (ids) => {
          for (const one of ids) pieces.delete(one);
          memory.forget(ids);
        },
        look: async (mails) => memory.look(mails),
        close: async () => {},
      };
      house = watching(house, { by });
      const id = await house.report({ text: REPORT });
      await house.report({ text: OTHER });
      expect(await look(...text(OTHER))).toHaveLength(1);
      await say(house, id, { ...KNOWN, summary: SECRET });
      expect(kindsOf(await look(...text(SECRET)))).toEqual([`text ${id}`]);
      expect(kindsOf(await look(...text(REPORT)))).toEqual([`text ${id}`]);
      expect(await look(...text(OTHER))).toEqual([]);
    });

    test('is what a duplicate says too, and it is told to those who lead the first one, until that is released', async () => {
      const id = await embargoed(house);
      const other = await house.report({ text: OTHER });
      const third = await house.report({ text: 'Another word for it.' });
      const [lena] = house.team;
      const asLena = { ...house, by: personOf(lena), role: 'team' } as const;
      await linkDuplicate(asLena, other, { of: third, text: null });
      await linkDuplicate(asLena, third, { of: id, text: null });
      expect(kindsOf(await look(...text(OTHER)))).toEqual([`text ${other}`]);
      const to = await anyDestination(house.db, house.identity.domain, LISTS.announce);
      const raw = mailOf(...head('eve@evil.example'), ...text(OTHER));
      const sent = receive(house, house.identity, to, { sender: 'eve@evil.example', receivedAt: house.clock.now(), raw });
      expect(await reasonOf(sent)).toBe('not-released');
      expect(await incidents.page(house.db, { limit: 9 })).toMatchObject([{ case_id: id, kind: 'text' }]);
      await house.db.updateTable('cases').set({ aside: 'public_already' }).where('id', '=', id).execute();
      expect(await look(...text(OTHER))).toEqual([]);
    });

    test('is strange to whoever knows of another case alone', async () => {
      const mine = await house.report({ text: 'Mine is another one.' });
      const other = await embargoed(house);
      const part = [mailOf(...head('rita@example.org'), ...text(SECRET))];
      expect((await strangeTo(house.watched, part, [mine])).map(({ caseId }) => caseId)).toEqual([other]);
      expect(await strangeTo(house.watched, part, [mine, other])).toEqual([]);
    });
  });

  test('where the thread is lost the mail is refused all the same, and the next one finds everything learned anew', async () => {
    const by = createRecogniser(1);
    house = watching(house, { by });
    const id = await embargoed(house);
    const part = [mailOf(...head('alpha@alpha.example'), ...text(SECRET))];
    await expect(house.watched.look(part)).rejects.toMatchObject({ reason: 'busy' });
    expect(by.pieces.size).toBe(0);
    await by.close();
    const again = createRecogniser();
    house = watching(house, { by: again });
    expect(kindsOf(await house.watched.look(part))).toEqual([`text ${id}`]);
    await again.close();
    expect(again.pieces.size).toBe(0);
    expect(kindsOf(await house.watched.look(part))).toEqual([`text ${id}`]);
    await again.close();
  });

  test('what is encrypted to the public list is opened and looked through', async () => {
    const id = await embargoed(house);
    const alpha = await makeParty('alpha@alpha.example');
    const letter = { from: alpha, to: LISTS.announce, subject: 'x', text: SECRET, at: house.clock.now() };
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.announce)], signer: alpha });
    const rig = await door(house);
    expect(await handOver(rig, raw, LISTS.announce)).toBe(REFUSED);
    expect(await incidents.page(house.db, { limit: 9 })).toMatchObject([
      { case_id: id, encrypted: 1, from_address: alpha.address },
    ]);
    await rig.server.close(0);
  });
});

describe('a memory that is full', () => {
  /** Words that nobody else has. */
  const prose = (mark: string, words: number) => Array.from({ length: words }, (_, at) => `${mark}${at.toString(36)}`).join(' ');
  const piece = (id: string, strange: boolean, text: string) => ({
    ...{ id, caseId: `ORBIT-2026-${id}`, strange, ids: [`CVE-2026-${id}`], texts: [text], mails: [], patches: [] },
  });
  const hitsOf = (memory: Memory, words: string) =>
    memory.look([mailOf(...text(words))]).map(({ caseId, kind, score }) => [caseId.slice(-4), kind, Math.round(100 * score)]);

  test('knows all that people look after, and the beginning of what strangers filled it with', () => {
    const memory = createMemory(2000);
    const flood = Array.from({ length: 40 }, (_, at) => prose(`f${at}x`, 900));
    const shortened = flood.flatMap((words, at) => memory.learn(piece(`${1000 + at}`, true, words)));
    expect(shortened).toContain('1000');
    const ours = prose('ours', 900);
    expect(memory.learn(piece('0001', false, ours))).not.toContain('0001');
    expect(hitsOf(memory, ours)).toEqual([['0001', 'text', 100]]);
    expect(hitsOf(memory, prose('f39x', 60))).toEqual(
      [['1039', 'text', 100]].map(([id, kind]) => [id, kind, expect.any(Number)]),
    );
  });

  test('knows each case by its ids, though there is no room for any text', () => {
    const memory = createMemory(0);
    expect(memory.learn(piece('0001', false, prose('ours', 90)))).toEqual(['0001']);
    expect(hitsOf(memory, prose('ours', 90))).toEqual([]);
    expect(hitsOf(memory, 'It is CVE-2026-0001.')).toEqual([['0001', 'id', 100]]);
  });
});
