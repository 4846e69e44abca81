import { type Command, Option } from 'commander';
import type { Static } from 'typebox';
import { STAGES } from '../cases/state.ts';
import { BundleView, CaseSummary, CaseView, DeliveryView, Dispatched, Limited } from '../http/schemas.ts';
import { Refusal } from '../refusal.ts';
import { addAfter } from './case-after.ts';
import { addAside } from './case-aside.ts';
import { addNotices } from './case-notices.ts';
import { addPatches } from './case-patches.ts';
import { addProcess } from './case-process.ts';
import { PROPOSED, type Proposed, queryOf } from './case-proposed.ts';
import { connect, everyPage, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { readText } from './file.ts';
import { collect, columns, print } from './local.ts';
import { memberId } from './member.ts';
import { printable } from './printable.ts';

interface ScheduleOptions extends RemoteOptions {
  release: string;
  subject?: string;
  textFile?: string;
  channel?: string[];
  policy?: string[];
}

export function register(program: Command): void {
  const command = program.command('case').description('cases and their embargo, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const id = ['<case>', 'its id, as in ORBIT-2026-0001'] as const;
  add('list', 'list the cases, newest first')
    .addOption(new Option('--state <state>', 'those alone that stand so').choices(STAGES))
    .option('--overdue', 'those alone that all of the public ought to have')
    .action(list);
  add('show', 'show a case, without its content')
    .argument(...id)
    .action(show);
  add('schedule', 'set the instant and the channels of the release, and perhaps the text')
    .argument(...id)
    .requiredOption('--release <instant>', 'when, with its offset from UTC: 2026-09-22T16:00:00Z')
    .option('--text-file <file>', 'with the text for the public; - for standard input (default: the text as it is)')
    .option('--policy <name>', 'that it is under beside the project’s; may be given again (default: as it is)', collect)
    .option(
      '--subject <subject>',
      'for the public (default: the line "Subject: ..." that the file begins with, out of sight of `ps`)',
    )
    .option('--channel <address>', 'a public list; may be given again (default: as it is, and all at first)', collect)
    .action(schedule);
  add('text', 'set the text for the public')
    .argument(...id)
    .requiredOption('--text-file <file>', 'with the text; - for standard input')
    .option('--subject <subject>', 'for the public (default: the line "Subject: ..." that the file begins with)')
    .action(text);
  add('bundle', 'show what is to be approved, with its hash')
    .argument(...id)
    .option(...PROPOSED)
    .action(bundle);
  add('approve', 'approve what was read: the patches (one person), the schedule and the bundle (two different people)')
    .argument(...id)
    .requiredOption(
      '--hash <hash>',
      'of patches, schedule or proposal, as `case show` has it, or of the bundle, as `case bundle` shows it',
    )
    .action(approve);
  add('retract', 'take back what was approved of the bundle: it is not released until two people approve it again')
    .argument(...id)
    .option('--proposed', 'take back what is proposed in place of the armed release, which stands')
    .action(async (about: string, options: RemoteOptions & Proposed) =>
      tell(options, await connect(options).ask(`POST ${at(about, `/retract${queryOf(options)}`)}`, CaseView)),
    );
  add('need-to-know', 'say who alone may know of a case, besides the response team: the whole of it')
    .argument(...id)
    .option('--group <name>', 'a group of members; may be given again', collect)
    .option('--member <member>', 'one member, by its id or its name; may be given again', collect)
    .option('--everyone', 'everybody on the lists that it is sent to')
    .action(needToKnow);
  add('dispatch', 'send what is known, and the approved patches, to a private list, under embargo')
    .argument(...id)
    .requiredOption('--list <address>', 'the private list')
    .action(dispatch);
  add('release', 'release a case whose instant has come')
    .argument(...id)
    .action(release);
  add('deliveries', 'list the copies of a case')
    .argument(...id)
    .action(deliveries);
  addPatches(command, { at, tell });
  addProcess(command, { at, tell });
  addNotices(command, at);
  addAfter(command, { at, tell });
  addAside(command, { at, tell });
}

const at = (id: string, rest = '') => `/cases/${encodeURIComponent(id)}${rest}`;

async function list({ overdue, state, ...options }: RemoteOptions & { overdue?: true; state?: string }): Promise<void> {
  const query = { state, overdue: overdue && 'true' };
  const items = await everyPage(connect(options), '/cases', CaseSummary, { query });
  const rows = items.map((item) => [
    item.id,
    item.overdue ? `${item.state}, OVERDUE` : item.state,
    item.releaseAt ?? '-',
    item.receivedAt,
  ]);
  print(options, items, columns([['ID', 'STATE', 'RELEASE', 'RECEIVED'], ...rows]));
}

async function show(id: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`GET ${at(id)}`, CaseView));
}

