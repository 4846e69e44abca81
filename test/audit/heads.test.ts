import { expect, test } from 'vitest';
import { HEAD, signHead } from '../../src/audit/heads.ts';
import { record } from '../../src/audit/record.ts';
import { DAY } from '../../src/clock.ts';
import { addCertificate } from '../../src/roster/contacts.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { housing } from '../support/house.ts';
import { changed } from '../support/party.ts';

eachEngine((engine) => {
  const build = housing();

  test('a head is mailed to whom copies go to, and whoever else was to have it is told to the team, once, and named in the log', async () => {
    const house = await build((await engine.open()).db);
    const [alpha, beta] = house.members;
    const suspended = (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '';
    const now = house.clock.now();
    await members.setState(house.db, suspended, { from: 'active', to: 'suspended', reason: 'x', now });
    const to = [alpha.address, beta.address, 'nobody@orbit.example'];
    const team = house.team.map(({ address }) => address);
    const mailed = async (...named: string[]) => {
      house.clock.moveTo(house.clock.now() + DAY);
      await house.db.transaction().execute((trx) => record(trx, house, { action: 'test.do', subject: 'test:1' }));
      await signHead(house, { project: 'orbit', days: 1, to: named });
      return (await outbox(house).drain()).map((mail) => mail.to).sort();
    };
    expect(await mailed(...to)).toEqual([beta.address, ...team].sort());
    const { detail } = JSON.parse((await audit.last(house.db, HEAD))?.line ?? '');
    expect(detail).toMatchObject({ mailed: 1, missing: [alpha.address, 'nobody@orbit.example'] });
    expect(await mailed(...to)).toEqual([beta.address]);
    expect(await mailed(beta.address, alpha.address)).toEqual([beta.address]);
    expect(await mailed('adda@orbit.example')).toEqual([...team].sort());
    expect(await mailed()).toEqual([]);
  });

  test('of whom no certificate can be used the team is told as well', async () => {
    const house = await build((await engine.open()).db);
    const [alpha, beta] = house.members;
    const { db, clock } = house;
    const next = async () => {
      clock.moveTo(clock.now() + DAY);
      await db.transaction().execute((trx) => record(trx, house, { action: 'test.do', subject: 'test:1' }));
      await signHead(house, { project: 'orbit', days: 1, to: [alpha.address, beta.address] });
      return (await outbox(house).drain()).map((mail) => mail.to).sort();
    };
    const team = house.team.map(({ address }) => address);
    await addCertificate(house, alpha.contactId, await changed(alpha, clock.now(), { revoked: true }));
    const current = await certificates.current(db, beta.contactId);
    await certificates.retire(db, current?.id ?? '');
    expect(await next()).toEqual([...team].sort());
    const { detail } = JSON.parse((await audit.last(db, HEAD))?.line ?? '');
    expect(detail).toMatchObject({ mailed: 0, missing: [alpha.address, beta.address] });
    expect(await next()).toEqual([]);
    await certificates.propose(db, current?.id ?? '');
    await db.transaction().execute((trx) => certificates.promote(trx, beta.contactId, current?.id ?? ''));
    expect(await next()).toEqual([beta.address]);
  });
});
