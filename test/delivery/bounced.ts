import type { Accepted } from '../../src/post/received.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { encryptedMail } from '../support/compose.ts';
import { type House, LISTS, type Person } from '../support/house.ts';
import type { Sent } from './outbox.ts';

let made = 0;

/** What a mail server says of one recipient (RFC 3464); each another mail. */
export function report(of: { status: string; action?: string; words?: string }): Buffer {
  const { status, action = 'failed', words = 'no' } = of;
  const lines = [
    'From: MAILER-DAEMON@elsewhere.example',
    `Message-ID: <${++made}@elsewhere.example>`,
    'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'It is as follows.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; elsewhere.example',
    '',
    'Final-Recipient: rfc822; somebody@elsewhere.example',
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${words}`,
    '--b--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}

/** It comes to the envelope sender of a copy. */
export function bounce(house: House, copy: Sent | undefined, of: Parameters<typeof report>[0]): Promise<Accepted> {
  if (!copy?.from) throw new Error('there is no copy to give back');
  return arrive(house, report(of), { to: copy.from, sender: null });
}

/** Mail of a member to his list, each another one. */
export async function posting(house: House, from: Person): Promise<Accepted> {
  const words = { to: LISTS.distributors, at: house.clock.now(), text: `Words ${++made}.\n` };
  const sealing = { recipients: [listCertificate(house, LISTS.distributors)], signer: from };
  const raw = await encryptedMail(letterOf(house, from, words), sealing);
  return arrive(house, raw, { to: LISTS.distributors, sender: from.address });
}
