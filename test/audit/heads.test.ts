import { expect, test } from 'vitest';
import { HEAD, signHead } from '../../src/audit/heads.ts';
import * as audit from '../../src/store/audit.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { housing } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();

  test('a head is mailed to whom copies go to, and whoever else was to have it is named in the log', async () => {
    const house = await build((await engine.open()).db);
    const [alpha, beta] = house.members;
    const suspended = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
    const now = house.clock.now();
    await members.setState(house.db, suspended, { from: 'active', to: 'suspended', reason: 'x', now });
    const to = [alpha.address, beta.address, 'nobody@orbit.example'];
    await signHead(house, { project: 'orbit', days: 1, to });
    expect((await outbox(house).drain()).map((mail) => mail.to)).toEqual([beta.address]);
    const { detail } = JSON.parse((await audit.last(house.db, HEAD))?.line ?? '');
    expect(detail).toMatchObject({ mailed: 1, missing: [alpha.address, 'nobody@orbit.example'] });
  });
});
