import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { entityText, leaves, parseEntity } from '../../src/mail/message.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { type OpenedMail, openMail } from '../../src/pgp/open.ts';
import { readSecretKeys } from '../../src/pgp/secret.ts';
import { clearMail, cleartextSignedMail, encryptedMail, inlineMail, signedMail } from '../support/compose.ts';
import { effort } from '../support/effort.ts';
import { corpus } from '../support/gnupg.ts';
import { makeParty, type Party } from '../support/party.ts';

const AT = Date.parse('2026-09-07T09:12:00Z');
const list = await makeParty('security@orbit.example');
const rae = await makeParty('rae@research.example');
const eve = await makeParty('eve@evil.example');

const secretOf = async (party: Party) => (await openpgp.readPrivateKey({ armoredKey: party.secret })).write();

/** As the list sees it, with these people on the roster. */
async function open(raw: Uint8Array, known: Party[] = [rae], at = AT): Promise<OpenedMail> {
  const roster = await Promise.all(known.map(async (party) => readCertificate(party.public)));
  const lookup = async (ids: string[]) =>
    roster.filter(({ keys }) => keys.some(({ keyId }) => ids.includes(keyId))).map(({ data }) => data);
  return openMail({ raw, secrets: [await secretOf(list)], at }, lookup);
}

const letter = { from: rae, to: list.address, subject: 'Inside', outerSubject: 'Outside', text: 'the text', at: AT };
const sealing = { recipients: [list.public], signer: rae };
const textOf = ({ content }: OpenedMail) => leaves(parseEntity(content)).map(entityText).join('').trim();

describe('a mail is opened', () => {
  it('PGP/MIME, signed inside: the certificate is the identity, the protected subject the subject', async () => {
    const opened = await open(await encryptedMail(letter, sealing));
    expect(opened).toMatchObject({
      form: 'pgp-mime',
      encrypted: true,
      subject: 'Inside',
      outerSubject: 'Outside',
      subjectProtected: true,
    });
    expect(opened.signer).toMatchObject({ fingerprint: rae.fingerprint, certificateKnown: true });
    expect(textOf(opened)).toBe('the text');
  });

  it.each([
    ['signed-mime', () => signedMail(letter, rae)],
    ['cleartext-signed', () => cleartextSignedMail(letter, rae)],
    ['inline', () => inlineMail(letter, sealing)],
  ])('%s: the same identity and text', async (form, compose) => {
    const opened = await open(await compose());
    expect(opened).toMatchObject({ form, encrypted: form === 'inline', warnings: [] });
    expect(opened.signer?.fingerprint).toBe(rae.fingerprint);
    expect(textOf(opened)).toBe('the text');
  });

  it('multipart/signed inside of an unsigned encryption, as Thunderbird sends it', async () => {
    const inner = await signedMail(letter, rae);
    const entity = inner.subarray(inner.indexOf('Content-Type: multipart/signed'));
    const armored = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: entity }),
      encryptionKeys: await openpgp.readKey({ armoredKey: list.public }),
      date: new Date(AT),
    });
    const opened = await open(wrap(armored));
    expect(opened).toMatchObject({
      form: 'encapsulated',
      encrypted: true,
      signer: { fingerprint: rae.fingerprint, certificateKnown: true },
    });
    expect(textOf(opened)).toBe('the text');
  });

  it('clear: nobody signed', async () => {
    expect(await open(clearMail(letter))).toMatchObject({ form: 'clear', encrypted: false, signatures: [], signer: null });
  });
});

describe('a block inside of what was opened', () => {
  it('that does not open is something the mail carries, and takes nothing from its signer', async () => {
    const quoted = '-----BEGIN PGP MESSAGE-----\n\nabcd\n-----END PGP MESSAGE-----';
    const opened = await open(await encryptedMail({ ...letter, text: `look:\n${quoted}` }, sealing));
    expect(opened).toMatchObject({ form: 'pgp-mime', encrypted: true, warnings: [], signer: { fingerprint: rae.fingerprint } });
    expect(textOf(opened)).toContain('BEGIN PGP MESSAGE');
  });
});

