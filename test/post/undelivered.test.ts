import { beforeEach, expect, test } from 'vitest';
import { parseEntity } from '../../src/mail/message.ts';
import { watchUndelivered } from '../../src/post/undelivered.ts';
import { bounce, posting, report } from '../delivery/bounced.ts';
import { headerOf, type Outbox, outbox, type Sent } from '../delivery/outbox.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { arrive, CANARY, letterOf, listCertificate } from './arrive.ts';
import { sealedReport } from './sealed-report.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let box: Outbox;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    box = outbox(house);
    [alpha, beta] = house.members;
  });

  const refusing = (...addresses: string[]) => {
    box.answers = ({ to }) =>
      addresses.includes(to)
        ? { state: 'failed', reason: 'rejected', response: `550 5.1.1 <${to}>` }
        : { state: 'delivered', response: '250' };
  };
  const team = () => house.team.map(({ address }) => address);
  /** The answers to him; whatever else goes out is left. */
  const told = async (who: Party): Promise<Sent[]> => {
    await watchUndelivered(house);
    return (await box.drain()).filter(({ to }) => to === who.address);
  };
  const inside = async (mail: Sent | undefined, who: Party) =>
    parseEntity((await openCopy(mail?.raw ?? Buffer.alloc(0), who, undefined, house.clock.now())).entity);

  test('a contact whose mail nobody else got is told once, in a report that names the list alone', async () => {
    refusing(beta.address, ...team());
    await posting(house, alpha);
    await box.drain();
    refusing();
    const [answer, ...more] = await told(alpha);
    expect(more).toEqual([]);
    expect(answer?.from).toBeNull();
    expect(headerOf(answer?.raw ?? Buffer.alloc(0))).toContain('Auto-Submitted: auto-replied');
    const opened = await inside(answer, alpha);
    expect(opened.mediaType).toBe('multipart/report');
    const words = Buffer.from(opened.body).toString();
    expect(words).toContain(`Final-Recipient: rfc822; ${LISTS.distributors}\r\nAction: failed\r\nStatus: 5.0.0`);
    for (const secret of [beta.address, ...team(), CANARY, '5.1.1']) expect(words).not.toContain(secret);
    expect(await told(alpha)).toEqual([]);
  });

  test('where one of them got it, or may yet, he is not told; when that one comes back, he is', async () => {
    refusing(...team());
    await posting(house, alpha);
    const copy = (await box.drain()).find(({ to }) => to === beta.address);
    refusing();
    expect(await told(alpha)).toEqual([]);
    await bounce(house, copy, { status: '5.1.1' });
    expect(await told(alpha)).toHaveLength(1);
  });

  test('the reporter whose certificate signed it is told; who proved nothing is not', async () => {
    const rita = await makeParty('rita@example.org');
    refusing(...team());
    await sealedReport(house, rita);
    await box.drain();
    expect(await told(rita)).toHaveLength(1);
    const eve = await makeParty('eve@example.org');
    await arrive(house, clearMail(letterOf(house, eve)), { sender: eve.address });
    await box.drain();
    expect(await told(eve)).toEqual([]);
  });

  test('whoever of the team is told of each copy is told no more', async () => {
    const [lena] = house.team;
    refusing(...team());
    const sealing = { recipients: [listCertificate(house, LISTS.security)], signer: lena };
    await arrive(house, await encryptedMail(letterOf(house, lena), sealing), { sender: lena.address });
    await box.drain();
    refusing();
    await watchUndelivered(house);
    expect(await house.db.selectFrom('undelivered_told').selectAll().execute()).toEqual([]);
  });

  test('a report on that report goes to the team, and is answered by nobody: so there is no loop', async () => {
    refusing(beta.address, ...team());
    await posting(house, alpha);
    await box.drain();
    expect(await told(alpha)).toHaveLength(1);
    refusing();
    const back = (to: string) => arrive(house, report({ status: '5.1.1' }), { to, sender: null });
    await expect(back('distributors-request@orbit.example')).rejects.toMatchObject({ reason: 'request-unsigned' });
    for (const to of [LISTS.distributors, 'distributors-owner@orbit.example'])
      expect(await back(to)).toMatchObject({ caseId: null });
    const all = async () => {
      await watchUndelivered(house);
      return box.drain();
    };
    const sent = [...(await all()), ...(await all())];
    expect(sent.length).toBeGreaterThan(0);
    for (const { from, to } of sent) expect([from, team().includes(to)]).toEqual([null, true]);
    expect(await all()).toEqual([]);
    expect(await house.db.selectFrom('undelivered_told').selectAll().execute()).toHaveLength(1);
  });
});
