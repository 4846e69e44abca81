import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { begin, type Played, play } from './model.ts';

/** `npm run faults` plays ten thousand. */
const GAMES = 40;

test('in games of random people, crashes and clocks nothing is public early, nothing is missing, and the log agrees', async () => {
  const beginning = await begin(mkdtempSync(join(inject('folder'), 'games-')));
  const played: Played[] = [];
  for (let seed = 1; seed <= GAMES; seed++) played.push(await play(beginning, seed));
  expect(played.flatMap(({ faults }) => faults)).toEqual([]);
  // They are games in which something happens.
  const sum = (of: keyof Omit<Played, 'faults'>) => played.reduce((all, one) => all + one[of], 0);
  expect(sum('released')).toBeGreaterThan(GAMES / 4);
  expect(sum('minimal')).toBeGreaterThan(0);
  expect(sum('crashes')).toBeGreaterThan(GAMES);
}, 300_000);
