import { beforeEach, describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { claim, staff } from '../../src/cases/people.ts';
import { stageOf } from '../../src/cases/state.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { fieldsNamed, fieldText, parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import type { Seams } from '../../src/seams.ts';
import { outbox, type Sent } from '../delivery/outbox.ts';
import { caseOf } from '../embargo/armed.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { arrive, letterOf, listCertificate, postOf } from './arrive.ts';
import { sealedReport } from './sealed-report.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let rita: Party;
  let id: string;
  let thread: string;
  let serial = 0;

  const threadOf = async (caseId: string, list: string = LISTS.security) =>
    threadAddress(list, caseId, (await caseOf(house, caseId)).thread_token);

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rita = await makeParty('rita@example.org');
    id = await sealedReport(house, rita);
    thread = await threadOf(id);
    await outbox(house).drain();
  });

  interface Writing extends Partial<Letter> {
    /** Where it is brought to; where it is written to, unless told. */
    brought?: string;
    list?: string;
  }

  /** Sealed and signed; gives the post and what went out. A second passes before. */
  const write = async (from: Party, to: string, { brought = to, list = LISTS.security, ...change }: Writing = {}) => {
    house.clock.moveTo(house.clock.now() + 1000);
    const letter = letterOf(house, from, { to, text: `Words ${++serial}.\n`, ...change });
    const raw = await encryptedMail(letter, { recipients: [listCertificate(house, list)], signer: from });
    const accepted = await arrive(house, raw, { to: brought, sender: from.address });
    return { ...accepted, post: await postOf(house, accepted), sent: await outbox(house).drain() };
  };
  const readersOf = (sent: readonly Sent[]) => sent.map(({ to }) => to).sort();
  const teamOf = () => house.team.map(({ address }) => address).sort();
  const read = async (sent: readonly Sent[], reader: Party, list: string = LISTS.security) => {
    const raw = sent.find(({ to }) => to === reader.address)?.raw;
    if (!raw) throw new Error(`no copy for ${reader.address}`);
    const inside = parseEntity((await openCopy(raw, reader, listCertificate(house, list), house.clock.now())).entity);
    return {
      messageId: fieldsNamed(parseEntity(raw), 'message-id')[0]?.value ?? '',
      replyTo: fieldText(inside, 'reply-to') ?? '',
      text: viewOf(inside).text,
    };
  };
  const as = ({ contactId, address }: Person): Seams => ({
    ...house,
    by: { type: 'person', id: contactId, name: address, via: null },
    role: 'team',
  });

  describe('what the team writes to the thread of a report', () => {
    test('goes to the reporter under his key, and to the team; his answer comes back, and both know who reads it', async () => {
      const [lena] = house.team;
      const { sent, post } = await write(lena, thread, { text: 'Which version is it?\n' });
      expect(readersOf(sent)).toEqual([...teamOf(), rita.address].sort());
      expect(post.to_reporter).toBe(1);
      for (const reader of [rita, ...house.team]) {
        const { text, replyTo } = await read(sent, reader);
        expect(text).toContain('Which version is it?');
        expect(text).toContain('Answers:   go to the reporter too');
        expect(text).toContain('Signature: good, by lena@orbit.example of Orbit');
        expect(replyTo).toBe(thread);
      }
      expect((await caseOf(house, id)).acknowledged_at).toBe(house.clock.now());
      const back = await write(rita, thread);
      expect(readersOf(back.sent)).toEqual(teamOf());
      expect((await read(back.sent, lena)).text).toContain('Answers:   go to the reporter too');
    });

    test('reaches him by the address that is written for a project of a long name, as does what he answers', async () => {
      house.identity.project = 'linux-distributions-of-orbit';
      const [lena] = house.team;
      const about = await sealedReport(house, rita);
      const short = await threadOf(about);
      expect(short).toMatch(/^security\+2026-\d{4}\.\w{26}@/);
      await outbox(house).drain();
      const { sent, post } = await write(lena, short);
      expect([readersOf(sent), post.case_id, post.to_reporter]).toEqual([[...teamOf(), rita.address].sort(), about, 1]);
      expect((await read(sent, rita)).replyTo).toBe(short);
      const back = await write(rita, short);
      expect([readersOf(back.sent), back.post.case_id, back.held]).toEqual([teamOf(), about, null]);
    });

    test('to the list itself stays within the team, and so does every answer to it', async () => {
      const [lena, dirk] = house.team;
      const first = await write(rita, thread);
      const { messageId } = await read(first.sent, lena);
      const inside = await write(lena, LISTS.security, { headers: [`In-Reply-To: ${messageId}`] });
      expect([readersOf(inside.sent), inside.post.case_id, inside.post.to_reporter]).toEqual([teamOf(), id, 0]);
      const copy = await read(inside.sent, dirk);
      expect(copy.text).toContain('Answers:   stay within the response team');
      expect(copy.replyTo).toBe('');
      const answer = await write(dirk, LISTS.security, { headers: [`In-Reply-To: ${copy.messageId}`] });
      expect([readersOf(answer.sent), answer.post.case_id]).toEqual([teamOf(), id]);
      expect((await caseOf(house, id)).acknowledged_at).toBeNull();
    });

    test('and was signed for the list alone does not reach him, whoever sends it on', async () => {
      const [lena] = house.team;
      const { sent, post } = await write(lena, LISTS.security, { brought: thread });
      expect([readersOf(sent), post.to_reporter]).toEqual([teamOf(), 0]);
    });

    test('and was signed for the thread of another report waits, and reaches neither reporter', async () => {
      const [lena] = house.team;
      const ron = await makeParty('ron@example.org');
      const other = await threadOf(await sealedReport(house, ron));
      await outbox(house).drain();
      const { sent, held, post } = await write(lena, other, { brought: thread });
      expect([held, post.to_reporter]).toEqual(['unaddressed', 0]);
      for (const reader of [rita, ron]) expect(readersOf(sent)).not.toContain(reader.address);
    });

    test('each reporter reads the words of his own thread alone', async () => {
      const [lena] = house.team;
      const ron = await makeParty('ron@example.org');
      const other = await sealedReport(house, ron);
      await outbox(house).drain();
      const toRon = await write(lena, await threadOf(other));
      expect(readersOf(toRon.sent)).toContain(ron.address);
      expect(readersOf(toRon.sent)).not.toContain(rita.address);
      const toRita = await write(lena, thread);
      expect(readersOf(toRita.sent)).not.toContain(ron.address);
    });

    test('is not sent in clear to who has no certificate, and the team reads so', async () => {
      const [lena] = house.team;
      const clear = await house.report({}, 'ron@example.org');
      await outbox(house).drain();
      const { sent, post } = await write(lena, await threadOf(clear));
      expect([readersOf(sent), post.to_reporter]).toEqual([teamOf(), 0]);
      expect((await read(sent, lena)).text).toContain('nothing can be encrypted to the reporter');
    });

    test('in the thread of the members does not reach the reporter', async () => {
      const [lena] = house.team;
      const [alpha] = house.members;
      const to = await threadOf(id, LISTS.distributors);
      for (const from of [lena, alpha]) {
        const { sent } = await write(from, to, { list: LISTS.distributors });
        expect(readersOf(sent)).not.toContain(rita.address);
        expect(readersOf(sent)).toContain(alpha.address);
      }
    });
  });

  test('the answer of the reporter ends the wait for it', async () => {
    const [lena] = house.team;
    await sendNotice(as(lena), id, 'needs-info', { text: 'Which version?', list: null });
    expect(stageOf(await caseOf(house, id))).toBe('needs_info');
    await write(lena, LISTS.security, { brought: thread });
    expect(stageOf(await caseOf(house, id))).toBe('needs_info');
    await write(rita, thread);
    expect(stageOf(await caseOf(house, id))).toBe('acknowledged');
  });

  test('of the team, those who work on a case read its threads, and who does not writes nothing to the reporter', async () => {
    const [lena, dirk, ada] = house.team;
    const [alpha, beta] = house.members;
    await claim(as(lena), id, {});
    await staff(as(lena), id, [dirk.contactId]);
    const both = [lena.address, dirk.address];
    expect(readersOf((await write(rita, thread)).sent)).toEqual([...both].sort());
    const members = await write(alpha, await threadOf(id, LISTS.distributors), { list: LISTS.distributors });
    expect(readersOf(members.sent)).toEqual([...both, alpha.address, beta.address].sort());
    const { sent, post } = await write(ada, thread);
    expect([readersOf(sent), post.to_reporter]).toEqual([[...both].sort(), 0]);
    expect(readersOf((await write(dirk, thread)).sent)).toEqual([...both, rita.address].sort());
  });
});
