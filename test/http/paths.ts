/** As the table of access has it, of a path with its parameters in braces: `GET /api/v1/cases/:id`. */
export function rowOf({ method, path }: { method: string; path: string }): string {
  return `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
}

const PARAMETER = /(?<=(?:([^/{}]+)|\})\/)\{(\w+)\}/g;

/** By what `calls` names each parameter of a path: the segment before it, or its own name where that is a parameter as well. */
export function keysOf(path: string): string[] {
  return [...path.matchAll(PARAMETER)].map(([, before, own = '']) => before ?? own);
}

/** A path where `value` gives what stands for a parameter, by its key. */
export function filledPath(path: string, value: (key: string) => string): string {
  return path.replaceAll(PARAMETER, (_all, before: string | undefined, own: string) => value(before ?? own));
}
