import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { type Instant, SECOND, systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/store/database.ts';
import { KNOWN } from '../embargo/armed.ts';
import { signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS, openInstance, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { arm, counted, dispatch, mailsTo, openCase, REPORTER } from './embargo.ts';

const SUBJECT = 'CVE-2026-99001: a hole in orbit';
const PUBLIC = ['oss@public.example', 'press@press.example', 'reader@home.example'];

eachEngine((engine) => {
  test('the public list is shut until its instant, whoever asks in whatever way, and then opens by itself, once', async () => {
    const { db, config } = await engine.open();
    const sink = await startSink();
    const house = await openInstance({ relay: sink, database: config });
    try {
      const { id, releaseAt } = await embargoed(house);
      await shutBySmtp(house);
      await shutByRest(house, id);
      await shutByDatabase(db);
      expect(systemClock.now(), 'all of that was before the instant').toBeLessThan(releaseAt);
      expect(PUBLIC.flatMap((address) => mailsTo(sink, address))).toEqual([]);
      await opensOnce(house, sink, releaseAt);
      const again = await house.api(await house.token(TEAM[0]), 'POST', `/cases/${id}/release-now`);
      expect(again).toMatchObject({ status: 409, body: { code: 'already-released' } });
    } finally {
      await house.close();
      await sink.close();
    }
  });
});

/** A dispatched case that two people have approved. Its instant leaves room for twice what opening it took here and now. */
async function embargoed(house: Instance): Promise<{ id: string; releaseAt: Instant }> {
  for (const address of PUBLIC) await house.publish(address, address.startsWith('oss') ? 'external' : 'subscriber');
  const begun = systemClock.now();
  const id = await openCase(house);
  const opened = systemClock.now();
  const releaseAt = opened + 2 * (opened - begun) + 3 * SECOND;
  await arm(house, id, { releaseAt, subject: SUBJECT });
  await dispatch(house, id);
  await house.settled();
  return { id, releaseAt };
}

/** To a member, and to one of the team. */
async function shutBySmtp(house: Instance): Promise<void> {
  for (const address of [MEMBERS[0], TEAM[0]]) {
    const from = await makeParty(address);
    const early = await signedMail({ from, to: LISTS.announce, subject: SUBJECT, text: 'It is out!\n' }, from);
    expect(await house.send(address, LISTS.announce, early)).toMatch(/^550 5\.7\.1 /);
  }
}

/** To an approver, and to the admin. */
async function shutByRest(house: Instance, id: string): Promise<void> {
  for (const token of [await house.token(TEAM[0]), house.adminToken])
    expect(await house.api(token, 'POST', `/cases/${id}/release-now`)).toMatchObject({
      status: 403,
      body: { code: 'not-released' },
    });
}

/** To whoever writes into it by hand. */
async function shutByDatabase(db: Database): Promise<void> {
  const run = (statement: string) => sql.raw(statement).execute(db);
  const copy = (audience: string, address: string, messageId: string) =>
    run(`insert into deliveries (id, post_id, list_id, case_id, audience, address, message_id, state, priority, due_at, created_at)
      select '${messageId}', posts.id, lists.id, posts.case_id, '${audience}', '${address}', '<${messageId}@x>', 'queued', 0, 0, 0
      from posts, lists where posts.kind = 'draft' and lists.address = '${LISTS.announce}'`);
  const shut = /a public delivery needs a released case and its public post/;
  await expect(copy('public', 'reader@home.example', 'a')).rejects.toThrow(shut);
  await expect(copy('stranger', 'oss@public.example', 'b')).rejects.toThrow(/fixed words|a public delivery needs/);
  await expect(run(`update deliveries set audience = 'public', address = 'reader@home.example'`)).rejects.toThrow(shut);
  const release = (more: string) => run(`update cases set state = 'released'${more}`);
  const now = systemClock.now();
  await expect(release('')).rejects.toThrow(/public post|cases_not_early|check/i);
  await expect(release(`, released_at = ${now}, public_post_id = draft_post_id`)).rejects.toThrow(/public post of its own/);
  await expect(release(', released_at = release_at, release_at = 1')).rejects.toThrow(
    /public post of its own|another bundle|nothing of what was approved/,
  );
}

/** Everybody whom the release concerns has exactly one mail, the public within two seconds. */
async function opensOnce(house: Instance, sink: Sink, releaseAt: Instant): Promise<void> {
  const told = [...PUBLIC, ...MEMBERS, REPORTER].sort();
  await sink.waitFor(sink.mails.length + told.length, releaseAt - systemClock.now() + 5 * SECOND);
  // Whatever came a second time would come soon.
  await pause(500);
  await house.settled();
  const after = sink.mails.filter(({ at }) => at >= releaseAt);
  expect(counted(after)).toEqual(Object.fromEntries(told.map((address) => [address, 1])));
  for (const address of PUBLIC) {
    const [mail, ...more] = mailsTo(sink, address);
    const late = (mail?.at ?? 0) - releaseAt;
    expect(more).toEqual([]);
    expect(late, `${address} has it not before the instant`).toBeGreaterThanOrEqual(0);
    expect(late, `${address} has it within two seconds`).toBeLessThan(2 * SECOND);
    // External lists have a mail of their own, under the name of the project.
    expect(mail?.raw.toString()).toContain(address.startsWith('oss') ? `[orbit] ${KNOWN.cve}: ${KNOWN.title}` : SUBJECT);
  }
}
