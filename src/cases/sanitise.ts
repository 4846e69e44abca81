import { type Instant, toIso } from '../clock.ts';
import { withoutFurniture } from '../embargo/boilerplate.ts';

/** Somebody who wrote into a thread, or is spoken of in it. */
export interface Named {
  /** What stands there for him: `member 1`. */
  label: string;
  /** His names, as texts may have them. */
  names: readonly string[];
}

export interface Entry {
  at: Instant;
  /** What stands there for whoever wrote it. */
  author: string;
  subject: string;
  text: string;
  /** How many files were with it: they are left out. */
  files: number;
}

/** RFC 5322 §3.4.1, with more around it than that allows: rather too much is taken out than too little. */
const ADDRESS = /[^\s<>()[\],;:"']+@[^\s<>()[\],;:"']+/gu;
const SHORTEST_NAME = 3;

/** What a text may call somebody by: his whole name, and each word of it. */
export function wordsOf(name: string): string[] {
  return [name, ...name.split(/[\s.,]+/)];
}

/** A text without addresses, and with labels for the names of people and of their organisations. */
export function sanitised(text: string, people: readonly Named[]): string {
  const labels = people
    .flatMap(({ label, names }) => names.map((name) => ({ label, name: name.trim() })))
    .filter(({ name }) => name.length >= SHORTEST_NAME)
    // A name in which another one stands goes first.
    .sort((one, other) => other.name.length - one.name.length);
  return labels.reduce((left, { label, name }) => left.replace(asWord(name), label), text.replace(ADDRESS, '[address]'));
}

/** Nothing of a longer word. */
function asWord(name: string): RegExp {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
  return new RegExp(`(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`, 'giu');
}

/** The thread of a case as one text, LF line ends. Without signatures, armor and who wrote what: there people say who they are. */
export function archiveText(caseId: string, entries: readonly Entry[], people: readonly Named[]): string {
  const blocks = entries.map(({ at, author, subject, text, files }) =>
    [
      `--- ${toIso(at)}, ${author}`,
      `Subject: ${sanitised(subject, people)}`,
      '',
      sanitised(withoutFurniture(text.normalize('NFKC')), people).trimEnd(),
      ...(files === 0 ? [] : ['', `(${files} ${files === 1 ? 'file is' : 'files are'} left out)`]),
      '',
    ].join('\n'),
  );
  return [
    `The thread of case ${caseId}, without addresses, signatures, known names of people, and files.`,
    'What people say of themselves in their own words stands there: read it before anybody else does.',
    '',
    ...blocks,
  ].join('\n');
}
