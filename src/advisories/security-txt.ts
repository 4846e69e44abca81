import { type Instant, toIso } from '../clock.ts';

/** The fields of security.txt. URIs as RFC 3986 has them: `mailto:`, `https:`, `openpgp4fpr:`, `tel:`. */
export interface SecurityTxt {
  /** The one to try first comes first. */
  contacts: readonly [string, ...string[]];
  expiresAt: Instant;
  encryption?: readonly string[];
  acknowledgments?: readonly string[];
  /** Language tags (RFC 5646), of which none is preferred to another. */
  languages?: readonly string[];
  canonical?: readonly string[];
  policy?: readonly string[];
  hiring?: readonly string[];
  /** URL of provider-metadata.json (CSAF 2.0 §7.1.8). */
  csaf?: readonly string[];
}

/** RFC 9116 §2.4, §4. Throws an Error where a value is no URI of a kind that is allowed there: it comes from the configuration. */
export function securityTxt(fields: SecurityTxt): string {
  const lines = [
    ...fields.contacts.map((uri) => field('Contact', anyUri(uri))),
    field('Expires', toIso(fields.expiresAt)),
    ...(fields.encryption ?? []).map((uri) => field('Encryption', anyUri(uri))),
    ...(fields.acknowledgments ?? []).map((uri) => field('Acknowledgments', anyUri(uri))),
    ...(fields.languages?.length ? [field('Preferred-Languages', fields.languages.map(language).join(', '))] : []),
    ...(fields.canonical ?? []).map((uri) => field('Canonical', anyUri(uri))),
    ...(fields.policy ?? []).map((uri) => field('Policy', anyUri(uri))),
    ...(fields.hiring ?? []).map((uri) => field('Hiring', anyUri(uri))),
    ...(fields.csaf ?? []).map((uri) => field('CSAF', anyUri(uri))),
  ];
  return lines.join('');
}

function field(name: string, value: string): string {
  return `${name}: ${value}\n`;
}

/** RFC 9116 §2.4: a URI of the web begins with `https://`. */
function anyUri(uri: string): string {
  if (!/^[a-z][a-z0-9+.-]*:([A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$/.test(uri) || uri.startsWith('http:'))
    throw new Error(`security.txt: ${JSON.stringify(uri)} is no URI, or one of the web without https`);
  return uri;
}

function language(tag: string): string {
  if (!/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(tag))
    throw new Error(`security.txt: ${JSON.stringify(tag)} is no language tag`);
  return tag;
}

/** RFC 6068 §2: what is not plain in an address is percent-encoded. */
export function mailtoOf(address: string): string {
  const at = address.lastIndexOf('@');
  return `mailto:${encodeURIComponent(address.slice(0, at)).replaceAll("'", '%27')}@${address.slice(at + 1)}`;
}
