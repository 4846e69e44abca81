/** Delivery reports and automatic replies as mail systems write them, composed from their formats. LF line ends. */
export interface Sample {
  name: string;
  /** Of the envelope; null is the null sender. A sender of `lost` is what a gateway or a forwarder put there. */
  sender: string | null;
  mail: string;
  /** What the report says: the recipient, whether it is permanent, and the status or a piece of the diagnostic. */
  says?: { address: string | null; permanent: boolean; action?: string; status?: string | null; diagnostic?: RegExp };
}

const LOST = 'forwarder@mail.example.net';
const FAILED = 'erika@beta.example';

const head = (from: string, subject: string, ...more: string[]) =>
  [
    `From: ${from}`,
    'To: distributors-bounce@orbit.example',
    `Subject: ${subject}`,
    'Date: Tue, 1 Sep 2026 10:00:00 +0000',
    ...more,
  ].join('\n');

const copy = [
  'Return-Path: <distributors-bounce@orbit.example>',
  'Received: from mx.orbit.example by mx.beta.example; Tue, 1 Sep 2026 09:59:00 +0000',
  'From: Orbit <distributors@orbit.example>',
  'To: distributors@orbit.example',
  'Subject: [...]',
  'Message-ID: <original.1@orbit.example>',
  '',
  '-----BEGIN PGP MESSAGE-----',
].join('\n');

const text = (from: string, subject: string, body: string, ...more: string[]) => `${head(from, subject, ...more)}\n\n${body}\n`;

const parts = (type: string, ...all: string[]) =>
  `Content-Type: ${type}; boundary="b1"\n\nThis is a MIME message.\n${all.map((part) => `--b1\n${part}\n`).join('')}--b1--\n`;

const plain = (body: string) => `Content-Type: text/plain; charset=utf-8\n\n${body}\n`;
const returned = `Content-Type: message/rfc822\n\n${copy}`;
const status = (fields: string) => `Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.beta.example\n\n${fields}\n`;
const dsn = (from: string, subject: string, words: string, fields: string, ...more: string[]) =>
  `${head(from, subject, ...more)}\nMIME-Version: 1.0\n${parts('multipart/report; report-type=delivery-status', plain(words), status(fields), returned)}`;
const mixed = (from: string, subject: string, words: string, ...more: string[]) =>
  `${head(from, subject, ...more)}\nMIME-Version: 1.0\n${parts('multipart/mixed', plain(words), returned)}`;

const FINAL = `Final-Recipient: rfc822; ${FAILED}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user`;
const gone = { address: FAILED, permanent: true };
const later = { address: FAILED, permanent: false, action: 'delayed' };