async function schedule(id: string, options: ScheduleOptions): Promise<void> {
  const { release: releaseAt, textFile, channel, policy } = options;
  if (textFile === undefined && options.subject !== undefined) throw misused('--subject is for the text of --text-file');
  const body = {
    releaseAt,
    ...(textFile === undefined ? {} : readDraft(readText(textFile), options.subject)),
    ...(channel === undefined ? {} : { channels: channel }),
    ...(policy === undefined ? {} : { policies: policy }),
  };
  tell(options, await connect(options).ask(`PUT ${at(id, '/schedule')}`, CaseView, body));
}

async function text(id: string, options: RemoteOptions & { textFile: string; subject?: string }): Promise<void> {
  const draft = readDraft(readText(options.textFile), options.subject);
  tell(options, await connect(options).ask(`PUT ${at(id, '/text')}`, CaseView, draft));
}

/** The subject stands on the command line, or as in a mail: `Subject: ...`, an empty line, the text. */
function readDraft(file: string, given: string | undefined): { subject: string; text: string } {
  const head = /^Subject:[ \t]*(.+?)[ \t]*\r?\n(?:[ \t]*\r?\n)?/i.exec(file);
  if (given !== undefined) return { subject: given, text: file };
  if (!head?.[1])
    throw new Refusal('invalid', 'There is no subject: give --subject, or begin the file with a line "Subject: ..."');
  return { subject: head[1], text: file.slice(head[0].length) };
}

async function bundle(id: string, options: RemoteOptions & Proposed): Promise<void> {
  const shown = await connect(options).ask(`GET ${at(id, `/bundle${queryOf(options)}`)}`, BundleView);
  print(
    options,
    shown,
    [
      `Release:   ${shown.releaseAt ?? '-'}`,
      `Channels:  ${shown.channels.join(' ')}`,
      ...shown.unread.map((channel) => `           nobody is on ${channel}: what is released there is on the pages alone`),
      ...shown.patches.map(({ name, size, sha256 }) => `Patch:     ${sha256}  ${name}, ${size} octets`),
      ...(shown.external === null ? [] : [`External:  ${shown.external.subject}`]),
      ...(shown.note ? [] : [`Pages:     curfew case preview ${id}${options.proposed ? ' --proposed' : ''}`]),
      `Subject:   ${shown.subject}`,
      '',
      ...shown.text.trimEnd().split('\n'),
      '',
      `Hash:      ${shown.hash}`,
    ].map(printable),
  );
}

async function approve(id: string, options: RemoteOptions & { hash: string }): Promise<void> {
  tell(options, await connect(options).ask(`POST ${at(id, '/approvals')}`, CaseView, { hash: options.hash }));
}

interface NeedToKnowOptions extends RemoteOptions {
  group?: string[];
  member?: string[];
  everyone?: true;
}

async function needToKnow(id: string, options: NeedToKnowOptions): Promise<void> {
  const { group: groups = [], member = [], everyone } = options;
  if (groups.length + member.length > 0 === (everyone === true))
    throw misused('Who may know of it? Name each --group and --member, or --everyone');
  const client = connect(options);
  if (everyone) return tell(options, await client.ask(`DELETE ${at(id, '/need-to-know')}`, CaseView));
  const members = [];
  for (const named of member) members.push(await memberId(client, named));
  const limited = await client.ask(`PUT ${at(id, '/need-to-know')}`, Limited, { groups, members });
  const seen = limited.seenBy.map(
    ({ address, organisation, copies }) =>
      `Has it:    ${address}, "${organisation}", ${copies} mails: what went out is not taken back`,
  );
  print(options, limited, [...linesOf(limited.case), ...seen].map(printable));
}

const UNREACHED = {
  'no-contact': 'which has no active contact',
  unsubscribed: 'of which all contacts have unsubscribed from the list',
} as const;

async function dispatch(id: string, options: RemoteOptions & { list: string }): Promise<void> {
  const sent = await connect(options).ask(`POST ${at(id, '/dispatch')}`, Dispatched, { list: options.list });
  const unproved = sent.unproved.map(
    ({ address, organisation, memberId }) =>
      `Not to:    ${address}, "${organisation}", who has not proved his key: curfew member prove-key ${memberId}, and dispatch again`,
  );
  const unreached = sent.unreached.map(
    ({ organisation, memberId, why }) => `Not to:    "${organisation}", ${UNREACHED[why]}: curfew member show ${memberId}`,
  );
  const copies = `${sent.copies} copies are on their way to ${options.list}`;
  const behind = sent.behind.map((list) => `Behind:    ${list} has earlier patches: curfew case dispatch ${id} --list ${list}`);
  print(options, sent, [copies, ...unproved, ...unreached, ...behind].map(printable));
}

async function release(id: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`POST ${at(id, '/release-now')}`, CaseView));
}

