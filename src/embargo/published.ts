import { type Advisory, type Credit, oneLine, type Role, type Severity, type Site } from '../advisories/advisory.ts';
import { faultsOf } from '../advisories/faults.ts';
import { advisoryMail, ossSecurityMail } from '../advisories/text.ts';
import { type Details, lacksForDispatch, ratingIn, scored } from '../cases/details.ts';
import type { Instant } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import type { Contents, Draft, PatchFile } from './contents.ts';

/*
 * What becomes public of a case besides the mail that people wrote: the advisory of which pages, feeds and documents are made. Of what is
 * known, these fields and no others: not the reporter's wishes, not the deployment permissions, not the reason of an exception.
 */

export interface Publishing {
  caseId: string;
  releasedAt: Instant;
  draft: Draft;
  details: Details | null;
  patches: readonly Pick<PatchFile, 'name' | 'sha256'>[];
}

/** Where nothing is known but the text that people wrote, the advisory says that. */
export function advisoryOf({ caseId, releasedAt, draft, details, patches }: Publishing): Advisory {
  const files = patches.map(({ name, sha256 }) => ({ name, sha256 }));
  const text = draft.text.trimEnd();
  if (details === null) return { caseId, releasedAt, title: titleIn(draft), description: text, patches: files };
  const { title, summary, description, cve, cwe, affected, detection, mitigation, fixImpact, references } = details;
  return {
    caseId,
    releasedAt,
    title: title ?? titleIn(draft),
    description: description ?? text,
    ...there({ summary, detection, mitigation, fixImpact }),
    cve,
    cwes: cwe,
    severity: severityIn(details),
    affected,
    credits: creditsIn(details),
    references: references.map((url) => ({ url })),
    patches: files,
  };
}

/** `[Security Advisory] CVE-2026-99001: Overflow in the parser` without what is said beside it. */
function titleIn({ subject }: Draft): string {
  const bare = oneLine(subject).replace(/^(\[[^\]]*\] *)*(CVE-\d{4}-\d{4,19}: *)?/, '');
  return bare === '' ? oneLine(subject) : bare;
}

type Texts = Partial<Record<'summary' | 'detection' | 'mitigation' | 'fixImpact', string>>;

function there(texts: { [Name in keyof Texts]: string | null }): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== null)) as Texts;
}

function severityIn(details: Details): Severity | null {
  const rating = ratingIn(details);
  const severity = scored(details);
  const { vector, score, base } = severity ?? { vector: null, score: null, base: null };
  return rating === null ? null : { vector, score, base, rating };
}

/** Who wants to be anonymous is named nowhere. */
function creditsIn({ credits, reporter: { credit, anonymous } }: Details): Credit[] {
  const named = credits.map(({ name, role }) => ({ name, role: role.replace('-', ' ') as Role }));
  if (credit === null || anonymous || named.some(({ name }) => name === credit)) return named;
  return [{ name: credit, role: 'reporter' }, ...named];
}

/**
 * Throws Refusal('incomplete') with everything for which a document of it would not be valid. At the instant it is too late to ask, and
 * of a case of which nothing is known but a text as well.
 */
export function mustBeValid(publishing: Publishing): void {
  const faults = faultsOf(advisoryOf(publishing));
  if (faults.length > 0) throw new Refusal('incomplete', `What would be published is not valid: ${faults.join('; ')}`);
}

/** What external addresses get, as oss-security: whose it is stands in its subject; the text is the one that people wrote and approved. */
export function externalMail(publishing: Publishing, site: Site): Draft {
  return { subject: ossSecurityMail(advisoryOf(publishing), site).subject, text: publishing.draft.text };
}

/** A text for the public to begin with, made of what is known. Throws `incomplete` with what lacks. */
export function templateText(publishing: Omit<Publishing, 'draft'>, site: Site): Draft {
  const { details } = publishing;
  const lacks = details === null ? ['title', 'summary'] : lacksForDispatch(details).filter((field) => field !== 'permissions');
  if (details === null || lacks.length > 0)
    throw new Refusal('incomplete', `There is no text yet. What lacks: ${lacks.join(', ')}`);
  const text = details.description ?? details.summary ?? '';
  const advisory = advisoryOf({ ...publishing, details, draft: { subject: details.title ?? '', text } });
  return advisoryMail(advisory, site);
}

/** Of a case as it stands, to be released at its instant. */
export function publishingOf(caseId: string, releasedAt: Instant, { draft, details, patches }: Contents): Publishing {
  return { caseId, releasedAt, draft, details, patches };
}
