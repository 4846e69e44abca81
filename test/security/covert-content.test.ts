/**
 * Ciphertext of somebody else hidden in a harmless mail, to have it decrypted and quoted (covert content attacks, EFAIL): no receipt,
 * refusal, answer, bounce or alarm quotes what was decrypted, and whoever wraps it gets no right of him who wrote it.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellTeam } from '../../src/delivery/tell.ts';
import { acceptPost, refusePost } from '../../src/post/moderate.ts';
import { outbox, silent } from '../delivery/outbox.ts';
import { arrive, CANARY, everything, letterOf, listCertificate } from '../post/arrive.ts';
import type { Rig } from '../smtp/wire.ts';
import { encryptedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { door, encrypted, handOver, head, mailOf, multipart, pgpMime, signed, teamOf, text } from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let rita: Party;
  let rig: Rig;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    rita = await makeParty('rita@example.org');
    rig = await door(house);
  });
  afterEach(() => rig.server.close(0));

  /** The report of another that Alpha, who is on the roster, has from the wire. */
  const stolen = (list: string, by?: Party) =>
    encrypted(house, `Content-Type: text/plain\r\n\r\n${CANARY}\r\nhelp\r\n`, list, by);

  const wrappings: [string, (message: Buffer, list: string) => Promise<string[]>][] = [
    ['as his own mail', async (message) => pgpMime(message)],
    ['under his signature', async (message) => signed(house, pgpMime(message), alpha)],
    ['below his words', async (message) => multipart('mixed', text('What is this?'), pgpMime(message))],
    ['below his signed words', async (message) => multipart('mixed', await signed(house, text('help'), alpha), pgpMime(message))],
    [
      'inside of his own encryption',
      async (message, list) => pgpMime(await encrypted(house, mailOf(...pgpMime(message)), list, alpha)),
    ],
  ];

  /** All that anybody but the team is sent, outside and inside. */
  async function told(): Promise<string> {
    const sent = (await outbox(house).drain()).filter(({ to }) => !teamOf(house).includes(to));
    const inside = sent.map(async ({ raw, to }) => {
      if (!raw.includes('BEGIN PGP MESSAGE')) return '';
      const { entity } = await openCopy(raw, await makeParty(to), undefined, house.clock.now());
      return entity.toString();
    });
    return [...sent.map(({ raw }) => raw.toString()), ...(await Promise.all(inside))].join('\n');
  }

  test.each(wrappings)('a report %s: the receipt, the refusal and the answer say nothing of it', async (_, wrap) => {
    const doors = ['security', 'security-request', 'security-owner', 'security-sendkey', 'distributors'];
    for (const [local, by] of [
      ...doors.map((one) => [one, undefined] as const),
      ...doors.slice(0, 2).map((one) => [one, rita] as const),
    ]) {
      const list = local === 'distributors' ? LISTS.distributors : LISTS.security;
      const raw = mailOf(...head(alpha.address), ...(await wrap(await stolen(list, by), list)));
      const reply = await handOver(rig, raw, `${local}@orbit.example`);
      expect(reply).not.toContain(CANARY);
      if (local.endsWith('request')) expect(reply).toMatch(/^550 5\.7\.1 Requests are signed/);
    }
    expect(await told()).not.toContain(CANARY);
    expect(rig.log.join('')).not.toContain(CANARY);
  });

  test('a post of another: the team alone sees it, and its refusal quotes nothing to who brought it', async () => {
    const message = await stolen(LISTS.distributors);
    const raw = mailOf(
      ...head(alpha.address),
      ...multipart('mixed', await signed(house, text('hello'), alpha), pgpMime(message)),
    );
    const { id, held } = await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
    expect(held).toBe('mixed');
    await refusePost(house, id, null, 'no');
    expect(await told()).not.toContain(CANARY);
    await expect(acceptPost(house, id, null)).rejects.toMatchObject({ reason: 'conflict' });
  });

  test('an alarm about a copy names no word of it, and a bounce that carries ciphertext is opened for nobody but the team', async () => {
    await house.db.deleteFrom('certificates').where('contact_id', '=', house.members[1].contactId).execute();
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const mail = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    await arrive(house, mail, { to: LISTS.distributors, sender: alpha.address });
    const bounce = multipart('report; report-type=delivery-status', text('gone'), pgpMime(await stolen(LISTS.security)));
    await arrive(house, mailOf(...head('mailer-daemon@evil.example'), ...bounce), { sender: null });
    const box = outbox(house);
    const sent = await box.drain();
    expect(sent.map(({ to }) => to).sort()).toEqual([alpha.address, ...teamOf(house)].sort());
    await tellTeam(house, silent);
    const alarms = await box.drain();
    expect(alarms.map(({ to }) => to).sort()).toEqual(teamOf(house));
    for (const { raw, to } of alarms) {
      const { entity } = await openCopy(raw, await makeParty(to), undefined, house.clock.now());
      expect(entity.toString()).toContain('no-certificate');
      expect(entity.toString()).not.toContain(CANARY);
    }
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'owner')).toMatchObject([{ encrypted: 0 }]);
  });
});
