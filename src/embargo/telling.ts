import type { Details } from '../cases/details.ts';
import { parseEntity } from '../mail/message.ts';
import type { Notice } from '../notices/templates.ts';
import { noticeEntity } from '../notices/write.ts';
import type { Draft } from './contents.ts';
import { fingerprint } from './fingerprint.ts';
import { embargoedIn, watch } from './recognise.ts';

/** All of a case that nobody outside may read before the release. */
export interface Untold {
  caseId: string;
  details: Details;
  draft: Draft | null;
  patches: readonly { name: string; bytes: Uint8Array }[];
  reporter: string | null;
}

/**
 * What of a case a notice tells, in words for whoever wrote it; empty where it tells nothing. Words are looked for as a whole, in whatever
 * case and with whatever stands between them. Products may be named, their parts may not. A mitigation that is recorded in the details may
 * be given as it stands there. `given`: what a person wrote of it: a component may be called as one of the words that stand in every notice.
 */
export function toldIn(notice: Notice, given: string, untold: Untold): string[] {
  const named = wordsOf(untold).flatMap(([what, word]) => (spaced(given).includes(spaced(word)) ? [what] : []));
  const ids = /\bCVE[\s_-]*\d{4}[\s_-]*\d{4,}/i.test(notice.text) ? ['a CVE id'] : [];
  const { caseId, details, draft, patches } = untold;
  const { title, summary, description, detection, fixImpact, mitigation } = details;
  const texts = [title, summary, description, detection, fixImpact, draft?.subject, draft?.text].filter(isText);
  const secret = fingerprint(caseId, { ids: [], texts, patches }, [mitigation].filter(isText));
  const passages = embargoedIn(parseEntity(noticeEntity(notice)), watch([secret])).map(({ kind }) => PASSAGES[kind]);
  return [...new Set([...named, ...ids, ...passages])];
}

const PASSAGES = { id: 'the id of the case', file: 'a patch', text: 'a passage of what is under embargo', patch: 'a patch' };

function wordsOf({ caseId, details, patches, reporter }: Untold): [string, string][] {
  const { title, cve, cwe, affected, credits } = details;
  const products = new Set(affected.map(({ product }) => spaced(product)));
  const parts = affected.flatMap(({ component, package: made }) => [component, made?.name, made?.purl]).filter(isText);
  const words: [string, string | null][] = [
    ['the id of the case', caseId],
    ['the title', title],
    ['the CVE id', cve],
    ...cwe.map((id): [string, string] => ['a CWE id', id]),
    ...parts.filter((part) => !products.has(spaced(part))).map((part): [string, string] => [`the component "${part}"`, part]),
    ...patches.map(({ name }): [string, string] => [`the patch "${name}"`, stemOf(name)]),
    ['the reporter', reporter],
    ['the reporter', details.reporter.credit],
    ...credits.map(({ name }): [string, string] => ['somebody who is credited', name]),
  ];
  return words.filter((word): word is [string, string] => isText(word[1]) && spaced(word[1]).trim() !== '');
}

/** Of a file's name without its ending; all of it where that is one word, as `fix`. */
function stemOf(name: string): string {
  const stem = name.replace(/\.(patch|diff|txt)$/i, '');
  return spaced(stem).trim().includes(' ') ? stem : name;
}

function isText(text: string | null | undefined): text is string {
  return text !== null && text !== undefined && text.trim() !== '';
}

/** Letters and digits in lower case, with a space around each word. */
function spaced(text: string): string {
  return ` ${text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()} `;
}
