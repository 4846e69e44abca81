import type { Details } from '../cases/details.ts';
import type { Notice } from '../notices/templates.ts';
import { noticeEntity } from '../notices/write.ts';
import type { Draft } from './contents.ts';
import type { Piece } from './fingerprint.ts';
import type { Compare } from './recognise.ts';

/** All of a case that nobody outside may read before the release. */
export interface Untold {
  caseId: string;
  details: Details;
  draft: Draft | null;
  patches: readonly { name: string; bytes: Uint8Array }[];
  reporter: string | null;
  /** What people wrote of it, and what stood there before. */
  written?: AsyncIterable<Piece>;
}

/**
 * What of a case a notice tells, in words for whoever wrote it; empty where it tells nothing. Words are looked for as a whole, in whatever
 * case and with whatever stands between them; a component also where a word only begins so, as its plural and its settings do. Products may
 * be named, their parts may not. A mitigation that is recorded in the details may
 * be given as it stands there, whoever wrote it. `given`: what a person wrote of it; the words that stand in every notice tell nothing.
 * Throws as `compare` does.
 */
export async function toldIn(compare: Compare, notice: Notice, given: string, untold: Untold): Promise<string[]> {
  const named = wordsOf(untold).flatMap(([what, word]) => (spaced(given).includes(spaced(word)) ? [what] : []));
  const begun = partsOf(untold).filter(beginIn(given, untold)).map(partNamed);
  const ids = FORMS.flatMap(([what, form]) => (form.test(notice.text) ? [what] : []));
  const passages = given.trim() === '' ? [] : await compare(noticeEntity({ subject: '', text: given }), secretOf(untold));
  return [...new Set([...named, ...begun, ...ids, ...passages.map(({ kind }) => PASSAGES[kind])])];
}

/** All of whose words no passage may be given. */
function secretOf(untold: Untold): Parameters<Compare>[1] {
  return { pieces: piecesIn(untold), known: [untold.details.mitigation].filter(isText) };
}

/** Without ids: they are told by their form, as a CVE id may be one that is let out. */
async function* piecesIn({ caseId, details, draft, patches, written }: Untold): AsyncGenerator<Piece> {
  const { title, summary, description, detection, fixImpact } = details;
  const texts = [title, summary, description, detection, fixImpact, draft?.subject, draft?.text].filter(isText);
  yield { id: '', caseId, strange: false, ids: [], texts, mails: [], patches };
  if (written) for await (const piece of written) yield { ...piece, ids: [] };
}

const PASSAGES = { id: 'the id of the case', file: 'a patch', text: 'a passage of what is under embargo', patch: 'a patch' };

/** What is an id, or a rating, by its form. */
const FORMS: readonly [string, RegExp][] = [
  ['a CVE id', /\bCVE[\s_-]*\d{4}[\s_-]*\d{4,}/i],
  ['an id of GitHub', /\bGHSA(?:[\s_-]*[0-9a-z]{4}){3}\b/i],
  ['a CVSS vector', /\bAV:[NALP]\/AC:[HL]\b/i],
];

function wordsOf(untold: Untold): [string, string][] {
  const { caseId, details, patches, reporter } = untold;
  const { title, cve, cwe, credits } = details;
  const people = [reporter?.split('@')[0], details.reporter.credit, ...credits.map(({ name }) => name)].filter(isText);
  const words: [string, string | null][] = [
    ['the id of the case', caseId],
    ['the title', title],
    ['the CVE id', cve],
    ...cwe.map((id): [string, string] => ['a CWE id', id]),
    ...partsOf(untold).map((part): [string, string] => [partNamed(part), part]),
    ...patches.map(({ name }): [string, string] => [`the patch "${name}"`, stemOf(name)]),
    ['the reporter', reporter],
    ['the reporter', details.reporter.credit],
    ...credits.map(({ name }): [string, string] => ['somebody who is credited', name]),
    ...people.flatMap(namesIn).map((name): [string, string] => [`somebody's name, "${name}"`, name]),
  ];
  return words.filter((word): word is [string, string] => isText(word[1]) && spaced(word[1]).trim() !== '');
}

/** What anybody may be called, or have as an address. */
const NOBODY = new Set(
  'the and security research researchers team lab labs group university admin info mail contact report inc ltd gmbh'.split(' '),
);

/** The words of a name that are somebody's own. */
function namesIn(name: string): string[] {
  return wordsIn(name).filter((word) => word.length >= 3 && /\p{L}/u.test(word) && !NOBODY.has(word));
}

/** The parts of what is affected, that are no product. */
function partsOf({ details: { affected } }: Untold): string[] {
  const products = new Set(affected.map(({ product }) => spaced(product)));
  const parts = affected.flatMap(({ component, package: made }) => [component, made?.name, made?.purl]).filter(isText);
  return parts.filter((part) => !products.has(spaced(part)));
}

const partNamed = (part: string) => `the component "${part}"`;

/** Letters from which on a word that begins like a component means it. */
const LONG = 5;

/**
 * Whether a word of a text, and what follows it, begins with the letters of a part: `job-queue` in `the jobqueues` and `jobQueueSize`. What
 * lies within the name of a product is the product.
 */
function beginIn(given: string, { details: { affected } }: Untold): (part: string) => boolean {
  const text = spaced(given.replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2'));
  const products = affected.flatMap(({ product }) => placesOf(lettersOf(product), text, '(?= )'));
  const isProduct = (place: Place) => products.some(({ from, to }) => from <= place.from && place.to <= to);
  return (part) => {
    const letters = lettersOf(part);
    return letters.length >= LONG && placesOf(letters, text).some((place) => !isProduct(place));
  };
}

interface Place {
  from: number;
  to: number;
}

/** Where these letters stand from the beginning of a word on, with spaces between them or without. `then`: what follows them. */
function placesOf(letters: readonly string[], text: string, then = ''): Place[] {
  if (letters.length === 0) return [];
  const found = text.matchAll(new RegExp(`(?<= )(?=(${letters.join(' ?')})${then})`, 'gu'));
  return [...found].map(({ index, 1: words = '' }) => ({ from: index, to: index + words.length }));
}

const lettersOf = (words: string) => [...wordsIn(words).join('')];

/** Of a file's name without its ending; all of it where that is one word, as `fix`. */
function stemOf(name: string): string {
  const stem = name.replace(/\.(patch|diff|txt)$/i, '');
  return spaced(stem).trim().includes(' ') ? stem : name;
}

function wordsIn(text: string): string[] {
  return spaced(text).split(' ').filter(isText);
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