/** An entity, encrypted to somebody and signed by nobody, as an entity again. */
async function layered(entity: Uint8Array, to = list): Promise<Buffer> {
  const armored = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: entity }),
    encryptionKeys: await openpgp.readKey({ armoredKey: to.public }),
    date: new Date(AT),
  });
  const mail = wrap(armored);
  return mail.subarray(mail.indexOf('Content-Type: multipart/encrypted'));
}

describe('layers', () => {
  const text = Buffer.from('Content-Type: text/plain\r\n\r\nthe text\r\n');
  const nested = async (layers: number) => {
    let entity: Buffer = text;
    for (let count = 0; count < layers; count++) entity = await layered(entity);
    return Buffer.concat([Buffer.from(`From: ${rae.address}\r\n`), entity]);
  };

  it('are taken off four deep, and a fifth is refused', async () => {
    expect(textOf(await open(await nested(4)))).toBe('the text');
    await expect(open(await nested(5))).rejects.toMatchObject({ reason: 'too-complex' });
  });

  it('for somebody else, or damaged, inside of what was opened are what the mail carries, as it carries it', async () => {
    const damaged = Buffer.from(
      (await signedMail(letter, rae)).toString('latin1').replace(/-----BEGIN PGP SIGNATURE[\s\S]*END PGP SIGNATURE-----/, 'none'),
      'latin1',
    );
    for (const inner of [await layered(text, eve), damaged.subarray(damaged.indexOf('Content-Type: multipart/signed'))]) {
      const opened = await open(await wrapSigned(inner));
      expect(opened).toMatchObject({ form: 'pgp-mime', encrypted: true, signer: { fingerprint: rae.fingerprint } });
      expect(Buffer.from(opened.content).toString()).toBe(inner.toString());
    }
  });

  async function wrapSigned(entity: Uint8Array): Promise<Buffer> {
    const armored = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: entity }),
      encryptionKeys: await openpgp.readKey({ armoredKey: list.public }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      date: new Date(AT),
    });
    return wrap(armored);
  }
});

describe('what a stranger may make us look at', () => {
  const part = 'Content-Type: text/plain\r\n\r\nthe text';
  const signing = async (times: number) => {
    const key = await openpgp.readPrivateKey({ armoredKey: rae.secret });
    const message = await openpgp.createMessage({ binary: Buffer.from(part) });
    return { message, signingKeys: Array.from({ length: times }, () => key), date: new Date(AT) };
  };
  const inMessage = async (times: number) =>
    wrap(
      await openpgp.encrypt({ ...(await signing(times)), encryptionKeys: await openpgp.readKey({ armoredKey: list.public }) }),
    );
  const inMultipart = async (times: number) => {
    const signature = await openpgp.sign({ ...(await signing(times)), detached: true });
    const head = 'Content-Type: multipart/signed; boundary=s; protocol="application/pgp-signature"\r\n\r\n';
    const entity = `${head}--s\r\n${part}\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n${signature}\r\n--s--\r\n`;
    return Buffer.concat([Buffer.from(`From: ${rae.address}\r\n`), await layered(Buffer.from(entity))]);
  };

  it.each([
    ['a message', inMessage],
    ['a multipart/signed inside of an encryption', inMultipart],
  ])('ends at ten signatures of %s', async (_, compose) => {
    expect((await open(await compose(10))).signatures).toHaveLength(10);
    await expect(open(await compose(11))).rejects.toMatchObject({ reason: 'too-complex' });
  });

  const offering = (...keys: string[]) => {
    const attachments = keys.map((key, at) => ({ name: `${at}.asc`, type: 'application/pgp-keys', data: Buffer.from(key) }));
    return encryptedMail({ ...letter, attachments }, sealing);
  };

  it('ends at three certificates that came with the mail, the one that signed first, and at 64 KiB of each', async () => {
    const others = await Promise.all(['a', 'b', 'c'].map(async (name) => (await makeParty(`${name}@else.example`)).public));
    const third = await open(await offering(...others.slice(1), rae.public), []);
    expect(third).toMatchObject({ signer: { fingerprint: rae.fingerprint }, offered: { length: 3 } });
    const fourth = await open(await offering(...others, rae.public), []);
    expect(fourth).toMatchObject({ signer: { fingerprint: rae.fingerprint }, offered: { length: 3 } });
    expect((await readCertificate(fourth.offered[0] ?? new Uint8Array())).fingerprint).toBe(rae.fingerprint);
    const padded = (octets: number) => rae.public.padEnd(octets, '\n');
    expect(await open(await offering(padded(64 * 1024)), [])).toMatchObject({ signer: { fingerprint: rae.fingerprint } });
    const large = await open(await offering(padded(65 * 1024)), []);
    expect(large).toMatchObject({ signer: null, signatures: [{ reason: 'no-certificate' }], offered: [] });
  });
});

