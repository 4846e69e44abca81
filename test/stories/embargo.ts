import type { Details } from '../../src/cases/details.ts';
import { type Instant, toIso } from '../../src/clock.ts';
import { KNOWN } from '../embargo/armed.ts';
import { encryptedMail, type Letter } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import type { Sink, SunkMail } from '../support/sink.ts';

export const REPORTER = 'rita@research.example';

/** A report, encrypted and signed by the party of that address, its certificate with it. */
export async function reportMail(house: Instance, letter: Partial<Letter> = {}, from = REPORTER): Promise<Buffer> {
  const reporter = await makeParty(from);
  const key = { name: 'key.asc', type: 'application/pgp-keys', data: Buffer.from(reporter.public) };
  const words = { subject: 'A hole', outerSubject: '...', text: 'It crashes.\n', ...letter };
  const whole = { from: reporter, to: LISTS.security, ...words, attachments: [key, ...(letter.attachments ?? [])] };
  return encryptedMail(whole, { recipients: [await house.certificate(LISTS.security)], signer: reporter });
}

/** Sends one and waits until its copies and the receipt are out; the id of its case. */
export async function openCase(house: Instance, letter?: Partial<Letter>, from = REPORTER): Promise<string> {
  const mail = await reportMail(house, letter, from);
  const reply = await house.send(from, LISTS.security, mail);
  if (!/^250 2\.0\.0 Accepted as \w+/.test(reply)) throw new Error(`a report was answered with ${reply}`);
  await house.settled();
  const { body } = await house.api(house.adminToken, 'GET', '/cases?limit=1');
  const [newest] = body['items'] as { id: string }[];
  return newest?.id ?? '';
}

export interface Release {
  releaseAt: Instant;
  subject?: string;
  text?: string;
  patch?: { name: string; bytes: Buffer };
  /** Of what is known of the case, beside what distributors need. */
  known?: Partial<Details>;
}

/** Through REST: a patch, instant and text, and two different people who approve them. */
export async function arm(house: Instance, id: string, wish: Release): Promise<void> {
  const { releaseAt, subject = 'CVE-2026-99001: a hole', text = 'Update to 1.2.9.\n' } = wish;
  const patch = wish.patch ?? { name: 'fix.patch', bytes: Buffer.from('--- a\n+++ b\n') };
  const [lena, dirk] = await Promise.all([house.token(TEAM[0]), house.token(TEAM[1])]);
  const body = { name: patch.name, content: patch.bytes.toString('base64') };
  await must(house, lena, 'PATCH', `/cases/${id}`, { ...KNOWN, ...wish.known });
  await must(house, lena, 'POST', `/cases/${id}/patches`, body);
  const answer = await must(house, lena, 'PUT', `/cases/${id}/schedule`, { releaseAt: toIso(releaseAt), subject, text });
  const hash = answer['bundleHash'];
  for (const token of [lena, dirk]) await must(house, token, 'POST', `/cases/${id}/approvals`, { hash });
}

export async function dispatch(house: Instance, id: string, list: string = LISTS.distributors): Promise<void> {
  const token = await house.token(TEAM[0]);
  await must(house, token, 'POST', `/cases/${id}/dispatch`, { list });
}

/** Through REST, where it is done; what was answered. */
export async function must(house: Instance, token: string, method: string, path: string, body: object) {
  const answer = await house.api(token, method, path, body);
  if (![200, 201, 202].includes(answer.status))
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** How many mails each address got, in alphabetical order. */
export function counted(mails: readonly SunkMail[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const address of mails.flatMap(({ to }) => to).sort()) counts[address] = (counts[address] ?? 0) + 1;
  return counts;
}

export function mailsTo({ mails }: Pick<Sink, 'mails'>, address: string): SunkMail[] {
  return mails.filter(({ to }) => to.includes(address));
}

export function messageIdOf({ raw }: SunkMail): string {
  return /^Message-ID: (\S+)/im.exec(raw.toString('latin1'))?.[1] ?? '';
}
