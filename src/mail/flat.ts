/** Letters and signs that fonts draw as nothing, beyond those that Unicode says are not drawn: of braille, music, Egyptian and Khitan. */
const DRAWN_BLANK = '\\u2800\\u{1d159}\\u{13441}\\u{13442}\\u{16fe4}';

/** Whatever ends a line, turns its direction, pads it, or is not seen. */
const UNSEEN = new RegExp(`[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Z}\\p{Default_Ignorable_Code_Point}${DRAWN_BLANK}]+`, 'gu');

/** These only say how the character before them is drawn, or join it to the next one: faces, and letters of names. */
const JOINING = /[\u200d\p{Variation_Selector}]/gu;

/**
 * Somebody's words as part of a line that is ours: one line, read in one direction, with one space where he had anything that is not seen.
 * He can neither break nor fill that line, so that what follows would seem to be another one.
 */
export function flat(text: string): string {
  return text.replace(JOINING, '').replace(UNSEEN, ' ').trim();
}

/** Its first characters, with a mark where there were more. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most
    ? text
    : `${characters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
}
