/**
 * `npm run soak [-- --minutes 30] [--seed N]`: soak.ts, for so many minutes. Prints what was handed in, what is not accounted for, and the
 * memory at the end of the middle one of the lives in the first and the last quarter. Exit 1 where something is not accounted for, or memory has grown.
 */
import { parseArgs } from 'node:util';
import { where } from './report.ts';
import { openSoak, quarters } from './soak.ts';

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
for (const [name, { rss, heap }] of Object.entries(quarters(soak.memory)))
  console.log(`${name} quarter: RSS ${rss} MiB, heap ${heap} MiB`);
process.exit(faults.length === 0 ? 0 : 1);
