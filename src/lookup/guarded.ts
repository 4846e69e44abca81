import { lookup as resolve } from 'node:dns/promises';
import { request } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { SECOND } from '../clock.ts';

/** Why nothing came: a word for programs. */
export type NotFetched = 'not-found' | 'not-https' | 'private-address' | 'redirected' | 'too-large' | 'too-slow' | 'unreachable';

export type Fetched = { bytes: Uint8Array } | { failed: NotFetched };

/** How it goes out. Tests pass their own. */
export interface Outside {
  /** Every address of a name; rejects where there is none. */
  resolve(host: string): Promise<{ address: string; family: number }[]>;
  /** PEM of an authority to trust beside those of the system. */
  authority?: string;
  /** Whether an address may be asked. */
  allowed(address: string): boolean;
  /** Milliseconds for all of it, the name included; 10 s unless given. */
  patience?: number;
}

export const outside: Outside = {
  resolve: (host) => resolve(host, { all: true }),
  allowed: (address) => !isPrivate(address),
};

/** Octets of a certificate and what may stand around it. */
const LARGEST = 512 * 1024;
const PATIENCE = 10 * SECOND;

/**
 * Gets a file from a host that somebody else named (CWE-918): by https alone, from an address of the public network that is looked up
 * once and then used, with no redirect, to an end in octets and in time. Never rejects.
 */
export async function fetchGuarded(
  url: URL,
  { resolve: resolveName, allowed, authority, patience = PATIENCE }: Outside,
): Promise<Fetched> {
  if (url.protocol !== 'https:' || url.username !== '' || url.password !== '') return { failed: 'not-https' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const signal = AbortSignal.timeout(patience);
  const found = isIP(host) ? [{ address: host, family: isIP(host) }] : await unless(signal, resolveName(host)).catch(() => []);
  if (signal.aborted) return { failed: 'too-slow' };
  const [first] = found;
  if (!first) return { failed: 'unreachable' };
  // One that is private among others is there to be tried second.
  if (!found.every(({ address }) => allowed(address))) return { failed: 'private-address' };
  return get(url, first, signal, authority);
}

/** Rejects where the signal comes first: a look-up of a name cannot be called off, only left alone. */
function unless<T>(signal: AbortSignal, pending: Promise<T>): Promise<T> {
  const over = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  return Promise.race([pending, over]);
}

function get(
  url: URL,
  { address, family }: { address: string; family: number },
  signal: AbortSignal,
  authority: string | undefined,
): Promise<Fetched> {
  return new Promise((settle) => {
    const asked = request(
      url,
      {
        // The name was looked up; whatever it is by now, this is what was judged.
        lookup: (_host, options, done) => (options.all ? done(null, [{ address, family }]) : done(null, address, family)),
        signal,
        agent: false,
        headers: { accept: 'application/octet-stream, application/pgp-keys, text/plain' },
        ...(authority === undefined ? {} : { ca: authority }),
      },
      (answer) => {
        const { statusCode = 0 } = answer;
        const end = (fetched: Fetched) => {
          settle(fetched);
          answer.destroy();
        };
        if (statusCode >= 300 && statusCode < 400) return end({ failed: 'redirected' });
        if (statusCode !== 200) return end({ failed: statusCode === 404 || statusCode === 410 ? 'not-found' : 'unreachable' });
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST) end({ failed: 'too-large' });
          else chunks.push(chunk);
        });
        answer.on('end', () => settle({ bytes: Buffer.concat(chunks) }));
        answer.on('error', () => settle({ failed: 'unreachable' }));
      },
    );
    asked.on('error', (error) =>
      settle({ failed: error.name === 'AbortError' || error.name === 'TimeoutError' ? 'too-slow' : 'unreachable' }),
    );
    asked.end();
  });
}

/** Networks that are no part of the public Internet (RFC 6890 and its registries), and what embeds addresses of them. */
// One for each family: Node checks an address of IPv4 against the rules for ::ffff:0:0/96 as well.
const PRIVATE = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  PRIVATE.ipv4.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.ipv6.addSubnet(network, prefix, 'ipv6');

export function isPrivate(address: string): boolean {
  const family = isIP(address.split('%', 1)[0] ?? '');
  if (family === 0 || address.includes('%')) return true;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  return PRIVATE[kind].check(address, kind);
}
