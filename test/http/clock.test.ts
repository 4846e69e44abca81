import { expect, test } from 'vitest';
import { HOUR, toIso } from '../../src/clock.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';
import { scrape } from './prometheus.ts';

eachEngine((engine) => {
  const serve = serving();

  test('a clock in doubt is shown to readers, counted, refuses a release, and is confirmed by an admin who is a person', async () => {
    const api = await serve(await engine.open());
    const { house, rung } = api;
    const [lena] = house.team;
    const [auditor, team, admin, person] = [
      await house.token('auditor'),
      await house.token('team', lena.address),
      await house.token('admin'),
      await house.token('admin', lena.address),
    ];
    const now = house.clock.now();
    const fine = { trusted: true, wall: toIso(now), believed: toIso(now), why: null, since: null, here: false };
    expect((await api.ask(auditor, 'GET /api/v1/clock')).body).toEqual(fine);
    expect((await scrape(api)).samples.get('curfew_clock_trusted')).toBe(1);

    house.clock.jumpTo(now + HOUR);
    const wall = toIso(now + HOUR);
    const doubt = { trusted: false, wall, believed: toIso(now), why: 'ahead', since: null, here: true };
    expect((await api.ask(auditor, 'GET /api/v1/clock')).body).toEqual(doubt);
    expect((await scrape(api)).samples.get('curfew_clock_trusted')).toBe(0);

    const confirm = async (token: string, shown: string) => {
      const { status, body } = await api.ask(token, 'POST /api/v1/clock/confirm', { body: { wall: shown } });
      return [status, body.code ?? body.trusted];
    };
    expect(await confirm(team, wall)).toEqual([403, 'forbidden']);
    expect(await confirm(admin, wall)).toEqual([403, 'needs-person']);
    expect(await confirm(person, toIso(now))).toEqual([412, 'stale']);
    expect(await confirm(person, '2026-09-22T16:00:00')).toEqual([422, 'no-utc-offset']);
    expect(rung).toEqual({ deliveries: 0, releases: 0 });
    expect(await confirm(person, wall)).toEqual([200, true]);
    expect(rung).toEqual({ deliveries: 1, releases: 1 });
    expect(await confirm(person, wall)).toEqual([409, 'conflict']);
    expect((await api.ask(auditor, 'GET /api/v1/clock')).body).toEqual({ ...fine, wall, believed: wall });
  });
});
