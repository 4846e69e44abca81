import fc from 'fast-check';
import { encode as encodeQuotedPrintable, wrap } from 'libqp';
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { decodedBody, type Entity, fieldsNamed, fieldText, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { sharesAPage } from '../../src/mail/page.ts';
import { importRoster } from '../../src/roster/import.ts';
import { arrive, CANARY, listCertificate } from '../post/arrive.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy, type Party } from '../support/party.ts';
import { outbox, type Sent } from './outbox.ts';

/** A part as its writer means it. A text is what its octets are in its charset. */
interface Leaf {
  kind: 'text' | 'file';
  type: string;
  charset?: string;
  octets: Buffer;
  encoding: 'base64' | 'quoted-printable';
  disposition: 'inline' | 'attachment' | null;
  name?: string;
}
interface Branch {
  kind: 'branch';
  type: string;
  parts: Node[];
}
type Node = Leaf | Branch;

/** What ends or pads a line, or is not seen, in a subject: it is one space. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\u{13441}\u{13442}\u{16fe4}]+/gu;

/** Whatever people call their files and write about, the canary in it. */
const words = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => `${text.replace(/\p{Cc}/gu, ' ')} ${CANARY}`);
const encoding = fc.constantFrom('base64' as const, 'quoted-printable' as const);

const utf8 = fc.record({
  charset: fc.constantFrom('utf-8', 'UTF8', 'us-ascii'),
  octets: words.map((text) => Buffer.from(text)),
});
/** Octets that are something in every one of them. */
const elsewhere = fc.record({
  charset: fc.constantFrom('iso-8859-1', 'iso-8859-15', 'windows-1252', 'koi8-r', 'windows-1251', 'shift_jis', 'gb18030', 'big5'),
  octets: fc.uint8Array({ maxLength: 60, min: 32 }).map((bytes) => Buffer.concat([Buffer.from(`${CANARY} `), bytes])),
});
const text: fc.Arbitrary<Leaf> = fc
  .tuple(
    fc.oneof(utf8, elsewhere),
    encoding,
    fc.constantFrom('text/plain', 'text/html'),
    fc.constantFrom('inline' as const, null),
  )
  .map(([letters, how, type, disposition]) => ({ kind: 'text', type, ...letters, encoding: how, disposition }));
const file: fc.Arbitrary<Leaf> = fc.record({
  kind: fc.constant('file' as const),
  type: fc.constantFrom('application/octet-stream', 'text/x-patch', 'text/plain', 'image/png', 'application/x-any'),
  octets: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  encoding: fc.constant('base64' as const),
  disposition: fc.constantFrom('inline' as const, 'attachment' as const),
  // Without folders, and without an extension, which may be one that is not kept.
  name: words.map((name) => name.replace(/[./\\]/g, ' ')),
});
const { tree } = fc.letrec<{ tree: Node; branch: Branch }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, text, file, tie('branch')),
  branch: fc.record({
    kind: fc.constant('branch' as const),
    type: fc.constantFrom('mixed', 'alternative', 'related', 'parallel'),
    parts: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
  }),
}));

/** Its Content-Type first, more fields below it; CRLF at every line end. */
function written(node: Node, more: readonly string[] = [], mark = '', path = 'b'): string {
  if (node.kind === 'branch') {
    const parts = node.parts.map((part, at) => `--${path}\r\n${written(part, [], '', `${path}.${at}`)}\r\n`);
    const type = `Content-Type: multipart/${node.type}; boundary="${path}"${mark}`;
    return `${[type, ...more].join('\r\n')}\r\n\r\n${parts.join('')}--${path}--`;
  }
  const { type, charset, disposition, name } = node;
  const parameter = name === undefined ? '' : `; filename*=utf-8''${percent(name)}`;
  const fields = [
    `Content-Type: ${type}${charset ? `; charset="${charset}"` : ''}${mark}`,
    ...more,
    ...(disposition ? [`Content-Disposition: ${disposition}${parameter}`] : []),
    `Content-Transfer-Encoding: ${node.encoding}`,
  ];
  const body =
    node.encoding === 'base64'
      ? node.octets.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n')
      : wrap(encodeQuotedPrintable(node.octets));
  return `${fields.join('\r\n')}\r\n\r\n${body}`;
}

const percent = (name: string) => [...Buffer.from(name)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('');
const leavesOf = (node: Node): Leaf[] => (node.kind === 'branch' ? node.parts.flatMap(leavesOf) : [node]);

/** 0x80 to 0x9F of windows-1252, which is what iso-8859-1 means in mail (Encoding Standard): that of Node 20 has control characters. */
const WINDOWS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** As any other program reads it. */
function decoded(octets: Uint8Array, charset = 'utf-8'): string {
  if (charset === 'iso-8859-1' || charset === 'windows-1252')
    return Buffer.from(octets)
      .toString('latin1')
      .replace(/[\x80-\x9f]/g, (letter) => WINDOWS.charAt(letter.charCodeAt(0) - 0x80));
  return new TextDecoder(charset === 'us-ascii' ? 'utf-8' : charset).decode(octets).replace(/^\ufeff+/, '');
}

/** It is, or may be to some client, a page: a file, and as a text it is shown beside that. */
function isPage({ type, disposition }: Leaf): boolean {
  const isFile = /^(application\/octet-stream|text\/x-patch)$/.test(type) && disposition === 'attachment';
  return !isFile && !/^(text\/plain|image\/png)$/.test(type);
}

/** Of a text that is carried on in UTF-8 all line ends are CRLF, and there is one at its end. */
function lines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n').replace(/\n*$/, '');
}

