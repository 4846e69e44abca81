import { expect, test } from 'vitest';
import { hashToken } from '../../src/roster/tokens.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import type { Database } from '../../src/store/database.ts';
import * as members from '../../src/store/members.ts';
import { portions } from '../../src/store/rows.ts';
import type { Certificate, Contact, NewMember, Recipient, Token } from '../../src/store/schema.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { serving, type TestApi } from './api.ts';

const MANY = 10_000;
/** Milliseconds. */
const IN_TIME = 20;
const many = <Row>(row: (name: string, index: number) => Row): Row[] =>
  Array.from({ length: MANY }, (_, index) => row(`x${String(index).padStart(5, '0')}`, index));

/** 10,000 members, of which one in ten is suspended; the first one with 10,000 contacts; as many recipients and tokens. */
async function fill(db: Database): Promise<void> {
  const of = { product: null, reason: null, created_at: NOW, updated_at: NOW };
  const state = (index: number) => (index % 10 === 9 ? 'suspended' : 'active');
  await members.insertAll(
    db,
    many((id, index): NewMember => ({ ...of, id, organisation: `Organisation ${id}`, state: state(index) })),
  );
  await members.addToLists(
    db,
    many((id) => ({ member_id: id, list_id: 'distributors' })),
  );
  const contact = (id: string): Contact => ({
    id,
    member_id: 'x00000',
    address: `${id}@x.example`,
    name: null,
    active: 1,
    proved_at: NOW,
    created_at: NOW,
  });
  await contacts.insertAll(db, many(contact));
  const certificate = (id: string): Certificate => ({
    id,
    contact_id: id,
    fingerprint: id.toUpperCase(),
    data: Buffer.of(1),
    state: 'current',
    created_at: NOW,
  });
  await certificates.insertAll(
    db,
    many((id) => ({ certificate: certificate(id), said: { keys: [], revocations: [] } })),
  );
  const recipients = many(
    (id): Recipient => ({ id, list_id: 'announce', address: `${id}@y.example`, kind: 'subscriber', created_at: NOW }),
  );
  for (const some of portions(recipients)) await db.insertInto('recipients').values(some).execute();
  const ends = {
    created_at: NOW,
    expires_at: null,
    revoked_at: null,
    person_id: null,
    last_used_at: null,
    scopes: null,
    sign_in: null,
  };
  const tokens = many((id): Token => ({ ...ends, id, name: id, role: 'auditor', hash: hashToken(id) }));
  for (const some of portions(tokens)) await db.insertInto('tokens').values(some).execute();
}

/**
 * Milliseconds of the fastest page, one after the other from the beginning until one is in time: others use this machine as
 * well, and what reads everything is never in time.
 */
async function pace(api: TestApi, token: string, path: string): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let cursor = '', page = 0; page < 100 && fastest > IN_TIME; page++) {
    const started = performance.now();
    const { status, body } = await api.ask(token, `GET ${path}${cursor}`);
    fastest = Math.min(fastest, performance.now() - started);
    expect([status, body.items.length]).toEqual([200, 50]);
    cursor = `&cursor=${body.next}`;
  }
  return fastest;
}

eachEngine((engine) => {
  const serve = serving();

  test('a page of ten thousand is answered within 20 ms', async () => {
    const api = await serve(await engine.open());
    await fill(api.house.db);
    const admin = await api.house.token('admin');
    const paces: [string, number][] = [];
    for (const path of [
      '/api/v1/members?limit=50',
      '/api/v1/members?limit=50&state=suspended',
      `/api/v1/members?limit=50&list=${LISTS.distributors}`,
      '/api/v1/members?limit=50&organisation=Organisation%20x09',
      '/api/v1/members/x00000/contacts?limit=50',
      `/api/v1/lists/${LISTS.announce}/recipients?limit=50`,
      '/api/v1/tokens?limit=50',
    ])
      paces.push([path, await pace(api, admin, path)]);
    expect(paces.filter(([, time]) => time > IN_TIME)).toEqual([]);
  });

  test('members are found by their state, a list and what their name begins with, page by page', async () => {
    const api = await serve(await engine.open());
    const admin = await api.house.token('admin');
    const odd = ['Zeta 100%', 'Zeta_1', 'Zeta', 'zebra', 'Zé', 'Z'];
    const lists = [LISTS.distributors];
    for (const organisation of odd) await api.ask(admin, 'POST /api/v1/members', { body: { organisation, lists } });
    const found = async (query: string) => {
      const names: string[] = [];
      for (let cursor = ''; ; ) {
        const { status, body } = await api.ask(admin, `GET /api/v1/members?limit=2&${query}${cursor}`);
        expect(status).toBe(200);
        names.push(...body.items.map((item: { organisation: string }) => item.organisation));
        if (body.next === null) return names;
        cursor = `&cursor=${body.next}`;
      }
    };
    expect(await found('')).toEqual(['Alpha', 'Beta', 'Orbit', 'Z', 'Zeta', 'Zeta 100%', 'Zeta_1', 'Zé', 'zebra']);
    expect(await found('organisation=Zeta')).toEqual(['Zeta', 'Zeta 100%', 'Zeta_1']);
    expect(await found('organisation=Zeta_')).toEqual(['Zeta_1']);
    expect(await found(`organisation=${encodeURIComponent('Zé')}`)).toEqual(['Zé']);
    expect(await found('state=active')).toEqual(['Alpha', 'Beta', 'Orbit']);
    expect(await found(`state=active&list=${LISTS.distributors}`)).toEqual(['Alpha', 'Beta']);
    expect(await found('list=security')).toEqual(['Orbit']);
    expect(await found('state=removed')).toEqual([]);
    const ask = async (query: string) => (await api.ask(admin, `GET /api/v1/members?${query}`)).status;
    expect([await ask('list=none@orbit.example'), await ask('state=gone'), await ask('organisation=')]).toEqual([404, 422, 422]);
  });

  test('the longest name leads to the next page, and what is no cursor is refused', async () => {
    const api = await serve(await engine.open());
    const admin = await api.house.token('admin');
    const organisation = '社'.repeat(200);
    for (const name of [organisation, '龍'])
      await api.ask(admin, 'POST /api/v1/members', { body: { organisation: name, lists: [] } });
    const { body } = await api.ask(admin, 'GET /api/v1/members?limit=4');
    expect(body.items.at(-1)).toMatchObject({ organisation });
    const second = await api.ask(admin, `GET /api/v1/members?limit=4&cursor=${body.next}`);
    expect(second.body).toMatchObject({ items: [{ organisation: '龍' }], next: null });
    for (const cursor of ['*', Buffer.from('\0').toString('base64url'), `${body.next}=`])
      expect((await api.ask(admin, `GET /api/v1/members?cursor=${cursor}`)).status).toBe(422);
  });
});
