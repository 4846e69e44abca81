import { describe, expect, test } from 'vitest';
import { presets } from '../../src/embargo/presets.ts';
import { oneEngine } from '../support/dialects.ts';
import { serving } from './api.ts';

oneEngine((engine) => {
  const serve = serving();

  describe('policies', () => {
    test("the presets and the project's own are listed, as they are written", async () => {
      const { ask, house } = await serve(await engine.open());
      const { status, body } = await ask(await house.token('auditor'), 'GET /api/v1/policies');
      expect(status).toBe(200);
      expect(body.items.map(({ name }: { name: string }) => name)).toEqual([...Object.keys(presets), 'orbit']);
      expect(body.items[1]).toEqual({ name: 'k8s', policy: presets['k8s'] });
    });

    test('a release is judged as of now, with every broken rule and what would do', async () => {
      const { ask, house } = await serve(await engine.open());
      house.clock.moveTo(Date.parse('2026-09-14T16:00:00Z'));
      const asked = {
        policies: 'orbit',
        report: '2026-09-07T09:12:00Z',
        notice: '2026-09-14T18:00:00+02:00',
        release: '2026-09-28T16:00:00Z',
      };
      const { status, body } = await ask(await house.token('team'), `GET /api/v1/policies/check?${new URLSearchParams(asked)}`);
      expect(status).toBe(200);
      expect(body).toEqual({
        ok: false,
        violations: [
          {
            code: 'OVER_REPORT_MAX',
            policy: 'orbit',
            message: '21.28 days from the report: at most 21 days',
            latest: '2026-09-28T09:12:00.000Z',
          },
        ],
        suggestion: '2026-09-24T16:00:00.000Z',
        unchecked: [],
      });
      const release = { ...asked, release: '2026-09-14T15:00:00Z' };
      const past = await ask(await house.token('team'), `GET /api/v1/policies/check?${new URLSearchParams(release)}`);
      expect(past.body.violations.map(({ code }: { code: string }) => code)).toEqual(['PAST', 'NOTICE_TOO_SHORT', 'BAD_SLOT']);
    });

    test.each([
      [{ policies: 'nobody', release: '2026-09-28T16:00:00Z' }, 404, 'not-found'],
      [{ policies: 'k8s', release: '2026-09-28T16:00:00' }, 422, 'no-utc-offset'],
      [{ policies: 'k8s', release: '2026-09-28T16:00:00Z', report: 'soon' }, 422, 'invalid'],
      [{ policies: '', release: '2026-09-28T16:00:00Z' }, 422, 'invalid'],
    ])('%j: %i', async (asked, status, code) => {
      const { ask, house } = await serve(await engine.open());
      const answer = await ask(await house.token('admin'), `GET /api/v1/policies/check?${new URLSearchParams(asked)}`);
      expect(answer.body).toMatchObject({ code });
      expect(answer.status).toBe(status);
    });
  });
});
