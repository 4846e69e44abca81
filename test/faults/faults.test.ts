import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { scriptedRelay } from '../smtp/scripted-relay.ts';
import { LISTS } from '../support/house.ts';
import { run } from '../support/process.ts';
import { ROOT } from '../support/root.ts';
import { tryControls } from './controls.ts';
import { type Experiment, nothingYet } from './experiment.ts';
import { EXPERIMENTS } from './experiments.ts';
import { runExperiment } from './run.ts';
import { growth } from './soak.ts';
import { streamOf } from './stream.ts';
import { makeVariant, VARIANTS } from './variants.ts';

/** Where much else runs, a project takes its time to start. */
const PATIENCE = 300_000;

/** Compiled, with the experiments: what broken variants are copies of. */
let dist = '';

beforeAll(async () => {
  dist = join(mkdtempSync(join(inject('folder'), 'faults-')), 'dist');
  cpSync(join(ROOT, 'dist'), dist, { recursive: true });
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const { code, stdout } = await run(tsc, ['-p', 'test/tsconfig.run.json', '--outDir', dist, '--noCheck'], { cwd: ROOT });
  if (code !== 0) throw new Error(stdout);
});

for (const experiment of EXPERIMENTS) {
  const absent = experiment.absent();
  const why = absent === null ? '' : ` (absent: ${absent})`;
  describe.skipIf(absent !== null)(`${experiment.name}, ${experiment.title}${why}`, () => {
    test.runIf(experiment.short > 0)(
      'finds no fault',
      async () => {
        const { rounds, faults, broken } = await runExperiment(experiment, {
          rounds: experiment.short,
          seed: 1,
          short: true,
          longest: PATIENCE - 60_000,
        });
        expect({ rounds, faults, broken }).toEqual({ rounds: experiment.short, faults: [], broken: [] });
      },
      PATIENCE,
    );

    test.runIf(experiment.controls.some(({ quick }) => quick))(
      'finds the fault of what is broken',
      async () => {
        const tried = await tryControls(experiment, { seed: 1, quick: true, dist });
        expect(tried.filter(({ found }) => found === null)).toEqual([]);
      },
      PATIENCE,
    );
  });
}

test('a round that does not end is given up, said with its seed, and the last of its experiment', async () => {
  let closed = 0;
  const endless: Experiment = {
    ...(EXPERIMENTS[0] as Experiment),
    open: async () => ({
      round: (seed) => (seed < 8 ? Promise.resolve(nothingYet()) : new Promise(() => {})),
      close: async () => void closed++,
    }),
  };
  const { rounds, faults, broken } = await runExperiment(endless, { rounds: 5, seed: 7, longest: 50 });
  expect({ rounds, faults, closed }).toEqual({ rounds: 2, faults: [], closed: 1 });
  expect(broken).toEqual([{ seed: 8, what: expect.stringContaining('it does not end') }]);
});

test('what is found only at the end is counted, with the last seed', async () => {
  const open = async () => ({
    round: async () => nothingYet(),
    end: async () => ({ ...nothingYet(), lost: 1, faults: ['lost'] }),
    close: async () => {},
  });
  const { lost, faults } = await runExperiment({ ...(EXPERIMENTS[0] as Experiment), open }, { rounds: 3, seed: 7 });
  expect({ lost, faults }).toEqual({ lost: 1, faults: [{ seed: 9, what: 'lost' }] });
});

test('a client sends no mail where DATA is refused, and goes on with the next', async () => {
  let refusals = 1;
  const relay = await scriptedRelay((stage) => (stage === 'data' && refusals-- > 0 ? '451 4.3.0 not now' : undefined));
  const raw = Buffer.from('Subject: a hole\r\n\r\nIt crashes.\r\n');
  const client = streamOf(relay.port, 2, async () => ({ from: 'r@research.example', to: [LISTS.security], raw }));
  await client.ended;
  await relay.close();
  const each = ['MAIL FROM:<r@research.example>', `RCPT TO:<${LISTS.security}>`, 'DATA'];
  expect(relay.commands).toEqual(['EHLO client.example', ...each, 'RSET', ...each, 'QUIT']);
  expect(client.acknowledged).toHaveLength(1);
});

test('memory that has grown by more than two fifths is a fault of the soak, and one odd life is none', () => {
  const lives = (...rss: number[]) => rss.map((one) => ({ rss: one, heap: 100 }));
  const flat = Array.from({ length: 20 }, () => 400);
  expect(growth(lives(...flat))).toBeNull();
  expect(growth(lives(...flat.slice(0, 15), 900, 900, 550, 400, 400))).toBeNull();
  expect(growth(lives(...flat.slice(0, 15), 570, 900, 570, 570, 400))).toContain('400 MiB in the first quarter to 570 MiB');
  expect(growth(lives(...flat.slice(0, 18), 900))).toBeNull();
});

test('a variant is the program with its texts replaced, and none where a text is not there exactly once', () => {
  const file = 'src/clock.js';
  const into = () => mkdtempSync(join(inject('folder'), 'variant-'));
  const folder = into();
  makeVariant(folder, [{ file, find: 'Date.now()', replace: 'Date.never()' }], dist);
  const written = readFileSync(join(dist, file), 'utf8');
  expect(readFileSync(join(folder, 'dist', file), 'utf8')).toBe(written.replace('Date.now()', 'Date.never()'));
  expect(() => makeVariant(into(), [{ file, find: 'nowhere', replace: '' }], dist)).toThrow('has 0 times, not once: nowhere');
  expect(() => makeVariant(into(), [{ file, find: ';', replace: '' }], dist)).toThrow(/times, not once: ;/);
});

test('each broken variant can be made, and is what an experiment is tried on', () => {
  for (const changes of Object.values(VARIANTS)) makeVariant(mkdtempSync(join(inject('folder'), 'variant-')), changes, dist);
  const tried = EXPERIMENTS.flatMap(({ controls }) => controls.map(({ variant }) => variant));
  expect(Object.keys(VARIANTS).sort()).toEqual([...new Set(tried)].sort());
});
