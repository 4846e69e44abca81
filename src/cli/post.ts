import { type Command, Option } from 'commander';
import { type Static, Type } from 'typebox';
import { PostView, RefusedPostView, StoppedView } from '../http/schemas.ts';
import { connect, everyPage, type RemoteOptions, remoteCommand } from './client.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

interface ListOptions extends RemoteOptions {
  state: 'held' | 'accepted' | 'refused' | 'any';
  case?: string;
}

export function register(program: Command): void {
  const command = program
    .command('post')
    .description('what came in, and what waits for a moderator, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const id = ['<post>', 'its id'] as const;
  add('list', 'list what is held, newest first')
    .addOption(new Option('--state <state>', 'in which state').choices(['held', 'accepted', 'refused', 'any']).default('held'))
    .option('--case <case>', 'of this case alone')
    .action(list);
  add('show', 'show a post, without its content')
    .argument(...id)
    .action(show);
  add('accept', 'distribute a held post')
    .argument(...id)
    .action(accept);
  add('refuse', 'refuse a held post: it goes to nobody')
    .argument(...id)
    .option('--reason <reason>', 'told to its signer, sealed', '')
    .action(refuse);
  add('hold', 'stop what was distributed: copies that have not gone out wait for "post accept" or "post refuse"')
    .argument(...id)
    .action(hold);
}

const at = (id: string, rest = '') => `/posts/${encodeURIComponent(id)}${rest}`;

async function list(options: ListOptions): Promise<void> {
  const query = { state: options.state === 'any' ? undefined : options.state, caseId: options.case };
  const items = await everyPage(connect(options), '/posts', PostView, { query });
  const rows = items.map((item) => [
    item.id,
    item.kind,
    item.state,
    item.caseId ?? '-',
    item.sender ?? '-',
    item.receivedAt,
    item.holdReason ?? '',
  ]);
  print(options, items, columns([['ID', 'KIND', 'STATE', 'CASE', 'SENDER', 'RECEIVED', 'HELD FOR'], ...rows]).map(printable));
}

async function show(id: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`GET ${at(id)}`, PostView));
}

async function accept(id: string, options: RemoteOptions): Promise<void> {
  const sent = await connect(options).ask(`POST ${at(id, '/approve')}`, Type.Object({ copies: Type.Integer() }));
  print(options, sent, [`${sent.copies} copies are on their way`]);
}

async function refuse(id: string, options: RemoteOptions & { reason: string }): Promise<void> {
  const post = await connect(options).ask(`POST ${at(id, '/refuse')}`, RefusedPostView, { reason: options.reason });
  tell(options, post, [`Out to:     contacts: ${post.contacts}${post.reporter ? ', and the reporter' : ''}`]);
}

async function hold(id: string, options: RemoteOptions): Promise<void> {
  const copies = await connect(options).ask(`POST ${at(id, '/hold')}`, StoppedView);
  print(options, copies, [
    `copies: ${copies.stopped} are stopped, ${copies.delivered} are out, ${copies.underWay} are under way and may be out soon`,
  ]);
}

function tell(options: RemoteOptions, item: Static<typeof PostView>, more: readonly string[] = []): void {
  const lines = [
    `${item.id}, ${item.kind}, ${item.state}`,
    `Case:       ${item.caseId ?? '-'}`,
    `Received:   ${item.receivedAt}, ${item.size} octets, ${item.encrypted ? 'encrypted' : 'in clear'}`,
    `Sender:     ${item.sender ?? '-'}`,
    `Signed by:  ${item.signerFingerprint ?? '-'}`,
    `Held for:   ${item.holdReason ?? '-'}`,
    `Decided:    ${item.decidedAt ?? '-'}${item.decidedBy === null ? '' : `, by ${item.decidedBy}`}`,
    ...more,
  ];
  print(options, item, lines.map(printable));
}
