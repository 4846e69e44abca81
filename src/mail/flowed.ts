import type { Entity } from './message.ts';

/** The fixed line that stands before a signature: it ends with a blank, and goes on nowhere (RFC 3676 §4.3). */
const SIGNATURE = '-- ';

/** A part's text with the lines joined that its program broke, where it says so by `format=flowed` (RFC 3676); LF line ends. */
export function joinedText({ parameters }: Pick<Entity, 'parameters'>, text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  if (parameters['format']?.trim().toLowerCase() !== 'flowed') return lines;
  return unflowed(lines, parameters['delsp']?.trim().toLowerCase() === 'yes');
}

interface Paragraph {
  depth: number;
  pieces: string[];
  /** Its last line ends with a blank: the next one of the same depth belongs to it. */
  goesOn: boolean;
}

/** RFC 3676 §4: quote marks come off first, then the blank that was stuffed in; `deleteSpace` is its DelSp. */
function unflowed(text: string, deleteSpace: boolean): string {
  const paragraphs: Paragraph[] = [];
  for (const written of text.split('\n')) {
    const depth = quoteDepth(written);
    const line = written.startsWith(' ', depth) ? written.slice(depth + 1) : written.slice(depth);
    const goesOn = line.endsWith(' ') && line !== SIGNATURE;
    const piece = goesOn && deleteSpace ? line.slice(0, -1) : line;
    const last = paragraphs.at(-1);
    if (last?.goesOn && last.depth === depth && line !== SIGNATURE) {
      last.pieces.push(piece);
      last.goesOn = goesOn;
    } else paragraphs.push({ depth, pieces: [piece], goesOn });
  }
  return paragraphs.map(({ depth, pieces }) => (depth > 0 ? `${'>'.repeat(depth)} ` : '') + pieces.join('')).join('\n');
}

function quoteDepth(line: string): number {
  let depth = 0;
  while (line[depth] === '>') depth++;
  return depth;
}
