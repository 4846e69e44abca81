import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { HOUR } from '../../src/clock.ts';
import * as tokens from '../../src/store/tokens.ts';
import { REDIRECT, type SigningIn, signingIn } from '../http/signing-in.ts';
import { eachEngine } from '../support/dialects.ts';
import { type IdToken, signer } from '../support/identity-provider.ts';

const FAILED = { status: 403, body: { code: 'sign-in-failed', title: expect.stringMatching(/^The sign-in did not succeed/) } };
const seconds = (instant: number) => Math.floor(instant / 1000);

const CLAIM = 'OAUTH_JWT_CLAIM_COMPARISON_FAILED';
const TIME = 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED';
const FORM = 'OAUTH_INVALID_RESPONSE';
const KEY = 'OAUTH_KEY_SELECTION_FAILED';

/**
 * What an impostor, or a provider that means somebody else, issues in the place of the right token; and what whoever runs the server
 * is told of it.
 */
const forgeries: Record<string, [string, (token: IdToken, to: SigningIn) => void]> = {
  'for another client': [CLAIM, ({ claims }) => void Object.assign(claims, { aud: 'other' })],
  'for several clients, and given to another one': [
    CLAIM,
    ({ claims }) => void Object.assign(claims, { aud: ['curfew', 'x'], azp: 'x' }),
  ],
  'of another issuer': [CLAIM, ({ claims }) => void Object.assign(claims, { iss: 'https://evil.example' })],
  'for another sign-in': [CLAIM, ({ claims }) => void Object.assign(claims, { nonce: 'x' })],
  'for no sign-in': [FORM, ({ claims }) => void Reflect.deleteProperty(claims, 'nonce')],
  'that has ended': [TIME, ({ claims }, { api }) => void Object.assign(claims, { exp: seconds(api.house.clock.now() - HOUR) })],
  'that never ends': [FORM, ({ claims }) => void Reflect.deleteProperty(claims, 'exp')],
  'of nobody': [FORM, ({ claims }) => void Reflect.deleteProperty(claims, 'sub')],
  'without a signature': [FORM, (token) => void Object.assign(token, { header: { alg: 'none' }, sign: () => Buffer.alloc(0) })],
  'whose signature was cut off': [FORM, (token) => void Object.assign(token, { sign: () => Buffer.alloc(0) })],
  'signed with another key': [FORM, (token) => void Object.assign(token, { sign: signer() })],
  'signed with a key of another name': [
    KEY,
    (token) => {
      Object.assign(token.header, { kid: 'second' });
      Object.assign(token, { sign: signer() });
    },
  ],
  'signed with the secret of the client': [
    FORM,
    (token, { provider }) =>
      void Object.assign(token, {
        header: { alg: 'HS256' },
        sign: (input: Buffer) => createHmac('sha256', provider.clientSecret).update(input).digest(),
      }),
  ],
};

