import { Type } from 'typebox';
import { Refusal } from '../refusal.ts';

/** Headers of what changes a case. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'the ETag of the case as it was read: refused with 412 where it was changed meanwhile' }),
  ),
});

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/** The revision that whoever asks has seen; undefined where he does not care. What is no ETag of ours can match nothing (RFC 9110 §13.1.1). */
export function seenRevision(headers: { 'if-match'?: string }): number | undefined {
  const tag = headers['if-match']?.trim();
  if (tag === undefined || tag === '*') return undefined;
  const revision = /^"(\d{1,15})"$/.exec(tag)?.[1];
  if (revision === undefined) throw new Refusal('stale');
  return Number(revision);
}
