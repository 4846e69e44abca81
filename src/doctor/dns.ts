import { NODATA, NOTFOUND, type Resolver } from 'node:dns/promises';
import { failed, ok, type Seen, unknown, warning } from './finding.ts';

/** As much of it as is asked. */
export type Ask = Pick<Resolver, 'resolveMx' | 'resolveTxt' | 'resolve4' | 'resolve6'>;

/** A name server did not say that there is nothing: it said nothing, or that it cannot. */
class Unasked extends Error {}

/** What there is; empty where there is nothing. Throws Unasked where nobody answers. */
async function answers<T>(asked: Promise<T[]>): Promise<T[]> {
  try {
    return await asked;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === NOTFOUND || code === NODATA) return [];
    throw new Unasked(code);
  }
}

/**
 * What the world is told of the domain: where its mail goes (RFC 5321 §5.1), who may send it (RFC 7208), what signs it (RFC 6376), and what
 * becomes of other mail (RFC 7489).
 */
export async function lookAtDns(domain: string, dns: Ask, key: SigningKey | null): Promise<Seen[]> {
  const dkim = (of: string, ask: Ask) => signature(of, ask, key);
  const parts = [mx, spf, dkim, dmarc].map(async (look) => {
    try {
      return [await look(domain, dns)];
    } catch (error) {
      if (!(error instanceof Unasked)) throw error;
      return [unknown(`DNS was not to be asked (${error.message})`, `ask elsewhere for ${look.name.toUpperCase()} of ${domain}`)];
    }
  });
  return (await Promise.all(parts)).flat();
}

/** Names of those who take mail of the domain, the preferred one first; itself where it has no MX. Null where nobody answers. */
export async function exchangersOf(domain: string, dns: Ask): Promise<string[] | null> {
  const found = await answers(dns.resolveMx(domain)).catch(() => null);
  if (found === null) return null;
  const names = found.sort((a, b) => a.priority - b.priority).flatMap(({ exchange }) => (exchange === '' ? [] : [exchange]));
  return names.length > 0 ? names : [domain];
}

async function mx(domain: string, dns: Ask): Promise<Seen> {
  const found = (await answers(dns.resolveMx(domain))).sort((a, b) => a.priority - b.priority);
  // RFC 7505.
  if (found.some(({ exchange }) => exchange === '' || exchange === '.'))
    return failed(`${domain} says that it takes no mail (MX 0 .)`, 'name the mail server in its MX record');
  if (found.length === 0) {
    if (!(await hasAddress(domain, dns)))
      return failed(`${domain} has neither MX nor address: no mail reaches it`, `publish: ${domain}. MX 10 <your mail server>.`);
    return warning(`${domain} has no MX: mail goes to its own address`, `publish: ${domain}. MX 10 ${domain}.`);
  }
  for (const { exchange } of found)
    if (!(await hasAddress(exchange, dns)))
      return failed(`${exchange}, an MX of ${domain}, has no address`, 'mend or remove that record');
  return ok(`mail to ${domain} goes to ${found.map(({ exchange }) => exchange).join(', ')}`);
}

async function hasAddress(name: string, dns: Ask): Promise<boolean> {
  return (await answers(dns.resolve4(name))).length + (await answers(dns.resolve6(name))).length > 0;
}

/** The TXT records of a name that begin so, each as one text (RFC 7208 §3.3). */
async function texts(name: string, begin: RegExp, dns: Ask): Promise<string[]> {
  const records = await answers(dns.resolveTxt(name));
  return records.map((pieces) => pieces.join('')).filter((text) => begin.test(text));
}

async function spf(domain: string, dns: Ask): Promise<Seen> {
  const found = await texts(domain, /^v=spf1( |$)/i, dns);
  if (found.length > 1)
    return failed(`${domain} has ${found.length} SPF records, which count for none`, 'leave one of them (RFC 7208 §4.5)');
  const [record] = found;
  if (record === undefined)
    return warning(
      `${domain} has no SPF record: its mail looks like anybody’s`,
      `publish: ${domain}. TXT "v=spf1 mx -all", with the relay in it`,
    );
  if (/ \+?all$/i.test(record)) return failed(`SPF of ${domain} lets everybody send its mail: ${record}`, 'end it with -all');
  return ok(`SPF of ${domain}: ${record}`);
}

/** By which what goes out is signed. */
export interface SigningKey {
  selector: string;
  /** SubjectPublicKeyInfo (RFC 6376 §3.6.1), base64. */
  publicKey: string;
}

async function signature(domain: string, dns: Ask, key: SigningKey | null): Promise<Seen> {
  if (!key) return ok(`the mail of ${domain} is signed by the relay (DKIM), or by nobody: "dkim" is null`);
  const name = `${key.selector}._domainkey.${domain}`;
  const todo = `publish: ${name}. TXT "v=DKIM1; k=rsa; p=${key.publicKey}"`;
  // RFC 6376 §3.6.1: the version may be left out, and it is the default.
  const found = await texts(name, /(^|;)[ \t]*p[ \t]*=/, dns);
  if (found.length === 0) return failed(`what goes out is signed by a key that nobody finds: ${name}`, todo);
  const published = found.map((record) => /(?:^|;)[ \t]*p[ \t]*=([^;]*)/.exec(record)?.[1]?.replaceAll(/\s/g, ''));
  if (found.length > 1 || published[0] !== key.publicKey)
    return failed(`what ${name} publishes is not the key that signs what goes out`, todo);
  return ok(`DKIM at ${name}`);
}

async function dmarc(domain: string, dns: Ask): Promise<Seen> {
  const labels = domain.split('.');
  // That of the domain itself, or else of one above it.
  for (let at = 0; at <= labels.length - 2; at++) {
    const name = `_dmarc.${labels.slice(at).join('.')}`;
    const [record, ...others] = await texts(name, /^v=DMARC1(;|$)/i, dns);
    if (others.length > 0)
      return failed(`${name} has several DMARC records, which count for none`, 'leave one of them (RFC 7489 §6.6.3)');
    if (record !== undefined) return ok(`DMARC at ${name}: ${record}`);
  }
  return warning(`${domain} has no DMARC record`, `publish: _dmarc.${domain}. TXT "v=DMARC1; p=quarantine"`);
}
