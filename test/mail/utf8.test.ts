import { describe, expect, it } from 'vitest';
import { decodedBody, entityText, leaves, parseEntity } from '../../src/mail/message.ts';
import { inUtf8 } from '../../src/mail/utf8.ts';

const entity = (type: string, body: string | Buffer, ...more: string[]) =>
  Buffer.concat([Buffer.from(`${[`Content-Type: ${type}`, ...more].join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
const littleEndian = (text: string) => Buffer.from(text, 'utf16le');
const bigEndian = (text: string) => littleEndian(text).swap16();
const inside = (raw: Buffer) => leaves(inUtf8(parseEntity(raw)));

describe('texts are carried on in UTF-8', () => {
  it.each([
    ['Shift_JIS', 'text/plain; charset=Shift_JIS', Buffer.from([0x82, 0xa9, 0x0a]), 'か\n'],
    ['ISO-2022-JP', 'text/plain; charset=iso-2022-jp', Buffer.from('\x1b$B$+\x1b(B\n'), 'か\n'],
    ['CP850', 'text/plain; charset=cp850', Buffer.from([0x81, 0x0a]), 'ü\n'],
    ['UTF-7', 'text/plain; charset=utf-7', Buffer.from('Gr+APwA3w-e\n'), 'Grüße\n'],
    ['UTF-16 with a mark, as Java writes it', 'text/plain; charset=UTF-16', bigEndian('\ufeffGrüße\n'), 'Grüße\n'],
    ['UTF-16 with the mark of Windows', 'text/plain; charset=unicode', littleEndian('\ufeffGrüße\n'), 'Grüße\n'],
    ['UTF-16 without a mark, as the standard has it', 'text/plain; charset=iso-10646-ucs-2', bigEndian('<か\n'), '<か\n'],
    ['UTF-16 without a mark, as Windows has it', 'text/plain; charset=utf-16', littleEndian('か, です\n'), 'か, です\n'],
    ['UTF-16 without a mark or a sign of its order', 'text/plain; charset=utf-16', littleEndian('です'), 'です'],
    ['UTF-16 that says its order', 'text/plain; charset=utf-16le', littleEndian('\u4100b'), '\u4100b'],
    ['no charset at all, as base64 is', 'text/plain; charset=base64', Buffer.from('Grüße\n'), 'Grüße\n'],
    ['a charset of no name that anybody knows', 'text/plain; charset=ISO-8859', Buffer.from([0xe9, 0x0a]), 'é\n'],
    ['no charset, and UTF-8', 'text/plain', Buffer.from('é\n'), 'é\n'],
    ['ASCII by its label, UTF-8 by its octets', 'text/plain; charset=us-ascii', Buffer.from('é\n'), 'é\n'],
    [
      'UTF-8 that is broken',
      'text/plain; charset=utf-8',
      Buffer.concat([Buffer.from('äö'), Buffer.from([0xe9, 0x0a])]),
      'äö\ufffd\n',
    ],
    ['Latin-1 that is called UTF-8', 'text/plain; charset=utf-8', Buffer.from('Grüße\n', 'latin1'), 'Grüße\n'],
  ])('%s', (_, type, body, text) => {
    const [part] = inside(entity(type, body));
    if (!part) throw new Error('there is no part');
    expect(part.parameters['charset']).toBe('utf-8');
    expect(Buffer.from(decodedBody(part)).toString('utf8')).toBe(text);
  });

  it('a text keeps its other parameters and fields, and the whole its other octets', () => {
    const text = entity('text/plain; charset=iso-8859-1; format=flowed; delsp=yes', Buffer.from([0xe9]), 'Content-Language: fr');
    const [head, tail] = [
      'Content-Type: multipart/related; type="text/html"; start="<a>"; boundary=m\r\n\r\npre\r\n--m\r\n',
      '\r\n--m--\r\nend',
    ];
    const raw = Buffer.concat([Buffer.from(head), text, Buffer.from(tail)]);
    const changed = Buffer.from(inUtf8(parseEntity(raw)).raw).toString('latin1');
    expect(changed.startsWith(head)).toBe(true);
    expect(changed.endsWith(tail)).toBe(true);
    const [part] = inside(raw);
    expect(part?.parameters).toEqual({ charset: 'utf-8', format: 'flowed', delsp: 'yes' });
    expect(part?.fields).toContainEqual({ name: 'Content-Language', value: 'fr' });
    expect(part && entityText(part)).toBe('é');
  });

  it('parameters that are none are left out', () => {
    const [part] = inside(entity('text/plain; charset=x-none; a\u0001b=c; d="e\u0001"; f=g', Buffer.from([0xe9])));
    expect(part?.parameters).toEqual({ charset: 'utf-8', f: 'g' });
  });

  it.each([
    ['what is UTF-8 or ASCII already', entity('text/plain; charset=utf-8', 'é')],
    ['Korean in seven bits', entity('text/plain; charset=iso-2022-kr', '\x1b$)C\x0e0!\x0f\n')],
    ['Chinese in seven bits', entity('text/html; charset="HZ-GB-2312"', '~{VPND~}\n')],
    ['a page', entity('text/html; charset=iso-8859-1', Buffer.from('<p>\xe9', 'latin1'))],
    ['a file', entity('text/x-patch; charset=iso-8859-1', Buffer.from([0xe9]))],
    ['a text with a name', entity('text/plain; charset=iso-8859-1; name=a.txt', Buffer.from([0xe9]))],
    ['an attached text', entity('text/plain; charset=iso-8859-1', Buffer.from([0xe9]), 'Content-Disposition: attachment')],
    [
      'what a signature of its own covers',
      Buffer.concat([
        Buffer.from('Content-Type: multipart/signed; boundary=m\r\n\r\n--m\r\n'),
        entity('text/plain; charset=iso-8859-1', Buffer.from([0xe9])),
        Buffer.from('\r\n--m\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--m--\r\n'),
      ]),
    ],
  ])('%s stays octet for octet', (_, raw) => {
    expect(Buffer.from(inUtf8(parseEntity(raw)).raw)).toEqual(raw);
  });
});
