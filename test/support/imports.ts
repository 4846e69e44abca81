import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface Import {
  /** A file, relative to the folder of all sources; null for a package. */
  file: string | null;
  /** As it is written. */
  specifier: string;
  /** It is gone when the program runs. */
  typeOnly: boolean;
}

/** Sources by their path below `folder`. */
export function sourcesIn(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

const STATIC =
  /^[ \t]*(?:import\s*|(?:import|export)\b(?<type> type\b)?[^;'"`]*?\bfrom\s*)(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/gm;
const DYNAMIC = /\bimport\(\s*(?:(?<quote>['"])(?<specifier>[^'"]+)\k<quote>\s*\)|(?<unknown>[^'"\s]))/g;

/** What a source imports, re-exports and loads, wherever the words lead. Throws where only the running program knows. */
export function importsOf(path: string, source: string): Import[] {
  return [...source.matchAll(STATIC), ...source.matchAll(DYNAMIC)].map(({ groups }) => {
    const specifier = groups?.['specifier'];
    if (specifier === undefined) throw new Error(`${path} loads what is not written there`);
    const inside = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null;
    return { file: inside, specifier, typeOnly: groups?.['type'] !== undefined };
  });
}

/** Each cycle of files that import one another when the program runs, as the files on it; none is an empty array. */
export function cyclesOf(imports: ReadonlyMap<string, readonly Import[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    if (way.includes(file)) cycles.push([...way.slice(way.indexOf(file)), file]);
    if (done.has(file) || way.includes(file)) return;
    for (const next of imports.get(file) ?? []) if (next.file !== null && !next.typeOnly) visit(next.file, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}

/** A type, a value, a re-export or a dynamic import: each passes the same wall. */
export function importing(specifier: string, index: number): string {
  const forms = [
    `import type { X } from '${specifier}';`,
    `import x from '${specifier}';`,
    `export * from '${specifier}';`,
    `await import('${specifier}');`,
  ];
  return forms[index % forms.length] ?? '';
}
