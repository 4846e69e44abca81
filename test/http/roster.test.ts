import { expect, test } from 'vitest';
import { DAY, toIso } from '../../src/clock.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { decide } from '../../src/roster/admission.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import { changeMember } from '../../src/roster/members.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import type { MemberState } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { memberOf } from '../embargo/limited.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { NOW } from '../store/roster-rows.ts';
import { adopting } from '../support/bindings.ts';
import { encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { keyProved } from '../support/key-proved.ts';
import { changed, generate, makeParty, openCopy } from '../support/party.ts';
import { serving, type TestApi } from './api.ts';

const refusal = (status: number, code: string) => ({ status, body: { status, code } });

eachEngine((engine) => {
  const serve = serving();

  async function open(): Promise<{ api: TestApi; admin: string }> {
    const api = await serve(await engine.open());
    return { api, admin: await api.house.token('admin') };
  }

  const put = ({ house }: Awaited<ReturnType<typeof open>>['api'], state: MemberState) =>
    house.db.updateTable('members').set({ state }).where('organisation', '=', 'Gamma').execute();

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

  test('an admin makes a list beside those that are there, and it serves at once', async () => {
    const { api, admin } = await open();
    const { house } = api;
    const [alpha] = house.members;
    const deep = 'deep@orbit.example';
    const made = await api.ask(admin, 'POST /api/v1/lists', { body: { address: 'Deep@orbit.example', role: 'private' } });
    expect(made).toMatchObject({ status: 201, body: { address: deep, role: 'private', name: 'orbit deep', membersOnly: true } });
    expect(made.headers.get('etag')).toBe((await api.ask(admin, `GET /api/v1/lists/${deep}`)).headers.get('etag'));
    const [line] = (await api.ask(admin, 'GET /api/v1/audit?action=list.create')).body.items;
    expect(line).toMatchObject({
      subject: `list:${made.body.id}`,
      detail: { address: deep, role: 'private', fingerprint: made.body.fingerprint },
    });
    const member = await memberOf(house, alpha);
    await api.ask(admin, `PATCH /api/v1/members/${member}`, { body: { lists: [LISTS.distributors, deep] } });
    const key = (await api.ask(admin, `GET /api/v1/lists/${deep}/key`)).body;
    const raw = await encryptedMail(letterOf(house, alpha, { to: deep }), { recipients: [key], signer: alpha });
    await arrive(house, raw, { to: deep, sender: alpha.address });
    const sent = (await outbox(house).drain()).filter((mail) => mail.raw.includes(`To: ${deep}`));
    expect(sent.map(({ to }) => to)).toEqual([alpha.address]);
    const { signer } = await openCopy(sent[0]?.raw ?? Buffer.alloc(0), alpha, key, house.clock.now());
    expect(signer).toBe(made.body.fingerprint);
    const team = await api.house.token('team');
    expect(await api.ask(team, 'POST /api/v1/lists', { body: { address: 'x@orbit.example', role: 'private' } })).toMatchObject(
      refusal(403, 'forbidden'),
    );
  });

  test('what would not be a list of its own is none', async () => {
    const { api, admin } = await open();
    await api.ask(admin, `POST /api/v1/lists/${LISTS.announce}/recipients`, {
      body: { address: 'reads-owner@orbit.example', kind: 'subscriber' },
    });
    const answers: Record<string, [number, string]> = {
      'deep@elsewhere.example': [422, 'bad-address'],
      'postmaster@orbit.example': [422, 'bad-address'],
      'deep-owner@orbit.example': [422, 'bad-address'],
      'deep+x@orbit.example': [422, 'bad-address'],
      [`${'d'.repeat(21)}@orbit.example`]: [422, 'bad-address'],
      'Security@orbit.example': [409, 'conflict'],
      'lena@orbit.example': [409, 'conflict'],
      'reads@orbit.example': [409, 'conflict'],
    };
    for (const [address, [status, code]] of Object.entries(answers))
      expect(await api.ask(admin, 'POST /api/v1/lists', { body: { address, role: 'private' } }), address).toMatchObject(
        refusal(status, code),
      );
    const wrong = [{ role: 'intake' }, { role: 'private', name: 'Deep <x>' }, {}];
    for (const body of wrong)
      expect(await api.ask(admin, 'POST /api/v1/lists', { body: { address: 'deep@orbit.example', ...body } })).toMatchObject(
        refusal(422, 'invalid'),
      );
    expect(await lists.all(api.house.db)).toHaveLength(3);
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
    for (const state of ['applied', 'vouched', 'vetted'] as const) {
      await put(api, state);
      expect(await move('activate', 'in a hurry')).toMatchObject(refusal(409, 'conflict'));
    }
    await keyProved(api.house, at.split('/').at(-1) ?? '');
    expect(await move('activate', 'vouched for')).toMatchObject({
      status: 200,
      body: { state: 'active', reason: 'vouched for' },
    });
    expect(await move('activate', 'again')).toMatchObject(refusal(409, 'conflict'));
    expect(await move('suspend', 'leaked')).toMatchObject({ status: 200, body: { state: 'suspended' } });
    expect(await move('activate', 'did not')).toMatchObject(refusal(409, 'conflict'));
    expect(await move('reinstate', 'did not')).toMatchObject({ status: 200, body: { state: 'active', reason: 'did not' } });
    expect(await api.ask(admin, `GET ${at}`)).toMatchObject({ body: { organisation: 'Gamma', lists: [LISTS.distributors] } });
    expect(await api.ask(admin, 'POST /api/v1/members', { body: { organisation: 'Gamma', lists: [] } })).toMatchObject(
      refusal(409, 'conflict'),
    );
    const elsewhere = { organisation: 'Delta', lists: [LISTS.announce] };
    expect(await api.ask(admin, 'POST /api/v1/members', { body: elsewhere })).toMatchObject(refusal(422, 'invalid'));
    expect((await api.ask(admin, 'GET /api/v1/members')).body.items).toHaveLength(4);
  });

  test('what was changed since it was read is not changed: a list and a member', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const list = `/api/v1/lists/${LISTS.distributors}`;
    const member = `/api/v1/members/${await addMember(opened)}`;
    const changes: [string, string, () => object][] = [
      [list, `PATCH ${list}`, () => ({ footer: `${Math.random()}` })],
      [member, `PATCH ${member}`, () => ({ product: `${Math.random()}` })],
      [member, `POST ${member}/activate`, () => ({ reason: 'vouched for' })],
      [member, `POST ${member}/suspend`, () => ({ reason: 'leaked' })],
    ];
    for (const [at, request, body] of changes) {
      if (request.endsWith('/activate')) await keyProved(api.house, at.split('/').at(-1) ?? '');
      const tag = (await api.ask(admin, `GET ${at}`)).headers.get('etag') ?? '';
      const ask = (value: string) => api.ask(admin, request, { body: body(), headers: { 'if-match': value } });
      expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
      expect(await ask('"1"'), request).toMatchObject(refusal(412, 'stale'));
      const changed = await ask(tag);
      expect(changed.status, request).toBe(200);
      expect(changed.headers.get('etag')).toBe((await api.ask(admin, `GET ${at}`)).headers.get('etag'));
      expect(changed.headers.get('etag')).not.toBe(tag);
      expect(await ask(tag), request).toMatchObject({ status: expect.toBeOneOf([409, 412]) });
    }
    const tag = (await api.ask(admin, `GET ${list}`)).headers.get('etag') ?? '';
    const footer = (text: string) => api.ask(admin, `PATCH ${list}`, { body: { footer: text }, headers: { 'if-match': tag } });
    const statuses = await Promise.all(['one', 'other'].map(async (text) => (await footer(text)).status));
    expect(statuses.sort()).toEqual([200, 412]);
    expect((await api.ask(admin, `PATCH ${list}`, { body: { footer: null }, headers: { 'if-match': '*' } })).status).toBe(200);
  });

  test('of two changes of the lists and groups of a member by whoever saw the same, in the same millisecond, one is done', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const at = `/api/v1/members/${await addMember(opened)}`;
    const shown = await api.ask(admin, `GET ${at}`);
    const tag = shown.headers.get('etag') ?? '';
    expect(shown.body.etag).toBe(tag);
    expect((await api.ask(admin, 'GET /api/v1/members?organisation=Gamma')).body.items).toEqual([shown.body]);
    const change = async (body: object) => (await api.ask(admin, `PATCH ${at}`, { body, headers: { 'if-match': tag } })).status;
    const statuses = await Promise.all([change({ groups: ['cloud'] }), change({ groups: ['kernel'] }), change({ lists: [] })]);
    expect(statuses.sort()).toEqual([200, 412, 412]);
    const after = await api.ask(admin, `GET ${at}`);
    const kept = { groups: after.body.groups.length, lists: after.body.lists.length };
    expect(kept).toBeOneOf([expect.objectContaining({ groups: 1, lists: 1 }), expect.objectContaining({ groups: 0, lists: 0 })]);
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

  test('what a contact has unsubscribed from is shown with him', async () => {
    const { api, admin } = await open();
    const [alpha, beta] = api.house.members;
    await contacts.unsubscribe(api.house.db, alpha.contactId, 'distributors', api.house.clock.now());
    const shown = await api.ask(admin, `GET /api/v1/contacts/${alpha.contactId}`);
    expect(shown).toMatchObject({ status: 200, body: { fingerprint: alpha.fingerprint, unsubscribed: [LISTS.distributors] } });
    const listed = await api.ask(admin, `GET /api/v1/members/${shown.body.memberId}/contacts`);
    expect(listed.body.items).toEqual([shown.body]);
    expect((await api.ask(admin, `GET /api/v1/contacts/${beta.contactId}`)).body.unsubscribed).toEqual([]);
  });

  test('the key that a list is to have is shown, and called off as it was shown', async () => {
    const api = await serve(await engine.open());
    const admin = await api.house.token('admin');
    const at = `/api/v1/lists/${LISTS.distributors}`;
    const call = (headers: Record<string, string> = {}) => api.ask(admin, `DELETE ${at}/key/next`, { headers });
    expect(await call()).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const before = await api.ask(admin, `GET ${at}`);
    const next = { next_fingerprint: 'A'.repeat(40), next_at: api.house.clock.now() };
    await lists.change(api.house.db, before.body.id, next);
    const seen = await api.ask(admin, `GET ${at}`);
    expect(seen.body.nextKey).toEqual({ fingerprint: 'A'.repeat(40), from: toIso(next.next_at) });
    expect(await call({ 'if-match': before.headers.get('etag') ?? '' })).toMatchObject({ status: 412 });
    const kept = await call({ 'if-match': seen.headers.get('etag') ?? '' });
    expect([kept.status, kept.body.nextKey, kept.body.fingerprint]).toEqual([200, null, before.body.fingerprint]);
    expect((await api.ask(admin, `GET ${at}`)).headers.get('etag')).toBe(kept.headers.get('etag'));
    const [line] = (await api.ask(admin, 'GET /api/v1/audit?action=list.keep-key')).body.items;
    expect(line.detail).toMatchObject({ fingerprint: before.body.fingerprint, after: 'A'.repeat(40) });
  });

  test('a member is put on lists and taken off them, and no list is left that nobody reads', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const at = `/api/v1/members/${await addMember(opened)}`;
    const change = (body: object, path = at) => api.ask(admin, `PATCH ${path}`, { body });
    expect(await change({ product: null, lists: [] })).toMatchObject({ status: 200, body: { product: null, lists: [] } });
    expect(await change({ lists: [LISTS.distributors] })).toMatchObject({
      status: 200,
      body: { product: null, lists: [LISTS.distributors] },
    });
    expect(await change({ lists: [LISTS.announce] })).toMatchObject(refusal(422, 'invalid'));
    expect(await change({})).toMatchObject(refusal(422, 'invalid'));
    expect(await change({ state: 'active' })).toMatchObject(refusal(422, 'invalid'));
    const orbit = (await api.ask(admin, 'GET /api/v1/members?organisation=Orbit')).body.items[0];
    const refused = await change({ lists: [] }, `/api/v1/members/${orbit.id}`);
    expect(refused).toMatchObject({ ...refusal(409, 'conflict'), body: { detail: expect.stringContaining(LISTS.security) } });
    expect((await api.ask(admin, `GET /api/v1/members/${orbit.id}`)).body.lists).toEqual([LISTS.security]);
    await api.ask(admin, `POST ${at}/reject`, { body: { reason: 'no' } });
    expect(await change({ lists: [LISTS.distributors] })).toMatchObject(refusal(409, 'conflict'));
  });

  test('over the network nobody is put on the response team, nor put back', async () => {
    const opened = await open();
    const { api, admin: bare } = opened;
    const { house } = api;
    const [lena, , ada] = house.team;
    const gamma = await addMember(opened);
    await put(api, 'key_proved');
    const [orbit, alpha] = [await memberOf(house, lena), await memberOf(house, house.members[0])];
    const mine = await generate('mallory@gamma.example', 'Mallory', {});
    const both = [LISTS.security, LISTS.distributors];
    const readers = async () => (await contacts.activeOfList(house.db, 'security')).map(({ address }) => address).sort();
    const before = await readers();
    for (const token of [bare, await house.token('admin', lena.address)]) {
      for (const [request, body] of [
        [`POST /api/v1/members/${orbit}/contacts`, { address: mine.address, certificate: mine.public }],
        ['POST /api/v1/members', { organisation: 'Delta', lists: [LISTS.security] }],
        [`PATCH /api/v1/members/${alpha}`, { lists: both }],
        [`POST /api/v1/members/${gamma}/activate`, { reason: 'why', lists: both }],
      ] as const)
        expect(await api.ask(token, request, { body }), request).toMatchObject(refusal(403, 'forbidden'));
      expect(await api.ask(token, `PATCH /api/v1/members/${orbit}`, { body: { lists: both } })).toMatchObject({ status: 200 });
    }
    expect(await readers()).toEqual(before);
    const ask = (token: string, verb: string) =>
      api.ask(token, `POST /api/v1/contacts/${ada.contactId}/${verb}`, { body: { reason: 'why' } });
    expect(await ask(bare, 'retire')).toMatchObject({ status: 200 });
    for (const token of [bare, await house.token('admin', lena.address)])
      expect(await ask(token, 'reinstate')).toMatchObject(refusal(403, 'forbidden'));
    await changeMember(house, alpha, { lists: both });
    const move = async (token: string, step: 'suspend' | 'reinstate') =>
      api.ask(token, `POST /api/v1/members/${alpha}/${step}`, { body: { reason: 'why' } });
    expect(await move(bare, 'suspend')).toMatchObject({ status: 200 });
    for (const token of [bare, await house.token('admin', lena.address)])
      expect(await move(token, 'reinstate')).toMatchObject(refusal(403, 'forbidden'));
    // On the host.
    expect(await decide(house, { project: 'orbit' }, alpha, 'reinstate', { reason: 'back' })).toMatchObject({ state: 'active' });
    await changeMember(house, alpha, { lists: [LISTS.distributors] });
    expect(await setContactActive(house, ada.contactId, true, 'back')).toMatchObject({ active: 1 });
    expect(await readers()).toEqual(before);
  });

  test('who has left his organisation gets nothing from then on, and his word is nobody’s', async () => {
    const { api, admin } = await open();
    const { house } = api;
    const [alpha, beta] = house.members;
    const post = async (subject: string) => {
      const letter = letterOf(house, alpha, { to: LISTS.distributors, subject });
      const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
      return arrive(house, await encryptedMail(letter, sealing), { to: LISTS.distributors, sender: alpha.address });
    };
    await post('first');
    const move = (to: string, who: string, reason = 'left') =>
      api.ask(admin, `POST /api/v1/contacts/${who}/${to}`, { body: { reason } });
    expect(await move('retire', beta.address, ' ')).toMatchObject(refusal(422, 'invalid'));
    expect(await move('retire', beta.address.toUpperCase())).toMatchObject({ status: 200, body: { active: false } });
    expect(await move('retire', beta.contactId)).toMatchObject(refusal(409, 'conflict'));
    const went = await outbox(house).drain();
    expect(went.map(({ to }) => to).sort()).toEqual([alpha.address, beta.address]);
    const his = went.find(({ to }) => to === beta.address)?.raw ?? Buffer.of();
    const words = (await openCopy(his, beta, undefined, house.clock.now())).entity.toString();
    // That he is told, and nothing else: of the post he gets nothing.
    expect(words).toContain('Subject: A contact of "Beta" was retired');
    expect(words).not.toContain('first');
    expect(await move('reinstate', beta.address)).toMatchObject({ status: 200, body: { active: true } });
    await move('retire', alpha.address);
    await expect(post('second')).rejects.toMatchObject({ reason: 'members-only' });
    const [, ...others] = house.team;
    for (const { address } of others) expect((await move('retire', address)).status).toBe(200);
    expect(await move('retire', house.team[0].address)).toMatchObject(refusal(409, 'conflict'));
    expect(await api.ask(admin, `GET /api/v1/contacts/${house.team[0].address}`)).toMatchObject({ body: { active: true } });
    expect(await move('retire', 'nobody@orbit.example')).toMatchObject(refusal(404, 'not-found'));
  });

  test('a certificate is retired by a person: nothing is encrypted to it, and it signs for nobody', async () => {
    const { api } = await open();
    const { house } = api;
    const [alpha] = house.members;
    const admin = await house.token('admin', house.team[0].address);
    const at = `/api/v1/contacts/${alpha.address}/certificates`;
    const [{ id }] = (await api.ask(admin, `GET ${at}`)).body.items;
    expect(await api.ask(await house.token('admin'), `POST ${at}/${id}/retire`)).toMatchObject(refusal(403, 'needs-person'));
    expect(await api.ask(admin, `POST ${at}/${id}/retire`)).toMatchObject({ status: 200, body: { state: 'retired' } });
    expect(await api.ask(admin, `POST ${at}/${id}/retire`)).toMatchObject(refusal(409, 'conflict'));
    const letter = letterOf(house, alpha, { to: LISTS.distributors });
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letter, sealing);
    await expect(arrive(house, raw, { to: LISTS.distributors })).rejects.toMatchObject({ reason: 'members-only' });
    expect(await api.ask(admin, `GET /api/v1/contacts/${alpha.address}`)).toMatchObject({ body: { fingerprint: null } });
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

  test('a certificate that its owner extended is renewed, and what was held since it had expired goes, once', async () => {
    const { api, admin } = await open();
    const { house } = api;
    const [alpha, beta] = house.members;
    const old = await generate(alpha.address, 'Alpha', { born: NOW - 30 * DAY, lifetime: 31 * 86_400 });
    await house.db.deleteFrom('certificates').where('contact_id', '=', alpha.contactId).execute();
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const give = (certificate: string) => api.ask(admin, `POST ${at}`, { body: { certificate } });
    expect(await give(old.public)).toMatchObject({ status: 201, body: { state: 'current', encryptionKey: null } });
    await contacts.setProved(house.db, [alpha.contactId], NOW);
    house.clock.moveTo(NOW + 2 * DAY);
    const mail = await encryptedMail(letterOf(house, beta, { to: LISTS.distributors }), {
      recipients: [listCertificate(house, LISTS.distributors)],
      signer: beta,
    });
    await arrive(house, mail, { to: LISTS.distributors, sender: beta.address });
    const box = outbox(house);
    expect((await box.drain()).map(({ to }) => to)).not.toContain(alpha.address);
    expect(await deliveries.page(house.db, { limit: 9, state: 'held' })).toMatchObject([{ reason: 'expired' }]);

    const renewed = await give(await changed(old, NOW + DAY, { lifetime: 90 * 86_400 }));
    expect(renewed).toMatchObject({ status: 200, body: { state: 'current', fingerprint: old.fingerprint } });
    const { before, after } = renewed.body.encryptionKey;
    expect([before, typeof before]).toEqual([after, 'string']);
    expect(await give(renewed.body.certificate)).toMatchObject(refusal(409, 'conflict'));
    expect((await box.drain()).map(({ to }) => to)).toEqual([alpha.address]);
    expect(await box.drain()).toEqual([]);
  });

  test('a certificate that its owner revoked holds his copies from then on, and is no longer his word', async () => {
    const { api, admin } = await open();
    const { house } = api;
    const [alpha, beta] = house.members;
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const give = (certificate: string) => api.ask(admin, `POST ${at}`, { body: { certificate } });
    const added = await give(await changed(alpha, NOW - DAY, { subkey: true }));
    expect(added).toMatchObject({
      status: 202,
      body: { encryptionKey: { before: expect.any(String), after: expect.any(String) } },
    });
    expect(added.body.encryptionKey.before).not.toBe(added.body.encryptionKey.after);
    const approving = `POST ${at}/${added.body.id}/approve`;
    expect((await api.ask(await house.token('admin', house.team[0].address), approving)).status).toBe(200);
    expect(await give(await changed(alpha, NOW - DAY, { revoked: true }))).toMatchObject({
      status: 200,
      body: { state: 'current', encryptionKey: { before: added.body.encryptionKey.after, after: null } },
    });
    const posted = async (signer: typeof alpha) => {
      const recipients = [listCertificate(house, LISTS.distributors)];
      const mail = await encryptedMail(letterOf(house, signer, { to: LISTS.distributors }), { recipients, signer });
      return arrive(house, mail, { to: LISTS.distributors, sender: signer.address });
    };
    // He is held, and asked for another one, from that moment on.
    const member = await memberOf(house, alpha);
    expect((await api.ask(admin, `GET /api/v1/members/${member}`)).body).toMatchObject({ state: 'key_hold' });
    await expect(posted(alpha)).rejects.toMatchObject({ name: 'Refusal' });
    await posted(beta);
    await outbox(house).drain();
    expect(await deliveries.page(house.db, { limit: 9, state: 'held' })).toMatchObject([
      { address: alpha.address, reason: 'revoked' },
    ]);
    expect(await give(alpha.public)).toMatchObject(refusal(409, 'conflict'));
  });

  test('a proposed certificate is renewed without being approved by that', async () => {
    const { api, admin } = await open();
    const [alpha] = api.house.members;
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    const next = await generate(alpha.address, 'Alpha', {});
    for (const certificate of [next.public, await changed(next, NOW - DAY, { subkey: true })])
      expect(await api.ask(admin, `POST ${at}`, { body: { certificate } })).toMatchObject({
        status: 202,
        body: { state: 'proposed', fingerprint: next.fingerprint },
      });
    expect((await certificates.current(api.house.db, alpha.contactId))?.fingerprint).toBe(alpha.fingerprint);
  });

  test('a certificate that holds a key of another contact is refused', async () => {
    const opened = await open();
    const { api, admin } = opened;
    const [alpha, beta] = api.house.members;
    const certificate = await adopting('gina@gamma.example', beta.public);
    const problem = { status: 409, body: { code: 'conflict', detail: expect.stringMatching(/belongs to another contact$/) } };
    const contact = { address: 'gina@gamma.example', name: 'Gina', certificate };
    const member = `/api/v1/members/${await addMember(opened)}`;
    expect(await api.ask(admin, `POST ${member}/contacts`, { body: contact })).toMatchObject(problem);
    const at = `/api/v1/contacts/${alpha.contactId}/certificates`;
    expect(await api.ask(admin, `POST ${at}`, { body: { certificate } })).toMatchObject(problem);
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
