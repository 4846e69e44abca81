import { expect, test } from 'vitest';
import { HOUR, toIso } from '../../src/clock.ts';
import * as restorations from '../../src/store/restorations.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();

  test('what was restored is shown to readers, and confirmed by an admin who is a person', async () => {
    const { house, rung, ask } = await serve(await engine.open());
    const [lena] = house.team;
    const [auditor, team, admin, person] = [
      await house.token('auditor'),
      await house.token('team', lena.address),
      await house.token('admin'),
      await house.token('admin', lena.address),
    ];
    const now = house.clock.now();
    const never = { takenAt: null, restoredAt: null, confirmedAt: null, held: 0 };
    expect((await ask(auditor, 'GET /api/v1/restoration')).body).toEqual(never);
    await restorations.insert(house.db, { id: 'one', taken_at: now - HOUR, restored_at: now });
    const shown = { ...never, takenAt: toIso(now - HOUR), restoredAt: toIso(now) };
    expect((await ask(auditor, 'GET /api/v1/restoration')).body).toEqual(shown);

    const confirm = async (token: string, restoredAt: string) => {
      const { status, body } = await ask(token, 'POST /api/v1/restoration/confirm', { body: { restoredAt } });
      return [status, body.code ?? body.confirmedAt];
    };
    expect(await confirm(team, toIso(now))).toEqual([403, 'forbidden']);
    expect(await confirm(admin, toIso(now))).toEqual([403, 'needs-person']);
    expect(await confirm(person, toIso(now - 1))).toEqual([412, 'stale']);
    expect(rung).toEqual({ deliveries: 0, releases: 0 });
    expect(await confirm(person, toIso(now))).toEqual([200, toIso(now)]);
    expect(rung).toEqual({ deliveries: 1, releases: 1 });
    expect(await confirm(person, toIso(now))).toEqual([409, 'conflict']);
  });
});
