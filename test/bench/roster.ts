import { join } from 'node:path';
import { LISTS } from '../support/house.ts';
import type { Instance } from '../support/instance.ts';
import { atMost, between, median, memoryOf, type Row, repeated, row } from './measure.ts';
import { create, openProject } from './project.ts';
import { openClient } from './smtp.ts';
import { live, type Years } from './years.ts';

const FULL = { runs: 5, requests: 20, years: { members: 10_000, contacts: 1000, posts: 100_000, copies: 1, cases: 5000 } };
const QUICK = { runs: 1, requests: 2, years: { members: 120, contacts: 120, posts: 240, copies: 1, cases: 120 } };

/** What the API gives in pages, and what it is asked for with a filter, which one in a hundred of them is. */
const LISTED: readonly { what: string; path: (first: string) => string; all: keyof Years; filter?: string }[] = [
  { what: 'members', path: () => '/members?', all: 'members', filter: 'state=suspended' },
  { what: 'contacts of one member', path: (first) => `/members/${first}/contacts?`, all: 'contacts' },
  { what: 'posts', path: () => '/posts?', all: 'posts', filter: 'state=refused' },
  { what: 'cases', path: () => '/cases?', all: 'cases', filter: 'state=acknowledged' },
  { what: 'deliveries', path: () => '/deliveries?', all: 'posts', filter: `state=failed&list=${LISTS.security}` },
];
/** Milliseconds for a page. */
const IN_TIME = 20;

/** A project after years: how long its lists take page by page over HTTP, and from its start until it takes mail; and its memory then. */
export async function roster(quick = false): Promise<Row[]> {
  const { runs, requests, years } = quick ? QUICK : FULL;
  const { house, close } = await openProject();
  try {
    await house.stop();
    const first = await live(join(house.dir, 'data', 'curfew.db'), years);
    const { took, resident } = await repeated(runs, async () => {
      await house.stop();
      return started(house);
    });
    const many = `${years.members} members, ${years.posts} posts`;
    const start = row({ section: 'roster', what: `start with ${many}`, unit: 'ms', of: { curfew: took } });
    start.targets.push(atMost('ms until it takes mail', median(took), 2000));
    const rows = [start, row({ section: 'roster', what: `VmRSS then, ${many}`, unit: 'MB', of: { curfew: resident } })];
    for (const { what, path, all, filter } of LISTED) {
      const of = path(first);
      const ask = asking(house, await auditor(house, what));
      const pages: [string, string][] = [
        ['first page', of],
        ['deep page', `${of}cursor=${await half(ask, of, years[all])}`],
      ];
      if (filter !== undefined) pages.push([filter, of + filter]);
      for (const [which, page] of pages) rows.push(await paged(ask, { what: `${what}, ${which}`, page, runs, requests }));
    }
    return rows;
  } finally {
    await close();
  }
}

/** Gives a page that is not empty. */
type Ask = (path: string) => Promise<{ next: string | null }>;

/** A token of its own: with one token there are 1200 requests a minute. */
async function auditor(house: Instance, name: string): Promise<string> {
  return String((await create(house, '/tokens', { name, role: 'auditor' }))['token']);
}

function asking({ api }: Instance, token: string): Ask {
  return async (path) => {
    const { status, body } = await api(token, 'GET', path);
    if (status !== 200 || !Array.isArray(body['items']) || body['items'].length === 0) throw new Error(`${path}: ${status}`);
    return { next: body['next'] as string | null };
  };
}

/** Milliseconds until a client is greeted, and megabytes. */
async function started(house: Instance): Promise<{ took: number; resident: number }> {
  const begun = process.hrtime.bigint();
  await house.start();
  const client = await openClient(house.smtpPort);
  const took = between(begun, process.hrtime.bigint());
  await client.close();
  return { took, resident: memoryOf(house.pid, 'VmRSS') };
}

/** The cursor of the page that begins behind half of so many. */
async function half(ask: Ask, path: string, all: number): Promise<string> {
  const most = 200;
  let cursor = '';
  for (let seen = 0; seen < all / 2; seen += most) {
    const limit = Math.min(most, Math.ceil(all / 2) - seen);
    const { next } = await ask(`${path}limit=${limit}${cursor && `&cursor=${cursor}`}`);
    cursor = next ?? '';
  }
  return cursor;
}

async function paged(
  ask: Ask,
  { what, page, runs, requests }: { what: string; page: string; runs: number; requests: number },
): Promise<Row> {
  const { typical, slowest } = await repeated(runs, async () => {
    const took: number[] = [];
    for (let request = 0; request < requests; request++) {
      const begun = process.hrtime.bigint();
      await ask(page);
      took.push(between(begun, process.hrtime.bigint()));
    }
    return { typical: median(took), slowest: Math.max(...took) };
  });
  const targets = [
    atMost('ms a page', median(typical), IN_TIME),
    atMost(`ms the slowest of ${requests}`, median(slowest), IN_TIME),
  ];
  return row({ section: 'roster', what, unit: 'ms', of: { curfew: typical }, targets });
}
