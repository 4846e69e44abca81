/** Characters. An answer of an application has 5000 of them at most. */
const LONGEST = 10_000;

/**
 * A line of what somebody asks for, runs of blanks in it as one; empty where it means nothing, as one that he quotes does. Undefined
 * for a line that is longer than any that a person writes: no pattern may be run over it.
 */
export function lineOf(written: string): string | undefined {
  const line = written.trim();
  if (line.startsWith('>')) return '';
  return line.length > LONGEST ? undefined : line.replace(/[\s\u00a0]+/gu, ' ');
}

/** The list that a line names (`list ADDRESS`), in lower case; in angle brackets too, as clients copy an address. */
export function listIn(line: string): string | undefined {
  const [, bare, inBrackets] = /^list (?:([^\s@<>]+@[^\s@<>]+)|<([^\s@<>]+@[^\s@<>]+)>)$/i.exec(line) ?? [];
  return (bare ?? inBrackets)?.toLowerCase();
}

/** Below it stands a signature. */
export function isEnd(written: string): boolean {
  return /^-- ?\r?$/.test(written);
}

export const TOO_LONG = 'the line is too long';
