import { inPieces, without } from '../mail/pieces.ts';
import { Refusal } from '../refusal.ts';
import { openpgp } from './settings.ts';

/** The framework of a cleartext signature (RFC 9580 §7), taken apart. */
export interface Cleartext {
  /** What was signed, LF line ends, without blanks at the ends of lines. Whether it was is not known yet. */
  text: string;
  signature: openpgp.Signature;
}

/** Characters of all that is not the text: a few lines of headers, and some signatures. */
const LONGEST_FRAME = 256 * 1024;

/** An empty line, as OpenPGP.js knows it. */
const EMPTY = /\n[ \f\r\t\u00a0\u2000-\u200a\u202f\u205f\u3000]*\n/;
/** The line that ends the text; dashes that stand in it have a blank before them. */
const TAIL = /\n(?=-----[^-\n]+-----[ \t\r]*(?:\n|$))/g;

/**
 * A Hash header of names that RFC 9580 §9.5 or RFC 4880 §9.4 knows. It is ignored, as the signature itself says what it was made with
 * (RFC 9580 §6.2.2.3), and not shown to OpenPGP.js, which knows some by other names. One that says anything else stays for it to judge.
 */
const HASH = /\nHash: *NAME(?: *, *NAME)*[ \t\r]*(?=\n|$)/.source;
const HASHES = new RegExp(HASH.replaceAll('NAME', '(?:MD5|SHA1|RIPEMD160|SHA(?:224|256|384|512)|SHA3-(?:256|512))'), 'g');

/**
 * Reads it. The frame around the text is read by OpenPGP.js, to which an empty one is shown: it spends a microsecond and a hundred octets
 * on every line, and a mail may have ten millions. Throws `malformed-mail` where it is damaged, or its headers are not of the kind
 * allowed. A text that is taken out at the wrong place is another one than was signed, and never verifies.
 */
export async function readCleartext(block: string): Promise<Cleartext> {
  try {
    const { frame, text } = takenApart(block);
    const message = await openpgp.readCleartextMessage({ cleartextMessage: frame });
    if (message.getText() !== '') throw new Error('there is text in its frame');
    // Not in its types.
    const { signature } = message as openpgp.CleartextMessage & { signature: openpgp.Signature };
    return { signature, text: inPieces(text, '\n', (piece) => piece.split('\n').map(unescaped).join('\n')) };
  } catch (error) {
    throw new Refusal('malformed-mail', 'The signed text is damaged', String(error));
  }
}

function takenApart(block: string): { frame: string; text: string } {
  const empty = EMPTY.exec(block);
  if (!empty) throw new Error('no empty line ends its headers');
  const start = empty.index + empty[0].length;
  // The text may be empty: then it is the same line end.
  TAIL.lastIndex = start - 1;
  const tail = TAIL.exec(block);
  if (!tail) throw new Error('no signature follows the text');
  const head = block.slice(0, empty.index);
  const signature = block.slice(tail.index + 1);
  if (head.length + signature.length > LONGEST_FRAME) throw new Error('its frame is too long');
  return { frame: `${head.replace(HASHES, '')}\n\n${signature}`, text: block.slice(start, tail.index) };
}

/** A line as it was signed: without the blanks at its end, and the dash-escape (RFC 9580 §7.2) taken off. */
function unescaped(line: string): string {
  const whole = line.includes('\r') ? without(line, /\r/) : line;
  let end = whole.length;
  while (whole[end - 1] === ' ' || whole[end - 1] === '\t') end--;
  return whole.slice(whole.startsWith('- ') && end > 1 ? 2 : 0, end);
}
