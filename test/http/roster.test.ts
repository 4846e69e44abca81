import { expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import * as certificates from '../../src/store/certificates.ts';
import { NOW } from '../store/roster-rows.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { generate, makeParty } from '../support/party.ts';
import { serving, type TestApi } from './api.ts';

const refusal = (status: number, code: string) => ({ status, body: { status, code } });

eachEngine((engine) => {
  const serve = serving();

  async function open(): Promise<{ api: TestApi; admin: string }> {
    const api = await serve(await engine.open());
    return { api, admin: await api.house.token('admin') };
  }

  async function addMember({ api, admin }: Awaited<ReturnType<typeof open>>): Promise<string> {
    const body = { organisation: 'Gamma', product: 'Gamma Linux', lists: [LISTS.distributors] };
    const answer = await api.ask(admin, 'POST /api/v1/members', { body });
    expect(answer).toMatchObject({ status: 201, body: { ...body, state: 'applied', reason: null } });
    return answer.body.id;
  }

  test('a list is shown by id and by address, with the key that mail to it is sealed to', async () => {
    const { api, admin } = await open();
    const byAddress = await api.ask(admin, `GET /api/v1/lists/${LISTS.security}`);
    expect(byAddress).toMatchObject({ status: 200, body: { address: LISTS.security, role: 'intake' } });
    expect((await api.ask(admin, `GET /api/v1/lists/${byAddress.body.id}`)).body).toEqual(byAddress.body);
    const key = await api.ask(admin, `GET /api/v1/lists/${LISTS.security}/key`);
    expect(key.headers.get('content-type')).toBe('application/pgp-keys');
    expect(await readCertificate(key.body)).toMatchObject({ fingerprint: byAddress.body.fingerprint });
    expect(await api.ask(admin, 'GET /api/v1/lists/nobody@orbit.example')).toMatchObject(refusal(404, 'not-found'));
  });

  test('recipients of a public list are added, listed in pages and removed', async () => {
    const { api, admin } = await open();
    const at = `/api/v1/lists/${LISTS.announce}/recipients`;
    const add = (address: string, kind: string) => api.ask(admin, `POST ${at}`, { body: { address, kind } });
    for (const name of ['c', 'a', 'b']) expect((await add(`${name}@example.net`, 'subscriber')).status).toBe(201);
    expect(await add('A@example.net', 'external')).toMatchObject(refusal(409, 'conflict'));
    expect(await add('alpha@alpha.example', 'external')).toMatchObject(refusal(409, 'conflict'));
    expect(await add('no address', 'external')).toMatchObject(refusal(422, 'invalid'));
    const first = await api.ask(admin, `GET ${at}?limit=2`);
    const second = await api.ask(admin, `GET ${at}?limit=2&cursor=${first.body.next}`);
    const addresses = (answer: typeof first) => answer.body.items.map((item: { address: string }) => item.address);
    expect([addresses(first), addresses(second), second.body.next]).toEqual([
      ['a@example.net', 'b@example.net'],
      ['c@example.net'],
      null,
    ]);
    expect(await api.ask(admin, `DELETE ${at}/B@example.net`)).toMatchObject({ status: 200, body: { address: 'b@example.net' } });
    expect(await api.ask(admin, `DELETE ${at}/b@example.net`)).toMatchObject(refusal(404, 'not-found'));
    expect(await api.ask(admin, `GET /api/v1/lists/${LISTS.security}/recipients`)).toMatchObject(refusal(404, 'not-found'));
    expect(await api.ask(admin, `GET ${at}?cursor=*`)).toMatchObject(refusal(422, 'invalid'));
  });

  test('a member applies, is made active for a reason, suspended and reinstated', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const at = `/api/v1/members/${await addMember(opened)}`;
    const move = (to: string, reason: string) => api.ask(admin, `POST ${at}/${to}`, { body: { reason } });
    expect(await move('suspend', 'too early')).toMatchObject(refusal(409, 'conflict'));
    expect(await move('activate', '')).toMatchObject(refusal(422, 'invalid'));
    expect(await move('activate', ' ')).toMatchObject(refusal(422, 'invalid'));
    expect(await move('activate', 'vouched for')).toMatchObject({
      status: 200,
      body: { state: 'active', reason: 'vouched for' },
    });
    expect(await move('activate', 'again')).toMatchObject(refusal(409, 'conflict'));
    expect(await move('suspend', 'leaked')).toMatchObject({ status: 200, body: { state: 'suspended' } });
    expect(await move('activate', 'did not')).toMatchObject({ status: 200, body: { state: 'active', reason: 'did not' } });
    expect(await api.ask(admin, `GET ${at}`)).toMatchObject({ body: { organisation: 'Gamma', lists: [LISTS.distributors] } });
    expect(await api.ask(admin, 'POST /api/v1/members', { body: { organisation: 'Gamma', lists: [] } })).toMatchObject(
      refusal(409, 'conflict'),
    );
    const elsewhere = { organisation: 'Delta', lists: [LISTS.announce] };
    expect(await api.ask(admin, 'POST /api/v1/members', { body: elsewhere })).toMatchObject(refusal(422, 'invalid'));
    expect((await api.ask(admin, 'GET /api/v1/members')).body.items).toHaveLength(4);
  });

  test('a contact comes with a certificate that can be used, and is nobody else', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const at = `/api/v1/members/${await addMember(opened)}/contacts`;
    const gina = await makeParty('gina@gamma.example');
    const add = (change: object) =>
      api.ask(admin, `POST ${at}`, { body: { address: gina.address, name: 'Gina', certificate: gina.public, ...change } });
    const alpha = api.house.members[0];
    const expired = await generate('old@gamma.example', 'Old', { born: NOW - 3 * DAY, lifetime: 86_400 });
    expect(await add({ certificate: 'none' })).toMatchObject(refusal(422, 'unusable-certificate'));
    expect(await add({ certificate: gina.secret })).toMatchObject(refusal(422, 'unusable-certificate'));
    expect(await add({ certificate: expired.public })).toMatchObject(refusal(422, 'unusable-certificate'));
    expect(await add({ certificate: alpha.public })).toMatchObject(refusal(409, 'conflict'));
    expect(await add({ address: alpha.address })).toMatchObject(refusal(409, 'conflict'));
    expect(await add({ address: 'security-owner@orbit.example' })).toMatchObject(refusal(409, 'conflict'));
    const added = await add({});
    expect(added).toMatchObject({ status: 201, body: { address: gina.address, fingerprint: gina.fingerprint, active: true } });
    expect((await api.ask(admin, `GET ${at}`)).body.items).toEqual([added.body]);
    expect(await api.ask(admin, 'GET /api/v1/members/none/contacts')).toMatchObject(refusal(404, 'not-found'));
  });

  test('another certificate waits to be approved, and retires nothing', async () => {
    const { api, admin } = await open();
    const [alpha, beta] = api.house.members;
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const next = await generate(alpha.address, 'Alpha', {});
    const propose = (certificate: string) => api.ask(admin, `POST ${at}`, { body: { certificate } });
    expect(await propose(next.public)).toMatchObject({ status: 202, body: { state: 'proposed', fingerprint: next.fingerprint } });
    expect(await propose(next.public)).toMatchObject(refusal(409, 'conflict'));
    expect(await propose(alpha.public)).toMatchObject(refusal(409, 'conflict'));
    expect(await propose(beta.public)).toMatchObject(refusal(409, 'conflict'));
    const { body } = await api.ask(admin, `GET ${at}`);
    const states = body.items.map((item: { fingerprint: string; state: string }) => [item.fingerprint, item.state]);
    expect(new Map(states)).toEqual(
      new Map([
        [alpha.fingerprint, 'current'],
        [next.fingerprint, 'proposed'],
      ]),
    );
    expect((await certificates.current(api.house.db, alpha.contactId))?.fingerprint).toBe(alpha.fingerprint);
    expect(await api.ask(admin, 'POST /api/v1/contacts/none/certificates', { body: { certificate: next.public } })).toMatchObject(
      refusal(404, 'not-found'),
    );
  });

  test('a token is made once, listed without its secret, and revoked', async () => {
    const { api, admin } = await open();
    const body = { name: 'ci', role: 'team', days: 2 };
    const made = await api.ask(admin, 'POST /api/v1/tokens', { body });
    expect(made).toMatchObject({ status: 201, body: { token: expect.stringMatching(/^curfew_/) } });
    expect((await api.ask(made.body.token, 'GET /api/v1/cases')).status).toBe(200);
    expect(await api.ask(admin, 'POST /api/v1/tokens', { body })).toMatchObject(refusal(409, 'conflict'));
    const person = { ...body, name: 'other', person: 'ada@orbit.example' };
    expect(await api.ask(admin, 'POST /api/v1/tokens', { body: person })).toMatchObject(refusal(403, 'forbidden'));
    const listed = await api.ask(admin, 'GET /api/v1/tokens');
    expect(listed.body.items.find(({ name }: { name: string }) => name === 'ci')).toMatchObject({
      name: 'ci',
      person: null,
      expiresAt: '2026-09-24T16:00:00.000Z',
    });
    expect(JSON.stringify(listed.body)).not.toMatch(/hash|[0-9a-f]{64}|curfew_/);
    const revoked = await api.ask(admin, `DELETE /api/v1/tokens/${made.body.id}`);
    expect(revoked).toMatchObject({ status: 200, body: { revokedAt: '2026-09-22T16:00:00.000Z' } });
    expect((await api.ask(made.body.token, 'GET /api/v1/cases')).status).toBe(401);
  });
});
