import type { Static } from 'typebox';
import type { ContactView } from '../http/schemas.ts';

/** Of a contact whose mail fails; none where it does not. */
export function healthLines({ address, health }: Pick<Static<typeof ContactView>, 'address' | 'health'>): string[] {
  const { state, hard, soft, delayedAt, deliveredAt, line } = health;
  if (state === 'well') return [];
  const of = (words: string, { count, firstAt, lastAt }: typeof hard) =>
    count === 0 ? [] : [`${count} ${words}, ${firstAt} to ${lastAt}`];
  const failures = [...of('hard', hard), ...of('soft', soft), ...(delayedAt === null ? [] : [`delayed at ${delayedAt}`])];
  return [
    `Mail to ${address} ${state === 'failing' ? 'DOES NOT ARRIVE' : 'meets difficulties'}: ${failures.join('; ')}`,
    ...(line === null ? [] : [`Last answer: ${line}`]),
    `Last taken by a relay: ${deliveredAt ?? 'never'}`,
  ];
}
