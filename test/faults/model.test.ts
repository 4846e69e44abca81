import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { begin } from './game.ts';
import { type Played, play } from './model.ts';

/** `npm run faults` plays ten thousand. */
const GAMES = 300;

/** What has to happen in some of them, or they show nothing. */
const ACTIONS = [
  'dispatch',
  'approve',
  'draft-forthcoming',
  'leak',
  'leak-keep',
  'public-already',
  'withdraw',
  'retract',
  'limit',
  'duplicate',
  'reopen',
];
const OF_MEMBERS = ['member.suspend', 'member.reinstate', 'contact.retire', 'contact.reinstate'];

test('in games of random people, crashes and clocks nothing is public early, nothing is missing, all are told, and the log agrees', async () => {
  const beginning = await begin(mkdtempSync(join(inject('folder'), 'games-')));
  const played: Played[] = [];
  for (let seed = 1; seed <= GAMES; seed++) played.push(await play(beginning, seed));
  expect(played.flatMap(({ faults }) => faults)).toEqual([]);
  const sum = (of: 'released' | 'minimal' | 'crashes' | 'deferred') => played.reduce((all, one) => all + one[of], 0);
  expect(sum('released')).toBeGreaterThan(GAMES / 5);
  expect(sum('minimal')).toBeGreaterThan(GAMES / 20);
  expect(sum('crashes')).toBeGreaterThan(GAMES);
  expect(sum('deferred')).toBeGreaterThan(GAMES / 5);
  const actions = [...ACTIONS.map((action) => `case.${action}`), ...OF_MEMBERS];
  const never = actions.filter((action) => !played.some(({ done }) => done.has(action)));
  expect(never).toEqual([]);
}, 900_000);
