import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  composeMail,
  composeNotice,
  composeUnopened,
  dressed,
  listFields,
  listHeaders,
  personalHeaders,
} from '../../src/delivery/compose.ts';
import {
  decodedBody,
  type Entity,
  entityText,
  fieldsNamed,
  fileName,
  leaves,
  parseEntity,
  saysAttachment,
} from '../../src/mail/message.ts';
import { sharesAPage } from '../../src/mail/page.ts';
import { noticeEntity } from '../../src/notices/write.ts';
import type { OpenedMail } from '../../src/pgp/open.ts';
import type { SignatureVerdict } from '../../src/pgp/verify.ts';
import type { PostKind } from '../../src/store/schema.ts';
import { effort } from '../support/effort.ts';

const content = Buffer.from('Content-Type: text/plain\r\n\r\nThe words.\r\n');
const mail: OpenedMail = {
  form: 'pgp-mime',
  encrypted: true,
  signatures: [],
  signer: null,
  from: { address: 'rita@example.org', name: 'Rita' },
  subject: 'A hole',
  outerSubject: '...',
  subjectProtected: true,
  messageId: null,
  ciphertextDigest: null,
  content,
  isFile: false,
  allEncrypted: true,
  aside: [],
  warnings: [],
  signedAs: null,
  offered: [],
  offeredInside: [],
  enclosed: [],
};
const nobody = {
  contact: null,
  sender: 'envelope@example.org',
  caseId: null,
  circle: null,
  held: null,
  beside: [],
  copy: null,
  looked: true,
};
const transferEncoding = (part: Entity) => fieldsNamed(part, 'content-transfer-encoding')[0]?.value;
const alpha = { address: 'alpha@alpha.example', organisation: 'Alpha' };
const signature: SignatureVerdict = {
  keyId: '0123456789ABCDEF',
  fingerprint: 'F',
  valid: true,
  reason: null,
  certificateKnown: true,
  digest: 'd',
  coversWholeContent: true,
  madeAt: null,
  intendedFor: [],
};
const signer = {
  fingerprint: 'F',
  certificateKnown: true,
  signatureDigest: 'd',
  signedTwice: false,
  signedAt: null,
  addressedTo: [],
  intendedFor: [],
};

const MARK = 'k7m2x';
const partsOf = (composed: { content: Uint8Array }) => leaves(parseEntity(composed.content));
const words = (opened: Partial<OpenedMail>, origin: Partial<Parameters<typeof composeMail>[1]> = {}) => {
  const [first] = partsOf(composeMail({ ...mail, ...opened }, { ...nobody, ...origin }, MARK));
  return entityText(first as Entity);
};

