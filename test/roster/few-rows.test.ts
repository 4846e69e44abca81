import type { KyselyPlugin } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { apply } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { checkMember } from '../../src/roster/expiry.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as members from '../../src/store/members.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { makeParty } from '../support/party.ts';

const OTHERS = 300;
const NAMES = new Set(['id', 'organisation', 'state', 'round']);

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let most: number;

  /** A roster of many, and the rows counted that any one query gives. */
  beforeEach(async () => {
    const built = await build((await engine.open()).db);
    const ids = Array.from({ length: OTHERS }, (_, at) => `x${at}`);
    const member = { product: null, state: 'active', reason: null, created_at: NOW, updated_at: NOW } as const;
    const contact = { name: null, active: 1, proved_at: NOW, created_at: NOW };
    await members.insertAll(
      built.db,
      ids.map((id) => ({ ...member, id, organisation: id })),
    );
    await contacts.insertAll(
      built.db,
      ids.map((id) => ({ ...contact, id, member_id: id, address: `${id}@x.example` })),
    );
    most = 0;
    const counting: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        // The names of all are compared with a new one: of the others nothing but these is read.
        const namesAlone = result.rows.every((row) => Object.keys(row).every((column) => NAMES.has(column)));
        if (!namesAlone) most = Math.max(most, result.rows.length);
        return result;
      },
    };
    house = { ...built, db: built.db.withPlugin(counting) };
  });

  test('an application does not read the roster', async () => {
    const { address, public: certificate } = await makeParty('security@gamma.example');
    const answers = CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null }));
    const wish = { organisation: 'Gamma', product: null, contact: { address, name: null, certificate }, terms: null, answers };
    await apply(house, { project: 'orbit', criteria: CRITERIA, terms: null }, wish);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(OTHERS / 10);
  });

  test('nor does a look at the certificates of one member', async () => {
    await checkMember(house, 'orbit', (await members.byOrganisation(house.db, 'Alpha'))?.id ?? '');
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(OTHERS / 10);
  });
});
