import type { FastifyReply } from 'fastify';
import { type Clock, type Instant, MINUTE, SECOND } from '../clock.ts';
import { Refusal } from '../refusal.ts';

/** How many are remembered: the oldest are forgotten first, and memory stays bounded. */
const MOST_KNOWN = 10_000;

export interface Rate {
  /** Counts one more. Gives the seconds that he should wait, 0 while it is not too many. */
  count(who: string): number;
}

/** Counts by whom something is done, so many times a minute at most. */
export function limitRate(clock: Clock, most: number): Rate {
  const windows = new Map<string, { count: number; until: Instant }>();
  return {
    count(who) {
      const now = clock.now();
      const known = windows.get(who);
      const window = known && known.until > now ? known : { count: 0, until: now + MINUTE };
      window.count += 1;
      windows.delete(who);
      windows.set(who, window);
      for (const oldest of windows.keys()) {
        if (windows.size <= MOST_KNOWN) break;
        windows.delete(oldest);
      }
      return window.count > most ? Math.ceil((window.until - now) / SECOND) : 0;
    },
  };
}

/** The refusal, with the time in the header (RFC 9110 §10.2.3). `wait`: seconds. */
export function slowDown(
  reply: FastifyReply,
  wait: number,
  reason: 'too-many-attempts' | 'too-many-requests',
  why?: string,
): Refusal {
  reply.header('retry-after', String(wait));
  return new Refusal(reason, why);
}

/** Throws Refusal `too-many-attempts` where there is any time to wait. `wait`: seconds. */
export function mustWait(reply: FastifyReply, wait: number, why: string): void {
  if (wait > 0) throw slowDown(reply, wait, 'too-many-attempts', why);
}

/**
 * Whom an address is counted as: a whole /64 of IPv6 is one place, as whoever has one address of it has all of them (RFC 4291 §2.5.4,
 * RFC 6177).
 */
export function placeOf(ip: string): string {
  const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [before = '', after] = plain.split('::');
  const groups = before === '' ? [] : before.split(':');
  const filled = after === undefined ? groups : [...groups, ...zerosBefore(groups.length, after), ...after.split(':')];
  return `${filled
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':')}::/64`;
}

/** As many groups as make eight with those before, and with those after, of which an IPv4 address is two. */
function zerosBefore(before: number, after: string): string[] {
  const behind = after === '' ? 0 : after.split(':').length + (after.includes('.') ? 1 : 0);
  return Array<string>(Math.max(0, 8 - before - behind)).fill('0');
}
