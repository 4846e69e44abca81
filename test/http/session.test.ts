import { expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { MOST_SIGN_INS } from '../../src/http/session.ts';
import { createProvider } from '../../src/oidc/provider.ts';
import * as contacts from '../../src/store/contacts.ts';
import { scheduled } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { serving } from './api.ts';
import type { HowToSignIn } from './app.ts';
import { REDIRECT, signingIn } from './signing-in.ts';

eachEngine((engine) => {
  const open = signingIn();
  const start = async () => open(await engine.open());
  const serve = serving();

  test('who signs in acts as the person whose account that is, for some hours', async () => {
    const { api, signIn, confirm } = await start();
    await signIn('dirk');
    await confirm('dirk');
    const { status, body } = await signIn('dirk');
    const [, dirk] = api.house.team;
    const until = new Date(api.house.clock.now() + 8 * HOUR).toISOString();
    expect([status, body]).toEqual([
      201,
      { id: expect.any(String), token: expect.stringMatching(/^curfew_/), person: dirk.address, role: 'team', expiresAt: until },
    ]);
    expect((await api.ask(body.token, 'GET /api/v1/cases')).status).toBe(200);
    expect((await api.ask(body.token, 'GET /api/v1/tokens')).body.code).toBe('forbidden');
    api.house.clock.moveTo(api.house.clock.now() + 8 * HOUR);
    expect((await api.ask(body.token, 'GET /api/v1/cases')).status).toBe(401);
  });

  test('nobody is an admin whom the configuration does not name', async () => {
    const { api, token } = await start();
    expect((await api.ask(await token('lena'), 'GET /api/v1/tokens')).status).toBe(200);
    expect((await api.ask(await token('ada'), 'GET /api/v1/tokens')).status).toBe(403);
  });

  test('an account is nobody until an admin at the host says that it is who it says', async () => {
    const { api, signIn, confirm, provider, audited } = await start();
    expect(await signIn('dirk')).toMatchObject({
      status: 403,
      body: {
        code: 'identity-unconfirmed',
        detail:
          'This account says that it is dirk@orbit.example. An admin confirms it at the host: curfew identity confirm dirk@orbit.example dirk',
      },
    });
    for (const [subject, address] of [
      ['dirk', 'lena@orbit.example'],
      ['other', 'dirk@orbit.example'],
      ['dirk', 'nobody@orbit.example'],
    ] as const)
      await expect(confirm(subject, address)).rejects.toMatchObject({ reason: 'not-found' });
    await confirm('dirk');
    expect((await signIn('dirk')).status).toBe(201);
    const of = { issuer: provider.issuer, subject: 'dirk' };
    const [, { contactId: person }] = api.house.team;
    expect(await audited()).toMatchObject([
      { action: 'session.refuse', actor: { type: 'system' }, detail: { ...of, person, reason: 'identity-unconfirmed' } },
      { action: 'identity.confirm', detail: of },
      { action: 'session.begin', actor: { type: 'person', name: 'dirk@orbit.example' }, detail: { issuer: of.issuer } },
    ]);
  });

  test('an address that is not verified, that nobody has, or whose person is not of the team is nobody, and that is logged', async () => {
    const { api, signIn, provider, audited } = await start();
    const [, , ada] = api.house.team;
    provider.accounts.set('unverified', { email: 'dirk@orbit.example', email_verified: false });
    provider.accounts.set('unsaid', { email: 'dirk@orbit.example' });
    provider.accounts.set('text', { email: 'dirk@orbit.example', email_verified: 'true' });
    provider.accounts.set('mute', {});
    provider.accounts.set('stranger', { email: 'stranger@orbit.example', email_verified: true });
    provider.accounts.set('alpha', { email: 'alpha@alpha.example', email_verified: true });
    await contacts.setActive(api.house.db, ada.contactId, false);
    const subjects = ['unverified', 'unsaid', 'text', 'mute', 'stranger', 'alpha', 'ada'];
    for (const subject of subjects)
      expect(await signIn(subject), subject).toMatchObject({
        status: 403,
        body: { code: 'forbidden', detail: 'This account is of nobody on the response team' },
      });
    expect((await audited()).map(({ action, detail }) => [action, detail['subject']])).toEqual(
      subjects.map((subject) => ['session.refuse', subject]),
    );
    expect(await api.house.db.selectFrom('identities').selectAll().execute()).toEqual([]);
  });

  test('an account stays its person’s whatever becomes of its address, and nobody else is that person by the address', async () => {
    const { signIn, token, confirm, provider } = await start();
    await token('dirk');
    provider.accounts.set('dirk', { email: 'lena@orbit.example', email_verified: true });
    expect((await signIn('dirk')).body).toMatchObject({ person: 'dirk@orbit.example', role: 'team' });
    provider.accounts.set('mallory', { email: 'dirk@orbit.example', email_verified: true });
    expect((await signIn('mallory')).body.code).toBe('identity-unconfirmed');
    expect((await signIn('dirk')).status).toBe(201);
    // What waits is not the same account twice: another address is another claim.
    provider.accounts.set('mallory', { email: 'ada@orbit.example', email_verified: true });
    expect((await signIn('mallory')).body.code).toBe('identity-unconfirmed');
    await expect(confirm('mallory', 'dirk@orbit.example')).rejects.toMatchObject({ reason: 'not-found' });
  });

  test('a new account of a person replaces the one before, and ends what that signed in', async () => {
    const { api, signIn, token, confirm, provider } = await start();
    const before = await token('dirk');
    const made = await api.house.token('team', 'dirk@orbit.example');
    provider.accounts.set('dirk2', { email: 'dirk@orbit.example', email_verified: true });
    await signIn('dirk2');
    await confirm('dirk2', 'dirk@orbit.example');
    expect((await api.ask(before, 'GET /api/v1/cases')).status).toBe(401);
    expect((await api.ask(made, 'GET /api/v1/cases')).status).toBe(200);
    expect((await signIn('dirk2')).status).toBe(201);
    expect((await signIn('dirk')).body.code).toBe('identity-unconfirmed');
  });

  test('a person who signs in twice, or has a token besides, approves once; two people are two', async () => {
    const { api, token, signIn } = await start();
    const { id, bundle_hash: hash } = await scheduled(api.house);
    const approve = (by: string) => api.ask(by, `POST /api/v1/cases/${id}/approvals`, { body: { hash } });
    const dirk = await token('dirk');
    const again = (await signIn('dirk')).body.token;
    const made = await api.house.token('team', 'dirk@orbit.example');
    expect(await approve(dirk)).toMatchObject({ status: 201, body: { state: 'in_fix' } });
    for (const other of [dirk, again, made])
      expect(await approve(other)).toMatchObject({ status: 409, body: { code: 'approved-already' } });
    expect(await approve(await token('ada'))).toMatchObject({ status: 201, body: { state: 'armed' } });
  });

  test('who has left the team takes his sign-ins with him', async () => {
    const { api, token, signIn } = await start();
    const dirk = await token('dirk');
    await contacts.setActive(api.house.db, api.house.team[1].contactId, false);
    expect(await api.ask(dirk, 'GET /api/v1/cases')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await signIn('dirk')).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('who signs out ends that token, and no other', async () => {
    const { api, token, signIn } = await start();
    const [dirk, other] = [await token('dirk'), (await signIn('dirk')).body.token];
    expect(await api.ask(dirk, 'DELETE /api/v1/session')).toMatchObject({ status: 200, body: { status: 'signed out' } });
    expect((await api.ask(dirk, 'GET /api/v1/cases')).status).toBe(401);
    expect((await api.ask(other, 'GET /api/v1/cases')).status).toBe(200);
    const made = await api.house.token('team', 'dirk@orbit.example');
    expect(await api.ask(made, 'DELETE /api/v1/session')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await api.ask(made, 'GET /api/v1/cases')).status).toBe(200);
  });

  test('an address that only the userinfo endpoint tells is known as well', async () => {
    const { provider, signIn } = await start();
    provider.inIdToken = false;
    expect((await signIn('dirk')).body.code).toBe('identity-unconfirmed');
    expect(provider.asked).toContain('/me');
  });

  test('while the provider is down nobody signs in, and tokens go on', async () => {
    const { api, provider, begin, finish, token } = await start();
    const dirk = await token('dirk');
    const { url, secret } = await begin();
    const answer = await provider.visit(url, 'dirk');
    await provider.down();
    const down = { status: 503, body: { code: 'provider-unavailable' } };
    expect(await api.ask(null, `GET /api/v1/sign-in?redirectUri=${encodeURIComponent(REDIRECT)}`)).toMatchObject(down);
    const tried = await finish(secret, answer);
    expect(tried).toMatchObject(down);
    expect(tried.headers.get('retry-after')).toBe('5');
    expect((await api.ask(dirk, 'GET /api/v1/cases')).status).toBe(200);
    expect(api.logged()).toContain(`${provider.issuer}: ECONNREFUSED`);
    await provider.up();
    expect((await finish(secret, answer)).status).toBe(201);
  });

  test('a secret that the provider does not know signs nobody in, and whoever runs the server is told', async () => {
    const { api, provider } = await start();
    const options = { issuer: provider.issuer, clientId: 'curfew', clientSecret: 'wrong' };
    const client = createProvider(options, api.house.clock);
    const { url, secret } = await client.begin(REDIRECT);
    const answer = await provider.visit(url, 'dirk');
    await expect(client.finish(secret, answer)).rejects.toMatchObject({
      reason: 'sign-in-failed',
      hint: undefined,
      detail: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE invalid_client',
    });
  });

  test('a provider that is another one than it should be is not taken', async () => {
    const { api, provider, begin } = await start();
    // The same server by another name: what it says of itself is not what was asked for.
    const options = { issuer: provider.issuer.replace('127.0.0.1', 'localhost'), clientId: 'curfew', clientSecret: null };
    await expect(createProvider(options, api.house.clock).begin(REDIRECT)).rejects.toMatchObject({
      reason: 'provider-unavailable',
    });
    await begin();
  });

  test('the browser is sent back to loopback and nowhere else', async () => {
    const { api } = await start();
    for (const redirectUri of [
      'https://evil.example/',
      'http://127.0.0.1.evil.example:80/',
      'http://127.0.0.1:80@evil.example/',
      'http://localhost:49152/',
      'http://127.0.0.1/',
      'http://127.0.0.1:49152/x',
      '',
    ])
      expect(await api.ask(null, `GET /api/v1/sign-in?${new URLSearchParams({ redirectUri })}`), redirectUri).toMatchObject({
        status: 422,
        body: { code: 'invalid' },
      });
  });

  test('many from one place are too many, and tokens go on', async () => {
    const { api, begin, token } = await start();
    const dirk = await token('dirk');
    api.house.clock.moveTo(api.house.clock.now() + MINUTE);
    for (let i = 0; i < MOST_SIGN_INS; i++)
      await api.ask(null, 'POST /api/v1/session', { body: { secret: '0'.repeat(52), answer: `${REDIRECT}?code=x&state=y` } });
    await expect(begin()).rejects.toThrow('too-many-attempts');
    expect((await api.ask(dirk, 'GET /api/v1/cases')).status).toBe(200);
    // What was refused for now is not what its Idempotency-Key is answered with for a day.
    const finish = (headers = {}) => {
      const body = { secret: '1'.repeat(52), answer: `${REDIRECT}?code=x&state=y` };
      return api.ask(null, 'POST /api/v1/session', { body, headers });
    };
    expect((await finish({ 'idempotency-key': 'k' })).status).toBe(429);
    api.house.clock.moveTo(api.house.clock.now() + MINUTE);
    const again = await finish({ 'idempotency-key': 'k' });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([(await finish()).status, null]);
    await begin();
  });

  test('a server without a provider says so', async () => {
    const none: HowToSignIn = () => null;
    const api = await serve(await engine.open(), none);
    expect(await api.ask(null, `GET /api/v1/sign-in?redirectUri=${encodeURIComponent(REDIRECT)}`)).toMatchObject({
      status: 404,
      body: { code: 'not-found', detail: 'This server has no identity provider: use a token that was made at the host' },
    });
  });
});

eachEngine((engine) => {
  const open = signingIn({ public: true });

  test('a public client signs in as well: PKCE stands for its secret', async () => {
    const { token, api, provider } = await open(await engine.open());
    expect((await api.ask(await token('dirk'), 'GET /api/v1/cases')).status).toBe(200);
    expect(provider.asked).toContain('/token');
  });
});
