import { Type } from 'typebox';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';

const WANTED = 'an instant with its offset from UTC (RFC 3339), as in 2026-09-22T16:00:00Z';

/** In a request. Read it with `readInstant`. */
export const InstantText = Type.String({ maxLength: 64, description: WANTED });

/** In an answer: always UTC. */
export const InstantUtc = Type.String({ format: 'date-time', description: 'an instant in UTC' });

/** RFC 3339 §5.6; a `T` in lower case and a space are allowed by its notes. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const WITHOUT_OFFSET = /^\d{4}-\d\d-\d\d([Tt ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?)?$/;

/**
 * The instant in a text; digits below the millisecond are cut off.
 * Throws Refusal('no-utc-offset') where only the offset lacks: whose clock it means, nobody can know. Else Refusal('invalid').
 * @param path Where it stood, for the message.
 */
export function readInstant(text: string, path: string): Instant {
  if (WITHOUT_OFFSET.test(text)) throw new Refusal('no-utc-offset');
  const [, year, month, day, time, fraction = '.0', offset] = DATE_TIME.exec(text) ?? [];
  const instant = Date.parse(`${year}-${month}-${day}T${time}${fraction.slice(0, 4)}${offset?.toUpperCase()}`);
  if (Number.isNaN(instant) || !isDay(Number(year), Number(month), Number(day)))
    throw new Refusal('invalid', `${path} must be ${WANTED}`);
  return instant;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isDay(year: number, month: number, day: number): boolean {
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
