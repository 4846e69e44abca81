/**
 * CR and LF in whatever becomes an outgoing header or an envelope (CWE-93): subjects, display names, the names of members, lists, files
 * and patches, prefixes, footers and reasons. None of them begins a line of its own, outside or inside of a copy.
 */
import { beforeEach, expect, test } from 'vitest';
import { describe } from '../../src/cases/describe.ts';
import { HOUR, MINUTE } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { fieldsNamed, leaves, parseEntity } from '../../src/mail/message.ts';
import { refusePost } from '../../src/post/moderate.ts';
import { importRoster } from '../../src/roster/import.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import { headerOf, outbox, type Sent } from '../delivery/outbox.ts';
import { arm, KNOWN, reasonOf, subscribe } from '../embargo/armed.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { unguarded } from '../support/unguarded.ts';
import { base64, encrypted, head, mailOf, multipart, pgpMime } from './attack.ts';

const EVIL = 'x\r\nBcc: eve@evil.example\r\n\r\nX-Evil: 1\nX-More: 2\r\0';
const word = `=?utf-8?b?${Buffer.from(EVIL).toString('base64')}?=`;
/** All that Curfew writes outside (RFC 5322, RFC 2369, RFC 2919, RFC 3834, Autocrypt). */
const FIELDS =
  /^(From|To|Date|Subject|Message-ID|List-(Id|Post|Help|Owner)|Precedence|Auto-Submitted|Autocrypt|MIME-Version|Content-Type): /;

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
  });

  /** No line of these mails begins with words of the attacker, nor does a field of any part. */
  async function clean(sent: readonly Sent[]): Promise<void> {
    expect(sent.length).toBeGreaterThan(0);
    for (const { raw, to, from } of sent) {
      expect(`${to}${from ?? ''}`).toMatch(/^[!-~]+$/);
      expect(raw.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
      for (const line of headerOf(raw).trimEnd().split('\r\n')) expect(line).toMatch(FIELDS);
      if (!raw.includes('BEGIN PGP MESSAGE')) continue;
      const copy = parseEntity((await openCopy(raw, await makeParty(to), undefined, house.clock.now())).entity);
      for (const part of [copy, ...leaves(copy)])
        for (const name of ['bcc', 'x-evil', 'x-more']) expect(fieldsNamed(part, name)).toEqual([]);
    }
  }
  const sealing = (list: string) => ({ recipients: [listCertificate(house, list)], signer: alpha });

  test('in what a stranger writes: subject, name, file name, Message-ID', async () => {
    const inside = [
      'Content-Type: multipart/mixed; boundary=m; hp="cipher"',
      `Subject: ${word}`,
      `From: ${word} <eve@evil.example>`,
      '',
      '--m',
      'Content-Type: text/plain',
      '',
      'x',
      '--m',
      `Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(EVIL)}`,
      '',
      'x',
      '--m--',
    ];
    const lines = multipart('mixed', pgpMime(await encrypted(house, mailOf(...inside), LISTS.security)), [
      `Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(`${EVIL}.gpg`)}`,
      'Content-Transfer-Encoding: base64',
      '',
      base64(await encrypted(house, 'x', LISTS.security)),
    ]);
    await arrive(house, mailOf(`From: ${word} <eve@evil.example>`, `Subject: ${word}`, `Message-ID: <${word}>`, '', 'x'));
    await arrive(house, mailOf(...head(`${word} <eve@evil.example>`), ...lines));
    await arrive(
      house,
      mailOf(...head('eve@evil.example'), ...pgpMime(await encrypted(house, mailOf(...inside), LISTS.security))),
    );
    await clean(await outbox(house).drain());
  });

  test('in what the team and the database say: names, prefix, footer, reason', async () => {
    await unguarded(house.db, (trx) =>
      trx.updateTable('lists').set({ name: EVIL, subject_prefix: EVIL, footer: EVIL, moderated: 1 }).execute(),
    );
    await house.db.updateTable('members').set({ organisation: EVIL }).where('organisation', '=', 'Alpha').execute();
    await house.db.updateTable('contacts').set({ name: EVIL }).where('id', '=', alpha.contactId).execute();
    const letter = letterOf(house, alpha, { to: LISTS.distributors, subject: word });
    const { id } = await arrive(house, await encryptedMail(letter, sealing(LISTS.distributors)), { to: LISTS.distributors });
    await refusePost(house, id, null, EVIL);
    const to = 'distributors-request@orbit.example';
    await arrive(
      house,
      await encryptedMail(letterOf(house, alpha, { to, text: `help ${word}\n` }), sealing(LISTS.distributors)),
      { to },
    );
    await clean(await outbox(house).drain());
  });

  test('in a release: subject, text, patch name, and the names of its channels', async () => {
    await subscribe(house);
    const id = await house.report({ subject: word });
    await addPatch(house, id, { name: EVIL, bytes: Buffer.from('x') });
    const wish = { releaseAt: house.clock.now() + HOUR, subject: EVIL, text: EVIL };
    await describe(house, id, { ...KNOWN, summary: EVIL.replaceAll('\0', '') });
    expect(await reasonOf(schedule(house, id, { ...wish, channels: [EVIL] }))).toBe('invalid');
    await arm(house, await schedule(house, id, wish));
    await dispatch(house, id, LISTS.distributors);
    const box = outbox(house);
    const before = await box.drain();
    house.clock.moveTo(house.clock.now() + HOUR + MINUTE);
    await release(house, id);
    await clean([...before, ...(await box.drain())]);
  });

  test('in an address: it gets into no roster, no list and no envelope', async () => {
    for (const address of [
      'a@x.example\r\nRCPT TO:<eve@evil.example>',
      'a@x.example>\nDATA',
      '"a\r\nb"@x.example',
      'a@x.example\0',
    ]) {
      expect(await reasonOf(addRecipient(house, { list: LISTS.announce, address, kind: 'subscriber' }))).not.toBe('done');
      const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: [{ address, certificate: alpha.public }] };
      expect((await importRoster(house, [entry], { activate: null, dryRun: false })).written).toBe(false);
    }
    for (const change of [{ organisation: EVIL }, { product: EVIL }]) {
      const gamma = await makeParty('gamma@gamma.example');
      const contacts = [{ address: gamma.address, certificate: gamma.public }];
      const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts, ...change };
      expect((await importRoster(house, [entry], { activate: null, dryRun: false })).written).toBe(false);
    }
  });
});
