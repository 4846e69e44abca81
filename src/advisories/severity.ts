import type { Rating, Severity } from './advisory.ts';

export interface Cvss {
  version: '3.0' | '3.1' | '4.0';
  vector: string;
  /** The base score, and the rating that goes with it, whatever the team calls it. */
  score: number;
  rating: Rating;
}

/** Null where it was not scored, or by a version that no document has a place for. */
export function cvssOf(severity: Severity | null | undefined): Cvss | null {
  const vector = severity?.vector ?? '';
  const version = (['3.0', '3.1', '4.0'] as const).find((one) => vector.startsWith(`CVSS:${one}/`));
  if (!version || severity?.base == null) return null;
  return { version, vector, score: severity.base, rating: ratingOf(severity.base) };
}

/** CVSS v3.1 §5 and v4.0 §6. */
export function ratingOf(score: number): Rating {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'none';
}

/** The members that the documents of CSAF and of CVE have in common (FIRST's JSON schemas of CVSS). */
export function cvssMembers({ version, vector, score, rating }: Cvss) {
  return { version, vectorString: vector, baseScore: score, baseSeverity: rating.toUpperCase() };
}

/** For people: `High, 8.8 (CVSS:3.1/...)`. */
export function severityWords({ vector, score, rating }: Severity): string {
  const scored = score === null ? '' : `, ${score.toFixed(1)}`;
  return `${capitalised(rating)}${scored}${vector === null ? '' : ` (${vector})`}`;
}

export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
