import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { DAY, SECOND } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { parseMailboxes } from '../../src/mail/address.ts';
import {
  decodedBody,
  type Entity,
  entityText,
  fieldsNamed,
  fieldText,
  fileName,
  leaves,
  parseEntity,
} from '../../src/mail/message.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { packetsOf } from '../../src/pgp/packets.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import { actor, arm, armed, KNOWN } from '../embargo/armed.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, encryptedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { generate, openCopy, type Party } from '../support/party.ts';
import { headerOf, outbox, type Sent } from './outbox.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const post = async () => {
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing);
    return (await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address })).id;
  };
  const to = (sent: readonly Sent[], { address }: Party) => sent.find((mail) => mail.to === address)?.raw ?? Buffer.alloc(0);
  const opened = async (raw: Buffer, by: Party, list: string = LISTS.distributors) =>
    parseEntity((await openCopy(raw, by, listCertificate(house, list), house.clock.now())).entity);

  test.each([
    ['shared', true],
    ['fresh', false],
  ] as const)('by the policy "%s" of a list its copies share what is encrypted: %s', async (seal, isShared) => {
    await house.db.updateTable('lists').set({ seal }).where('address', '=', LISTS.distributors).execute();
    await post();
    const sent = await outbox(house).drain();
    const bodies = house.members.map((member) => {
      const armored =
        /^-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/m.exec(to(sent, member).toString('latin1'))?.[0] ?? '';
      const octets = Buffer.from(
        armored
          .split(/\r\n/)
          .slice(2)
          .filter((line) => !/^[-=]/.test(line))
          .join(''),
        'base64',
      );
      const [key, body, ...more] = [...packetsOf(octets)];
      expect([key?.tag, body?.tag, more]).toEqual([1, 18, []]);
      return octets.subarray(body?.start).toString('base64');
    });
    expect(bodies[0] === bodies[1]).toBe(isShared);
    for (const member of house.members) {
      const by = listCertificate(house, LISTS.distributors);
      const { encryptedTo, signer } = await openCopy(to(sent, member), member, by, house.clock.now());
      const [own, list] = [await readCertificate(member.public), await readCertificate(by)];
      expect([encryptedTo, signer]).toEqual([[own.keys[1]?.keyId], list.fingerprint]);
    }
  });

  test('whatever address of a list writes, its Autocrypt field is of that one: clients take no other', async () => {
    const [alpha] = house.members;
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const role = (name: string) => LISTS.distributors.replace('@', `-${name}@`);
    const write = async (address: string, raw: Promise<Buffer> | Buffer) =>
      arrive(house, await raw, { to: address, sender: alpha.address });
    const letter = (address: string) => letterOf(house, alpha, { to: address, text: 'help\n' });
    await post();
    await write(role('request'), encryptedMail(letter(role('request')), sealing));
    await write(role('sendkey'), clearMail(letter(role('sendkey'))));
    await house.db.updateTable('lists').set({ moderated: 1 }).where('address', '=', LISTS.distributors).execute();
    await write(LISTS.distributors, encryptedMail({ ...letter(LISTS.distributors), text: 'another one' }, sealing));
    const mails = (await outbox(house).drain()).map(({ raw }) => parseEntity(raw));
    const wrote = mails.map((mail) => parseMailboxes(fieldText(mail, 'from') ?? '')[0]?.address ?? '');
    expect(mails.map((mail) => /addr=([^;]*)/.exec(fieldText(mail, 'autocrypt') ?? '')?.[1])).toEqual(wrote);
    expect(wrote).toEqual(expect.arrayContaining([LISTS.distributors, role('request'), role('owner')]));
  });

  describe('a copy through a private list', () => {
    test('is sealed to one contact alone, signed by the list, and shows nothing of the others', async () => {
      const id = await post();
      const sent = await outbox(house).drain();
      const [alpha, beta] = house.members;
      const list = house.keyring.all().find(({ address }) => address === LISTS.distributors);
      for (const [mine, other] of [
        [alpha, beta],
        [beta, alpha],
      ] as const) {
        const raw = to(sent, mine);
        const copy = await openCopy(raw, mine, listCertificate(house, LISTS.distributors), house.clock.now());
        const facts = await readCertificate(mine.public);
        expect(copy.signer).toBe(list?.fingerprint);
        expect(copy.encryptedTo).toEqual([facts.keys.find(({ fingerprint }) => fingerprint !== facts.fingerprint)?.keyId]);
        await expect(openCopy(raw, other, undefined, house.clock.now())).rejects.toThrow();
        expect(raw.toString()).not.toContain(other.address);
        expect(raw.toString()).not.toContain(mine.address);
        if (mine === alpha) expect(copy.entity.toString()).not.toContain(beta.address);
      }
      expect(new Set((await deliveries.page(house.db, { limit: 9, postId: id })).map(({ message_id }) => message_id)).size).toBe(
        2,
      );
    });

    test('carries the fields of a list outside, and no word of its content', async () => {
      await post();
      const header = headerOf(to(await outbox(house).drain(), house.members[0]));
      const lines = header.trimEnd().split('\r\n');
      expect(lines).toEqual(
        expect.arrayContaining([
          'From: distributors <distributors@orbit.example>',
          'To: distributors@orbit.example',
          'Subject: [...]',
          'List-Id: <distributors.orbit.example>',
          'List-Post: <mailto:distributors@orbit.example>',
          'List-Help: <mailto:distributors-request@orbit.example?body=list%20distributors%40orbit.example%0D%0Ahelp>',
          'List-Owner: <mailto:distributors-owner@orbit.example>',
          'Precedence: list',
          'MIME-Version: 1.0',
        ]),
      );
      for (const secret of [CANARY, 'alpha', 'Auto-Submitted', 'Reply-To', 'In-Reply-To', 'Received'])
        expect(header).not.toContain(secret);
    });

    test('protects its header: the subject inside, and in HP-Outer exactly what stands outside (RFC 9788)', async () => {
      await post();
      const raw = to(await outbox(house).drain(), house.members[0]);
      const inside = await opened(raw, house.members[0]);
      const outside = parseEntity(raw);
      expect(inside.parameters).toMatchObject({ hp: 'cipher' });
      expect(fieldText(inside, 'subject')).toBe(`About the ${CANARY}`);
      const shown = ['From', 'To', 'Date', 'Subject'].map((name) => `${name}: ${fieldsNamed(outside, name)[0]?.value}`);
      expect(fieldsNamed(inside, 'hp-outer').map(({ value }) => value)).toEqual(shown);
      for (const name of ['From', 'To', 'Date']) expect(fieldText(inside, name)).toBe(fieldText(outside, name));
    });

    test('says who signed, and tells apart who merely says so', async () => {
      await post();
      const inside = await opened(to(await outbox(house).drain(), house.members[1]), house.members[1]);
      const [about, text] = leaves(inside).map(entityText);
      expect(about).toMatch(
        new RegExp(
          `\\| Signature: good, by alpha@alpha.example of Alpha\\r\\n\\w{5}\\| Key:       ${house.members[0].fingerprint}`,
        ),
      );
      expect(about).toContain('Encrypted: yes');
      expect(text).toContain(CANARY);
      await arrive(house, clearMail(letterOf(house, house.members[0])), { sender: house.members[0].address });
      const sent = await outbox(house).drain();
      const report = leaves(await opened(to(sent, house.team[0]), house.team[0], LISTS.security)).map(entityText)[0];
      expect(report).toContain('| From:      alpha@alpha.example ("alpha") (as the mail says)');
      expect(report).toContain('Signature: none');
      expect(report).toContain('Encrypted: no: it came in clear');
    });
  });

  test('a copy of a case says where to answer, inside alone', async () => {
    const { id, thread_token } = await armed(house);
    await outbox(house).drain();
    await dispatch(house, id, LISTS.distributors);
    const raw = to(await outbox(house).drain(), house.members[0]);
    const inside = await opened(raw, house.members[0]);
    expect(fieldText(inside, 'reply-to')).toBe(`distributors+${id}.${thread_token}@orbit.example`);
    expect(raw.toString()).not.toContain(thread_token);
    expect(raw.toString()).not.toContain(id);
  });

  test('what the team cannot open is attached as it came, under fixed words', async () => {
    const [alpha] = house.members;
    const raw = await encryptedMail(letterOf(house, alpha), { recipients: [alpha.public] });
    await arrive(house, raw, { to: 'security-owner@orbit.example', sender: null });
    const mail = (await outbox(house).drain()).find(({ to: address }) => address === house.team[0].address);
    expect(mail?.from).toBeNull();
    const inside = await opened(mail?.raw ?? Buffer.alloc(0), house.team[0], LISTS.security);
    const [words, original] = leaves(inside);
    if (!words || !original) throw new Error('words and the original');
    expect(entityText(words)).toContain('the key of this list does not open it');
    expect([fileName(original), Buffer.from(decodedBody(original))]).toEqual(['original.eml.txt', raw]);
  });

  test('what stands around an encrypted block goes along as a file of its own', async () => {
    const [alpha] = house.members;
    const inline = await openpgp.encrypt({
      message: await openpgp.createMessage({ text: 'the inside' }),
      encryptionKeys: await openpgp.readKey({ armoredKey: listCertificate(house, LISTS.security) }),
      date: new Date(house.clock.now()),
    });
    const raw = clearMail(letterOf(house, alpha, { text: `the outside\n${inline}` }));
    await arrive(house, raw);
    const inside = await opened(to(await outbox(house).drain(), house.team[0]), house.team[0], LISTS.security);
    const parts = leaves(inside);
    expect(entityText(parts[0] as Entity)).toContain('Warning:');
    expect(entityText(parts[1] as Entity).trim()).toBe('the inside');
    expect(fileName(parts[2] as Entity)).toBe('unprotected-1.eml.txt');
    expect(entityText(parseEntity(decodedBody(parts[2] as Entity))).trim()).toBe('the outside');
  });

  describe('a copy is held where the certificate of the moment', () => {
    const party = (change: { subkeys?: openpgp.SubkeyOptions[] } = {}) =>
      openpgp.generateKey({
        type: 'ecc',
        curve: 'ed25519Legacy',
        userIDs: [{ name: 'Alpha', email: 'alpha@alpha.example' }],
        date: new Date(house.clock.now() - DAY),
        format: 'object',
        ...change,
      });

    test.each<[string, () => Promise<Uint8Array>, string]>([
      [
        'has expired',
        async () => {
          const short = await generate('alpha@alpha.example', 'Alpha', { born: house.clock.now() - DAY, lifetime: 3600 });
          return (await openpgp.readKey({ armoredKey: short.public })).write();
        },
        'expired',
      ],
      [
        'is revoked',
        async () => {
          const { privateKey } = await party();
          const date = new Date(house.clock.now() - SECOND);
          return (await openpgp.revokeKey({ key: privateKey, date, format: 'object' })).publicKey.write();
        },
        'revoked',
      ],
      ['has no key to encrypt to', async () => (await party({ subkeys: [] })).publicKey.write(), 'no-encryption-subkey'],
    ])('%s', async (_, certificate, reason) => {
      const set = { data: Buffer.from(await certificate()) };
      await house.db.updateTable('certificates').set(set).where('contact_id', '=', house.members[1].contactId).execute();
      const id = await post();
      expect((await outbox(house).drain()).map((mail) => mail.to)).toEqual([house.members[0].address]);
      const held = (await deliveries.page(house.db, { limit: 9, postId: id })).find(({ state }) => state === 'held');
      expect(held).toMatchObject({ address: house.members[1].address, reason });
    });
  });

  describe('whatever people write', () => {
    const evil = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            '\r\n',
            '\n',
            '\r',
            '\0',
            '\u2028',
            '\u0085',
            'Bcc: x@y.example',
            ': ',
            ' ',
            'ä',
            '=?utf-8?q?=0D=0ABcc=3A?=',
            '"',
            ';',
            '<',
            '>',
            '--',
          ),
          { maxLength: 20 },
        )
        .map((parts) => parts.join('')),
    );
    const wellFormed = (text: string) => Buffer.from(text).toString();
    /** The subject and the name as a field can carry them. */
    const oneLine = (text: string) =>
      wellFormed(text)
        .replace(/\p{Cc}+/gu, ' ')
        .replace(/\s+/g, ' ')
        .trim();
    const OUTER = [
      'From',
      'To',
      'Date',
      'Subject',
      'Message-ID',
      'List-Id',
      'List-Post',
      'List-Help',
      'List-Owner',
      'Precedence',
      'Autocrypt',
      'MIME-Version',
      'Content-Type',
    ];

    test('a dispatch shows none of it outside, adds no field, and opens to the same content', async () => {
      const [alpha] = house.members;
      const [lena, dirk] = house.team;
      const actors = [await actor(house, lena), await actor(house, dirk)];
      const caseId = await house.report();
      await describeCase(house, caseId, KNOWN);
      await outbox(house).drain();
      const visible = evil.filter((text) => text.trim() !== '');
      await fc.assert(
        fc.asyncProperty(
          visible,
          visible,
          evil,
          fc.uint8Array({ minLength: 1, maxLength: 300 }),
          async (subject, text, name, bytes) => {
            for (const { id } of await house.db.selectFrom('patches').select('id').where('withdrawn_at', 'is', null).execute())
              await house.db.updateTable('patches').set({ withdrawn_at: 1 }).where('id', '=', id).execute();
            // As if nothing had been dispatched before: other patches would have to be.
            await house.db.updateTable('cases').set({ distributed_set: null, told_release_at: null }).execute();
            await addPatch(house, caseId, { name, bytes });
            const about = await schedule(house, caseId, { releaseAt: house.clock.now() + DAY, subject, text });
            await arm(house, about, actors);
            await dispatch(house, caseId, LISTS.distributors);
            const raw = to(await outbox(house).drain(), alpha);

            const outside = parseEntity(raw);
            expect(outside.fields.map((field) => field.name)).toEqual(OUTER);
            expect(fieldText(outside, 'subject')).toBe('[...]');
            const inside = await opened(raw, alpha);
            const names = inside.fields.map((field) => field.name);
            expect(names).toEqual([
              'From',
              'To',
              'Date',
              'Subject',
              'Reply-To',
              'HP-Outer',
              'HP-Outer',
              'HP-Outer',
              'HP-Outer',
              'Content-Type',
            ]);
            // From the second one on it is a revision.
            const said = oneLine(fieldText(inside, 'subject') ?? '').replace(/^(\S+ \S+ )Revision \d+: /, '$1');
            expect(said).toBe(`[EMBARGOED] [${caseId}] ${KNOWN.cve}: ${KNOWN.title}`);
            const [words, file, link, ...more] = leaves(inside);
            expect([more, file && Buffer.from(decodedBody(file))]).toEqual([[], Buffer.from(bytes)]);
            expect(link && entityText(link)).toMatch(/^https:.*\/acknowledge\/\w+\s*$/m);
            expect(words && entityText(words)).toContain('What will be published at that instant:');
            for (const line of wellFormed(text)
              .split(/\r\n|\r|\n/)
              .filter((one) => one.trim() !== ''))
              expect(words && entityText(words)).toContain(line.trimEnd());
          },
        ),
        { numRuns: engine.name === 'sqlite' ? 25 : 5 },
      );
    });
  });
});
