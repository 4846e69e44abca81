import type { Affected, VersionRange } from './advisory.ts';

/** The bounds of a range as they count; null where it has none. */
export interface Bounds {
  from: string | null;
  /** The first that is not affected any more. */
  before: string | null;
  /** The last that is affected, where no fixed one is known. */
  upTo: string | null;
}

/** `0` is the first version of anything (OSV schema, `introduced`). */
export function boundsOf({ introduced, fixed, lastAffected }: VersionRange): Bounds {
  const from = introduced === undefined || introduced === '0' ? null : introduced;
  return { from, before: fixed ?? null, upTo: fixed === undefined ? (lastAffected ?? null) : null };
}

/** For people: `1.2 and later, before 1.4`. */
export function rangeWords(range: VersionRange): string {
  const { from, before, upTo } = boundsOf(range);
  if (from !== null && from === upTo) return from;
  if (upTo !== null) return from === null ? `up to ${upTo}` : `${from} to ${upTo}`;
  const words = [...(from === null ? [] : [`${from} and later`]), ...(before === null ? [] : [`before ${before}`])];
  return words.length === 0 ? 'all versions' : words.join(', ');
}

/** The ranges of an entry; one that names none is of all versions. */
export function rangesOf({ versions }: Affected): readonly VersionRange[] {
  return versions.length === 0 ? [{}] : versions;
}

/** `Orbit (gateway)`. */
export function nameOf({ product, component }: Affected): string {
  return component === undefined ? product : `${product} (${component})`;
}

/** Each once, as they come. */
export function fixedIn({ versions }: Affected): string[] {
  return [...new Set(versions.flatMap(({ fixed }) => fixed ?? []))];
}

/** Semantic Versioning 2.0.0, the suggested expression. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const COMMIT = /^([a-f0-9]{40}|[a-f0-9]{64})$/;

export type VersionKind = 'semver' | 'git' | 'other';

/** What the versions of a range are; a range that names none is of no kind. */
export function kindOf(range: VersionRange): VersionKind {
  const { from, before, upTo } = boundsOf(range);
  const named = [from, before, upTo].filter((version) => version !== null);
  if (named.length > 0 && named.every((version) => SEMVER.test(version))) return 'semver';
  return named.length > 0 && named.every((version) => COMMIT.test(version)) ? 'git' : 'other';
}
