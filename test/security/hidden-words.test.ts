/**
 * Words of Curfew's that a page covers or hides: clients lay all parts of a mail in one page. Whoever writes it, and however it
 * comes, its text is shown as text, and itself is a file that no client shows by itself.
 */
import { beforeEach, expect, test } from 'vitest';
import { decodedBody, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { sharesAPage } from '../../src/mail/page.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive } from '../post/arrive.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { blockOf, copyFor, encrypted, head, mailOf, multipart, pgpMime, signed, text, wordsOf } from './attack.ts';

const FORGED = 'Signature: good, by lena@orbit.example';
const PAGE = `<style>.moz-text-plain{display:none}</style><div style="position:fixed;top:0">${FORGED}</div>`;
const page = () => text(PAGE, 'text/html; protected-headers="v1"', `To: ${LISTS.security}`);

oneEngine(({ open }) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await open()).db);
  });

  const sealed = async (lines: string[], by?: House['members'][0]) =>
    pgpMime(await encrypted(house, mailOf(...lines), LISTS.security, by));
  type Way = [string, () => Promise<string[]>, boolean, string[]];
  const ways: Way[] = [
    ['in clear', async () => page(), false, ['original-1.html.txt']],
    ['encrypted', () => sealed(page()), false, ['original-1.html.txt']],
    ['signed and encrypted', () => sealed(page(), house.members[0]), true, ['original-1.html.txt', 'signed.eml.txt']],
    [
      'signed, then encrypted',
      async () => sealed(await signed(house, page(), house.members[0])),
      true,
      ['original-1.html.txt', 'signed.eml.txt'],
    ],
    ...[
      ['mail.eml.txt', 'Content-Disposition: attachment; filename=mail.eml'],
      ['a.html.txt', 'Content-Name: a.html'],
      ['a.html.txt', 'Content-Disposition: attachment-x', 'X-Sun-Data-Name: a.html'],
    ].map(
      ([name = '', ...fields]): Way => [
        `in a file of no type, with ${fields.join(' and ')}`,
        () => sealed(multipart('mixed', text('see'), text(page().join('\r\n'), 'application/octet-stream', ...fields))),
        false,
        [name],
      ],
    ),
    [
      'in a mail in the mail',
      () => sealed(multipart('mixed', text('see'), text(page().join('\r\n'), 'message/rfc822'))),
      false,
      ['original-1.eml.txt'],
    ],
  ];

  test.each(ways)('a page that came %s', async (_, way, isSigned, files) => {
    const [lena] = house.team;
    await arrive(house, mailOf(...head('eve@evil.example'), ...(await way())));
    const copy = await copyFor(house, await outbox(house).drain(), lena);
    const parts = leaves(copy);
    expect(parts.filter(sharesAPage)).toEqual([]);
    expect(parts.map(fileName).filter((name) => name !== undefined)).toEqual(files);
    expect(blockOf(copy)).toMatch(isSigned ? /^\w{5}\| Signature: good, by alpha@/m : /^\w{5}\| Signature: none/m);
    expect(wordsOf(copy)[1]?.trim()).toBe(files[0] === 'original-1.html.txt' ? FORGED : 'see');
    const [original, statement] = parts.filter((part) => fileName(part) !== undefined).map(decodedBody);
    expect(Buffer.from(original ?? []).toString()).toContain(PAGE);
    if (statement) expect(Buffer.from(parseEntity(statement).parts[0]?.raw ?? []).toString()).toContain(PAGE);
  });
});
