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
    names: namesIn(knownIn(name)),
    example: (words[name] as Write)(samples[name].facts[0]),
  }));
}

type Write = (facts: unknown) => Notice;

/** Facts by their names. */
type View = Record<string, unknown>;

const namesOf = () => Object.keys(ours) as Name[];

/**
 * The words of the files in a folder, and ours where there is none. A file is `Subject: ...`, an empty line and the text, with
 * `{{{name}}}` for a fact (Mustache); `{{{usual}}}` and `{{{usualSubject}}}` are our own words. What editors leave beside it is passed over.
 * Throws an error that names every file that cannot be used, and why.
 */
export function readWords(folder: string | null): Words {
  if (folder === null) return ours;
  const problems: string[] = [];
  const changed: Partial<Record<Name, Write>> = {};
  const byFile = new Map(namesOf().map((name) => [fileOf(name), name]));
  for (const file of readdirSync(folder).sort()) {
    if (/^\.|~$|\.(bak|orig)$/.test(file)) continue;
    const name = byFile.get(file);
    if (!name) {
      problems.push(`${file} is no notice that can be changed; there are ${[...byFile.keys()].join(', ')}`);
      continue;
    }
    const read = templateOf(readFileSync(join(folder, file)), name);
    if (Array.isArray(read)) problems.push(...read.map((fault) => `${file}: ${fault}`));
    else changed[name] = written(read, name);
  }
  if (problems.length > 0) throw new Error(`The notices in ${folder} cannot be used:\n${problems.join('\n')}`);
  return { ...ours, ...(changed as Partial<Words>) };
}

/** Of the octets of a file; or what is wrong with it. */
function templateOf(octets: Uint8Array, name: Name): Notice | string[] {
  const text = decoded(octets);
  if (text === undefined) return ['it is not in UTF-8'];
  const template = partsOf(text);
  if (!template) return ['it has to begin with "Subject: ..." and an empty line'];
  const faults = faultsOf(template, name);
  return faults.length > 0 ? faults : template;
}

/** Without the mark that some editors put before UTF-8. Undefined where it is anything else: it would go out as other words. */
function decoded(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}

function partsOf(file: string): Notice | undefined {
  const match = /^Subject:[ \t]*(\S[^\n]*)\n[ \t]*\n([\s\S]*\S)\s*$/i.exec(file.replaceAll('\r\n', '\n'));
  return match ? { subject: match[1] ?? '', text: match[2] ?? '' } : undefined;
}

function written({ subject, text }: Notice, name: Name): Write {
  return (facts) => {
    const view = viewOf(name, facts);
    const fill = (template: string) => Mustache.render(template, view, {}, { escape: String });
    return { subject: fill(subject).replace(/\s+/g, ' ').trim(), text: `${fill(text).trimEnd()}\n` };
  };
}

function viewOf(name: Name, facts: unknown): View & { usual: string } {
  const instants: readonly string[] = samples[name].instants;
  const shown = Object.entries(facts as View).map(([key, fact]) => [
    key,
    instants.includes(key) && fact !== null ? when(Number(fact)) : fact,
  ]);
  const { subject: usualSubject, text } = (ours[name] as Write)(facts);
  return { ...Object.fromEntries(shown), usualSubject, usual: text.trimEnd() };
}

/** What there is to be named, each as it is where it is there. */
function knownIn(name: Name): View {
  const views = samples[name].facts.map((facts): View => viewOf(name, facts));
  const there = views.map((view) => Object.fromEntries(Object.entries(view).filter(([, value]) => value !== null)));
  return Object.assign({}, ...views, ...there.reverse());
}

function namesIn(known: View): string[] {
  return Object.entries(known).flatMap(([name, value]) =>
    isObject(value) ? [name, ...Object.keys(value).map((inner) => `${name}.${inner}`)] : name,
  );
}

function isObject(value: unknown): value is View {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What Mustache would pass over in silence, and what comes of it for the facts that there may be. */
function faultsOf(template: Notice, name: Name): string[] {
  try {
    const known = knownIn(name);
    const parts = [template.subject, template.text].map((part) => Mustache.parse(part) as Token[]);
    const faults = parts.flatMap((tokens) => faultsIn(tokens, known, known));
    const all = faults.length > 0 ? faults : samples[name].facts.flatMap((facts) => shortcomings(template, name, facts));
    return [...new Set(all)];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Its kind, its value, two places, and what stands in it. */
type Token = [kind: string, value: string, start: number, end: number, inner?: Token[]];

/** Names that are none, what has no words of its own, and what Mustache calls other files by. `here`: what `{{.}}` is. */
function faultsIn(tokens: readonly Token[], known: View, here: unknown): string[] {
  return tokens.flatMap(([kind, name, , , inner]) => {
    if (kind === 'text' || kind === '!') return [];
    if (kind === '>' || kind === '=') return [`"${kind}" is not understood here`];
    const value = name === '.' && !inner ? here : named(known, name);
    if (value === undefined) return [`there is no {{{${name}}}}; there are ${namesIn(known).join(', ')}`];
    const [one] = Array.isArray(value) ? value : [value];
    if (!inner) return isObject(one) ? [`{{{${name}}}} is no text, but has ${Object.keys(one).join(', ')}`] : [];
    return kind === '^' ? faultsIn(inner, known, here) : faultsIn(inner, isObject(one) ? { ...known, ...one } : known, one);
  });
}

/** As Mustache finds it, `one.inner` too; undefined where it is not there. */
function named(known: View, name: string): unknown {
  const inside = (value: unknown, key: string) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined);
  return name.split('.').reduce<unknown>(inside, known);
}

/** With these facts: that nothing is said, or not what whoever gets it needs. */
function shortcomings(template: Notice, name: Name, facts: unknown): string[] {
  const { subject, text } = written(template, name)(facts);
  const view = viewOf(name, facts);
  const absent = Object.keys(view).filter((key) => String(view[key] ?? '') === '');
  const where = absent.length > 0 ? ` where there is no ${absent.join(', ')}` : '';
  const empty = Object.entries({ subject, text }).filter(([, words]) => words.trim() === '');
  const said = `${subject}\n${text}`;
  const isMissing = (value: unknown) => value !== null && !said.includes(String(value));
  const missing = said.includes(view.usual) ? [] : samples[name].needed.filter((key) => isMissing(view[key]));
  return [
    ...empty.map(([part]) => `its ${part} is empty${where}`),
    ...missing.map((key) => `it has to say {{{${key}}}}, or all of {{{usual}}}`),
  ];
}
