import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { type OpenedMail, openMail } from '../../src/pgp/open.ts';
import { asRefusal } from '../../src/refusal.ts';
import { makeParty, type Party } from '../support/party.ts';

/** 'Johnny, you are fired!' (Müller et al., 2019): the manager signed one text, and Eve wants another one credited to him. */
const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const manager = await makeParty('manager@orbit.example');
const eve = await makeParty('eve@evil.example');
const secret = (await openpgp.readPrivateKey({ armoredKey: list.secret })).write();
const rosters = { 'the manager': [manager], 'the manager and Eve': [manager, eve] };

const FORGED = 'You are fired';
const HONEST = 'You are promoted';

const secretOf = (party: Party) => openpgp.readPrivateKey({ armoredKey: party.secret });
const part = (text: string, type = 'text/plain', ...fields: string[]) => [`Content-Type: ${type}`, ...fields, '', text];
const joined = (lines: readonly string[]) => lines.join('\r\n').replaceAll(/\r?\n/g, '\r\n');
let boundaries = 0;

function many(kind: string, ...parts: string[][]): string[] {
  const boundary = `b${++boundaries}`;
  return [
    `Content-Type: multipart/${kind}; boundary="${boundary}"`,
    '',
    ...parts.flatMap((each) => [`--${boundary}`, ...each]),
    `--${boundary}--`,
  ];
}

async function signatureOf(lines: string[], ...by: Party[]): Promise<string[]> {
  const armored = await openpgp.sign({
    message: await openpgp.createMessage({ binary: Buffer.from(joined(lines)) }),
    signingKeys: await Promise.all(by.map(secretOf)),
    detached: true,
    date: new Date(AT),
  });
  return part(armored, 'application/pgp-signature');
}

const signed = async (lines: string[], ...by: Party[]) =>
  many('signed; protocol="application/pgp-signature"', lines, await signatureOf(lines, ...by));

async function cleartext(text: string, by: Party): Promise<string> {
  const message = await openpgp.createCleartextMessage({ text });
  return openpgp.sign({ message, signingKeys: await secretOf(by), date: new Date(AT) });
}

async function encrypted(lines: string[], by?: Party): Promise<string[]> {
  const armored = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: Buffer.from(joined(lines)) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: list.public }),
    ...(by ? { signingKeys: await secretOf(by) } : {}),
    date: new Date(AT),
  });
  return many('encrypted', part('Version: 1', 'application/pgp-encrypted'), part(armored, 'application/octet-stream'));
}

const honest = await signed(part(HONEST), manager);
const inline = await cleartext(HONEST, manager);
const head = (...fields: string[]) => [`From: ${manager.address}`, 'Subject: news', ...fields];
const withFields = (lines: string[], ...fields: string[]) => [...fields, ...lines];

async function open(lines: string[], roster: readonly Party[]): Promise<OpenedMail | string> {
  const known = await Promise.all(roster.map(async (party) => readCertificate(party.public)));
  const lookup = async (ids: string[]) =>
    known.filter(({ keys }) => keys.some(({ keyId }) => ids.includes(keyId))).map(({ data }) => data);
  return openMail({ raw: Buffer.from(joined([...lines, ''])), secrets: [secret], at: AT }, lookup).catch(
    (error: unknown) => asRefusal(error).reason,
  );
}

/** What a reader takes for the signer's: the content, its files, and a subject that is called protected. */
function credited({ content, subject, subjectProtected }: OpenedMail): string {
  const { text, files } = viewOf(parseEntity(content));
  return [
    text,
    ...files.flatMap(({ name, bytes }) => [name, Buffer.from(bytes).toString('latin1')]),
    subjectProtected ? subject : '',
  ].join('\n');
}

