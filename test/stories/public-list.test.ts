import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { SECOND, systemClock } from '../../src/clock.ts';
import { signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { MEMBERS, openInstance, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { startSink } from '../support/sink.ts';
import { arm, counted, dispatch, mailsTo, openCase, REPORTER } from './embargo.ts';

const SUBJECT = 'CVE-2026-99001: a hole in orbit';
const PUBLIC = ['oss@public.example', 'press@press.example', 'reader@home.example'];

eachEngine((engine) => {
  test('the public list is shut until its instant, whoever asks in whatever way, and then opens by itself, once', async () => {
    const { db, config } = await engine.open();
    const sink = await startSink();
    const house = await openInstance({ relay: sink, database: config });
    try {
      await house.publish('reader@home.example');
      await house.publish('press@press.example');
      await house.publish('oss@public.example', 'external');
      const id = await openCase(house);
      const [lena] = await Promise.all([house.token(TEAM[0]), house.token(TEAM[1])]);
      const releaseAt = systemClock.now() + 6 * SECOND;
      await arm(house, id, { releaseAt, subject: SUBJECT });
      await dispatch(house, id);
      await house.settled();

      // SMTP: a member, and one of the team.
      for (const address of [MEMBERS[0], TEAM[0]]) {
        const from = await makeParty(address);
        const early = await signedMail({ from, to: LISTS.announce, subject: SUBJECT, text: 'It is out!\n' }, from);
        expect(await house.send(address, LISTS.announce, early)).toMatch(/^550 5\.7\.1 /);
      }
      // REST: the lead, and the admin.
      for (const token of [lena, house.adminToken])
        expect(await house.api(token, 'POST', `/cases/${id}/release-now`)).toMatchObject({
          status: 403,
          body: { code: 'not-released' },
        });
      // The database: what somebody writes by hand.
      const run = (statement: string) => sql.raw(statement).execute(db);
      const copy = (audience: string, address: string, messageId: string) =>
        run(`insert into deliveries (id, post_id, list_id, case_id, audience, address, message_id, state, priority, due_at, created_at)
          select '${messageId}', posts.id, lists.id, posts.case_id, '${audience}', '${address}', '<${messageId}@x>', 'queued', 0, 0, 0
          from posts, lists where posts.kind = 'draft' and lists.address = '${LISTS.announce}'`);
      const shut = /a public delivery needs a released case and its public post/;
      await expect(copy('public', 'reader@home.example', 'a')).rejects.toThrow(shut);
      await expect(copy('stranger', 'oss@public.example', 'b')).rejects.toThrow(/fixed words|a public delivery needs/);
      await expect(run(`update deliveries set audience = 'public', address = 'reader@home.example'`)).rejects.toThrow(shut);
      await expect(run(`update cases set state = 'released'`)).rejects.toThrow(/public post|cases_not_early|check/i);
      await expect(
        run(`update cases set state = 'released', released_at = ${systemClock.now()}, public_post_id = draft_post_id`),
      ).rejects.toThrow(/public post of its own|cases_not_early/);
      await expect(run(`update cases set state = 'released', released_at = release_at, release_at = 1`)).rejects.toThrow(
        /public post of its own|another bundle|nothing of what was approved/,
      );

      expect(systemClock.now(), 'all of that was before the instant').toBeLessThan(releaseAt);
      expect(PUBLIC.flatMap((address) => mailsTo(sink, address))).toEqual([]);
      await sink.waitFor(sink.mails.length + PUBLIC.length + MEMBERS.length + 1, releaseAt - systemClock.now() + 5 * SECOND);
      // Nothing more comes.
      await pause(500);
      await house.settled();
      const after = sink.mails.filter(({ at }) => at >= releaseAt);
      const once = [...PUBLIC, ...MEMBERS, REPORTER].sort().map((address) => [address, 1]);
      expect(counted(after)).toEqual(Object.fromEntries(once));
      for (const address of PUBLIC) {
        const [mail] = mailsTo(sink, address);
        const late = (mail?.at ?? 0) - releaseAt;
        expect(late, `${address} has it not before the instant`).toBeGreaterThanOrEqual(0);
        expect(late, `${address} has it within two seconds`).toBeLessThan(2 * SECOND);
        expect(mail?.raw.toString()).toContain(SUBJECT);
      }
      expect(await house.api(lena, 'POST', `/cases/${id}/release-now`)).toMatchObject({
        status: 409,
        body: { code: 'already-released' },
      });
    } finally {
      await house.close();
      await sink.close();
    }
  });
});
