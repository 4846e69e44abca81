import { expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { applyUnseen, MOST_APPLICATIONS } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import * as audit from '../../src/store/audit.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { applied } from '../support/applied.ts';
import { eachEngine } from '../support/dialects.ts';
import { LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { serving } from './api.ts';

eachEngine((engine) => {
  const serve = serving();
  const application = async (organisation: string, address: string) => ({
    organisation,
    contact: { address, certificate: (await makeParty(address)).public },
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.' })),
  });

  test('an application needs no token, and its answer tells nobody who is on the roster', async () => {
    const api = await serve(await engine.open());
    const send = (body: object) => api.ask(null, 'POST /api/v1/applications', { body });
    const unknown = await send(await application('Gamma', 'gina@gamma.example'));
    const [alpha] = api.house.members;
    const known = [
      await send(await application('Alpha', 'other@alpha.example')),
      await send({
        ...(await application('Delta', 'dora@delta.example')),
        contact: { address: alpha.address, certificate: alpha.public },
      }),
      await send(await application('Gamma', 'gina@gamma.example')),
    ];
    for (const answer of [unknown, ...known]) expect([answer.status, answer.body]).toEqual([202, { status: 'received' }]);
    expect(await members.byOrganisation(api.house.db, 'Gamma')).toMatchObject({ state: 'applied' });
    expect(await members.byOrganisation(api.house.db, 'Delta')).toBeUndefined();
    expect((await members.byOrganisation(api.house.db, 'Alpha'))?.state).toBe('active');
    const sent = await outbox(api.house).drain();
    // The same words to whoever wrote, and none to who is on the roster and did not.
    expect(sent.filter(({ to }) => to === 'gina@gamma.example')).toHaveLength(1);
    expect(sent.filter(({ to }) => to === 'other@alpha.example')).toHaveLength(1);
    expect(sent.filter(({ to }) => to === alpha.address)).toEqual([]);
    // The team is told of each, taken or not.
    expect(sent.filter(({ to }) => to === api.house.team[0].address)).toHaveLength(4);
  });

  test('an application at an address of the roster is as much work as one at any other', async () => {
    const { house } = await serve(await engine.open());
    const rules = { project: 'orbit', criteria: CRITERIA, terms: null };
    const workOf = async (organisation: string, address: string) => {
      const done: string[] = [];
      const watch =
        (of: object, name: string) =>
        (...args: unknown[]) => {
          done.push(name);
          return Reflect.apply(Reflect.get(of, name), of, args);
        };
      const pgp = new Proxy(house.pgp, { get: (of, name) => watch(of, String(name)) });
      const { answers, contact } = await application(organisation, address);
      const wish = { organisation, product: null, contact: { ...contact, name: null }, terms: null };
      const whole = { ...wish, answers: answers.map((answer) => ({ ...answer, evidence: null })) };
      const taken = await applyUnseen({ ...house, pgp }, rules, whole);
      return { taken, done };
    };
    const unknown = await workOf('Gamma', 'gina@gamma.example');
    const known = await workOf('Delta', house.members[0].address);
    expect([unknown.taken, known.taken]).toEqual([true, false]);
    expect(unknown.done.length).toBeGreaterThan(2);
    expect(known.done).toEqual(unknown.done);
  });

  test('what is wrong with the form itself is said', async () => {
    const api = await serve(await engine.open());
    const whole = await application('Gamma', 'gina@gamma.example');
    for (const [change, reason] of [
      [{ answers: [] }, 'invalid'],
      [{ contact: { ...whole.contact, certificate: 'x' } }, 'unusable-certificate'],
      [{ contact: { ...whole.contact, address: 'other@gamma.example' } }, 'unusable-certificate'],
      [{ organisation: '' }, 'invalid'],
      [{ organisation: 'Nova\u2028Linux' }, 'invalid'],
      [{ product: 'Nova\u2029' }, 'invalid'],
      [{ contact: { ...whole.contact, name: 'Gina\u0085' } }, 'invalid'],
      [{ terms: 'a\u0000b' }, 'invalid'],
    ] as const)
      expect(await api.ask(null, 'POST /api/v1/applications', { body: { ...whole, ...change } })).toMatchObject({
        status: 422,
        body: { code: reason },
      });
  });

  test.each(['   ', 'Gamma ', 'Gam\u200bma', '\u202eammaG', 'Gamma\u3164', '\ud800', '---', 'Mu\u0308ller', 'M\ufffdller'])(
    'an organisation that is called %j is told so',
    async (organisation) => {
      const { house, ask } = await serve(await engine.open());
      const body = await application(organisation, 'gina@gamma.example');
      expect(await ask(null, 'POST /api/v1/applications', { body })).toMatchObject({
        status: 422,
        body: { code: 'invalid', detail: expect.stringContaining('The name of the organisation') },
      });
      const organisations = [{ organisation, lists: [], contacts: [body.contact] }];
      const { problems } = await importRoster(house, organisations, { activate: null, dryRun: true });
      expect(problems).toMatchObject([{ entry: 0, problem: expect.stringContaining('The name of the organisation') }]);
    },
  );

  test('terms are noted where the project has some, and a name that reads as another’s is known', async () => {
    const api = await serve(await engine.open());
    const send = (body: object) => api.ask(null, 'POST /api/v1/applications', { body });
    expect((await send({ ...(await application('Gamma', 'gina@gamma.example')), terms: '7' })).status).toBe(202);
    expect(await members.byOrganisation(api.house.db, 'Gamma')).toMatchObject({ terms: null, terms_at: null });
    const before = await members.named(api.house.db);
    for (const name of ['ALPHA', 'Ａlpha', 'gamma'])
      expect((await send(await application(name, 'dora@delta.example'))).status, name).toBe(202);
    expect(await members.named(api.house.db)).toEqual(before);
  });

  test('many within an hour, from wherever, are too many: by mail and over REST together', async () => {
    const api = await serve(await engine.open());
    await applied(api.house, MOST_APPLICATIONS);
    const body = await application('Gamma', 'gina@gamma.example');
    const send = () => api.ask(null, 'POST /api/v1/applications', { body, headers: { 'idempotency-key': '1' } });
    api.house.clock.moveTo(api.house.clock.now() + 10 * MINUTE);
    const refused = await send();
    expect(refused).toMatchObject({ status: 429, body: { code: 'too-many-attempts' } });
    // When the oldest of them is an hour ago.
    expect(refused.headers.get('retry-after')).toBe('3000');
    expect(await members.byOrganisation(api.house.db, 'Gamma')).toBeUndefined();
    api.house.clock.moveTo(api.house.clock.now() + 50 * MINUTE);
    // What was refused for now keeps no key.
    expect((await send()).status).toBe(202);
  });

  test('many from one place are too many', async () => {
    const api = await serve(await engine.open());
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++) statuses.push((await api.ask(null, 'POST /api/v1/applications', { body: {} })).status);
    const body = await application('Gamma', 'gina@gamma.example');
    for (let at = 0; at < 12; at++) statuses.push((await api.ask(null, 'POST /api/v1/applications', { body })).status);
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.filter((status) => status === 202).length).toBeLessThanOrEqual(10);
  });

  test('sent again with its Idempotency-Key it is taken once, and whoever guesses the key learns nothing', async () => {
    const api = await serve(await engine.open());
    const send = (key: string, body: object) =>
      api.ask(null, 'POST /api/v1/applications', { body, headers: { 'idempotency-key': key } });
    const body = await application('Gamma', 'gina@gamma.example');
    const first = await send('1', body);
    const before = await audit.end(api.house.db);
    const again = await send('1', body);
    for (const answer of [first, again]) expect([answer.status, answer.body]).toEqual([202, { status: 'received' }]);
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await audit.end(api.house.db)).toEqual(before);

    // Of others, on the roster or not, nothing is told but that it was another request.
    const [alpha] = api.house.members;
    const guesses = [
      await send('1', await application('Delta', 'dora@delta.example')),
      await send('1', { ...body, contact: { address: alpha.address, certificate: alpha.public } }),
    ];
    for (const answer of guesses) expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
    expect(await audit.end(api.house.db)).toEqual(before);
    const kept = await api.house.db.selectFrom('idempotency').selectAll().execute();
    expect(kept).toHaveLength(1);
    expect(JSON.stringify(kept) + Buffer.from(kept[0]?.answer ?? []).toString('latin1')).not.toMatch(/gina|Gamma|received/);

    // It is none of a token's, and none of theirs is it.
    const admin = await api.house.token('admin');
    const recipient = { address: 'reader@example.net', kind: 'subscriber' };
    const path = `POST /api/v1/lists/${LISTS.announce}/recipients`;
    expect((await api.ask(admin, path, { body: recipient, headers: { 'idempotency-key': '1' } })).status).toBe(201);

    // Once for who is known, too: the team is told of it once.
    const known = await application('Alpha', 'other@alpha.example');
    for (let times = 0; times < 2; times++) expect((await send('2', known)).status).toBe(202);
    const sent = await outbox(api.house).drain();
    expect(sent.filter(({ to }) => to === 'other@alpha.example')).toHaveLength(1);
    expect(sent.filter(({ to }) => to === api.house.team[0].address)).toHaveLength(2);
  });

  test('what is too much keeps no key', async () => {
    const api = await serve(await engine.open());
    const body = await application('Gamma', 'gina@gamma.example');
    for (let at = 0; at < 30; at++)
      await api.ask(null, 'POST /api/v1/applications', { body, headers: { 'idempotency-key': String(at) } });
    expect(await api.house.db.selectFrom('idempotency').select('id').execute()).toHaveLength(10);
  });
});