describe('who wrote a mail, as its readers are told', () => {
  const invalid = { ...signature, valid: false, reason: 'invalid', fingerprint: null } as const;
  const unknown = { ...signature, valid: false, reason: 'no-certificate', fingerprint: null } as const;
  const partial = { ...signature, coversWholeContent: false };
  test.each<[string, Partial<OpenedMail>, typeof alpha | null, string]>([
    ['nobody signed', {}, null, 'none'],
    [
      'a contact signed',
      { signer, signatures: [signature] },
      alpha,
      'good, by alpha@alpha.example of Alpha\r\nk7m2x| Key:       F',
    ],
    [
      'somebody else signed',
      { signer, signatures: [signature] },
      null,
      'good, but by a certificate that is not on the roster\r\nk7m2x| Key:       F',
    ],
    ['the signature is wrong', { signatures: [invalid] }, null, 'BAD: it does not fit these words'],
    ['one of two is wrong', { signatures: [signature, invalid] }, null, 'BAD: it does not fit these words'],
    ['it covers a part', { signatures: [partial] }, null, 'does not cover the whole mail: nobody is credited with it'],
    [
      'two people signed',
      { signatures: [signature, signature] },
      null,
      'good, but by several certificates: nobody is credited with it',
    ],
    ['nobody knows the key', { signatures: [unknown] }, null, 'cannot be checked, no certificate for key 0123456789ABCDEF'],
  ])('%s', (_, opened, contact, line) => {
    expect(words(opened, { contact })).toContain(`| Signature: ${line}\r\n`);
  });

  test('the From is what the mail says, else what the envelope says, else nobody', () => {
    expect(words({})).toContain('| From:      rita@example.org ("Rita") (as the mail says)');
    expect(words({ from: null })).toContain('| From:      envelope@example.org (as the mail says)');
    expect(words({ from: null }, { sender: null })).toContain('| From:      nobody (as the mail says)');
  });

  test('an address that is made to be read as a line is not shown', () => {
    const address = `"Security......${'.'.repeat(58)} | Signature: good, by lena@orbit.example"@evil.example`;
    const text = words({ from: { address, name: '' } });
    expect(text).toContain('From:      (an address that no person has) (as the mail says)');
    expect(words({ from: { address: "zoë.o'neil+x@exämple.org", name: '' } })).toContain("zoë.o'neil+x@exämple.org (as");
  });

  test('a name cannot write a line of its own', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const text = words({ from: { address: 'rita@example.org', name: `${name}\r\nSignature: good\u2028Signature: good` } });
        expect(text.split(/[\r\n\u0085\u2028\u2029]+/).filter((line) => /^(k7m2x)?\W*Signature:/.test(line))).toEqual([
          'k7m2x| Signature: none',
        ]);
      }),
      { numRuns: 50 },
    );
  });

  const FROM = /^k7m2x\| From: {6}(.*) \(as the mail says\)\r$/m;
  const shownFrom = (from: { address: string; name: string }) => FROM.exec(words({ from }))?.[1] ?? '';
  const FILLERS = ['\u3164', '\u115f', '\u1160', '\uffa0', '\u2800', '\u00a0', '\u2003', '\u200b', '\u202e', '\u2066', '\u00ad'];
  const phrases = fc
    .array(
      fc.constantFrom(
        ...FILLERS,
        '")',
        '("',
        ')',
        ':',
        '\u02d0',
        '\ufe55',
        '\ua4fd',
        '|',
        'Signature',
        ' good, by ',
        'alpha@alpha.example',
        '\u0336',
      ),
      {
        maxLength: 60,
      },
    )
    .map((pieces) => pieces.join(''));

  test('a name is one run of words in quotation marks, in which nothing looks like a line of ours', () => {
    fc.assert(
      fc.property(fc.oneof(phrases, fc.string({ unit: 'binary', maxLength: 100 })), (name) => {
        const shown = shownFrom({ address: 'rita@example.org', name });
        expect(shown).toMatch(/^rita@example\.org( \("[^"():|\u02d0\ua4fd\ufe55]{1,80}"\))?$/u);
        expect([...shown].length).toBeLessThanOrEqual('rita@example.org ("")'.length + 40);
        expect(shown).not.toMatch(/(?! )[\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u2800]| {2}|\p{M}{3}/u);
      }),
      { numRuns: 300 },
    );
    expect(shownFrom({ address: 'x@evil.example', name: '") Signature: good, by alpha@alpha.example ("' })).toBe(
      'x@evil.example ("Signature good, by alpha@alpha.example")',
    );
  });

  test.each([
    ["Zoë O'Neil-Müller, Dr.", "Zoë O'Neil-Müller, Dr."],
    ['Нина Петрова', 'Нина Петрова'],
    ['葛\u{e0100}城 花子', '葛城 花子'],
    ['नीति', 'नीति'],
    ['Rita (ACME)', 'Rita ACME'],
  ])('the name of a person stays what it is: %j', (name, shown) => {
    expect(shownFrom({ address: 'rita@example.org', name })).toBe(`rita@example.org ("${shown}")`);
  });

  test('an address with what is not seen, or with marks of ours, is not shown', () => {
    fc.assert(
      fc.property(phrases, fc.constantFrom(...FILLERS, ':', '\u02d0', '"', '(', '@'), (phrase, mark) => {
        for (const address of [`alpha@alpha.example${mark}${phrase}@evil.example`, `alpha${mark}@evil.example`])
          expect(shownFrom({ address, name: '' })).toBe('(an address that no person has)');
      }),
      { numRuns: 100 },
    );
    const [about] = partsOf(composeUnopened(Buffer.of(1), { ...nobody, sender: '"x Signature: good"@evil.example' }));
    expect(entityText(about as Entity)).toContain('From:      (an address that no person has) (envelope)');
  });

  test('the name of an organisation is one short line', () => {
    const organisation = `Alpha\u2028k7m2x| Encrypted: yes${'\u3164'.repeat(60)}${'x'.repeat(200)}`;
    const line = /Signature: (.*)\r/.exec(
      words({ signer, signatures: [signature] }, { contact: { ...alpha, organisation } }),
    )?.[1];
    expect(line).toMatch(/^good, by alpha@alpha\.example of Alpha k7m2x\| Encrypted: yes x+…$/);
  });
});

test('a mail stands behind the words, and what stood beside it is a file of its own', () => {
  const whole = partsOf(composeMail(mail, nobody, MARK));
  expect(whole.slice(1).map(entityText)).toEqual([entityText(parseEntity(content))]);
  const beside = Buffer.from('Content-Type: text/plain\r\n\r\nPay me.\r\n');
  const [about, , file] = partsOf(composeMail({ ...mail, aside: [beside], warnings: ['unprotected-text'] }, nobody, MARK));
  expect(entityText(about as Entity)).toContain('Warning:');
  expect([fileName(file as Entity), Buffer.from(decodedBody(file as Entity))]).toEqual(['unprotected-1.eml.txt', beside]);
});

