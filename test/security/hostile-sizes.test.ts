import { describe, expect, it } from 'vitest';
import { composeMail } from '../../src/delivery/compose.ts';
import { automatic, isLoop } from '../../src/mail/automatic.ts';
import { parseEntity, parseMessage } from '../../src/mail/message.ts';
import { deliveryReport } from '../../src/mail/report.ts';
import { viewOf } from '../../src/mail/view.ts';
import { openMail } from '../../src/pgp/open.ts';
import { parseRequest } from '../../src/post/commands.ts';
import { filesOf } from '../../src/post/look.ts';
import { Refusal } from '../../src/refusal.ts';

/** Enough for whatever takes quadratic time to take seconds. */
const OCTETS = 120_000;

// biome-ignore format: lists to be read across
const RUNS = [
  ' ', '\t', '\r\n', ' \r\n', '\r\n ', 'a\u00a0', '\u00a0', '=', '=\r\n', '<', '<br', '<div class="', '&', '&nbsp', '-', '--', 'a', 'a: b\r\n', ';', ';a=b', "; a*0*=utf-8''x",
  '"', '\\', '(', '()', '<a@b.example>', '@', ',', ':', '=?utf-8?q?a?= ', '=?utf-8?b?', '=?', '?=', '=?iso-2022-jp?B?GyRC?=', '--m\r\n', '--m\r\n\r\n', '\0', '\u001b$B', '\r\n \r\n',
  '-----BEGIN PGP MESSAGE-----\r\n', '-----BEGIN PGP SIGNED MESSAGE-----\r\n', '-----END PGP MESSAGE-----\r\n', '-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n', '- ',
  '\u2028', '\u2029', '\u0085', '\u200b', '|', '*', '* ', '- -', '_', '.', '> ', 'message ', 'your message ', '550 5.1.1 ',
];

const PLACES: Readonly<Record<string, (run: string) => string>> = {
  Subject: (run) => `Subject: ${run}\r\n\r\nx`,
  'Content-Type': (run) => `Content-Type: ${run}\r\n\r\nx`,
  'a file name': (run) => `Content-Disposition: attachment; filename=${run}\r\n\r\nx`,
  'Content-Transfer-Encoding': (run) => `Content-Transfer-Encoding: ${run}\r\n\r\nx`,
  Autocrypt: (run) => `Autocrypt: ${run}\r\n\r\nx`,
  'a text in UTF-8': (run) => `Content-Type: text/plain; charset=utf-8\r\n\r\nx${Buffer.from(run).toString('latin1')}x`,
  'a bounce': (run) => `Subject: failure notice\r\n\r\nHi. This is the qmail-send program at x.\r\n${run}`,
  'a reason': (run) => `Subject: Undelivered Mail\r\n\r\ndiagnostic${run}x\r\ntechnical details of a ${run}x\r\nreason${run}x`,
  'a text': (run) => `Subject: x\r\n\r\nx${run}x`,
  'quoted-printable': (run) => `Content-Transfer-Encoding: quoted-printable\r\n\r\nx${run}x`,
  HTML: (run) => `Content-Type: text/html\r\n\r\nx${run}x`,
  'a multipart': (run) => `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n${run}x`,
  'a signed part': (run) =>
    `Content-Type: multipart/signed; boundary=m\r\n\r\n--m\r\n\r\n${run}\r\n--m\r\nContent-Type: application/pgp-signature\r\n\r\n${run}`,
  armor: (run) => `Subject: x\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n${run}\r\n-----END PGP MESSAGE-----`,
  'a signed text': (run) =>
    `Subject: x\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n${run}\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nx\r\n-----END PGP SIGNATURE-----`,
};

/** All that the way of a mail in, and of a copy of it out, looks at. */
async function wholeWay(raw: Buffer): Promise<void> {
  const outside = parseMessage(raw);
  automatic(outside, '');
  isLoop(outside, ['security.orbit.example']);
  deliveryReport(outside);
  const opened = await openMail({ raw, secrets: [], at: 0, withSignature: true }, async () => []);
  filesOf(opened);
  const { content } = composeMail(
    opened,
    { contact: null, sender: 'a@b.example', caseId: null, circle: null, held: null, beside: [], copy: null, looked: true },
    'k7m2x',
  );
  parseRequest(viewOf(parseEntity(content)).text);
}

describe('a mail of nothing but one thing is read in the time that its size takes', () => {
  it.each(Object.entries(PLACES))('in %s', async (_, place) => {
    const slow: string[] = [];
    for (const run of RUNS) {
      const raw = Buffer.from(`From: a@b.example\r\n${place(run.repeat(Math.ceil(OCTETS / run.length)))}`, 'latin1');
      const began = performance.now();
      try {
        await wholeWay(raw);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      if (performance.now() - began > 2_000) slow.push(JSON.stringify(run));
    }
    expect(slow).toEqual([]);
  });
});
