import { beforeEach, describe, expect, test } from 'vitest';
import { parseMailboxes } from '../../src/mail/address.ts';
import { type Entity, entityText, fieldsNamed, fieldText, leaves, parseEntity } from '../../src/mail/message.ts';
import * as cases from '../../src/store/cases.ts';
import { outbox, type Sent } from '../delivery/outbox.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { openCopy, type Party } from '../support/party.ts';
import { arrive, letterOf, listCertificate, postOf } from './arrive.ts';

/** What a mail client has of a copy when its reader presses Reply. */
interface Read {
  /** Of the outside: what an answer names in In-Reply-To. */
  messageId: string;
  /** As the signature of the list covers it. */
  subject: string;
  replyTo: string;
  text: string;
}

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let caseId: string;
  let thread: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    caseId = await house.report();
    thread = `distributors+${caseId}.${(await cases.byId(house.db, caseId))?.thread_token}@orbit.example`;
    await outbox(house).drain();
  });

  const read = async (sent: readonly Sent[], reader: Party, list: string): Promise<Read> => {
    const raw = sent.find(({ to }) => to === reader.address)?.raw;
    if (!raw) throw new Error(`no copy for ${reader.address}`);
    const inside = parseEntity((await openCopy(raw, reader, listCertificate(house, list), house.clock.now())).entity);
    const field = (of: Entity, name: string) => fieldText(of, name) ?? '';
    return {
      messageId: fieldsNamed(parseEntity(raw), 'message-id')[0]?.value ?? '',
      subject: field(inside, 'subject'),
      replyTo: field(inside, 'reply-to'),
      text: leaves(inside).map(entityText).join('\n'),
    };
  };

  /** Encrypted to the list and signed, with To inside; the post, and the copies that went out. */
  const write = async (from: Party, to: string, list: string, change: { subject: string; headers?: string[] }) => {
    const sealing = { recipients: [listCertificate(house, list)], signer: from };
    const accepted = await arrive(house, await encryptedMail(letterOf(house, from, { to, ...change }), sealing), {
      to,
      sender: from.address,
    });
    return { ...accepted, post: await postOf(house, accepted), sent: await outbox(house).drain() };
  };

  const answer = (from: Party, to: string, list: string, { messageId, subject }: Read) =>
    write(from, to, list, {
      subject: `Re: ${subject}`,
      headers: [`In-Reply-To: ${messageId}`, `References: ${messageId}`],
    });

  const everybody = () => [...house.members, ...house.team].map(({ address }) => address).sort();

  test('what is written to the people behind a list stays among them, answered by From or by To', async () => {
    const [alpha] = house.members;
    const [lena] = house.team;
    const OWNER = 'distributors-owner@orbit.example';
    const { sent } = await write(alpha, OWNER, LISTS.distributors, { subject: 'We were breached' });
    const copy = await read(sent, lena, LISTS.distributors);
    const outside = parseEntity(sent[0]?.raw ?? Buffer.alloc(0));
    const addresses = ['from', 'to'].map((name) => parseMailboxes(fieldText(outside, name) ?? '')[0]?.address);
    expect([addresses, copy.replyTo]).toEqual([[OWNER, OWNER], '']);
    const answered = await answer(lena, OWNER, LISTS.distributors, copy);
    expect(answered.sent.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
  });

  describe('an answer of a member to a copy in the thread of a case', () => {
    let copy: Read;
    beforeEach(async () => {
      const [lena] = house.team;
      const { sent } = await write(lena, thread, LISTS.distributors, { subject: 'First look' });
      copy = await read(sent, house.members[0], LISTS.distributors);
      expect(copy).toMatchObject({ subject: `[${caseId}] First look`, replyTo: thread });
    });

    test.each<[string, (copy: Read) => string]>([
      ['to the Reply-To inside', ({ replyTo }) => replyTo],
      ["to the list's own address, as clients write it that do not see that", () => LISTS.distributors],
    ])('%s reaches the list and the team within the thread', async (_, to) => {
      const [alpha, beta] = house.members;
      const { post, held, sent } = await answer(alpha, to(copy), LISTS.distributors, copy);
      expect([post.case_id, post.kind, held]).toEqual([caseId, 'post', null]);
      expect(sent.map((mail) => mail.to).sort()).toEqual(everybody());
      const next = await read(sent, beta, LISTS.distributors);
      expect(next).toMatchObject({ subject: `Re: [${caseId}] First look`, replyTo: thread });
      expect(next.text).toContain(`| Case:      ${caseId}`);
      expect(next.text).toContain('| Signature: good, by alpha@alpha.example of Alpha');
      expect(next.messageId).not.toBe(copy.messageId);
    });

    test('is answered in the same thread again', async () => {
      const [alpha, beta] = house.members;
      const { sent } = await answer(alpha, copy.replyTo, LISTS.distributors, copy);
      const next = await read(sent, beta, LISTS.distributors);
      const { post, sent: last } = await answer(beta, LISTS.distributors, LISTS.distributors, next);
      expect(post.case_id).toBe(caseId);
      expect((await read(last, alpha, LISTS.distributors)).subject).toBe(`Re: Re: [${caseId}] First look`);
    });
  });

  test('a member who writes to the list alone, and answers nothing, is in no thread', async () => {
    const [alpha, beta] = house.members;
    const { post, sent } = await write(alpha, LISTS.distributors, LISTS.distributors, { subject: 'Another matter' });
    expect(post.case_id).toBeNull();
    expect(await read(sent, beta, LISTS.distributors)).toMatchObject({ subject: 'Another matter', replyTo: '' });
  });

  test("an answer of the team to a report is filed in its case, and opens none, though it comes to the list's own address", async () => {
    const [lena, dirk] = house.team;
    const second = await house.report({ subject: 'Another hole' });
    const copy = await read(await outbox(house).drain(), lena, LISTS.security);
    const { post, sent } = await answer(lena, LISTS.security, LISTS.security, copy);
    expect([post.case_id, post.kind]).toEqual([second, 'post']);
    expect(sent.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
    expect((await read(sent, dirk, LISTS.security)).subject).toBe(`Re: [${second}] Another hole`);
  });
});
