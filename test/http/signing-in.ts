import { systemClock } from '../../src/clock.ts';
import { createProvider } from '../../src/oidc/provider.ts';
import { confirmIdentity } from '../../src/roster/sign-in.ts';
import type { TestDatabase } from '../support/dialects.ts';
import { type IdentityProvider, identityProvider } from '../support/identity-provider.ts';
import { type Answer, serving, type TestApi } from './api.ts';

export const REDIRECT = 'http://127.0.0.1:49152/';

/** An API whose people sign in with a real provider, where Lena, Dirk and Ada of the team have verified addresses. */
export interface SigningIn {
  api: TestApi;
  provider: IdentityProvider;
  begin(): Promise<{ url: string; secret: string }>;
  finish(secret: string, answer: URL): Promise<Answer>;
  /** From the beginning to the end. */
  signIn(subject: string): Promise<Answer>;
  /** What an admin does at the host. */
  confirm(subject: string, address?: string): Promise<void>;
  /** A token of whoever has that account, after it was confirmed. */
  token(subject: string): Promise<string>;
  /** The last lines of the audit log that are about signing in, oldest first. */
  audited(): Promise<{ action: string; actor: { type: string; name: string | null }; detail: Record<string, unknown> }[]>;
}

/** Call it where a describe block begins. */
export function signingIn(of: { public?: boolean } = {}): (database: TestDatabase) => Promise<SigningIn> {
  const serve = serving();
  const open = identityProvider(of);
  return async (database) => {
    const provider = await open();
    const { issuer, clientSecret } = provider;
    const options = { issuer, clientId: 'curfew', clientSecret: of.public ? null : clientSecret };
    const api = await serve(database, ({ clock }) => ({
      provider: createProvider(options, clock),
      rules: { hours: 8, admins: ['Lena@orbit.example'] },
    }));
    // What the provider issues says what time it is.
    api.house.clock.moveTo(systemClock.now());
    for (const name of ['lena', 'dirk', 'ada'])
      provider.accounts.set(name, { email: `${name}@orbit.example`, email_verified: true });
    const begin: SigningIn['begin'] = async () => {
      const { status, body } = await api.ask(null, `GET /api/v1/sign-in?${new URLSearchParams({ redirectUri: REDIRECT })}`);
      if (status !== 200) throw new Error(JSON.stringify(body));
      return body;
    };
    const finish: SigningIn['finish'] = (secret, { href: answer }) =>
      api.ask(null, 'POST /api/v1/session', { body: { secret, answer } });
    const signIn: SigningIn['signIn'] = async (subject) => {
      const { url, secret } = await begin();
      return finish(secret, await provider.visit(url, subject));
    };
    const confirm: SigningIn['confirm'] = (subject, address = `${subject}@orbit.example`) =>
      confirmIdentity(api.house, address, { issuer, subject });
    return {
      api,
      provider,
      begin,
      finish,
      signIn,
      confirm,
      async token(subject) {
        await signIn(subject);
        await confirm(subject);
        return (await signIn(subject)).body.token;
      },
      async audited() {
        const admin = await api.house.token('admin');
        const { items } = (await api.ask(admin, 'GET /api/v1/audit?limit=50')).body;
        return items.filter(({ action }: { action: string }) => /^(session|identity)\./.test(action)).reverse();
      },
    };
  };
}
