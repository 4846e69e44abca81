import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { remindSilent } from '../../src/cases/acknowledgements.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts';
import { deliverBatch } from '../../src/delivery/work.ts';
import { approve } from '../../src/embargo/approve.ts';
import { presentPatchSet } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { addPatch } from '../../src/embargo/schedule.ts';
import { createLog } from '../../src/log.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { fieldText, leaves, parseEntity, parseMessage } from '../../src/mail/message.ts';
import { viewOf } from '../../src/mail/view.ts';
import type { OpenedMail } from '../../src/pgp/open.ts';
import { type Act, type Asked, acts } from '../../src/post/acts.ts';
import type { Command } from '../../src/post/commands.ts';
import { wordsOf } from '../../src/post/request.ts';
import { addMember } from '../../src/roster/enter.ts';
import * as acknowledgements from '../../src/store/acknowledgements.ts';
import * as cameBack from '../../src/store/came-back.ts';
import * as caseTeams from '../../src/store/case-teams.ts';
import * as cases from '../../src/store/cases.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as exposure from '../../src/store/exposure.ts';
import * as lists from '../../src/store/lists.ts';
import * as members from '../../src/store/members.ts';
import * as posts from '../../src/store/posts.ts';
import * as recipients from '../../src/store/recipients.ts';
import { outbox } from '../delivery/outbox.ts';
import { actor, armed } from '../embargo/armed.ts';
import { memberOf } from '../embargo/limited.ts';
import { base64, encrypted, head, mailOf, multipart, pgpMime, signed, text } from '../security/attack.ts';
import { clearMail, cleartextSignedMail, encryptedMail, inlineMail, type Letter } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { generate, makeParty, openCopy, type Party } from '../support/party.ts';
import { arrive, everything, letterOf, listCertificate, postOf } from './arrive.ts';
import { holdPost } from './hold.ts';
import { sealedReport } from './sealed-report.ts';

