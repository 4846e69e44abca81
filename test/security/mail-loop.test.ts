/**
 * Mail loops, auto-replies, vacation notes, mail with a List-Id of our own (RFC 3834, RFC 2919, RFC 5321 §6.3): refused where it is ours,
 * seen by the people behind the list where it is a program's answer, never distributed, and never answered.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fieldText } from '../../src/mail/message.ts';
import { outbox, type Sent } from '../delivery/outbox.ts';
import { arrive, everything, letterOf, listCertificate } from '../post/arrive.ts';
import type { Rig } from '../smtp/wire.ts';
import { clearMail, encryptedMail, signedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { blockOf, copyFor, door, handOver, outcomeOf, teamOf } from './attack.ts';

const ALPHA = 'alpha@alpha.example';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  let alpha: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rig = await door(house);
    [alpha] = house.members;
  });
  afterEach(() => rig.server.close(0));

  const post = async (headers: string[] = []) => {
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    return encryptedMail(letterOf(house, alpha, { to: LISTS.distributors, headers }), sealing);
  };

  test('every mail that Curfew sent is refused where it comes back, and the log has it', async () => {
    await arrive(house, await post(), { to: LISTS.distributors });
    await arrive(house, clearMail(letterOf(house, await makeParty('rita@example.org'))));
    const box = outbox(house);
    const sent: Sent[] = await box.drain();
    expect(sent.length).toBe(house.members.length + house.team.length + 1);
    const before = (await everything(house)).posts.length;
    for (const { raw } of sent) {
      for (const to of [LISTS.security, LISTS.distributors])
        expect(await handOver(rig, raw, to)).toMatch(/^554 5\.4\.6 This mail was here before/);
      expect(await outcomeOf(arrive(house, raw, { to: 'security-owner@orbit.example' }))).toBe('refused: mail-loop');
    }
    expect(rig.log.filter((line) => /"reason":"mail-loop"/.test(line)).length).toBe(2 * sent.length);
    expect((await everything(house)).posts).toHaveLength(before);
    expect(await box.drain()).toEqual([]);
  });

  test.each([
    ['a List-Id of ours', 'List-Id: "Distributors" <distributors.orbit.example>'],
    ['in another case, behind a comment', 'List-ID: (old) <Distributors.Orbit.Example>'],
    ['another list of ours', 'List-Id: <announce.orbit.example>'],
  ])('%s, whoever signed it: refused', async (_, field) => {
    expect(await outcomeOf(arrive(house, await post([field]), { to: LISTS.distributors, sender: alpha.address }))).toBe(
      'refused: mail-loop',
    );
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test('a mail that came through more than a hundred hosts', async () => {
    const hops = Array.from(
      { length: 101 },
      (_, at) => `Received: from h${at}.example by h${at + 1}.example; Tue, 1 Sep 2026 00:00:00 +0000`,
    );
    expect(await outcomeOf(arrive(house, await post(hops), { to: LISTS.distributors }))).toBe('refused: mail-loop');
    expect(await outcomeOf(arrive(house, await post(hops.slice(50)), { to: LISTS.distributors }))).toBe('taken');
  });

  test('what a program signed is told of as not looked at, and what it did not sign as that', async () => {
    const note = ['Auto-Submitted: auto-replied'];
    const told = async (raw: Buffer) => {
      await arrive(house, raw, { to: LISTS.distributors, sender: ALPHA });
      const [lena] = house.team;
      const copy = await copyFor(house, await outbox(house).drain(), lena);
      return [/^\S+ Signature: (.*?)\r?$/m.exec(blockOf(copy))?.[1], fieldText(copy, 'curfew-signature')];
    };
    const left = ['not looked at, as in all that a program sends: nobody is credited with it', 'unchecked'];
    expect(await told(await post(note))).toEqual(left);
    const letter = letterOf(house, alpha, { to: LISTS.distributors, headers: note });
    expect(await told(await signedMail(letter, alpha))).toEqual(left);
    expect(await told(clearMail(letter))).toEqual(['none', 'none']);
  });

  const automatic: [string, string[], string | null][] = [
    ['an auto-reply', ['Auto-Submitted: auto-replied'], ALPHA],
    ['a vacation note', ['X-Autoreply: yes', 'Precedence: bulk'], ALPHA],
    [
      'an answer of Exchange',
      ['X-Auto-Response-Suppress: All', 'X-MAPI-Message-Class: IPM.Note.Rules.OofTemplate.Microsoft'],
      ALPHA,
    ],
    ['a mail of nobody', [], null],
  ];

  test.each(automatic)(
    '%s, even signed by a member: to the team, to no member, and nobody answers it',
    async (_, headers, sender) => {
      for (const to of [LISTS.distributors, LISTS.security]) {
        const raw = to === LISTS.security ? clearMail(letterOf(house, alpha, { headers })) : await post(headers);
        await arrive(house, raw, { to, sender });
      }
      const { posts, copies } = await everything(house);
      expect(posts.map(({ kind, case_id }) => [kind, case_id])).toEqual(Array(2).fill(['owner', null]));
      expect([...new Set(copies.map(({ address }) => address))].sort()).toEqual(teamOf(house));
      const sent = await outbox(house).drain();
      expect([...new Set(sent.map(({ to, from }) => `${to} ${from}`))].sort()).toEqual(teamOf(house).map((to) => `${to} null`));
    },
  );
});
