/** Mail of people that speaks of bounces and absence: each is a trap, and none is automatic. LF line ends. */
const person = 'rita@example.org';

const write = (subject: string, body: string, ...more: string[]) => ({
  sender: person,
  mail: `From: Rita <${person}>\nTo: security@orbit.example\nSubject: ${subject}\n${more.map((field) => `${field}\n`).join('')}\n${body}\n`,
});

const EXIM =
  'This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  security@orbit.example\n    550 5.1.1 User unknown\n';
const STATUS =
  'Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; security@orbit.example\nAction: failed\nStatus: 5.1.1\n';
const multipart = (type: string, ...parts: string[]) => ({
  type: `Content-Type: ${type}; boundary=b`,
  body: `${parts.map((part) => `--b\n${part}\n`).join('')}--b--`,
});
const attached = multipart(
  'multipart/mixed',
  'Content-Type: text/plain\n\nSee the attached bounce.',
  `Content-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=c\n\n--c\nContent-Type: message/delivery-status\n\n${STATUS}\n--c--`,
);
const inline = multipart(
  'multipart/mixed',
  `Content-Type: text/plain\n\n-------- Forwarded Message --------\n\n${EXIM}`,
  `Content-Type: message/delivery-status\n\n${STATUS}`,
);
const signed = multipart(
  'multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha512',
  `Content-Type: text/plain\n\n${EXIM}`,
  'Content-Type: application/pgp-signature\n\nx',
);
const signedReport = multipart(
  'multipart/signed; protocol="application/pgp-signature"',
  `Content-Type: multipart/report; report-type=delivery-status; boundary=c\n\n--c\nContent-Type: message/delivery-status\n\n${STATUS}\n--c--`,
  'Content-Type: application/pgp-signature\n\nx',
);
const encrypted = multipart(
  'multipart/encrypted; protocol="application/pgp-encrypted"',
  'Content-Type: application/pgp-encrypted\n\nVersion: 1',
  'Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----',
);

export const PEOPLE: readonly { name: string; sender: string; mail: string }[] = [
  { name: 'forwards a bounce as text', ...write('Fwd: Mail delivery failed: returning message to sender', EXIM) },
  { name: 'forwards it in German', ...write('WG: Unzustellbar: Bericht', `Fehler bei der Nachrichtenzustellung:\n${EXIM}`) },
  {
    name: 'answers a bounce',
    ...write('Re: Undelivered Mail Returned to Sender', `${EXIM.replace(/^/gm, '> ')}\nWhy?`, 'In-Reply-To: <x@mx.example>'),
  },
  { name: 'forwards a bounce as an attachment', ...write('Delivery problems', attached.body, attached.type) },
  { name: 'forwards a bounce with its parts', ...write('Fwd: Undelivered Mail Returned to Sender', inline.body, inline.type) },
  { name: 'forwards it under a subject of her own', ...write('Your list bounces', inline.body, inline.type) },
  { name: 'pastes a bounce without a word', ...write('Mail delivery failed: returning message to sender', EXIM) },
  { name: 'pastes a bounce after a greeting', ...write('Undeliverable: my report', `Hi all,\n\nI got this:\n\n${EXIM}`) },
  {
    name: 'writes about mail delivery',
    ...write('Delivery failure of signed mail', 'Your MTA says 550 5.1.1 user unknown; the message could not be delivered.'),
  },
  { name: 'writes about a failure', ...write('failure notice', 'I noticed a failure in the parser.') },
  {
    name: 'reports a hole in a mail server',
    ...write('Exim: mail delivery failed with crafted X-Failed-Recipients', 'X-Failed-Recipients: a@b.example\nmakes it crash.'),
  },
  {
    name: 'writes of a returned message',
    ...write(
      'Returned mail: see transcript for details',
      'What does this subject mean? I see it daily.',
      'User-Agent: Mozilla Thunderbird',
    ),
  },
  { name: 'confirms something', ...write('Please confirm your message', 'Did you get it?') },
  { name: 'is on vacation', ...write('Vacation', 'I am on vacation next week, out of office until Monday.') },
  {
    name: 'answers an absence note',
    ...write('Re: Automatic reply: CVE-2026-1', 'Thanks, I wait.', 'In-Reply-To: <x@b.example>'),
  },
  { name: 'writes of automatic replies', ...write('Automatic replies leak the subject', 'Your receipt tells too much.') },
  { name: 'writes of a car', ...write('Auto: Unfall', 'Das Auto ist kaputt.') },
  {
    name: 'signs a text that is a bounce',
    ...write('Mail delivery failed: returning message to sender', signed.body, signed.type),
  },
  { name: 'signs a report that she shows', ...write('Undeliverable', signedReport.body, signedReport.type) },
  {
    name: 'encrypts, as a postmaster',
    ...write('Undelivered Mail Returned to Sender', encrypted.body, encrypted.type),
    sender: 'postmaster@example.org',
  },
  {
    name: 'encrypts inline under such a subject',
    ...write('Undeliverable: report', '-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----'),
    sender: 'admin@example.org',
  },
  {
    name: 'is a postmaster, and writes',
    ...write(
      'Undeliverable mail to your list',
      'Hello, mail to your list could not be delivered by our server: 550 5.1.1 user unknown.',
    ),
    sender: 'postmaster@example.org',
  },
  {
    name: 'is an admin with a question',
    ...write('Delivery failure', 'Dear team, since Monday your server answers 550 5.7.1 to us. Can you look?'),
    sender: 'admin@example.org',
  },
  {
    name: 'says that it is not automatic',
    ...write('Automatically found bugs', 'By a fuzzer, but I write this.', 'Auto-Submitted: no'),
  },
  { name: 'writes from a group alias', ...write('Bounced', 'The ball bounced.') },
];
