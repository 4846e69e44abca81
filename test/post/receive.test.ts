import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/embargo/bundle.ts';
import * as cases from '../../src/store/cases.ts';
import { clearMail, cleartextSignedMail, encryptedMail, inlineMail, pgpMimeMail, signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';
import { arrive, CANARY, everything, letterOf, listCertificate, postOf } from './arrive.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let rita: Party;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rita = await makeParty('rita@example.org');
  });

  const sealed = (signer?: Party, change = {}) =>
    encryptedMail(letterOf(house, signer ?? rita, change), {
      recipients: [listCertificate(house, LISTS.security)],
      ...(signer ? { signer } : {}),
    });

  const signedInside = async () => {
    const inner = (await signedMail(letterOf(house, house.members[0]), house.members[0])).toString();
    const armored = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: Buffer.from(inner.slice(inner.indexOf('Content-Type:'))) }),
      encryptionKeys: await openpgp.readKey({ armoredKey: listCertificate(house, LISTS.security) }),
      date: new Date(house.clock.now()),
    });
    return pgpMimeMail(letterOf(house, rita), armored);
  };

  describe('a report is kept as the very octets that came, sealed to the list, with what is known of its signature', () => {
    const [alpha, nobody] = ['the contact', 'nobody'] as const;
    test.each<[string, () => Promise<Buffer> | Buffer, { encrypted: number; by: typeof alpha | typeof nobody }]>([
      ['PGP/MIME, signed inside', () => sealed(house.members[0]), { encrypted: 1, by: alpha }],
      ['PGP/MIME, not signed', () => sealed(), { encrypted: 1, by: nobody }],
      ['multipart/signed', () => signedMail(letterOf(house, rita), house.members[0]), { encrypted: 0, by: alpha }],
      ['multipart/signed inside of an encryption', signedInside, { encrypted: 1, by: alpha }],
      [
        'inline',
        () =>
          inlineMail(letterOf(house, rita), {
            recipients: [listCertificate(house, LISTS.security)],
            signer: house.members[0],
          }),
        { encrypted: 1, by: alpha },
      ],
      ['cleartext-signed', () => cleartextSignedMail(letterOf(house, rita), house.members[0]), { encrypted: 0, by: alpha }],
      ['in clear', () => clearMail(letterOf(house, rita)), { encrypted: 0, by: nobody }],
    ])('%s', async (_, compose, { encrypted, by }) => {
      const raw = await compose();
      const post = await postOf(house, await arrive(house, raw));

      expect(Buffer.from(post.content).includes(CANARY)).toBe(false);
      const kept = await openpgp.readMessage({ binaryMessage: new Uint8Array(post.content) });
      const key = house.keyring.all().find(({ address }) => address === LISTS.security);
      const certificate = await openpgp.readKey({ binaryKey: key?.certificate ?? new Uint8Array() });
      const subkeys = certificate.getSubkeys().map((subkey) => subkey.getKeyID().toHex());
      expect(kept.getEncryptionKeyIDs().map((id) => id.toHex())).toEqual(subkeys);
      expect(Buffer.from(await house.pgp.reopen(post.content, [key?.secret ?? new Uint8Array()]))).toEqual(raw);

      const [member] = house.members;
      expect(post).toMatchObject({
        kind: 'report',
        encrypted,
        digest: sha256(raw),
        size: raw.length,
        received_at: house.clock.now(),
      });
      expect([post.signer_contact_id, post.signer_fingerprint]).toEqual(
        by === nobody ? [null, null] : [member.contactId, member.fingerprint],
      );
      expect(post.signature_digest === null).toBe(by === nobody);
    });
  });

  test('a report opens a case, numbered within its year, and goes to every contact of the team alone', async () => {
    const { caseId } = await arrive(house, await sealed(rita));
    expect(caseId).toBe('ORBIT-2026-0001');
    expect(await cases.byId(house.db, caseId ?? '')).toMatchObject({
      state: 'received',
      revision: 1,
      reporter_address: rita.address,
    });
    const { copies } = await everything(house);
    expect(copies.filter(({ audience }) => audience === 'contact').map(({ address }) => address)).toEqual(
      house.team.map(({ address }) => address).sort(),
    );
    expect((await arrive(house, await sealed())).caseId).toBe('ORBIT-2026-0002');
  });

  test("a signature that covers not the whole mail, or two people's, is credited to nobody", async () => {
    const to = { to: LISTS.distributors, sender: house.members[0].address };
    const part = (await cleartextSignedMail(letterOf(house, rita), house.members[0])).toString();
    const around = Buffer.from(part.replace('-----BEGIN PGP SIGNED', 'Send it to me instead.\r\n\r\n-----BEGIN PGP SIGNED'));
    expect(await arrive(house, around, to)).toMatchObject({ held: 'mixed' });
    const [alpha, beta] = house.members;
    const message = await openpgp.createCleartextMessage({ text: 'ours' });
    const signingKeys = await Promise.all([alpha, beta].map(({ secret }) => openpgp.readPrivateKey({ armoredKey: secret })));
    const both = await openpgp.sign({ message, signingKeys, date: new Date(house.clock.now()) });
    const twofold = clearMail(letterOf(house, alpha, { text: both }));
    expect(await arrive(house, twofold, to)).toMatchObject({ held: 'mixed' });
    expect((await postOf(house, await arrive(house, around))).signer_contact_id).toBeNull();
    const { posts, copies } = await everything(house);
    const held = posts.filter(({ list_id }) => list_id === 'distributors');
    expect(held.map(({ state, signer_contact_id }) => [state, signer_contact_id])).toEqual(Array(2).fill(['held', null]));
    for (const { id } of held)
      expect(copies.filter(({ post_id }) => post_id === id).map(({ address }) => address)).toEqual(
        house.team.map(({ address }) => address).sort(),
      );
  });

  describe('a private list', () => {
    const post = async (by: Party, change = {}) => {
      const letter = letterOf(house, by, { to: LISTS.distributors, ...change });
      return encryptedMail(letter, { recipients: [listCertificate(house, LISTS.distributors)], signer: by });
    };
    const to = { to: LISTS.distributors };

    test('takes what a member has signed, whatever its From says, for its members', async () => {
      const raw = await post({ ...house.members[0], address: 'lena@orbit.example' });
      const { id, caseId } = await arrive(house, raw, to);
      expect([caseId, (await everything(house)).copies.map(({ address, post_id }) => [address, post_id])]).toEqual([
        null,
        [
          ['alpha@alpha.example', id],
          ['beta@beta.example', id],
        ],
      ]);
    });

    test('takes what the team has signed', async () => {
      const { id } = await arrive(house, await post(house.team[1]), to);
      expect((await postOf(house, { id })).signer_contact_id).toBe(house.team[1].contactId);
    });

    test('refuses a stranger who writes under the address of a member, and keeps nothing', async () => {
      const mallory = await makeParty('mallory@example.org');
      const forged = { sender: house.members[0].address, ...to };
      const raw = await post({ ...mallory, address: house.members[0].address });
      await expect(arrive(house, raw, forged)).rejects.toMatchObject({ reason: 'members-only' });
      expect(await everything(house)).toEqual({ posts: [], copies: [] });
    });

    test('refuses a suspended member and an inactive contact from the next mail on', async () => {
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
      await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', house.members[1].contactId).execute();
      for (const member of house.members)
        await expect(arrive(house, await post(member), to)).rejects.toMatchObject({ reason: 'members-only' });
    });
  });

  describe('the same mail again is accepted, and distributed once', () => {
    const again = async (first: Buffer, second: Buffer) => {
      const before = await arrive(house, first);
      const after = await arrive(house, second);
      expect(after.id).toBe(before.id);
      const { posts, copies } = await everything(house);
      expect(posts.filter(({ kind }) => kind === 'report')).toHaveLength(1);
      expect(copies.filter(({ audience }) => audience === 'contact')).toHaveLength(house.team.length);
    };
    const renamed = (raw: Buffer) =>
      Buffer.from(raw.toString('latin1').replace(/Message-ID: <[^>]*>/, 'Message-ID: <other@x>'), 'latin1');

    test('octet for octet, signed or not', async () => {
      const clear = clearMail(letterOf(house, rita));
      await again(clear, clear);
    });

    test('the same signature under another Message-ID', async () => {
      const raw = await sealed(rita, {
        attachments: [{ name: 'k.asc', type: 'application/pgp-keys', data: Buffer.from(rita.public) }],
      });
      await again(raw, renamed(raw));
    });

    test('the same signature with octets in it that no signature covers', async () => {
      const raw = await signedMail(letterOf(house, rita), house.members[0]);
      const [armored = ''] = /-----BEGIN PGP SIGNATURE-----[\s\S]*-----END PGP SIGNATURE-----/.exec(raw.toString()) ?? [];
      const signature = await openpgp.readSignature({ armoredSignature: armored });
      for (const packet of signature.packets)
        packet.unhashedSubpackets.push({ type: 100, critical: false, body: Buffer.from('x') });
      await again(
        raw,
        renamed(Buffer.from(raw.toString().replace(armored, signature.armor().trimEnd().replaceAll(/\r?\n/g, '\r\n')))),
      );
    });

    test('a new mail of the same person, and an unsigned one with a new Message-ID, are no repetition', async () => {
      const first = await arrive(house, await sealed(house.members[0]));
      house.clock.moveTo(house.clock.now() + 1_000);
      const second = await arrive(house, await sealed(house.members[0]));
      const clear = clearMail(letterOf(house, rita));
      const third = await arrive(house, clear);
      const fourth = await arrive(house, renamed(clear));
      expect(new Set([first.id, second.id, third.id, fourth.id]).size).toBe(4);
    });

    test.each<[string, () => Promise<Buffer> | Buffer]>([
      ['signed', () => sealed(house.members[0])],
      ['not signed', () => clearMail(letterOf(house, rita))],
    ])('%s, and brought by several connections at once: one post, one case, one receipt', async (_, compose) => {
      const raw = await compose();
      const accepted = await Promise.all([1, 2, 3, 4].map(() => arrive(house, raw)));
      expect(new Set(accepted.map(({ id }) => id)).size).toBe(1);
      expect(accepted.filter(({ caseId }) => caseId !== null)).toHaveLength(1);
      const { posts, copies } = await everything(house);
      expect(posts.map(({ kind }) => kind).sort()).toEqual(['receipt', 'report'].map((kind) => expect.stringContaining(kind)));
      expect(copies).toHaveLength(house.team.length + 1);
    });
  });

  test('a mail for a list whose key is not here is to come again, and the log is told which', async () => {
    const keyring = { ...house.keyring, find: () => undefined };
    await expect(arrive({ ...house, keyring }, clearMail(letterOf(house, rita)))).rejects.toMatchObject({
      reason: 'not-ready',
      detail: `the key of ${LISTS.security} is not loaded`,
    });
  });

  describe('a mail that is refused leaves nothing behind', () => {
    const without = (raw: Buffer, field: RegExp, replacement = '') => Buffer.from(raw.toString().replace(field, replacement));
    test.each<[string, () => Promise<Buffer> | Buffer, string]>([
      ['encrypted to somebody else', () => encryptedMail(letterOf(house, rita), { recipients: [rita.public] }), 'cannot-open'],
      ['without a From', () => without(clearMail(letterOf(house, rita)), /^From: .*\r\n/m), 'malformed-mail'],
      [
        'with two From',
        () => without(clearMail(letterOf(house, rita)), /^From: /m, 'From: x@y.example\r\nFrom: '),
        'malformed-mail',
      ],
      [
        'with two Subjects',
        () => without(clearMail(letterOf(house, rita)), /^Subject: /m, 'Subject: a\r\nSubject: '),
        'malformed-mail',
      ],
      [
        'that was here before',
        () => clearMail(letterOf(house, rita, { headers: ['List-Id: Orbit <Distributors.orbit.example>'] })),
        'mail-loop',
      ],
    ])('%s', async (_, compose, reason) => {
      await expect(arrive(house, await compose())).rejects.toMatchObject({ reason });
      expect(await everything(house)).toEqual({ posts: [], copies: [] });
      expect(await house.db.selectFrom('cases').select('id').execute()).toEqual([]);
    });

    test('and says nothing of what was found in it', async () => {
      const raw = (await sealed(rita)).toString();
      const torn = Buffer.from(raw.replace(/(\r\n\r\n[A-Za-z0-9+/]{20})[A-Za-z0-9+/]{8}/, '$1AAAAAAAA'));
      const refusal = await arrive(house, torn).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ reason: 'cannot-open', hint: undefined });
    });
  });

  describe('mail for people', () => {
    const kinds = async () => (await everything(house)).posts.map(({ kind, case_id }) => [kind, case_id]);
    const readers = async () => (await everything(house)).copies.map(({ address }) => address);

    test.each(['security-owner', 'distributors-owner', 'announce-owner', 'postmaster'])(
      'to %s goes to the team and opens no case',
      async (local) => {
        const raw = clearMail(letterOf(house, rita));
        await arrive(house, raw, { to: `${local}@orbit.example` });
        expect(await kinds()).toEqual([['owner', null]]);
        expect(await readers()).toEqual(house.team.map(({ address }) => address).sort());
      },
    );

    test.each<[string, string | null, string[]]>([
      ['a bounce', null, []],
      ['a vacation note', 'rita@example.org', ['Auto-Submitted: auto-replied']],
    ])('%s at the intake address goes to the team, opens no case and is not answered', async (_, sender, headers) => {
      await arrive(house, clearMail(letterOf(house, rita, { headers })), { sender });
      expect(await kinds()).toEqual([['owner', null]]);
      expect(await readers()).toEqual(house.team.map(({ address }) => address).sort());
    });

    test('is a bounce, whoever can open what it returns', async () => {
      const sealed = await encryptedMail(letterOf(house, rita), { recipients: [rita.public] });
      const words =
        'Hi. This is the qmail-send program at b.example.\r\n\r\n<rita@b.example>:\r\nGone.\r\n\r\n--- Below this line is a copy.\r\n\r\n';
      const raw = Buffer.concat([Buffer.from(`Subject: failure notice\r\n\r\n${words}`), sealed]);
      expect(await postOf(house, await arrive(house, raw, { sender: null }))).toMatchObject({ kind: 'owner', encrypted: 0 });
      const there = await postOf(house, await arrive(house, raw, { sender: null, to: LISTS.distributors }));
      expect(there).toMatchObject({ kind: 'owner', list_id: 'distributors' });
      expect(new Set(await readers())).toEqual(new Set(house.team.map(({ address }) => address)));
    });

    test('is taken though it cannot be opened, and without a From', async () => {
      const raw = await encryptedMail(letterOf(house, rita), { recipients: [rita.public] });
      const post = await postOf(house, await arrive(house, raw, { to: 'security-owner@orbit.example' }));
      expect(post).toMatchObject({ kind: 'owner', encrypted: 0, signer_fingerprint: null });
      const bare = Buffer.from(
        clearMail(letterOf(house, rita))
          .toString()
          .replace(/^From: .*\r\n/m, ''),
      );
      await arrive(house, bare, { to: 'postmaster@orbit.example', sender: null });
      expect(await kinds()).toEqual([
        ['owner', null],
        ['owner', null],
      ]);
    });
  });

  describe('the thread of a case', () => {
    test('takes an answer of anybody who knows its address, for the team, and without another receipt', async () => {
      const caseId = await house.report();
      const before = (await everything(house)).copies.length;
      const token = (await cases.byId(house.db, caseId))?.thread_token;
      const { id } = await arrive(house, clearMail(letterOf(house, rita)), { to: `security+${caseId}.${token}@orbit.example` });
      expect(await postOf(house, { id })).toMatchObject({ kind: 'post', case_id: caseId });
      expect((await everything(house)).copies.length - before).toBe(house.team.length);
    });

    test('on a private list reaches its members and the team, and takes what is signed alone', async () => {
      const caseId = await house.report();
      const token = (await cases.byId(house.db, caseId))?.thread_token;
      const to = `distributors+${caseId}.${token}@orbit.example`;
      await expect(arrive(house, clearMail(letterOf(house, rita)), { to })).rejects.toMatchObject({ reason: 'members-only' });
      const { id } = await arrive(house, await signedMail(letterOf(house, house.members[0], { to }), house.members[0]), { to });
      const readers = (await everything(house)).copies.filter(({ post_id }) => post_id === id).map(({ address }) => address);
      expect(readers).toEqual([...house.members, ...house.team].map(({ address }) => address).sort());
    });
  });
});
