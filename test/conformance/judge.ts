import type { Case } from './cases.ts';
import type { Examined } from './examine.ts';
import { exceptions } from './exceptions.ts';

/** A mail may take so long and let the process grow by so much. */
export const LIMITS = { ms: 2_000, octets: 512 * 1024 * 1024 };

export interface Judged {
  /** What is frozen: one line that says what came of the mail. */
  verdict: string;
  /** What differs from what was expected. */
  problems: string[];
  /** Why a difference is right all the same; undefined where there is none to excuse. */
  exception: string | undefined;
}

export function judge(mail: Case, got: Examined): Judged {
  const problems = [...outcomeProblems(mail, got), ...viewProblems(mail, got), ...copyProblems(got), ...otherProblems(mail, got)];
  const key = `${mail.corpus}/${mail.file}`;
  const exception = problems.length > 0 ? exceptions[key] : undefined;
  const excused =
    exception !== undefined && problems.every((problem) => exception.differs.some((each) => problem.startsWith(each)));
  if (got.ms > LIMITS.ms) problems.push(`took ${Math.round(got.ms)} ms`);
  return { verdict: verdictOf(mail, got), problems, exception: excused && got.ms <= LIMITS.ms ? exception.reason : undefined };
}

/** Such as `distributed pgp-mime encrypted good:52507B01 credited:52507B01`. */
function verdictOf({ composedBy }: Case, { outcome, reason, seen, credited }: Examined): string {
  if (outcome === 'refused') return `refused ${reason}`;
  if (!seen || outcome === 'automatic') return outcome;
  const named = (fingerprint: string | null) => (fingerprint === composedBy ? 'composer' : fingerprint?.slice(0, 8));
  const signatures = seen.signatures.map(({ valid, fingerprint, reason, coversWholeContent }) =>
    valid ? `good:${named(fingerprint)}${coversWholeContent ? '' : ':in-part'}` : `${reason}`,
  );
  return [
    outcome,
    seen.form,
    ...(seen.encrypted ? ['encrypted'] : []),
    ...(seen.subjectProtected ? ['subject-protected'] : []),
    ...signatures,
    ...(credited ? [`credited:${named(credited)}`] : []),
    ...seen.warnings,
  ].join(' ');
}

function outcomeProblems({ expected }: Case, got: Examined): string[] {
  const problems: string[] = [];
  if (!expected.outcome.some((outcome) => outcome === got.outcome)) problems.push(`outcome: ${got.outcome} ${got.reason ?? ''}`);
  if (got.outcome === 'refused' && expected.reason && got.reason !== expected.reason) problems.push(`reason: ${got.reason}`);
  if (expected.signer !== undefined && got.outcome !== 'refused' && got.credited !== expected.signer)
    problems.push(`signer: ${got.credited}`);
  // The file on the command line is seen as the mail on the wire was.
  const refusal = got.outcome === 'refused' ? got.reason : null;
  if (got.seen && got.outcome !== 'automatic' && got.seen.refusal !== refusal) problems.push(`inspect: ${got.seen.refusal}`);
  return problems;
}

const normal = (text: string) => text.replaceAll(/[\s\u00a0]+/g, ' ').trim();

function viewProblems({ expected }: Case, { outcome, seen, credited, payload }: Examined): string[] {
  if (!seen || outcome === 'automatic') return [];
  if (outcome === 'refused')
    return seen.text === '' && seen.attachments.length === 0 ? [] : ['shown: something of what was refused'];
  const { text, attachments } = seen;
  const problems: string[] = [];
  for (const words of expected.text ?? []) if (!text.includes(words)) problems.push(`text: lacks ${JSON.stringify(words)}`);
  for (const words of expected.never ?? []) if (text.includes(words)) problems.push(`text: has ${JSON.stringify(words)}`);
  if (expected.onlyText && !expected.onlyText.some((words) => normal(words) === normal(text)))
    problems.push(`text: ${JSON.stringify(text.slice(0, 80))}`);
  if (expected.neverBy && credited === expected.neverBy.signer && expected.neverBy.text.test(JSON.stringify(seen)))
    problems.push('credited: what somebody else wrote');
  if (expected.subject && (seen.subject !== expected.subject.text || seen.subjectProtected !== expected.subject.isProtected))
    problems.push(`subject: ${seen.subject}${seen.subjectProtected ? '' : ', not protected'}`);
  if (expected.files) {
    const files = attachments.map(({ name, sha256 }) => ({ name, sha256 }));
    const same = expected.files.every(
      ({ name, sha256 }, at) => files[at]?.name === name && (!sha256 || files[at]?.sha256 === sha256),
    );
    if (!same || files.length !== expected.files.length) problems.push(`files: ${files.map(({ name }) => name).join(', ')}`);
  }
  for (const fingerprint of expected.certificates ?? [])
    if (!seen.certificates.includes(fingerprint)) problems.push(`certificates: ${seen.certificates.join(', ') || 'none'}`);
  if (expected.payload && (!payload || Buffer.compare(payload, expected.payload) !== 0)) problems.push('payload: differs');
  return problems;
}

/** What a reader gets: the same words and octets, and on its outside nothing of them. */
function copyProblems({ outcome, copy, seen }: Examined): string[] {
  if (outcome !== 'distributed' || !seen) return [];
  if (!copy) return ['copy: nobody got one'];
  const problems: string[] = [];
  if (copy.outerSubject !== '[...]') problems.push(`copy: its outer subject is ${copy.outerSubject}`);
  if (!normal(copy.subject).includes(normal(seen.subject).slice(0, 200))) problems.push(`copy: its subject is ${copy.subject}`);
  if (seen.subject.length > 8 && copy.header.includes(seen.subject)) problems.push('copy: its outside shows the subject');
  if (!hasText(copy.text, seen.text)) problems.push('copy: its text differs');
  for (const { name, sha256 } of seen.attachments)
    if (!copy.files.some((file) => file.sha256 === sha256 && (file.name === name || name === 'unnamed')))
      problems.push(`copy: the file ${name} differs or is not there`);
  return problems;
}

/** A reader's client joins texts in its own way, and our own words stand before them. */
function hasText(text: string, seen: string): boolean {
  const words = normal(text);
  const has = (lines: string) => words.includes(normal(lines));
  // Where a text ends and the next one begins, the other program may have them in another order.
  return seen.split(/\n{2,}/).every((paragraph) => has(paragraph) || paragraph.split('\n').every(has));
}

/** A mail in clear, read by another parser: the same words, the same files. */
function otherProblems({ clear }: Case, { outcome, seen, other }: Examined): string[] {
  if (!clear || !seen || outcome !== 'distributed' || seen.form !== 'clear') return [];
  const problems: string[] = [];
  // What it could not decode proves nothing.
  if (!other.text.includes('\ufffd') && !hasText(other.text, seen.text)) problems.push('other parser: another text');
  const files = (all: readonly { name: string; sha256: string }[]) =>
    all.map(({ name, sha256 }) => `${name} ${sha256}`).join('\n');
  if (files(other.files) !== files(seen.attachments)) problems.push('other parser: other files');
  return problems;
}
