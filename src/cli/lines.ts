import { Refusal } from '../refusal.ts';

const MEBIBYTE = 1024 * 1024;
/** Octets of one line. What somebody did is told in some thousand. */
const LONGEST = 16 * MEBIBYTE;

const LF = 0x0a;
const CR = 0x0d;

/**
 * The lines of a text in UTF-8 as it is read, without the LF, or CR LF, that ends each. An octet alone ends a line: `node:readline` does it
 * at U+2028 and U+2029 as well, which may stand in a name. Throws Refusal `invalid` where one has more than `longest` octets.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, longest = LONGEST): AsyncGenerator<string> {
  let begun: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      yield text([...begun, chunk.subarray(start, end)]);
      begun = [];
      size = 0;
      start = end + 1;
    }
    begun.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > longest)
      throw new Refusal('invalid', `A line of it has more than ${longest / MEBIBYTE} MiB: it is not what was asked for`);
  }
  if (size > 0) yield text(begun);
}

function text(pieces: readonly Uint8Array[]): string {
  const line = Buffer.concat(pieces);
  return (line.at(-1) === CR ? line.subarray(0, -1) : line).toString('utf8');
}
