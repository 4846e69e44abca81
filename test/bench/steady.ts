import { setTimeout as pause } from 'node:timers/promises';
import { MINUTE, SECOND } from '../../src/clock.ts';
import { LISTS } from '../support/house.ts';
import type { Instance } from '../support/instance.ts';
import { metric } from '../support/metric.ts';
import { atMost, median, memoryOf, type Row, row } from './measure.ts';
import { create, enrol, openProject, type Project, sealed } from './project.ts';
import { openClient } from './smtp.ts';

const MEMBERS = 20;
/** What comes in in a minute: mails for one member, reports, of which each opens a case, and posts for all members, of which one is large. */
const FULL = { ms: MINUTE, mails: 240, reports: 2, posts: 6, large: 1_000_000 };
const QUICK = { ms: 2 * SECOND, mails: 4, reports: 1, posts: 2, large: 100_000 };
type Plan = typeof FULL;
const OCTETS = 10_000;

/**
 * One process under the same load minute after minute, of which every copy has to come: what it has in memory at the end of each, in the
 * second quarter of the time and in the last one. In the first it learns what it keeps. It takes its minutes, and is measured where it is asked for.
 */
export async function steady(quick = false, minutes = 4): Promise<Row[]> {
  const plan = quick ? QUICK : FULL;
  const project = await openProject();
  try {
    const lists = await enrol(project, 'x25519', [1, MEMBERS]);
    const to = { one: lists.get(1) ?? '', all: lists.get(MEMBERS) ?? '' };
    const token = String((await create(project.house, '/tokens', { name: 'steady', role: 'auditor' }))['token']);
    const ends: Used[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      await live(project, to, token, plan);
      ends.push(await used(project.house));
      console.log(`minute ${minute + 1}: RSS ${ends.at(-1)?.resident.toFixed(0)} MB, heap ${ends.at(-1)?.heap.toFixed(0)} MB`);
    }
    return (['resident', 'heap'] as const).map((what) => grown(what, ends));
  } finally {
    await project.close();
  }
}

/** Megabytes. */
interface Used {
  resident: number;
  heap: number;
}

const SAYS: Record<keyof Used, string> = { resident: 'VmRSS', heap: 'heap of the main thread' };

function grown(what: keyof Used, ends: readonly Used[]): Row {
  const quarter = Math.floor(ends.length / 4);
  const [second, last] = [ends.slice(quarter, 2 * quarter), ends.slice(-quarter)].map((of) => of.map((end) => end[what]));
  const of = { curfew: last ?? [], 'its second quarter': second ?? [] };
  const figure = row({ section: 'steady', what: `${SAYS[what]} in the last quarter of ${ends.length} minutes`, unit: 'MB', of });
  // What is left of the heap when it was collected is its least.
  const typical = what === 'heap' ? (values: readonly number[]) => Math.min(...values) : median;
  figure.targets.push(atMost('times that of the second quarter', typical(last ?? []) / typical(second ?? []), 1.1));
  return figure;
}

async function live(project: Project, to: { one: string; all: string }, token: string, plan: Plan): Promise<void> {
  const { house, sink, lena } = project;
  const client = await openClient(house.smtpPort);
  const begun = Date.now();
  await sink.forget();
  const isTime = (sent: number, times: number) => sent % Math.floor(plan.mails / times) === 0;
  for (let sent = 0; sent < plan.mails; sent++) {
    await client.send(await sealed(project, to.one, OCTETS));
    if (isTime(sent, plan.reports)) await client.send(await sealed(project, LISTS.security, OCTETS));
    if (isTime(sent, plan.posts)) await client.send(await sealed(project, to.all, sent === 0 ? plan.large : OCTETS));
    for (const path of ['/cases', '/deliveries?state=delivered', '/posts']) await page(house, token, path);
    await pause(Math.max(0, begun + (plan.ms * sent) / plan.mails - Date.now()));
  }
  await client.close();
  await sink.have(plan.mails + plan.posts * MEMBERS, 'x25519.example');
  await sink.have(plan.reports, lena.address.split('@')[1]);
  await house.settled();
}

async function page({ api }: Instance, token: string, path: string): Promise<void> {
  const { status } = await api(token, 'GET', path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
}

async function used(house: Instance): Promise<Used> {
  return { resident: memoryOf(house.pid, 'VmRSS'), heap: (await metric(house, 'nodejs_heap_size_used_bytes')) / 1e6 };
}
