import { expect, test } from 'vitest';
import { DAY, MINUTE, toIso } from '../../src/clock.ts';
import { MOST_REQUESTS } from '../../src/http/auth.ts';
import { issueToken, revokeToken } from '../../src/roster/tokens.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();
  const start = async () => serve(await engine.open());

  test('without a token the answer says what is needed', async () => {
    const api = await start();
    const answer = await api.ask(null, 'GET /api/v1/cases');
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="curfew"');
  });

  test('unknown, malformed, expired and revoked tokens are refused alike', async () => {
    const api = await start();
    const make = (name: string) => issueToken(api.house, { name, role: 'admin', person: null, days: 1 });
    const [revoked, expiring] = [await make('revoked'), await make('expiring')];
    await revokeToken(api.house, revoked.id);
    expect((await api.ask(expiring.token, 'GET /api/v1/cases')).status).toBe(200);
    api.house.clock.moveTo(NOW + DAY);
    const answers = [];
    for (const token of [revoked.token, expiring.token, `curfew_${'0'.repeat(52)}`, 'x y', expiring.token.toUpperCase()])
      answers.push(await api.ask(token, 'GET /api/v1/cases'));
    answers.push(await api.ask(null, 'GET /api/v1/cases', { headers: { authorization: `Basic ${expiring.token}` } }));
    for (const { status, body, headers } of answers) {
      expect([status, body.code, body.detail]).toEqual([401, 'unauthenticated', undefined]);
      expect(headers.get('www-authenticate')).toBe('Bearer realm="curfew", error="invalid_token"');
    }
  });

  test('who fails too often is slowed down, and a valid token from the same address is not', async () => {
    const api = await start();
    const token = await api.house.token('auditor');
    for (let i = 0; i < 10; i++) expect((await api.ask('wrong', 'GET /api/v1/cases')).status).toBe(401);
    const answer = await api.ask('wrong', 'GET /api/v1/cases');
    expect(answer).toMatchObject({ status: 429, body: { code: 'too-many-attempts' } });
    expect(answer.headers.get('retry-after')).toBe('60');
    expect((await api.ask(token, 'GET /api/v1/cases')).status).toBe(200);
    api.house.clock.moveTo(NOW + MINUTE);
    expect((await api.ask('wrong', 'GET /api/v1/cases')).status).toBe(401);
  });

  test('a token makes so many requests a minute, and takes nothing from the others', async () => {
    const api = await start();
    const [one, other] = [await api.house.token('auditor'), await api.house.token('auditor')];
    const ask = () => api.ask(one, 'GET /api/v1/lists?limit=1');
    for (let i = 0; i < MOST_REQUESTS; i += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, ask));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
    }
    const answer = await ask();
    expect(answer).toMatchObject({ status: 429, body: { code: 'too-many-requests' } });
    expect(answer.headers.get('retry-after')).toBe('60');
    expect((await api.ask(other, 'GET /api/v1/lists')).status).toBe(200);
    api.house.clock.moveTo(NOW + MINUTE);
    expect((await ask()).status).toBe(200);
  });

  test('it is known when a token was used last, to the minute', async () => {
    const api = await start();
    const admin = await api.house.token('admin');
    const { id, token } = await issueToken(api.house, { name: 'ci', role: 'auditor', person: null, days: null });
    const lastUsed = async () => {
      const { body } = await api.ask(admin, 'GET /api/v1/tokens');
      return body.items.find((item: { id: string }) => item.id === id).lastUsedAt;
    };
    expect(await lastUsed()).toBe(null);
    const seen: string[] = [];
    for (const at of [NOW, NOW + MINUTE - 1, NOW + MINUTE, NOW + 3 * MINUTE]) {
      api.house.clock.moveTo(at);
      await Promise.all([1, 2, 3].map(() => api.ask(token, 'GET /api/v1/lists')));
      seen.push(await lastUsed());
    }
    expect(seen).toEqual([NOW, NOW, NOW + MINUTE, NOW + 3 * MINUTE].map(toIso));
  });

  test('a team that is held for its keys goes on acting with its tokens, one that is suspended does not', async () => {
    const api = await start();
    const token = await api.house.token('team', api.house.team[0].address);
    for (const [state, status] of [
      ['key_hold', 200],
      ['suspended', 403],
    ] as const) {
      await api.house.db.updateTable('members').set({ state }).where('organisation', '=', 'Orbit').execute();
      expect((await api.ask(token, 'GET /api/v1/cases')).status, state).toBe(status);
    }
  });

  test('who has left the team takes his tokens with him', async () => {
    const api = await start();
    const [lena] = api.house.team;
    const token = await api.house.token('team', lena.address);
    expect((await api.ask(token, 'GET /api/v1/cases')).status).toBe(200);
    await contacts.setActive(api.house.db, lena.contactId, false);
    expect(await api.ask(token, 'GET /api/v1/cases')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test.each([
    ['key_hold', 200],
    ['suspended', 403],
  ] as const)(
    'the token of a person acts where keys alone are missing: while the team is %s it is answered %i',
    async (to, status) => {
      const { house, ask } = await start();
      const [lena] = house.team;
      const token = await house.token('admin', lena.address);
      const memberId = (await contacts.byId(house.db, lena.contactId))?.member_id ?? '';
      await members.setState(house.db, memberId, { from: 'active', to, reason: null, now: house.clock.now() });
      expect((await ask(token, 'GET /api/v1/cases')).status).toBe(status);
    },
  );

  test('a body is not read before its sender is known', async () => {
    const api = await start();
    const raw = `{"name": "${'x'.repeat(40 * 1024 * 1024)}`;
    // The server may close while the body is on its way.
    const answer = await api.ask('wrong', 'POST /api/v1/cases/x/patches', { raw }).catch(() => ({ status: 401 }));
    expect(answer.status).toBe(401);
  });
});
