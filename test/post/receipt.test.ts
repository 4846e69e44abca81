import { beforeEach, describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { DAY, HOUR, SECOND } from '../../src/clock.ts';
import { withdraw } from '../../src/embargo/aside.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { parseEntity } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import { openpgp } from '../../src/pgp/settings.ts';
import { acceptPost, refusePost, stopPost } from '../../src/post/moderate.ts';
import { addCertificate } from '../../src/roster/contacts.ts';
import { importRoster } from '../../src/roster/import.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import * as cases from '../../src/store/cases.ts';
import * as certificates from '../../src/store/certificates.ts';
import { headerOf, outbox, type Sent } from '../delivery/outbox.ts';
import { clearMail, encryptedMail, type Letter, signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { changed, forged, generate, makeParty, openCopy, type Party } from '../support/party.ts';
import { arrive, CANARY, everything, letterOf, listCertificate, postOf } from './arrive.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let rita: Party;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rita = await makeParty('rita@example.org');
  });

  const attached = ({ public: armored }: Party) => ({
    name: 'key.asc',
    type: 'application/pgp-keys',
    data: Buffer.from(armored),
  });
  const autocrypt = ({ address, public: armored }: Party) => {
    const [, data = ''] = /\r?\n\r?\n([\s\S]*?)\r?\n=/.exec(armored) ?? [];
    return `Autocrypt: addr=${address}; prefer-encrypt=mutual; keydata=\r\n ${data.replaceAll(/\s+/g, '\r\n ')}`;
  };
  const sealed = (change: Partial<Letter>, signer?: Party) =>
    encryptedMail(letterOf(house, rita, change), {
      recipients: [listCertificate(house, LISTS.security)],
      ...(signer ? { signer } : {}),
    });
  const receipts = async () =>
    (await everything(house)).copies.filter(({ audience }) => audience === 'stranger' || audience === 'reporter');
  const delivered = async (): Promise<Sent> => {
    const toTeam = house.team.map(({ address }) => address);
    const [mail, ...more] = (await outbox(house).drain()).filter(({ to }) => !toTeam.includes(to));
    if (!mail || more.length > 0) throw new Error(`${more.length + (mail ? 1 : 0)} receipts`);
    return mail;
  };
  const reporter = async (caseId: string | null) => (await cases.byId(house.db, caseId ?? ''))?.reporter_address;

  test('a receipt promises an answer when the policy of the project wants one', async () => {
    const [k8s] = house.project.policies;
    if (!k8s) throw new Error('there is no policy');
    const strict = { name: 'strict', policy: { ...k8s.policy, acknowledge: { hours: 4 } } };
    const promised = async () => {
      await arrive(house, await sealed({ attachments: [attached(rita)] }, rita));
      const { entity } = await openCopy((await delivered()).raw, rita, listCertificate(house, LISTS.security), house.clock.now());
      return /A person answers by: (.*?)\r?\n/.exec(entity.toString())?.[1];
    };
    const at = (hours: number) => new Date(house.clock.now() + hours * HOUR).toISOString().slice(11, 16);
    expect(await promised()).toContain(at(24));
    house.clock.moveTo(house.clock.now() + 2 * DAY);
    house.project = { ...house.project, policies: [...house.project.policies, strict], usual: ['strict'] };
    expect(await promised()).toContain(at(4));
  });

  test('whoever sends copies of a member’s certificate, with revocations that its owner never made, keeps him from nothing', async () => {
    const [alpha] = house.members;
    const revoked = await openpgp.readKey({ armoredKey: await changed(alpha, house.clock.now(), { revoked: true }) });
    for (const copy of [1, 2]) {
      const bare = await openpgp.readKey({ armoredKey: alpha.public });
      bare.revocationSignatures = forged(revoked, 240, copy);
      const flooded = attached({ ...alpha, public: bare.armor() });
      const letter = letterOf(house, alpha, { attachments: [flooded] });
      await arrive(house, await encryptedMail(letter, { recipients: [listCertificate(house, LISTS.security)] }));
    }
    const kept = house.db.selectFrom('certificates').select('data').where('fingerprint', '=', alpha.fingerprint);
    const copies = (await kept.execute()).map(({ data }) => data);
    // That of the contact, and the one that the receipts were sealed to.
    expect(copies.map((data) => data.length)).toEqual([0, 0].map(() => copies[0]?.length));
    expect(await certificates.revocationsOf(house.db, alpha.fingerprint)).toEqual([]);
    await addCertificate(house, alpha.contactId, revoked.armor());
    const current = await certificates.current(house.db, alpha.contactId);
    expect(await house.pgp.usable(current?.data ?? Buffer.alloc(0), house.clock.now())).toEqual({
      usable: false,
      reason: 'revoked',
    });
  });

  describe('whoever answers the receipt in clear, signed and with a certificate,', () => {
    const answerTo = async (first: Sent, signer: Party, sender = rita.address) => {
      const headers = [`In-Reply-To: ${/^Message-ID: (.*)$/im.exec(headerOf(first.raw))?.[1]}`];
      house.clock.moveTo(house.clock.now() + SECOND);
      const raw = await sealed({ headers, attachments: [attached(signer)] }, signer);
      return arrive(house, raw, { sender });
    };

    test('gets the sealed one, once, and is written to with it from then on', async () => {
      const { caseId } = await arrive(house, clearMail(letterOf(house, rita)));
      const first = await delivered();
      const before = await house.db.selectFrom('certificates').select('id').where('contact_id', 'is not', null).execute();
      expect((await answerTo(first, rita)).caseId).toBe(caseId);
      const { entity } = await openCopy((await delivered()).raw, rita, listCertificate(house, LISTS.security), house.clock.now());
      expect(entity.toString()).toContain(caseId ?? '-');
      expect((await cases.byId(house.db, caseId ?? ''))?.reporter_certificate_id).not.toBeNull();
      await answerTo(first, rita);
      expect((await receipts()).length).toBe(2);
      const after = await house.db.selectFrom('certificates').select('id').where('contact_id', 'is not', null).execute();
      expect(after).toEqual(before);
    });

    test('gets what was written to him meanwhile, and no promise of an answer in a case that is over', async () => {
      const lena = as(house, house.team[0]);
      const { caseId } = await arrive(house, clearMail(letterOf(house, rita)));
      const first = await delivered();
      const id = caseId ?? '';
      const saying = (text: string) => ({ text, list: null });
      await sendNotice(lena, id, 'needs-info', saying('Which version?'));
      await sendNotice(lena, id, 'not-a-vulnerability', saying('It is meant to.'));
      await delivered();
      await answerTo(first, rita);
      const team = house.team.map(({ address }) => address);
      const sent = (await outbox(house).drain()).filter(({ to }) => !team.includes(to));
      const texts = await Promise.all(
        sent.map(async ({ raw }) => {
          const { entity } = await openCopy(raw, rita, listCertificate(house, LISTS.security), house.clock.now());
          return entity.toString();
        }),
      );
      expect(texts).toEqual([expect.stringContaining('It is meant to.')]);
      // Nobody waits for an answer to the question any more, and the team is told that it did not go.
      const failed = house.db.selectFrom('deliveries').select('reason').where('state', '=', 'failed');
      expect(await failed.execute()).toEqual([{ reason: 'overtaken' }]);
    });

    test('is told that his case was withdrawn meanwhile', async () => {
      const { caseId } = await arrive(house, clearMail(letterOf(house, rita)));
      const first = await delivered();
      await withdraw(as(house, house.team[0]), caseId ?? '', 'It cannot be reached.');
      await delivered();
      await answerTo(first, rita);
      const kinds = (
        await house.db
          .selectFrom('deliveries')
          .innerJoin('posts', 'posts.id', 'post_id')
          .select('kind')
          .where('audience', '=', 'reporter')
          .execute()
      ).map(({ kind }) => kind);
      expect(kinds).toContain('withdrawn');
    });

    test('gets nothing where he is not the one who reported', async () => {
      await arrive(house, clearMail(letterOf(house, rita)));
      const first = await delivered();
      const mallory = await makeParty('mallory@evil.example');
      await answerTo(first, mallory, mallory.address);
      expect((await receipts()).length).toBe(1);
    });
  });

  describe('a report by somebody of the roster whose signature does not say for whom it is', () => {
    const held = async ({ sender, to = LISTS.security }: { sender?: string; to?: string } = {}) => {
      const [alpha] = house.members;
      house.clock.moveTo(house.clock.now() + SECOND);
      const raw = await sealed({ to: 'x@y.example', text: `Words ${house.clock.now()}.\n` }, alpha);
      const accepted = await arrive(house, raw, { to, sender: sender ?? alpha.address });
      expect(accepted.held).toBe('unaddressed');
      return accepted;
    };
    const accept = ({ id }: { id: string }) => acceptPost(as(house, house.team[0]), id, house.team[0].contactId);
    const known = async (caseId: string | null) => {
      const { reporter_address, reporter_certificate_id } = (await cases.byId(house.db, caseId ?? '')) ?? {};
      return { reporter_address, reporter_certificate_id };
    };
    const sentTo = async ({ address }: Party) => (await outbox(house).drain()).filter(({ to }) => to === address);
    const read = async ({ raw }: Sent, reader: Party) =>
      viewOf(parseEntity((await openCopy(raw, reader, listCertificate(house, LISTS.security), house.clock.now())).entity)).text;

    test('brings him, when the team has accepted it, what waited for that; he is known from then on, and so is his answer', async () => {
      const [alpha] = house.members;
      const [lena] = house.team;
      const about = await held();
      const id = about.caseId ?? '';
      expect((await known(id)).reporter_certificate_id).toBeNull();
      await sendNotice(as(house, lena), id, 'needs-info', { text: 'Which version?', list: null });
      const block = (await sentTo(lena)).map((mail) => read(mail, lena));
      expect((await Promise.all(block)).join('')).toContain('who accepts this says that its signer is the reporter');
      await accept(about);
      const current = await certificates.current(house.db, alpha.contactId);
      expect(await known(id)).toEqual({ reporter_address: alpha.address, reporter_certificate_id: current?.id });
      const texts = await Promise.all((await sentTo(alpha)).map((mail) => read(mail, alpha)));
      const token = (await cases.byId(house.db, id))?.thread_token ?? '-';
      const thread = threadAddress(LISTS.security, id, token);
      // A person has answered: no receipt promises that any more.
      expect(texts).toEqual([expect.stringContaining('Which version?')]);

      // What he writes to his thread with the same client waits as well; accepted, it is his answer.
      expect((await cases.byId(house.db, id))?.aside).toBe('needs_info');
      const answer = await held({ to: thread });
      expect(answer.caseId).toBe(id);
      expect((await cases.byId(house.db, id))?.aside).toBe('needs_info');
      await accept(answer);
      expect((await cases.byId(house.db, id))?.aside).toBeNull();
    });

    test('makes him its reporter, who gets the receipt at his own address, whoever brought it; that one gets nothing', async () => {
      const [alpha] = house.members;
      const mallory = await makeParty('mallory@evil.example');
      const about = await held({ sender: mallory.address });
      await outbox(house).drain();
      await accept(about);
      const sent = (await outbox(house).drain()).filter(({ to }) => !house.team.some(({ address }) => address === to));
      expect(sent.map(({ to }) => to)).toEqual([alpha.address]);
      const token = (await cases.byId(house.db, about.caseId ?? ''))?.thread_token ?? '-';
      expect(await read(sent[0] as Sent, alpha)).toContain(threadAddress(LISTS.security, about.caseId ?? '', token));
      expect((await known(about.caseId)).reporter_address).toBe(alpha.address);
    });

    test('is known by his address alone where his certificate cannot be encrypted to any more, and then by that which he brings', async () => {
      const [alpha] = house.members;
      const about = await held({ sender: 'alpha@private.example' });
      await house.db.updateTable('certificates').set({ state: 'retired' }).where('contact_id', '=', alpha.contactId).execute();
      await outbox(house).drain();
      await accept(about);
      expect(await known(about.caseId)).toEqual({ reporter_address: alpha.address, reporter_certificate_id: null });
      expect(await sentTo(alpha)).toEqual([]);
      await house.db.updateTable('certificates').set({ state: 'current' }).where('contact_id', '=', alpha.contactId).execute();
      const { thread_token: token } = (await cases.byId(house.db, about.caseId ?? '')) ?? {};
      const answer = await held({ to: threadAddress(LISTS.security, about.caseId ?? '', token ?? '') });
      await outbox(house).drain();
      await accept(answer);
      expect((await known(about.caseId)).reporter_certificate_id).not.toBeNull();
      expect(await sentTo(alpha)).toHaveLength(1);
    });

    test('as an answer from the address of a report in clear does, the team reads what accepting it says, and of no other answer', async () => {
      const [alpha, beta] = house.members;
      const [lena] = house.team;
      const { caseId } = await arrive(house, clearMail(letterOf(house, alpha)), { to: LISTS.security, sender: alpha.address });
      await outbox(house).drain();
      const { thread_token: token } = (await cases.byId(house.db, caseId ?? '')) ?? {};
      const to = threadAddress(LISTS.security, caseId ?? '', token ?? '');
      const answer = async (by: Party) => {
        house.clock.moveTo(house.clock.now() + SECOND);
        const accepted = await arrive(house, await sealed({ to: 'x@y.example', text: `Words of ${by.address}.\n` }, by), {
          to,
          sender: by.address,
        });
        expect([accepted.held, accepted.caseId]).toEqual(['unaddressed', caseId]);
        const words = (await sentTo(lena)).map((mail) => read(mail, lena));
        return { ...accepted, block: (await Promise.all(words)).join('') };
      };
      const others = await answer(beta);
      expect(others.block).toContain('nothing can be encrypted to the reporter');
      await accept(others);
      expect((await known(caseId)).reporter_certificate_id).toBeNull();
      const his = await answer(alpha);
      expect(his.block).toContain('who accepts this says that its signer is the reporter');
      await accept(his);
      expect((await known(caseId)).reporter_certificate_id).not.toBeNull();
    });

    test('makes nobody its reporter where it is refused, nor another one where that was stopped and goes on', async () => {
      const refused = await held();
      await outbox(house).drain();
      await refusePost(as(house, house.team[0]), refused.id, house.team[0].contactId, 'not yours');
      expect((await known(refused.caseId)).reporter_certificate_id).toBeNull();
      const about = await held();
      await accept(about);
      await outbox(house).drain();
      await stopPost(as(house, house.team[0]), about.id);
      await accept(about);
      expect(await sentTo(house.members[0])).toEqual([]);
    });
  });

  describe('a reporter who extended his certificate', () => {
    const LATER = 100 * DAY;
    /** His case, before his certificate expires. */
    const reported = async (lifetime: number) => {
      const born = house.clock.now() - DAY;
      rita = await generate('rita@example.org', 'rita', { born, lifetime: lifetime / SECOND });
      const { caseId } = await arrive(house, await sealed({ attachments: [attached(rita)] }, rita));
      house.clock.moveTo(house.clock.now() + SECOND);
      return caseId ?? '';
    };
    const certificateOf = async (caseId: string) => {
      const id = (await cases.byId(house.db, caseId))?.reporter_certificate_id ?? '';
      return certificates.byId(house.db, id);
    };
    const write = async (caseId: string, by: Party, certificate: string) => {
      const to = threadAddress(LISTS.security, caseId, (await cases.byId(house.db, caseId))?.thread_token ?? '');
      const data = Buffer.from(certificate);
      const raw = await sealed({ to, attachments: [{ name: 'key.asc', type: 'application/pgp-keys', data }] }, by);
      return arrive(house, raw, { to, sender: by.address });
    };
    const usableLater = async (caseId: string) => {
      const data = (await certificateOf(caseId))?.data ?? new Uint8Array();
      return (await house.pgp.usable(data, house.clock.now() + LATER)).usable;
    };

    test('and encloses it in his thread is written to with it, and gets what was held', async () => {
      const caseId = await reported(10 * DAY);
      const before = await certificateOf(caseId);
      await house.db
        .updateTable('deliveries')
        .set({ state: 'held', reason: 'expired' })
        .where('audience', '=', 'reporter')
        .execute();
      const extended = await changed(rita, house.clock.now(), { lifetime: (2 * LATER) / SECOND });
      expect(await usableLater(caseId)).toBe(false);
      expect((await write(caseId, rita, extended)).caseId).toBe(caseId);
      expect(await usableLater(caseId)).toBe(true);
      expect((await certificateOf(caseId))?.id).toBe(before?.id);
      expect((await receipts()).map(({ state }) => state)).toEqual(['queued']);
      house.clock.moveTo(house.clock.now() + SECOND);
      await write(caseId, rita, rita.public);
      expect(await usableLater(caseId)).toBe(true);
    });

    test('is the one who signed with it: nobody else brings another in its place', async () => {
      const caseId = await reported(10 * DAY);
      const before = await certificateOf(caseId);
      const extended = await changed(rita, house.clock.now(), { lifetime: (2 * LATER) / SECOND });
      const mallory = await makeParty('mallory@evil.example');
      await write(caseId, mallory, extended);
      await write(caseId, mallory, mallory.public);
      expect(await certificateOf(caseId)).toEqual(before);
    });
  });

  describe('a receipt is sealed', () => {
    test.each<[string, () => Promise<Buffer>]>([
      ['with the mail, encrypted', () => sealed({ attachments: [attached(rita)] }, rita)],
      ['in the Autocrypt field', () => sealed({ headers: [autocrypt(rita)] }, rita)],
      ['inside of an encrypted mail that nobody signed', () => sealed({ attachments: [attached(rita)] })],
      ['in the Autocrypt field of a mail in clear', async () => clearMail(letterOf(house, rita, { headers: [autocrypt(rita)] }))],
      ['with a mail that was merely signed', () => signedMail(letterOf(house, rita, { attachments: [attached(rita)] }), rita)],
    ])('to the certificate that came %s', async (_, compose) => {
      const { caseId } = await arrive(house, await compose());
      const mail = await delivered();
      expect(mail).toMatchObject({ from: null, to: rita.address });
      const list = house.keyring.all().find(({ address }) => address === LISTS.security);
      const copy = await openCopy(mail.raw, rita, listCertificate(house, LISTS.security), house.clock.now());
      expect(copy.signer).toBe(list?.fingerprint);
      expect(copy.encryptedTo).toHaveLength(1);
      const token = (await cases.byId(house.db, caseId ?? ''))?.thread_token;
      expect(copy.entity.toString()).toContain(`security+${caseId}.${token}@orbit.example`);
      expect(mail.raw.toString()).not.toContain(token);
      expect(mail.raw.toString()).not.toContain(caseId);
    });

    test('to the certificate that its signature verified with, whatever other one stands before it', async () => {
      const mallory = await makeParty('mallory@example.org');
      await arrive(house, await sealed({ attachments: [attached(mallory), attached(rita)] }, rita));
      const { raw } = await delivered();
      const at = house.clock.now();
      expect((await openCopy(raw, rita, undefined, at)).encryptedTo).toHaveLength(1);
      await expect(openCopy(raw, mallory, undefined, at)).rejects.toThrow(/decrypt/);
    });

    test('to a contact of the roster at his own address, however often he writes', async () => {
      const [alpha] = house.members;
      for (let count = 1; count <= 3; count++) {
        house.clock.moveTo(house.clock.now() + SECOND);
        await arrive(house, await sealed({}, alpha), { sender: 'somewhere@else.example' });
        expect(await receipts()).toHaveLength(count);
      }
      for (const receipt of await receipts()) expect(receipt).toMatchObject({ audience: 'reporter', address: alpha.address });
    });
  });

  describe('a receipt says nothing', () => {
    test.each<[string, () => Promise<Buffer> | Buffer]>([
      ['in clear', () => clearMail(letterOf(house, rita))],
      [
        'encrypted and unsigned, with the certificate of another address',
        async () => sealed({ attachments: [attached(await makeParty('mallory@example.org'))] }),
      ],
      [
        'encrypted and unsigned, with two certificates of that address',
        async () => sealed({ attachments: [attached(rita), attached(await generate(rita.address, 'rita', {}))] }),
      ],
      ['encrypted and unsigned, with a certificate outside alone', () => sealed({ headers: [autocrypt(rita)] })],
      ['signed by a certificate that did not come with it', () => sealed({}, rita)],
      [
        'signed by another certificate than the one that came with it',
        async () => sealed({ attachments: [attached(await makeParty('mallory@example.org'))] }, rita),
      ],
    ])('to who wrote %s', async (_, compose) => {
      const { caseId } = await arrive(house, await compose());
      const mail = await delivered();
      expect(mail).toMatchObject({ from: null, to: rita.address });
      const text = mail.raw.toString();
      for (const word of [CANARY, 'crashes', 'BEGIN PGP MESSAGE', caseId ?? '', 'security+']) expect(text).not.toContain(word);
      expect(text).toContain('BEGIN PGP SIGNATURE');
    });

    test('to who signed with a certificate that has expired since, or that cannot be encrypted to', async () => {
      const short = await generate('rita@example.org', 'rita', { born: house.clock.now() - DAY, lifetime: 3600 });
      const at = house.clock.now() - DAY + SECOND;
      await arrive(house, await signedMail({ ...letterOf(house, rita, { attachments: [attached(short)] }), at }, short));
      expect((await receipts()).map(({ audience }) => audience)).toEqual(['stranger']);
    });
  });

  test('a receipt says nothing to a contact whose certificate on the roster has expired since he signed', async () => {
    const at = house.clock.now();
    const short = await generate('gamma@gamma.example', 'gamma', { born: at - DAY, lifetime: (2 * DAY) / SECOND });
    const contacts = [{ address: short.address, certificate: short.public }];
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts };
    await importRoster(house, [entry], { activate: { reason: 'test' }, dryRun: false });
    const raw = await sealed({ at }, short);
    const about = { sender: short.address };
    await arrive(house, raw, about);
    expect(await receipts()).toMatchObject([{ audience: 'reporter', address: short.address }]);
    house.clock.moveTo(at + DAY);
    const again = await arrive(house, await sealed({ at: at + SECOND }, short), about);
    const { signer_fingerprint } = await postOf(house, again);
    expect(signer_fingerprint).toBe(short.fingerprint);
    expect((await receipts()).map(({ audience }) => audience).sort()).toEqual(['reporter', 'stranger']);
  });

  describe('RFC 3834', () => {
    test('a receipt says that it is automatic, what it answers to nobody, and that nobody is to answer it', async () => {
      await arrive(house, clearMail(letterOf(house, rita)));
      const mail = await delivered();
      expect(mail.from).toBeNull();
      const header = headerOf(mail.raw);
      expect(header).toMatch(/^Auto-Submitted: auto-replied\r$/m);
      expect(header).not.toMatch(/^(List-|Precedence)/im);
    });

    test.each([
      ['a program', 'Auto-Submitted: auto-generated'],
      ['another list', 'List-Id: <other.example>'],
      ['another list, of the old kind', 'Precedence: list'],
      ['a bulk mailer', 'Precedence: bulk'],
    ])('%s opens a case, and is answered neither now nor at the release', async (_, header) => {
      const { caseId } = await arrive(house, clearMail(letterOf(house, rita, { headers: [header] })));
      expect(await receipts()).toEqual([]);
      expect(await reporter(caseId)).toBeNull();
    });

    test('a mail that says it is no automatic one is answered', async () => {
      await arrive(house, clearMail(letterOf(house, rita, { headers: ['Auto-Submitted: no'] })));
      expect(await receipts()).toHaveLength(1);
    });

    test('one a day goes to an address that proved nothing, in whatever letters it is written', async () => {
      const again = (sender: string) => arrive(house, clearMail(letterOf(house, rita)), { sender });
      await again(rita.address);
      await again(rita.address);
      const { caseId } = await again(rita.address.toUpperCase());
      expect(await receipts()).toHaveLength(1);
      expect(await reporter(caseId)).toBe(rita.address.toUpperCase());
      await again('somebody@else.example');
      expect(await receipts()).toHaveLength(2);
      house.clock.moveTo(house.clock.now() + DAY - 1);
      await again(rita.address);
      expect(await receipts()).toHaveLength(2);
      house.clock.moveTo(house.clock.now() + 1);
      await again(rita.address);
      expect(await receipts()).toHaveLength(3);
    });

    test('one a day, also when different mails come at once', async () => {
      await Promise.all([1, 2, 3].map(() => arrive(house, clearMail(letterOf(house, rita)))));
      expect(await receipts()).toHaveLength(1);
      expect(await house.db.selectFrom('cases').select('id').execute()).toHaveLength(3);
    });
  });

  describe('a report is accepted and not answered, and its case knows no reporter, when it comes from', () => {
    test.each([
      LISTS.security,
      LISTS.announce,
      'Security@Orbit.example',
      'security-owner@orbit.example',
      'security+ORBIT-2026-0001.token@orbit.example',
      'distributors-request@orbit.example',
      'oss@public.example',
      'OSS@Public.example',
    ])('%s', async (sender) => {
      await addRecipient(house, { list: LISTS.announce, address: 'oss@public.example', kind: 'external' });
      const { caseId } = await arrive(house, clearMail(letterOf(house, rita)), { sender });
      expect(await receipts()).toEqual([]);
      expect(await reporter(caseId)).toBeNull();
      expect((await everything(house)).copies).toHaveLength(house.team.length);
    });
  });
});
