import { describe, expect, it } from 'vitest';
import { carriedParts } from '../../src/mail/carried.ts';
import { decodedBody, entityText, fileName, parseEntity } from '../../src/mail/message.ts';

const entity = (type: string, body: string | Buffer, ...more: string[]) =>
  Buffer.concat([Buffer.from(`${[`Content-Type: ${type}`, ...more].join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
const littleEndian = (text: string) => Buffer.from(text, 'utf16le');
const bigEndian = (text: string) => littleEndian(text).swap16();
const carried = (raw: Buffer) => carriedParts(parseEntity(raw)).map(parseEntity);

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
    ['no charset, and UTF-8', 'text/plain', Buffer.from('é\n'), 'é\n'],
    ['ASCII by its label, UTF-8 by its octets', 'text/plain; charset=us-ascii', Buffer.from('é\n'), 'é\n'],
  ])('%s', (_, type, body, text) => {
    const [part, ...others] = carried(entity(type, body));
    expect(part?.parameters).toEqual({ charset: 'utf-8' });
    expect(
      Buffer.from(decodedBody(part ?? never()))
        .toString('utf8')
        .trimEnd(),
    ).toBe(text.trimEnd());
    expect(others).toEqual([]);
  });

  it.each([
    ['octets that are nothing in it', 'text/plain; charset=shift_jis', Buffer.from([0x61, 0xff, 0x80]), 'a\ufffd\ufffd'],
    ['UTF-8 that is broken', 'text/plain; charset=utf-8', Buffer.concat([Buffer.from('äö'), Buffer.from([0xe9])]), 'äö\ufffd'],
    ['Latin-1 that is called UTF-8', 'text/plain; charset=utf-8', Buffer.from('Grüße', 'latin1'), 'Grüße'],
    ['a charset of no name that anybody knows', 'text/plain; charset=ISO-8859', Buffer.from([0xe9]), 'é'],
    ['Chinese without a charset', 'text/plain', Buffer.from('c4dabacb', 'hex'), 'ÄÚºË'],
    ['Chinese that is called ASCII', 'text/plain; charset=us-ascii', Buffer.from('c4dabacb', 'hex'), 'ÄÚºË'],
  ])('%s: nobody can tell, and the octets are in a file', (_, type, body, text) => {
    const [part, file, ...others] = carried(entity(type, body));
    expect([entityText(part ?? never()).trimEnd(), fileName(file ?? never())]).toEqual([text, 'original-1.txt']);
    expect(Buffer.from(decodedBody(file ?? never()))).toEqual(body);
    expect(others).toEqual([]);
  });

  it.each([
    ['iso-2022-kr', '\x1b$)C\x0e0!\x0f\n'],
    ['HZ-GB-2312', '~{VPND~}\n'],
  ])('%s, which clients may read, keeps its label and its octets', (charset, body) => {
    const [part, ...others] = carried(entity(`text/plain; charset=${charset}; format=flowed`, body));
    expect(part?.parameters).toEqual({ charset, format: 'flowed' });
    expect(Buffer.from(decodedBody(part ?? never())).toString()).toBe(body);
    expect(others).toEqual([]);
  });

  it('a text flows as it did, and no other parameter or field is carried on', () => {
    const text = entity('text/plain; charset=iso-8859-1; format=flowed; delsp=yes; x=y', Buffer.from([0xe9]), 'X-Field: a');
    const head = 'Content-Type: multipart/mixed; boundary=m\r\n\r\npre\r\n--m\r\n';
    const [part] = carried(Buffer.concat([Buffer.from(head), text, Buffer.from('\r\n--m--\r\nend')]));
    expect(part?.parameters).toEqual({ charset: 'utf-8', format: 'flowed', delsp: 'yes' });
    expect(part?.fields.map(({ name }) => name)).toEqual(['Content-Type', 'Content-Transfer-Encoding']);
    expect(entityText(part ?? never()).trimEnd()).toBe('é');
  });

  it.each([
    ['a file', 'text/x-patch; charset=iso-8859-1', 'Content-Disposition: attachment'],
    ['a text with a name', 'text/plain; charset=iso-8859-1; name=a.txt', 'Content-Disposition: inline'],
    ['an attached text', 'text/plain; charset=iso-8859-1', 'Content-Disposition: attachment'],
  ])('%s stays octet for octet, under its charset', (_, type, disposition) => {
    const [part] = carried(entity(type, Buffer.from([0xe9]), disposition));
    expect(part?.parameters['charset']).toBe('iso-8859-1');
    expect(Buffer.from(decodedBody(part ?? never()))).toEqual(Buffer.from([0xe9]));
  });

  it('what a signature of its own covers stays octet for octet', () => {
    const raw = Buffer.concat([
      Buffer.from('Content-Type: multipart/signed; boundary=m\r\n\r\n--m\r\n'),
      entity('text/plain; charset=iso-8859-1', Buffer.from([0xe9])),
      Buffer.from('\r\n--m\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--m--\r\n'),
    ]);
    expect(carriedParts(parseEntity(raw)).map((part) => Buffer.from(part))).toEqual([raw]);
  });
});

function never(): never {
  throw new Error('there is no part');
}
