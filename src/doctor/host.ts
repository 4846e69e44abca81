import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DAY, type Instant } from '../clock.ts';
import { type Config, isLoopback } from '../config.ts';
import { roomOf } from '../store/room.ts';
import { failed, mib, ok, type Seen, unknown, warning } from './finding.ts';

/** What a night of mail may take. */
const LITTLE = 2 * 2 ** 30;

/** The room where the database grows. */
export function lookAtDisk({ database, smtp }: Config): Seen[] {
  const room = roomOf(database);
  if (room === null || !('sqlite' in database))
    return [unknown('the database is on a server of its own', 'look at the disk there')];
  const left = `${mib(room)} are left where the database is (${dirname(database.sqlite)})`;
  if (room < smtp.limits.reserve) return [failed(left, 'make room, or files: mail is refused with 452 until there is')];
  return [room < LITTLE ? warning(left, 'make room: a mail may have 25 MiB, and each of its copies as much') : ok(left)];
}

/** Until its end a certificate is told of. */
const SOON = 14 * DAY;

/** The certificate that STARTTLS shows, and whether it is for one of these (null: nobody knows for whom). That it fits its key was seen when the configuration was read. */
export function lookAtTls({ smtp }: Config, names: readonly string[] | null, now: Instant): Seen[] {
  if (!smtp.tls) {
    return [
      isLoopback(smtp.host)
        ? ok('mail is taken on this machine alone, without TLS')
        : warning(`mail is taken at ${smtp.host} without TLS`, 'set smtp.tls, or let an MTA in front of it offer STARTTLS'),
    ];
  }
  const certificate = new X509Certificate(readFileSync(smtp.tls.certificate));
  const until = Date.parse(certificate.validTo);
  const end = new Date(until).toISOString().slice(0, 10);
  const renew = `renew ${smtp.tls.certificate}, then send the server a SIGHUP`;
  const seen: Seen[] = [];
  if (Date.parse(certificate.validFrom) > now)
    seen.push(failed(`the TLS certificate is valid only from ${certificate.validFrom}`, 'look at the clock'));
  if (until <= now) seen.push(failed(`the TLS certificate ended on ${end}`, renew));
  else if (until <= now + SOON) seen.push(warning(`the TLS certificate ends on ${end}`, renew));
  if (names === null)
    seen.push(unknown('whom the TLS certificate is to be for is not known: DNS gives no answer', 'look again where it does'));
  else if (!names.some((name) => certificate.checkHost(name) !== undefined))
    seen.push(warning(`the TLS certificate is for none of ${names.join(', ')}`, 'have it made for the name that MX says'));
  return seen.length > 0 ? seen : [ok(`the TLS certificate is valid to ${end}`)];
}
