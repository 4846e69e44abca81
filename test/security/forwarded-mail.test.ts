/**
 * Surreptitious forwarding (Davis, USENIX 2001): whoever got a signed mail seals it anew to a list, and it looks as if its signer had
 * written there. What the signature covers must name the list (To inside, RFC 9788; or the key, RFC 9580 §5.2.3.36); else it waits.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY, SECOND, systemClock } from '../../src/clock.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { dearmor } from '../../src/mail/armor.ts';
import * as cases from '../../src/store/cases.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as posts from '../../src/store/posts.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, CANARY, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail, inlineMail, type Letter } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { absent, openGnuPG, run } from '../support/gnupg.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { base64, blockOf, copyFor, encryptedPackets, head, mailOf, pgpMime, readersOf, teamOf, text, wordsOf } from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
  });

  const sealing = () => ({ recipients: [listCertificate(house, LISTS.distributors)], signer: alpha });
  const privately = (words = `The ${CANARY} is for you alone.\n`) => letterOf(house, alpha, { to: beta.address, text: words });

  async function held(raw: Buffer, to: string = LISTS.distributors): Promise<void> {
    const post = await arrive(house, raw, { to, sender: beta.address });
    expect(post.held).toBe('unaddressed');
    expect((await readersOf(house, post)).sort()).toEqual(teamOf(house));
    const sent = await outbox(house).drain();
    // His own words to him: that something waits, and nothing of it.
    expect(sent.map((mail) => mail.to).sort()).toEqual([alpha.address, ...teamOf(house)].sort());
    const told = wordsOf(await copyFor(house, sent, alpha)).join('\n');
    expect(told).toContain('somebody sent on what you signed for others');
    expect(told).not.toContain(CANARY);
    const [lena] = house.team;
    expect(blockOf(await copyFor(house, sent, lena))).toContain('somebody else may have sent on what he wrote to others');
  }

  test('a mail to another member, sealed to the list: held, and the team is told why', async () => {
    await held(await encryptedMail(privately(), sealing()));
  });

  test('a hundred of them: whoever signed them is told three times a day', async () => {
    for (let times = 0; times < 5; times++) {
      house.clock.moveTo(house.clock.now() + 1000);
      const mail = await encryptedMail(privately(`The ${times}. ${CANARY}\n`), sealing());
      await arrive(house, mail, { to: LISTS.distributors, sender: beta.address });
    }
    expect((await outbox(house).drain()).filter(({ to }) => to === alpha.address)).toHaveLength(3);
  });

  describe('what strangers send of his silences nothing of his own', () => {
    const fromMallory = async (times: number, sender: string, to: string = LISTS.distributors) => {
      const recipients = [listCertificate(house, to)];
      for (let at = 0; at < times; at++) {
        house.clock.moveTo(house.clock.now() + 1000);
        const mail = await encryptedMail(privately(`The ${at}. to ${to} from ${sender}\n`), { recipients, signer: alpha });
        await arrive(house, mail, { to, sender }).catch((error: unknown) => error);
      }
    };
    const own = async (change: Partial<Letter> = {}) => {
      house.clock.moveTo(house.clock.now() + 1000);
      const letter = letterOf(house, alpha, { to: LISTS.distributors, text: `At ${house.clock.now()}.\n`, ...change });
      return arrive(house, await encryptedMail(letter, sealing()), { to: LISTS.distributors, sender: alpha.address });
    };
    const told = async () => (await outbox(house).drain()).filter(({ to }) => to === alpha.address).length;

    test('his own mail that waits for the same reason is answered, and so is each of a day on a moderated list', async () => {
      await fromMallory(5, 'mallory@evil.example');
      await fromMallory(5, 'mallory@evil.example', LISTS.security);
      expect(await told()).toBe(6);
      // As it comes from mutt: his signature says nothing of the list.
      for (let times = 0; times < 5; times++) {
        expect((await own({ to: 'old@orbit.example' })).held).toBe('unaddressed');
        expect(await told()).toBe(1);
      }
      await house.db.updateTable('lists').set({ moderated: 1 }).where('id', '=', 'distributors').execute();
      for (let times = 0; times < 6; times++) {
        expect((await own()).held).toBe('moderated');
        expect(await told()).toBe(1);
      }
    });

    test('in his name and sealed: he is told fifty times a day, and of what waits for another reason as well', async () => {
      const { contactId, address } = alpha;
      const row = { list_id: 'distributors', kind: 'post', signer_contact_id: contactId, hold_reason: 'unaddressed' } as const;
      const kept = {
        ...row,
        content: Buffer.of(1),
        size: 1,
        received_at: house.clock.now(),
        state: 'held',
        encrypted: 1,
      } as const;
      for (let at = 0; at < 49; at++)
        await posts.insert(house.db, { ...kept, id: `forged${at}`, digest: `${at}`, sender: address.toUpperCase() });
      await fromMallory(5, address);
      expect(await told()).toBe(1);
      await house.db.updateTable('lists').set({ moderated: 1 }).where('id', '=', 'distributors').execute();
      expect((await own()).held).toBe('moderated');
      expect(await told()).toBe(1);
      house.clock.moveTo(house.clock.now() + 2 * DAY);
      await fromMallory(5, address);
      expect(await told()).toBe(5);
    });
  });

  test('with a To of the list outside, where no signature covers it', async () => {
    const raw = (await encryptedMail(privately(), sealing())).toString('latin1');
    await held(Buffer.from(raw.replace(`To: ${beta.address}`, `To: ${LISTS.distributors}`), 'latin1'));
  });

  test('a text that says nobody at all', async () => {
    await held(await inlineMail(privately(), sealing()));
  });

  test('into the thread of a case', async () => {
    const id = await house.report();
    await outbox(house).drain();
    const token = (await cases.byId(house.db, id))?.thread_token ?? '';
    await held(await encryptedMail(privately(), sealing()), threadAddress(LISTS.distributors, id, token));
  });

  test('what he wrote to another list', async () => {
    await held(await encryptedMail(letterOf(house, alpha, { to: LISTS.security }), sealing()));
    house.clock.moveTo(house.clock.now() + 1000);
    await held(await encryptedMail(letterOf(house, alpha, { to: 'distributors@other.example' }), sealing()));
  });

  test('to the response team: held as well, and they are told why', async () => {
    const recipients = [listCertificate(house, LISTS.security)];
    const post = await arrive(house, await encryptedMail(privately(), { recipients, signer: alpha }), { sender: beta.address });
    expect(post.held).toBe('unaddressed');
    const sent = await outbox(house).drain();
    const [lena] = house.team;
    expect(blockOf(await copyFor(house, sent, lena))).toContain('somebody else may have sent on what he wrote to others');
    // Who sent it is answered, in words that say nothing; whose words they are has nothing to do with it.
    expect(sent.map((mail) => mail.to).sort()).toEqual([alpha.address, beta.address, ...teamOf(house)].sort());
    expect(await house.db.selectFrom('cases').select('reporter_address').execute()).toEqual([{ reporter_address: beta.address }]);
  });

  test('as a request: nothing of it is run, and its signer alone is told', async () => {
    const to = 'distributors-request@orbit.example';
    await arrive(house, await encryptedMail(privately('unsubscribe\n'), sealing()), { to, sender: beta.address });
    const sent = await outbox(house).drain();
    expect(sent.map((mail) => mail.to)).toEqual([alpha.address]);
    expect(wordsOf(await copyFor(house, sent, alpha)).join()).toContain('does not say that it is for this list');
    const readers = await contacts.activeOfList(house.db, 'distributors');
    expect(readers.map(({ id }) => id)).toContain(alpha.contactId);
  });

  test('a post of his, as a request: any reader has it, and nothing of it is run', async () => {
    const to = 'distributors-request@orbit.example';
    const post = letterOf(house, alpha, { to: LISTS.distributors, text: 'unsubscribe\n' });
    await arrive(house, await encryptedMail(post, sealing()), { to, sender: beta.address });
    const sent = await outbox(house).drain();
    expect(wordsOf(await copyFor(house, sent, alpha)).join()).toContain('does not say that it is for this list’s requests');
    const readers = await contacts.activeOfList(house.db, 'distributors');
    expect(readers.map(({ id }) => id)).toContain(alpha.contactId);
  });

  describe.skipIf(absent.gpg ?? absent.sq)('what he signed with a program that says for whose keys', () => {
    const to = 'distributors-request@orbit.example';
    const isOn = async () => (await contacts.activeOfList(house.db, 'distributors')).some(({ id }) => id === alpha.contactId);
    const commands = `list ${LISTS.distributors}\nunsubscribe\n`;
    const asFile = (message: Uint8Array) =>
      text(base64(message), 'application/octet-stream; name=log.txt.gpg', 'Content-Transfer-Encoding: base64');

    /** As sq encrypts and signs it; to beta, who takes his layer off and seals the rest to the list. */
    async function sealed(content: string, to: 'list' | Person): Promise<Uint8Array> {
      const gnupg = openGnuPG();
      try {
        const file = (name: string, data: string) => {
          writeFileSync(join(gnupg.home, name), data);
          return join(gnupg.home, name);
        };
        const certificate = to === 'list' ? listCertificate(house, LISTS.distributors) : to.public;
        const { out } = await run('sq', [
          ...['encrypt', '--compression', 'none', '--signer-key', file('alpha.asc', alpha.secret)],
          ...['--recipient-cert', file('to.asc', certificate), file('log.txt', content)],
        ]);
        // sq signs by its own clock.
        house.clock.moveTo(systemClock.now() + SECOND);
        if (to === 'list') return dearmor(out.toString().trim());
        await gnupg.import(to.secret);
        const unwrapped = await gnupg.run(['--unwrap', '--decrypt'], out);
        return await encryptedPackets(house, unwrapped.out, LISTS.distributors);
      } finally {
        await gnupg.close();
      }
    }

    test.each<[string, string, (message: Uint8Array) => string[]]>([
      ['a file', commands, asFile],
      ['a text', mailOf(...text(commands)).toString(), pgpMime],
    ])(
      '%s for another member that names the list: as a request nothing of it is run, and he is told why',
      async (_, words, form) => {
        const message = await sealed(words, beta);
        await arrive(house, mailOf(...head(beta.address), ...form(message)), { to, sender: beta.address });
        expect(await isOn()).toBe(true);
        const told = wordsOf(await copyFor(house, await outbox(house).drain(), alpha)).join();
        expect(told).toContain(beta.fingerprint);
      },
    );

    test('for the list: the request that it is, also where he wrote to an alias of it', async () => {
      const lines = ['Content-Type: text/plain; hp="cipher"', 'To: alias@orbit.example', 'Subject: request', '', commands];
      const message = await sealed(mailOf(...lines).toString(), 'list');
      await arrive(house, mailOf(...head(alpha.address), ...pgpMime(message)), { to, sender: alpha.address });
      expect(await isOn()).toBe(false);
    });
  });

  test('a request of his, to the list', async () => {
    const request = letterOf(house, alpha, { to: 'distributors-request@orbit.example', text: 'help\n' });
    await held(await encryptedMail(request, sealing()));
  });

  test('what he wrote to the list is its own', async () => {
    const raw = await encryptedMail(letterOf(house, alpha, { to: LISTS.distributors }), sealing());
    expect(await arrive(house, raw, { to: LISTS.distributors })).toMatchObject({ held: null });
  });
});