describe('who signed', () => {
  it('a certificate that is not known: the signature cannot be checked', async () => {
    const opened = await open(await encryptedMail(letter, sealing), []);
    expect(opened.signer).toBeNull();
    expect(opened.signatures).toMatchObject([{ valid: false, reason: 'no-certificate', fingerprint: null }]);
  });

  it('is found among many certificates, wherever it stands', async () => {
    const roster = await Promise.all([eve, rae, list].map(async (party) => (await readCertificate(party.public)).data));
    const raw = await encryptedMail(letter, sealing);
    for (const certificates of [roster, roster.toReversed()])
      expect(
        (await openMail({ raw, secrets: [await secretOf(list)], at: AT }, async () => certificates)).signer?.fingerprint,
      ).toBe(rae.fingerprint);
  });

  it('a certificate that came with the mail: valid, and not known', async () => {
    const attached = { ...letter, attachments: [{ name: 'k.asc', type: 'application/pgp-keys', data: Buffer.from(rae.public) }] };
    const opened = await open(await encryptedMail(attached, sealing), []);
    expect(opened.signer).toMatchObject({ fingerprint: rae.fingerprint, certificateKnown: false });
  });

  it('a certificate of the roster wins over the same one attached', async () => {
    const attached = { ...letter, attachments: [{ name: 'k.asc', type: 'application/pgp-keys', data: Buffer.from(rae.public) }] };
    expect((await open(await encryptedMail(attached, sealing))).signer?.certificateKnown).toBe(true);
  });

  it('From is never the identity', async () => {
    const forged = await open(await encryptedMail({ ...letter, from: rae }, { ...sealing, signer: eve }), [rae, eve]);
    expect(forged.from?.address).toBe(rae.address);
    expect(forged.signer?.fingerprint).toBe(eve.fingerprint);
  });

  it('a changed text: the signature is bad', async () => {
    const mail = (await signedMail(letter, rae)).toString('latin1').replace('the text', 'the Text');
    expect(await open(Buffer.from(mail, 'latin1'))).toMatchObject({
      signer: null,
      signatures: [{ valid: false, reason: 'invalid' }],
    });
  });

  it('words around a signed block: the signature is valid and credits nobody with the whole', async () => {
    const mail = (await cleartextSignedMail(letter, rae))
      .toString('latin1')
      .replace('-----BEGIN PGP SIGNED', 'Pay me.\r\n-----BEGIN PGP SIGNED');
    const opened = await open(Buffer.from(mail, 'latin1'));
    expect(opened).toMatchObject({
      warnings: ['unprotected-text', 'protected-in-parts'],
      signer: null,
      signatures: [{ valid: true, coversWholeContent: false }],
    });
    expect(textOf(opened)).not.toContain('Pay me');
  });

  it('a signature over the ciphertext says nothing of what is inside', async () => {
    const encrypted = await encryptedMail(letter, { recipients: [list.public] });
    const part = encrypted.subarray(encrypted.indexOf('Content-Type: multipart/encrypted'));
    const armored = await openpgp.sign({
      message: await openpgp.createMessage({ binary: part }),
      signingKeys: await openpgp.readPrivateKey({ armoredKey: rae.secret }),
      detached: true,
      date: new Date(AT),
    });
    const opened = await open(
      Buffer.concat([
        Buffer.from(
          `From: ${rae.address}\r\nContent-Type: multipart/signed; boundary=s; protocol="application/pgp-signature"\r\n\r\n--s\r\n`,
        ),
        part,
        Buffer.from(`\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n${armored}\r\n--s--\r\n`),
      ]),
    );
    expect(opened).toMatchObject({ encrypted: true, signer: null, signatures: [{ valid: true, coversWholeContent: false }] });
  });

  it('a clock five minutes ahead is forgiven, an hour is not', async () => {
    const at = (minutes: number) => encryptedMail({ ...letter, at: AT + minutes * 60_000 }, sealing);
    expect((await open(await at(4))).signer?.fingerprint).toBe(rae.fingerprint);
    expect(await open(await at(60))).toMatchObject({ signer: null, signatures: [{ valid: false, reason: 'not-yet-valid' }] });
  });

  it('the same signature has the same digest, whatever mail it comes in', async () => {
    const first = await signedMail(letter, rae);
    const second = Buffer.from(first.toString('latin1').replace(/^Message-ID: .*$/im, 'Message-ID: <other@x.example>'), 'latin1');
    expect((await open(second)).signer?.signatureDigest).toBe((await open(first)).signer?.signatureDigest);
  });
});

