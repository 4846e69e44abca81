import { Type } from 'typebox';
import { type Instant, parseInstant } from '../clock.ts';
import { Refusal } from '../refusal.ts';

const WANTED = 'an instant with its offset from UTC (RFC 3339), as in 2026-09-22T16:00:00Z';

/** In a request. Read it with `readInstant`. */
export const InstantText = Type.String({ maxLength: 64, description: WANTED });

/** In an answer: always UTC. */
export const InstantUtc = Type.String({ format: 'date-time', description: 'an instant in UTC' });

/** Also where it says that it knows none (RFC 3339 §4.3). Or with the hour or the zone as people write them: a zone may have another offset in summer, and its letters are several zones'. */
const WITHOUT_OFFSET =
  /^\d{4}-\d\d-\d\d([Tt ]\d\d(:\d\d(:\d\d(\.\d+)?)?(-00:00)?)?)?$|\d\s?(?:[ap]\.?m\b\.?|[a-z]{2,5})(?:\s[a-z]{2,5})?$/i;

/**
 * The instant in a text; digits below the millisecond are cut off.
 * Throws Refusal('no-utc-offset') where only the offset lacks: whose clock it means, nobody can know. Else Refusal('invalid').
 * @param path Where it stood, for the message.
 */
export function readInstant(text: string, path: string): Instant {
  if (WITHOUT_OFFSET.test(text)) throw new Refusal('no-utc-offset');
  const instant = parseInstant(text);
  if (instant === undefined) throw new Refusal('invalid', `${path} must be ${WANTED}`);
  return instant;
}
