import { type Command, Option } from 'commander';
import type { Static } from 'typebox';
import { DeliveryView, MovedCopies, WholeDeliveryView } from '../http/schemas.ts';
import { type Client, connect, everyPage, misused, type RemoteOptions, remoteCommand } from './client.ts';
import { columns, print } from './local.ts';
import { printable } from './printable.ts';
import { progressBar } from './progress.ts';

type Copy = Static<typeof DeliveryView>;

/** In the order in which a copy goes through them: one that moves while they are asked for is found twice rather than not at all. */
const OPEN = ['queued', 'leased', 'deferred', 'held'] as const;

type State = 'open' | 'any' | Copy['state'];

interface Filter {
  state?: State;
  case?: string;
  list?: string;
  for?: string;
}

type ListOptions = RemoteOptions & Filter;

interface ManyOptions extends RemoteOptions, Filter {
  reason?: string;
  dryRun?: true;
}

/** What can be done with which copies, and how it is told of them. */
const VERBS = {
  retry: { from: ['deferred', 'held'], what: 'send held or deferred copies now', said: 'queued', doing: 'Sending' },
  hold: {
    from: ['queued', 'deferred'],
    what: 'hold queued or deferred copies until somebody sends or drops them',
    said: 'held',
    doing: 'Holding',
  },
  drop: {
    from: ['deferred', 'held'],
    what: 'end held or deferred copies: they go to nobody',
    said: 'dropped',
    doing: 'Dropping',
  },
} as const satisfies Record<string, { from: Copy['state'][]; what: string; said: string; doing: string }>;
type Verb = keyof typeof VERBS;

export function register(program: Command): void {
  const command = program
    .command('queue')
    .description('the copies that go out, one for each addressee, over the API of a running server');
  const add = (name: string, description: string) => remoteCommand(command, name, description);
  const id = ['<copy>', 'its id'] as const;
  const states = ['open', ...OPEN, 'delivered', 'failed', 'any'];
  const filtered = (one: Command) =>
    one
      .option('--case <case>', 'of this case alone')
      .option('--list <address>', 'of this list alone')
      .option('--for <word>', 'held, deferred or failed for this reason alone, as `queue list` names it');
  filtered(add('list', 'list the copies that are not out yet, newest first'))
    .addOption(new Option('--state <state>', 'in which state').choices(states).default('open'))
    .action(list);
  add('show', 'show a copy, without its content, its attempts and what came to its address')
    .argument(...id)
    .action(show);
  for (const [verb, { from, what }] of Object.entries(VERBS) as [Verb, (typeof VERBS)[Verb]][]) {
    const one = filtered(add(verb, what))
      .argument('[copy]', 'its id; without one, all that the options name')
      .addOption(new Option('--state <state>', 'in this state alone').choices(from))
      .option('--dry-run', 'say which copies that would be, and do nothing');
    one
      .option('--reason <reason>', verb === 'retry' ? 'recorded; may be left out' : 'recorded')
      .action((copy: string | undefined, options: ManyOptions) =>
        copy === undefined ? many(verb, options) : single(verb, copy, options),
      );
  }
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

async function found(client: Client, { state = 'open', case: caseId, list: of, for: reason }: Filter): Promise<Copy[]> {
  const asked = state === 'open' ? OPEN : [state === 'any' ? undefined : state];
  return inStates(client, asked, { caseId, list: of, reason });
}

async function inStates(
  client: Client,
  states: readonly (Copy['state'] | undefined)[],
  query: Record<string, string | undefined>,
): Promise<Copy[]> {
  const copies = new Map<string, Copy>();
  for (const state of states)
    for (const copy of await everyPage(client, '/deliveries', DeliveryView, { query: { state, ...query } }))
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

async function single(verb: Verb, id: string, options: ManyOptions): Promise<void> {
  if (filterOf(options).length > 0 || options.dryRun) throw misused('Name a copy, or which copies: not both');
  tell(options, await connect(options).ask(`POST ${at(id, `/${verb}`)}`, DeliveryView, bodyOf(verb, options)));
}

function bodyOf(verb: Verb, { reason }: ManyOptions): { reason?: string } {
  if (reason !== undefined) return { reason };
  if (verb !== 'retry') throw misused('Say why: --reason');
  return {};
}

function filterOf({ state, case: caseId, list: of, for: word }: Filter): string[] {
  return [state, caseId, of, word].filter((one) => one !== undefined);
}

/** What one request takes. */
const PORTION = 100;

/** Those alone that the options name: with none of them it would be the whole queue. */
async function many(verb: Verb, options: ManyOptions): Promise<void> {
  const { from, said, doing } = VERBS[verb];
  if (filterOf(options).length === 0) throw misused('Name a copy, or which copies: --state, --for, --list, --case');
  const body = options.dryRun ? undefined : bodyOf(verb, options);
  const client = connect(options);
  const { state, case: caseId, list: of, for: word } = options;
  const states = from.filter((one) => state === undefined || state === one);
  const wanted = await inStates(client, states, { caseId, list: of, reason: word });
  if (options.dryRun) {
    const lines = wanted.map((copy) => `${copy.id}  ${copy.state}  ${copy.address}  ${copy.reason ?? ''}`.trimEnd());
    return print(options, { wanted }, [...lines, `${countOf(wanted.length)} would be ${said}; nothing was done`].map(printable));
  }
  const bar = progressBar(options);
  const done: string[] = [];
  const refused: Static<typeof MovedCopies>['refused'] = [];
  try {
    for (let start = 0; start < wanted.length; start += PORTION) {
      bar.show(doing, start, wanted.length);
      const ids = wanted.slice(start, start + PORTION).map(({ id }) => id);
      const moved = await client.ask(`POST /deliveries/${verb}`, MovedCopies, { ...body, ids });
      done.push(...moved.done);
      refused.push(...moved.refused);
    }
  } finally {
    bar.clear();
  }
  print(options, { done, refused }, [`${countOf(done.length)} ${done.length === 1 ? 'is' : 'are'} ${said}`]);
  if (refused.length === 0) return;
  const why = refused.map(({ id, code, detail }) => printable(`${id}: ${detail} (${code})`));
  throw new Error([`With ${countOf(refused.length)} nothing was done:`, ...why].join('\n'));
}

function countOf(copies: number): string {
  return copies === 1 ? '1 copy' : `${copies} copies`;
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
