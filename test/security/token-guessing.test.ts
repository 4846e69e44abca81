import { expect, test } from 'vitest';
import { issueToken, revokeToken } from '../../src/roster/tokens.ts';
import { serving } from '../http/api.ts';
import { eachEngine } from '../support/dialects.ts';

eachEngine((engine) => {
  const serve = serving();

  test('guesses at a token are told nothing, not even how near they are, and are slowed down', async () => {
    const api = await serve(await engine.open());
    const made = await issueToken(api.house, { name: 'ci', role: 'admin', person: null, days: null });
    const gone = await issueToken(api.house, { name: 'gone', role: 'admin', person: null, days: null });
    await revokeToken(api.house, gone.id);
    const near = made.token.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const guesses = [
      near,
      made.token.slice(0, -1),
      `${made.token}0`,
      made.token.toUpperCase(),
      gone.token,
      gone.id,
      made.id,
      "' or ''='",
      'x',
    ];
    const told = [];
    for (const guess of guesses) {
      const { status, body, headers } = await api.ask(guess, 'GET /api/v1/tokens');
      told.push(JSON.stringify([status, { ...body, instance: '' }, headers.get('www-authenticate'), headers.get('retry-after')]));
    }
    expect(told[0]).toMatch(/^\[401,/);
    expect(new Set(told).size).toBe(1);
    await api.ask('x', 'GET /api/v1/tokens');
    const slowed = await api.ask(near, 'GET /api/v1/tokens');
    expect(slowed).toMatchObject({ status: 429, body: { code: 'too-many-attempts' } });
    expect(slowed.headers.get('retry-after')).toBe('60');
    // Whoever has a token and the same proxy is not locked out by that.
    expect((await api.ask(made.token, 'GET /api/v1/tokens')).status).toBe(200);
    expect(api.logged()).not.toContain('curfew_');
  });
});