const html = (words: string) => part(words, 'text/html');
const attacks: Record<string, string[] | Promise<string[]>> = {
  'words before the signed part': many('mixed', part(FORGED), honest),
  'words after it': many('mixed', honest, part(FORGED)),
  'words around it': many('mixed', part(FORGED), honest, part(FORGED)),
  'an open tag before it': many('mixed', html(`${FORGED}<div style="display:none"><plaintext>`), honest),
  'an open tag before it, and its end after': many('mixed', html(`${FORGED}<!--`), honest, html('-->')),
  'HTML that refers to it': many('related', html(`${FORGED}<img src="cid:a">`), withFields(honest, 'Content-ID: <a>')),
  'it as the last alternative': many('alternative', html(FORGED), honest),
  'it as the first alternative': many('alternative', honest, html(FORGED)),
  'it as an attachment': many('mixed', part(FORGED), withFields(honest, 'Content-Disposition: attachment; filename=a.eml')),
  'it as a message': many('mixed', part(FORGED), part(joined([...head(), ...honest]), 'message/rfc822')),
  'it as the only message': part(joined([`From: ${manager.address}`, `Subject: ${FORGED}`, ...honest]), 'message/rfc822'),
  'it deep in multiparts': many('mixed', many('mixed', part(FORGED), many('related', honest))),
  'it beside a file': many(
    'mixed',
    honest,
    part(FORGED, 'application/octet-stream; name=a.txt', 'Content-Disposition: attachment'),
  ),
  'it beside a picture': many('mixed', honest, part(FORGED, 'image/png; name=a.png')),
  'a third part in multipart/signed': (async () =>
    many('signed', part(HONEST), await signatureOf(part(HONEST), manager), part(FORGED)))(),
  'a part before the signed one': (async () =>
    many('signed', part(FORGED), part(HONEST), await signatureOf(part(HONEST), manager)))(),
  'the signed part twice, changed': (async () =>
    many('signed', part(FORGED), await signatureOf(part(HONEST), manager), part(HONEST)))(),
  'two signature parts': (async () =>
    many('signed', part(FORGED), await signatureOf(part(HONEST), manager), await signatureOf(part(FORGED), eve)))(),
  'a signature of the manager for something else beside Eve’s': (async () => {
    const other = await openpgp.readSignature({
      armoredSignature: (await signatureOf(part(HONEST), manager)).slice(2).join('\n'),
    });
    const own = await openpgp.readSignature({ armoredSignature: (await signatureOf(part(FORGED), eve)).slice(2).join('\n') });
    const both = (signatures: openpgp.Signature[]) =>
      Buffer.concat(signatures.map((each) => Buffer.from(each.write() as Uint8Array)));
    return many(
      'signed',
      part(FORGED),
      part(both([other, own]).toString('base64'), 'application/pgp-signature', 'Content-Transfer-Encoding: base64'),
    );
  })(),
  'the signed part inside of one that Eve signed': (async () => signed(many('mixed', part(FORGED), honest), eve))(),
  'the signed part inside of one that Eve encrypted': encrypted(many('mixed', part(FORGED), honest)),
  'the same, signed by Eve': encrypted(many('mixed', honest, part(FORGED)), eve),
  'fields of Eve around the signed part inside of an encryption': encrypted([
    `Subject: ${FORGED}`,
    ...honest.with(0, `${honest[0]}; hp="cipher"; protected-headers="v1"`),
  ]),
  'a boundary that begins like another': many('mixed; boundary="b"', part(FORGED), honest),
  'a preamble and an epilogue': [honest[0] ?? '', '', FORGED, ...honest.slice(2), FORGED],
  'a signed text below other words': ['', FORGED, inline],
  'a signed text above other words': ['', inline, FORGED],
  'two signed texts, one of them Eve’s': (async () => ['', inline, await cleartext(FORGED, eve)])(),
  'a signed text in hidden HTML': html(`<b>${FORGED}</b><div style="display:none"><pre>${inline}</pre></div>`),
  'a signed text beside HTML': many('mixed', html(FORGED), part(inline)),
  'a signed text, and HTML for an alternative': many('alternative', part(inline), html(FORGED)),
  'a signed text as a file': many(
    'mixed',
    part(FORGED),
    part(inline, 'text/plain', 'Content-Disposition: attachment; filename=signature.asc'),
  ),
  'words in the head of a signed text': ['', inline.replace('Hash:', `Comment: ${FORGED}\nHash:`)],
  'words behind a blank line that is not empty': ['', inline.replace(/(Hash: \w+\n)\n/, `$1 \n${FORGED}\n\n`)],
  'words behind a form feed': ['', inline.replace(HONEST, `${HONEST}\f${FORGED}`)],
  'words behind a carriage return': ['', inline.replace(HONEST, `${FORGED}\r${HONEST}`)],
  'words in the armor of the signature': [
    '',
    inline.replace('-----BEGIN PGP SIGNATURE-----\n', `-----BEGIN PGP SIGNATURE-----\nComment: ${FORGED}\n`),
  ],
  'a second head inside of the frame': [
    '',
    inline.replace(
      '-----BEGIN PGP SIGNATURE',
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${FORGED}\n-----BEGIN PGP SIGNATURE`,
    ),
  ],
  'a signature of the manager over a signature': (async () => {
    const signature = await signatureOf(part(HONEST), manager);
    return many('signed', part(FORGED), part(joined(signature), 'application/pgp-signature'));
  })(),
  'a signature under another transfer encoding': (async () =>
    many(
      'signed',
      ['Content-Type: text/plain', 'Content-Transfer-Encoding: base64', '', Buffer.from(FORGED).toString('base64')],
      await signatureOf(part(HONEST), manager),
    ))(),
  'armor that is merely signed, below words': (async () => {
    const armored = await openpgp.sign({
      message: await openpgp.createMessage({ text: HONEST }),
      signingKeys: await secretOf(manager),
      date: new Date(AT),
    });
    return ['', FORGED, armored];
  })(),
};

const own: [string, string[]][] = [
  ['PGP/MIME', honest],
  ['a signed text', ['', inline]],
  ['two signatures of the manager', await signed(part(HONEST), manager, manager)],
  ['signed inside of an encryption', await encrypted(honest)],
  ['signed twice, one within the other', await signed(honest, manager)],
];
const forged = await signed(part(FORGED), eve);

for (const [who, roster] of Object.entries(rosters))
  describe(`with ${who} on the roster`, () => {
    it.each(Object.entries(attacks))('%s', async (_, attack) => {
      const opened = await open([...head(), ...(await attack)], roster);
      if (typeof opened === 'string') return expect(opened).toMatch(/^(malformed-mail|cannot-open)$/);
      if (opened.signer?.fingerprint === manager.fingerprint) expect(credited(opened)).not.toContain(FORGED);
    });

    it.each(own)('what he did sign is his: %s', async (_, lines) => {
      const opened = await open([...head(), ...lines], roster);
      expect(opened).toMatchObject({ signer: { fingerprint: manager.fingerprint, certificateKnown: true } });
      expect(typeof opened === 'string' ? '' : credited(opened)).toContain(HONEST);
    });
  });

describe('names and fields are nobody', () => {
  it.each([
    ['his address', [`From: ${manager.address}`]],
    ['his name', ['From: The Manager <eve@evil.example>']],
    ['his address for a name', [`From: "${manager.address}" <eve@evil.example>`]],
    [
      'his address in an encoded word',
      [`From: =?utf-8?b?${Buffer.from(`${manager.address}\n <`).toString('base64')}?= <eve@evil.example>`],
    ],
    ['both addresses', [`From: ${manager.address}, eve@evil.example`]],
    ['both the other way', [`From: eve@evil.example, ${manager.address}`]],
    ['a group', [`From: ${manager.address}:eve@evil.example;`]],
    ['a comment', [`From: eve@evil.example (${manager.address})`]],
    ['no address', ['From: The Manager']],
    ['nothing', ['From: ']],
    ['Sender and Reply-To', ['From: eve@evil.example', `Sender: ${manager.address}`, `Reply-To: ${manager.address}`]],
    ['two From', ['From: eve@evil.example', `From: ${manager.address}`]],
    ['two From in another case', ['from: eve@evil.example', `FROM : ${manager.address}`]],
  ])('%s', async (_, fields) => {
    for (const roster of Object.values(rosters)) {
      const opened = await open([...fields, ...forged], roster);
      if (typeof opened === 'string') expect(opened).toBe('malformed-mail');
      else expect(opened.signer?.fingerprint ?? eve.fingerprint).toBe(eve.fingerprint);
    }
  });

  it('a From and a Subject that no signature covers are not called protected', async () => {
    const opened = await open([`From: ${eve.address}`, `Subject: ${FORGED}`, ...honest], [manager]);
    expect(opened).toMatchObject({ subject: FORGED, subjectProtected: false, signer: { fingerprint: manager.fingerprint } });
  });

  it('two different people who signed the whole: nobody is credited with it', async () => {
    expect(await open([...head(), ...(await signed(part(HONEST), manager, eve))], [manager, eve])).toMatchObject({
      signer: null,
    });
  });
});
