import { expect, test } from 'vitest';
import { MINUTE, toIso } from '../../src/clock.ts';
import { bounceSenders } from '../../src/delivery/bounce.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive } from '../post/arrive.ts';
import { holdPost } from '../post/hold.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { unguarded } from '../support/unguarded.ts';
import { serving } from './api.ts';

interface Copy {
  id: string;
  address: string;
}

eachEngine((engine) => {
  const serve = serving();

  test('copies are found by case, post, state and audience, in pages', async () => {
    const api = await serve(await engine.open());
    const auditor = await api.house.token('auditor');
    const [first, second] = [await api.house.report(), await api.house.report({ text: 'Another.\n' })];
    const list = async (query: string) => (await api.ask(auditor, `GET /api/v1/deliveries?${query}`)).body;
    const everybody = ['ada@orbit.example', 'dirk@orbit.example', 'lena@orbit.example'];
    const { items } = await list(`caseId=${first}&audience=contact`);
    expect(items.map(({ address }: Copy) => address).sort()).toEqual(everybody);
    expect((await list(`postId=${items[0].postId}`)).items).toHaveLength(3);
    expect((await list('state=delivered')).items).toEqual([]);
    const ofCase = await api.ask(auditor, `GET /api/v1/cases/${second}/deliveries?limit=2`);
    const rest = await api.ask(auditor, `GET /api/v1/cases/${second}/deliveries?limit=2&cursor=${ofCase.body.next}`);
    const ids = [...ofCase.body.items, ...rest.body.items].map(({ id }: Copy) => id);
    expect(ids).toEqual((await list(`caseId=${second}`)).items.map(({ id }: Copy) => id));
    expect(await api.ask(auditor, `GET /api/v1/deliveries/${ids[0]}`)).toMatchObject({ status: 200, body: { state: 'queued' } });
    const posts = (await api.ask(auditor, `GET /api/v1/posts?caseId=${first}`)).body.items;
    expect(posts.map(({ kind }: { kind: string }) => kind)).toContain('report');
    expect((await api.ask(auditor, `GET /api/v1/posts/${items[0].postId}`)).body).toMatchObject({
      encrypted: true,
      caseId: first,
    });
    for (const path of ['deliveries/none', 'posts/none', 'cases/none/deliveries'])
      expect(await api.ask(auditor, `GET /api/v1/${path}`)).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  test('a copy is shown with what came to its address, to whoever may know of its case', async () => {
    const api = await serve(await engine.open());
    const auditor = await api.house.token('auditor');
    await api.house.report();
    const { db } = api.house;
    const [copy] = await deliveries.page(db, { limit: 1, audience: 'contact' });
    const { id = '' } = copy ?? {};
    const shown = async () => (await api.ask(auditor, `GET /api/v1/deliveries/${id}`)).body.cameBack;
    expect(await shown()).toEqual([]);
    const to = (await bounceSenders(db))(LISTS.security, id);
    const report = (lines: string) => Buffer.from(`From: a@b.example\r\n${lines}\r\n`);
    const delayed =
      'Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: delayed\r\nStatus: 4.4.1';
    const first = await arrive(api.house, report(delayed), { to, sender: null });
    api.house.clock.moveTo(NOW + MINUTE);
    const second = await arrive(api.house, report('Auto-Submitted: auto-replied\r\n\r\nAway.'), { to, sender: null });
    expect(await shown()).toEqual([
      { postId: first.id, at: toIso(NOW), what: 'delayed', words: '4.4.1' },
      { postId: second.id, at: toIso(NOW + MINUTE), what: 'auto-reply', words: null },
    ]);
  });

  test('a copy is shown with its attempts, and what the relay said to each', async () => {
    const api = await serve(await engine.open());
    const auditor = await api.house.token('auditor');
    await api.house.report();
    const box = outbox(api.house);
    box.answers = () => ({ state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' });
    await box.drain();
    const [copy] = await deliveries.page(api.house.db, { limit: 1, audience: 'contact' });
    const shown = async () => (await api.ask(auditor, `GET /api/v1/deliveries/${copy?.id}`)).body;
    const first = { number: 1, at: toIso(NOW), state: 'deferred', reason: 'try-later', response: '451 4.2.0 later' };
    expect(await shown()).toMatchObject({ state: 'deferred', tried: [first] });
    api.house.clock.moveTo(NOW + 2 * MINUTE);
    box.answers = () => ({ state: 'delivered', response: '250 2.0.0 taken' });
    await box.drain();
    const second = { number: 2, at: toIso(NOW + 2 * MINUTE), state: 'delivered', reason: null, response: '250 2.0.0 taken' };
    expect(await shown()).toMatchObject({ state: 'delivered', tried: [first, second] });
  });

  test('a held copy is sent now, and one that waits anyway is left alone', async () => {
    const api = await serve(await engine.open());
    const team = await api.house.token('team');
    await api.house.report();
    const lease = { id: 'here', until: NOW + MINUTE };
    const [copy] = await deliveries.lease(api.house.db, lease, NOW, { copies: 1 });
    const id = copy?.id ?? '';
    const retry = () => api.ask(team, `POST /api/v1/deliveries/${id}/retry`);
    expect(await retry()).toMatchObject({ status: 409, body: { code: 'conflict', detail: expect.stringContaining('leased') } });
    const held = { state: 'held', reason: 'expired', response: null } as const;
    await deliveries.settle(api.house.db, [{ id, lease: 'here', settlement: held }], NOW);
    expect(await retry()).toMatchObject({ status: 200, body: { state: 'queued', reason: null } });
    expect(api.rung.deliveries).toBe(1);
    expect(await retry()).toMatchObject({ status: 409 });
  });

  test('a copy is held by a person, sent again, and dropped for good; each is in the log', async () => {
    const api = await serve(await engine.open());
    const [team, auditor] = [await api.house.token('team'), await api.house.token('auditor')];
    await api.house.report();
    const [{ id }] = (await api.ask(auditor, `GET /api/v1/deliveries?list=${LISTS.security}&audience=contact`)).body.items;
    const ask = (verb: string, token = team) =>
      api.ask(token, `POST /api/v1/deliveries/${id}/${verb}`, { body: verb === 'retry' ? undefined : { reason: 'wrong list' } });
    expect(await ask('hold', auditor)).toMatchObject({ status: 403 });
    expect(await ask('drop')).toMatchObject({ status: 409, body: { detail: expect.stringContaining('The copy is queued') } });
    expect(await ask('hold')).toMatchObject({ status: 200, body: { state: 'held', reason: 'withheld' } });
    expect(await ask('hold')).toMatchObject({ status: 409, body: { detail: expect.stringContaining('The copy is held') } });
    expect(await ask('retry')).toMatchObject({ status: 200, body: { state: 'queued', reason: null } });
    await ask('hold');
    const why = await api.ask(team, `POST /api/v1/deliveries/${id}/retry`, { body: { reason: 'it was the right one' } });
    expect(why).toMatchObject({ status: 200, body: { state: 'queued' } });
    await ask('hold');
    expect(await ask('drop')).toMatchObject({ status: 200, body: { state: 'failed', reason: 'dropped' } });
    for (const verb of ['hold', 'drop', 'retry']) expect(await ask(verb), verb).toMatchObject({ status: 409 });
    // Whoever did it knows it: no alarm is sent.
    expect(await deliveries.untold(api.house.db, 9)).toEqual([]);
    const { items } = (await api.ask(auditor, `GET /api/v1/audit?subject=delivery:${id}`)).body;
    expect(items.map(({ action, detail }: { action: string; detail: object }) => [action, detail])).toEqual([
      ['delivery.drop', { from: 'held', reason: 'wrong list' }],
      ['delivery.hold', { from: 'queued', reason: 'wrong list' }],
      ['delivery.retry', { from: 'held', reason: 'it was the right one' }],
      ['delivery.hold', { from: 'queued', reason: 'wrong list' }],
      ['delivery.retry', { from: 'held' }],
      ['delivery.hold', { from: 'queued', reason: 'wrong list' }],
    ]);
  });

  test('with many copies is done what is done with one, by the same rules, and what is refused of one keeps no other', async () => {
    const api = await serve(await engine.open());
    const [team, auditor] = [await api.house.token('team'), await api.house.token('auditor')];
    const { db } = api.house;
    await api.house.report();
    const found = async (query: string): Promise<Copy[]> =>
      (await api.ask(auditor, `GET /api/v1/deliveries?${query}`)).body.items;
    const [one = '', other = '', released = ''] = (await found('audience=contact')).map(({ id }) => id);
    await unguarded(db, (trx) =>
      trx.updateTable('deliveries').set({ audience: 'public', contact_id: null }).where('id', '=', released).execute(),
    );
    const all = [one, 'none', released, other];
    const ask = (verb: string, ids: string[], token = team) =>
      api.ask(token, `POST /api/v1/deliveries/${verb}`, { body: { ids, ...(verb === 'retry' ? {} : { reason: 'wrong list' }) } });
    expect(await ask('hold', all, auditor)).toMatchObject({ status: 403 });
    const held = await ask('hold', all);
    expect(held).toMatchObject({ status: 200 });
    expect(held.body.done.toSorted()).toEqual([one, other].sort());
    expect(held.body.refused).toEqual([
      { id: 'none', code: 'not-found', detail: 'There is no delivery none' },
      { id: released, code: 'conflict', detail: expect.stringContaining('copy of a release') },
    ]);
    expect((await found('state=held&reason=withheld')).map(({ id }) => id).sort()).toEqual([one, other].sort());
    expect(await found('reason=expired')).toEqual([]);
    expect((await ask('retry', [one])).body).toEqual({ done: [one], refused: [] });
    expect(api.rung.deliveries).toBe(1);
    const dropped = await ask('drop', all);
    expect(dropped.body.done).toEqual([other]);
    expect(dropped.body.refused.map(({ id }: Copy) => id).sort()).toEqual(['none', one, released].sort());
    expect(await deliveries.byId(db, other)).toMatchObject({ state: 'failed', reason: 'dropped' });
    const { items } = (await api.ask(auditor, `GET /api/v1/audit?subject=delivery:${other}`)).body;
    expect(items.map(({ action, detail }: { action: string; detail: object }) => [action, detail])).toEqual([
      ['delivery.drop', { from: 'held', reason: 'wrong list' }],
      ['delivery.hold', { from: 'queued', reason: 'wrong list' }],
    ]);
    for (const ids of [[], [one, one], Array.from({ length: 101 }, (_, index) => `${index}`)])
      expect((await ask('retry', ids)).status).toBe(422);
  });

  test('a reason that cannot be taken is refused with what was wrong and what it must be', async () => {
    const api = await serve(await engine.open());
    const team = await api.house.token('team');
    const allowed = 'must be one line of 1 to 500 characters that says why';
    const faults: [unknown, string][] = [
      ['', `reason is ""; ${allowed}`],
      ['a\nb', `reason is "a\\nb"; ${allowed}`],
      [5, `reason is 5; ${allowed}`],
      ['x'.repeat(501), `reason is a text of 501 characters; ${allowed}`],
    ];
    for (const verb of ['retry', 'hold', 'drop'])
      for (const path of [`none/${verb}`, verb])
        for (const [reason, detail] of faults) {
          const body = { reason, ...(path === verb ? { ids: ['none'] } : {}) };
          expect(await api.ask(team, `POST /api/v1/deliveries/${path}`, { body })).toMatchObject({
            status: 422,
            body: { detail },
          });
        }
    const ask = async (verb: string, body?: unknown) =>
      (await api.ask(team, `POST /api/v1/deliveries/none/${verb}`, { body })).body.detail;
    expect(await ask('hold', {})).toBe(`reason is missing; ${allowed}`);
    expect(await ask('drop')).toBe('the body is null; must be an object with reason');
    expect(await ask('retry', { raeson: 'x' })).toBe('raeson is no option; did you mean "reason"?');
    expect(await ask('retry', 'x')).toBe('the body is "x"; must be an object with reason');
    expect(await ask('retry')).toBe('There is no delivery none');
  });

  test('a copy that is going out is not held, and one that a person holds is leased by nobody', async () => {
    const api = await serve(await engine.open());
    const team = await api.house.token('team');
    await api.house.report();
    const lease = { id: 'here', until: NOW + MINUTE };
    const [copy] = await deliveries.lease(api.house.db, lease, NOW, { copies: 1 });
    const ask = (id: string, verb: string) => api.ask(team, `POST /api/v1/deliveries/${id}/${verb}`, { body: { reason: 'no' } });
    for (const verb of ['hold', 'drop'])
      expect(await ask(copy?.id ?? '', verb)).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('The copy is leased') },
      });
    const waiting = (await deliveries.page(api.house.db, { limit: 99, state: 'queued' })).map(({ id }) => id);
    const [answers, leased] = await Promise.all([
      Promise.all(waiting.map((id) => ask(id, 'hold'))),
      deliveries.lease(api.house.db, { ...lease, id: 'there' }, NOW, { copies: 99 }),
    ]);
    const held = waiting.filter((_, at) => answers[at]?.status === 200);
    const taken = leased.map(({ id }) => id);
    expect(held.filter((id) => taken.includes(id))).toEqual([]);
    for (const id of held) expect(await deliveries.byId(api.house.db, id)).toMatchObject({ state: 'held', lease: null });
  });

  test('what a list takes is changed by an admin, one thing at a time', async () => {
    const api = await serve(await engine.open());
    const [admin, team] = [await api.house.token('admin'), await api.house.token('team')];
    const path = 'PATCH /api/v1/lists/distributors';
    expect(await api.ask(team, path, { body: { moderated: true } })).toMatchObject({ status: 403 });
    const unfit = await api.ask(admin, path, { body: { subjectPrefix: '[distros]' } });
    expect(unfit.body).toMatchObject({ detail: expect.stringContaining('must be 1 to 50 characters before the subject') });
    const wish = { moderated: true, largest: 1000, fileNames: '*.patch', subjectPrefix: 'distros', footer: 'Tell nobody.' };
    expect(await api.ask(admin, path, { body: wish })).toMatchObject({
      status: 200,
      body: { ...wish, membersOnly: true, encryptedOnly: false },
    });
    expect(await api.ask(admin, path, { body: { largest: null } })).toMatchObject({
      status: 200,
      body: { moderated: true, largest: null },
    });
    for (const wrong of [{}, { moderated: 'yes' }, { role: 'public' }, { subjectPrefix: 'a]' }])
      expect((await api.ask(admin, path, { body: wrong })).status).toBeGreaterThanOrEqual(400);
    expect(await api.ask(admin, path, { body: { membersOnly: false } })).toMatchObject({ status: 422 });
    expect((await api.ask(admin, 'GET /api/v1/lists/distributors')).body).toMatchObject({ subjectPrefix: 'distros' });
  });

  test('a held post is found, and decided on by the team', async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    const lena = await house.token('team', 'lena@orbit.example');
    const [first, second] = [await holdPost(house), await holdPost(house)];
    const held = (await api.ask(lena, 'GET /api/v1/posts?state=held')).body.items;
    expect(held.map(({ id, holdReason }: { id: string; holdReason: string }) => [id, holdReason])).toEqual([
      [second, 'unaddressed'],
      [first, 'unaddressed'],
    ]);
    expect(await api.ask(await house.token('auditor'), `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 403 });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 200, body: { copies: 2 } });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/approve`)).toMatchObject({ status: 409 });
    expect(await api.ask(lena, `POST /api/v1/posts/${second}/refuse`, { body: { reason: 'no' } })).toMatchObject({
      status: 200,
      body: { state: 'refused', decidedBy: house.team[0].contactId, contacts: 0, reporter: false },
    });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/hold`)).toMatchObject({
      status: 200,
      body: { stopped: 5, delivered: 0, underWay: 0 },
    });
    expect(await api.ask(lena, `POST /api/v1/posts/${first}/hold`)).toMatchObject({ status: 409 });
    expect(await api.ask(lena, 'POST /api/v1/posts/none/refuse', { body: {} })).toMatchObject({ status: 404 });
  });
});
