import type { AdmissionRules, Answered } from '../roster/apply.ts';
import type { Criterion } from '../roster/criteria.ts';
import type { Problem } from './commands.ts';
import { isEnd, lineOf, listIn, TOO_LONG } from './line.ts';

/** What somebody who is on no list writes to apply; the contact is the writer himself. */
export interface WrittenApplication {
  /** The list that he named (`list ADDRESS`), in lower case. */
  list: string | null;
  organisation: string;
  product: string | null;
  name: string | null;
  terms: string | null;
  answers: Answered[];
  problems: Problem[];
}

/** Further down nobody looks for it. */
const HEAD = 20;

/** Whether a request begins with the word `apply`, alone on its line. */
export function isApplication(text: string): boolean {
  const first = text
    .split('\n', HEAD)
    .map(lineOf)
    .find((line) => line === undefined || (line !== '' && listIn(line) === undefined));
  return /^apply$/i.test(first ?? '');
}

/** More than this is no application that a person wrote. */
const MOST_LINES = 1000;
const ABOUT = ['organisation', 'product', 'name', 'terms'] as const;

/**
 * Reads what follows: `field: words` for the organisation, its product, the name of its contact, the version of the terms, and each
 * criterion; words go on in the lines below. A link alone on its line is the evidence of the answer above it. Ends at a signature's `-- `.
 */
export function parseApplication(text: string, { criteria }: Pick<AdmissionRules, 'criteria'>): WrittenApplication {
  const ids = new Set<string>([...ABOUT, ...criteria.map(({ id }) => id)]);
  const words = new Map<string, string[]>();
  const places = new Map<string, number>();
  const problems: Problem[] = [];
  let list: string | null = null;
  let field: string | undefined;
  for (const [index, written] of text.split('\n', MOST_LINES + 1).entries()) {
    if (isEnd(written)) break;
    const line = lineOf(written);
    if (line === undefined) {
      problems.push({ line: index + 1, text: TOO_LONG });
      continue;
    }
    const named = listIn(line);
    const [, name = '', rest = ''] = /^([a-z0-9-]{1,40}) ?: ?(.*)$/i.exec(line) ?? [];
    if (index === MOST_LINES) problems.push({ line: index + 1, text: 'there are too many lines' });
    else if (line === '' || (field === undefined && /^apply$/i.test(line))) continue;
    else if (named !== undefined && (list ?? named) === named) list = named;
    else if (ids.has(name.toLowerCase())) {
      field = name.toLowerCase();
      if (words.has(field)) problems.push({ line: index + 1, text: `"${field}" stands twice` });
      words.set(field, rest === '' ? [] : [rest]);
      places.set(field, index + 1);
    } else if (field === undefined) problems.push({ line: index + 1, text: line.slice(0, 80) });
    else words.get(field)?.push(line);
  }
  for (const [name, lines] of words) {
    const fits = (ABOUT as readonly string[]).includes(name) ? FIT.test(lines.join(' ')) : lines.join('\n').length <= LONGEST;
    if (!fits) problems.push({ line: places.get(name) ?? 0, text: `"${name}" is too long, or has signs that are no letters` });
  }
  const about = (name: (typeof ABOUT)[number]) => words.get(name)?.join(' ') || null;
  return {
    list,
    organisation: about('organisation') ?? '',
    product: about('product'),
    name: about('name'),
    terms: about('terms'),
    answers: criteria.flatMap((criterion) => {
      const lines = words.get(criterion.id);
      return lines ? [answerOf(criterion, lines)] : [];
    }),
    problems,
  };
}

/** As the API takes them. */
const FIT = /^[^\p{Cc}\p{Zl}\p{Zp}]{0,200}$/u;
/** Characters of an answer. */
const LONGEST = 5000;

const LINK = /^https?:\/\/[!-~]{1,1000}$/;

/** What stands in the form, as it was or folded by a mail program, is no answer: that is empty, unless there is a link. */
function answerOf(criterion: Criterion, lines: readonly string[]): Answered {
  const evidence = lines.find((line) => LINK.test(line)) ?? null;
  const written = lines.filter((line) => line !== evidence);
  const answer = oneLine(written.join(' ')) === oneLine(unanswered(criterion)) ? '' : written.join('\n');
  return { criterion: criterion.id, answer: answer || (evidence ?? ''), evidence };
}

const unanswered = ({ text }: Pick<Criterion, 'text'>) => `(${text})`;
const oneLine = (text: string) => text.trim().replace(/\s+/g, ' ');

/** What an applicant fills in. */
export function applicationForm(list: string, { criteria, terms }: Pick<AdmissionRules, 'criteria' | 'terms'>): string[] {
  return [
    `list ${list}`,
    'apply',
    'organisation: ',
    'product: ',
    ...(terms === null ? [] : [`terms: ${terms}`]),
    ...criteria.map((criterion) => `${criterion.id}: ${unanswered(criterion)}`),
  ];
}
