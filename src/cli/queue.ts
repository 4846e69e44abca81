import { type Command, Option } from 'commander';
import type { Static } from 'typebox';
import { DeliveryView, WholeDeliveryView } from '../http/schemas.ts';
import { type Client, connect, everyPage, type RemoteOptions, remoteCommand } from './client.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';

type Copy = Static<typeof DeliveryView>;

/** In the order in which a copy goes through them: one that moves while they are asked for is found twice rather than not at all. */
const OPEN = ['queued', 'leased', 'deferred', 'held'] as const;

interface ListOptions extends RemoteOptions {
  state: 'open' | 'any' | Copy['state'];
  case?: string;
  list?: string;
}

export function register(program: Command): void {
  const command = program
    .command('queue')
    .description('the copies that go out, one for each addressee, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const id = ['<copy>', 'its id'] as const;
  const states = ['open', ...OPEN, 'delivered', 'failed', 'any'];
  add('list', 'list the copies that are not out yet, newest first')
    .addOption(new Option('--state <state>', 'in which state').choices(states).default('open'))
    .option('--case <case>', 'of this case alone')
    .option('--list <address>', 'of this list alone')
    .action(list);
  add('show', 'show a copy, without its content, its attempts and what came to its address')
    .argument(...id)
    .action(show);
  add('retry', 'send a held or deferred copy now')
    .argument(...id)
    .action(retry);
  for (const [verb, description] of [
    ['hold', 'hold a queued or deferred copy until somebody sends or drops it'],
    ['drop', 'end a held or deferred copy: it goes to nobody'],
  ] as const)
    add(verb, description)
      .argument(...id)
      .requiredOption('--reason <reason>', 'recorded')
      .action((copy: string, options: RemoteOptions & { reason: string }) => takeOut(verb, copy, options));
}

const at = (id: string, rest = '') => `/deliveries/${encodeURIComponent(id)}${rest}`;

async function list(options: ListOptions): Promise<void> {
  const items = await found(connect(options), options);
  const rows = items.map((copy) => [
    copy.id,
    copy.state,
    String(copy.attempts),
    copy.dueAt,
    copy.caseId ?? '-',
    copy.address,
    copy.reason ?? '',
  ]);
  print(options, items, columns([['ID', 'STATE', 'TRIED', 'DUE', 'CASE', 'ADDRESS', 'REASON'], ...rows]).map(printable));
}

async function found(client: Client, { state, case: caseId, list: of }: ListOptions): Promise<Copy[]> {
  const asked = state === 'open' ? OPEN : [state === 'any' ? undefined : state];
  const copies = new Map<string, Copy>();
  for (const one of asked)
    for (const copy of await everyPage(client, '/deliveries', DeliveryView, { query: { state: one, caseId, list: of } }))
      copies.set(copy.id, copy);
  return [...copies.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

async function show(id: string, options: RemoteOptions): Promise<void> {
  const copy = await connect(options).ask(`GET ${at(id)}`, WholeDeliveryView);
  const tried = copy.tried.map(({ number, at, state, reason, response }) => {
    const how = [state, reason, response].filter((word) => word !== null);
    return `Attempt ${number}: `.padEnd(12) + [at, ...how].join(', ');
  });
  const returned = copy.cameBack.map(
    (one) => `Came back:  ${one.at}, ${one.what}, post ${one.postId}${one.words === null ? '' : `: ${one.words}`}`,
  );
  tell(options, copy, [...tried, ...returned]);
}

async function retry(id: string, options: RemoteOptions): Promise<void> {
  tell(options, await connect(options).ask(`POST ${at(id, '/retry')}`, DeliveryView));
}

async function takeOut(verb: string, id: string, options: RemoteOptions & { reason: string }): Promise<void> {
  tell(options, await connect(options).ask(`POST ${at(id, `/${verb}`)}`, DeliveryView, { reason: options.reason }));
}

function tell(options: RemoteOptions, copy: Copy, more: readonly string[] = []): void {
  const lines = [
    `${copy.id}, ${copy.state}`,
    `To:         ${copy.address} (${copy.audience})`,
    `Post:       ${copy.postId}`,
    `Case:       ${copy.caseId ?? '-'}`,
    `Message:    ${copy.messageId}`,
    `Tried:      ${copy.attempts} times`,
    `Due:        ${copy.settledAt === null ? copy.dueAt : '-'}`,
    `Reason:     ${copy.reason ?? '-'}`,
    `The relay:  ${copy.response ?? '-'}`,
    `Made:       ${copy.createdAt}`,
    `Ended:      ${copy.settledAt ?? '-'}`,
    ...more,
  ];
  print(options, copy, lines.map(printable));
}
