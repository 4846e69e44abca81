/** A place that a unified diff changes: the text there before and after, and the lines that differ, without their marks. */
export interface Hunk {
  before: string;
  after: string;
  changed: string[];
}

const HUNK = /^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@/;
/** What programs write around hunks; names of files and numbers that say nothing of the change. */
const MARKUP =
  /^(?:diff -|index [0-9a-f]{7,}|--- |\+\+\+ |(?:old|new|deleted) (?:file )?mode |new file|(?:similarity|dissimilarity) index|rename (?:from|to) |Index: |={20}|\d+ files? changed|create mode |From [0-9a-f]{40} )|^ ?\S{1,300} +\| +\d+ ?[+-]*$/;

/** The hunks of unified diffs in a text, wherever they stand in it, and what remains of the text. */
export function hunksIn(text: string): { hunks: Hunk[]; prose: string } {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const hunks: Hunk[] = [];
  const prose: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++] ?? '';
    const [head, before = '1', after = '1'] = HUNK.exec(line) ?? [];
    if (head === undefined) {
      if (!MARKUP.test(line)) prose.push(line);
      continue;
    }
    const from = at;
    at = endOf(lines, from, Number(before), Number(after));
    hunks.push(hunkOf(lines.slice(from, at)));
  }
  return { hunks, prose: prose.join('\n') };
}

/** By the counts in its head; a hunk that was cut off ends where no line of one stands. */
function endOf(lines: readonly string[], from: number, before: number, after: number): number {
  let at = from;
  for (let [old, made] = [before, after]; at < lines.length && (old > 0 || made > 0); at++) {
    const sign = (lines[at] ?? '')[0] ?? ' ';
    if (!' +-\\'.includes(sign)) break;
    if (sign === ' ' || sign === '-') old--;
    if (sign === ' ' || sign === '+') made--;
  }
  return at;
}

function hunkOf(lines: readonly string[]): Hunk {
  const without = (sign: string) =>
    lines
      .filter((line) => !line.startsWith(sign) && !line.startsWith('\\'))
      .map((line) => line.slice(1))
      .join('\n');
  const changed = lines.filter((line) => /^[+-]/.test(line)).map((line) => line.slice(1));
  return { before: without('+'), after: without('-'), changed };
}

/** Marks of a reader who quotes, and of OpenPGP's cleartext signatures (RFC 9580 §7.2), before a line of a diff. */
const QUOTED = /^(?:[ \t]{0,3}[>|] ?){0,20}(?:- (?=-))?/;
const DIFF = /^(?:[ \t]{0,3}[>|] ?){0,20}(?:@@ -\d|\*\*\* \d|\*{15})/m;

/** Characters. In a longer diff, what stands in one piece is seen all the same. */
const LONGEST = 4 * 1024 * 1024;

/** What a text is with one side of its diffs only, and the lines that they change; undefined for a text that holds none. */
export function sidesOf(text: string): { sides: [string, string]; changed: string[] } | undefined {
  if (text.length > LONGEST || !DIFF.test(text)) return undefined;
  const lines = text.split('\n').map((line) => line.replace(QUOTED, ''));
  const without = (sign: string) => lines.filter((line) => !line.startsWith(sign)).join('\n');
  const changed = lines.filter((line) => /^[-+!]/.test(line)).map((line) => line.slice(1));
  return { sides: [without('-'), without('+')], changed };
}
