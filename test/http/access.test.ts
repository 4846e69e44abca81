import { expect, test } from 'vitest';
import { access } from '../../src/http/access.ts';
import type { TokenRole } from '../../src/store/schema.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';

const ROLES: readonly TokenRole[] = ['admin', 'team', 'auditor'];

test('what each role may do is as it was meant', () => {
  const may = (role: TokenRole) => Object.keys(access).filter((row) => access[row] !== 'anyone' && access[row]?.includes(role));
  const rows = Object.keys(access).filter((row) => access[row] !== 'anyone');
  expect(may('admin')).toEqual(rows);
  expect(may('auditor').every((row) => row.startsWith('GET '))).toBe(true);
  expect(may('auditor')).not.toContain('GET /api/v1/cases/:id/bundle');
  expect(may('auditor').filter((row) => row.includes('/tokens'))).toEqual([]);
  const writes = may('team').filter((row) => !row.startsWith('GET '));
  const ofTeam = /^\w+ \/api\/v1\/((cases|deliveries|posts)\/|members\/:id\/(vouches|verdicts|prove-key)$)/;
  expect(writes.filter((row) => !ofTeam.test(row))).toEqual([]);
  expect(Object.keys(access).filter((row) => access[row] === 'anyone')).toEqual([
    'GET /healthz',
    'GET /readyz',
    'GET /api/openapi.json',
    'POST /api/v1/applications',
    'GET /api/v1/criteria',
  ]);
});

eachEngine((engine) => {
  const serve = serving();

  test('every route of the document is open to the roles of its row, and to nobody else', async () => {
    const api = await serve(await engine.open());
    const tokens = new Map(await Promise.all(ROLES.map(async (role) => [role, await api.house.token(role)] as const)));
    const { body } = await api.ask(null, 'GET /api/openapi.json');
    const routes = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    );
    expect(routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`).sort()).toEqual(
      Object.keys(access).sort(),
    );
    for (const { method, path } of routes) {
      const rule = access[`${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`];
      if (rule === 'anyone') continue;
      const request = `${method} ${path.replaceAll(/\{\w+\}/g, 'none')}`;
      expect(await api.ask(null, request), request).toMatchObject({ status: expect.toBeOneOf([401, 429]) });
      for (const [role, token] of tokens) {
        const { status, body: said } = await api.ask(token, request);
        const shut = status === 401 || (status === 403 && said.code === 'forbidden');
        expect(shut, `${role}: ${request} ${status} ${said.code}`).toBe(!rule?.includes(role));
      }
    }
  });
});