const REQUEST = 'distributors-request@orbit.example';
const silent = createLog('silent');

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let lena: Person;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    [lena] = house.team;
  });

  const sealing = (signer: Party, list: string = LISTS.distributors) => ({ recipients: [listCertificate(house, list)], signer });

  const request = (from: Party, text: string, change: Partial<Letter> = {}) =>
    encryptedMail(letterOf(house, from, { to: REQUEST, subject: 'request', text, ...change }), sealing(from));

  const send = async (from: Party, text: string, change: Partial<Letter> = {}) =>
    arrive(house, await request(from, text, change), { to: REQUEST, sender: from.address });

  /** What was answered to that person, opened with his key: the text and the files. */
  const answers = async (to: Party, list: string = LISTS.distributors) => {
    const mails = (await outbox(house).drain()).filter((mail) => mail.to === to.address);
    return Promise.all(
      mails.map(async ({ raw, from }) => {
        const { entity, signer } = await openCopy(raw, to, listCertificate(house, list), house.clock.now());
        expect([from, signer !== null]).toEqual([null, true]);
        return viewOf(parseEntity(entity));
      }),
    );
  };
  const answer = async (to: Party) => {
    const [only, ...more] = await answers(to);
    if (!only || more.length > 0) throw new Error(`${more.length + (only ? 1 : 0)} answers`);
    return only;
  };

  test('help is answered with what there is, and with the commands of the team to the team alone', async () => {
    await send(alpha, 'help\n');
    const { text } = await answer(alpha);
    expect(text).toContain('acknowledge CASE');
    expect(text).not.toContain('accept POST');
    await send(lena, 'help\n');
    expect((await answer(lena)).text).toContain('accept POST');
  });

  test('it may stand in a protected subject, and in an inline text that names the list', async () => {
    await send(alpha, '\n', { subject: 'key' });
    expect((await answer(alpha)).files.map(({ name }) => name)).toEqual([`${LISTS.distributors}.asc`]);
    const inline = letterOf(house, alpha, { to: REQUEST, text: `list ${LISTS.distributors}\nkey\n` });
    await arrive(house, await inlineMail(inline, sealing(alpha)), { to: REQUEST });
    expect((await answer(alpha)).files).toHaveLength(1);
  });

  test('it may be a file that was encrypted by itself, where there is nothing else', async () => {
    const commands = `list ${LISTS.distributors}\nkey\n`;
    const inFile = async (name: string, beside: string[] = [], content: string | Buffer = commands) => {
      const sealed = await encrypted(house, content, LISTS.distributors, alpha);
      const file = [
        `Content-Type: application/octet-stream; name=${name}`,
        'Content-Transfer-Encoding: base64',
        '',
        base64(sealed),
      ];
      const raw = mailOf(...head(alpha.address), ...(beside.length > 0 ? multipart('mixed', file, beside) : file));
      return arrive(house, raw, { to: REQUEST, sender: alpha.address });
    };
    await inFile('commands.txt.asc');
    expect((await answer(alpha)).files).toHaveLength(1);
    await inFile('commands.gpg', text(' '));
    expect((await answer(alpha)).files).toHaveLength(1);
    // As `>` of PowerShell writes it.
    await inFile('commands.txt.gpg', [], Buffer.from(`\ufeff${commands.replaceAll('\n', '\r\n')}`, 'utf16le'));
    expect((await answer(alpha)).files).toHaveLength(1);
    await expect(inFile('commands.gpg', text('see the file'))).rejects.toMatchObject({ reason: 'request-unsigned' });
  });

  test('what a mail server adds around it is passed over, and said; what it asks for is in what was signed and sealed', async () => {
    const disclaimed = async (raw: Buffer) => {
      const [, fields = '', body = ''] = /^(.*?\r\n)(Content-Type: multipart\/encrypted.*)$/s.exec(raw.toString('latin1')) ?? [];
      return mailOf(
        ...fields.trim().split('\r\n'),
        ...multipart('mixed', body.split('\r\n'), text('subscribe\r\nIt is confidential.')),
      );
    };
    const raw = await disclaimed(await request(alpha, 'key\n'));
    await arrive(house, raw, { to: REQUEST, sender: alpha.address });
    const { text: words, files } = await answer(alpha);
    expect(files).toHaveLength(1);
    expect(words).toMatch(/passed over.*> key/s);
    expect(words).not.toContain('subscribe');
    const inClear = mailOf(...head(alpha.address), ...multipart('mixed', text('key'), text('It is confidential.')));
    await expect(arrive(house, inClear, { to: REQUEST, sender: alpha.address })).rejects.toMatchObject({
      reason: 'request-unsigned',
    });
  });

  test('also where it has emptied the control part, and attaches what it adds', async () => {
    const empty = (type: string) => [`Content-Type: ${type}`, 'Content-Disposition: attachment; filename=ATT00001.txt', '', ''];
    const footer = text(
      'Confidential.',
      'text/plain; name=ATT00002.txt',
      'Content-Disposition: attachment; filename=ATT00002.txt',
    );
    const card = text('BEGIN:VCARD', 'text/vcard; name=me.vcf', 'Content-Disposition: attachment; filename=me.vcf');
    for (const control of ['text/plain', 'application/pgp-encrypted'])
      for (const added of [footer, card]) {
        house.clock.moveTo(house.clock.now() + SECOND);
        const content = mailOf(...text(`list ${LISTS.distributors}\r\nkey`));
        const octets = base64(await encrypted(house, content, LISTS.distributors, alpha));
        const type = 'application/octet-stream; name=encrypted.asc';
        const whole = text(octets, type, 'Content-Transfer-Encoding: base64');
        const raw = mailOf(...head(alpha.address), ...multipart('mixed', empty(control), whole, added));
        await arrive(house, raw, { to: REQUEST, sender: alpha.address });
        expect((await answer(alpha)).text).toMatch(/passed over.*> key/s);
      }
  });

  test('where the words of a mail server stand around armor, he is told what to do', async () => {
    const sealed = await encrypted(house, `list ${LISTS.distributors}\nkey\n`, LISTS.distributors, alpha);
    const armored = await openpgp.armor(openpgp.enums.armor.message, new Uint8Array(sealed));
    const disclaimer = 'This is confidential.';
    for (const lines of [text(`${armored}\r\n${disclaimer}`), multipart('mixed', text(armored), text(disclaimer))])
      await expect(arrive(house, mailOf(...head(alpha.address), ...lines), { to: REQUEST })).rejects.toMatchObject({
        reason: 'request-unsigned',
        message: expect.stringContaining('PGP/MIME'),
      });
  });

  test('what a signer quotes of somebody else, and says something else below, is no request of his', async () => {
    const eve = await makeParty('eve@evil.example');
    const id = await holdPost(house);
    const fromEve = await signed(house, text(`list ${LISTS.distributors}\r\naccept ${id}`), eve);
    const answered = multipart('mixed', fromEve, text('No. I will never do that.'));
    const answer = await signed(house, ['To: eve@evil.example', ...answered], lena);
    const raw = mailOf(...head(eve.address), ...pgpMime(await encrypted(house, mailOf(...answer), LISTS.distributors)));
    await expect(arrive(house, raw, { to: REQUEST, sender: eve.address })).rejects.toMatchObject({ reason: 'request-unsigned' });
    expect(await posts.byId(house.db, id)).toMatchObject({ state: 'held' });
  });

  test('what a signer merely sends on or back to somebody is no request of his, nor a word to the list', async () => {
    const eve = await makeParty('eve@evil.example');
    const id = await holdPost(house);
    const toHer = ['To: eve@evil.example', 'Subject: Fwd: yours'];
    const hers = (...within: string[]) =>
      mailOf('Content-Type: multipart/mixed; boundary=o; hp="cipher"', ...toHer, '', '--o', ...within, '--o--');
    const command = `list ${LISTS.distributors}\r\naccept ${id}`;
    const fromEve = await signed(
      house,
      ['Content-Type: text/plain; protected-headers="v1"', `To: ${REQUEST}`, 'Subject: Lifted', '', command],
      eve,
    );
    const log = ['Content-Type: text/plain; name=log.txt', 'Content-Disposition: attachment; filename=log.txt', '', command];
    const bare = mailOf(...multipart('mixed', text(' '), log));
    const octets = ['Content-Type: application/octet-stream; name=log.bin', ...log.slice(1)];
    const nothingElse = [mailOf(...log), mailOf(...octets), mailOf(...(await signed(house, log, lena)))];
    nothingElse.push(mailOf(...(await signed(house, text(command), eve))));
    for (const content of [hers(...fromEve), hers(...text(command)), bare, ...nothingElse]) {
      house.clock.moveTo(house.clock.now() + SECOND);
      const raw = mailOf(...head(eve.address), ...pgpMime(await encrypted(house, content, LISTS.distributors, lena)));
      await arrive(house, raw, { to: REQUEST, sender: eve.address }).catch((error: unknown) =>
        expect(error).toMatchObject({ reason: 'request-unsigned' }),
      );
      expect(await posts.byId(house.db, id)).toMatchObject({ state: 'held' });
    }
    const lifted = await signed(
      house,
      ['Content-Type: text/plain; protected-headers="v1"', `To: ${LISTS.distributors}`, 'Subject: Lifted', '', 'Publish.'],
      eve,
    );
    const raw = mailOf(...head(eve.address), ...pgpMime(await encrypted(house, hers(...lifted), LISTS.distributors, lena)));
    expect(await arrive(house, raw, { to: LISTS.distributors, sender: eve.address })).toMatchObject({ held: 'unaddressed' });
  });

  test('nor is what bears a signature of its own in what he signed, whatever stands around it; he is told so', async () => {
    const eve = await makeParty('eve@evil.example');
    const id = await holdPost(house);
    await outbox(house).drain();
    const command = text(`list ${LISTS.distributors}\r\naccept ${id}`);
    const fromEve = await signed(house, command, eve);
    const asMixed = fromEve.map((line) => line.replace('multipart/signed', 'multipart/mixed'));
    const key = ['Content-Type: application/pgp-keys; name=lena.asc', '', lena.public];
    const smime = multipart(
      'signed; protocol="application/pkcs7-signature"; micalg=sha-256',
      command,
      text('MIIB', 'application/pkcs7-signature', 'Content-Transfer-Encoding: base64'),
    );
    const hers = await signed(house, command, lena);
    const eveSigns = { signingKeys: await openpgp.readPrivateKey({ armoredKey: eve.secret }), date: new Date(house.clock.now()) };
    const packed = await openpgp.sign({ message: await openpgp.createMessage({ text: command.at(-1) ?? '' }), ...eveSigns });
    const sentOn: string[][] = [
      fromEve,
      multipart('mixed', fromEve),
      multipart('mixed', fromEve, text(' ')),
      multipart('mixed', text(' '), fromEve),
      multipart('mixed', fromEve, key),
      multipart('alternative', fromEve),
      multipart('mixed', multipart('related', multipart('mixed', fromEve))),
      asMixed,
      multipart('mixed', text(' '), asMixed),
      smime,
      multipart('mixed', smime, text(' ')),
      hers.map((line) => line.replace('accept', 'accept ')),
      text(packed.trim()),
      ['Content-Type: message/rfc822; forwarded=no', '', `To: ${REQUEST}`, `Subject: accept ${id}`, ...fromEve],
    ];
    const ask = async (lines: string[]) => {
      house.clock.moveTo(house.clock.now() + SECOND);
      const raw = mailOf(...head(eve.address), ...pgpMime(await encrypted(house, mailOf(...lines), LISTS.distributors, lena)));
      await arrive(house, raw, { to: REQUEST, sender: eve.address });
      return (await answer(lena)).text;
    };
    for (const lines of sentOn) {
      expect(await ask(lines)).toMatch(/no command of yours[\s\S]*a signature of its own[\s\S]*signed once, with OpenPGP/);
      expect(await posts.byId(house.db, id)).toMatchObject({ state: 'held' });
    }
    const own = text(`list ${LISTS.distributors}\r\ncertificate`);
    const attached = (name: string, type: string, words = 'x') =>
      text(words, `${type}; name=${name}`, `Content-Disposition: attachment; filename=${name}`);
    const archive = attached('f.tar', 'application/octet-stream');
    const signature = attached('f.tar.sig', 'application/pgp-signature', '-----BEGIN PGP SIGNATURE-----');
    expect(await ask(multipart('mixed', own, signature, archive))).toMatch(/^> certificate$/m);
    expect(await ask(multipart('mixed', own, signature))).toMatch(/no command of yours/);
    expect(await ask(multipart('mixed', own, fromEve))).toMatch(/^> certificate$/m);
    expect(await posts.byId(house.db, id)).toMatchObject({ state: 'held' });
  });

  test('who signs with a key that he added to his certificate since hands that in by it, and does nothing else before', async () => {
    house.clock.moveTo(house.clock.now() + MINUTE);
    const key = await (await openpgp.readPrivateKey({ armoredKey: alpha.secret })).addSubkey({
      sign: true,
      date: new Date(house.clock.now() - SECOND),
    });
    const newer = { ...alpha, secret: key.armor(), public: key.toPublic().armor() };
    const file = { name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(newer.public) };
    await expect(send(newer, 'key\n')).rejects.toMatchObject({ reason: 'request-unsigned' });
    const stranger = await generate(alpha.address, 'Mallory', {});
    await expect(send(stranger, 'key\n', { attachments: [file] })).rejects.toMatchObject({ reason: 'request-unsigned' });
    await send(newer, `certificate update ${alpha.fingerprint}\nunsubscribe\n`, { attachments: [file] });
    const { text: words } = await answer(newer);
    expect(words).toContain(`your certificate is ${alpha.fingerprint} now`);
    expect(words).toContain('lacks the key that you signed with');
    await send(newer, 'key\n');
    expect((await answer(newer)).files).toHaveLength(1);
  });

  test('in HTML alone, its lines are those that its writer saw, wherever the source has its own', async () => {
    const id = await holdPost(house);
    await outbox(house).drain();
    const ask = async (html: string) => {
      const lines = ['Content-Type: text/html; charset=utf-8; hp="cipher"', `To: ${REQUEST}`, 'Subject: request', '', html, ''];
      const octets = await encrypted(house, lines.join('\r\n'), LISTS.distributors, lena);
      await arrive(house, mailOf(...head(lena.address, 'MIME-Version: 1.0', ...pgpMime(octets))), {
        to: REQUEST,
        sender: lena.address,
      });
      house.clock.moveTo(house.clock.now() + 1000);
      return (await answer(lena)).text;
    };
    const spans = `<p class=MsoNormal><span lang=EN-US>held</span></p>\r\n\r\n<p class=MsoNormal><span\r\nlang=EN-US>accept\r\n${id}</span></p>`;
    const text = await ask(`<html><body lang=DE>\r\n<div>\r\n${spans}\r\n</div>\r\n</body></html>`);
    expect(text).toContain('> held');
    expect(text).toContain(`> accept ${id}\n  accepted: 2 copies`);
    expect(await ask('<pre>help\r\ncertificate</pre>')).toMatch(/> help[\s\S]*> certificate/);
  });

  describe('is refused in the session', () => {
    test.each<[string, () => Promise<Buffer> | Buffer]>([
      ['in clear', () => clearMail(letterOf(house, alpha, { to: REQUEST, text: 'help\n' }))],
      ['signed in clear', () => cleartextSignedMail(letterOf(house, alpha, { to: REQUEST, text: 'help\n' }), alpha)],
      [
        'sealed and unsigned',
        () =>
          encryptedMail(letterOf(house, alpha, { to: REQUEST }), { recipients: [listCertificate(house, LISTS.distributors)] }),
      ],
      ['by a stranger', async () => request(await makeParty('mallory@example.org'), 'help\n')],
    ])('%s', async (_, compose) => {
      await expect(arrive(house, await compose(), { to: REQUEST })).rejects.toMatchObject({ reason: 'request-unsigned' });
      expect(await everything(house)).toEqual({ posts: [], copies: [] });
    });

    test('by a suspended member', async () => {
      await house.db.updateTable('members').set({ state: 'suspended' }).where('organisation', '=', 'Alpha').execute();
      await expect(send(alpha, 'help\n')).rejects.toMatchObject({ reason: 'request-unsigned' });
    });
  });

  describe('nothing is run', () => {
    const isOn = async () => (await contacts.activeOfList(house.db, 'distributors')).some(({ id }) => id === alpha.contactId);

    test('where a line is not understood; the answer says which', async () => {
      await send(alpha, 'unsubscribe\n\nplease and thank you\n');
      const { text } = await answer(alpha);
      expect(text).toContain('line 3: please and thank you');
      expect(await isOn()).toBe(true);
    });

    test('that was signed for somebody else', async () => {
      await send(alpha, 'unsubscribe\n', { to: 'other-request@project.example' });
      expect((await answer(alpha)).text).toContain('does not say that it is for this list');
      for (const to of ['x@y.example', REQUEST]) {
        await send(alpha, 'list other@project.example\nunsubscribe\n', { to });
        expect((await answer(alpha)).text).toContain('what you signed is for other@project.example');
      }
      expect(await isOn()).toBe(true);
    });

    test('that names this list and was written to another address, as to an alias; the answer says to which', async () => {
      await send(alpha, `list ${LISTS.distributors}\nunsubscribe\n`, { to: 'distributors-request@www.orbit.example' });
      const { text: words } = await answer(alpha);
      expect(words.replaceAll(/\s+/g, ' ')).toContain(
        `By your signature you wrote it to distributors-request@www.orbit.example. Write to ${REQUEST} itself`,
      );
      expect(words).not.toContain(`"list ${LISTS.distributors}"`);
      expect(await isOn()).toBe(true);
    });

    test('that is old, or a second time', async () => {
      const old = await request(alpha, 'unsubscribe\n');
      house.clock.moveTo(house.clock.now() + DAY + HOUR);
      await arrive(house, old, { to: REQUEST });
      expect((await answer(alpha)).text).toContain('more than a day ago');
      const once = await request(alpha, 'unsubscribe\n');
      await arrive(house, once, { to: REQUEST });
      expect(await isOn()).toBe(false);
      await contacts.resubscribe(house.db, alpha.contactId, 'distributors');
      const renamed = Buffer.from(once.toString('latin1').replace(/Message-ID: <[^>]*>/, 'Message-ID: <other@x>'), 'latin1');
      await arrive(house, renamed, { to: REQUEST });
      expect(await isOn()).toBe(true);
      expect(await answers(alpha)).toHaveLength(1);
    });

    test('that would leave the team without its reports', async () => {
      const to = 'security-request@orbit.example';
      const raw = await encryptedMail(letterOf(house, lena, { to, text: 'unsubscribe\n' }), sealing(lena, LISTS.security));
      await arrive(house, raw, { to, sender: lena.address });
      const [told] = await answers(lena, LISTS.security);
      expect(told?.text).toContain('taken from the roster by its admins');
      expect((await contacts.activeOfList(house.db, 'security')).map(({ id }) => id)).toContain(lena.contactId);
    });

    test('of the team by a member', async () => {
      await send(alpha, 'held\n');
      expect((await answer(alpha)).text).toContain('for the response team');
    });
  });

  test('unsubscribe and subscribe act on the sender alone, on a private and on a public list', async () => {
    await send(alpha, 'unsubscribe\nunsubscribe\nsubscribe\n');
    expect((await answer(alpha)).text).toMatch(/no more[\s\S]*you did not get it[\s\S]*gets distributors@orbit.example again/);
    const to = 'announce-request@orbit.example';
    const raw = await encryptedMail(letterOf(house, alpha, { to, text: 'subscribe\n' }), sealing(alpha, LISTS.announce));
    await arrive(house, raw, { to });
    expect((await recipients.ofList(house.db, 'announce')).map(({ address, kind }) => [address, kind])).toEqual([
      [alpha.address, 'subscriber'],
    ]);
  });

  describe('vouch', () => {
    /** Why it is refused to a person. */
    const refusal = async (person: Person, organisation: string, team = false): Promise<string> => {
      const roster = { contact: { id: person.contactId }, member: { id: await memberOf(house, person) } };
      const asked = { seams: house, project: 'orbit', roster, team } as unknown as Asked;
      const said = (acts.vouch as Act<Command>)(asked, { name: 'vouch', organisation, statement: 'we know them' });
      return said.then(String, (error: Error) => error.message.replaceAll(organisation, 'ORGANISATION'));
    };

    test('tells a member of no other organisation in what state it is, and one of the team', async () => {
      const unknown = await refusal(alpha, 'Nix');
      expect(unknown).toBe('No applicant "ORGANISATION" waits for a member’s word');
      for (const state of [
        'vouched',
        'vetted',
        'key_proved',
        'active',
        'key_hold',
        'suspended',
        'removed',
        'rejected',
      ] as const) {
        await house.db.updateTable('members').set({ state }).where('organisation', '=', 'Beta').execute();
        expect(await refusal(alpha, 'Beta'), state).toBe(unknown);
      }
      expect(await refusal(lena, 'Beta', true)).toContain('is rejected:');
      expect(await refusal(alpha, 'Alpha')).toBe('Nobody vouches for his own organisation');
    });

    test('of who has applied is noted', async () => {
      await addMember(house, { organisation: 'Gamma', product: null, lists: [] });
      await send(alpha, 'vouch for Gamma: we know them\n');
      expect((await answer(alpha)).text).toContain('noted: you vouch for "Gamma"');
      expect(await members.byOrganisation(house.db, 'Gamma')).toMatchObject({ state: 'vouched' });
    });
  });

  describe('certificate', () => {
    const fresh = () => generate(alpha.address, 'alpha', {});
    const file = (party: Party) => [{ name: 'new.asc', type: 'application/pgp-keys', data: Buffer.from(party.public) }];

    test('is shown, and replaced by one that is attached and signed for with the old one', async () => {
      await send(alpha, 'certificate\n');
      expect((await answer(alpha)).text).toContain(alpha.fingerprint);
      const next = await fresh();
      await send(alpha, `certificate update ${next.fingerprint}\n`, { attachments: file(next) });
      const mails = await outbox(house).drain();
      expect(mails.map(({ to }) => to).sort()).toEqual(
        [alpha.address, alpha.address, ...house.team.map(({ address }) => address)].sort(),
      );
      const certificate = listCertificate(house, LISTS.distributors);
      const read = async (party: Party) => {
        for (const { raw } of mails.filter(({ to }) => to === alpha.address)) {
          const copy = await openCopy(raw, party, certificate, house.clock.now()).catch(() => null);
          if (copy) return viewOf(parseEntity(copy.entity)).text;
        }
        return null;
      };
      expect(await read(next)).toContain(`your certificate is ${next.fingerprint} now`);
      expect(await read(alpha)).toContain(`Now:    ${next.fingerprint}`);
      await expect(send(alpha, 'help\n', { at: house.clock.now() + 1000 })).rejects.toMatchObject({ reason: 'request-unsigned' });
      await send(next, 'certificate\n');
      expect((await answer(next)).text).toContain(next.fingerprint);
    });

    describe('stays what it is', () => {
      const current = async () => (await certificates.current(house.db, alpha.contactId))?.fingerprint;
      const autocrypt = (party: Party) => {
        const data = party.public.replace(/-----.*-----|^=....$|^\w+: .*$/gm, '').replace(/\s+/g, '');
        return `Autocrypt: addr=${alpha.address}; keydata=${data.replace(/.{70}/g, '$&\r\n ')}`;
      };

      test.each<[string, (next: Party, evil: Party) => Promise<Buffer>]>([
        [
          'where a relay adds another, and nothing was attached',
          (next, evil) => request(alpha, `certificate update ${next.fingerprint}\n`, { headers: [autocrypt(evil)] }),
        ],
        [
          'where the command names another than the one attached',
          (next, evil) => request(alpha, `certificate update ${next.fingerprint}\n`, { attachments: file(evil) }),
        ],
        [
          'where the one attached is for another address',
          async () => {
            const other = await generate('other@alpha.example', 'other', {});
            return request(alpha, `certificate update ${other.fingerprint}\n`, { attachments: file(other) });
          },
        ],
      ])('%s', async (_, compose) => {
        const raw = await compose(await fresh(), await fresh());
        await arrive(house, raw, { to: REQUEST });
        expect(await current()).toBe(alpha.fingerprint);
        expect((await answer(alpha)).text).toMatch(/No certificate|has no user ID/);
      });

      test('where a relay adds another beside the one that was meant, that one counts', async () => {
        const [next, evil] = [await fresh(), await fresh()];
        const text = `certificate update ${next.fingerprint}\n`;
        await arrive(house, await request(alpha, text, { attachments: file(next), headers: [autocrypt(evil)] }), { to: REQUEST });
        expect(await current()).toBe(next.fingerprint);
      });
    });

    test('is never changed by a mail that merely brings another', async () => {
      await send(alpha, 'certificate\n', { attachments: file(await fresh()) });
      expect((await answer(alpha)).text).toContain(alpha.fingerprint);
    });
  });

  describe('of a case', () => {
    let id: string;
    beforeEach(async () => {
      ({ id } = await armed(house, house.clock.now() + 7 * DAY));
      await outbox(house).drain();
    });

    test('acknowledge notes that a member has its patches, once he was sent them', async () => {
      await send(alpha, `ack ${id}\n`);
      expect((await answer(alpha)).text).toContain('You were sent no patches');
      const { postId } = await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      await send(alpha, `ack ${id}\nack ${id}\n`, { at: house.clock.now() + 1000 });
      expect((await answer(alpha)).text).toContain('noted');
      const noted = await house.db.selectFrom('acknowledgements').select(['post_id', 'contact_id']).execute();
      expect(noted).toEqual([{ post_id: postId, contact_id: alpha.contactId }]);
    });

    test('what a member answers to the list is an acknowledgement where it begins with one, and goes to nobody', async () => {
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      const thread = threadAddress(LISTS.distributors, id, (await cases.byId(house.db, id))?.thread_token ?? '');
      const [, beta] = house.members;
      const write = async (from: Person, to: string, text: string) => {
        house.clock.moveTo(house.clock.now() + MINUTE);
        await arrive(house, await request(from, text, { to }), { to, sender: from.address });
        return outbox(house).drain();
      };
      const saidBy = async ({ address }: Person) =>
        (await acknowledgements.ofCase(house.db, id)).find((one) => one.address === address)?.status;
      for (const [to, from, words, status] of [
        [thread, alpha, 'affected', 'affected'],
        [LISTS.distributors, beta, 'not affected', 'not_affected'],
      ] as const) {
        const sent = await write(from, to, `acknowledge ${id} ${words}\n\nKind regards\n`);
        expect(sent.map((mail) => mail.to)).toEqual([from.address]);
        const { entity } = await openCopy(
          sent[0]?.raw ?? Buffer.of(),
          from,
          listCertificate(house, LISTS.distributors),
          house.clock.now(),
        );
        expect(viewOf(parseEntity(entity)).text).toMatch(/went to nobody\.\r?\nWhat else stands in it was passed over/);
        expect(await saidBy(from)).toBe(status);
      }
      // What another address is on such a list, it is to whoever acknowledges.
      await house.db.updateTable('lists').set({ unaddressed: 'accept' }).where('id', '=', 'distributors').execute();
      house.clock.moveTo(house.clock.now() + MINUTE);
      const raw = await request(alpha, `acknowledge ${id} problem\n`, { to: 'distributors@www.orbit.example' });
      await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
      await outbox(house).drain();
      expect(await saidBy(alpha)).toBe('problem');
      const all = [alpha, beta, ...house.team].map(({ address }) => address).sort();
      const toAll = async (from: Person, text: string) => (await write(from, thread, text)).map(({ to }) => to).sort();
      expect(await toAll(alpha, `We do not acknowledge ${id} affected\n`)).toEqual(all);
      expect(await toAll(lena, `acknowledge ${id} affected\n`)).toEqual(all);
    });

    test('acknowledge counts for what had reached him when he signed it, and not for what came since', async () => {
      const revise = async (name: string) => {
        house.clock.moveTo(house.clock.now() + HOUR);
        await addPatch(house, id, { name, bytes: Buffer.from(`+${name}\n`) });
        await approve(house, id, (await presentPatchSet(house.db, id)) ?? '', await actor(house, lena));
        await dispatch(house, id, LISTS.distributors);
      };
      const said = async () =>
        (await acknowledgements.ofCase(house.db, id)).flatMap((one) =>
          one.address === alpha.address ? (one.status ?? '-') : [],
        );
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      await revise('second.patch');
      const early = await request(alpha, `ack ${id} not affected\n`);
      house.clock.moveTo(house.clock.now() + MINUTE);
      await outbox(house).drain();
      await arrive(house, early, { to: REQUEST, sender: alpha.address });
      expect((await answer(alpha)).text).toMatch(/noted: you have them, and are not affected[\s\S]*not noted of patches/);
      expect(await said()).toEqual(['-', 'not_affected']);
      house.clock.moveTo(house.clock.now() + DAY);
      expect((await remindSilent(house)) && (await outbox(house).drain()).map(({ to }) => to)).toContain(alpha.address);
      await send(alpha, `ack ${id} affected\n`);
      expect((await answer(alpha)).text).not.toContain('not noted');
      expect(await said()).toEqual(['affected', 'affected']);
    });

    test('archive brings what was written to those who may have it, and says nothing to others', async () => {
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      await send(alpha, `archive ${id}\n`);
      const { files } = await answer(alpha);
      expect(files.map(({ name }) => name)).toEqual(['001.eml.txt']);
      const [dispatched] = files;
      expect(fieldText(parseMessage(dispatched?.bytes ?? new Uint8Array()), 'subject')).toContain('[EMBARGOED]');
      await send(lena, `archive ${id}\n`);
      expect((await answer(lena)).files.length).toBe(2);
      await house.db.deleteFrom('member_lists').where('list_id', '=', 'distributors').execute();
      await send(alpha, `archive ${id}\narchive ORBIT-2026-9999\n`, { at: house.clock.now() + 1000 });
      const { text } = await answer(alpha);
      expect(text).toContain(`There is nothing for you in ${id}`);
      expect(text).toContain('There is nothing for you in ORBIT-2026-9999');
    });

    describe('that is staffed, who of the team is outside', () => {
      let ada: Person;
      const archiveOf = async (person: Person, caseId = id) => {
        house.clock.moveTo(house.clock.now() + 1000);
        await send(person, `archive ${caseId}\n`);
        const { text, files } = await answer(person);
        return { text: text.replaceAll(caseId, 'CASE'), files: files.map(({ name }) => name) };
      };

      beforeEach(async () => {
        [, , ada] = house.team;
        await dispatch(house, id, LISTS.distributors);
        await outbox(house).drain();
      });

      test('has nothing of its archive, as of a case that is none; at the most what went to his lists as a member', async () => {
        await caseTeams.replace(house.db, id, [lena.contactId]);
        const unreal = await archiveOf(ada, 'ORBIT-2026-9999');
        expect([await archiveOf(ada), unreal.files]).toEqual([unreal, []]);
        expect((await archiveOf(lena)).files).toEqual(['001.eml.txt', '002.eml.txt']);
        await members.addToList(house.db, await memberOf(house, ada), 'distributors');
        expect((await archiveOf(ada)).files).toEqual(['001.eml.txt']);
      });

      test('is refused for now where it was staffed while his archive was made', async () => {
        const reopen: typeof house.pgp.reopen = async (...sealed) => {
          await caseTeams.replace(house.db, id, [lena.contactId]);
          return house.pgp.reopen(...sealed);
        };
        const slow = { ...house, pgp: { ...house.pgp, reopen } };
        const raw = await request(ada, `archive ${id}\n`);
        await expect(arrive(slow, raw, { to: REQUEST, sender: ada.address })).rejects.toMatchObject({ reason: 'busy' });
        expect(await answers(ada)).toEqual([]);
      });
    });

    test('what is sent along is sent once in an answer, and no more of it than that holds', async () => {
      await dispatch(house, id, LISTS.distributors);
      await outbox(house).drain();
      await send(alpha, `archive ${id}\narchive ${id}\nkey\narchive ${id}\nkey\n`);
      const { text, files } = await answer(alpha);
      expect(files.map(({ name }) => name)).toEqual(['001.eml.txt', `${LISTS.distributors}.asc`]);
      expect(text.split('> archive')).toHaveLength(2);
      const asked = {
        seams: house,
        team: false,
        room: 10,
        roster: { lists: ['distributors'], member: { id: 'any' } },
      } as unknown as Asked;
      expect(await (acts.archive as Act<Command>)(asked, { name: 'archive', caseId: id })).toEqual({
        lines: ['attached: 0 mails; 1 more did not fit: ask for this case in a mail of its own'],
        files: [],
        of: { caseId: id, share: 'members' },
      });
    });
  });

  test('an archive is a copy of its case, which the exposure of who asked for it tells; there is one in a mail', async () => {
    const [one, other] = [await armed(house), await armed(house, undefined, await house.report({ text: 'Another.\n' }))];
    const { member_id } = await house.db
      .selectFrom('contacts')
      .select('member_id')
      .where('id', '=', alpha.contactId)
      .executeTakeFirstOrThrow();
    await house.db.updateTable('contacts').set({ active: 0 }).where('id', '=', alpha.contactId).execute();
    for (const { id } of [one, other]) await dispatch(house, id, LISTS.distributors);
    await house.db.updateTable('contacts').set({ active: 1 }).where('id', '=', alpha.contactId).execute();
    await outbox(house).drain();
    expect(await exposure.ofMember(house.db, member_id)).toEqual([]);
    await send(alpha, `archive ${one.id}\narchive ${other.id}\narchive ${one.id}\n`);
    const { text, files } = await answer(alpha);
    expect(text).toContain(`the archive of ${other.id} comes in a mail of its own`);
    expect(files.map(({ name }) => name)).toEqual(['001.eml.txt']);
    const exposed = await exposure.ofMember(house.db, member_id);
    expect(exposed).toMatchObject([{ caseId: one.id, address: alpha.address, delivery: 'delivered' }]);
  });

  describe('a held post', () => {
    const hold = async () => {
      const raw = await encryptedMail(letterOf(house, alpha, { to: 'elsewhere@project.example' }), sealing(alpha));
      const { id, held } = await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
      expect(held).toBe('unaddressed');
      await outbox(house).drain();
      return id;
    };
    const readers = async (id: string) =>
      (await deliveries.page(house.db, { limit: 99, postId: id })).map(({ address }) => address).sort();
    const team = () => house.team.map(({ address }) => address);

    test('is listed, and goes to its readers when the team accepts it, once', async () => {
      const id = await hold();
      expect(await readers(id)).toEqual(team().sort());
      await send(lena, 'held\n');
      expect((await answer(lena)).text).toContain(`${id}  distributors@orbit.example`);
      await send(lena, `accept ${id}\n`);
      expect((await answer(lena)).text).toContain('2 copies are on their way');
      expect(await readers(id)).toEqual([...team(), ...house.members.map(({ address }) => address)].sort());
      await send(lena, `accept ${id}\nreject ${id}\n`, { at: house.clock.now() + 1000 });
      expect((await answer(lena)).text.match(/is not held/g)).toHaveLength(2);
      expect(await postOf(house, { id })).toMatchObject({ state: 'accepted', decided_by: lena.contactId });
    });

    test('reaches its readers without a word of having been held', async () => {
      const id = await hold();
      await send(lena, `accept ${id}\n`);
      const mail = (await outbox(house).drain()).find(({ to }) => to === house.members[1].address);
      const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), house.members[1]);
      const [about] = leaves(parseEntity(entity));
      expect(Buffer.from(about?.body ?? []).toString()).not.toContain('Held:');
    });

    test('is refused with a reason that its signer is told', async () => {
      const id = await hold();
      await send(lena, `reject ${id} not for this list\n`);
      const told = await answers(alpha);
      expect(told[0]?.text).toContain('Reason: not for this list');
      expect(await readers(id)).toEqual(team().sort());
      expect(await postOf(house, { id })).toMatchObject({ state: 'refused' });
    });

    test('is refused with a reason that a mail program broke into lines', async () => {
      const id = await hold();
      const text = `reject ${id} this belongs to the maintainers of the \nkernel, and was \nsent there\n-- \nLena\n`;
      await send(lena, text, { parameters: '; format=flowed' });
      const [told] = await answers(alpha);
      expect(told?.text).toContain('Reason: this belongs to the maintainers of the kernel, and was sent there');
    });

    test('two who decide at once: one of them does', async () => {
      const id = await hold();
      const both = await Promise.allSettled([send(lena, `accept ${id}\n`), send(house.team[1], `reject ${id}\n`)]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      const said = [...(await answers(lena)), ...(await answers(house.team[1]))].map(({ text }) => text);
      expect((await posts.factsById(house.db, id))?.state).toMatch(/accepted|refused/);
      expect(said.filter((text) => text.includes('held') || text.includes('decided')).length).toBeLessThanOrEqual(1);
    });

    test('refused after its copies went out: who has it is told to its writer and to who refused it', async () => {
      await outbox(house).drain();
      const id = await hold();
      await send(lena, `accept ${id}\n`);
      await outbox(house).drain();
      await send(lena, `hold ${id}\nreject ${id} too late\n`, { at: house.clock.now() + 1000 });
      const said = await answer(lena);
      expect(said.text).toContain('0 are stopped, 5 are out, 0 are under way');
      expect(said.text).toContain('refused; who has it, or may get it yet: contacts: 1');
      expect((await postOf(house, { id })).state).toBe('refused');
    });

    test('refused after the reporter got it: his copy counts too', async () => {
      const rita = await makeParty('rita@example.org');
      const caseId = await sealedReport(house, rita);
      const to = threadAddress(LISTS.security, caseId, (await cases.byId(house.db, caseId))?.thread_token ?? '');
      await outbox(house).drain();
      house.clock.moveTo(house.clock.now() + 1000);
      const sealed = { recipients: [listCertificate(house, LISTS.security)], signer: house.team[1] };
      const letter = letterOf(house, house.team[1], { to, text: 'The date is the 12th.\n' });
      const { id } = await arrive(house, await encryptedMail(letter, sealed), { to, sender: house.team[1].address });
      expect((await outbox(house).drain()).map((mail) => mail.to)).toContain(rita.address);
      await send(lena, `hold ${id}\nreject ${id} not that day\n`, { at: house.clock.now() + 1000 });
      const { text } = await answer(lena);
      expect(text).toContain('0 are stopped, 4 are out, 0 are under way');
      expect(text).toContain('refused; who has it, or may get it yet: the reporter');
    });

    test('hold stops the copies that have not gone out, and archives; accept lets them go', async () => {
      const caseId = await house.report();
      const about = await cases.byId(house.db, caseId);
      const to = `distributors+${caseId}.${about?.thread_token}@orbit.example`;
      await outbox(house).drain();
      const { id } = await arrive(house, await encryptedMail(letterOf(house, alpha, { to }), sealing(alpha)), { to });
      const states = async () =>
        new Set((await deliveries.page(house.db, { limit: 9, postId: id })).map(({ state, reason }) => `${state} ${reason}`));
      await send(lena, `hold ${id}\n`);
      expect(await states()).toEqual(new Set(['held stopped']));
      const beta = house.members[1];
      await send(beta, `archive ${caseId}\n`);
      expect((await answer(beta)).text).toContain('There is nothing for you');
      await send(lena, `accept ${id}\n`, { at: house.clock.now() + 1000 });
      expect(await states()).toEqual(new Set(['queued null']));
    });

    test('of a staffed case is not there for who of the team is outside', async () => {
      const caseId = await house.report();
      const about = await cases.byId(house.db, caseId);
      const to = `distributors+${caseId}.${about?.thread_token}@orbit.example`;
      await lists.change(house.db, 'distributors', { moderated: 1 });
      const { id } = await arrive(house, await encryptedMail(letterOf(house, alpha, { to }), sealing(alpha)), { to });
      await caseTeams.replace(house.db, caseId, [lena.contactId]);
      await outbox(house).drain();
      const [, , ada] = house.team;
      await send(ada, `held\naccept ${id}\nreject ${id} no\nhold ${id}\n`);
      const { text } = await answer(ada);
      expect(text.match(RegExp(`There is no post ${id}`, 'g'))).toHaveLength(3);
      expect(text).toContain('nothing is held');
      expect(await postOf(house, { id })).toMatchObject({ state: 'held' });
      await send(lena, `accept ${id}\n`);
      expect((await answer(lena)).text).toContain('2 copies are on their way');
    });

    test('a release, an answer and an unknown post are nobody’s to stop', async () => {
      const { id } = await armed(house);
      const about = await cases.byId(house.db, id);
      for (const postId of [about?.draft_post_id ?? '', '0'.repeat(26)])
        await send(lena, `hold ${postId}\n`, { at: house.clock.now() + postId.length });
      const { posts: all } = await everything(house);
      expect(all.filter(({ kind, state }) => kind !== 'request' && state === 'held')).toEqual([]);
    });
  });

  describe('list-sendkey', () => {
    const to = 'security-sendkey@orbit.example';

    test('answers with the key of the list, in clear, once a day to an address', async () => {
      const rita = await makeParty('rita@example.org');
      for (let times = 0; times < 2; times++) {
        await arrive(house, clearMail(letterOf(house, rita, { to, at: house.clock.now() + times * 1000 })), { to });
      }
      const sent = (await outbox(house).drain()).filter((mail) => mail.to === rita.address);
      expect(sent).toHaveLength(1);
      const mail = parseMessage(sent[0]?.raw ?? Buffer.alloc(0));
      expect([sent[0]?.from, fieldText(mail, 'auto-submitted'), mail.mediaType]).toEqual([
        null,
        'auto-replied',
        'multipart/signed',
      ]);
      const key = leaves(mail).find(({ mediaType }) => mediaType === 'application/pgp-keys');
      expect(Buffer.from(Buffer.from(key?.body ?? []).toString(), 'base64').toString()).toContain('BEGIN PGP PUBLIC KEY BLOCK');
      expect((await everything(house)).posts.every(({ kind }) => kind === 'request' || kind === 'key')).toBe(true);
      // Of another list, he may well want it on the same day.
      const other = 'distributors-sendkey@orbit.example';
      await arrive(house, clearMail(letterOf(house, rita, { to: other })), { to: other });
      expect((await outbox(house).drain()).filter((one) => one.to === rita.address)).toHaveLength(1);
    });

    test('answers no program, and nobody at an address of a list', async () => {
      const rita = await makeParty('rita@example.org');
      await arrive(house, clearMail(letterOf(house, rita, { to, headers: ['Auto-Submitted: auto-replied'] })), { to });
      await arrive(house, clearMail(letterOf(house, rita, { to })), { to, sender: null });
      await arrive(house, clearMail(letterOf(house, rita, { to })), { to, sender: LISTS.distributors });
      expect((await outbox(house).drain()).filter(({ raw }) => raw.toString().includes('OpenPGP key of'))).toEqual([]);
    });
  });

  describe('a bounce of a copy', () => {
    const bounce = (status: string, action: string) =>
      Buffer.from(
        [
          'From: MAILER-DAEMON@mx.beta.example',
          'Subject: Undelivered Mail Returned to Sender',
          'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
          '',
          '--b',
          'Content-Type: text/plain',
          '',
          'I could not deliver it.',
          '--b',
          'Content-Type: message/delivery-status',
          '',
          'Reporting-MTA: dns; mx.beta.example',
          '',
          'Final-Recipient: rfc822; beta@beta.example',
          `Action: ${action}`,
          `Status: ${status}`,
          'Diagnostic-Code: smtp; 550 5.1.1 no such user',
          '',
          '--b--',
          '',
        ].join('\r\n'),
      );

    const sentCopy = async () => {
      const { id } = await arrive(
        house,
        await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing(alpha)),
        { to: LISTS.distributors },
      );
      const mail = (await outbox(house).drain()).find(({ to }) => to === 'beta@beta.example');
      const copy = (await deliveries.page(house.db, { limit: 9, postId: id })).find(
        ({ address }) => address === 'beta@beta.example',
      );
      return { to: mail?.from ?? '', id: copy?.id ?? '' };
    };

    test.each([
      ['5.1.1', 'for good'],
      ['4.4.7', 'after days of trying'],
    ])('that says %s, %s: the copy has failed, and the team is told; the member stays who he is', async (status) => {
      const { to, id } = await sentCopy();
      await arrive(house, bounce(status, 'failed'), { to, sender: null });
      expect(await deliveries.byId(house.db, id)).toMatchObject({
        state: 'failed',
        reason: 'bounced',
        response: expect.stringContaining('no such user'),
      });
      const { posts: all, copies } = await everything(house);
      expect(all.find(({ kind }) => kind === 'bounce')).toMatchObject({ state: 'accepted' });
      expect(copies.filter(({ post_id }) => all.find(({ id: one }) => one === post_id)?.kind === 'bounce')).toEqual([]);
      expect((await contacts.activeOfList(house.db, 'distributors')).map(({ address }) => address)).toContain(
        'beta@beta.example',
      );
      expect((await deliveries.untold(house.db, 9)).map((copy) => copy.id)).toEqual([id]);
    });

    const deeds = async (subject: string) =>
      (await house.db.selectFrom('audit').select('action').where('subject', '=', subject).orderBy('seq').execute()).map(
        ({ action }) => action,
      );

    test('that is faster than the answer to the copy: it has failed, and the team is told; the second says nothing new', async () => {
      const letter = letterOf(house, alpha, { to: LISTS.distributors });
      await arrive(house, await encryptedMail(letter, sealing(alpha)), { to: LISTS.distributors });
      const box = outbox(house);
      let address = '';
      box.answers = async ({ from, to }) => {
        if (to !== 'beta@beta.example') return { state: 'delivered', response: '250' };
        address = from ?? '';
        await arrive(house, bounce('5.1.1', 'failed'), { to: address, sender: null });
        return { state: 'delivered', response: '250' };
      };
      await box.drain();
      const [copy, ...more] = await deliveries.untold(house.db, 9);
      expect([copy, more]).toMatchObject([{ address: 'beta@beta.example', state: 'failed', reason: 'bounced' }, []]);
      expect(copy?.response).toContain('no such user');
      await arrive(house, bounce('5.0.0', 'failed'), { to: address, sender: null });
      expect(await deeds(`delivery:${copy?.id}`)).toEqual(['delivery.bounce', 'delivery.failed']);
    });

    test.each([
      ['that says to wait', bounce('4.4.1', 'delayed')],
      [
        'that is a vacation note with the words of one',
        Buffer.from(
          'From: beta@beta.example\r\nAuto-Submitted: auto-replied\r\nSubject: Re: Automatic reply\r\nIn-Reply-To: <a@b.example>\r\n\r\nI have left. Write to carol@beta.example, else you get\r\n550 5.1.1 <beta@beta.example>: user unknown\r\n',
        ),
      ],
      [
        'that is a vacation note',
        Buffer.from('From: beta@beta.example\r\nAuto-Submitted: auto-replied\r\nSubject: Out\r\n\r\nI am away.\r\n'),
      ],
    ])('%s: it stays delivered', async (_, raw) => {
      const { to, id } = await sentCopy();
      await arrive(house, raw, { to, sender: null });
      expect(await deliveries.byId(house.db, id)).toMatchObject({ state: 'delivered' });
    });

    const away = (text: string) =>
      Buffer.from(`From: beta@beta.example\r\nAuto-Submitted: auto-replied\r\nSubject: Out\r\n\r\n${text}\r\n`);

    test('that is a vacation note: the team reads it, once a week of each reader and case, and each stands at its copy', async () => {
      const { to, id } = await sentCopy();
      const back = async (at: string, words: string) => {
        const { id: post } = await arrive(house, away(words), { to: at, sender: 'beta@beta.example' });
        return { post, sent: await outbox(house).drain() };
      };
      const first = await back(to, 'I have left: write to carol@beta.example.');
      expect(first.sent.map((mail) => mail.to).sort()).toEqual(house.team.map(({ address }) => address).sort());
      expect([...new Set(first.sent.map(({ from }) => from))]).toEqual([null]);
      const raw = first.sent.find((mail) => mail.to === lena.address)?.raw ?? Buffer.alloc(0);
      const { entity } = await openCopy(raw, lena, listCertificate(house, LISTS.distributors), house.clock.now());
      const { text } = viewOf(parseEntity(entity));
      expect(text).toContain(`About:     the copy ${id} for beta@beta.example`);
      expect(text).toContain('write to carol@beta.example');
      house.clock.moveTo(house.clock.now() + SECOND);
      const second = await sentCopy();
      expect((await back(second.to, 'I have left.')).sent).toEqual([]);
      const later = await back(to, 'I have left: again.');
      expect(later.sent).toEqual([]);
      // In a case others may be the ones who are to know.
      const { id: about } = await armed(house);
      await outbox(house).drain();
      await house.db.updateTable('deliveries').set({ case_id: about }).where('id', '=', second.id).execute();
      expect((await back(second.to, 'I have left, as I said.')).sent).toHaveLength(house.team.length);
      house.clock.moveTo(house.clock.now() + 7 * DAY);
      expect((await back(to, 'I have left, for good.')).sent).toHaveLength(house.team.length);

      expect((await cameBack.ofCopy(house.db, id)).slice(0, 2)).toEqual([
        { post_id: first.post, delivery_id: id, what: 'auto-reply', words: null, at: expect.any(Number) },
        { post_id: later.post, delivery_id: id, what: 'auto-reply', words: null, at: expect.any(Number) },
      ]);
      expect((await deeds(`delivery:${id}`)).filter((action) => action === 'delivery.answer')).toHaveLength(3);
      expect(await deliveries.byId(house.db, id)).toMatchObject({ state: 'delivered' });
    });

    test('of somebody who is away, in a case that a part of the team works on: they alone read of it', async () => {
      const { id: about } = await armed(house);
      const { to, id } = await sentCopy();
      await house.db.updateTable('deliveries').set({ case_id: about }).where('id', '=', id).execute();
      await caseTeams.replace(house.db, about, [lena.contactId]);
      const filed = await arrive(house, away('I am away.'), { to, sender: 'beta@beta.example' });
      expect(await postOf(house, filed)).toMatchObject({ kind: 'owner', case_id: about });
      const { copies } = await everything(house);
      const readers = copies.filter(({ post_id }) => post_id === filed.id).map(({ address }) => address);
      const lead = (await cases.byId(house.db, about))?.lead_id;
      const handlers = house.team.filter(({ contactId }) => contactId === lead || contactId === lena.contactId);
      expect(readers.sort()).toEqual(handlers.map(({ address }) => address).sort());
      expect(readers.length).toBeLessThan(house.team.length);
    });

    test.each([
      ['that says to wait', bounce('4.4.1', 'delayed'), 'delayed', /^4\.4\.1 .*no such user/],
      ['that says that it arrived', bounce('2.0.0', 'delivered'), 'arrived', /^2\.0\.0 /],
      ['that says that it failed', bounce('5.1.1', 'failed'), 'failed', /^5\.1\.1 /],
    ] as const)('%s: nobody is mailed that, and it stands at its copy', async (_, raw, what, words) => {
      const { to, id } = await sentCopy();
      const filed = await arrive(house, raw, { to, sender: null });
      expect(await outbox(house).drain()).toEqual([]);
      expect(await cameBack.ofCopy(house.db, id)).toMatchObject([
        { post_id: filed.id, what, words: expect.stringMatching(words) },
      ]);
      expect(await deeds(`delivery:${id}`)).toContain(what === 'failed' ? 'delivery.bounce' : 'delivery.answer');
    });

    test('that nothing can be read from: the people behind the list see it, and it cannot come back', async () => {
      const { to, id } = await sentCopy();
      const raw = Buffer.from('From: MAILER-DAEMON@beta.example\r\nSubject: Rejected\r\n\r\nPolicy 77.\r\n');
      const filed = await arrive(house, raw, { to, sender: null });
      expect(await deliveries.byId(house.db, id)).toMatchObject({ state: 'delivered' });
      expect(await postOf(house, filed)).toMatchObject({ kind: 'owner' });
      expect(await cameBack.ofCopy(house.db, id)).toMatchObject([{ post_id: filed.id, what: 'unreadable', words: null }]);
      const shown = (await outbox(house).drain()).filter((mail) => mail.to === lena.address);
      expect(shown.map(({ from }) => from)).toEqual([null]);
    });

    test('to a token that nobody made is refused as an unknown address', async () => {
      const { to } = await sentCopy();
      await expect(arrive(house, bounce('5.1.1', 'failed'), { to: to.replace('+', '+0'), sender: null })).rejects.toMatchObject({
        reason: 'no-such-address',
      });
    });

    test('from a person goes to the people behind the list', async () => {
      const { to } = await sentCopy();
      const { id } = await arrive(house, clearMail(letterOf(house, await makeParty('rita@example.org'))), { to });
      expect(await postOf(house, { id })).toMatchObject({ kind: 'owner' });
      expect(
        await deliverBatch(
          house,
          async () => ({ state: 'delivered', response: '250' }),
          { batch: 9, lease: 9, giveUp: 9, connections: 1 },
          silent,
        ),
      ).toBe(3);
    });
  });
});

test('what is larger than any request is refused before anybody reads it', () => {
  const content = Buffer.from(`Content-Type: text/html\r\n\r\n${'<p>'.repeat(3_000_000)}`);
  const opened = { content, subject: 'help', subjectProtected: true } as unknown as OpenedMail;
  expect(() => wordsOf(opened)).toThrow(expect.objectContaining({ reason: 'too-large' }));
});
