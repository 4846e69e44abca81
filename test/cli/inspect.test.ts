import { expect, test } from 'vitest';
import { look } from '../../src/cli/inspect.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { readSecretKeys } from '../../src/pgp/secret.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { makeParty } from '../support/party.ts';

const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const rita = await makeParty('rita@example.org');
const secrets = await readSecretKeys(Buffer.from(list.secret), async () => '');
const known = [await readCertificate(rita.public)];
const letter = { from: rita, to: list.address, subject: 'Inside', outerSubject: 'Outside', text: 'the text', at: AT };
const seen = (raw: Buffer) => look(raw, secrets, known, AT);

test('a mail is seen as the receiving route sees it', async () => {
  const attachments = [{ name: 'a.bin', data: Buffer.from([0, 255]) }];
  const raw = await encryptedMail({ ...letter, attachments }, { recipients: [list.public], signer: rita });
  expect(await seen(raw)).toMatchObject({
    form: 'pgp-mime',
    encrypted: true,
    decrypted: true,
    refusal: null,
    automatic: null,
    from: rita.address,
    subject: 'Inside',
    outerSubject: 'Outside',
    subjectProtected: true,
    signatures: [{ fingerprint: rita.fingerprint, valid: true, reason: null, certificateKnown: true, coversWholeContent: true }],
    signer: rita.fingerprint,
    text: 'the text',
    attachments: [{ name: 'a.bin', type: 'application/octet-stream', size: 2 }],
    warnings: [],
  });
});

test('what that refuses is seen as refused, and nothing of it is shown', async () => {
  const raw = await encryptedMail(letter, { recipients: [rita.public] });
  expect(await seen(raw)).toMatchObject({ form: 'undecryptable', refusal: 'cannot-open', decrypted: false, text: '' });
  expect(await seen(Buffer.from('Subject: x\r\n\r\nx'))).toMatchObject({ refusal: 'malformed-mail' });
  expect(await seen(Buffer.from('From: a@b.example\r\nContent-Type: application/pkcs7-mime\r\n\r\nx'))).toMatchObject({
    refusal: 's-mime',
  });
});

test('a mail of the list whose key is given has come back', async () => {
  const back = clearMail({ ...letter, headers: ['List-Id: Security <security.orbit.example>'] });
  expect(await seen(back)).toMatchObject({ automatic: 'loop' });
  expect(await seen(clearMail({ ...letter, headers: ['List-Id: <other.example>'] }))).toMatchObject({ automatic: null });
});

test('a bounce is told before anything in it is opened, whoever it was encrypted to', async () => {
  const returned = (await encryptedMail(letter, { recipients: [rita.public] })).toString();
  const armored = returned.slice(returned.indexOf('-----BEGIN'), returned.indexOf('-----END PGP MESSAGE-----') + 25);
  const lines = ['From: MAILER-DAEMON@mx.example', 'Return-Path: <>', 'Subject: failure notice', ''];
  const words = [
    'Hi. This is the qmail-send program at mx.example.',
    '',
    '<a@b.example>:',
    'Gone.',
    '',
    '--- Below this line is a copy.',
    '',
    armored,
  ];
  expect(await seen(Buffer.from([...lines, ...words].join('\r\n')))).toMatchObject({
    automatic: 'bounce',
    refusal: null,
    decrypted: false,
    text: expect.stringContaining('qmail-send'),
  });
});