/** What a reader has of a part: a text, or octets with a name. */
function meant(leaf: Leaf): unknown[] {
  if (leaf.kind === 'text' && isPage(leaf)) return [expect.stringMatching(/^original-\d+\.html\.txt$/), leaf.octets];
  return leaf.kind === 'text' ? ['text', lines(decoded(leaf.octets, leaf.charset))] : [leaf.name, leaf.octets];
}
function read(part: Entity): unknown[] {
  const octets = Buffer.from(decodedBody(part));
  const name = fileName(part);
  return name === undefined ? ['text', lines(decoded(octets, part.parameters['charset']))] : [name, octets];
}

const OUTSIDE = [
  ...['From', 'To', 'Date', 'Subject', 'Message-ID', 'List-Id', 'List-Post', 'List-Help', 'List-Owner'],
  ...['Precedence', 'Autocrypt', 'MIME-Version', 'Content-Type'],
];

/** Made once: RSA takes its time. */
const otherKinds = Promise.all([
  keyOf('rsa@rsa.example', { type: 'rsa', rsaBits: 3072 }),
  keyOf('nist@nist.example', { type: 'ecc', curve: 'nistP256' }),
  keyOf('six@six.example', { type: 'curve25519', config: { v6Keys: true } }),
]);

async function keyOf(address: string, kind: Partial<openpgp.KeyOptions>): Promise<Party> {
  const name = address.split('@', 1)[0] ?? address;
  const date = new Date('2025-01-01T00:00:00Z');
  const options = { userIDs: [{ name, email: address }], date, format: 'object' as const };
  const { privateKey } = await openpgp.generateKey({ ...kind, ...options });
  const fingerprint = privateKey.getFingerprint().toUpperCase();
  return { address, name, secret: privateKey.armor(), public: privateKey.toPublic().armor(), fingerprint };
}

