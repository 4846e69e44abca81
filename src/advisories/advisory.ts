import type { Instant } from '../clock.ts';

/*
 * All that may become public of a case, as plain data, and where the public finds it. Nothing here knows whether the instant has
 * come: whoever calls has asked the gate.
 */

/** CVSS's qualitative severity rating scale (v3.1 §5, v4.0 §6). */
export const RATINGS = ['none', 'low', 'medium', 'high', 'critical'] as const;
export type Rating = (typeof RATINGS)[number];

export interface Severity {
  /** CVSS 3.0, 3.1 or 4.0; null where nobody scored it. */
  vector: string | null;
  /** 0.0 to 10.0, of all metrics that are in the vector. */
  score: number | null;
  /** Of its base metrics alone: what documents have a place for. */
  base: number | null;
  /** What the team calls it; a lead may have overridden what the score says. */
  rating: Rating;
}

/** From `introduced` (absent: from the first version) until before `fixed`, or up to `lastAffected`; `fixed` counts where both are there. */
export interface VersionRange {
  introduced?: string;
  fixed?: string;
  lastAffected?: string;
}

export interface Affected {
  product: string;
  component?: string;
  /** Empty: all versions. */
  versions: readonly VersionRange[];
  /** In the terms of OSV; `purl` as `pkg:npm/orbit`, without a version. */
  package?: { ecosystem: string; name: string; purl?: string };
  /** URL of the repository; needed where versions are commits. */
  repo?: string;
}

/** CVE's kinds of credit (CVE Record Format 5.1, `credits.type`); OSV has the same ones. */
export const ROLES = [
  'finder',
  'reporter',
  'analyst',
  'coordinator',
  'remediation developer',
  'remediation reviewer',
  'remediation verifier',
  'tool',
  'sponsor',
  'other',
] as const;
export type Role = (typeof ROLES)[number];

/** Only of whoever wishes to be named. */
export interface Credit {
  name: string;
  role: Role;
}

export interface Reference {
  url: string;
  summary?: string;
}

/** `sha256`: hex. `url`: where the file is, if it is anywhere. */
export interface Patch {
  name: string;
  sha256: string;
  branch?: string;
  url?: string;
}

export interface Revision {
  at: Instant;
  summary: string;
}

export interface Advisory {
  /** `ORBIT-2026-0001`. */
  caseId: string;
  /** One line. */
  title: string;
  /** Everything that is known: paragraphs of plain text. */
  description: string;
  releasedAt: Instant;
  /** A short paragraph. */
  summary?: string;
  /** Who is vulnerable: the configuration, the circumstances. */
  condition?: string;
  cve?: string | null;
  /** `CWE-79`; the one that matters most comes first. */
  cwes?: readonly string[];
  severity?: Severity | null;
  affected?: readonly Affected[];
  detection?: string;
  mitigation?: string;
  /** What a fixed version changes for those who use it. */
  fixImpact?: string;
  credits?: readonly Credit[];
  references?: readonly Reference[];
  patches?: readonly Patch[];
  /** What was changed after the release, oldest first. */
  revisions?: readonly Revision[];
  /** There is no such vulnerability, or it is none of ours. */
  withdrawn?: { at: Instant; reason: string };
}

/** What all advisories of a project have in common. URLs are absolute, with no slash at the end. */
export interface Site {
  /** Its name: the vendor in documents, and the tag in a subject. */
  project: string;
  /** Where its pages are: `https://orbit.example`. */
  url: string;
  /** CSAF 2.0 §3.2.1.8: `namespace` is a URL of the publisher's own, `contact` a text that says how to reach him. */
  publisher: { name: string; namespace: string; contact?: string };
  /** Of the CVE Numbering Authority (CNA) that the project is: a UUID, version 4. Null: it is none. */
  cna: { orgId: string; shortName?: string } | null;
}

/** What it is known by. */
export function idOf({ cve, caseId }: Advisory): string {
  return cve ?? caseId;
}

/** `CVE-2026-99001: Overflow in the parser`: one line, whatever the title was. */
export function headline(advisory: Advisory): string {
  return `${idOf(advisory)}: ${advisory.withdrawn ? 'Withdrawn: ' : ''}${oneLine(advisory.title)}`;
}

export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}

/** A text without blanks at its end; undefined where nothing is said: there are blanks and control characters alone. */
export function said(text: string | undefined): string | undefined {
  return text === undefined || oneLine(text) === '' ? undefined : text.trimEnd();
}

/** Every version of the advisory itself, oldest first; its number is its place, from 1. */
export function historyOf({ releasedAt, revisions = [], withdrawn }: Advisory): Revision[] {
  if (withdrawn && withdrawn.at <= releasedAt) return [{ at: releasedAt, summary: 'Withdrawn' }];
  const later = revisions.map(({ at, summary }) => ({ at: Math.max(at, releasedAt), summary: said(summary) ?? 'Changed' }));
  later.sort((one, other) => one.at - other.at);
  const before = [{ at: releasedAt, summary: 'First release' }, ...later];
  const last = before.at(-1)?.at ?? releasedAt;
  return withdrawn ? [...before, { at: Math.max(withdrawn.at, last), summary: 'Withdrawn' }] : before;
}

/** When it was changed last. */
export function updatedAt(advisory: Advisory): Instant {
  return historyOf(advisory).at(-1)?.at ?? advisory.releasedAt;
}

/** Those that were released or changed last come first. */
export function newestFirst(advisories: readonly Advisory[]): Advisory[] {
  return [...advisories].sort((one, other) => updatedAt(other) - updatedAt(one) || (one.caseId < other.caseId ? -1 : 1));
}

/** Of any of them; the start of 1970 where there is none yet. */
export function lastChange(advisories: readonly Advisory[]): Instant {
  return Math.max(0, ...advisories.map(updatedAt));
}

/** CSAF 2.0 §5.1. */
export function csafFileName({ caseId }: Pick<Advisory, 'caseId'>): string {
  return `${caseId.toLowerCase().replace(/[^+\-a-z0-9]+/g, '_')}.json`;
}

/** CSAF 2.0 §7.1.11: a folder for each year of first release. */
export function csafPath(advisory: Advisory): string {
  return `${new Date(advisory.releasedAt).getUTCFullYear()}/${csafFileName(advisory)}`;
}

/** Paths below the site's URL. */
export const paths = {
  index: '/advisories',
  page: ({ caseId }: Advisory) => `/advisories/${caseId}`,
  csaf: (advisory: Advisory) => `/csaf/${csafPath(advisory)}`,
  osv: ({ caseId }: Advisory) => `/osv/${caseId}.json`,
  cve: ({ caseId }: Advisory) => `/cve/${caseId}.json`,
  feed: '/feed.atom',
  policy: '/policy',
  keys: '/keys',
  provider: '/csaf/provider-metadata.json',
  /** Below it, the link of each copy of a dispatch. */
  acknowledge: '/acknowledge',
} as const;

/** The same items without those that say the same as one before. */
export function distinct<Item>(items: readonly Item[]): Item[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}
