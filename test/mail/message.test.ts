import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodedBody, entityText, fieldText, fileName, leaves, parseEntity, parseMessage } from '../../src/mail/message.ts';

const bytes = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1');

describe('parsing a mail', () => {
  it('keeps a part octet for octet, without the line end that belongs to the delimiter', () => {
    const part = bytes('Content-Type: text/plain', '', 'one', '', 'two');
    const mail = parseMessage(
      Buffer.concat([
        bytes('From: a@b.example', 'Content-Type: multipart/mixed; boundary="x"', '', 'preamble', '--x', ''),
        part,
        bytes('', '--x--', ''),
      ]),
    );
    expect(Buffer.from(mail.parts[0]?.raw ?? []).equals(part)).toBe(true);
    expect(mail.parts).toHaveLength(1);
  });

  it('takes bare LF line ends and a close-delimiter that never comes', () => {
    const mail = parseMessage(
      Buffer.from('From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x\n\ntwo\n'),
    );
    expect(mail.parts.map((part) => entityText(part))).toEqual(['one', 'two\n']);
  });

  it('sees no delimiter in a line that merely begins like one, nor in the middle of a line', () => {
    const mail = parseMessage(bytes('Content-Type: multipart/mixed; boundary=x', '', '--x', '', '--xy', 'a --x', '--x--', ''));
    expect(mail.parts.map((part) => entityText(part))).toEqual(['--xy\r\na --x']);
  });

  it('ends the header section at the delimiter that it announces, where the empty line was lost', () => {
    const report = parseMessage(
      bytes(
        'Content-Type: multipart/report; boundary="x-1"',
        'Subject: a',
        '--x-1',
        'Content-Type: text/html',
        '',
        '1',
        '--x-1--',
      ),
    );
    expect(report.parts.map(({ mediaType }) => mediaType)).toEqual(['text/html']);
    const other = parseMessage(bytes('Content-Type: text/plain', '--x-1', 'Subject: a', '', '1'));
    expect(fieldText(other, 'subject')).toBe('a');
    const twice = bytes('Content-Type: text/plain; boundary=x-1', '--x-1', 'Content-Type: text/html', '', '1');
    expect(() => parseMessage(twice)).toThrow(expect.objectContaining({ reason: 'malformed-mail' }));
  });

  it.each(['From', 'Subject', 'Message-ID', 'Content-Type', 'To'])(
    'refuses a second %s, which could be shown for the first',
    (name) => {
      const mail = bytes(`${name}: text/plain`, `${name.toLowerCase()}: text/html`, '', 'x');
      expect(() => parseMessage(mail)).toThrow(expect.objectContaining({ reason: 'malformed-mail' }));
    },
  );

  it.each([
    ['a header section of 5 MB', Buffer.concat([Buffer.from('X: '), Buffer.alloc(5 << 20, 97), bytes('', '', 'x')])],
    ['100,000 parts', Buffer.from(`Content-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\n\r\na\r\n'.repeat(100_000)}--x--`)],
    ['100,000 fields', Buffer.from(`${'A: b\r\n'.repeat(100_000)}\r\n`)],
    [
      'parts 200 deep',
      Buffer.from(
        Array.from({ length: 200 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`).join(''),
      ),
    ],
  ])('refuses %s within a second', (_, mail) => {
    const begin = performance.now();
    expect(() => parseMessage(mail)).toThrow(expect.objectContaining({ reason: 'too-complex' }));
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it('reads a field of a hundred thousand lines within a second', () => {
    const begin = performance.now();
    const mail = parseMessage(Buffer.from(`Subject: a\r\n${' b\r\n'.repeat(100_000)}\r\n`));
    expect(fieldText(mail, 'subject')).toHaveLength(200_001);
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it('counts the header sections of all parts together', () => {
    const part = `--x\r\nX: ${'a'.repeat(60_000)}\r\n\r\nb\r\n`;
    expect(() => parseMessage(Buffer.from(`Content-Type: multipart/mixed; boundary=x\r\n\r\n${part.repeat(10)}--x--`))).toThrow(
      expect.objectContaining({ reason: 'too-complex' }),
    );
  });

  it('never throws anything but a refusal, whatever the octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        try {
          parseMessage(octets);
        } catch (error) {
          expect(error).toHaveProperty('reason');
        }
      }),
    );
  });
});

describe('reading a part', () => {
  it.each([
    ['iso-2022-jp', Buffer.from('1b2442467c4b5c1b2842', 'hex'), '日本'],
    ['shift_jis', Buffer.from('93fa967b', 'hex'), '日本'],
    ['iso-8859-1', Buffer.from([0x67, 0x72, 0xfc, 0xdf]), 'grüß'],
    ['no-such-charset', Buffer.from('grüß'), 'grüß'],
    ['utf-8', Buffer.from([0x61, 0xff, 0x62]), 'a\ufffdb'],
  ])('decodes %s', (charset, body, text) => {
    const part = parseEntity(Buffer.concat([bytes(`Content-Type: text/plain; charset=${charset}`, '', ''), body]));
    expect(entityText(part)).toBe(text);
  });

  it('takes base64 and quoted-printable off, and leaves an unknown encoding alone', () => {
    const of = (encoding: string, body: string) =>
      Buffer.from(decodedBody(parseEntity(bytes(`Content-Transfer-Encoding: ${encoding}`, '', body)))).toString();
    expect(of('BASE64', 'aGVs\r\nbG8=')).toBe('hello');
    expect(of('quoted-printable', 'h=65llo=\r\n!')).toBe('hello!');
    expect(of('x-uuencode', 'hello')).toBe('hello');
  });

  it('reads encoded words and names, and never takes a name for a path', () => {
    const part = parseEntity(
      bytes('Subject: =?utf-8?Q?gr=C3=BC=C3=9F?=', "Content-Disposition: attachment; filename*=utf-8''..%2Fx%C3%BC", '', ''),
    );
    expect(fieldText(part, 'subject')).toBe('grüß');
    expect(fileName(part)).toBe('../xü');
  });

  it('lists leaves in reading order', () => {
    const mail = bytes(
      'Content-Type: multipart/mixed; boundary=a',
      '',
      '--a',
      'Content-Type: multipart/alternative; boundary=b',
      '',
      '--b',
      '',
      '1',
      '--b',
      '',
      '2',
      '--b--',
      '--a',
      '',
      '3',
      '--a--',
    );
    expect(leaves(parseEntity(mail)).map(entityText)).toEqual(['1', '2', '3']);
  });
});
