import { expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { noteAll, noteOf } from '../../src/delivery/contact.ts';
import { type Event, noted, UNKNOWN } from '../../src/delivery/health.ts';
import * as health from '../../src/store/health.ts';
import { eachEngine } from '../support/dialects.ts';
import { housing } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();

  test('what is kept of a contact is what the rule says, copy after copy; of who is no contact nothing', async () => {
    const { db, members } = await build((await engine.open()).db);
    const [, { contactId, address }] = members;
    const copy = { audience: 'contact', address: address.toUpperCase() } as Parameters<typeof noteOf>[1];
    const events: Event[] = [
      { what: 'delivered', at: 1 },
      { what: 'delivered', at: 2 },
      { what: 'hard', since: 3, at: 3, line: '5.1.1' },
      { what: 'delivered', at: 4 },
      { what: 'delivered', at: 5 },
      { what: 'soft', since: 1, at: 2 * DAY, line: '5.2.2' },
      { what: 'delayed', at: 3 * DAY, line: null },
      { what: 'delivered', at: 4 * DAY },
      { what: 'delivered', at: 20 * DAY },
      { what: 'hard', since: 1, at: 21 * DAY, line: '5.1.1' },
    ];
    let facts = UNKNOWN;
    for (const event of events) {
      await noteOf(db, copy, event);
      await noteOf(db, { ...copy, address: 'nobody@elsewhere.example' }, event);
      facts = noted(facts, event);
      expect(await health.ofContacts(db, [contactId])).toEqual(new Map([[contactId, { contact_id: contactId, ...facts }]]));
    }
    expect(await db.selectFrom('contact_health').select('contact_id').execute()).toHaveLength(1);
  });

  test('of many copies as of each by itself', async () => {
    const { db, members } = await build((await engine.open()).db);
    const [alpha, beta] = members;
    const said = (address: string, event: Event) => ({ copy: { audience: 'contact' as const, address }, event });
    const hard = { what: 'hard', since: 3, at: 3, line: '5.1.1' } as const;
    await noteAll(db, [
      said(beta.address.toUpperCase(), { what: 'delivered', at: 3 }),
      said('nobody@elsewhere.example', { what: 'delivered', at: 3 }),
      said(alpha.address, { what: 'delivered', at: 3 }),
      said(alpha.address, { what: 'delivered', at: 4 }),
      said(beta.address, hard),
    ]);
    const fares = await health.ofContacts(db, [alpha.contactId, beta.contactId]);
    const reached = noted(UNKNOWN, { what: 'delivered', at: 3 });
    expect(fares.get(alpha.contactId)).toMatchObject(noted(reached, { what: 'delivered', at: 4 }));
    expect(fares.get(beta.contactId)).toMatchObject(noted(reached, hard));
  });
});
