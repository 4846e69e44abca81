import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { openMail } from '../../src/pgp/open.ts';
import { makeParty } from '../support/party.ts';

/** Mails as programs of all kinds write them, and as servers on the way leave them. */
const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const rae = await makeParty('rae@research.example');
const secret = (await openpgp.readPrivateKey({ armoredKey: list.secret })).write();
const known = await readCertificate(rae.public);
const signingKeys = await openpgp.readPrivateKey({ armoredKey: rae.secret });
const encryptionKeys = await openpgp.readKey({ armoredKey: list.public });
const TEXT = 'It crashes – see below.';

const crlf = (text: string) => text.replaceAll(/\r?\n/g, '\r\n');
const joined = (lines: readonly string[]) => crlf(lines.join('\n'));
const base64 = (data: Uint8Array | string) =>
  Buffer.from(data)
    .toString('base64')
    .replaceAll(/.{76}(?=.)/g, '$&\n');

async function sealed(content: string | Uint8Array, by = true): Promise<string> {
  const message = await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(content)) });
  return openpgp.encrypt({ message, encryptionKeys, ...(by ? { signingKeys } : {}), date: new Date(AT) });
}
async function binary(content: string): Promise<Uint8Array> {
  const message = await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(content)) });
  return openpgp.encrypt({ message, encryptionKeys, signingKeys, date: new Date(AT), format: 'binary' });
}
const detached = async (lines: readonly string[]) =>
  openpgp.sign({
    message: await openpgp.createMessage({ binary: Buffer.from(joined(lines)) }),
    signingKeys,
    detached: true,
    date: new Date(AT),
  });

