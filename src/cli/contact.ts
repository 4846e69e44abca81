import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Static } from 'typebox';
import { CertificateView, ContactView, GivenView } from '../http/schemas.ts';
import { Refusal } from '../refusal.ts';
import { type Client, connect, everyPage, type RemoteOptions, remoteCommand } from './client.ts';
import { readCertificateText } from './file.ts';
import { healthLines } from './health.ts';
import { columns, print } from './local.ts';
import { memberId } from './member.ts';
import { printable } from './printable.ts';
import { ask, canAsk } from './prompt.ts';

type Of = [address: string, options: RemoteOptions];
type Deciding = RemoteOptions & { seen?: string };

export function register(program: Command): void {
  const command = program
    .command('contact')
    .description('the people of the members and their certificates, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const of = ['<contact>', 'his address or id'] as const;
  add('list', 'list the contacts of a member').argument('<member>', 'its id, or the name of the organisation').action(list);
  add('show', 'show a contact, and how mail to him fares')
    .argument(...of)
    .action(show);
  add('add', 'add a contact, with his certificate; also one who was retired from another member')
    .argument('<member>', 'its id, or the name of the organisation')
    .argument('<address>', 'of the contact')
    .requiredOption('--certificate <file>', 'his certificate, armored or not; - for standard input')
    .option('--name <name>', 'his name')
    .action(addContact);
  for (const [verb, description] of [
    ['retire', 'who has left his organisation gets and posts nothing from now on'],
    ['reinstate', 'let a retired contact get and post again'],
  ] as const)
    add(verb, description)
      .argument(...of)
      .requiredOption('--reason <reason>', 'recorded')
      .action((contact: string, options: RemoteOptions & { reason: string }) => setActive(verb, contact, options));
  add('certificates', 'list the certificates of a contact, with what waits for a person')
    .argument(...of)
    .action(certificates);
  add('give', 'give a contact a certificate, or a newer copy of his own')
    .argument(...of)
    .argument('<file>', 'the certificate, armored or not; - for standard input')
    .action(give);
  add('look-up', 'look the certificate of a contact up; what is new in it waits for a person')
    .argument(...of)
    .addOption(new Option('--from <where>', 'where').choices(['wkd', 'keyserver']).makeOptionMandatory())
    .action(lookUp);
  for (const [verb, description] of [
    ['approve', 'let a certificate that waits, or what is new in the one that he has, count'],
    ['refuse', 'refuse what waits'],
    ['revoke', 'retire a certificate: nothing is encrypted to it, and what it signs credits nobody'],
  ] as const)
    add(verb, description)
      .argument(...of)
      .argument('<fingerprint>', 'of the certificate, or its id')
      .option('--seen <version>', 'as `contact certificates` shows it: refused where it is another one by now', version)
      .action((contact: string, named: string, options: Deciding) =>
        decide(verb === 'revoke' ? 'retire' : verb, contact, named, options),
      );
}

const at = (contact: string, rest = '') => `/contacts/${encodeURIComponent(contact)}${rest}`;

async function list(member: string, options: RemoteOptions): Promise<void> {
  const client = connect(options);
  const items = await everyPage(client, `/members/${await memberId(client, member)}/contacts`, ContactView);
  const rows = items.map((item) => [
    item.address,
    item.name ?? '-',
    stateOf(item),
    item.health.state,
    item.fingerprint ?? '-',
    item.unsubscribed.join(' ') || '-',
  ]);
  print(options, items, columns([['ADDRESS', 'NAME', 'STATE', 'MAIL', 'CERTIFICATE', 'UNSUBSCRIBED'], ...rows]).map(printable));
}

/** With what is to be done for him. */
function stateOf({ active, provedAt }: Static<typeof ContactView>): string {
  return !active ? 'retired' : provedAt === null ? 'unproved' : 'active';
}

async function show(...[contact, options]: Of): Promise<void> {
  tell(options, await connect(options).ask(`GET ${at(contact)}`, ContactView));
}

type AddOptions = RemoteOptions & { certificate: string; name?: string };

async function addContact(member: string, address: string, options: AddOptions): Promise<void> {
  const client = connect(options);
  const named = options.name === undefined ? {} : { name: options.name };
  const body = { address, ...named, certificate: readCertificateText(options.certificate) };
  tell(options, await client.ask(`POST /members/${await memberId(client, member)}/contacts`, ContactView, body));
}

async function setActive(verb: string, contact: string, options: RemoteOptions & { reason: string }): Promise<void> {
  const body = { reason: options.reason };
  tell(options, await connect(options).ask(`POST ${at(contact, `/${verb}`)}`, ContactView, body));
}

function tell(options: RemoteOptions, contact: Static<typeof ContactView>): void {
  const { address, active, fingerprint, memberId: member, provedAt, unsubscribed } = contact;
  const has = fingerprint === null ? 'no certificate: his copies wait' : `the certificate ${fingerprint}`;
  const waits = `He gets nothing until he has proved it, by answering the mail that asks him to: curfew member prove-key ${member}`;
  const lines = [
    `${address} is ${active ? 'active' : 'retired'} and has ${has}`,
    ...(active && provedAt === null ? [waits] : []),
    ...healthLines(contact),
    ...(unsubscribed.length > 0 ? [`He has unsubscribed from ${unsubscribed.join(', ')}`] : []),
  ];
  print(options, contact, lines.map(printable));
}

async function certificates(...[contact, options]: Of): Promise<void> {
  const items = await everyPage(connect(options), at(contact, '/certificates'), CertificateView);
  const rows = items.map((item) => [
    item.fingerprint,
    item.state,
    item.createdAt.slice(0, 10),
    item.proved ? 'yes' : 'no',
    versionOf(item),
    endsOf(item),
    waitsOf(item) ?? '-',
  ]);
  print(options, items, columns([['FINGERPRINT', 'STATE', 'SINCE', 'PROVED', 'VERSION', 'ENDS', 'WAITS'], ...rows]));
}

type Certificate = Static<typeof CertificateView>;

/** A day, or why it cannot be encrypted to now. */
function endsOf({ endsAt, whyNot }: Pick<Certificate, 'endsAt' | 'whyNot'>): string {
  return whyNot ?? endsAt?.slice(0, 10) ?? 'never';
}

/** All of it: of fewer digits whoever sends an update could try until it is like another one. */
function versionOf({ etag }: Certificate): string {
  return etag.replaceAll('"', '');
}

function version(text: string): string {
  if (!/^[0-9a-f]{32}$/.test(text)) throw new InvalidArgumentError('32 hex digits, as `contact certificates` shows them.');
  return text;
}

function waitsOf({ waiting }: Certificate): string | null {
  return waiting && `${waiting.before ?? '(none)'} -> ${waiting.after ?? '(none)'}`;
}

async function give(contact: string, file: string, options: RemoteOptions): Promise<void> {
  const body = { certificate: readCertificateText(file) };
  tellGiven(options, await connect(options).ask(`POST ${at(contact, '/certificates')}`, GivenView, body));
}

async function lookUp(contact: string, options: RemoteOptions & { from: string }): Promise<void> {
  const body = { from: options.from };
  tellGiven(options, await connect(options).ask(`POST ${at(contact, '/certificates/look-up')}`, GivenView, body));
}

function tellGiven(options: RemoteOptions, given: Static<typeof GivenView>): void {
  const { fingerprint, state, encryptionKey, endsAt, whyNot } = given;
  const lines = [`${fingerprint} is ${state}`];
  if (whyNot !== null) lines.push(`It cannot be encrypted to: ${whyNot}`);
  else if (endsAt !== null) lines.push(`It ends on ${endsAt.slice(0, 10)}`);
  if (encryptionKey && encryptionKey.before !== encryptionKey.after)
    lines.push(
      `Encrypted to before: ${encryptionKey.before ?? '(none)'}`,
      `Encrypted to after:  ${encryptionKey.after ?? '(none)'}`,
    );
  if (state === 'proposed') lines.push('It counts when a person has approved it: curfew contact approve');
  print(options, given, lines);
}

/** What is decided on is what he saw: in the table before (`--seen`), or what he is shown now; else what stands there. */
async function decide(verb: string, contact: string, named: string, options: Deciding): Promise<void> {
  const client = connect(options);
  const one = await certificateOf(client, contact, named);
  if (options.seen !== undefined && options.seen !== versionOf(one))
    throw new Refusal('stale', `The certificate ${one.fingerprint} was changed meanwhile: curfew contact certificates`);
  if (options.seen === undefined && canAsk()) await mustWant(verb, contact, one);
  const request = `POST ${at(contact, `/certificates/${one.id}/${verb}`)}`;
  const said = await client.ask(request, CertificateView, undefined, one.etag);
  print(options, said, [`${said.fingerprint} is ${said.state}`]);
}

async function mustWant(verb: string, contact: string, one: Certificate): Promise<void> {
  const waits = waitsOf(one);
  const what = `${printable(contact)}: ${one.fingerprint}, ${one.state}${waits === null ? '' : `, encrypted to ${waits}`}`;
  const answer = await ask(`${what}\n${verb} this? y/n`, 'n');
  if (!/^y(es)?$/i.test(answer)) throw new Refusal('invalid', 'Given up');
}

/** Of a fingerprint that somebody wrote with blanks, too. Of several with the same one, that which waits or counts. */
async function certificateOf(client: Client, contact: string, named: string): Promise<Certificate> {
  const wanted = named.replaceAll(' ', '').toUpperCase();
  const all = await everyPage(client, at(contact, '/certificates'), CertificateView);
  const found = all.filter(({ id, fingerprint }) => fingerprint === wanted || id === named);
  const [only] = found.filter(({ state }) => state !== 'retired').concat(found);
  if (!only) throw new Refusal('not-found', `${contact} has no certificate ${named}`);
  return only;
}
