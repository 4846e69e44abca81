/**
 * Reply-all into the public list, and embargoed text posted to it, in whatever encoding: refused in the session while the private
 * recipient of the same mail is served (RFC 5321 §3.3). A public list takes no mail of anybody: what is refused rests on nothing that
 * has to be recognised. What is for it alone is read before it is refused, and what is recognised there is an incident (test/post/leak.test.ts).
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { outbox } from '../delivery/outbox.ts';
import { armed, OUTSIDE, READER, subscribe } from '../embargo/armed.ts';
import { arrive, CANARY, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { dial, type Rig, transcript } from '../smtp/wire.ts';
import { clearMail, encryptedMail, signedMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { base64, door, head, mailOf, membersOf, outcomeOf, readersOf, text } from './attack.ts';

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  let alpha: Person;
  let lena: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
    [lena] = house.team;
    await subscribe(house);
    rig = await door(house);
  });
  afterEach(() => rig.server.close(0));

  test('the private list gets it, the public one is refused before a word of it is sent', async () => {
    const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: alpha };
    const raw = await encryptedMail(
      letterOf(house, alpha, { to: LISTS.distributors, headers: [`Cc: ${LISTS.announce}`] }),
      sealing,
    );
    const wire = await dial(rig.port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      [`MAIL FROM:<${alpha.address}>`, /^250/],
      [`RCPT TO:<${LISTS.distributors}>`, /^250/],
      [`RCPT TO:<${LISTS.announce}>`, /^550 5\.7\.1 This list takes announcements of its own server only$/],
      ['RCPT TO:<ANNOUNCE@ORBIT.EXAMPLE>', /^550 5\.7\.1/],
      ['DATA', /^354/],
    ]);
    wire.raw(raw);
    expect(await wire.ask('.')).toMatch(/^250 2\.0\.0 Accepted/);
    wire.destroy();
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
  });

  test('with the public list named first, the private one is for another transaction', async () => {
    const wire = await dial(rig.port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      [`MAIL FROM:<${alpha.address}>`, /^250/],
      [`RCPT TO:<${LISTS.announce}>`, /^250/],
      [`RCPT TO:<${LISTS.distributors}>`, /^452 4\.5\.3/],
      ['DATA', /^354/],
    ]);
    wire.raw(await signedMail(letterOf(house, alpha, { to: LISTS.announce }), alpha));
    expect(await wire.ask('.')).toMatch(/^550 5\.7\.1 This list takes announcements of its own server only$/);
    wire.destroy();
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test.each(['', 'double-bounce@mx.example'])(
    'a server in front that asks from <%s> whether it takes mail hears no',
    async (sender) => {
      const wire = await dial(rig.port);
      await wire.reply();
      await transcript(wire, [
        ['EHLO mx.example', /^250/],
        [`MAIL FROM:<${sender}>`, /^250/],
        [`RCPT TO:<${LISTS.announce}>`, /^550 5\.7\.1/],
      ]);
      wire.destroy();
    },
  );

  test('no mail goes to a thread or a bounce of the public list', async () => {
    const { id, thread_token } = await armed(house);
    const wire = await dial(rig.port);
    await wire.reply();
    await transcript(wire, [
      ['EHLO client.example', /^250/],
      [`MAIL FROM:<${lena.address}>`, /^250/],
      [`RCPT TO:<announce+${id}.${thread_token}@orbit.example>`, /^550 5\.1\.1/],
      [`RCPT TO:<announce-bounce+${thread_token}@orbit.example>`, /^550 5\.1\.1/],
      ['DATA', /^503/],
    ]);
    wire.destroy();
  });

  const words = `The ${CANARY} crashes.`;
  test.each<[string, () => Buffer | Promise<Buffer>]>([
    ['in clear', () => clearMail(letterOf(house, lena))],
    ['signed by the team', () => signedMail(letterOf(house, lena, { to: LISTS.announce }), lena)],
    ['quoted and wrapped anew', () => mailOf(...head(alpha.address), ...text(`> The\r\n> ${CANARY}\r\n> crashes.`))],
    [
      'in base64',
      () =>
        mailOf(...head(alpha.address), ...text(base64(Buffer.from(words)), 'text/plain', 'Content-Transfer-Encoding: base64')),
    ],
    [
      'in quoted-printable',
      () =>
        mailOf(...head(alpha.address), ...text('=54he =63anary', 'text/plain', 'Content-Transfer-Encoding: quoted-printable')),
    ],
    [
      'sealed to the public list',
      () =>
        encryptedMail(letterOf(house, lena, { to: LISTS.announce }), {
          recipients: [listCertificate(house, LISTS.announce)],
          signer: lena,
        }),
    ],
  ])('embargoed text %s: refused, and kept nowhere', async (_, compose) => {
    expect(await outcomeOf(arrive(house, await compose(), { to: LISTS.announce, sender: lena.address }))).toBe(
      'refused: not-released',
    );
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test('what is for the people behind the public list, or asks it for something, reaches no reader of it', async () => {
    for (const local of ['announce-owner', 'announce-sendkey'])
      await arrive(house, clearMail(letterOf(house, alpha, { at: house.clock.now() + local.length * 1000 })), {
        to: `${local}@orbit.example`,
        sender: alpha.address,
      });
    const { posts } = await everything(house);
    const readers = (await Promise.all(posts.map((post) => readersOf(house, post)))).flat();
    expect(readers).not.toContain(READER);
    expect(readers).not.toContain(OUTSIDE);
    for (const { to, raw } of await outbox(house).drain()) {
      expect([READER, OUTSIDE]).not.toContain(to);
      expect(raw.toString()).not.toContain(CANARY);
    }
  });
});
