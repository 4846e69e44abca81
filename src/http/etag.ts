import { Type } from 'typebox';
import { Refusal } from '../refusal.ts';

/** Headers of what changes something that is shown with an ETag. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'the ETag with which it was read: refused with 412 where it was changed meanwhile' }),
  ),
});

/** Of a case its revision, of what has none its version. */
export function etagOf(version: number | string): string {
  return `"${version}"`;
}

interface Headers {
  'if-match'?: string;
}

/** The revision that whoever asks has seen; undefined where he does not care. What is no ETag of ours can match nothing (RFC 9110 §13.1.1). */
export function seenRevision(headers: Headers): number | undefined {
  const seen = seenTag(headers, /^"(\d{1,15})"$/);
  return seen === undefined ? undefined : Number(seen);
}

/** The same of what has no revision. */
export function seenVersion(headers: Headers): string | undefined {
  return seenTag(headers, /^"([0-9a-f]{32})"$/);
}

function seenTag(headers: Headers, form: RegExp): string | undefined {
  const tag = headers['if-match']?.trim();
  if (tag === undefined || tag === '*') return undefined;
  const seen = form.exec(tag)?.[1];
  if (seen === undefined) throw new Refusal('stale');
  return seen;
}
