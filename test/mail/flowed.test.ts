import { describe, expect, it } from 'vitest';
import { joinedText } from '../../src/mail/flowed.ts';

describe('a text with format=flowed (RFC 3676)', () => {
  const flowed = (text: string, delsp?: string) =>
    joinedText({ parameters: { format: 'Flowed', ...(delsp === undefined ? {} : { delsp }) } }, text);

  it.each([
    ['a paragraph of several lines', 'one \r\ntwo \r\nthree\r\nfour', 'one two three\nfour'],
    ['a line that was stuffed', ' From here\n > no quote', 'From here\n> no quote'],
    ['quoted lines of one depth', '> one \n> two\n>> three \n> four', '> one two\n>> three \n> four'],
    ['the line before a signature', 'end \n-- \nLena', 'end \n-- \nLena'],
    ['the line before a quoted signature', '> end \n> -- \n> Lena', '> end \n> -- \n> Lena'],
    ['an empty line', 'one \n\ntwo', 'one \ntwo'],
    ['nothing', '', ''],
  ])('%s', (_, text, joined) => {
    expect(flowed(text)).toBe(joined);
  });

  it('loses the blank at the end of a line where DelSp says so (§4.1)', () => {
    expect(flowed('Donaudampf \nschiff  \nfahrt\n-- \nL', 'Yes')).toBe('Donaudampfschiff fahrt\n-- \nL');
  });

  it('stays as it is without that', () => {
    expect(joinedText({ parameters: {} }, 'one \r\n two')).toBe('one \n two');
    expect(joinedText({ parameters: { format: 'fixed' } }, 'one \n two')).toBe('one \n two');
  });
});
