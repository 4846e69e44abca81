import { domainToASCII } from 'node:url';
import { LONGEST_LOCAL_PART } from '../mail/address.ts';

/** RFC 5321 §4.5.3.1.3: octets of a path without its angle brackets (erratum 1690). */
const LONGEST_ADDRESS = 254;

const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/**
 * `local@domain` as it may stand in an envelope: dot-atoms and host names of ASCII only, with at most `longest` octets
 * before the @. Null for anything else, also for quoted local parts and address literals (RFC 5321 §4.1.2, §4.1.3), which no list has and which are a way to smuggle
 * spaces, brackets and line ends into a command.
 *
 * smtp-server hands `xn--` domains over as Unicode; they are turned back. A client cannot send Unicode itself, because
 * command lines are ASCII here.
 */
export function envelopeAddress(text: string, longest = LONGEST_LOCAL_PART): string | null {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, Math.max(at, 0));
  const written = text.slice(at + 1);
  const domain = /^[ -~]*$/.test(written) ? written : domainToASCII(written);
  const address = `${local}@${domain}`;
  if (local.length > longest || address.length > LONGEST_ADDRESS) return null;
  return LOCAL_PART.test(local) && DOMAIN.test(domain) ? address : null;
}
