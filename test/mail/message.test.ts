import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodedBody, entityText, fieldText, fileName, leaves, parseEntity, parseMessage } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { Refusal } from '../../src/refusal.ts';
import { effort } from '../support/effort.ts';

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

  it('ends a header section that lacks its empty line at the first delimiter', () => {
    const mail = parseMessage(
      bytes(
        'From: a@b.example',
        'Content-Type: multipart/report; boundary=x',
        '--x',
        'Content-Type: text/plain',
        '',
        'one',
        '--x--',
      ),
    );
    expect(mail).toMatchObject({ mediaType: 'multipart/report', parts: [{ mediaType: 'text/plain' }] });
    expect(parseMessage(bytes('--a: b', 'Subject: c', '', 'x')).fields).toHaveLength(2);
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
    const spent = effort();
    expect(() => parseMessage(mail)).toThrow(expect.objectContaining({ reason: 'too-complex' }));
    expect(spent()).toBeLessThan(1000);
  });

  it('takes a thousand short fields, and refuses one more', () => {
    const mail = (fields: number) => Buffer.from(`${'A: b\r\n'.repeat(fields)}\r\n`);
    expect(parseMessage(mail(1000)).fields).toHaveLength(1000);
    expect(() => parseMessage(mail(1001))).toThrow(expect.objectContaining({ reason: 'too-complex' }));
  });

  it('reads a field of a hundred thousand lines within a second', () => {
    const spent = effort();
    const mail = parseMessage(Buffer.from(`Subject: a\r\n${' b\r\n'.repeat(100_000)}\r\n`));
    expect(fieldText(mail, 'subject')).toHaveLength(200_001);
    expect(spent()).toBeLessThan(1000);
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
    ['windows-1252', Buffer.from([0x93, 0x80, 0x94]), '“€”'],
    ['iso-8859-1', Buffer.from([0x93, 0xfc, 0x94]), '“ü”'],
    ['no-such-charset', Buffer.from([0x93, 0xfc, 0x94]), '“ü”'],
    ['no-such-charset', Buffer.from('grüß'), 'grüß'],
    ['utf-8', Buffer.from('> Caf\ufffd'), '> Caf\ufffd'],
    ['no-such-charset', Buffer.from('> na\ufffdve \ufffd, \u00e9t\u00e9'), '> na\ufffdve \ufffd, \u00e9t\u00e9'],
    ['utf16', Buffer.from('grüß', 'utf16le'), 'grüß'],
    ['utf16le', Buffer.from('grüß', 'utf16le'), 'grüß'],
    ['utf-8', Buffer.concat([Buffer.from('äöü'), Buffer.from([0xff])]), 'äöü\ufffd'],
    ['UTF-8', Buffer.from('Grüße', 'latin1'), 'Grüße'],
  ])('decodes %s', (charset, body, text) => {
    const part = parseEntity(Buffer.concat([bytes(`Content-Type: text/plain; charset=${charset}`, '', ''), body]));
    expect(entityText(part)).toBe(text);
  });

  const russian = Buffer.from('cff0e8e2e5f2', 'hex');
  it.each<[string, string, string, Buffer, string]>([
    ['the page', 'text/html', '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', russian, 'Привет'],
    ['the page, in short', 'text/html; charset=us-ascii', "<META charset = 'koi8-r' >", Buffer.from('f0d2', 'hex'), 'Пр'],
    ['the page, in escape sequences', 'text/html', '<meta charset=iso-2022-jp>', Buffer.from('\x1b$BF|K\\\x1b(B'), '日本'],
    ['the mail, whatever the page says', 'text/html; charset=windows-1251', '<meta charset=koi8-r>', russian, 'Привет'],
    ['nobody: a page of ASCII has no other words', 'text/html', '<meta charset=utf-7>', Buffer.from('+AGE-'), '+AGE-'],
    ['nobody: what says so can be read', 'text/html', '<meta charset=utf-16>', Buffer.from('zoë'), 'zoë'],
    ['nobody: it is no page', 'text/plain', '<meta charset=windows-1251>', Buffer.from('zoë'), 'zoë'],
    ['nobody so early that it counts', 'text/html', `${' '.repeat(1024)}<meta charset=windows-1251>`, Buffer.from('zoë'), 'zoë'],
  ])('the charset of a text is said by %s', (_, type, meta, octets, words) => {
    const text = entityText(parseEntity(Buffer.concat([bytes(`Content-Type: ${type}`, '', meta), octets])));
    expect(text.slice(meta.length)).toBe(words);
  });

  it('reads base64 of any number of pieces, in the time that its size takes', () => {
    const of = (body: string) => decodedBody(parseEntity(bytes('Content-Transfer-Encoding: base64', '', body)));
    expect(Buffer.from(of(`${'QUJD'.repeat(9)}\r\n${'QUI=\r\n'.repeat(20_000)}Qw==QUJDRA==`)).toString()).toBe(
      `${'ABC'.repeat(9)}${'AB'.repeat(20_000)}CABCD`,
    );
    const spent = effort();
    expect(of('QQ='.repeat(2_000_000))).toHaveLength(2_000_000);
    expect(of(`${'='.repeat(6_000_000)}QQ`)).toHaveLength(1);
    expect(spent()).toBeLessThan(2000);
    // One piece at the head of a large body: it is asked for several times.
    const large = parseEntity(bytes('Content-Transfer-Encoding: base64', '', `QQ==${'QUJD'.repeat(6_000_000)}`));
    const again = effort();
    for (let times = 0; times < 4; times++) expect(decodedBody(large)).toHaveLength(18_000_001);
    expect(again()).toBeLessThan(1000);
  });

  it('takes base64 and quoted-printable off, and leaves an unknown encoding alone', () => {
    const of = (encoding: string, body: string) =>
      Buffer.from(decodedBody(parseEntity(bytes(`Content-Transfer-Encoding: ${encoding}`, '', body)))).toString();
    expect(of('BASE64', 'aGVs\r\nbG8=')).toBe('hello');
    expect(of('base64', 'aGVsbG8=\r\nIHdvcmxk\r\nIQ==\r\nIGFnYWlu\r\n')).toBe('hello world! again');
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

describe('what a person sees', () => {
  let boundaries = 0;
  const multi = (kind: string, ...parts: string[][]) => {
    const boundary = `m${boundaries++}`;
    return [
      `Content-Type: multipart/${kind}; boundary=${boundary}`,
      '',
      ...parts.flatMap((part) => [`--${boundary}`, ...part]),
      `--${boundary}--`,
    ];
  };
  const plain = (words: string, more = '') => [`Content-Type: text/plain${more}`, '', words];
  const html = (words: string, more = '') => [`Content-Type: text/html${more}`, '', `<p>${words}</p>`];
  const view = (part: string[]) => {
    const { text, files } = viewOf(parseEntity(bytes(...part, '')));
    return { words: text.split(/\s+/).filter(Boolean), files: files.map(({ name }) => name) };
  };

  it.each([
    ['HTML and the footer of a gateway', multi('mixed', html('body'), plain('footer')), ['body', 'footer']],
    [
      'the same in an alternative of one',
      multi('alternative', multi('mixed', html('body'), plain('footer'))),
      ['body', 'footer'],
    ],
    ['alternatives', multi('alternative', plain('plain'), html('html')), ['plain']],
    [
      'alternatives, of which one has pictures, and a footer',
      multi('mixed', multi('alternative', plain('plain'), multi('related', html('html'))), html('footer')),
      ['plain', 'footer'],
    ],
    ['alternatives, of which the plain one is empty', multi('alternative', plain('  '), html('html')), ['html']],
    ['alternatives without plain text', multi('alternative', html('html'), html('richer')), ['html', 'richer']],
  ])('%s', (_, part, words) => {
    expect(view(part)).toEqual({ words, files: [] });
  });

  it('a text with a name, or attached, is a file and takes no place of other words', () => {
    const named = plain('patch', '; name=a.patch');
    expect(view(multi('alternative', named, html('body')))).toEqual({ words: ['body'], files: ['a.patch'] });
    expect(view(multi('mixed', html('body', '; name=b.html'), plain('footer')))).toEqual({
      words: ['footer'],
      files: ['b.html'],
    });
  });
});

describe('what a mail may ask to be looked at', () => {
  const MEBIBYTE = 1024 * 1024;
  const cost = (raw: Buffer) => {
    const before = process.cpuUsage();
    const seen = (() => {
      try {
        return parseMessage(raw).parts.length;
      } catch (error) {
        return error instanceof Refusal ? error.reason : error;
      }
    })();
    const { user, system } = process.cpuUsage(before);
    return { seen, ms: (user + system) / 1000 };
  };
  const nested = (boundaries: readonly string[], body: string) =>
    Buffer.from(
      boundaries.map((boundary) => `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n`).join('') +
        body,
      'latin1',
    );
  const depths = Array.from({ length: 19 }, (_, at) => at);

  it.each([
    [
      'a body of dashes under boundaries of dashes',
      nested(
        depths.map((at) => '-'.repeat(1 + 3 * at)),
        '-'.repeat(24 * MEBIBYTE),
      ),
    ],
    ['24 MiB of delimiters', nested(['b'], '--b\r\n'.repeat((24 * MEBIBYTE) / 5))],
    ['24 MiB of what is almost a delimiter', nested(['b'], '--bX\r\n'.repeat((24 * MEBIBYTE) / 6))],
    [
      'one line that begins as a delimiter',
      nested(
        depths.map((at) => `b${at}`),
        `--b1${' '.repeat(24 * MEBIBYTE)}`,
      ),
    ],
    ['an encoded field of 400 KiB', Buffer.from(`List-Id: ${'=?x-a?q?a?= '.repeat(34_000)}\r\n\r\nx`)],
  ])('%s costs less than a second', (_, raw) => {
    const { seen, ms } = cost(raw);
    expect(seen === 'too-complex' || typeof seen === 'number').toBe(true);
    expect(ms).toBeLessThan(1000);
  });

  it('a large file in an ordinary mail is well within', () => {
    const file = `Content-Type: application/octet-stream\r\n\r\n${'A'.repeat(76)}\r\n`.padEnd(24 * MEBIBYTE, 'A');
    expect(cost(nested(['outer', 'middle', 'inner'], file)).seen).toBe(1);
  });
});

it.each(['a@x.example, b@y.example', 'Group: a@x.example, b@y.example;', '"a@x.example" <c@z.example>, b@y.example'])(
  'a From of several people is refused: %s',
  (from) => {
    expect(() => parseMessage(bytes(`From: ${from}`, '', 'x'))).toThrow(expect.objectContaining({ reason: 'malformed-mail' }));
  },
);

it('a field in the charset of Windows', () => {
  const mail = parseMessage(bytes('From: a@b.example', 'Subject: =?windows-1252?Q?=93a=94_=80?=', '', 'x'));
  expect(fieldText(mail, 'subject')).toBe('“a” €');
});