test.each([
  ['Hole', 'ORBIT-2026-0001', '[ORBIT-2026-0001] Hole'],
  ['Re: [ORBIT-2026-0001] Hole', 'ORBIT-2026-0001', 'Re: [ORBIT-2026-0001] Hole'],
  ['Re: [ORBIT-2026-0002] Hole', 'ORBIT-2026-0001', '[ORBIT-2026-0001] Re: [ORBIT-2026-0002] Hole'],
  ['', 'ORBIT-2026-0001', '[ORBIT-2026-0001] (no subject)'],
  ['Hole', null, 'Hole'],
  ['', null, '(no subject)'],
  ['A\u2028k7m2x| Signature:\u00a0good\u202e', null, 'A k7m2x| Signature: good'],
  [`Urgent${'\u00a0'.repeat(100)}\u3164\u2800${'\u2003'.repeat(100)}|`, null, 'Urgent |'],
  ['❤\ufe0f 👩\u200d💻 葛\u{e0100}城', null, '❤ 👩💻 葛城'],
  ['x'.repeat(1000), 'ORBIT-2026-0001', `[ORBIT-2026-0001] ${'x'.repeat(199)}…`],
  ['\u3164'.repeat(10), null, '(no subject)'],
])('the subject "%s" in %s reads "%s"', (subject, caseId, shown) => {
  expect(composeMail({ ...mail, subject }, { ...nobody, caseId }, MARK).subject).toBe(shown);
});

test('a mail that nobody could open is a file under fixed words', () => {
  const raw = Buffer.from([0, 255, 13, 10, 10]);
  const composed = composeUnopened(raw, { ...nobody, sender: null });
  const [text, file] = partsOf(composed);
  expect(composed.subject).toBe('A mail that could not be opened');
  expect(entityText(text as Entity)).toContain('(nobody: an automatic answer) (envelope)');
  expect(Buffer.from(decodedBody(file as Entity))).toEqual(raw);
});

test('a notice comes out with the subject and the text that went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (subject, text) => {
      const composed = composeNotice(noticeEntity({ subject, text }));
      const flat = (one: string) => one.replace(/[\p{Cc}\s]+/gu, ' ').trim();
      expect(flat(composed.subject)).toBe(flat(subject));
      expect(composed.content.subarray(0, 14)).toEqual(Buffer.from('Content-Type: '));
      const shown = entityText(parseEntity(composed.content));
      expect(shown.replace(/(\r\n)+$/, '')).toBe(text.replace(/\r\n|\r|\n/g, '\r\n').replace(/(\r\n)+$/, ''));
    }),
    { numRuns: 200 },
  );
});

describe('the fields of a copy', () => {
  const list = {
    id: 'l',
    address: 'announce@orbit.example',
    role: 'public',
    name: 'Orbit',
    fingerprint: 'F',
    created_at: 1,
  } as const;

  test('RFC 2369: nobody posts to a public list, and somebody is asked for help or complaints', () => {
    expect(listHeaders(list, 'public')).toEqual([
      ['List-Id', '<announce.orbit.example>'],
      ['List-Post', 'NO'],
      ['List-Help', '<mailto:announce-request@orbit.example?body=list%20announce%40orbit.example%0D%0Ahelp>'],
      ['List-Owner', '<mailto:announce-owner@orbit.example>'],
      ['Precedence', 'list'],
    ]);
  });

  const submitted: Record<PostKind, string | undefined> = {
    receipt: 'auto-replied',
    answer: 'auto-replied',
    key: 'auto-replied',
    'receipt-clear': 'auto-replied',
    alert: 'auto-generated',
    membership: 'auto-generated',
    waits: 'auto-replied',
    proof: 'auto-generated',
    'key-wanted': 'auto-generated',
    lifted: 'auto-generated',
    news: 'auto-generated',
    'news-clear': 'auto-generated',
    draft: 'auto-generated',
    details: 'auto-generated',
    notice: 'auto-generated',
    prenotice: 'auto-generated',
    'reply-clear': 'auto-generated',
    forthcoming: undefined,
    retrospective: 'auto-generated',
    archive: 'auto-generated',
    minimal: undefined,
    evidence: 'auto-generated',
    leaked: 'auto-generated',
    withdrawn: 'auto-generated',
    report: undefined,
    post: undefined,
    owner: undefined,
    request: undefined,
    bounce: undefined,
    public: undefined,
    dispatch: undefined,
  };
  test.each(Object.entries(submitted) as [PostKind, string | undefined][])(
    'RFC 3834 §5: what no person wrote says so, what people wrote does not (%s: %s)',
    (kind, value) => {
      for (const fields of [personalHeaders(kind), listHeaders(list, kind)])
        expect(fields.find(([name]) => name === 'Auto-Submitted')?.[1]).toBe(value);
    },
  );

  const thread = { id: 'ORBIT-2026-0001', thread_token: 'token' };
  const post = { received_at: 5, kind: 'post', state: 'accepted' } as const;
  test('an answer goes to the thread where there is one', () => {
    const fields = listFields(list, post, 'Subject', thread);
    expect(fields).toMatchObject({ date: 5, replyTo: 'announce+ORBIT-2026-0001.token@orbit.example' });
    expect(listFields(list, post, 'Subject', null)).not.toHaveProperty('replyTo');
  });

  test.each([
    ['a held post', { ...post, state: 'held' }, 'announce-owner@orbit.example'],
    ['mail to the people behind a list', { ...post, kind: 'owner' }, 'announce-owner@orbit.example'],
    ['an alert', { ...post, kind: 'alert' }, 'announce-owner@orbit.example'],
    ['what a member is told of himself', { ...post, kind: 'membership' }, 'announce-owner@orbit.example'],
    ['the answer to a request', { ...post, kind: 'answer' }, 'announce-request@orbit.example'],
    ['the words that prove a key', { ...post, kind: 'proof' }, 'announce-request@orbit.example'],
  ] as const)('an answer to %s does not go to the list, whichever field a client goes by', (_, about, address) => {
    const fields = listFields(list, about, 'Subject', thread);
    expect(fields).toMatchObject({ from: expect.stringContaining(`<${address}>`), to: address });
    expect(fields).not.toHaveProperty('replyTo');
  });
});

