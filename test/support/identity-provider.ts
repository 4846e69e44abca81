import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';
import { afterAll, afterEach } from 'vitest';

export interface TestAccount {
  email?: string;
  /** Some send a text. */
  email_verified?: boolean | string;
}

/** An ID token as it is sent. */
export interface IdToken {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  sign(input: Buffer): Buffer;
}

/** A real OpenID provider on loopback, with its one client `curfew`. */
export interface IdentityProvider {
  issuer: string;
  clientSecret: string;
  /** By subject. */
  accounts: Map<string, TestAccount>;
  /** Whether what is known of an address stands in the ID token; else the userinfo endpoint has it. */
  inIdToken: boolean;
  /** Changes what it issues next, as an impostor would. */
  forge: ((token: IdToken) => void) | null;
  /** What it was asked, a path each. */
  asked: string[];
  /** As a person with that account (or one who denies) does with a browser: gives the URL on another host where that ends. */
  visit(url: string, subject: string | 'deny'): Promise<URL>;
  /** Nothing answers there until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

const CLIENT_SECRET = 'a secret of the client: 0123456789abcdef';

/** Gives a provider for a test file, as it was at first before each test. Call it where a describe block begins. */
export function identityProvider(of: { public?: boolean } = {}): () => Promise<IdentityProvider> {
  let made: Promise<IdentityProvider & { reset(): Promise<void>; close(): Promise<void> }> | undefined;
  afterEach(async () => (await made)?.reset());
  afterAll(async () => (await made)?.close());
  return () => {
    made ??= open(of.public ?? false);
    return made;
  };
}

async function open(isPublic: boolean) {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const asked: string[] = [];
  let server = await listen((...both) => handle(...both), 0);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(
    issuer,
    configuration(key, isPublic, (subject) => self.accounts.get(subject)),
  );
  provider.use(async (context, next) => {
    await next();
    const { path, body } = context;
    if (path === '/token' && hasIdToken(body)) body.id_token = reissue(body.id_token, key, self);
  });
  const callback = provider.callback();
  handle = (request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname;
    asked.push(path);
    if (path.startsWith('/interaction/')) void finish(provider, request, response);
    else void callback(request, response);
  };
  const self = {
    issuer,
    clientSecret: CLIENT_SECRET,
    accounts: new Map<string, TestAccount>(),
    inIdToken: true,
    forge: null as IdentityProvider['forge'],
    asked,
    visit: (url: string, subject: string) => visit(issuer, url, subject),
    down: () => close(server),
    async up() {
      if (!server.listening) server = await listen((...both) => handle(...both), port);
    },
    close: () => close(server),
    async reset() {
      self.accounts.clear();
      self.inIdToken = true;
      self.forge = null;
      self.asked.length = 0;
      await self.up();
    },
  };
  return self;
}

function listen(handle: (request: IncomingMessage, response: ServerResponse) => void, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(handle).once('error', reject);
    server.listen({ host: '127.0.0.1', port }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function configuration(key: KeyObject, isPublic: boolean, accountOf: (subject: string) => TestAccount | undefined) {
  const authentication = isPublic
    ? { token_endpoint_auth_method: 'none' }
    : { token_endpoint_auth_method: 'client_secret_basic', client_secret: CLIENT_SECRET };
  return {
    clients: [
      {
        client_id: 'curfew',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/', 'http://[::1]/'],
        ...authentication,
      },
    ],
    jwks: { keys: [{ ...key.export({ format: 'jwk' }), kid: 'first', alg: 'RS256', use: 'sig' }] },
    adapter: createMemoryAdapter(0),
    ttl: { Interaction: 60, Grant: 60, Session: 60, AccessToken: 60, IdToken: 3600 },
    cookies: { keys: ['for the time of a test'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: async (_context: unknown, subject: string) => ({
      accountId: subject,
      claims: async () => ({ sub: subject, ...accountOf(subject) }),
    }),
    // Everybody has agreed before.
    async loadExistingGrant(context: {
      oidc: { provider: Provider; session: { accountId: string }; client: { clientId: string } };
    }) {
      const { provider, session, client } = context.oidc;
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
      grant.addOIDCScope('openid email');
      await grant.save();
      return grant;
    },
  };
}

/** Who signs in is whom the browser says. */
async function finish(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const subject = /account=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  const result = subject === 'deny' ? { error: 'access_denied' } : { login: { accountId: subject }, consent: {} };
  await provider.interactionFinished(request, response, result);
}

function hasIdToken(body: unknown): body is { id_token: string } {
  return typeof body === 'object' && body !== null && 'id_token' in body && typeof body.id_token === 'string';
}

/** The same token, with the address where it is to be, or what an impostor makes of it. */
function reissue(issued: string, key: KeyObject, { accounts, inIdToken, forge }: IdentityProvider): string {
  const [header, claims] = issued.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
  const token: IdToken = { header, claims: { ...claims, ...(inIdToken ? accounts.get(claims.sub) : {}) }, sign: signer(key) };
  forge?.(token);
  const part = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url');
  const signed = `${part(token.header)}.${part(token.claims)}`;
  return `${signed}.${token.sign(Buffer.from(signed)).toString('base64url')}`;
}

/** RS256 with that key, or with one that nobody knows. */
export function signer(key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey): IdToken['sign'] {
  return (input) => sign('sha256', input, key);
}

async function visit(issuer: string, begin: string, subject: string): Promise<URL> {
  const cookies = new Map([['account', subject]]);
  let url = new URL(begin);
  for (let hops = 0; url.origin === issuer; hops++) {
    if (hops > 10) throw new Error(`the provider leads nowhere: ${url}`);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const to = answer.headers.get('location');
    if (to === null) throw new Error(`the provider answers ${answer.status}: ${await answer.text()}`);
    url = new URL(to, url);
  }
  return url;
}
