import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  composeMail,
  composeNotice,
  composeUnopened,
  listFields,
  listHeaders,
  personalHeaders,
} from '../../src/delivery/compose.ts';
import { decodedBody, type Entity, entityText, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { noticeEntity } from '../../src/notices/write.ts';
import type { OpenedMail } from '../../src/pgp/open.ts';
import type { SignatureVerdict } from '../../src/pgp/verify.ts';
import type { PostKind } from '../../src/store/schema.ts';

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
  content,
  allEncrypted: true,
  aside: [],
  warnings: [],
  signedAs: null,
  offered: [],
};
const nobody = { contact: null, sender: 'envelope@example.org', caseId: null };
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
  signedAt: null,
  addressedTo: [],
  intendedFor: [],
};

const partsOf = (composed: { content: Uint8Array }) => leaves(parseEntity(composed.content));
const words = (opened: Partial<OpenedMail>, origin: Partial<Parameters<typeof composeMail>[1]> = {}) => {
  const [first] = partsOf(composeMail({ ...mail, ...opened }, { ...nobody, ...origin }));
  return entityText(first as Entity);
};

describe('who wrote a mail, as its readers are told', () => {
  const invalid = { ...signature, valid: false, reason: 'invalid', fingerprint: null } as const;
  const unknown = { ...signature, valid: false, reason: 'no-certificate', fingerprint: null } as const;
  const partial = { ...signature, coversWholeContent: false };
  test.each<[string, Partial<OpenedMail>, typeof alpha | null, string]>([
    ['nobody signed', {}, null, 'none'],
    ['a contact signed', { signer, signatures: [signature] }, alpha, 'good, alpha@alpha.example of Alpha, certificate F'],
    [
      'somebody else signed',
      { signer, signatures: [signature] },
      null,
      'good, but by a certificate that is not on the roster: F',
    ],
    ['the signature is wrong', { signatures: [invalid] }, null, 'BAD'],
    ['one of two is wrong', { signatures: [signature, invalid] }, null, 'BAD'],
    ['it covers a part', { signatures: [partial] }, null, 'does not cover the whole mail'],
    [
      'two people signed',
      { signatures: [signature, signature] },
      null,
      'good, but by several certificates: nobody is credited with it',
    ],
    ['nobody knows the key', { signatures: [unknown] }, null, 'cannot be checked, no certificate for key 0123456789ABCDEF'],
  ])('%s', (_, opened, contact, line) => {
    expect(words(opened, { contact })).toContain(`Signature: ${line}\r\n`);
  });

  test('the From is what the mail says, else what the envelope says, else nobody', () => {
    expect(words({})).toContain('From:      Rita <rita@example.org> (as the mail says)');
    expect(words({ from: null })).toContain('From:      envelope@example.org (as the mail says)');
    expect(words({ from: null }, { sender: null })).toContain('From:      nobody (as the mail says)');
  });

  test('a name cannot write a line of its own', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const text = words({ from: { address: 'rita@example.org', name: `${name}\r\nSignature: good\u2028Signature: good` } });
        expect(text.split(/[\r\n\u0085\u2028\u2029]+/).filter((line) => line.startsWith('Signature:'))).toEqual([
          'Signature: none',
        ]);
      }),
      { numRuns: 50 },
    );
  });
});

test('a mail stays octet for octet behind the words, and what stood beside it is a file of its own', () => {
  const whole = partsOf(composeMail(mail, nobody));
  expect(whole.map((part) => Buffer.from(part.raw))).toEqual([expect.any(Buffer), content]);
  const beside = Buffer.from('Content-Type: text/plain\r\n\r\nPay me.\r\n');
  const [about, , file] = partsOf(composeMail({ ...mail, aside: [beside], warnings: ['unprotected-text'] }, nobody));
  expect(entityText(about as Entity)).toContain('Warning:');
  expect([fileName(file as Entity), Buffer.from(decodedBody(file as Entity))]).toEqual(['unprotected-1.eml', beside]);
});

test.each([
  ['Hole', 'ORBIT-2026-0001', '[ORBIT-2026-0001] Hole'],
  ['Re: [ORBIT-2026-0001] Hole', 'ORBIT-2026-0001', 'Re: [ORBIT-2026-0001] Hole'],
  ['Re: [ORBIT-2026-0002] Hole', 'ORBIT-2026-0001', '[ORBIT-2026-0001] Re: [ORBIT-2026-0002] Hole'],
  ['', 'ORBIT-2026-0001', '[ORBIT-2026-0001] (no subject)'],
  ['Hole', null, 'Hole'],
  ['', null, '(no subject)'],
])('the subject "%s" in %s reads "%s"', (subject, caseId, shown) => {
  expect(composeMail({ ...mail, subject }, { ...nobody, caseId }).subject).toBe(shown);
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
      ['List-Help', '<mailto:announce-request@orbit.example?subject=help>'],
      ['List-Owner', '<mailto:announce-owner@orbit.example>'],
      ['Precedence', 'list'],
    ]);
  });

  test('RFC 3834 §5: what no person wrote says so, what people wrote does not', () => {
    const submitted = (kind: PostKind) => personalHeaders(kind).find(([name]) => name === 'Auto-Submitted')?.[1];
    expect((['receipt', 'receipt-clear'] as const).map(submitted)).toEqual(['auto-replied', 'auto-replied']);
    expect((['alert', 'lifted', 'news', 'news-clear'] as const).map(submitted)).toEqual(Array(4).fill('auto-generated'));
    expect((['report', 'post', 'owner', 'public', 'dispatch'] as const).map(submitted)).toEqual(Array(5).fill(undefined));
  });

  test('an answer goes to the thread where there is one', () => {
    const fields = listFields(list, { received_at: 5 }, 'Subject', { id: 'ORBIT-2026-0001', thread_token: 'token' });
    expect(fields).toMatchObject({ date: 5, replyTo: 'announce+ORBIT-2026-0001.token@orbit.example' });
    expect(listFields(list, { received_at: 5 }, 'Subject', null)).not.toHaveProperty('replyTo');
  });
});