async function deliveries(id: string, options: RemoteOptions): Promise<void> {
  const items = await everyPage(connect(options), at(id, '/deliveries'), DeliveryView);
  const rows = items.map((copy) => [copy.id, copy.audience, copy.address, copy.state, String(copy.attempts), copy.reason ?? '']);
  print(options, items, columns([['ID', 'AUDIENCE', 'ADDRESS', 'STATE', 'TRIED', 'REASON'], ...rows]).map(printable));
}

function tell(options: RemoteOptions, about: Static<typeof CaseView>): void {
  print(options, about, linesOf(about).map(printable));
}

function linesOf(about: Static<typeof CaseView>): string[] {
  return [
    `${about.id}, ${about.state}, revision ${about.revision}`,
    `Received:  ${about.receivedAt}`,
    ...(about.duplicateOf === null ? [] : [`Duplicate: of ${about.duplicateOf}`]),
    ...(about.overdueSince === null ? [] : [`OVERDUE:   since ${about.overdueSince}${lateOf(about)}`]),
    `Lead:      ${ledBy(about)}`,
    `Release:   ${about.releaseAt ?? '-'}`,
    `Channels:  ${about.channels.join(' ') || '-'}`,
    ...about.patches.map(({ id, sha256, size }) => `Patch:     ${sha256}  ${id}, ${size} octets`),
    `Patches:   ${about.patchSet.hash ?? '-'}${about.patchSet.distributed ? ', which distributors have,' : ''}${approvedBy(about, 'patches')}`,
    `Schedule:  ${about.schedule.hash ?? '-'}${approvedBy(about, 'schedule')}`,
    `Bundle:    ${about.bundleHash ?? '-'}${approvedBy(about, 'bundle')}`,
    ...proposedOf(about),
    ...forthcomingOf(about),
    `Policies:  ${about.policies.join(', ') || '-'}`,
    ...(about.waived.length === 0
      ? []
      : [`Waived:    ${about.waived.join(', ')}: the instant breaks that, and it does not hold here`]),
    ...about.due.map(
      ({ what, at: due, policy, doneAt }) => `Due:       ${what} ${due} (${policy})${doneAt === null ? '' : `, done ${doneAt}`}`,
    ),
    `Sent out:  ${about.dispatchedAt ?? '-'}`,
    `Known to:  ${knownTo(about)}`,
    `Released:  ${about.releasedAt ?? '-'}`,
  ];
}

function proposedOf(about: Static<typeof CaseView>): string[] {
  const { id, proposal, releaseAt } = about;
  if (proposal === null) return [];
  return [
    `Proposed:  ${proposal.hash ?? '-'}${approvedBy(about, 'proposal')}`,
    `           another ${proposal.changes.join(', ')}${proposal.releaseAt === null ? '' : `, released ${proposal.releaseAt}`}: curfew case bundle ${id} --proposed, and case preview --proposed`,
    `           What is armed stands, and is released ${releaseAt ?? '-'}, until two people approve this`,
  ];
}

function forthcomingOf({ forthcoming: { hash, sentAt } }: Static<typeof CaseView>): string[] {
  if (hash === null) return [];
  const waits = ', drafted: curfew case notice CASE --kind forthcoming --preview shows it';
  return [`To come:   ${hash}${sentAt === null ? waits : `, sent ${sentAt}`}`];
}

/** Why what is released is overdue. */
function lateOf({ id, releasedAt }: Static<typeof CaseView>): string {
  return releasedAt === null ? '' : `: the public does not have all of it, see curfew case deliveries ${id}`;
}

function ledBy({ people: { lead, deputy, handoverTo, team } }: Static<typeof CaseView>): string {
  const more = [
    ...(deputy === null ? [] : [`deputy ${deputy}`]),
    ...(handoverTo === null ? [] : [`${handoverTo} is asked to take over`]),
    ...(team.length === 0 ? [] : [`with ${team.join(', ')} alone`]),
  ];
  return [lead ?? 'nobody yet', ...more].join(', ');
}

/** Empty where nobody has. */
function approvedBy({ approvals }: Static<typeof CaseView>, what: 'patches' | 'schedule' | 'bundle' | 'proposal'): string {
  const people = approvals.filter((approval) => approval.what === what);
  return people.length === 0
    ? ''
    : ` approved by ${people.map(({ person, approvedAt }) => `${person} (${approvedAt})`).join(', ')}`;
}

function knownTo({ needToKnow: limited }: Static<typeof CaseView>): string {
  if (limited === null) return 'everybody on the lists that it is sent to';
  const words = [
    ...limited.groups.map((name) => `group ${name}`),
    ...limited.members.map(({ organisation }) => `"${organisation}"`),
  ];
  return `${words.join(', ')} and the response team alone`;
}
