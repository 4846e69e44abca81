/**
 * `npm run bench [-- --section NAME]... [--quick] [--out FILE] [--compare FILE] [--minutes N]`: how long Curfew takes, beside its peers in the same run.
 * Without arguments all sections, in less than ten minutes. A figure by itself says little on a machine that others use: the ratios do. All
 * goes into FILE as JSON (bench.json); `--compare` prints the figures beside those of an earlier FILE. `--quick`: each section once and in
 * small, which shows that it runs, and not how fast. `--section others-1000` takes minutes. `--section steady` takes N minutes (4): whether what it has in memory grows.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import { fanOut } from './fan-out.ts';
import { growth } from './growth.ts';
import type { Row } from './measure.ts';
import { open } from './open.ts';
import { others } from './others.ts';
import { versions } from './peers.ts';
import { THOUSAND } from './project.ts';
import { release } from './release.ts';
import { compared, linesOf, type Report, reportOf, titleOf } from './report.ts';
import { roster } from './roster.ts';
import { steady } from './steady.ts';

const SECTIONS: Readonly<Record<string, (quick: boolean) => Promise<Row[]>>> = {
  accept,
  open,
  'fan-out': fanOut,
  roster,
  growth,
  release,
  others,
};
/** Measured where they are asked for alone. */
const ASKED: typeof SECTIONS = {
  'others-1000': (quick) => others(quick, THOUSAND),
  steady: (quick) => steady(quick, Number(values.minutes)),
};
const all = { ...SECTIONS, ...ASKED };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    section: { type: 'string', multiple: true, default: [] },
    out: { type: 'string', default: 'bench.json' },
    compare: { type: 'string' },
    minutes: { type: 'string', default: '4' },
  },
});
if (!(Number(values.minutes) >= 4)) {
  console.error('--minutes: four or more, as they are looked at by the quarter');
  process.exit(2);
}
const unknown = values.section.filter((name) => !(name in all));
if (unknown.length > 0) {
  console.error(`there is no section ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}`);
  process.exit(2);
}
const before: Report | null = values.compare === undefined ? null : JSON.parse(readFileSync(values.compare, 'utf8'));
const wanted = values.section.length > 0 ? values.section : Object.keys(SECTIONS);

const rows: Row[] = [];
console.log(titleOf(reportOf(rows, await versions(), new Date())));
for (const name of wanted) {
  const begun = performance.now();
  for (const figure of (await all[name]?.(values.quick)) ?? []) {
    rows.push(figure);
    console.log(linesOf(figure).join('\n'));
  }
  console.log(`${name} took ${Math.round((performance.now() - begun) / 1000)} s`);
}
writeFileSync(values.out, `${JSON.stringify(reportOf(rows, await versions(), new Date()), null, 1)}\n`);
if (before) console.log(`\nSince ${before.at}:\n${compared(before, rows).join('\n')}`);
// Threads of OpenPGP are still there.
process.exit(0);