eachEngine((engine) => {
  const build = housing();
  const numRuns = engine.name === 'sqlite' ? 20 : 3;
  let house: House;
  let members: Party[];

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    const others = await otherKinds;
    const entries = others.map(({ address, public: certificate }) => ({
      organisation: address,
      lists: [LISTS.distributors],
      contacts: [{ address, certificate }],
    }));
    expect(await importRoster(house, entries, { activate: { reason: 'test' }, dryRun: false })).toMatchObject({ written: true });
    members = [...house.members, ...others];
  });

  const listKey = () => {
    const key = house.keyring.all().find(({ address }) => address === LISTS.distributors);
    if (!key) throw new Error('the list has no key');
    return key;
  };

  /** Whoever is not among `readers` has left. */
  const leaveOnly = async (readers: readonly Party[]) => {
    const there = readers.map(({ address }) => address);
    for (const { address } of members)
      await house.db
        .updateTable('contacts')
        .set({ active: there.includes(address) ? 1 : 0 })
        .where('address', '=', address)
        .execute();
  };

  const copiesOf = async (raw: Buffer): Promise<Sent[]> => {
    await arrive(house, raw, { to: LISTS.distributors, sender: house.team[0].address });
    return outbox(house).drain();
  };

  test.each(['shared', 'fresh'])(
    'what was sealed opens to the same octets with each key, and with no other: %s',
    async (policy) => {
      const at = house.clock.now();
      const certificates = await Promise.all(
        members.map(async ({ public: armoredKey }) => (await openpgp.readKey({ armoredKey })).write()),
      );
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.nat({ max: 4 }), async (bytes, other) => {
          const signed = await house.pgp.sign(bytes, listKey().secret, at);
          const shared = { bodies: new Map(), lines: new Map() };
          const sealed =
            policy === 'shared'
              ? await house.pgp.sealShared(signed, certificates, at, shared)
              : await house.pgp.seal(signed, certificates, at);
          for (const [index, answer] of sealed.entries()) {
            const armored = 'armored' in answer ? answer.armored : '';
            const raw = typeof armored === 'string' ? Buffer.from(armored) : Buffer.concat(armored);
            const opened = await openCopy(raw, members[index] as Party, listCertificate(house, LISTS.distributors), at);
            expect([opened.entity.equals(bytes), opened.signer]).toEqual([true, listKey().fingerprint]);
            if (other !== index) await expect(openCopy(raw, members[other] as Party, undefined, at)).rejects.toThrow();
          }
        }),
        { numRuns, examples: [[new Uint8Array(), 0]] },
      );
    },
  );

  test('each copy of any mail opens with the key of its member to the same content, and with no other', async () => {
    const [lena] = house.team;
    const list = listCertificate(house, LISTS.distributors);
    const everybody = [...members, ...house.team, { ...(await makeParty(LISTS.distributors)), secret: await armoredSecret() }];
    await fc.assert(
      fc.asyncProperty(
        tree,
        fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }),
        words,
        fc.constantFrom('\r\n' as const, '\n' as const),
        async (node, chosen, subject, lineEnd) => {
          const readers = chosen.map((index) => members[index] as Party);
          await leaveOnly(readers);
          const mail = await sealedBy(lena, { node, subject, lineEnd }, list, house.clock.now());
          const sent = await copiesOf(mail);
          expect(sent.map(({ to }) => to).sort()).toEqual(readers.map(({ address }) => address).sort());
          for (const { to, raw } of sent) {
            for (const one of everybody.filter(({ address }) => address !== to))
              await expect(openCopy(raw, one, undefined, house.clock.now())).rejects.toThrow();
            const reader = readers.find(({ address }) => address === to) as Party;
            const { entity } = await openCopy(raw, reader, list, house.clock.now());
            const inside = parseEntity(entity);
            expect(fieldText(inside, 'subject')).toBe(
              subject
                .replace(/[\u200d\p{Variation_Selector}]/gu, '')
                .replace(UNSEEN, ' ')
                .trim(),
            );
            const [, ...parts] = leaves(inside).filter(({ mediaType }) => mediaType !== 'application/pgp-signature');
            expect(parts.filter(sharesAPage)).toEqual([]);
            const all = leavesOf(node);
            if (all.some(isPage)) expect(parts.map(read)).toEqual(expect.arrayContaining(all.map(meant)));
            else expect(parts.map(read)).toEqual(all.map(meant));
          }
        },
      ),
      { numRuns },
    );
  });

  test('whatever a mail holds and is called, the outside of its copies has the same fields and none of it', async () => {
    const [lena] = house.team;
    const list = listCertificate(house, LISTS.distributors);
    const ids = new Set<string>();
    let copies = 0;
    await fc.assert(
      fc.asyncProperty(tree, words, words, async (node, subject, name) => {
        await leaveOnly(members);
        const sent = await copiesOf(await sealedBy(lena, { node, subject, name }, list, house.clock.now()));
        expect(new Set(sent.map(({ to }) => to)).size).toBe(members.length);
        for (const { from, to, raw } of sent) {
          const outside = parseEntity(raw);
          expect(outside.fields.map((field) => field.name)).toEqual(OUTSIDE);
          expect(fieldText(outside, 'to')).toBe(LISTS.distributors);
          expect(fieldText(outside, 'subject')).toBe('[...]');
          const shown = raw.toString('latin1').replace(/-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/, '');
          const decodedFields = outside.fields.map((field) => fieldText({ fields: [field] }, field.name));
          for (const secret of [CANARY, lena.address, ...members.map(({ address }) => address)])
            expect(`${shown} ${decodedFields.join(' ')} ${from}`).not.toContain(secret);
          expect(to).not.toContain(',');
          ids.add(fieldsNamed(outside, 'message-id')[0]?.value ?? '');
          copies++;
        }
      }),
      { numRuns },
    );
    expect(ids.size).toBe(copies);
  });

  async function armoredSecret(): Promise<string> {
    return (await openpgp.readPrivateKey({ binaryKey: listKey().secret })).armor();
  }
});

interface Mail {
  node: Node;
  subject: string;
  name?: string;
  lineEnd?: '\r\n' | '\n';
}

/** Encrypted to the list and signed, the canary in all that stands inside, and in all outside that a sender chooses. */
async function sealedBy(
  sender: Party,
  { node, subject, name = '', lineEnd = '\r\n' }: Mail,
  list: string,
  at: number,
): Promise<Buffer> {
  const fields = [
    `From: ${encodedWord(name)} <${sender.address}>`,
    `To: ${LISTS.distributors}, ${CANARY}@to.example`,
    `Cc: "${CANARY}" <cc@${CANARY}.example>`,
    `Message-ID: <${CANARY}.${at}@${CANARY}.example>`,
    `References: <${CANARY}-1@reference.example> <${CANARY}-2@reference.example>`,
    `In-Reply-To: <${CANARY}-2@reference.example>`,
    `Subject: ${encodedWord(subject)}`,
  ];
  const entity = written(node, fields, '; hp="cipher"').replaceAll('\r\n', lineEnd);
  const armored = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(entity, 'latin1')) }),
    encryptionKeys: await openpgp.readKey({ armoredKey: list }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: sender.secret }),
    date: new Date(at),
  });
  const lines = [
    ...fields,
    `X-${CANARY}: ${CANARY}`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="sealed"',
    '',
    '--sealed',
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '',
    '--sealed',
    `Content-Type: application/octet-stream; name="${CANARY}.asc"`,
    '',
    armored.replaceAll(/\r?\n/g, '\r\n'),
    '--sealed--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}

/** RFC 2047, in words of at most 75 characters. */
function encodedWord(text: string): string {
  const graphemes = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < graphemes.length; at += 8) pieces.push(graphemes.slice(at, at + 8).join(''));
  return pieces.map((piece) => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`).join(' ');
}
