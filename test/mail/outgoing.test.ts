import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carriedParts } from '../../src/mail/carried.ts';
import { withoutLegacyDisplay } from '../../src/mail/legacy-display.ts';
import {
  decodedBody,
  type Entity,
  entityText,
  everyFileName,
  fieldsNamed,
  fieldText,
  fileName,
  leaves,
  parseEntity,
  parseMessage,
} from '../../src/mail/message.ts';
import {
  baseName,
  dateValue,
  entity,
  filePart,
  mailbox,
  multipart,
  protectedPayload,
  sealedMail,
  signedMail,
  signedPayload,
  textPart,
  words,
} from '../../src/mail/outgoing.ts';
import { bringsAPage } from '../../src/mail/page.ts';
import { effort } from '../support/effort.ts';

const fields = { from: 'orbit <security@orbit.example>', to: 'security@orbit.example', subject: 'The real one', date: 0 };

describe('header fields', () => {
  it('refuses a line end in a value: it would begin another field', () => {
    for (const value of ['a\r\nBcc: x@y.example', 'a\nb', 'a\rb', 'a\0b'])
      expect(() => entity([['X', value]], '')).toThrow('a line end');
  });

  it('never lets words out of their field, and reads back what was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const written = entity([['Subject', words(text)]], 'x');
        const read = parseEntity(written);
        expect(read.fields).toHaveLength(1);
        const normal = (one: string) => one.replace(/\s+/gu, '');
        expect(normal(fieldText(read, 'subject') ?? '')).toBe(normal(text.replace(/\p{Cc}+/gu, ' ')));
      }),
    );
  });

  it.each(['=?utf-8?Q?Pay_me?=', 'Re: =?UTF-8?B?UGF5IG1l?= now', '=?utf-8?Q?gr=C3=BC?= and grün', '=?'])(
    'shows what looks like an encoded word as it was written: %s',
    (text) => expect(fieldText(parseEntity(entity([['Subject', words(text)]], 'x')), 'subject')).toBe(text),
  );

  it('quotes and encodes display names', () => {
    expect(mailbox('Rae Porter', 'r@x.example')).toBe('Rae Porter <r@x.example>');
    expect(mailbox('Porter, "Rae"', 'r@x.example')).toBe('"Porter, \\"Rae\\"" <r@x.example>');
    expect(mailbox('Zoë\r\nBcc: e@x.example', 'r@x.example')).toMatch(/^=\?UTF-8\?Q\?[^\r\n]*\?= <r@x\.example>$/);
    expect(mailbox('', 'r@x.example')).toBe('r@x.example');
  });

  it('dates in UTC (RFC 5322 §3.3)', () => {
    expect(dateValue(Date.parse('2026-09-22T16:00:00Z'))).toBe('Tue, 22 Sep 2026 16:00:00 +0000');
  });
});

