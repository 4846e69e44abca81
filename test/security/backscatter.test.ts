/**
 * Backscatter, and forged bounces that would silence a member (RFC 3464, RFC 3834 §2): a refusal is said in the session or to whoever
 * signed, never mailed to an address that proved nothing; a bounce counts for the one copy whose token it has, and removes nobody.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { refusePost } from '../../src/post/moderate.ts';
import * as acknowledgements from '../../src/store/acknowledgements.ts';
import * as cameBack from '../../src/store/came-back.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as health from '../../src/store/health.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, CANARY, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { dial, type Rig } from '../smtp/wire.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import {
  door,
  encrypted,
  handOver,
  head,
  mailOf,
  membersOf,
  multipart,
  outcomeOf,
  pgpMime,
  signed,
  teamOf,
  text,
} from './attack.ts';

const VICTIM = 'victim@elsewhere.example';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rig = await door(house);
    [alpha, beta] = house.members;
  });
  afterEach(() => rig.server.close(0));

  const post = async (at = house.clock.now()) => {
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors, at }), sealing);
    return arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
  };

  test('whatever is refused is refused in the session, and nobody is mailed', async () => {
    const eve = await makeParty('eve@evil.example');
    const refused: [string, string[]][] = [
      [LISTS.distributors, text(CANARY)],
      [LISTS.distributors, await signed(house, text(CANARY), eve)],
      [LISTS.security, pgpMime(await encrypted(house, 'x', LISTS.distributors))],
      ['distributors-request@orbit.example', text('help')],
      [LISTS.security, ['Content-Type: application/pkcs7-mime; smime-type=enveloped-data', '', 'MIIB']],
      [LISTS.security, ['From: other@evil.example', ...text('x')]],
    ];
    for (const [to, lines] of refused) expect(await handOver(rig, mailOf(...head(VICTIM), ...lines), to)).toMatch(/^55\d 5\./);
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
    expect(await outbox(house).drain()).toEqual([]);
  });

  test('an address that proved nothing gets one receipt and one key a day, without a word of the mail', async () => {
    for (let mails = 0; mails < 5; mails++) {
      const words = (to: string) => mailOf(...head(`"${CANARY}" <${VICTIM}>`, `To: ${to}`), ...text(`${CANARY} ${mails}`));
      for (const to of [LISTS.security, 'security-sendkey@orbit.example', 'security-owner@orbit.example'])
        await arrive(house, words(to), { to, sender: VICTIM });
    }
    const sent = (await outbox(house).drain()).filter(({ to }) => to === VICTIM);
    expect(sent).toHaveLength(2);
    for (const { from, raw } of sent) {
      expect(from).toBeNull();
      expect(raw.toString()).toContain('Auto-Submitted: auto-replied');
      expect(raw.toString()).not.toContain(CANARY);
    }
  });

  test('a person’s refusal goes to the contact who signed, and to no one who did not', async () => {
    const mixture = async (at: number) =>
      mailOf(...head(VICTIM), ...multipart('mixed', text(`words ${at}`), await signed(house, text('x'), alpha)));
    const { id, held } = await arrive(house, await mixture(1), { to: LISTS.distributors, sender: VICTIM });
    expect(held).toBe('mixed');
    await refusePost(house, id, null, 'no');
    expect((await outbox(house).drain()).map(({ to }) => to).filter((to) => !teamOf(house).includes(to))).toEqual([]);
  });

  const report = (recipient: string) =>
    mailOf(
      ...head('MAILER-DAEMON@evil.example'),
      ...multipart(
        'report; report-type=delivery-status',
        text('No such user.'),
        text(
          `Reporting-MTA: dns; evil.example\r\n\r\nFinal-Recipient: rfc822; ${recipient}\r\nAction: failed\r\nStatus: 5.1.1`,
          'message/delivery-status',
        ),
      ),
    );
  const states = async () => (await deliveries.page(house.db, { limit: 99 })).map(({ state }) => state);

  test('a forged bounce settles no copy: a token that is not ours is no address, and words alone are for people', async () => {
    await post();
    const box = outbox(house);
    const copy = (await box.drain()).find(({ to }) => to === beta.address);
    const [local = '', domain = ''] = (copy?.from ?? '').split('@');
    const flip = (token: string, at: number) => token.slice(0, at) + (token[at] === 'a' ? 'b' : 'a') + token.slice(at + 1);
    const wire = await dial(rig.port);
    await wire.reply();
    await wire.ask('EHLO client.example');
    await wire.ask('MAIL FROM:<>');
    const forged = [
      flip(local, local.length - 1),
      flip(local, local.length - 11),
      local.slice(0, -1),
      `${local}a`,
      local.slice(0, -10),
    ];
    for (const token of forged) expect(await wire.ask(`RCPT TO:<${token}@${domain}>`), token).toMatch(/^550 5\.1\.1/);
    wire.destroy();
    for (const to of [LISTS.distributors, LISTS.security, 'distributors-owner@orbit.example'])
      await arrive(house, report(beta.address), { to, sender: null });
    const mine = (await deliveries.page(house.db, { limit: 99 })).filter(({ address }) => membersOf(house).includes(address));
    expect(mine.map(({ state }) => state)).toEqual(['delivered', 'delivered']);
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'owner').length).toBe(3);
  });

  test('a bounce with a token that is ours fails that one copy; the member stays, and has the next mail', async () => {
    await post();
    const box = outbox(house);
    const copy = (await box.drain()).find(({ to }) => to === beta.address);
    expect(await handOver(rig, report(beta.address), copy?.from ?? '')).toMatch(/^250 /);
    const failed = (await deliveries.page(house.db, { limit: 99, state: 'failed' })).map(({ address, reason }) => [
      address,
      reason,
    ]);
    expect(failed).toEqual([[beta.address, 'bounced']]);
    expect((await states()).filter((state) => state === 'failed')).toHaveLength(1);
    expect((await contacts.activeOfList(house.db, 'distributors')).map(({ id }) => id)).toContain(beta.contactId);
    house.clock.moveTo(house.clock.now() + DAY);
    await post();
    expect((await box.drain()).map(({ to }) => to)).toContain(beta.address);
  });

  test('of what comes to one copy a handful of each sort is kept, and no sort keeps out another', async () => {
    await post();
    const copy = (await outbox(house).drain()).find(({ to }) => to === beta.address);
    const said = (action: string, round: number) =>
      Buffer.from(
        report(beta.address).toString().replace('Action: failed', `Action: ${action}\r\nRemote-MTA: dns; mx${round}.example`),
      );
    const send = (action: string, round: number) =>
      outcomeOf(arrive(house, said(action, round), { to: copy?.from ?? '', sender: null }));
    const outcomes: string[] = [];
    for (let round = 0; round < 25; round++) outcomes.push(await send('delayed', round));
    expect(outcomes.filter((outcome) => outcome === 'refused: came-often')).toHaveLength(5);
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'bounce')).toHaveLength(20);
    const lines = (await house.db.selectFrom('audit').select('action').where('action', '=', 'delivery.answer').execute()).length;
    expect(lines).toBe(20);
    expect(await states()).not.toContain('failed');
    expect(await send('failed', 0)).not.toMatch(/refused/);
    expect(await states()).toContain('failed');
  });

  test('a bounce of what its reader has acknowledged is kept, and changes nothing', async () => {
    await post();
    const copy = (await outbox(house).drain()).find(({ to }) => to === beta.address);
    const [mine] = (await deliveries.page(house.db, { limit: 99 })).filter(({ address }) => address === beta.address);
    const says = { contactId: beta.contactId, status: 'acknowledged', now: house.clock.now() } as const;
    await acknowledgements.note(house.db, [mine?.post_id ?? ''], says);
    await arrive(house, report(beta.address), { to: copy?.from ?? '', sender: null });
    expect(await deliveries.byId(house.db, mine?.id ?? '')).toMatchObject({ state: 'delivered', bounced_at: null });
    expect(await cameBack.ofCopy(house.db, mine?.id ?? '')).toMatchObject([{ what: 'failed' }]);
    expect((await health.ofContacts(house.db, [beta.contactId])).get(beta.contactId)).toMatchObject({ hard_count: 0 });
  });

  test('a person’s words to such an address fail nothing', async () => {
    await post();
    const box = outbox(house);
    const copy = (await box.drain()).find(({ to }) => to === beta.address);
    await arrive(house, clearMail(letterOf(house, beta)), { to: copy?.from ?? '', sender: beta.address });
    expect(await states()).not.toContain('failed');
  });
});