describe('the signer’s own signature', () => {
  const lookup = async () => [(await readCertificate(rae.public)).data];
  const handedOn = async (raw: Uint8Array) =>
    (await openMail({ raw, secrets: [await secretOf(list)], at: AT, withSignature: true }, lookup)).signedAs;

  it.each([
    ['of a signed mail', () => signedMail(letter, rae)],
    ['from inside of an encryption', () => encryptedMail(letter, sealing)],
  ])('%s verifies apart, over the octets that are handed on with it', async (_, compose) => {
    const signed = await handedOn(await compose());
    if (!signed) throw new Error('there is none');
    const { signatures } = await openpgp.verify({
      message: await openpgp.createMessage({ binary: new Uint8Array(signed.entity) }),
      signature: await openpgp.readSignature({ armoredSignature: signed.armored }),
      verificationKeys: await openpgp.readKey({ armoredKey: rae.public }),
      date: new Date(AT),
    });
    expect(await signatures[0]?.verified).toBe(true);
    expect(signed.micalg).toBe('pgp-sha512');
    expect(Buffer.from(signed.entity).toString()).toContain('the text');
  });

  it('is not handed on where it does not hold, or nobody asked', async () => {
    expect((await open(await encryptedMail(letter, sealing))).signedAs).toBeNull();
    expect(await handedOn(await encryptedMail(letter, { ...sealing, signer: eve }))).toBeNull();
  });
});

describe('what cannot be opened', () => {
  it('is encrypted to another key', async () => {
    await expect(open(await encryptedMail(letter, { recipients: [eve.public], signer: rae }))).rejects.toMatchObject({
      reason: 'cannot-open',
    });
  });

  it('is one and the same refusal for every damage: no oracle', async () => {
    const mail = await encryptedMail(letter, sealing);
    const armored = /-----BEGIN PGP MESSAGE-----[\s\S]*-----END PGP MESSAGE-----/.exec(mail.toString('latin1'))?.[0] ?? '';
    const binary = (await openpgp.readMessage({ armoredMessage: armored })).write() as Uint8Array;
    const damaged = [8, 100, binary.length - 25, binary.length - 1].map((at) => {
      const copy = Buffer.from(binary);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    });
    for (const bytes of [...damaged, Buffer.from(binary).subarray(0, binary.length - 30), Buffer.from('junk')])
      await expect(open(wrap(bytes))).rejects.toMatchObject({ reason: 'cannot-open', hint: undefined });
  });

  it('has more recipients than a mail to this list has', async () => {
    const sessionKey = await openpgp.generateSessionKey({ encryptionKeys: await openpgp.readKey({ armoredKey: list.public }) });
    const key = await openpgp.encryptSessionKey({
      ...sessionKey,
      encryptionKeys: await openpgp.readKey({ armoredKey: list.public }),
      wildcard: true,
      format: 'binary',
    });
    const data = await openpgp.encrypt({ message: await openpgp.createMessage({ text: 'x' }), sessionKey, format: 'binary' });
    await expect(open(wrap(Buffer.concat([...Array.from({ length: 2000 }, () => key), data])))).rejects.toMatchObject({
      reason: 'cannot-open',
    });
  });
});

