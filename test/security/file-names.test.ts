/**
 * Names of attachments with paths, control characters and letters that turn the direction (CWE-22, CVE-2021-42574): no name is ever a
 * path, none of Curfew's own words show it raw, and where a list says which names it takes, none of these passes for one.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addPatch } from '../../src/embargo/schedule.ts';
import { fileName, leaves } from '../../src/mail/message.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive } from '../post/arrive.ts';
import { oneEngine } from '../support/dialects.ts';
import { effort } from '../support/effort.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { runCurfew } from '../support/process.ts';
import {
  base64,
  blockOf,
  copyFor,
  encrypted,
  head,
  mailOf,
  multipart,
  nothingOf,
  outcomeOf,
  pgpMime,
  signed,
  text,
  wordsOf,
} from './attack.ts';

const NAMES = [
  '../../etc/passwd',
  '/etc/passwd',
  '..\\..\\boot.ini',
  'C:\\x.patch',
  '~/.ssh/authorized_keys',
  '..',
  '.',
  'evil.exe\0.patch',
  'evil.exe\r\nBcc: eve@evil.example\r\n.patch',
  'evil\x1b[2J\x07.patch',
  'evil\u202ehctap.exe',
  'evil.exe\u202e.patch',
  'evil.exe\u2028.patch',
  'evil\u200b.patch',
];
const encodedName = (name: string) => `filename*=utf-8''${encodeURIComponent(name).replaceAll("'", '%27')}`;
const file = (name: string, octets: Uint8Array, type = 'application/octet-stream') => [
  `Content-Type: ${type}`,
  `Content-Disposition: attachment; ${encodedName(name)}`,
  'Content-Transfer-Encoding: base64',
  '',
  base64(octets),
];

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let folder: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    folder = mkdtempSync(join(tmpdir(), 'curfew-names-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const restrict = (file_names: string) =>
    house.db.updateTable('lists').set({ file_names }).where('id', '=', 'security').execute();
  const hasControl = (words: string) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(words.replaceAll(/\r\n/g, ''));

  test.each(NAMES)('%j: the copy brings the octets, and every name that Curfew writes is a plain one', async (name) => {
    const sealed = await encrypted(house, 'the octets', LISTS.security);
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), file(`${name}.gpg`, sealed)));
    await arrive(house, raw);
    const [lena] = house.team;
    const copy = await copyFor(house, await outbox(house).drain(), lena);
    expect(wordsOf(copy)).toContain('the octets');
    expect(hasControl(blockOf(copy))).toBe(false);
    for (const shown of leaves(copy).flatMap((part) => fileName(part) ?? [])) {
      expect(shown).not.toMatch(/[/\\\r\n\0]|^\.\.?$/);
      expect(hasControl(shown)).toBe(false);
    }
    expect(copy.fields.map(({ name }) => name)).not.toContain('Bcc');
  });

  test.each(NAMES)('%j: is none of "*.patch", if it merely ends so', async (name) => {
    await restrict('*.patch');
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), file(name, Buffer.from('x'))));
    const plain = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*\.patch$/u.test(name);
    expect(await outcomeOf(arrive(house, raw))).toBe(plain ? 'taken' : 'refused: file-not-allowed');
    if (!plain) expect(await nothingOf(house)).toBe(true);
  });

  const exe = base64(Buffer.from('MZ'));
  const attachedExe = ['Content-Type: application/x-msdownload', 'Content-Disposition: attachment; filename=a.exe', '', exe];
  const nested = (type: string) => [
    `Content-Type: ${type}`,
    '',
    ...['--x', 'Content-Type: text/plain', '', 'y'],
    ...['--x', 'Content-Type: application/x-msdownload', 'Content-Disposition: attachment; filename=a.exe', '', exe, '--x--'],
  ];
  test.each<[string, string[]]>([
    [
      'a key by its type',
      ['Content-Type: application/pgp-keys; name=a.exe', 'Content-Disposition: attachment; filename=a.exe', '', 'MZ'],
    ],
    [
      'a signature by its type',
      ['Content-Type: application/pgp-signature; name=b.exe', 'Content-Disposition: attachment; filename=a.exe', '', 'MZ'],
    ],
    [
      'named twice',
      ['Content-Disposition: attachment; filename=a.patch', 'Content-Disposition: attachment; filename=a.exe', '', exe],
    ],
    ['named twice in one field', ['Content-Disposition: attachment; filename=a.patch; filename="a.exe"', '', exe]],
    ['named in two ways', ["Content-Disposition: attachment; filename*=utf-8''a.patch; filename=a.exe", '', exe]],
    [
      'named in two ways, the other one',
      ["Content-Disposition: attachment; filename=a.patch; filename*=utf-8''a%2Eexe", '', exe],
    ],
    [
      'named by words in words',
      ['Content-Disposition: attachment; filename="=?utf-8?Q?=3D=3Futf=2D8=3FQ=3Fa=2Eexe=3F=3D?="', '', exe],
    ],
    ['named by its type', ['Content-Type: text/plain; name=a.patch; name=a.exe', '', exe]],
    ['of two types', ['Content-Type: text/plain; name=a.patch', 'Content-Type: text/plain; name=a.exe', '', exe]],
    [
      'a multipart',
      [
        'Content-Type: multipart/mixed; boundary=x',
        'Content-Disposition: attachment; filename=a.exe',
        '',
        '--x',
        '',
        'y',
        '--x--',
      ],
    ],
    ['in a text, with other numbers', ['Content-Type: text/plain', '', 'begin  100644 a.exe', '"35H`', '`', 'end']],
    ['in a text, as yEnc', ['Content-Type: text/plain', '', '=ybegin line=128 size=2 name=a.exe', 'x', '=yend size=2']],
    ['in a text', ['Content-Type: text/plain', '', 'begin 644 a.exe', '"35H`', '`', 'end']],
    ...[
      ['utf-8', Buffer.from('\ufeffbegin 644 a.exe\n')],
      ['utf-16le', Buffer.from('begin 644 a.exe\n', 'utf16le')],
      ['utf-7', Buffer.from('+AGIAZQBn-in 644 a.exe\n')],
      ['iso-2022-jp', Buffer.from('be\x1b(Jgin 644 a.exe\n')],
    ].map(([charset, octets]): [string, string[]] => [
      `in a text in ${charset}`,
      [`Content-Type: text/plain; charset=${charset}`, 'Content-Transfer-Encoding: base64', '', base64(octets as Buffer)],
    ]),
    ['in a page', ['Content-Type: text/html', '', '<p>&#98;egin 644 a.exe<br>"35H`<br>`<br>end</p>']],
    ['below a line separator', ['X-Note: a\u2028b', 'Content-Disposition: attachment; filename=a.exe; x="\u2028"', '', exe]],
    ['with a comment in the type', nested('multipart/mixed (x); boundary=x')],
    ['with a comment behind the boundary', nested('multipart/mixed; boundary=x (x)')],
    ['with a word behind the type', nested('multipart/mixed x; boundary=x')],
    [
      'in a mail that is called a.patch',
      ['Content-Type: message/rfc822; name=a.patch', '', 'Subject: in', ...nested('multipart/mixed; boundary=x')],
    ],
    [
      'in a mail that cannot be read',
      ['Content-Type: message/rfc822; name=a.patch', '', 'Subject: in\rContent-Type: text/x; name=a.exe', '', exe],
    ],
    [
      'in a digest',
      [
        'Content-Type: multipart/digest; boundary=x',
        ...nested('').slice(1, -4),
        '--x',
        '',
        'Subject: in',
        ...nested('multipart/mixed; boundary=y').slice(0, 1),
        '',
        '--y',
        attachedExe[0] ?? '',
        ...attachedExe.slice(1),
        '--y--',
        '--x--',
      ],
    ],
    ['under a boundary in parentheses', nested('multipart/mixed; boundary=x(c)').map((line) => line.replace(/^--x/, '--x(c)'))],
    ['under two boundaries', nested("multipart/mixed; boundary=q; boundary*=utf-8''x")],
    ['under a boundary that ends in a blank', nested('multipart/mixed; boundary="x "')],
    ['of an unreadable type', ['Content-Type: multipart/mixed/x; boundary=x; name=a.patch', ...nested('').slice(1)]],
  ])('a file that some program takes for a.exe is none of "*.patch": %s', async (_, part) => {
    await restrict('*.patch');
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), text('them'), part));
    expect(await outcomeOf(arrive(house, raw))).toBe('refused: file-not-allowed');
  });

  const uuencoded = ['begin 644 a.exe', '"35H`', '`', 'end'];
  test.each<[string, string[]]>([
    ['of a page', ['Content-Type: text/html', '', `<p>&nbsp;${uuencoded.join('<br>')}</p>`]],
    ['of a page, as it stands', ['Content-Type: text/html', '', `<pre>\n ${uuencoded.join('\n')}</pre>`]],
    ['of what is cut', ['Content-Type: text/plain', '', ` ${uuencoded.join('\r\n')}`, `${'x'.repeat(70)}\r\n`.repeat(32_000)]],
  ])('what is none, as its first line is indented, is made one by nobody: that %s', async (_, part) => {
    await restrict('*.patch');
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), part));
    expect(await outcomeOf(arrive(house, raw))).toBe('taken');
    const [lena] = house.team;
    const copy = await copyFor(house, await outbox(house).drain(), lena);
    expect(wordsOf(copy).filter((words) => words.includes('begin 644'))).not.toEqual([]);
    expect(wordsOf(copy).join('\n')).not.toMatch(/^begin 644/m);
  });

  test.each<[string, string[]]>([
    ['in a field', ['X-Note: a\rContent-Disposition: attachment; filename=a.exe', '', exe]],
    ['before a delimiter', ['Content-Type: text/plain', '', `y\r--m\rContent-Disposition: attachment; filename=a.exe\r\r${exe}`]],
    [
      'behind the last delimiter, a blank for some',
      ['Content-Type: multipart/mixed; boundary=x', '', '--x', '', 'y', '--x--\xa0', ...attachedExe, '--x--'],
    ],
    [
      'behind a delimiter, a blank for some',
      ['Content-Type: multipart/mixed; boundary=x', '', '--x\x0b', ...attachedExe, '--x--'],
    ],
    ['behind a delimiter', ['', `y\r\n--m\rContent-Disposition: attachment; filename=a.exe\r\r${exe}`]],
  ])('what ends a line or a delimiter for some programs alone: %s', async (_, part) => {
    const whole = ['Content-Type: multipart/mixed; boundary=m', '', '--m', '', 'see', '--m', ...part, '--m--'];
    const sealed = await encrypted(house, Buffer.from(whole.join('\r\n'), 'latin1'), LISTS.security);
    for (const raw of [
      Buffer.from([...head('eve@evil.example'), ...whole].join('\r\n'), 'latin1'),
      mailOf(...head('eve@evil.example'), ...pgpMime(sealed)),
    ])
      expect(await outcomeOf(arrive(house, raw))).toBe('refused: malformed-mail');
    expect(await nothingOf(house)).toBe(true);
  });

  /** As the payload of a mail whose fields are protected; `type` is of its root. */
  const hidden = (type: string, ...parts: string[][]) => [
    `Content-Type: multipart/mixed; boundary=h; ${type}`,
    'Subject: real',
    `To: ${LISTS.security}`,
    '',
    ...parts.flatMap((part) => ['--h', ...part]),
    '--h--',
  ];
  const attached = 'Content-Disposition: attachment; filename=a.exe';
  test.each<[string, string[]]>([
    [
      'in the place of the draft’s legacy display',
      hidden('protected-headers="v1"', [
        'Content-Type: text/plain; protected-headers="v1"; name=a.exe',
        attached,
        '',
        'Subject: real',
      ]),
    ],
    [
      'in the place of legacy display',
      hidden('hp="cipher"', ['Content-Type: text/plain; hp-legacy-display="1"', attached, '', 'Subject: real', '', 'MZ']),
    ],
    [
      'in another charset, of two types',
      hidden('', [
        'Content-Type: text/plain; charset=iso-8859-1',
        'Content-Type: application/x-msdownload; name=a.exe',
        '',
        'MZ',
      ]),
    ],
    [
      'in another charset, with another name',
      hidden('', ['Content-Type: text/plain; charset=iso-8859-1; x="name=a.exe"', '', 'MZ']),
    ],
  ])('what is carried on is what was looked at: a file %s, signed and encrypted', async (_, payload) => {
    const [lena] = house.team;
    await restrict('*.patch');
    const whole = [...payload.slice(0, -1), '--h', ...text('and a text'), '--h--'];
    const inClear = mailOf(...head(lena.address), ...(await signed(house, whole, lena)));
    const sealed = await encrypted(house, mailOf(...whole), LISTS.security, lena);
    for (const raw of [inClear, mailOf(...head(lena.address), ...pgpMime(sealed))])
      expect(await outcomeOf(arrive(house, raw))).toBe('refused: file-not-allowed');
  });

  test.each([
    ['a page', 'text/html'],
    ['a program', 'application/x-msdownload'],
  ])('by its type: %s that begins as a key does is none', async (_, type) => {
    await house.db.updateTable('lists').set({ file_types: 'text/plain' }).where('id', '=', 'security').execute();
    const part = [`Content-Type: ${type}`, 'Content-Disposition: attachment', '', '-----BEGIN PGP PUBLIC KEY BLOCK-----', 'evil'];
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), part));
    expect(await outcomeOf(arrive(house, raw))).toBe('refused: file-not-allowed');
  });

  test('a part with hundreds of names and types is refused at once', async () => {
    await restrict('*.patch');
    const types = Array.from({ length: 900 }, (_, at) => `Content-Type: a/${at};name=x${at};name=y${at}`);
    const raw = mailOf(...head('eve@evil.example'), ...multipart('mixed', text('see'), [...types, '', 'MZ']));
    const spent = effort();
    expect(await outcomeOf(arrive(house, raw))).toBe('refused: too-complex');
    expect(spent()).toBeLessThan(2_000);
  });

  const added = (key: string, signature: string) => [
    [
      'Content-Type: application/pgp-keys; name="OpenPGP_0x1.asc"',
      'Content-Disposition: attachment; filename="OpenPGP_0x1.asc"',
      '',
      key,
    ],
    ['Content-Type: application/pgp-signature; name=signature.asc', '', signature],
  ];

  const signature = (behind: string) =>
    `-----BEGIN PGP SIGNATURE-----\r\n\r\n${Buffer.of(0x88, 1, 4).toString('base64')}\r\n-----END PGP SIGNATURE-----\r\n${behind}`;
  const key = (behind: string) => `${house.members[0].public}${behind}`.replaceAll(/\r?\n/g, '\r\n');

  test.each<[string, () => string[][], string]>([
    ['are no files of that kind', () => added(key(''), signature('')), 'taken'],
    ['are, where the key is none', () => added('MZ\x90', signature('')), 'refused: file-not-allowed'],
    ['are, where words follow the key', () => added(key('MZ'), signature('')), 'refused: file-not-allowed'],
    ['are, where the key merely begins as one', () => added('\x99MZ', signature('')), 'refused: file-not-allowed'],
    ['are, where the signature is none', () => added(key(''), 'MZ\x90'), 'refused: file-not-allowed'],
    ['are, where words follow the signature', () => added(key(''), signature('MZ')), 'refused: file-not-allowed'],
  ])('the keys and signatures that clients add %s', async (_, files, outcome) => {
    await restrict('*.patch');
    const raw = mailOf(...head('rita@example.org'), ...multipart('mixed', text('see'), ...files()));
    expect(await outcomeOf(arrive(house, raw))).toBe(outcome);
  });

  test('an ordinary name is', async () => {
    await restrict('*.patch');
    const raw = mailOf(...head('rita@example.org'), ...multipart('mixed', text('see'), file('fïx 1.patch', Buffer.from('x'))));
    expect(await outcomeOf(arrive(house, raw))).toBe('taken');
  });

  test('a patch is called by its last segment, and by plain letters', async () => {
    const id = await house.report();
    for (const name of NAMES) {
      const { patch } = await addPatch(house, id, { name, bytes: Buffer.from(name), replace: true });
      expect(patch.name).toMatch(/^[^/\\]+$/);
      expect(patch.name).not.toMatch(/^\.{0,2}$/);
      expect(hasControl(patch.name)).toBe(false);
    }
  });

  test('`curfew inspect` shows them without effect on a terminal, and writes no file', async () => {
    const files = NAMES.map((name) => file(name, Buffer.from('x')));
    const mail = mailOf(...head('eve\x1b[2J@evil.example'), ...multipart('mixed', text('see \x1b[2J'), ...files));
    writeFileSync(join(folder, 'mail.eml'), mail);
    const { stdout, stderr } = await runCurfew(['inspect', 'mail.eml'], { cwd: folder });
    expect(stdout).toContain('evil');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]|[\u202a-\u202e\u2066-\u2069\u200b]/);
    expect(readdirSync(folder)).toEqual(['mail.eml']);
    expect(existsSync(join(folder, '..', '..', 'etc', 'x'))).toBe(false);
  });
});
