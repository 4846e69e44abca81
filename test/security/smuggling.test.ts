/**
 * SMTP smuggling (CVE-2023-51764) and bare CR, LF and NUL: a mail ends at CRLF.CRLF and nowhere else, what holds bare line ends is
 * refused as a whole, and no command that stands inside of a mail is ever run. By segments and lengths: test/smtp/data.test.ts.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { everything } from '../post/arrive.ts';
import { type Rig, untilData } from '../smtp/wire.ts';
import { clearMail } from '../support/compose.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty } from '../support/party.ts';
import { door } from './attack.ts';

const rita = await makeParty('rita@example.org');
const honest = clearMail({ from: rita, to: LISTS.security, subject: 'honest', text: 'first' }).toString('latin1');
const smuggled = clearMail({ from: rita, to: LISTS.security, subject: 'smuggled', text: 'second' }).toString('latin1');
const hidden = `MAIL FROM:<admin@orbit.example>\r\nRCPT TO:<${LISTS.security}>\r\nDATA\r\n${smuggled}`;

oneEngine((engine) => {
  const build = housing();
  let house: House;
  let rig: Rig;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    rig = await door(house);
  });
  afterEach(() => rig.server.close(0));

  test.each([
    ['LF.LF', '\n.\n'],
    ['LF.CRLF', '\n.\r\n'],
    ['CRLF.LF', '\r\n.\n'],
    ['CR.CR', '\r.\r'],
    ['CR.CRLF', '\r.\r\n'],
    ['CRLF.CR', '\r\n.\r'],
    ['LF.CR', '\n.\r'],
    ['CRCRLF.CRCRLF', '\r\r\n.\r\r\n'],
    ['CRLF NUL.CRLF', '\r\n\0.\r\n'],
    ['CRLF.NUL CRLF', '\r\n.\0\r\n'],
  ])('%s ends no mail: it is refused with all that stands behind, and one reply is given', async (_, end) => {
    const wire = await untilData(rig.port);
    wire.raw(`${honest}${end}${hidden}\r\n.\r\n`);
    expect(await wire.reply()).toBe('554 5.5.2 Lines must end in CRLF; a bare CR, a bare LF or a NUL was sent');
    expect(await wire.ask('NOOP')).toMatch(/^250 /);
    expect(await wire.ask('DATA')).toMatch(/^503 /);
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });

  test('a dot that a client did not double ends the mail, and what follows is a client’s own commands', async () => {
    const wire = await untilData(rig.port);
    wire.raw(`${honest}.\r\nMAIL FROM:<admin@orbit.example>\nRCPT TO:<${LISTS.security}>\nDATA\n${smuggled}\n.\n`);
    expect(await wire.reply()).toMatch(/^250 2\.0\.0 Accepted/);
    expect(await wire.reply()).toMatch(/^554 5\.5\.2/);
    await wire.closed;
    expect((await everything(house)).posts.filter(({ kind }) => kind === 'report')).toHaveLength(1);
  });

  test.each([
    ['a bare LF', 'one\ntwo'],
    ['a bare CR', 'one\rtwo'],
    ['a NUL', 'one\0two'],
  ])('%s in a header or a body is refused', async (_, words) => {
    for (const mail of [honest.replace('first', words), honest.replace('honest', words)]) {
      const wire = await untilData(rig.port);
      expect(await wire.ask(`${mail}.`)).toMatch(/^554 5\.5\.2/);
      wire.destroy();
    }
    expect(await everything(house)).toEqual({ posts: [], copies: [] });
  });
});
