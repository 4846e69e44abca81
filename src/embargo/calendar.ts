import { DAY, HOUR, type Instant } from '../clock.ts';

/*
 * Days are those of UTC: an embargo ends everywhere at once, and no clock of a country moves it.
 */

/** A length of time as policies give it. A business day is none of Saturday, Sunday and the policy's holidays. */
export type Span = { hours: number } | { days: number } | { businessDays: number };

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** `2026-09-07`. */
export function dateOf(instant: Instant): string {
  return new Date(instant).toISOString().slice(0, 10);
}

export function weekdayOf(instant: Instant): Weekday {
  return WEEKDAYS[new Date(instant).getUTCDay()] ?? 'sun';
}

export function isWeekend(instant: Instant): boolean {
  return weekdayOf(instant) === 'sat' || weekdayOf(instant) === 'sun';
}

/** Milliseconds since that day began. */
export function timeOfDay(instant: Instant): number {
  return ((instant % DAY) + DAY) % DAY;
}

/** The instant a span after another one. Business days keep the time of the day: Friday and one is Monday. */
export function after(start: Instant, span: Span, holidays: readonly string[]): Instant {
  if ('hours' in span) return start + span.hours * HOUR;
  if ('days' in span) return start + span.days * DAY;
  let at = start;
  for (let left = span.businessDays; left > 0; ) {
    at += DAY;
    if (!isWeekend(at) && !holidays.includes(dateOf(at))) left -= 1;
  }
  return at;
}

/** For people: `24 hours`, `7 days`, `1 business day`. */
export function spanWords(span: Span): string {
  const [count, unit] =
    'hours' in span ? [span.hours, 'hour'] : 'days' in span ? [span.days, 'day'] : [span.businessDays, 'business day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