const efail = corpus('efail-and-bombs');
describe.skipIf(efail.absent !== null)(
  `tampered messages of the corpus${efail.absent ? ` (skipped: ${efail.absent})` : ''}`,
  () => {
    const files = efail.absent
      ? []
      : readdirSync(efail.dir).filter((name) => name.endsWith('.pgp') && !name.startsWith('gen-') && !name.startsWith('ok-'));

    it.each(files)('%s: refused within two seconds, nothing shown', async (name) => {
      const secrets = await readSecretKeys(readFileSync(join(efail.dir, 'gen-sec.pgp')), async () => '');
      const spent = effort();
      const opening = openMail(
        { raw: wrap(readFileSync(join(efail.dir, name))), secrets, at: Date.parse('2026-11-01T00:00:00Z') },
        async () => [],
      );
      await expect(opening).rejects.toMatchObject({ reason: 'cannot-open' });
      expect(spent()).toBeLessThan(2000);
    });

    it('ok-seipdv1.pgp: opens, so that the others are refused for what is wrong with them', async () => {
      const secrets = await readSecretKeys(readFileSync(join(efail.dir, 'gen-sec.pgp')), async () => '');
      const raw = wrap(readFileSync(join(efail.dir, 'ok-seipdv1.pgp')));
      expect(await openMail({ raw, secrets, at: Date.parse('2026-11-01T00:00:00Z') }, async () => [])).toMatchObject({
        encrypted: true,
      });
    });
  },
);

const johnny = corpus('johnny');
describe.skipIf(johnny.absent !== null)(
  `spoofed signatures of the corpus${johnny.absent ? ` (skipped: ${johnny.absent})` : ''}`,
  () => {
    const mails = (folder: string) =>
      johnny.absent || !existsSync(join(johnny.dir, folder))
        ? []
        : readdirSync(join(johnny.dir, folder), { recursive: true, encoding: 'utf8' })
            .filter((name) => name.endsWith('.eml'))
            .map((name) => join(folder, name));
    const keys = () => readFileSync(join(johnny.dir, 'assets/public-keys/manager@bigcorporation.asc'));
    const look = async (name: string) => {
      const raw = Buffer.from(readFileSync(join(johnny.dir, name), 'latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
      const manager = await readCertificate(keys());
      return { manager, opened: await openMail({ raw, secrets: [], at: AT }, async () => [manager.data]) };
    };

    it.each(mails('assets/valid-signed').filter((name) => name.includes('manager')))(
      '%s is credited to the manager',
      async (name) => {
        const { manager, opened } = await look(name);
        expect(opened.signer).toMatchObject({ fingerprint: manager.fingerprint, certificateKnown: true });
      },
    );

    it.each(mails('03-mime'))('%s credits the manager with nothing that the attacker wrote', async (name) => {
      const seen = await look(name).catch((error: { reason?: string }) => error.reason);
      if (typeof seen === 'string') return expect(seen).toMatch(/^(cannot-open|malformed-mail)$/);
      if (typeof seen !== 'object') throw new Error('neither opened nor refused');
      const { opened } = seen;
      if (opened.signer) expect(textOf(opened)).not.toMatch(/johnny|you are fired/i);
    });
  },
);

function wrap(armoredOrBinary: string | Uint8Array): Buffer {
  const head = [
    'From: rae@research.example',
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
    '',
    '--e',
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '--e',
    'Content-Type: application/octet-stream',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(armoredOrBinary).toString('base64').replace(/.{76}/g, '$&\r\n'),
    '--e--',
    '',
  ];
  return Buffer.from(head.join('\r\n'), 'latin1');
}
