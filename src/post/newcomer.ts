import { DAY } from '../clock.ts';
import { send } from '../delivery/send.ts';
import { requestAnswer } from '../notices/templates.ts';
import { noticeEntity, writeNotice } from '../notices/write.ts';
import { keyIdOf } from '../pgp/key-packets.ts';
import type { OpenedMail, Signer } from '../pgp/open.ts';
import { Refusal } from '../refusal.ts';
import { type AdmissionRules, applyUnseen, roomIn } from '../roster/apply.ts';
import { readKnown } from '../roster/known.ts';
import { takeProof } from '../roster/prove.ts';
import { isOut } from '../roster/state.ts';
import { keepStranger } from '../roster/strangers.ts';
import type { Seams } from '../seams.ts';
import * as certificates from '../store/certificates.ts';
import * as contacts from '../store/contacts.ts';
import * as deliveries from '../store/deliveries.ts';
import * as posts from '../store/posts.ts';
import type { Certificate, List } from '../store/schema.ts';
import { applicationForm, isApplication, parseApplication, type WrittenApplication } from './application.ts';
import { parseRequest } from './commands.ts';
import type { Destination } from './destination.ts';
import { type FiledPost, once, placeOf } from './file.ts';
import type { Look } from './look.ts';
import { certificateOfSigner, isUnanswerable } from './receipt.ts';
import type { Accepted, Identity } from './received.ts';
import { commandsOf, misaddressed } from './request.ts';

/** What somebody asks for who is not on the roster, or not with the certificate that signed. */
export type Newcomer = { asks: 'to-apply' } | { asks: 'to-prove'; certificate: Certificate };

/** What was opened, and has a signer. */
type Signed = Look & { opened: OpenedMail & { signer: Signer } };

function isSigned(look: Look): look is Signed {
  return look.opened?.signer != null && look.opened.allEncrypted;
}

/** Null for everybody else. Who is on the way in has applied, and who is a member needs not. */
export async function newcomerOf({ db }: Seams, { purpose, list }: Destination, look: Look): Promise<Newcomer | null> {
  if (purpose !== 'request' || list.role === 'public' || !isSigned(look)) return null;
  const { opened, roster } = look;
  if (roster) return isOut(roster.member.state) && isApplication(commandsOf(opened)) ? { asks: 'to-apply' } : null;
  const { fingerprint } = opened.signer;
  const waiting = await certificates.proposedByKeyIds(db, [keyIdOf(fingerprint)]);
  const certificate = waiting.find((one) => one.fingerprint === fingerprint);
  if (certificate && parseRequest(commandsOf(opened)).commands.some(({ name }) => name === 'prove'))
    return { asks: 'to-prove', certificate };
  return isApplication(commandsOf(opened)) ? { asks: 'to-apply' } : null;
}

export function runNewcomer(
  seams: Seams,
  identity: Identity,
  to: Destination,
  post: FiledPost,
  look: Look,
  newcomer: Newcomer,
): Promise<Accepted> {
  if (!isSigned(look)) throw new Error('a newcomer without a signer was admitted');
  return newcomer.asks === 'to-apply'
    ? runApplication(seams, identity, to, post, look)
    : runProof(seams, identity, to, post, look, newcomer.certificate);
}

/** Takes the words that were sealed to a certificate that waits, signed with it. Nothing else is his to ask for. */
async function runProof(
  seams: Seams,
  { project }: Identity,
  to: Destination,
  post: FiledPost,
  { opened }: Signed,
  { id: certificateId, contact_id: contactId, fingerprint }: Certificate,
): Promise<Accepted> {
  const { db } = seams;
  const contact = contactId === null ? undefined : await contacts.byId(db, contactId);
  if (!contact) throw new Error(`the certificate ${certificateId} belongs to no contact`);
  const { commands, list } = parseRequest(commandsOf(opened));
  const results = misaddressed(seams, to.list, post, opened, list);
  for (const command of results.length > 0 ? [] : commands) {
    const taken =
      command.name === 'prove'
        ? await takeProof(seams, { project }, { contactId: contact.id, certificateId, nonce: command.nonce }).catch(refusalOf)
        : new Refusal('forbidden', `"${command.name}" is not for who signs with a certificate that is not approved`);
    results.push(taken?.message ?? `the certificate ${fingerprint} is proved to be yours: a person has to approve it now`);
  }
  const words = noticeEntity(requestAnswer({ list: to.list.address, results }));
  const answer = await writeNotice(seams, to.list, { kind: 'answer', caseId: null }, words);
  return once(seams, placeOf(to, post.kind), post, async (trx) => {
    await posts.insert(trx, post);
    await send(trx, seams, { list: to.list, post: answer }, [{ audience: 'reporter', address: contact.address, certificateId }]);
    return { id: post.id, caseId: null, held: null };
  });
}