let boundaries = 0;
function many(type: string, ...parts: readonly (readonly string[])[]): string[] {
  const boundary = `------------${++boundaries}AbC`;
  return [
    `Content-Type: multipart/${type}; boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, ...part]),
    `--${boundary}--`,
  ];
}
const plain = (text = TEXT, ...fields: string[]) => [
  'Content-Type: text/plain; charset=UTF-8; format=flowed',
  'Content-Transfer-Encoding: base64',
  ...fields,
  '',
  base64(text),
];
const control = (...fields: string[]) => ['Content-Type: application/pgp-encrypted', ...fields, '', 'Version: 1', ''];
const data = (armored: string, ...fields: string[]) => [
  'Content-Type: application/octet-stream; name="encrypted.asc"',
  ...fields,
  '',
  armored,
];
const signatureFile = async (lines: readonly string[], ...fields: string[]) => [
  'Content-Type: application/pgp-signature; name="OpenPGP_signature.asc"',
  ...fields,
  '',
  await detached(lines),
];
const attachedKey = [
  'Content-Type: application/pgp-keys; name="OpenPGP_0x01.asc"',
  'Content-Disposition: attachment; filename="OpenPGP_0x01.asc"',
  '',
  rae.public,
];

const open = (lines: readonly string[]) =>
  openMail(
    {
      raw: Buffer.from(joined(['From: Rae <rae@research.example>', 'To: security@orbit.example', ...lines, ''])),
      secrets: [secret],
      at: AT,
    },
    async (ids) => (known.keys.some(({ keyId }) => ids.includes(keyId)) ? [known.data] : []),
  );

const signedInside = async (content: string[], ...fields: string[]) => [
  ...fields,
  ...many(
    'signed; micalg=pgp-sha512; protocol="application/pgp-signature"',
    content,
    await signatureFile(content, 'Content-Disposition: attachment; filename="OpenPGP_signature.asc"'),
  ),
];
const thunderbird = [
  'Content-Type: multipart/mixed; boundary="tb"; protected-headers="v1"',
  'Subject: inside',
  'From: Rae <rae@research.example>',
  '',
  '--tb',
  ...many('mixed', plain(), attachedKey),
  '--tb--',
];
const whole = await sealed(joined(plain()));
const exchange = [
  ['Content-Type: text/plain; charset="us-ascii"', '', ''],
  [
    'Content-Type: application/pgp-encrypted; name="ATT00001"',
    'Content-Disposition: attachment; filename="ATT00001"',
    'Content-Transfer-Encoding: base64',
    '',
    base64('Version: 1\r\n'),
  ],
  [
    'Content-Type: application/octet-stream; name="encrypted.asc"',
    'Content-Disposition: attachment; filename="encrypted.asc"',
    'Content-Transfer-Encoding: base64',
    '',
    base64(whole),
  ],
];

const mails: Record<string, readonly string[]> = {
  'Thunderbird: encrypted, with the signature inside': [
    'Subject: ...',
    ...many(
      'encrypted; protocol="application/pgp-encrypted"',
      control('Content-Description: PGP/MIME version identification'),
      data(await sealed(joined(await signedInside(thunderbird)), false), 'Content-Disposition: inline; filename="encrypted.asc"'),
    ),
  ],
  'Thunderbird: signed and encrypted in one': [
    'Subject: ...',
    ...many('encrypted; protocol="application/pgp-encrypted"', control(), data(await sealed(joined(thunderbird)))),
  ],
  'Thunderbird: signed': ['Subject: inside', ...(await signedInside(thunderbird))],
  'Enigmail: inline, base64 by a relay': [
    'Subject: x',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    base64(crlf(await sealed(TEXT))),
  ],
  'mutt: traditional': [
    'Subject: x',
    'Content-Type: application/pgp; format=text; x-action=encryptsign',
    'Content-Transfer-Encoding: 7bit',
    '',
    await sealed(TEXT),
  ],
  'mutt: traditional, as text': [
    'Subject: x',
    'Content-Type: text/plain; charset=utf-8; x-action=pgp-encrypted',
    '',
    await sealed(TEXT),
  ],
  'mutt: PGP/MIME, the message inline': [
    'Subject: ...',
    ...many('encrypted; protocol="application/pgp-encrypted"', control('Content-Disposition: attachment'), [
      'Content-Type: application/octet-stream',
      'Content-Disposition: attachment; filename="msg.asc"',
      '',
      whole,
    ]),
  ],
  'K-9 Mail: quoted-printable inside': [
    'Subject: ...',
    ...many(
      'encrypted; protocol="application/pgp-encrypted"',
      control(),
      data(
        await sealed(
          joined([
            'Content-Type: text/plain;',
            ' charset=utf-8',
            'Content-Transfer-Encoding: quoted-printable',
            'Subject: inside',
            '',
            'It crashes =E2=80=93 see=',
            ' below.',
          ]),
        ),
        'Content-Disposition: inline; filename="encrypted.asc"',
      ),
    ),
  ],
  'Proton: HTML and its key inside': [
    'Subject: x',
    ...many(
      'encrypted; protocol="application/pgp-encrypted"',
      control(),
      data(
        await sealed(
          joined(
            many(
              'mixed',
              many('alternative', plain(), ['Content-Type: text/html; charset=utf-8', '', '<p>It crashes</p>']),
              attachedKey,
            ),
          ),
        ),
      ),
    ),
  ],
  'GPG Suite: 7bit everywhere': [
    'Subject: x',
    ...many(
      'encrypted; protocol="application/pgp-encrypted"',
      control('Content-Transfer-Encoding: 7bit', 'Content-Description: PGP/MIME Versions Identification'),
      data(
        whole,
        'Content-Transfer-Encoding: 7bit',
        'Content-Disposition: inline; filename=encrypted.asc',
        'Content-Description: OpenPGP encrypted message',
      ),
    ),
  ],
  'GpgOL: binary message': [
    'Subject: x',
    ...many('encrypted; protocol="application/pgp-encrypted"', control(), [
      'Content-Type: application/octet-stream; name="gpgolPGP.dat"',
      'Content-Transfer-Encoding: base64',
      '',
      base64(await binary(joined(plain()))),
    ]),
  ],
  'Exchange: multipart/mixed, all base64': ['Subject: x', 'X-MS-Exchange-Organization-SCL: -1', ...many('mixed', ...exchange)],
  'Exchange, and a footer': ['Subject: x', ...many('mixed', ...exchange, ['Content-Type: text/plain', '', ' '])],
  'Exchange, wrapped once more': ['Subject: x', ...many('mixed', many('mixed', ...exchange))],
  'a gateway that drops the protocol': ['Subject: x', ...many('encrypted', control(), data(whole))],
  'a gateway that drops the control part': ['Subject: x', ...many('mixed', data(whole))],
  'a gateway that calls the message text': [
    'Subject: x',
    ...many('encrypted', control(), ['Content-Type: text/plain; name="encrypted.asc"', '', whole]),
  ],
  'a list that wraps it': ['Subject: x', ...many('mixed', many('encrypted', control(), data(whole)))],
  'Outlook: HTML of armor': [
    'Subject: x',
    'Content-Type: text/html; charset=utf-8',
    '',
    `<html><body>${(await sealed(TEXT))
      .split('\n')
      .map((line) => `<p class=MsoNormal>${line || '&nbsp;'}<o:p></o:p></p>`)
      .join('\n')}</body></html>`,
  ],
  'Outlook: both': [
    'Subject: x',
    ...many(
      'alternative',
      ['Content-Type: text/plain; charset=utf-8', '', await sealed(TEXT)],
      ['Content-Type: text/html; charset=utf-8', '', `<pre>${await sealed(TEXT)}</pre>`],
    ),
  ],
  'a script: gpg -sea, mailed': ['Subject: x', '', await sealed(TEXT)],
};

describe('whole mails of many programs: their text, and who signed it', () => {
  it.each(Object.entries(mails))('%s', async (client, lines) => {
    const opened = await open(lines);
    expect(viewOf(parseEntity(opened.content)).text.trim()).toBe(TEXT);
    expect(opened).toMatchObject({ signer: { fingerprint: rae.fingerprint, certificateKnown: true }, aside: [] });
    if (/^(Thunderbird|K-9)/.test(client)) expect(opened).toMatchObject({ subject: 'inside', subjectProtected: true });
  });
});

describe('mails of which the parts were encrypted or signed one by one', () => {
  const file = (name: string, bytes: Uint8Array | string, type = 'application/octet-stream') => [
    `Content-Type: ${type}; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    base64(bytes),
  ];
  it.each<[string, () => Promise<readonly string[]>, string[]]>([
    [
      'Enigmail: text and files',
      async () =>
        many('mixed', ['Content-Type: text/plain', '', await sealed(TEXT)], file('fix.patch.pgp', await binary('the patch'))),
      ['fix.patch'],
    ],
    [
      'PGP Desktop: an encrypted page and files',
      async () =>
        many(
          'mixed',
          ['Content-Type: text/plain', '', await sealed(TEXT)],
          file('PGPexch.htm.pgp', await binary('<p>It crashes')),
        ),
      ['PGPexch.htm'],
    ],
    [
      'Mailvelope: armored files',
      async () =>
        many('mixed', ['Content-Type: text/plain', '', await sealed(TEXT)], file('notes.txt.asc', await sealed('notes'))),
      ['notes.txt'],
    ],
    [
      'a file named in two segments',
      async () =>
        many(
          'mixed',
          ['Content-Type: text/plain', '', await sealed(TEXT)],
          [
            'Content-Type: application/octet-stream',
            "Content-Disposition: attachment; filename*0*=utf-8''fix%C3%A9; filename*1*=.patch.gpg",
            'Content-Transfer-Encoding: base64',
            '',
            base64(await binary('x')),
          ],
        ),
      ['fixé.patch'],
    ],
  ])('%s', async (_, compose, names) => {
    const opened = await open(['Subject: x', ...(await compose())]);
    const { text, files } = viewOf(parseEntity(opened.content));
    expect(text.trim()).toBe(TEXT);
    expect(files.map(({ name }) => name)).toEqual(names);
    expect(opened).toMatchObject({ encrypted: true, allEncrypted: true, signer: null });
  });

  it('a list’s footer stands aside, and nobody is credited with the whole', async () => {
    const opened = await open([
      'Subject: x',
      ...many('mixed', many('encrypted', control(), data(whole)), ['Content-Type: text/plain', '', '_____\nOur list']),
    ]);
    expect(viewOf(parseEntity(opened.content)).text.trim()).toBe(TEXT);
    expect(opened).toMatchObject({ signer: null, warnings: ['unprotected-text'] });
  });
});
