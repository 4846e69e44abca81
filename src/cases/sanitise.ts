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
const ADDRESS = /[^\s<>()[\],;:"']+(?:@|%40)[^\s<>()[\],;:"']+/giu;
/** `rita at example dot org`, whatever brackets stand around the words. */
const SPELT = /[\w.+-]{1,64}\s{1,3}[[({<]?at[\])}>]?\s{1,3}[\w-]{1,64}(?:\s{1,3}[[({<]?dot[\])}>]?\s{1,3}[\w-]{1,64}){1,5}/giu;
/** Of somebody at one of the places where many have one; and `@rita`. */
const ACCOUNT =
  /(?<![\w@])@[a-z]\w{2,40}|\b(?:github|gitlab|bitbucket|codeberg|twitter|x|linkedin|t)\.(?:com|org|me)\/(?:in\/)?[\w.-]{2,60}/giu;
const DIGITS = String.raw`[\d ()./-]{5,25}\d`;
/** With the code of a country, with a leading zero, in the groups of North America, or after a word that says so. */
const PHONE = new RegExp(
  [
    String.raw`(?<![\w.-])(?:\+|00)[ (]?\d${DIGITS}`,
    String.raw`(?<![\w.:-])\(?0\d{1,5}[)/ -]${DIGITS}`,
    String.raw`(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])`,
    String.raw`\b(?:phone|tel|telephone|telefon|mobile|mobil|cell|fax|whatsapp|signal)\b[^\d\n]{0,12}\d${DIGITS}`,
  ].join('|'),
  'giu',
);
/** As programs print it: in groups. One without spaces may be that of a commit. */
const FINGERPRINT = /\b(?:[0-9A-F]{4}[ \t]{1,2}){9}[0-9A-F]{4}\b/giu;

/** What is found by its form, and what stands there then. */
const FORMS: readonly [RegExp, string][] = [
  [ADDRESS, '[address]'],
  [SPELT, '[address]'],
  [FINGERPRINT, '[fingerprint]'],
  [PHONE, '[number]'],
  [ACCOUNT, '[account]'],
];
const SHORTEST_NAME = 3;

/** What a text may call somebody by: his whole name, and each word of it. */
export function wordsOf(name: string): string[] {
  return [name, ...name.split(/[\s.,]+/)];
}

/** A text without addresses, numbers of telephones and accounts, and with labels for the names of people and of their organisations. */
export function sanitised(text: string, people: readonly Named[]): string {
  const labels = people
    .flatMap(({ label, names }) => names.map((name) => ({ label, name: name.trim() })))
    .filter(({ name }) => name.length >= SHORTEST_NAME)
    // A name in which another one stands goes first.
    .sort((one, other) => other.name.length - one.name.length);
  const formless = FORMS.reduce((left, [form, instead]) => left.replace(form, instead), text);
  return labels.reduce((left, { label, name }) => left.replace(asWord(name), label), formless);
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
      `Subject: ${sanitised(subject.normalize('NFKC'), people)}`,
      '',
      sanitised(withoutFurniture(text.normalize('NFKC')), people).trimEnd(),
      ...(files === 0 ? [] : ['', `(${files} ${files === 1 ? 'file is' : 'files are'} left out)`]),
      '',
    ].join('\n'),
  );
  return [
    `The thread of case ${caseId}, without addresses, numbers of telephones, signatures, known names of people, and files.`,
    'Names that no From and no roster has are not known, nor what people say of where they live and work.',
    '',
    ...blocks,
  ].join('\n');
}
