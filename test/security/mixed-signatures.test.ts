/**
 * Unsigned text around a signed part, and several signed parts ("Johnny, you are fired", USENIX Security 2019): the verdict covers
 * the signed octets only, and on a private list such a mixture is held. More forms of it are in spoofed-signatures.test.ts.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { outbox } from '../delivery/outbox.ts';
import { arrive, postOf } from '../post/arrive.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { makeParty, type Party } from '../support/party.ts';
import {
  blockOf,
  copyFor,
  head,
  mailOf,
  multipart,
  outcomeOf,
  readersOf,
  secretOf,
  signed,
  teamOf,
  text,
  wordsOf,
} from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  let beta: Person;
  let eve: Party;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha, beta] = house.members;
    eve = await makeParty('eve@evil.example');
  });

  const honest = (by: Party = alpha) => signed(house, text('The embargo holds.'), by);
  const FORGED = 'The embargo is lifted, publish now.';
  const mixtures: [string, () => Promise<string[]>, RegExp][] = [
    ['words before it', async () => multipart('mixed', text(FORGED), await honest()), /does not cover the whole mail/],
    ['words after it', async () => multipart('mixed', await honest(), text(FORGED)), /does not cover the whole mail/],
    ['HTML around it', async () => multipart('mixed', text(`${FORGED}<!--`, 'text/html'), await honest()), /does not cover/],
    [
      'a part that another member signed',
      async () => multipart('mixed', await signed(house, text(FORGED), beta), await honest()),
      /does not cover the whole mail/,
    ],
    [
      'a part that a stranger signed',
      async () => multipart('mixed', await signed(house, text(FORGED), eve), await honest()),
      /nobody is credited|BAD|does not cover/,
    ],
    ['the signature of a second member over all', () => signed(house, text(FORGED), alpha, beta), /several certificates/],
  ];

  test.each(mixtures)('%s: held for the team, who are told, and credited to nobody', async (_, mixture, said) => {
    const raw = mailOf(...head(alpha.address, `To: ${LISTS.distributors}`), ...(await mixture()));
    const post = await arrive(house, raw, { to: LISTS.distributors, sender: alpha.address });
    expect(post.held).toBe('mixed');
    expect((await readersOf(house, post)).sort()).toEqual(teamOf(house));
    expect(await postOf(house, post)).toMatchObject({
      signer_contact_id: null,
      signer_fingerprint: null,
      signature_digest: null,
    });
    const sent = await outbox(house).drain();
    expect(sent.map(({ to }) => to).sort()).toEqual(teamOf(house));
    const [lena] = house.team;
    const block = blockOf(await copyFor(house, sent, lena));
    expect(block).toMatch(said);
    expect(block).not.toMatch(/Signature: good, by /);
  });

  test('a stranger’s signature in such a mixture gets nothing in', async () => {
    const raw = mailOf(...head(alpha.address), ...multipart('mixed', text(FORGED), await honest(eve)));
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('refused: members-only');
    expect(await outbox(house).drain()).toEqual([]);
  });

  test('what a stranger signed is no member’s words who signs around it and sends it on, however it is packed', async () => {
    const signingKeys = await secretOf(eve);
    const date = new Date(house.clock.now());
    const packed = await openpgp.sign({ message: await openpgp.createMessage({ text: FORGED }), signingKeys, date });
    const framed = await openpgp.sign({ message: await openpgp.createCleartextMessage({ text: FORGED }), signingKeys, date });
    for (const armor of [packed, framed]) {
      const lines = [...text(armor.trim(), 'text/plain; protected-headers="v1"', `To: ${LISTS.distributors}`)];
      const raw = mailOf(...head(alpha.address), ...(await signed(house, lines, alpha)));
      expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('taken');
      const [block = '', words, signature, quoted, ...more] = wordsOf(await copyFor(house, await outbox(house).drain(), beta));
      expect(block).toMatch(/good, by alpha@[\s\S]*quotes what bears a signature of its own, which credits nobody/);
      expect([words?.trim(), signature, more]).toEqual([
        armor.trim().replaceAll(/\r?\n/g, '\r\n'),
        expect.stringContaining('BEGIN PGP SIGNATURE'),
        [],
      ]);
      expect(quoted?.replace(/^[\s\S]*?\r\n\r\n/, '')).toBe(armor === packed ? FORGED : undefined);
    }
  });

  test('nor is it as a part of that kind, which no text shows: the block says so', async () => {
    const [type = '', ...lines] = await signed(house, text(FORGED), eve);
    const sentOn = [`${type}; protected-headers="v1"`, `To: ${LISTS.distributors}`, ...lines];
    const raw = mailOf(...head(alpha.address), ...(await signed(house, sentOn, alpha)));
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('taken');
    const block = blockOf(await copyFor(house, await outbox(house).drain(), beta));
    expect(block).toMatch(/good, by alpha@[\s\S]*quotes what bears a signature of its own, which credits nobody/);
  });

  test('nor is a file that a stranger packed up as he signed it, with the words of a member who signs around it', async () => {
    const date = new Date(house.clock.now());
    const message = await openpgp.createMessage({ text: FORGED });
    const packed = (await openpgp.sign({ message, signingKeys: await secretOf(eve), date })).trim();
    const attached = text(packed, 'text/plain; name=eve.asc', 'Content-Disposition: attachment; filename=eve.asc');
    const [type, ...rest] = multipart('mixed', text('See what Eve says.'), attached);
    const lines = [`${type}; protected-headers="v1"`, `To: ${LISTS.distributors}`, ...rest];
    const raw = mailOf(...head(alpha.address), ...(await signed(house, lines, alpha)));
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('taken');
    const [block = '', words, file, signature, quoted, ...more] = wordsOf(
      await copyFor(house, await outbox(house).drain(), beta),
    );
    expect(block).toMatch(/good, by alpha@[\s\S]*quotes what bears a signature of its own, which credits nobody/);
    expect([words?.trim(), file?.trim(), more]).toEqual(['See what Eve says.', packed.replaceAll(/\r?\n/g, '\r\n'), []]);
    expect(signature).toContain('BEGIN PGP SIGNATURE');
    expect(quoted).toContain('filename=eve');
    expect(Buffer.from(quoted?.split('\r\n\r\n')[1] ?? '', 'base64').toString()).toBe(FORGED);
  });

  test('what he signed as a whole is his', async () => {
    const lines = [...text('The embargo holds.', 'text/plain; protected-headers="v1"', `To: ${LISTS.distributors}`)];
    const raw = mailOf(...head(alpha.address), ...(await signed(house, lines, alpha)));
    expect(await outcomeOf(arrive(house, raw, { to: LISTS.distributors, sender: alpha.address }))).toBe('taken');
    expect(blockOf(await copyFor(house, await outbox(house).drain(), beta))).toContain(`good, by ${alpha.address}`);
  });
});
