/**
 * `npm run soak [-- --minutes 30] [--seed N]`: soak.ts, for so many minutes. Prints what was handed in, what is not accounted for, and the
 * memory at the ends of the lives in the first and the last quarter. Exit 1 where something is not accounted for.
 */
import { parseArgs } from 'node:util';
import { where } from './report.ts';
import { openSoak } from './soak.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } } });
const [minutes, first] = [Number(values.minutes), Number(values.seed)];
console.log(where(new Date()));
const soak = await openSoak();
const faults: string[] = [];
const seen: Record<string, number> = {};
let acknowledged = 0;
try {
  for (let minute = 0; minute < minutes; minute++) {
    const lived = await soak.round(first + minute);
    acknowledged += lived.acknowledged;
    faults.push(...lived.faults);
    for (const [what, times] of Object.entries(lived.seen ?? {})) seen[what] = (seen[what] ?? 0) + times;
    const memory = soak.memory.at(-1);
    console.log(`life ${minute + 1}: ${lived.acknowledged} taken, RSS ${memory?.rss} MiB, heap ${memory?.heap} MiB`);
  }
  const { lost, duplicates, faults: found, seen: copies = {} } = await soak.account();
  faults.push(...found);
  console.log(
    Object.entries({ ...seen, ...copies })
      .map(([what, times]) => `${what} ${times}`)
      .join(', '),
  );
  console.log(
    `${minutes} minutes: acknowledged ${acknowledged}, lost ${lost}, duplicates ${duplicates}, faults ${faults.length}`,
  );
} finally {
  await soak.close();
}
for (const fault of faults) console.log(`fault: ${fault}`);
const quarter = Math.max(1, Math.floor(minutes / 4));
const mean = (of: readonly number[]) => Math.round(of.reduce((sum, one) => sum + one, 0) / of.length);
for (const [name, lives] of [
  ['first', soak.memory.slice(0, quarter)],
  ['last', soak.memory.slice(-quarter)],
] as const)
  console.log(`${name} quarter: RSS ${mean(lives.map(({ rss }) => rss))} MiB, heap ${mean(lives.map(({ heap }) => heap))} MiB`);
process.exit(faults.length === 0 ? 0 : 1);