describe('parts', () => {
  it('carries any text through, with CRLF line ends and one at the end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const part = textPart(text);
        const canonical = text.replace(/\r\n|\r|\n/g, '\r\n').replace(/(?:\r\n)*$/, '\r\n');
        expect(entityText(parseEntity(part))).toBe(Buffer.from(canonical).toString());
        expect(part.every((octet) => octet < 128)).toBe(true);
      }),
    );
  });

  it('takes a million empty lines in its stride', () => {
    const spent = effort();
    textPart(`${'\n'.repeat(1_000_000)}x`);
    expect(textPart('\n\n').toString()).toMatch(/7bit\r\n\r\n\r\n$/);
    expect(spent()).toBeLessThan(2000);
  });

  it.each([`${'long '.repeat(400)}`, 'blank at the end ', 'From here on'])(
    'encodes a line that relays would change: %.20s',
    (line) => {
      const part = textPart(`${line}\n`);
      expect(fieldText(parseEntity(part), 'content-transfer-encoding')).toBe('quoted-printable');
      expect(
        part
          .toString()
          .split('\r\n')
          .every((one) => one.length <= 78),
      ).toBe(true);
    },
  );

  it('carries a file octet for octet and cuts the folders off its name', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
        (data, name) => {
          const part = parseEntity(filePart(name, 'application/octet-stream', data));
          expect(Buffer.from(decodedBody(part)).equals(Buffer.from(data))).toBe(true);
          expect(part.fields.map((field) => field.name)).toEqual([
            'Content-Type',
            'Content-Transfer-Encoding',
            'Content-Disposition',
          ]);
        },
      ),
    );
    expect(fileName(parseEntity(filePart('../../etc/zoë "x".patch', 'text/x-patch', Buffer.from('a'))))).toBe('zoë "x".patch');
    expect(['../x', 'a/b\\c', '..', '/', 'a\u0000b', '=?utf-8?Q?x?='].map(baseName)).toEqual([
      ...['x', 'c', 'unnamed', 'unnamed', 'ab', '=_utf-8?Q?x?='],
    ]);
    expect(
      [
        `${'ab.'.repeat(400)}patch`,
        `a${'\u{1f600}'.repeat(60)}.diff`,
        'x'.repeat(200),
        `${'x'.repeat(195)}.html.${'1'.repeat(20)}`,
      ].map(baseName),
    ).toEqual([`${'ab.'.repeat(64)}ab.patch`, `a${'\u{1f600}'.repeat(48)}.diff`, 'x'.repeat(200), `${'x'.repeat(195)}..txt`]);
    const long = `${'ab.'.repeat(60)}patch`;
    expect(everyFileName(parseEntity(filePart(long, 'text/x-patch', Buffer.from('a'))))).toEqual([long]);
  });

  it('writes the name of a file as every program reads it, and never as that of a page, whatever it is', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 3 }),
        fc.constantFrom('; filename=', '"', 'name*0=', '.html', 'ht', 'ml', '.eml', '.txt', '.1', '/', '=?utf-8?Q?=2Ehtml?='),
        fc.constantFrom('\u200b', '\u00ad', '\u202e', '~', ' ', 'a'.repeat(60), 'ä'.repeat(40)),
      ),
      { minLength: 1, maxLength: 12 },
    );
    const types = fc.constantFrom(
      'application/octet-stream',
      'image/png',
      'text/x-patch',
      'text/plain',
      'application/pgp-keys',
      'text/html',
    );
    fc.assert(
      fc.property(types, pieces, (type, name) => {
        const encoded = encodeURIComponent(name.join('')).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
        const field = `Content-Disposition: attachment; filename*=utf-8''${encoded}`;
        const part = parseEntity(
          Buffer.from(`Content-Type: ${type}\r\n${field}\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n`),
        );
        expect(
          carriedParts(part)
            .map((written) => parseEntity(written))
            .filter(bringsAPage),
        ).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('makes a multipart that its own parser takes apart into the same octets', () => {
    const parts = [textPart('one'), filePart('a', 'application/octet-stream', Buffer.from('--two--'))];
    const read = parseEntity(multipart('mixed', parts));
    expect(read.parts.map((part, i) => Buffer.from(part.raw).equals(parts[i] as Buffer))).toEqual([true, true]);
  });
});

describe('header protection (RFC 9788)', () => {
  it('puts the subject inside, says what stands outside, and marks the root of the payload', () => {
    const payload = parseEntity(
      protectedPayload({ ...fields, replyTo: 'security+C.t@orbit.example' }, multipart('mixed', [textPart('x')])),
    );
    expect(payload.parameters).toMatchObject({ hp: 'cipher', 'protected-headers': 'v1' });
    expect(fieldText(payload, 'subject')).toBe('The real one');
    expect(fieldText(payload, 'reply-to')).toBe('security+C.t@orbit.example');
    const mail = parseMessage(
      Buffer.concat(sealedMail({ ...fields, replyTo: 'security+C.t@orbit.example' }, '<1@x>', [], 'ARMOR\n')),
    );
    const outside = fieldsNamed(payload, 'hp-outer').map(({ value }) => value);
    expect(outside).toContain('Subject: [...]');
    for (const line of outside) {
      const [name = '', value] = line.split(/: (.*)/s);
      expect(fieldsNamed(mail, name)[0]?.value).toBe(value);
    }
    expect(mail.raw.toString()).not.toContain('security+C.t');
    expect(Buffer.from(mail.raw).toString()).not.toMatch(/The real one|security\+C/);
  });

  it('signs in clear with the fields covered', () => {
    const payload = signedPayload(fields, textPart('x'));
    expect(parseEntity(payload).parameters['hp']).toBe('clear');
    const mail = parseMessage(signedMail(fields, '<1@x>', [], payload, { armored: 'SIG\n', micalg: 'pgp-sha512' }));
    expect(mail.parameters).toMatchObject({ micalg: 'pgp-sha512', protocol: 'application/pgp-signature' });
    expect(Buffer.from(mail.parts[0]?.raw ?? []).equals(payload)).toBe(true);
    expect(fieldText(mail, 'subject')).toBe('The real one');
  });
});

describe('a subject for clients that show no protected field (RFC 9788 §5.2.2)', () => {
  const subject = 'Größe — =?x?= "a"';
  it.each([
    ['a text', textPart('one\n\ntwo')],
    ['a text before a file', multipart('mixed', [textPart('one\n\ntwo'), filePart('a', 'text/plain', Buffer.from('x'))])],
    ['a text further down', multipart('mixed', [multipart('mixed', [textPart('one\n\ntwo'), textPart('y')]), textPart('z')])],
  ])('stands above the first words of %s, is marked, and nothing else is changed', (_, content) => {
    const payload = parseEntity(protectedPayload({ ...fields, subject }, content));
    const [first, ...others] = leaves(payload);
    expect(first?.parameters['hp-legacy-display']).toBe('1');
    expect(entityText(first as Entity)).toBe(
      `Subject: ${subject}\r\n\r\none\r\n\r\ntwo\r\n`.slice(0, others.length > 0 ? -2 : undefined),
    );
    expect(others.map(({ raw }) => Buffer.from(raw).toString())).toEqual(
      leaves(parseEntity(content))
        .slice(1)
        .map(({ raw }) => Buffer.from(raw).toString()),
    );
    // Whoever knows the mark takes it off again.
    const [shown] = leaves(withoutLegacyDisplay(payload));
    expect(entityText(shown as Entity).trimEnd()).toBe('one\r\n\r\ntwo');
  });

  it('is not put into what is no text', () => {
    const file = filePart('a', 'text/plain', Buffer.from('x'));
    expect(protectedPayload(fields, file).toString()).not.toContain('legacy');
  });
});
