import { createHmac } from 'node:crypto';
import * as client from 'openid-client';
import { type Clock, newToken, SECOND, systemClock } from '../clock.ts';
import { Refusal } from '../refusal.ts';

/*
 * Signing in with OpenID Connect Core 1.0: the authorization code flow with PKCE (RFC 7636), for a program at a terminal (RFC 8252).
 *
 *   command line                    Curfew                           provider
 *   listens on loopback ---------> begin: URL, secret
 *   shows the URL; the browser goes ------------------------------> the person signs in
 *   <---------------------------------- back to loopback, with a code
 *   secret and code -------------> finish: code, verifier --------> ID token; signature, iss, aud, exp, nonce
 *   <------- a token of Curfew's -- account
 *
 * The code comes to the machine of whoever signs in and to no other: a link that somebody is sent to sign in with gives its sender
 * nothing, as it would with a device code (RFC 8628 §5.4) or a page of the server that finishes for whoever asks. The ID token, the access
 * token and the secret of the client stay between the server and the provider. State, nonce and verifier are all made of the one secret
 * that only whoever began has: nothing is kept until an account is proved, so that strangers fill nothing, and any node can finish.
 */

export interface ProviderOptions {
  /** https, or http to loopback. */
  issuer: string;
  clientId: string;
  /** Null for a public client. */
  clientSecret: string | null;
}

export interface Provider {
  /**
   * `redirectUri`: where the browser comes back to, on loopback. Gives where it is to go, and the secret that finishes the sign-in.
   * Throws Refusal('provider-unavailable').
   */
  begin(redirectUri: string): Promise<{ url: string; secret: string }>;
  /**
   * `answer`: the URL that the browser came back to, with its query. Gives who signed in: the account by issuer and subject, and its
   * address if the provider says that it is verified. Throws Refusal: provider-unavailable; sign-in-failed, why in its `detail` alone.
   */
  finish(secret: string, answer: URL): Promise<{ issuer: string; subject: string; address: string | null }>;
}

/** For one answer of the provider, in seconds. */
const PATIENCE = 10;

/** A client of an OpenID provider. It asks nothing before somebody signs in: the provider may be down when the server starts. */
export function createProvider({ issuer, clientId, clientSecret }: ProviderOptions, clock: Clock): Provider {
  const server = new URL(issuer);

  /** Anew for each sign-in: they are rare, and the provider may have changed its keys. */
  async function discover(): Promise<client.Configuration> {
    // openid-client asks the machine for the time; what counts is ours.
    const skew = Math.round((clock.now() - systemClock.now()) / SECOND);
    const found = await client.discovery(server, clientId, { [client.clockSkew]: skew }, authentication(clientSecret), {
      timeout: PATIENCE,
      [client.customFetch]: reach,
      // The configuration lets http through to loopback alone.
      execute: server.protocol === 'http:' ? [client.allowInsecureRequests] : [],
    });
    // By default the signature is not looked at: TLS stands for the provider (OpenID Connect Core 1.0 §3.1.3.7).
    client.enableNonRepudiationChecks(found);
    return found;
  }

  return {
    async begin(redirectUri) {
      const provider = await discover().catch(unavailable);
      const secret = newToken(32);
      const { state, nonce, verifier } = proofsOf(secret);
      const url = client.buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        scope: 'openid email',
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, secret };
    },
    async finish(secret, answer) {
      const provider = await discover().catch(unavailable);
      return prove(provider, secret, answer).catch(failed);
    },
  };
}

async function prove(provider: client.Configuration, secret: string, answer: URL) {
  const { state, nonce, verifier } = proofsOf(secret);
  const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
  const granted = await client.authorizationCodeGrant(provider, answer, checks);
  const claims = granted.claims();
  if (!claims) throw new Error('a grant without an ID token was taken');
  // A provider may keep what the scope `email` is for to its userinfo endpoint (OpenID Connect Core 1.0 §5.4).
  const elsewhere = claims['email'] === undefined && provider.serverMetadata().userinfo_endpoint !== undefined;
  const { email, email_verified } = elsewhere ? await client.fetchUserInfo(provider, granted.access_token, claims.sub) : claims;
  const address = typeof email === 'string' && email_verified === true ? email : null;
  return { issuer: claims.iss, subject: claims.sub, address };
}

/** What is shown on the way tells nothing of the others, nor of the secret. */
function proofsOf(secret: string): { state: string; nonce: string; verifier: string } {
  const made = (of: string) => createHmac('sha256', secret).update(of).digest('base64url');
  return { state: made('state'), nonce: made('nonce'), verifier: made('code verifier') };
}

/** RFC 6749 §2.3.1: every server takes a password by Basic, unless it says otherwise (OpenID Connect Discovery 1.0 §3). */
function authentication(secret: string | null): client.ClientAuth {
  if (secret === null) return client.None();
  const [basic, post] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const known = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (known.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}

/** `fetch`, of which an outage is told from everything else. */
const reach: client.CustomFetch = (url, options) =>
  fetch(url, options as RequestInit).catch((error: unknown) => {
    throw outage(`${new URL(url).origin}: ${codeOf(error)}`);
  });

function outage(detail: string): Refusal {
  return new Refusal('provider-unavailable', undefined, detail);
}

/** Of the metadata, whatever is wrong with it. */
function unavailable(error: unknown): never {
  throw outageIn(error) ?? outage(`the metadata of the provider: ${codeOf(error)}`);
}

function failed(error: unknown): never {
  const down = outageIn(error);
  if (down) throw down;
  const code = codeOf(error);
  if (DISTURBED.has(code)) throw outage(code);
  if (code.startsWith('OAUTH_')) throw new Refusal('sign-in-failed', undefined, [code, errorOf(error)].join(' ').trim());
  throw error;
}

/** Whatever answers is not well, or is something before the provider. */
const DISTURBED: ReadonlySet<string> = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
  'OAUTH_TIMEOUT',
]);

function outageIn(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  return error instanceof Error && error.cause instanceof Refusal ? error.cause : undefined;
}

/** Codes alone: a message, or the text of the provider, could hold what nobody else is to know. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause instanceof Error ? codeOf(error.cause) : error.name;
}

/** The error code of OAuth, such as `access_denied` or `invalid_client` (RFC 6749 §4.1.2.1 and §5.2; RFC 6750 §3). */
function errorOf(error: unknown): string {
  const holder = error instanceof client.WWWAuthenticateChallengeError ? error.cause[0]?.parameters : error;
  const said = typeof holder === 'object' && holder !== null && 'error' in holder ? String(holder.error) : '';
  return /^[a-z_]{1,50}$/.test(said) ? said : '';
}
