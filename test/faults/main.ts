/**
 * `npm run faults -- [--games 10000] [--first SEED]`: games of random people, crashes and jumping clocks (model.ts), one after the
 * other. Prints how many, how often what was done, and every fault with its seed. Exit 1 where there are any.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { begin } from './game.ts';
import { play } from './model.ts';

const { values } = parseArgs({
  options: { games: { type: 'string', default: '10000' }, first: { type: 'string', default: '1' } },
});
const [games, first] = [Number(values.games), Number(values.first)];
const folder = mkdtempSync(join(tmpdir(), 'curfew-faults-'));
const sums = { released: 0, minimal: 0, crashes: 0, faults: 0 };
const done = new Map<string, number>();
try {
  const beginning = await begin(folder);
  for (let seed = first; seed < first + games; seed++) {
    const { faults, ...played } = await play(beginning, seed);
    for (const name of ['released', 'minimal', 'crashes'] as const) sums[name] += played[name];
    for (const [action, times] of played.done) done.set(action, (done.get(action) ?? 0) + times);
    sums.faults += faults.length;
    for (const fault of faults) console.log(fault);
    if ((seed - first + 1) % 500 === 0) console.log(`${seed - first + 1} games, ${JSON.stringify(sums)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  [...done]
    .sort()
    .map(([action, times]) => `${action} ${times}`)
    .join(', '),
);
console.log(
  `${games} games from seed ${first}: ${sums.released} releases, ${sums.minimal} ends of an embargo, ${sums.crashes} crashes, ${sums.faults} faults`,
);
// Threads of OpenPGP are still there.
process.exit(sums.faults === 0 ? 0 : 1);
