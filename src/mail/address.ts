import libmime from 'libmime';
import addressparser from 'nodemailer/lib/addressparser';

/** One mailbox of an address header. */
export interface Mailbox {
  /** addr-spec, the domain in lower case. */
  address: string;
  /** Display name; empty where there is none. */
  name: string;
}

/**
 * The mailboxes of an address field's value as it stands, groups laid flat; what has no `@` is left out. Encoded words are
 * decoded after the addresses are taken apart, so that none can smuggle an address in (RFC 2047 §5).
 */
export function parseMailboxes(value: string): Mailbox[] {
  return addressparser(value, { flatten: true }).flatMap(({ address, name }) =>
    address?.includes('@') ? [{ address: normalise(address), name: libmime.decodeWords(name ?? '') }] : [],
  );
}

/** The local part keeps its case (RFC 5321 §2.4), the domain has none. */
function normalise(address: string): string {
  const at = address.lastIndexOf('@');
  return address.slice(0, at) + address.slice(at).toLowerCase();
}

/** `local-part@domain` taken apart at the last `@`. */
export function splitAddress(address: string): { local: string; domain: string } {
  const at = address.lastIndexOf('@');
  return at < 0 ? { local: address, domain: '' } : { local: address.slice(0, at), domain: address.slice(at + 1).toLowerCase() };
}

/** Octets of a local part that every server takes (RFC 5321 §4.5.3.1.1). */
export const LONGEST_LOCAL_PART = 64;

/** What an address behind a list is for, by what stands behind the list's name in it. */
const ROLES = ['owner', 'request', 'sendkey'] as const;
export type RoleOfAddress = (typeof ROLES)[number];

/** An address of this server, taken apart. `list` is the list's own address; nothing is looked up. Of a thread see `isThreadOf`. */
export type ListAddress =
  | { purpose: 'post' | RoleOfAddress; list: string }
  | { purpose: 'thread'; list: string; caseId: string; token: string }
  | { purpose: 'bounce'; list: string; token: string };

/**
 * `security@`, `security-owner@` and the like, `security+ORBIT-2026-0001.TOKEN@`, `security-bounce+TOKEN@` (RFC 5233 sub-address).
 * Local parts of lists have no case. Whether the list exists is the caller's to find out: `ops-owner@` may itself be a list.
 */
export function readListAddress(address: string): ListAddress {
  const { local, domain } = splitAddress(address.toLowerCase());
  const bounce = /^(.+)-bounce\+([a-z0-9]+)$/.exec(local);
  if (bounce?.[1] && bounce[2]) return { purpose: 'bounce', list: `${bounce[1]}@${domain}`, token: bounce[2] };
  const thread = /^([^+]+)\+([a-z0-9-]+)\.([a-z0-9]+)$/.exec(local);
  if (thread?.[1] && thread[2] && thread[3])
    return { purpose: 'thread', list: `${thread[1]}@${domain}`, caseId: thread[2].toUpperCase(), token: thread[3] };
  for (const purpose of ROLES)
    if (local.endsWith(`-${purpose}`)) return { purpose, list: `${local.slice(0, -purpose.length - 1)}@${domain}` };
  return { purpose: 'post', list: `${local}@${domain}` };
}

/** `list-owner@domain` and the like. */
export function roleAddress(list: string, purpose: RoleOfAddress): string {
  const { local, domain } = splitAddress(list);
  return `${local}-${purpose}@${domain}`;
}

/** `list-bounce+TOKEN@domain`: where the bounces of one copy come back. */
export function bounceAddress(list: string, token: string): string {
  const { local, domain } = splitAddress(list);
  return `${local}-bounce+${token}@${domain}`;
}

/**
 * `list+CASE.TOKEN@domain`: whoever knows it writes into the case's thread. Where the names of list and project make that longer than
 * every server takes, the project's is left out: `list+2026-0001.TOKEN@domain`.
 */
export function threadAddress(list: string, caseId: string, token: string): string {
  const { local, domain } = splitAddress(list);
  const whole = `${local}+${caseId}.${token}`;
  return `${whole.length > LONGEST_LOCAL_PART ? `${local}+${withoutProject(caseId)}.${token}` : whole}@${domain}`;
}

/** Whether it is the address of this case's thread, by the name of the case alone: its token is not looked at. */
export function isThreadOf(read: ListAddress, caseId: string): boolean {
  return read.purpose === 'thread' && [caseId, withoutProject(caseId)].includes(read.caseId);
}

/** Year and number, which no other case of this server has. */
function withoutProject(caseId: string): string {
  return caseId.split('-').slice(-2).join('-');
}
