import { expect, test } from 'vitest';
import { DAY, MINUTE } from '../../src/clock.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { Refusal } from '../../src/refusal.ts';
import { remove } from '../../src/roster/admission.ts';
import { applyUnseen, MOST_APPLICATIONS } from '../../src/roster/apply.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { importRoster } from '../../src/roster/import.ts';
import { keepStranger } from '../../src/roster/strangers.ts';
import * as audit from '../../src/store/audit.ts';
import * as members from '../../src/store/members.ts';
import { outbox } from '../delivery/outbox.ts';
import { applied } from '../support/applied.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, LISTS } from '../support/house.ts';
import { changed, generate, makeParty, openCopy, type Party } from '../support/party.ts';
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

  const rules = { project: 'orbit', criteria: CRITERIA, terms: null };
  const wishOf = (organisation: string, { address, public: certificate }: Pick<Party, 'address' | 'public'>) => ({
    organisation,
    product: null,
    contact: { address, certificate, name: null },
    terms: null,
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: null })),
  });
  /** `pgp` with something done before each call. */
  const watched = (pgp: House['pgp'], before: (name: string) => void) => {
    const watch =
      (of: object, name: string) =>
      async (...args: unknown[]) => {
        before(name);
        return Reflect.apply(Reflect.get(of, name), of, args);
      };
    return new Proxy(pgp, { get: (of, name) => watch(of, String(name)) });
  };

  test('an application is as much work whatever of it is known: organisation, address, certificate, or a copy of that', async () => {
    const { house } = await serve(await engine.open());
    const [alpha, beta] = house.members;
    const now = house.clock.now();
    const extended = async (party: Party) => ({ ...party, public: await changed(party, now, { lifetime: 10_000 * 86_400 }) });
    const own = (address: string) => generate(address, address, { born: now - DAY });
    const workOf = async (organisation: string, party: Pick<Party, 'address' | 'public'>) => {
      const done: string[] = [];
      const pgp = watched(house.pgp, (name) => done.push(name));
      return { taken: await applyUnseen({ ...house, pgp }, rules, wishOf(organisation, party)), done };
    };
    const gina = await own('gina@gamma.example');
    const unknown = await workOf('Gamma', gina);
    expect([unknown.taken, unknown.done.length]).toEqual([true, 6]);

    const rita = await own('rita@example.org');
    for (const copy of [rita, await extended(rita)]) {
      const facts = await house.pgp.readCertificate(copy.public);
      await house.db.transaction().execute((trx) => keepStranger(trx, house, facts));
    }
    const betaId = (await members.byOrganisation(house.db, 'Beta'))?.id ?? '';
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, rules, betaId, contactId, 'leaked');
    const cases: [string, Pick<Party, 'address' | 'public'>, boolean][] = [
      ['Alpha', await own('somebody@alpha.example'), false],
      ['Delta', await own(alpha.address), false],
      ['Alpha', alpha, false],
      ['Alpha', await extended(alpha), false],
      ['Delta', alpha, false],
      ['Delta', await extended(alpha), false],
      ['Gamma', gina, false],
      ['Rita and Sons', await extended(rita), true],
      ['Beta', await extended(beta), true],
    ];
    for (const [organisation, party, taken] of cases)
      expect(await workOf(organisation, party), `${organisation} ${party.address}`).toEqual({ taken, done: unknown.done });
  });

  test('what is known of a certificate makes no other answer: who sends a copy that cannot be used is refused for that alone', async () => {
    const { house } = await serve(await engine.open());
    const now = house.clock.now();
    const [alpha, beta] = house.members;
    const betaId = (await members.byOrganisation(house.db, 'Beta'))?.id ?? '';
    for (const { contactId } of house.team.slice(0, 2)) await remove(house, rules, betaId, contactId, 'leaked');
    const gina = await generate('security@gamma.example', 'gina', { born: now - 30 * DAY, lifetime: 20 * 86_400 });
    const longer = await changed(gina, now, { lifetime: 4000 * 86_400 });
    const rita = await generate('rita@example.org', 'rita', { born: now - 30 * DAY });
    const answer = (organisation: string, party: Pick<Party, 'address' | 'public'>) =>
      applyUnseen(house, rules, wishOf(organisation, party)).catch(({ reason }) => reason);
    const bare = async (party: Pick<Party, 'address' | 'public'>) => {
      const key = await openpgp.readKey({ armoredKey: party.public });
      key.subkeys = [];
      return { ...party, public: key.armor() };
    };
    const asks: [string, Pick<Party, 'address' | 'public'>][] = [
      ['Gamma', gina],
      ['Delta', gina],
      ['Gamma', await bare(gina)],
      ['Alpha', await bare(alpha)],
      ['Delta', await bare(alpha)],
      ['Beta', await bare(beta)],
    ];
    const each = async () => {
      for (const [organisation, party] of asks)
        expect(await answer(organisation, party), `${organisation} ${party.address}`).toBe('unusable-certificate');
    };
    await each();
    const contact = { address: gina.address, certificate: longer };
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: [contact] };
    expect(await importRoster(house, [entry], { activate: { reason: 'known' }, dryRun: false })).toMatchObject({ written: true });
    await each();

    // That its owner has revoked it is known by a mail of his: the team is told, and who sends a copy without that is told nothing.
    const revoked = await house.pgp.readCertificate(await changed(rita, now, { revoked: true }));
    await house.db.transaction().execute((trx) => keepStranger(trx, house, revoked));
    expect(await answer('Rita and Sons', rita)).toBe(false);
    expect(await members.byOrganisation(house.db, 'Rita and Sons')).toBeUndefined();
    const [lena] = house.team;
    const sent = await outbox(house).drain();
    expect(sent.filter(({ to }) => to === rita.address)).toEqual([]);
    const opened = sent.filter(({ to }) => to === lena.address).map(({ raw }) => openCopy(raw, lena, undefined, now));
    const told = (await Promise.all(opened)).map(({ entity }) => entity.toString()).join('\n');
    expect(told).toMatch(/cannot be used by what is known of it: revoked/);
  });

  test('where OpenPGP is too busy at any moment, nothing was taken, and who tries again is no other', async () => {
    const { house } = await serve(await engine.open());
    const wish = wishOf('Gamma', await makeParty('gina@gamma.example'));
    for (let at = 1; at <= 6; at++) {
      let calls = 0;
      const pgp = watched(house.pgp, () => {
        if (++calls === at) throw new Refusal('busy');
      });
      await expect(applyUnseen({ ...house, pgp }, rules, wish)).rejects.toMatchObject({ reason: 'busy' });
      expect(await members.byOrganisation(house.db, 'Gamma')).toBeUndefined();
    }
    expect(await applyUnseen(house, rules, wish)).toBe(true);
  });

  test('the team is told what of an application is there', async () => {
    const { house } = await serve(await engine.open());
    const [alpha] = house.members;
    const [lena] = house.team;
    for (const [organisation, party] of [
      ['Alpha', await makeParty('other@alpha.example')],
      ['ALPHA', await makeParty('other@alpha.example')],
      ['Delta', alpha],
    ] as const)
      await applyUnseen(house, rules, wishOf(organisation, party));
    const mails = (await outbox(house).drain()).filter(({ to }) => to === lena.address);
    const opened = mails.map(async ({ raw }) => (await openCopy(raw, lena, undefined, house.clock.now())).entity.toString());
    const told = (await Promise.all(opened)).join('\n');
    for (const problem of ['"Alpha" is active already', '"ALPHA" reads as "Alpha" does', 'is a contact of "Alpha" already'])
      expect(told).toContain(problem);
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
