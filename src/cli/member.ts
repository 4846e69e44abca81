import type { Command } from 'commander';
import { type Static, Type } from 'typebox';
import { AdmissionView, ContactView, CriteriaView, Exposed, MemberView } from '../http/schemas.ts';
import { Refusal } from '../refusal.ts';
import { provesKeys } from '../roster/state.ts';
import { type Client, connect, connectAsAnyone, everyPage, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readCertificateText, readJson } from './file.ts';
import { healthLines } from './health.ts';
import { collect, columns, print } from './local.ts';
import { printable } from './printable.ts';

export function register(program: Command): void {
  const command = program
    .command('member')
    .description('who gets embargoed patches, from application to removal, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const of = ['<member>', 'its id, or the name of the organisation'] as const;
  add('list', 'list the members, by organisation')
    .option('--state <state>', 'in this state alone')
    .option('--list <address>', 'on this list alone')
    .option('--group <name>', 'in this group alone')
    .action(list);
  add('show', 'show a member, with what was said of its application')
    .argument(...of)
    .action(show);
  add('apply', 'apply to be a member, without a token: what comes of it is told by mail')
    .argument('<file>', 'the JSON of the application, as in POST /api/v1/applications; - for standard input')
    .option('--certificate <file>', 'of its contact, armored or not, in place of the one in the JSON')
    .action(apply);
  add('add', 'add a member, as one who has applied')
    .argument('<organisation>', 'its name')
    .option('--product <words>', 'what it makes')
    .option('--list <address>', 'a list that it is put on; may be given again', collect, [])
    .option('--group <name>', 'a group that it is put into; may be given again', collect, [])
    .action(addMember);
  add('vouch', 'vouch for an applicant, as a person of another organisation')
    .argument(...of)
    .requiredOption('--statement <words>', 'what you know of it')
    .action(vouch);
  add('judge', 'say of each criterion whether it is met; two different people make a member vetted')
    .argument(...of)
    .option('--fail <criterion>', 'one that is not met; may be given again (default: all are met)', collect, [])
    .option('--note <words>', 'why, with each that is not met')
    .action(judge);
  add('prove-key', 'ask its contacts to prove their certificates')
    .argument(...of)
    .action(proveKey);
  add('activate', 'make a candidate active that has proved its key')
    .argument(...of)
    .requiredOption('--reason <reason>', 'recorded, and told to it')
    .option('--list <address>', 'a list that it is put on; may be given again', collect, [])
    .option('--group <name>', 'a group that it is put into; may be given again', collect, [])
    .action(activate);
  for (const [name, description] of [
    ['suspend', 'suspend an active member: it gets and posts nothing'],
    ['reinstate', 'make a suspended member active again'],
    ['reject', 'reject a candidate'],
    ['remove', 'remove a member: a first admin asks for it, a second one does it'],
  ] as const)
    add(name, description)
      .argument(...of)
      .requiredOption('--reason <reason>', 'recorded, and told to it')
      .action((member: string, options: RemoteOptions & { reason: string }) => decide(name, member, options));
  add('reviewed', 'say that an active member was looked at again')
    .argument(...of)
    .action(reviewed);
  add('change', 'change the name, the product, the lists and the groups of a member; what is left out stays as it is')
    .argument(...of)
    .option('--name <organisation>', 'what it is called from now on')
    .option('--product <words>', 'or "none"')
    .option('--add-list <address>', 'put it on this list; may be given again', collect, [])
    .option('--remove-list <address>', 'take it off this list; may be given again', collect, [])
    .option('--add-group <name>', 'put it into this group; may be given again', collect, [])
    .option('--remove-group <name>', 'take it out of this group; may be given again', collect, [])
    .action(change);
  add('exposure', 'list the cases that are not public and that a member has seen')
    .argument(...of)
    .action(exposure);
}

async function list(options: RemoteOptions & { state?: string; list?: string; group?: string }): Promise<void> {
  const query = { state: options.state, list: options.list, group: options.group };
  const items = await everyPage(connect(options), '/members', MemberView, { query });
  const rows = items.map((item) => [
    item.id,
    item.organisation,
    stateOf(item),
    item.reviewAt?.slice(0, 10) ?? '-',
    item.lists.join(' ') || '-',
    item.groups.join(' ') || '-',
  ]);
  print(options, items, columns([['ID', 'ORGANISATION', 'STATE', 'REVIEW', 'LISTS', 'GROUPS'], ...rows]).map(printable));
}

/** With how many of its contacts are still to prove their keys. */
function stateOf({ state, unproved }: Static<typeof MemberView>): string {
  return unproved === 0 || !provesKeys(state) ? state : `${state}, ${unproved} unproved`;
}

/** By the name to the letter, or by the id. Throws Refusal('not-found'). */
export async function memberId(client: Client, member: string): Promise<string> {
  if (/^[0-9a-z]{26}$/.test(member)) return member;
  const found = await everyPage(client, '/members', MemberView, { query: { organisation: member } });
  const exact = found.find(({ organisation }) => organisation === member);
  if (exact) return exact.id;
  const near = found.slice(0, 5).map(({ organisation }) => `"${organisation}"`);
  throw new Refusal('not-found', `There is no member "${member}"${near.length > 0 ? `; there is ${near.join(', ')}` : ''}`);
}

async function at(client: Client, member: string, rest = ''): Promise<string> {
  return `/members/${await memberId(client, member)}${rest}`;
}

async function show(member: string, options: RemoteOptions): Promise<void> {
  const client = connect(options);
  const path = await at(client, member);
  const said = await client.ask(`GET ${path}/admission`, AdmissionView);
  const contacts = await everyPage(client, `${path}/contacts`, ContactView);
  const lines = [
    ...linesOf(said.member),
    ...contacts.flatMap(healthLines),
    ...said.answers.map(
      ({ criterion, answer, evidence }) => `Answer:    ${criterion}: ${answer}${evidence ? ` (${evidence})` : ''}`,
    ),
    ...said.vouches.map(({ address, statement, at: when }) => `Vouched:   ${address}, ${when}: ${statement}`),
    ...said.verdicts.map(
      ({ address, criterion, pass, note }) =>
        `Verdict:   ${address}: ${criterion} ${pass ? 'is met' : 'is NOT met'}${note ? `: ${note}` : ''}`,
    ),
    ...said.removals.map(({ address, reason, at: when }) => `Removal:   asked for by ${address}, ${when}: ${reason}`),
  ];
  print(options, { ...said, contacts }, lines.map(printable));
}

async function apply(file: string, options: RemoteOptions & { certificate?: string }): Promise<void> {
  const application = withCertificate(readJson(file), options.certificate);
  const answer = Type.Object({ status: Type.Literal('received') });
  const said = await connectAsAnyone(options).ask('POST /applications', answer, application);
  print(options, said, ['The application was received. What comes of it is told by mail.']);
}

/** Whatever else is wrong with the JSON, the server says. */
function withCertificate(application: unknown, file: string | undefined): unknown {
  if (file === undefined || !isObject(application)) return application;
  const { contact } = application;
  return { ...application, contact: { ...(isObject(contact) ? contact : {}), certificate: readCertificateText(file) } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where a member is put. */
interface Places extends RemoteOptions {
  list: string[];
  group: string[];
}

async function addMember(organisation: string, options: Places & { product?: string }): Promise<void> {
  const { product, list: lists, group: groups } = options;
  const body = { organisation, ...(product === undefined ? {} : { product }), lists, groups };
  tell(options, await connect(options).ask('POST /members', MemberView, body));
}

async function vouch(member: string, options: RemoteOptions & { statement: string }): Promise<void> {
  const client = connect(options);
  const body = { statement: options.statement };
  tell(options, await client.ask(`POST ${await at(client, member, '/vouches')}`, MemberView, body));
}

async function judge(member: string, options: RemoteOptions & { fail: string[]; note?: string }): Promise<void> {
  const client = connect(options);
  const { criteria } = await client.ask('GET /criteria', CriteriaView);
  const unknown = options.fail.filter((id) => !criteria.some((criterion) => criterion.id === id));
  if (unknown.length > 0)
    throw new Refusal(
      'invalid',
      `There is no criterion ${unknown.join(', ')}. There are: ${criteria.map(({ id }) => id).join(', ')}`,
    );
  const verdicts = criteria.map(({ id: criterion }) =>
    options.fail.includes(criterion)
      ? { criterion, pass: false, ...(options.note === undefined ? {} : { note: options.note }) }
      : { criterion, pass: true },
  );
  tell(options, await client.ask(`POST ${await at(client, member, '/verdicts')}`, MemberView, { verdicts }));
}

async function proveKey(member: string, options: RemoteOptions): Promise<void> {
  const client = connect(options);
  const said = await client.ask(`POST ${await at(client, member, '/prove-key')}`, Type.Object({ asked: Type.Integer() }));
  const asked = `${said.asked} contacts are asked to prove their certificates`;
  print(options, said, [
    said.asked === 0 ? 'Nobody is left to ask: all have proved their certificates. It is key_proved' : asked,
  ]);
}

async function activate(member: string, options: Places & { reason: string }): Promise<void> {
  const client = connect(options);
  const body = { reason: options.reason, lists: options.list, groups: options.group };
  tell(options, await client.ask(`POST ${await at(client, member, '/activate')}`, MemberView, body));
}

async function decide(step: string, member: string, options: RemoteOptions & { reason: string }): Promise<void> {
  const client = connect(options);
  const said = await client.ask(`POST ${await at(client, member, `/${step}`)}`, MemberView, { reason: options.reason });
  const asked = step === 'remove' && said.state !== 'removed';
  const seen = step === 'suspend' || step === 'remove' ? await seenBy(client, member) : [];
  const second = asked ? ['A second admin has to ask for the removal as well.'] : [];
  print(options, said, [...linesOf(said), ...second, ...seen].map(printable));
}

/** What whoever is shut out takes with him. */
async function seenBy(client: Client, member: string): Promise<string[]> {
  const cases = new Set((await exposedTo(client, member)).map(({ caseId }) => caseId));
  return cases.size === 0 ? [] : [`Seen:      ${[...cases].join(' ')}, not public yet: curfew member exposure`];
}

async function reviewed(member: string, options: RemoteOptions): Promise<void> {
  const client = connect(options);
  tell(options, await client.ask(`POST ${await at(client, member, '/review')}`, MemberView));
}

interface ChangeOptions extends RemoteOptions {
  name?: string;
  product?: string;
  addList: string[];
  removeList: string[];
  addGroup: string[];
  removeGroup: string[];
}

async function change(member: string, options: ChangeOptions): Promise<void> {
  const client = connect(options);
  const path = await at(client, member);
  const { lists, groups, etag } = await client.ask(`GET ${path}`, MemberView);
  const off = options.removeList.map((address) => address.toLowerCase());
  const wanted = placesAfter(lists, { add: options.addList, remove: off, place: 'on' });
  const named = placesAfter(groups, { add: options.addGroup, remove: options.removeGroup, place: 'in' });
  const body = {
    ...(options.name === undefined ? {} : { organisation: options.name }),
    ...(options.product === undefined ? {} : { product: options.product === 'none' ? null : options.product }),
    ...(wanted === undefined ? {} : { lists: wanted }),
    ...(named === undefined ? {} : { groups: named }),
  };
  if (Object.keys(body).length === 0) throw misused('Nothing is to be changed: curfew member change --help');
  // All of its lists and groups are sent: what another admin changed meanwhile would be undone.
  tell(options, await client.ask(`PATCH ${path}`, MemberView, body, etag));
}

/** Undefined where nothing is to be changed. */
function placesAfter(
  before: readonly string[],
  { add, remove, place }: { add: readonly string[]; remove: readonly string[]; place: string },
): string[] | undefined {
  const unknown = remove.filter((name) => !before.includes(name));
  if (unknown.length > 0)
    throw new Refusal('invalid', `It is not ${place} ${unknown.join(', ')}; it is ${place} ${before.join(', ') || 'none'}`);
  if (add.length + remove.length === 0) return undefined;
  return [...new Set([...before.filter((name) => !remove.includes(name)), ...add])];
}

async function exposure(member: string, options: RemoteOptions): Promise<void> {
  const client = connect(options);
  const items = await exposedTo(client, member);
  const rows = items.map((item) => [item.caseId, item.state, item.releaseAt ?? '-', item.address, item.delivery]);
  print(options, items, columns([['CASE', 'STATE', 'RELEASE', 'ADDRESS', 'COPY'], ...rows]).map(printable));
}

async function exposedTo(client: Client, member: string): Promise<Static<typeof Exposed>[]> {
  return (await client.ask(`GET ${await at(client, member, '/exposure')}`, Type.Object({ items: Type.Array(Exposed) }))).items;
}

function linesOf(member: Static<typeof MemberView>): string[] {
  const waits = member.unproved > 0 && provesKeys(member.state);
  const hint = 'get nothing before they have proved their keys: curfew member prove-key';
  return [
    `${member.organisation}, ${member.state}`,
    `Id:        ${member.id}`,
    `Product:   ${member.product ?? '-'}`,
    `Lists:     ${member.lists.join(' ') || '-'}`,
    `Groups:    ${member.groups.join(' ') || '-'}`,
    `Reason:    ${member.reason ?? '-'}`,
    `Terms:     ${member.terms ?? '-'}`,
    `Review:    ${member.reviewAt ?? '-'}`,
    ...(waits ? [`Unproved:  ${member.unproved} contacts ${hint}`] : []),
  ];
}

function tell(options: RemoteOptions, member: Static<typeof MemberView>): void {
  print(options, member, linesOf(member).map(printable));
}
