import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Mustache from 'mustache';
import { type Notice, when } from '../notices/templates.ts';
import { type WordsName as Name, defaultWords as ours, samples, type Words } from '../notices/words.ts';

/** `memberChanged` is the file `member-changed.txt`. */
const fileOf = (name: string) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.txt`;

export interface Described {
  file: string;
  /** What stands between `{{{` and `}}}` there. */
  names: string[];
  /** Filled in with examples. */
  example: Notice;
}

/** Every notice that can be changed, as these words have it. */
export function describe(words: Words): Described[] {
  return namesOf().map((name) => ({
    file: fileOf(name),
    names: [...knownIn(name)],
    example: (words[name] as Write)(samples[name].facts),
  }));
}

type Write = (facts: unknown) => Notice;

const namesOf = () => Object.keys(ours) as Name[];

/**
 * The words of the files in a folder, and ours where there is none. A file is `Subject: ...`, an empty line and the text, with
 * `{{{name}}}` for a fact (Mustache); `{{{usual}}}` and `{{{usualSubject}}}` are our own words.
 * Throws an error that names every file that cannot be used, and why.
 */
export function readWords(folder: string | null): Words {
  if (folder === null) return ours;
  const problems: string[] = [];
  const changed: Partial<Record<Name, Write>> = {};
  const byFile = new Map(namesOf().map((name) => [fileOf(name), name]));
  for (const file of readdirSync(folder).sort()) {
    if (file.startsWith('.')) continue;
    const name = byFile.get(file);
    if (!name) {
      problems.push(`${file} is no notice that can be changed; there are ${[...byFile.keys()].join(', ')}`);
      continue;
    }
    const template = partsOf(readFileSync(join(folder, file), 'utf8'));
    const faults = template ? faultsOf(template, name) : ['it has to begin with "Subject: ..." and an empty line'];
    problems.push(...faults.map((fault) => `${file}: ${fault}`));
    if (template && faults.length === 0) changed[name] = written(template, name);
  }
  if (problems.length > 0) throw new Error(`The notices in ${folder} cannot be used:\n${problems.join('\n')}`);
  return { ...ours, ...(changed as Partial<Words>) };
}

function partsOf(file: string): Notice | undefined {
  const match = /^\ufeff?Subject:[ \t]*(\S[^\n]*)\n[ \t]*\n([\s\S]*\S)\s*$/i.exec(file.replaceAll('\r\n', '\n'));
  return match ? { subject: match[1] ?? '', text: match[2] ?? '' } : undefined;
}

function written({ subject, text }: Notice, name: Name): Write {
  return (facts) => {
    const view = viewOf(name, facts as Record<string, unknown>);
    const fill = (template: string) => Mustache.render(template, view, {}, { escape: String });
    return { subject: fill(subject).replace(/\s+/g, ' ').trim(), text: `${fill(text).trimEnd()}\n` };
  };
}

function viewOf(name: Name, facts: Record<string, unknown>): Record<string, unknown> {
  const instants: readonly string[] = samples[name].instants;
  const shown = Object.entries(facts).map(([key, fact]) => [key, instants.includes(key) ? when(Number(fact)) : fact]);
  const { subject: usualSubject, text } = (ours[name] as Write)(facts);
  return { ...Object.fromEntries(shown), usualSubject, usual: text.trimEnd() };
}

const knownIn = (name: Name) => new Set(Object.keys(viewOf(name, samples[name].facts as Record<string, unknown>)));

/** What Mustache would pass over in silence: a name that is none, and what it calls other files by. */
function faultsOf({ subject, text }: Notice, name: Name): string[] {
  try {
    const view = viewOf(name, samples[name].facts as Record<string, unknown>);
    return [...new Set([subject, text].flatMap((part) => faultsIn(Mustache.parse(part) as Token[], view)))];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Its kind, its value, two places, and what stands in it. */
type Token = [kind: string, value: string, start: number, end: number, inner?: Token[]];

function faultsIn(tokens: readonly Token[], view: Record<string, unknown>): string[] {
  return tokens.flatMap(([kind, value, , , inner = []]) => {
    if (kind === 'text' || kind === '!' || (value === '.' && kind !== '#')) return [];
    if (kind === '>' || kind === '=') return [`"${kind}" is not understood here`];
    if (!Object.hasOwn(view, value)) return [`there is no {{{${value}}}}; there are ${Object.keys(view).join(', ')}`];
    const [first] = Array.isArray(view[value]) ? view[value] : [];
    return faultsIn(inner, typeof first === 'object' && first !== null ? { ...view, ...first } : view);
  });
}