eachEngine((engine) => {
  const open = signingIn();
  const start = async () => open(await engine.open());

  test('an ID token that is not right in every point signs nobody in, and its bearer is not told which', async () => {
    const to = await start();
    const { api, provider, signIn, begin, finish } = to;
    await to.token('dirk');
    const before = (await tokens.all(api.house.db)).length;
    const logged = await to.audited();
    const reasons: string[] = [];
    for (const [what, [code, forge]] of Object.entries(forgeries)) {
      reasons.push(code);
      api.house.clock.moveTo(api.house.clock.now() + 60_001);
      provider.forge = (token) => {
        // The clock of the house goes on a minute each time.
        Object.assign(token.claims, { iat: seconds(api.house.clock.now()), exp: seconds(api.house.clock.now() + HOUR) });
        forge(token, to);
      };
      const { url, secret } = await begin();
      const answer = await finish(secret, await provider.visit(url, 'dirk'));
      expect(answer, what).toMatchObject(FAILED);
      expect(answer.body, what).not.toHaveProperty('detail');
    }
    expect((await tokens.all(api.house.db)).length).toBe(before + 1);
    expect(await to.audited()).toEqual(logged);
    provider.forge = (token) =>
      void Object.assign(token.claims, { iat: seconds(api.house.clock.now()), exp: seconds(api.house.clock.now() + HOUR) });
    expect((await signIn('dirk')).status).toBe(201);
    // Whoever runs the server learns what it was, and no secret.
    expect([...api.logged().matchAll(/"detail":"(OAUTH_\w+)"/g)].map(([, code]) => code)).toEqual(reasons);
    for (const secret of [provider.clientSecret, 'curfew_', 'code=', 'id_token', 'dirk@orbit.example'])
      expect(api.logged()).not.toContain(secret);
  });

  test('what time it is says the clock of the house', async () => {
    const { api, signIn, token } = await start();
    await token('dirk');
    api.house.clock.moveTo(api.house.clock.now() + 2 * HOUR);
    expect(await signIn('dirk')).toMatchObject(FAILED);
  });

  test('an answer is taken once', async () => {
    const { provider, begin, finish, token } = await start();
    await token('dirk');
    const { url, secret } = await begin();
    const answer = await provider.visit(url, 'dirk');
    expect((await finish(secret, answer)).status).toBe(201);
    expect(await finish(secret, answer)).toMatchObject(FAILED);
  });

  test('whoever has the answer of another’s browser cannot finish with it', async () => {
    const { provider, begin, finish, token } = await start();
    await token('dirk');
    const [his, mallory] = [await begin(), await begin()];
    const answer = await provider.visit(his.url, 'dirk');
    expect(await finish(mallory.secret, answer)).toMatchObject(FAILED);
    // As if it were an answer to his own sign-in: the code was given to another verifier.
    const state = new URL(mallory.url).searchParams.get('state') ?? '';
    const mixed = new URL(answer);
    mixed.searchParams.set('state', state);
    expect(await finish(mallory.secret, mixed)).toMatchObject(FAILED);
  });

  test('an answer of another provider, without its state, or of somebody who denied is none', async () => {
    const { api, provider, begin, finish, token } = await start();
    await token('dirk');
    const { url, secret } = await begin();
    const answer = await provider.visit(url, 'dirk');
    const changed = (change: (query: URLSearchParams) => void) => {
      const other = new URL(answer);
      change(other.searchParams);
      return finish(secret, other);
    };
    expect(await changed((query) => query.set('iss', 'https://evil.example'))).toMatchObject(FAILED);
    expect(await changed((query) => query.delete('iss'))).toMatchObject(FAILED);
    expect(await changed((query) => query.delete('state'))).toMatchObject(FAILED);
    expect(await changed((query) => query.append('state', 'x'))).toMatchObject(FAILED);
    expect(await changed((query) => query.set('code', 'guessed'))).toMatchObject(FAILED);
    expect(await finish(secret, await provider.visit(url, 'deny'))).toMatchObject(FAILED);
    expect(api.logged()).toContain('OAUTH_AUTHORIZATION_RESPONSE_ERROR access_denied');
  });

  test('what is sent in the place of an answer is refused before the provider is asked', async () => {
    const { api, provider, begin } = await start();
    const { secret } = await begin();
    provider.asked.length = 0;
    for (const answer of [
      'https://evil.example/?code=x',
      `${REDIRECT}?code=x y`,
      `${REDIRECT}?${'c'.repeat(9000)}`,
      'http://127.0.0.1:99999/?code=x',
    ])
      expect(await api.ask(null, 'POST /api/v1/session', { body: { secret, answer } })).toMatchObject({ status: 422 });
    const body = { secret: 'short', answer: `${REDIRECT}?code=x` };
    expect(await api.ask(null, 'POST /api/v1/session', { body })).toMatchObject({ status: 422 });
    expect(provider.asked).toEqual([]);
  });
});