/** Of the answers that a day brings to one address: whoever fills in the form gets it right by then. */
const MOST_ANSWERS = 10;

/**
 * Takes an application of somebody who is not on the roster, sealed and signed with the certificate that he brings: what is wrong with
 * the form is answered, sealed to that; and what is right is told in the words that every applicant gets, whether or not what he names
 * is on the roster already, or what is known of his certificate. Throws Refusal: too-many-attempts; request-unsigned where the certificate
 * did not come with it; unusable-certificate where it is not of the address that wrote.
 */
async function runApplication(
  seams: Seams,
  rules: AdmissionRules,
  to: Destination,
  post: FiledPost,
  { opened, roster }: Signed,
): Promise<Accepted> {
  const { db, clock, pgp } = seams;
  if ((await roomIn(seams)) > 0)
    throw new Refusal('too-many-attempts', 'There were many applications within an hour; try again later');
  const brought = await certificateOfSigner(pgp, opened, opened.signer);
  const read = brought ?? (roster && (await pgp.readCertificate(roster.data)));
  if (!read) throw new Refusal('request-unsigned', 'Enclose the certificate that signs your application');
  const address = opened.from?.address.toLowerCase() ?? '';
  if (!read.addresses.includes(address))
    throw new Refusal('unusable-certificate', `The certificate ${read.fingerprint} has no user ID with the address in From`);
  const written = parseApplication(commandsOf(opened), rules);
  const problems = problemsOf(seams, to.list, post, opened, written);
  const wish = { ...written, contact: { address, name: written.name, certificate: read.data } };
  const problem = problems.length > 0 ? null : await applyUnseen(seams, rules, wish).then(() => null, refusalOf);
  const lines = problem === null ? problems : [problem.message];
  const results = [
    ...lines,
    '',
    'The form, to be filled in, signed and encrypted:',
    '',
    ...applicationForm(to.list.address, rules),
  ];
  const words = noticeEntity(requestAnswer({ list: to.list.address, results }));
  const answer = lines.length > 0 ? await writeNotice(seams, to.list, { kind: 'answer', caseId: null }, words) : null;
  // What is known here of his certificate stands in no answer, but nothing is sealed to one that is known to be revoked: his is held then.
  const facts = answer && (await readKnown(seams, read.data).catch(nullOfUnusable));
  // Somebody's on the roster may well be forged: he is not written to for what others make up.
  const isKnown = roster === undefined && (await contacts.byAddress(db, address)) !== undefined;
  const mayAnswer = !isKnown && !(await isUnanswerable(db, address));
  return once(seams, placeOf(to, post.kind), post, async (trx) => {
    await posts.insert(trx, post);
    if (answer && facts && mayAnswer && (await deliveries.countTo(trx, address, ['answer'], clock.now() - DAY)) < MOST_ANSWERS) {
      const certificateId = await keepStranger(trx, seams, facts);
      await send(trx, seams, { list: to.list, post: answer }, [{ audience: 'reporter', address, certificateId }]);
    }
    return { id: post.id, caseId: null, held: null };
  });
}

function nullOfUnusable(error: unknown): null {
  if (refusalOf(error).reason !== 'unusable-certificate') throw error;
  return null;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** One line each; empty where it may be judged. */
function problemsOf(
  seams: Seams,
  list: List,
  post: FiledPost,
  opened: OpenedMail,
  { problems, ...written }: WrittenApplication,
): string[] {
  const elsewhere = misaddressed(seams, list, post, opened, written.list);
  if (elsewhere.length > 0) return elsewhere;
  const unclear = problems.map(({ line, text }) => `  line ${line}: ${text}`);
  if (unclear.length > 0) return ['Nothing was taken, because this was not understood:', ...unclear];
  return written.organisation === '' ? ['Nothing was taken: the organisation is missing'] : [];
}
