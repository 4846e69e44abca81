import { autocrypt } from '../../src/mail/outgoing.ts';
import { reportMail } from '../stories/embargo.ts';
import type { Chance } from '../support/chance.ts';
import { clearMail, encryptedMail, type Letter } from '../support/compose.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, MEMBERS } from '../support/instance.ts';
import { binary, makeParty } from '../support/party.ts';

/** A mail as a client hands it in. */
export interface Handed {
  kind: Kind;
  from: string;
  to: string;
  raw: Buffer;
}

/** `name`: of who writes it, beside his address. */
type Words = Pick<Letter, 'subject' | 'text' | 'attachments'> & { name?: string };
type Makes = (house: Instance, words: Words, number: number) => Promise<Omit<Handed, 'kind'>>;

const REQUESTS = LISTS.distributors.replace('@', '-request@');

/** How often of ten, and what it is. Each has a sender, a subject and words of its own. */
const KINDS = {
  sealed: [1, (house, words, number) => sealedReport(house, words, `sealed${number}@research.example`)],
  attached: [1, withKeyAttached],
  autocrypt: [1, withAutocrypt],
  clear: [2, (_house, words, number) => inClear(`clear${number}@street.example`, LISTS.security, words)],
  post: [2, (house, words, number) => ofMember(house, LISTS.distributors, words, number)],
  request: [
    1,
    (house, { subject }, number) => ofMember(house, REQUESTS, { subject, text: `list ${LISTS.distributors}\nhelp\n` }, number),
  ],
  spam: [1, (_house, words, number) => inClear(`spam${number}@spam.example`, LISTS.announce, words)],
  astray: [1, (_house, words, number) => inClear(`astray${number}@spam.example`, `nobody${number}@orbit.example`, words)],
} as const satisfies Record<string, readonly [number, Makes]>;
export type Kind = keyof typeof KINDS;

/** What is never taken: who writes it is answered 5xx. */
export const REFUSED: ReadonlySet<Kind> = new Set<Kind>(['spam', 'astray']);

/** What brings its writer's certificate: whatever is written to him is sealed to it. */
export const BRINGS_KEY: ReadonlySet<Kind> = new Set<Kind>(['attached', 'autocrypt']);

const OFTEN = (Object.keys(KINDS) as Kind[]).flatMap((kind) => Array.from({ length: KINDS[kind][0] }, () => kind));

/** One that chance chooses. `number`: of no other mail of this project. */
export async function mixedMail(house: Instance, chance: Chance, number: number, words: Words): Promise<Handed> {
  const kind = OFTEN[Math.floor(chance() * OFTEN.length)] ?? 'clear';
  return { kind, ...(await KINDS[kind][1](house, words, number)) };
}

const by = ({ address, name }: Letter['from'], words: Words) => ({ ...words, from: { address, name: words.name ?? name } });

async function sealedReport(house: Instance, words: Words, from: string, headers: readonly string[] = []) {
  const reporter = await makeParty(from);
  const letter = { to: LISTS.security, outerSubject: '...', headers, ...by(reporter, words) };
  const raw = await encryptedMail(letter, { recipients: [await house.certificate(LISTS.security)], signer: reporter });
  return { from, to: LISTS.security, raw };
}

async function withKeyAttached(house: Instance, words: Words, number: number) {
  const from = `attached${number}@research.example`;
  return { from, to: LISTS.security, raw: await reportMail(house, by(await makeParty(from), words), from) };
}

async function withAutocrypt(house: Instance, words: Words, number: number) {
  const { address, public: certificate } = await makeParty(`autocrypt${number}@research.example`);
  const field = autocrypt(address, await binary(certificate)).join(': ');
  return sealedReport(house, words, address, [field.replaceAll(' ', '\r\n ')]);
}

async function ofMember(house: Instance, to: string, words: Words, number: number) {
  const member = await makeParty(MEMBERS[number % MEMBERS.length] ?? MEMBERS[0]);
  const letter = { to, outerSubject: '...', ...by(member, words) };
  const raw = await encryptedMail(letter, { recipients: [await house.certificate(LISTS.distributors)], signer: member });
  return { from: member.address, to, raw };
}

async function inClear(from: string, to: string, words: Words) {
  return { from, to, raw: clearMail({ to, ...by({ address: from, name: 'Somebody' }, words) }) };
}