export const BOUNCES: readonly Sample[] = [
  {
    name: 'Postfix, delayed',
    sender: null,
    mail: dsn(
      'MAILER-DAEMON@mx.beta.example (Mail Delivery System)',
      'Delayed Mail (still being retried)',
      'This is the mail system at host mx.beta.example.\n\n####\n# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #',
      `Final-Recipient: rfc822; ${FAILED}\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; connect timed out\nWill-Retry-Until: Sun, 6 Sep 2026`,
    ),
    says: { ...later, status: '4.4.1' },
  },
  {
    name: 'Postfix, delivered',
    sender: null,
    mail: dsn(
      'MAILER-DAEMON@mx.beta.example',
      'Successful Mail Delivery Report',
      'Your message was successfully delivered to the destination(s) listed below.',
      `Final-Recipient: rfc822; ${FAILED}\nAction: delivered\nStatus: 2.0.0`,
    ),
    says: { address: FAILED, permanent: false, action: 'delivered', status: '2.0.0' },
  },
  {
    name: 'Office 365, HTML, without an envelope',
    sender: LOST,
    mail: `${head('Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@beta.example>', 'Undeliverable: [...]', 'Auto-Submitted: auto-replied', 'X-MS-Exchange-Message-Is-Ndr:', 'In-Reply-To: <original.1@orbit.example>')}\n${parts('multipart/report; report-type=delivery-status', `Content-Type: text/html; charset=utf-8\n\n<html><style>p{}</style><body><p>Your message to <a href="mailto:${FAILED}">${FAILED}</a> couldn't be delivered.</p></body></html>`, status(`Final-Recipient: rfc822;${FAILED}\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found`))}`,
    says: { ...gone, status: '5.1.10', diagnostic: /RecipientNotFound/ },
  },
  {
    name: 'Exchange in German, type lost on a gateway',
    sender: LOST,
    mail: `${head('postmaster@beta.example', 'Unzustellbar: [...]')}\n${parts('multipart/mixed', plain(`Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:\n\n${FAILED}`), `Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n${Buffer.from(`Reporting-MTA: dns;ex.beta.example\n\nFinal-recipient: RFC822;${FAILED}\nAction: failed\nStatus: 5.2.2\n`).toString('base64')}`, returned)}`,
    says: { ...gone, status: '5.2.2' },
  },
  {
    name: 'Exchange 5.5',
    sender: LOST,
    mail: mixed(
      'System Administrator <postmaster@beta.example>',
      'Undeliverable: [...]',
      `Your message\n\n  To:      ${FAILED}\n  Subject: delayed flights\n  Sent:    Tue, 1 Sep 2026\n\ndid not reach the following recipient(s):\n\n${FAILED} on Tue, 1 Sep 2026\n    The recipient name is not recognized`,
    ),
    says: { ...gone, action: 'failed' },
  },
  {
    name: 'Microsoft SMTPSVC, broken fields',
    sender: null,
    mail: dsn(
      'postmaster@beta.example',
      'Delivery Status Notification (Failure)',
      'This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.',
      `Action: failed\n\nFinal-Recipient: ${FAILED}\n\nStatus: 5.1.1 (bad destination mailbox address)`,
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Exim in plain text',
    sender: LOST,
    mail: text(
      'Mail Delivery System <Mailer-Daemon@mx.beta.example>',
      'Mail delivery failed: returning message to sender',
      `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  ${FAILED}\n    SMTP error from remote mail server after RCPT TO:<${FAILED}>:\n    550 5.1.1 User unknown\n\n------ This is a copy of the message, including all the headers. ------\n\n${copy}`,
    ),
    says: { ...gone, status: '5.1.1', diagnostic: /550 5\.1\.1 User unknown/ },
  },
  {
    name: 'Exim, delayed',
    sender: null,
    mail: text(
      'Mail Delivery System <Mailer-Daemon@mx.beta.example>',
      'Warning: message 1abc-0001-00 delayed 24 hours',
      `This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.beta.example.\n\nThe address to which the message has not yet been delivered is:\n\n  ${FAILED}\n    Delay reason: Connection timed out\n\nNo action is required on your part. Delivery attempts will continue for\nsome time.`,
    ),
    says: { ...later, diagnostic: /Connection timed out/ },
  },
  {
    name: 'Sendmail in plain text',
    sender: LOST,
    mail: text(
      'Mail Delivery Subsystem <MAILER-DAEMON@beta.example>',
      'Returned mail: User unknown',
      `The original message was received at Tue, 1 Sep 2026 10:00:00 GMT\nfrom mx.orbit.example [192.0.2.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<${FAILED}>\n\n   ----- Transcript of session follows -----\n... while talking to beta.example.:\n>>> RCPT To:<${FAILED}>\n<<< 550 5.1.1 <${FAILED}>... User unknown\n550 5.1.1 <${FAILED}>... User unknown\n\n   ----- Original message follows -----\n\n${copy}`,
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Sendmail, warning',
    sender: null,
    mail: text(
      'Mail Delivery Subsystem <MAILER-DAEMON@beta.example>',
      'Warning: could not send message for past 4 hours',
      `    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n    **********************************************\n\n   ----- The following addresses had transient non-fatal errors -----\n<${FAILED}>`,
      'Auto-Submitted: auto-generated (warning-timeout)',
    ),
    says: later,
  },
  {
    name: 'qmail without an envelope',
    sender: LOST,
    mail: text(
      'MAILER-DAEMON@beta.example',
      'failure notice',
      `Hi. This is the qmail-send program at beta.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<${FAILED}>:\n192.0.2.9 does not like recipient.\nRemote host said: 450 4.2.2 mailbox full\n\n--- Below this line is a copy of the message.\n\n${copy}`,
    ),
    says: { ...gone, status: '4.2.2', diagnostic: /^192\.0\.2\.9 does not like recipient\. Remote host said: 450/ },
  },
  {
    name: 'qmail, introduced in Spanish',
    sender: null,
    mail: text(
      'Postmaster <postmaster@beta.example>',
      'failure notice',
      `Su mensaje no pudo ser entregado.\n\n<${FAILED}>:\nNo existe el buzon. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n${copy}`,
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Courier',
    sender: LOST,
    mail: `${head('"courier mail server at beta.example" <@>', 'NOTICE: mail delivery status.')}\n${parts('multipart/report; report-type=delivery-status', plain(`This is a delivery status notification from beta.example,\nrunning the Courier mail server, version 1.0.\n\nUNDELIVERABLE MAIL\n\n<${FAILED}>:\n     550 User unknown.`), status(FINAL), returned)}`,
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Gmail',
    sender: null,
    mail: text(
      'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      'Delivery Status Notification (Failure)',
      `** Address not found **\n\nYour message wasn't delivered to ${FAILED} because the address couldn't be found, or is unable to receive mail.\n\nThe response from the remote server was:\n550 5.1.1 <${FAILED}>: user unknown`,
      `X-Failed-Recipients: ${FAILED}`,
      'Auto-Submitted: auto-replied',
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Yahoo',
    sender: null,
    mail: text(
      'MAILER-DAEMON@yahoo.com',
      'Failure Notice',
      `Sorry, we were unable to deliver your message to the following address.\n\n<${FAILED}>:\n554: delivery error: dd This user doesn't have an account\n\n--- Below this line is a copy of the message.\n\n${copy}`,
    ),
    says: { ...gone, status: '5.0.0' },
  },
  {
    name: 'Yahoo for other domains',
    sender: LOST,
    mail: text(
      'MAILER-DAEMON@mail.beta.example',
      'failure delivery',
      `Message from beta.example.\nUnable to deliver message to the following address(es).\n\n<${FAILED}>:\nThis user is over quota.\n\n--- Original message follows.\n\n${copy}`,
    ),
    says: { ...gone, diagnostic: /over quota/ },
  },
  {
    name: 'Domino in plain text',
    sender: LOST,
    mail: text(
      'Postmaster@beta.example',
      `DELIVERY FAILURE: User erika (${FAILED}) not listed in Domino Directory`,
      `Your message\n\n  Subject: [...]\n\nwas not delivered to:\n\n  ${FAILED}\n\nbecause:\n\n  User erika not listed in Domino Directory`,
    ),
    says: { ...gone, diagnostic: /^User erika not listed/ },
  },
  {
    name: 'GroupWise',
    sender: LOST,
    mail: mixed(
      '"Mailer-Daemon" <Mailer-Daemon@gw.beta.example>',
      'Message status - undeliverable',
      `The message that you sent was undeliverable to the following:\n\t${FAILED} (user not found)\n`,
    ),
    says: gone,
  },
  {
    name: 'IMail',
    sender: LOST,
    mail: text(
      '"Postmaster" <postmaster@beta.example>',
      'Undeliverable Mail',
      `Unknown user: ${FAILED}\n\nOriginal message follows.\n\n${copy}`,
      'X-Mailer: <SMTP32 v8.22>',
    ),
    says: gone,
  },
  {
    name: 'MailEnable',
    sender: null,
    mail: text(
      'postmaster@beta.example',
      'Message Delivery Failure',
      `MailEnable: Message could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:${FAILED}]\n\tReason: The mailbox does not exist\n\nMessage headers follow:\n\n${copy}`,
    ),
    says: gone,
  },
  {
    name: 'MDaemon',
    sender: LOST,
    mail: text(
      'MDaemon@beta.example',
      'Permanent Delivery Failure',
      `The following addresses did NOT receive a copy of your message:\n\n> ${FAILED}\n\n--- Session Transcript ---\n<-- 550 5.1.1 unknown user`,
    ),
    says: gone,
  },
  {
    name: 'CommuniGate',
    sender: null,
    mail: dsn(
      '<MAILER-DAEMON@beta.example>',
      'Undeliverable mail: [...]',
      `Failed to deliver to '${FAILED}'\nLOCAL module(account erika) reports:\n account is full (quota exceeded)`,
      `Original-Recipient: rfc822;<${FAILED}>\nFinal-Recipient: system;<>\nAction: failed\nStatus: 5.0.0`,
    ),
    says: { ...gone, diagnostic: /quota exceeded/ },
  },
  {
    name: 'InterScan VirusWall',
    sender: LOST,
    mail: text(
      'InterScan <admin@beta.example>',
      'Undeliverable Mail',
      `Message from InterScan E-Mail VirusWall NT\n\nUnable to deliver message to:\n  RCPT TO:  <${FAILED}>\n\nResponse from server: 550 unknown user\n\n**** End of message ****`,
    ),
    says: { ...gone, status: '5.0.0' },
  },
  {
    name: 'Symantec gateway',
    sender: LOST,
    mail: text(
      'Symantec_AntiVirus_for_SMTP_Gateways@beta.example',
      'Symantec AVF detected a banned attachment',
      `Your message with subject "[...]" to ${FAILED} could not be delivered: it violated a policy.`,
    ),
    says: gone,
  },
  {
    name: 'amavisd',
    sender: null,
    mail: dsn(
      '"Content-filter at mx.beta.example" <postmaster@mx.beta.example>',
      'BANNED contents from you (.exe)',
      'Our content checker found\n    banned name: .exe',
      `Final-Recipient: rfc822;${FAILED}\nAction: failed\nStatus: 5.7.0\nDiagnostic-Code: smtp; 554 5.7.0 Reject - BANNED`,
    ),
    says: { ...gone, status: '5.7.0' },
  },
  {
    name: 'a challenge',
    sender: null,
    mail: text(
      'erika@beta.example',
      'Please confirm your message',
      'This message is an automated response. Your message to me is being held because your address is not known.\nTo release it reply to this mail.',
      'Auto-Submitted: auto-replied',
    ),
    says: { address: null, permanent: false },
  },
  {
    name: 'Smail',
    sender: LOST,
    mail: text(
      '<MAILER-DAEMON@beta.example>',
      'mail failed, returning to sender',
      `|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <${FAILED}> ... unknown user\n|------------------------- Message text follows: ------------------------|\n${copy}`,
    ),
    says: gone,
  },
  {
    name: 'Netscape, iPlanet',
    sender: null,
    mail: mixed(
      'Internet Mail Delivery <postmaster@beta.example>',
      'Delivery Notification: Delivery has failed',
      `This report relates to a message you sent with the following header fields:\n\n  Message-id: <original.1@orbit.example>\n\nYour message cannot be delivered to the following recipients:\n\n  Recipient address: ${FAILED}\n  Reason: Illegal host/domain name found`,
    ),
    says: gone,
  },
  {
    name: 'AOL',
    sender: null,
    mail: text(
      'Mail Delivery Subsystem <MAILER-DAEMON@aol.com>',
      'Returned mail: see transcript for details',
      `Your mail to the following recipients could not be delivered because they are not accepting mail from distributors@orbit.example:\n\t${FAILED}\n`,
    ),
    says: gone,
  },
  {
    name: 'Mimecast, a global status part',
    sender: LOST,
    mail: `${head('<postmaster@beta.example>', '[Postmaster] Email Delivery Failure')}\n${parts('multipart/report; report-type=delivery-status', plain('This is a delivery failure notification message'), `Content-Type: message/global-delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: utf-8; erik\\x{C5}@beta.example\nAction: failed\nStatus: 5.6.7`)}`,
    says: { address: 'erikÅ@beta.example', permanent: true, status: '5.6.7' },
  },
  {
    name: 'a report with nothing but its type',
    sender: LOST,
    mail: `${head('Mail <x@beta.example>', 'a')}\n${parts('multipart/report', plain('It did not work.'))}`,
  },
  {
    name: 'a signed report of a gateway',
    sender: null,
    mail: `${head('postmaster@beta.example', 'Undeliverable')}\nContent-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=s\n\n--s\n${parts('multipart/report; report-type=delivery-status', plain('Failed.'), status(FINAL))}--s\nContent-Type: application/pkcs7-signature\n\nx\n--s--\n`,
    says: gone,
  },
  {
    name: 'Exchange in French',
    sender: null,
    mail: text(
      'postmaster@beta.example',
      '=?utf-8?Q?Non_remis=C2=A0:_[...]?=',
      `Échec de la remise pour ces destinataires ou groupes :\n\n${FAILED}\nL'adresse de messagerie que vous avez entrée est introuvable.`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: gone,
  },
  {
    name: 'Exchange in Russian',
    sender: LOST,
    mail: text(
      'postmaster@beta.example',
      'Недоставлено: [...]',
      `Не удалось выполнить доставку следующим получателям или группам:\n\n${FAILED}\nАдрес не найден.\n\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'QQ in Chinese',
    sender: null,
    mail: text(
      'PostMaster@qq.example',
      '系统退信/Systembounce',
      `您的邮件被退回。\n\n收件人: ${FAILED}\n原因: 550 5.1.1 mailbox not found`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'docomo in Japanese',
    sender: null,
    mail: text(
      'postmaster@mail.example.jp',
      '配信できませんでした',
      `次の宛先にメールを配信できませんでした。\n\n${FAILED}\n`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: gone,
  },
  {
    name: 'Korean',
    sender: null,
    mail: text(
      'postmaster@mail.example.kr',
      '전송 실패',
      `메일을 전송하지 못했습니다.\n\n<${FAILED}>: 550 5.1.1 user unknown`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: { ...gone, status: '5.1.1' },
  },
  {
    name: 'Polish',
    sender: null,
    mail: text(
      'postmaster@poczta.example.pl',
      'Niedostarczone: [...]',
      `Dostarczenie do następujących adresatów lub grup nie powiodło się:\n\n${FAILED}`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: gone,
  },
  {
    name: 'Portuguese',
    sender: LOST,
    mail: text(
      'Mail Delivery System <postmaster@correio.example.br>',
      'Não entregue: [...]',
      `Sua mensagem não pôde ser entregue a:\n\n${FAILED}`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: gone,
  },
  {
    name: 'Italian',
    sender: null,
    mail: text(
      'postmaster@posta.example.it',
      'Avviso di mancata consegna',
      `Il messaggio non è stato consegnato a:\n\n${FAILED}`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: gone,
  },
  {
    name: 'kundenserver.de, delayed in German',
    sender: null,
    mail: text(
      'Mail Delivery System <mailer-daemon@kundenserver.example>',
      'Zustellung verzögert',
      `Diese Nachricht wurde automatisch vom Mailserver erzeugt.\nDie Zustellung an\n\n  ${FAILED}\n\nist verzögert. Weitere Zustellversuche folgen.`,
      'Content-Type: text/plain; charset=utf-8',
    ),
    says: later,
  },
  {
    name: 'X.400, without an Internet address',
    sender: null,
    mail: dsn(
      'postmaster@beta.example',
      'Non-Delivery Report',
      'See the report.',
      'Final-Recipient: x400; /c=us/s=erika\nAction: failed\nStatus: 5.1.1',
    ),
    says: { address: null, permanent: true, status: '5.1.1' },
  },
  {
    name: 'a header section that runs into its first part',
    sender: null,
    mail: dsn('MAILER-DAEMON@beta.example', 'Undelivered Mail Returned to Sender', 'Sorry.', FINAL).replace(
      '\n\nThis is a MIME message.\n',
      '\n',
    ),
    says: gone,
  },
  {
    name: 'MDaemon, as a note',
    sender: LOST,
    mail: text(
      'MDaemon <MDaemon@beta.example>',
      `Warning: ${FAILED} - User unknown!`,
      `------\nNOTE: This message was created automatically by mail delivery software.\n------\n\n> ${FAILED} - no such user here.`,
    ),
    says: gone,
  },
  {
    name: 'an advisory',
    sender: LOST,
    mail: text(
      'POSTMASTER@beta.example',
      'Delivery Notification: Delivery has been delayed',
      `This is an advisory-only email.  Please do not resend your message.\nYour message has not yet been delivered to:\n\n  ${FAILED}\n\nDelivery attempts will continue.`,
    ),
    says: later,
  },
  {
    name: 'Netscape Messaging Server',
    sender: LOST,
    mail: text(
      '"Mail Administrator" <Postmaster@beta.example>',
      'Mail System Error - Returned Mail',
      `This Message was undeliverable due to the following reason:\n\nHost not found\n\nThe following recipients did not receive this message:\n\n     <${FAILED}>`,
    ),
    says: gone,
  },
];

export const REPLIES: readonly Sample[] = [
  {
    name: 'Sieve vacation (RFC 5230)',
    sender: null,
    mail: text('erika@beta.example', 'Auto: [...]', 'I am away.', 'Auto-Submitted: auto-replied (vacation)'),
  },
  {
    name: 'Exchange',
    sender: null,
    mail: text(
      'erika@beta.example',
      'Automatic reply: [...]',
      'I am out of the office.',
      'X-Auto-Response-Suppress: All',
      'Auto-Submitted: auto-generated',
    ),
  },
  {
    name: 'Exchange in German, envelope lost',
    sender: LOST,
    mail: text(
      'erika@beta.example',
      'Automatische Antwort: [...]',
      'Ich bin nicht im Büro.',
      'X-Auto-Response-Suppress: All',
      'Auto-Submitted: auto-generated',
    ),
  },
  {
    name: 'Exchange in Japanese',
    sender: null,
    mail: text('erika@beta.example', '自動応答: [...]', '不在です。', 'Content-Type: text/plain; charset=utf-8'),
  },
  {
    name: 'Outlook of long ago',
    sender: FAILED,
    mail: text('erika@beta.example', 'Out of Office AutoReply: [...]', 'Back on Monday.'),
  },
  { name: 'vacation(1)', sender: null, mail: text('erika@beta.example', 'Re: [...]', 'I am on vacation.', 'Precedence: bulk') },
  {
    name: 'vacation(1), envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', 'away on vacation', 'I am on vacation.', 'Precedence: bulk'),
  },
  {
    name: 'a hosted mailbox in German, envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', 'Abwesend bis 4. Dezember', 'Ich bin nicht da.', 'X-Auto-Response-Suppress: All'),
  },
  {
    name: 'a hosted mailbox in Russian, envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', 'В отпуске до 5 декабря', 'Меня нет.', 'X-Auto-Response-Suppress: All'),
  },
  {
    name: 'a hosted mailbox in Japanese, envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', '不在のお知らせ', '休んでいます。', 'Precedence: bulk'),
  },
  {
    name: 'a hosted mailbox that shouts, envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', 'OOO until Monday', 'I am away.', 'Precedence: bulk'),
  },
  {
    name: 'a hosted mailbox in French, envelope lost',
    sender: LOST,
    mail: text('erika@beta.example', 'Absente du bureau', 'Je reviens lundi.', 'Auto-Submitted: auto-generated'),
  },
  {
    name: 'Gmail',
    sender: null,
    mail: text(
      'erika@beta.example',
      'Urlaub Re: [...]',
      'Bin weg; Mails could not be delivered to me.',
      'Precedence: bulk',
      'X-Autoreply: yes',
    ),
  },
  {
    name: 'cPanel',
    sender: FAILED,
    mail: text('erika@beta.example', 'Thank you', 'We got it.', 'X-Autorespond: [...]', 'Precedence: auto_reply'),
  },
  {
    name: 'qmail-autoresponder',
    sender: FAILED,
    mail: text('erika@beta.example', 'Hello', 'We got it.', 'Delivered-To: Autoresponder'),
  },
  {
    name: 'a ticket system',
    sender: 'support@beta.example',
    mail: text('support@beta.example', '[Ticket 17] [...]', 'We have received your request.', 'Auto-Submitted: auto-replied'),
  },
  {
    name: 'a null sender without a word of failure',
    sender: null,
    mail: text('erika@beta.example', 'Re: [...]', 'Esmu atvaļinājumā.'),
  },
  {
    name: 'a read receipt (RFC 8098)',
    sender: null,
    mail: `${head('erika@beta.example', 'Read: [...]')}\n${parts('multipart/report; report-type=disposition-notification', plain('Your message was displayed.'), 'Content-Type: message/disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; displayed')}`,
  },
  {
    name: 'a quota warning of a postmaster',
    sender: null,
    mail: text('postmaster@beta.example', 'Your mailbox is almost full', 'Please tidy up.'),
  },
];

export const NOTICES: readonly Sample[] = [
  {
    name: 'a tracker about "OOo Impress: heap overflow in PPT import"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'OOo Impress: heap overflow in PPT import',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "Out of office responder leaks calendar data"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Out of office responder leaks calendar data',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "On leave, session token is not revoked"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'On leave, session token is not revoked',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "On vacation mode, autoresponder loops"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'On vacation mode, autoresponder loops',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "Ausente: token"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Ausente: token',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "Poissa: bypass"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Poissa: bypass',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: 'a tracker about "Urlaub - Modul: SQL injection"',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Urlaub - Modul: SQL injection',
      'The endpoint can be called.',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: "a tracker's report in English",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      '[org/repo] Absent authentication check in the API (Issue #12)',
      'The endpoint can be called without a token.',
      'X-Auto-Response-Suppress: All',
      'Precedence: list',
    ),
  },
  {
    name: "a tracker's report in German",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'orbit | Automatische Anmeldung umgehbar (#7)',
      'The endpoint can be called without a token.',
      'Auto-Submitted: auto-generated',
      'X-Auto-Response-Suppress: All',
    ),
  },
  {
    name: "a tracker's report in French",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Connexion automatique sans mot de passe',
      'The endpoint can be called without a token.',
      'Precedence: bulk',
    ),
  },
  {
    name: "a tracker's report about a planner",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Semester planner plugin: XSS',
      'The endpoint can be called without a token.',
      'Precedence: bulk',
    ),
  },
  {
    name: "a tracker's report about a mailer",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Vacation plugin of mailer: remote code execution',
      'The endpoint can be called without a token.',
      'Precedence: bulk',
      'In-Reply-To: <bug-12@tracker.example>',
    ),
  },
  {
    name: "a tracker's report about a token",
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'CSRF token absent from login',
      'The endpoint can be called without a token.',
      'X-Auto-Response-Suppress: All',
      'In-Reply-To: <bug-13@tracker.example>',
    ),
  },
  {
    name: 'a bug tracker',
    sender: 'bugs@tracker.example',
    mail: text(
      'Tracker <bugs@tracker.example>',
      'Bug#17: Mail delivery failed: returning message to sender',
      'This message was created automatically.\nSomebody wrote: 550 5.1.1 user unknown',
      'Auto-Submitted: auto-generated',
    ),
  },
  {
    name: 'a monitor',
    sender: 'root@host.example',
    mail: text(
      'root@host.example',
      'Mail delivery failure on host.example',
      'Mail could not be delivered: 450 4.7.1 greylisted',
      'Auto-Submitted: auto-generated',
    ),
  },
  {
    name: 'a post of a list about mail',
    sender: 'postfix-users-bounces@list.example',
    mail: text(
      'Wietse <wietse@porcupine.example>',
      'Undelivered Mail Returned to Sender',
      'Somebody asked about "This is the mail system at host".',
      'List-Id: <postfix-users.list.example>',
      'Precedence: list',
    ),
  },
  {
    name: "a list's notice of a bounce",
    sender: 'list-bounces@list.example',
    mail: mixed(
      'list-owner@list.example',
      'Uncaught bounce notification',
      'The attached message was received as a bounce, but its format was not recognised.',
      'Auto-Submitted: auto-generated',
      'Precedence: bulk',
    ),
  },
  {
    name: 'an abuse report (RFC 5965)',
    sender: null,
    mail: `${head('fbl@isp.example', 'Abuse report')}\n${parts('multipart/report; report-type=feedback-report', plain('This is an abuse report for a message delivery failure.'), 'Content-Type: message/feedback-report\n\nFeedback-Type: abuse', returned)}`,
  },
  {
    name: 'a TLS report (RFC 8460)',
    sender: 'tls@isp.example',
    mail: `${head('tls@isp.example', 'Report Domain: orbit.example')}\n${parts('multipart/report; report-type=tlsrpt', plain('x'), 'Content-Type: application/tlsrpt+gzip\n\nx')}`,
  },
  {
    name: 'a DMARC report',
    sender: 'noreply-dmarc@isp.example',
    mail: text('noreply-dmarc@isp.example', 'Report Domain: orbit.example Submitter: isp.example', 'Attached.'),
  },
  {
    name: 'a parcel service',
    sender: 'noreply@parcel.example',
    mail: text(
      'noreply@parcel.example',
      'Delivery failed: your parcel',
      'Dear customer, your parcel could not be delivered to your address.',
    ),
  },
  {
    name: 'a program that wants no answer',
    sender: 'jira@beta.example',
    mail: text('jira@beta.example', '[JIRA] New issue', 'x', 'X-Auto-Response-Suppress: DR, OOF, AutoReply'),
  },
];