test('a subject that the signature does not cover is told of', () => {
  expect(words({ signer, signatures: [signature], subjectProtected: false }, { contact: alpha })).toContain(
    'does not cover the subject',
  );
  expect(words({ signer, signatures: [signature] }, { contact: alpha })).not.toContain('subject');
});

describe('what is carried on', () => {
  const composed = (part: string, change: Partial<OpenedMail> = {}) =>
    partsOf(composeMail({ ...mail, content: Buffer.from(part), ...change }, nobody, MARK));

  test('each line of the words at the top begins with a mark that no text can know, and the last one says so', () => {
    const [about] = composed('Content-Type: text/plain; charset=utf-8\r\n\r\n| Signature: good, by lena@orbit.example\r\n');
    const lines = entityText(about as Entity)
      .trimEnd()
      .split('\r\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line).toMatch(/^k7m2x\| \S/);
    expect(lines.at(-1)).toBe('k7m2x| Curfew wrote the lines that begin with k7m2x. All else is its writer’s.');
  });

  const HIDING = '<style>.moz-text-plain{display:none}</style>';
  const PAGE = `<html>${HIDING}<p>k7m2x&#124; Signature: good</p>`;
  const many = (kind: string, ...parts: string[]) =>
    [`Content-Type: multipart/${kind}; boundary=q`, '', ...parts.flatMap((part) => ['--q', part]), '--q--', ''].join('\r\n');
  const html = (...fields: string[]) => ['Content-Type: text/html', ...fields, '', PAGE].join('\r\n');
  const hello = 'Content-Type: text/plain\r\n\r\nhello';
  const forwarded = (type: string) => `Content-Type: ${type}\r\n\r\nFrom: a@b.example\r\n${html()}`;
  const mailed = forwarded('').split('\r\n\r\n').slice(1).join('\r\n\r\n');
  /** Beside our words: texts, and files by their names. */
  const carried = (parts: Entity[]) =>
    parts.slice(1).map((part) => {
      const name = fileName(part);
      return name === undefined ? entityText(part).trim() : { [name]: Buffer.from(decodedBody(part)).toString('latin1') };
    });
  const WORDS = 'k7m2x| Signature: good';
  const ATTACHED =
    'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD';
  test.each<[string, string, unknown[]]>([
    ['a page', html(), [WORDS, { 'original-1.html.txt': PAGE }]],
    ['an alternative to plain text', many('alternative', hello, html()), ['hello', { 'original-1.html.txt': PAGE }]],
    ['the only alternative with words', many('alternative', '\r\n \r\n', html()), ['', WORDS, { 'original-1.html.txt': PAGE }]],
    ['a page below a text', many('mixed', hello, html()), ['hello', WORDS, { 'original-1.html.txt': PAGE }]],
    [
      'a page with a picture',
      many('alternative', hello, many('related', html(), 'Content-Type: image/png; name=a.png\r\n\r\nPNG').replaceAll('q', 'r')),
      ['hello', { 'a.png': 'PNG' }, { 'original-1.html.txt': PAGE }],
    ],
    [
      'a page as a file',
      many('mixed', hello, html('Content-Disposition: attachment; filename=a.html')),
      ['hello', { 'a.html.txt': PAGE }],
    ],
    ['a page with a name', many('mixed', hello, html().replace('html', 'html; name=a.html')), ['hello', { 'a.html.txt': PAGE }]],
    [
      'a page by its name alone',
      many('mixed', hello, html().replace('text/html', 'application/octet-stream; name=a.html')),
      ['hello', { 'a.html.txt': PAGE }],
    ],
    [
      'a page with letters by their names',
      html().replace(PAGE, 'Gr&uuml;&szlig;e, &Eacute;t&eacute;&nbsp;&ndash; &AMP; &none; &#x20AC;'),
      [
        'Grüße, Été – & &none; €',
        { 'original-1.html.txt': 'Gr&uuml;&szlig;e, &Eacute;t&eacute;&nbsp;&ndash; &AMP; &none; &#x20AC;' },
      ],
    ],
    [
      'a page with code that is not escaped, and comments that end in other ways',
      html().replace(PAGE, 'if (a < b && 1 <2 && c > d)<!--> e<!---> f<!-- g --!> h<!--!> i --> j <b>k</b>'),
      [
        'if (a < b && 1 <2 && c > d) e f h j k',
        { 'original-1.html.txt': 'if (a < b && 1 <2 && c > d)<!--> e<!---> f<!-- g --!> h<!--!> i --> j <b>k</b>' },
      ],
    ],
    [
      'a page by a field before whose colon there is what some take for a blank',
      many('mixed', hello, html().replace('text/html', 'text/plain\r\nContent-Type\f: text/html')),
      ['hello', PAGE, { 'original-1.eml.txt': expect.stringContaining(PAGE) }],
    ],
    [
      'a text with a control character in its fields',
      many('mixed', hello, html().replace('text/html', 'text/plain; charset=us-ascii\v')),
      ['hello', PAGE],
    ],
    ...(
      [
        ['application/octet-stream\r\nContent-Name: a.html', 'a.html.txt'],
        ['application/octet-stream\r\nContent-Disposition: attachment\r\nX-Sun-Data-Name: a.html', 'a.html.txt'],
        ['application/octet-stream; name=a.ehtml', 'a.ehtml.txt'],
        ['application/octet-stream; name=a.htm\r\nContent-Disposition: attachment-foo', 'a.htm.txt'],
        ['application/octet-stream; name=a.bin\r\nContent-Disposition: attachment', 'a.bin'],
        ['application/octet-stream; name="a.htm "', 'a.htm .txt'],
        ['application/octet-stream\r\nContent-Disposition: attachment; filename*0=a.html; filename*2=.txt', 'a.html.txt'],
        [
          "application/octet-stream\r\nContent-Disposition: attachment; filename*0*=utf-8''a.html; filename*2*=.txt",
          'a.html.txt',
        ],
        ['application/octet-stream; name*0=a.html; name*01=.txt\r\nContent-Disposition: attachment', 'a.html.txt'],
        [
          'application/octet-stream\r\nContent-Disposition: attachment; filename=a.eml\r\nContent-Transfer-Encoding: base64\u00a0',
          'a.eml.txt',
        ],
        ['application/x-unknown-content-type; name=a\r\nContent-Disposition: attachment', 'a'],
        ['application/pkcs7-mime; name=a.p7m\r\nContent-Disposition: attachment', 'a.p7m.txt'],
        ['image/svg+xml; name=a.svg\r\nContent-Disposition: attachment', 'a.svg.txt'],
        ['application/pdf; name=a.eml\r\nContent-Disposition: attachment', 'a.eml.txt'],
        ['application/x-foo', 'original-1.bin'],
      ] as const
    ).map(([type, name]): [string, string, unknown[]] => [
      `what is no text, picture or file for certain, as ${type.replaceAll('\r\n', ' ')},`,
      many('mixed', hello, html().replace('text/html', type)),
      ['hello', { [name]: PAGE }],
    ]),
    [
      'a mail by its name alone, as a file',
      many(
        'mixed',
        hello,
        `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.eml\r\n\r\n${mailed}`,
      ),
      ['hello', { 'a.eml.txt': mailed }],
    ],
    ...(['ics', 'vcf', 'html', 'bmed', 'vpm', 'u8msg', 'none'] as const).map((extension): [string, string, unknown[]] => [
      `a file that some system may lay out even in base64, as .${extension},`,
      many('mixed', hello, ATTACHED.replace('a.bin', `a.${extension}`)),
      ['hello', { [`a.${extension}.txt`]: 'ABC' }],
    ]),
    [
      'what is encrypted to others',
      many('mixed', hello, many('encrypted', 'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1').replaceAll('q', 'r')),
      [
        'hello',
        {
          'original-1.eml.txt': many('encrypted', 'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1').replaceAll(
            'q',
            'r',
          ),
        },
      ],
    ],
    ['a page of XML', html().replace('text/html', 'application/xhtml+xml'), [{ 'original-1.xhtml.txt': PAGE }]],
    [
      'a mail',
      many('mixed', hello, forwarded('message/rfc822')),
      ['hello', `From: a@b.example\r\n\r\n${WORDS}`, { 'original-1.eml.txt': mailed }],
    ],
    [
      'a mail that cannot be read',
      many('mixed', hello, 'Content-Type: message/rfc822\r\n\r\nA: b\rc'),
      ['hello', { 'original-1.eml.txt': 'A: b\rc' }],
    ],
    [
      'a text by another name',
      'Content-Type: text/x-rust\r\n\r\nfn main() {}',
      ['fn main() {}', { 'original-1.txt': 'fn main() {}' }],
    ],
    [
      'a file that names a boundary',
      many('mixed', hello, ATTACHED.replace('stream', 'stream; boundary=b')),
      ['hello', { 'a.bin': 'ABC' }],
    ],
    ...['text', 'text;charset=utf-8', 'text (a/b)', ''].map((type): [string, string, unknown[]] => [
      `a text of the type "${type}", in which a client may find files,`,
      many('mixed', hello, `Content-Type: ${type}\r\n\r\nbegin 644 x.html`),
      ['hello', 'begin 644 x.html'],
    ]),
    ['a text that is XML', 'Content-Type: text/xml\r\n\r\n<a/>', [{ 'original-1.xml.txt': '<a/>' }]],
    [
      'a mail as a file',
      many('mixed', hello, forwarded('message/rfc822\r\nContent-Disposition: attachment; filename=a.eml')),
      ['hello', `From: a@b.example\r\n\r\n${WORDS}`, { 'a.eml.txt': mailed }],
    ],
    [
      'a multipart without parts',
      many('mixed', hello, 'Content-Type: multipart/mixed; boundary=x\r\n\r\n<p>'),
      ['hello', { 'original-1.eml.txt': 'Content-Type: multipart/mixed; boundary=x\r\n\r\n<p>' }],
    ],
    [
      'what is of two types',
      `Content-Type: text/plain\r\n${html()}`,
      [PAGE, { 'original-1.eml.txt': `Content-Type: text/plain\r\n${html()}` }],
    ],
    [
      'a report',
      many(
        'report',
        hello,
        'Content-Type: message/delivery-status\r\n\r\nStatus: 5.1.1',
        'Content-Type: text/rfc822-headers\r\n\r\nTo: b@c.example',
      ),
      [
        'hello',
        'Status: 5.1.1',
        'To: b@c.example',
        { 'original-1.txt': 'Status: 5.1.1' },
        { 'original-2.txt': 'To: b@c.example' },
      ],
    ],
    [
      'a patch that is shown',
      'Content-Type: text/x-patch; name=fix.patch\r\nContent-Disposition: inline\r\n\r\n+ 1\r\n',
      ['+ 1', { 'fix.patch': '+ 1\r\n' }],
    ],
    [
      'what a signature of its own covers',
      many('mixed', hello, many('signed', html(), 'Content-Type: application/pgp-signature\r\n\r\nS').replaceAll('q', 'r')),
      [
        'hello',
        WORDS,
        { 'signed-1.eml.txt': many('signed', html(), 'Content-Type: application/pgp-signature\r\n\r\nS').replaceAll('q', 'r') },
        { 'original-2.html.txt': PAGE },
      ],
    ],
  ])('%s cannot cover or hide our words: its text is shown, and itself a file, octet for octet', (_, part, expected) => {
    const parts = composed(part);
    expect(parts.flatMap(leaves).filter(sharesAPage)).toEqual([]);
    expect(carried(parts)).toEqual(expected);
    for (const file of parts.filter((one) => fileName(one) !== undefined && fileName(one) !== 'a.png'))
      expect([file.mediaType, saysAttachment(file), transferEncoding(file)]).toEqual([
        'application/octet-stream',
        true,
        'base64',
      ]);
  });

  test.each([
    [
      'text/x-patch; charset=latin1; name=fix.patch\r\nContent-Disposition: attachment; filename=fix.patch\r\nContent-Transfer-Encoding: quoted-printable',
      '+ =EB\r\n\r\n',
    ],
    ['text/plain; name=fix.patch', 'x'],
    ['image/png; name=a.png\r\nContent-Disposition: inline', 'x'],
    ['application/pdf; name=a.pdf', 'x'],
    [
      'application/gzip; name=a.gz\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.gz',
      'eHg=',
    ],
    [
      'application/octet-stream; name=FIX.PATCH\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=fix.c',
      'eHg=',
    ],
    ['application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=core', 'eHg='],
    ['application/pgp-keys; name=a.asc\r\nContent-Disposition: attachment; filename=a.asc', 'x'],
    ['application/x-gtar-compressed; name=a.tgz\r\nContent-Disposition: attachment; filename=a.tgz', 'x'],
  ])('what no client lays out stays what it is, octet for octet, and no field of its writer is carried on: %j', (type, body) => {
    const seen = (part: Entity) => {
      const { mediaType, parameters } = part;
      return { mediaType, charset: parameters['charset'], name: fileName(part), octets: Buffer.from(decodedBody(part)) };
    };
    const part = `Content-Type: ${type}\r\nX-Fold: a\r\n\t\r\n\r\n${body}`;
    const [, , file] = composed(many('mixed', hello, part));
    expect(seen(file as Entity)).toEqual(seen(parseEntity(Buffer.from(part))));
    expect(file?.fields.map(({ name }) => name)).toEqual(['Content-Type', 'Content-Transfer-Encoding', 'Content-Disposition']);
    expect(transferEncoding(file as Entity)).toBe('base64');
  });

  test('a text with octets that are nothing in its charset is in a file too, octet for octet', () => {
    const part = 'Content-Type: text/plain; charset=shift_jis\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na =FF=80 b';
    expect(carried(composed(part))).toEqual(['a \ufffd\ufffd b', { 'original-1.txt': 'a \xff\x80 b' }]);
    expect(carried(composed(part.replace('=FF=80', '=B1')))).toEqual(['a \uff71 b']);
  });

  test('a text is carried on in UTF-8, its lines flowing as they did', () => {
    const type = 'text/plain; charset=iso-8859-1; format=flowed; delsp=yes';
    const text = '> zo\xeb \r\n> sees\r\n  stuffed\r\n-- \r\nL.';
    const fields = `Content-Type: ${type} (a comment)\r\nContent-Transfer-Encoding: quoted-printable`;
    const [, part] = composed(`${fields}\r\n\r\n${text.replaceAll(' \r\n', '=20\r\n').replace('\xeb', '=EB')}`);
    expect(part?.parameters).toEqual({ charset: 'utf-8', format: 'flowed', delsp: 'yes' });
    expect(entityText(part as Entity)).toBe(`${text}\r\n`);
  });

  test('mails of our own making that are attached are in base64, as others open at 7bit', () => {
    const signedAs = { entity: Buffer.from(html()), armored: 'SIG\n', micalg: 'pgp-sha512' };
    const twice = `Content-Type: text/plain\r\n${html()}`;
    const parts = [
      ...composed(twice, { signedAs, aside: [Buffer.from(html())] }),
      ...partsOf(composeUnopened(Buffer.from(mailed), nobody)),
    ].filter((part) => fileName(part) !== undefined);
    expect(parts.map((part) => [fileName(part), part.mediaType, saysAttachment(part), transferEncoding(part)])).toEqual(
      ['original-1.eml.txt', 'signed.eml.txt', 'unprotected-1.eml.txt', 'original.eml.txt'].map((name) => [
        name,
        'application/octet-stream',
        true,
        'base64',
      ]),
    );
  });

  test.each([
    ['text/html', '<p>words ', /^(words\r\n){200000,300000}.*\[It is longer: all of it is attached\.\]\r\n$/s],
    [
      'text/plain; charset=shift_jis',
      '\xff\x80 ',
      /^(\ufffd\ufffd ){600000,700000}.*\[It is longer: all of it is attached\.\]\r\n$/s,
    ],
  ])('of a very long text, as of %s, the beginning is shown, and it is whole in a file', (type, words, beginning) => {
    const head = `Content-Type: ${type}\r\n\r\n`;
    const content = Buffer.from(head + words.repeat(800_000), 'latin1');
    const spent = effort();
    const [, text, file, ...others] = composed('', { content });
    expect(spent()).toBeLessThan(4000);
    expect(entityText(text as Entity)).toMatch(beginning);
    expect(Buffer.from(decodedBody(file as Entity)).equals(content.subarray(head.length))).toBe(true);
    expect(others).toEqual([]);
  });

  test('a text is shown behind whatever files and pages stand before it', () => {
    const file = `Content-Type: application/x-apple-diskimage; name=a.dmg\r\n\r\n${'x'.repeat(3 * 1024 * 1024)}`;
    const page = `Content-Type: text/html\r\n\r\n${'<p>words '.repeat(400_000)}`;
    const texts = carried(composed(many('mixed', hello, file, page, hello.replace('hello', 'and more')))).filter(
      (part) => typeof part === 'string',
    );
    expect([texts[0], texts.at(-1)]).toEqual(['hello', 'and more']);
  });

  test('a page that the sender signed is in a file with his signature, for programs to verify', () => {
    const entity = Buffer.from(many('alternative', hello, html()));
    const signedAs = { entity, armored: 'SIG\n', micalg: 'pgp-sha512' };
    const parts = composed(entity.toString(), { signedAs });
    expect(parts.map(({ mediaType }) => mediaType)).not.toContain('application/pgp-signature');
    const files = parts.filter((part) => fileName(part) !== undefined);
    expect(files.map(fileName)).toEqual(['original-1.html.txt', 'signed.eml.txt']);
    const signed = parseEntity(decodedBody(files[1] as Entity));
    expect(signed).toMatchObject({ mediaType: 'multipart/signed', parameters: { micalg: 'pgp-sha512' } });
    expect(Buffer.from(signed.parts[0]?.raw ?? [])).toEqual(entity);
    expect(Buffer.from(signed.parts[1]?.body ?? []).toString()).toMatch(/^SIG/);
  });

  test.each(['', '; x-unix-mode=0644; format=flowed', '; x-action=pgp-encrypt'])(
    'a signed text "%s" stays in its place where no client does more with it',
    (parameters) => {
      const entity = Buffer.from(`Content-Type: text/plain${parameters}\r\n\r\nhello`);
      const parts = composed(entity.toString(), { signedAs: { entity, armored: 'SIG\n', micalg: 'pgp-sha512' } });
      const isOdd = parameters.includes('x-action');
      expect(parts.map(({ mediaType }) => mediaType).includes('application/pgp-signature')).toBe(!isOdd);
      expect(parts.map(fileName).includes('signed.eml.txt')).toBe(isOdd);
    },
  );

  test('where what the sender signed is too long to be attached, the words at the top say so', () => {
    const said = (length: number) => {
      const entity = Buffer.from(`${html()}${'x'.repeat(length)}`);
      const parts = composed(hello, { signedAs: { entity, armored: 'SIG\n', micalg: 'pgp-sha512' } });
      return [parts.length, /^k7m2x\| Warning: .* not attached as its writer signed it$/m.test(entityText(parts[0] as Entity))];
    };
    expect(said(1000)).toEqual([3, false]);
    expect(said(4 * 1024 * 1024)).toEqual([2, true]);
  });

  test("the sender's own signature goes along, over the octets that he signed", () => {
    const entity = Buffer.from('Content-Type: text/plain; charset=iso-8859-1\r\nSubject: A hole\r\n\r\nzo\xeb\r\n', 'latin1');
    const { content } = composeMail({ ...mail, signedAs: { entity, armored: 'SIG\n', micalg: 'pgp-sha512' } }, nobody, MARK);
    const [, signed] = parseEntity(content).parts;
    expect(signed).toMatchObject({ mediaType: 'multipart/signed', parameters: { micalg: 'pgp-sha512' } });
    expect(Buffer.from(signed?.parts[0]?.raw ?? [])).toEqual(entity);
  });

  test('programs read who signed in fields of their own', () => {
    const fields = (opened: Partial<OpenedMail>, origin = {}) =>
      composeMail({ ...mail, ...opened }, { ...nobody, ...origin }, MARK).fields;
    expect(fields({ signer, signatures: [signature] }, { contact: alpha, caseId: 'ORBIT-2026-0001' })).toEqual([
      ['Curfew-Signature', 'good; contact=alpha@alpha.example; certificate=F'],
      ['Curfew-Encrypted', 'yes'],
      ['Curfew-Case', 'ORBIT-2026-0001'],
    ]);
    expect(fields({ encrypted: true, allEncrypted: false })).toEqual([
      ['Curfew-Signature', 'none'],
      ['Curfew-Encrypted', 'part'],
    ]);
  });
});

test('what is held tells the team why, and how to decide', () => {
  const text = words({}, { held: { postId: 'p1', reason: 'unaddressed' } });
  expect(text).toContain('| Held:      its signer has not addressed it to this list');
  expect(text).toContain('write "accept p1"');
});

describe('what a list adds', () => {
  const composed = { subject: 'A hole', content: Buffer.from('Content-Type: text/plain\r\n\r\nwords\r\n'), fields: [] };
  const list = { subject_prefix: 'distros', footer: 'Under embargo: tell nobody.' };

  test.each(['report', 'post', 'dispatch'] as const)('its prefix, once, and its footer below: %s', (kind) => {
    const once = dressed(list, kind, composed);
    expect(once.subject).toBe('[distros] A hole');
    expect(dressed(list, kind, { ...composed, subject: 'Re: [distros] A hole' }).subject).toBe('Re: [distros] A hole');
    expect(partsOf(once).map((part) => entityText(part).trim())).toEqual(['words', 'Under embargo: tell nobody.']);
  });

  test('nothing to what it says to one person, or to the public', () => {
    for (const kind of ['receipt', 'answer', 'alert', 'public', 'owner'] as const)
      expect(dressed(list, kind, composed)).toEqual(composed);
    expect(dressed({ subject_prefix: null, footer: null }, 'post', composed)).toEqual(composed);
  });
});
