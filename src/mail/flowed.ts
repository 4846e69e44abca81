import type { Entity } from './message.ts';

/** The fixed line that stands before a signature: it ends with a blank, and goes on nowhere (RFC 3676 §4.3). */
const SIGNATURE = '-- ';

/** Characters. Nobody reads more than that as paragraphs, and a line of it costs a hundred times its octets. */
const LONGEST = 256 * 1024;

/** How it is said of a part, as parameters to follow its type: as it was said. */
export function flowing(part: Pick<Entity, 'parameters'>): string {
  return isFlowed(part) ? `; format=flowed${deletesSpace(part) ? '; delsp=yes' : ''}` : '';
}

function isFlowed({ parameters }: Pick<Entity, 'parameters'>): boolean {
  return parameters['format']?.trim().toLowerCase() === 'flowed';
}

function deletesSpace({ parameters }: Pick<Entity, 'parameters'>): boolean {
  return parameters['delsp']?.trim().toLowerCase() === 'yes';
}

/** A part's text with the lines joined that its program broke, where it says so by `format=flowed` (RFC 3676); LF line ends. */
export function joinedText(part: Pick<Entity, 'parameters'>, text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  return isFlowed(part) && lines.length <= LONGEST ? unflowed(lines, deletesSpace(part)) : lines;
}

/** RFC 3676 §4: quote marks come off first, then the blank that was stuffed in; `deleteSpace` is its DelSp. */
function unflowed(text: string, deleteSpace: boolean): string {
  let joined = '';
  /** Of the line before, where it ends with a blank: the next one of the same depth belongs to it. */
  let goesOnAt: number | undefined;
  for (const [at, written] of text.split('\n').entries()) {
    const depth = quoteDepth(written);
    const line = written.startsWith(' ', depth) ? written.slice(depth + 1) : written.slice(depth);
    const isFixed = line === SIGNATURE || !line.endsWith(' ');
    if (goesOnAt !== depth || line === SIGNATURE) joined += (at === 0 ? '' : '\n') + (depth > 0 ? `${'>'.repeat(depth)} ` : '');
    joined += !isFixed && deleteSpace ? line.slice(0, -1) : line;
    goesOnAt = isFixed ? undefined : depth;
  }
  return joined;
}

function quoteDepth(line: string): number {
  let depth = 0;
  while (line[depth] === '>') depth++;
  return depth;
}
