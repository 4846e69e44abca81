import { createHash } from 'node:crypto';
import { composeMail } from '../../src/delivery/compose.ts';
import { automatic, isLoop } from '../../src/mail/automatic.ts';
import { recognise } from '../../src/mail/encrypted.ts';
import { type Entity, parseEntity, parseMessage } from '../../src/mail/message.ts';
import { bringsAPage } from '../../src/mail/page.ts';
import { deliveryReport } from '../../src/mail/report.ts';
import { viewOf } from '../../src/mail/view.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { openMail } from '../../src/pgp/open.ts';
import type { Lookup } from '../../src/pgp/verify.ts';
import { parseRequest } from '../../src/post/commands.ts';
import { Refusal } from '../../src/refusal.ts';
import { AT, type Seeds } from './inputs.ts';

/** What came of an input. */
export type Executed = { verdict: string } | { failure: string };

/** What opens and verifies the inputs. */
export type Keys = Pick<Seeds, 'secrets' | 'known'>;

/** Twice: an answer that is another one the second time is a failure, and so is whatever is thrown and is no Refusal. */
export async function execute(raw: Uint8Array, keys: Keys): Promise<Executed> {
  try {
    const [first, second] = [await verdictOf(raw, keys), await verdictOf(raw, keys)];
    return first === second ? { verdict: first } : { failure: `two verdicts: ${first} and ${second}` };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

async function verdictOf(raw: Uint8Array, { secrets, known }: Keys): Promise<string> {
  try {
    const mail = parseMessage(raw);
    const form = recognise(mail).form;
    const outside = [automatic(mail, ''), automatic(mail, 'a@sender.example'), isLoop(mail, LISTS), reportOf(mail)];
    const opened = await openMail({ raw, secrets, at: AT, withSignature: true }, await lookupIn(known));
    const { text, files } = viewOf(parseEntity(opened.content));
    for (const data of opened.aside) viewOf(parseEntity(data));
    const copy = composeMail(opened, ORIGIN, 'k7m2x');
    const carried = parseEntity(copy.content);
    if (bringsAPage(carried)) throw new Error('a page stands beside the words at the top');
    const again = viewOf(carried);
    const seen = [
      JSON.stringify(outside),
      JSON.stringify(parseRequest(text)),
      opened.subject,
      text,
      again.text,
      ...files.map(({ name }) => name),
      ...opened.signatures.map(({ digest }) => digest),
    ];
    const signatures = opened.signatures.map(({ valid, reason }) => (valid ? 'good' : reason)).join(',');
    return `${form} ${opened.form} ${signatures} ${opened.signer?.fingerprint ?? '-'} ${sha256(seen.join('\0'))}`;
  } catch (error) {
    if (error instanceof Refusal) return `refused ${error.reason}`;
    throw error;
  }
}

const LISTS = ['security.orbit.example'];
const ORIGIN = {
  contact: null,
  sender: 'a@sender.example',
  caseId: 'ORBIT-2026-0001',
  circle: null,
  held: null,
  beside: [],
  copy: null,
  looked: true,
};

function reportOf(mail: Entity): unknown {
  const report = deliveryReport(mail);
  return report && { ...report, original: report.original?.mediaType ?? null };
}

async function lookupIn(known: readonly Uint8Array[]): Promise<Lookup> {
  const all = await Promise.all(known.map((data) => readCertificate(data)));
  return async (keyIds) => all.filter(({ keys }) => keys.some(({ keyId }) => keyIds.includes(keyId))).map(({ data }) => data);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
