import cvss from 'ae-cvss-calculator';
import { Refusal } from '../refusal.ts';

export const RATINGS = ['none', 'low', 'medium', 'high', 'critical'] as const;
export type Rating = (typeof RATINGS)[number];

export interface Severity {
  /** As it was given. */
  vector: string;
  version: '3.0' | '3.1' | '4.0';
  /** 0.0 to 10.0: of all metrics that are in the vector. */
  score: number;
  /** 0.0 to 10.0: of the base metrics alone. */
  base: number;
  rating: Rating;
}

const CALCULATORS = { '3.0': cvss.Cvss3P0, '3.1': cvss.Cvss3P1, '4.0': cvss.Cvss4P0 } as const;

/**
 * Reads and scores a CVSS vector (specifications 3.0 and 3.1 §6, 4.0 §7). Throws Refusal('invalid') where the version is another one, a
 * metric is unknown, twice there or has no such value, or a base metric lacks.
 */
export function severityOf(vector: string): Severity {
  const version = /^CVSS:(3\.0|3\.1|4\.0)\//.exec(vector)?.[1] as Severity['version'] | undefined;
  if (version === undefined)
    throw new Refusal(
      'invalid',
      'A CVSS vector begins with CVSS:3.0/, CVSS:3.1/ or CVSS:4.0/, as the calculator of FIRST shows it',
    );
  const metrics = vector.split('/').slice(1);
  const names = metrics.map((metric) => metric.split(':', 1)[0] ?? '');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Refusal('invalid', `The CVSS vector has the metric ${twice} twice`);
  const read = calculated(version, vector);
  const kept = new Set(read.toString().split('/'));
  const unknown = metrics.find((metric) => !kept.has(metric) || valueUnknown(read, metric));
  if (unknown !== undefined)
    throw new Refusal('invalid', `The CVSS vector cannot be read: it has no metric with the value "${printable(unknown)}"`);
  if (!read.isBaseFullyDefined()) throw new Refusal('invalid', 'The CVSS vector lacks a base metric');
  const scores = read.calculateScores(false);
  const score = scores.overall ?? 0;
  // Of version 4.0, `base` is of all metrics.
  const base = ('baseMetricsOnly' in scores ? scores.baseMetricsOnly : scores.base) ?? 0;
  return { vector, version, score, base, rating: ratingOf(score) };
}

function calculated(version: Severity['version'], vector: string): InstanceType<(typeof CALCULATORS)[Severity['version']]> {
  try {
    return new CALCULATORS[version](vector);
  } catch (error) {
    const why = error instanceof Error ? printable(error.message) : '';
    throw new Refusal('invalid', `The CVSS vector cannot be read (${why}): copy it from the calculator of FIRST`);
  }
}

/** A base metric has no value X; what is unknown is taken as that. */
function valueUnknown(read: { isBaseFullyDefined(): boolean }, metric: string): boolean {
  return metric.endsWith(':X') && !read.isBaseFullyDefined();
}

function printable(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?').slice(0, 80);
}

/** The qualitative scale (CVSS 3.1 §5, 4.0 §6). */
export function ratingOf(score: number): Rating {
  if (score === 0) return 'none';
  if (score < 4) return 'low';
  if (score < 7) return 'medium';
  return score < 9 ? 'high' : 'critical';
}
