import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOUR } from '../../src/clock.ts';
import { reasons } from '../../src/refusal.ts';
import { armed, scheduled } from '../embargo/armed.ts';
import { oneEngine } from '../support/dialects.ts';
import { installed } from '../support/installed.ts';
import { run } from '../support/process.ts';
import { serving } from './api.ts';
import { readScrape, type Scrape, scrape } from './prometheus.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, 'docs', path), 'utf8');

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { refId: string; expr: string; datasource: { uid: string } }[];
}

const dashboard: { uid: string; panels: Panel[]; templating: { list: { name: string; query: unknown }[] } } = JSON.parse(
  read('grafana-dashboard.json'),
);
const inDashboard = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const inAlerts = [...read('alerts.yml').matchAll(/^ +expr: (?:\|-\n((?: {10,}.*\n)+)|(.*))/gm)].map(
  ([, block, line]) => block ?? line ?? '',
);

interface Selector {
  name: string;
  matchers: { label: string; operator: string; value: string }[];
}

/** The metrics that an expression of PromQL reads, but `up`, which Prometheus makes itself. */
function selectorsOf(expression: string): Selector[] {
  const found = [...expression.matchAll(/\b((?:curfew|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)];
  return found.map(([, name = '', inner = '']) => ({
    name,
    matchers: [...inner.matchAll(/(\w+)(=~|!=|!~|=)"([^"]*)"/g)].map(([, label = '', operator = '', value = '']) => ({
      label,
      operator,
      value,
    })),
  }));
}

const baseOf = (name: string) => name.replace(/_(sum|count|bucket)$/, '');

oneEngine((engine) => {
  const serve = serving();
  let answer: Scrape;
  beforeEach(async () => {
    const api = await serve(await engine.open());
    const { house } = api;
    await scheduled(house);
    await armed(house, house.clock.now() + 2 * HOUR);
    await house.db.updateTable('deliveries').set({ state: 'held', reason: 'expired' }).execute();
    await house.db.updateTable('posts').set({ state: 'held', hold_reason: 'moderated' }).where('kind', '=', 'report').execute();
    const first = await scrape(api);
    expect(first.types.has('curfew_certificates')).toBe(true);
    do answer = await scrape(api);
    while (!answer.samples.has('curfew_certificates'));
  });

  test('every metric and label of the dashboard and the alerts is there', () => {
    const selectors = [...inDashboard, ...inAlerts].flatMap(selectorsOf);
    expect(selectors.length).toBeGreaterThan(40);
    for (const { name, matchers } of selectors) {
      expect([...answer.types.keys()], name).toContain(baseOf(name));
      const samples = [...answer.samples.keys()].filter((key) => key === name || key.startsWith(`${name}{`));
      for (const { label, operator, value } of matchers.filter(({ label }) => label !== 'job')) {
        expect(['=', '=~'], `${name} ${label}`).toContain(operator);
        for (const word of operator === '=~' ? value.split('|') : [value])
          expect(
            samples.some((key) => key.includes(`${label}="${word}"`)),
            `${name}{${label}="${word}"}`,
          ).toBe(true);
      }
    }
  });

  test('every metric of Curfew is on the dashboard and in the documentation, and nothing else is', () => {
    const ours = [...answer.types.keys()].filter((name) => name.startsWith('curfew_')).sort();
    const documented = [...read('monitoring.md').matchAll(/^\| `(curfew_\w+)`/gm)].map(([, name]) => name);
    expect(documented.sort()).toEqual(ours);
    const shown = new Set(inDashboard.flatMap(selectorsOf).map(({ name }) => name));
    for (const name of ours) expect([...shown]).toContain(name);
  });

  test('names, units and types are as Prometheus wants them', async () => {
    for (const [name, type] of [...answer.types].filter(([each]) => each.startsWith('curfew_'))) {
      expect(name).toMatch(/^curfew(_[a-z]+)+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(['counter', 'gauge']).toContain(type);
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|days|kilobytes|gauge|counter|count|sum|bucket|info)$/);
      expect(answer.text).toMatch(new RegExp(`^# HELP ${name} \\S.{10,}$`, 'm'));
    }
    for (const key of answer.samples.keys())
      for (const [, label = ''] of key.matchAll(/[{,](\w+)="/g)) expect(label).toMatch(/^[a-z]+$/);
    // Every refusal begins at 0, so that the first one is an increase.
    for (const reason of reasons)
      expect(answer.samples.get(`curfew_mail_verdicts_total{outcome="refused",reason="${reason}"}`)).toBe(0);
  });

  test.skipIf(!installed('promtool'))('promtool finds nothing wrong with them', async () => {
    const { stdout, stderr } = await run('promtool', ['check', 'metrics'], { input: answer.text });
    // The names that Node.js has in the package are what they are.
    const faults = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/^(nodejs|process)_/.test(line));
    expect(faults).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('has panels side by side, each with its own id, over the data source that is chosen', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
    for (const { type, title, targets = [] } of dashboard.panels) {
      expect(targets.length > 0, title).toBe(type !== 'row');
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const { datasource } of targets) expect(datasource.uid).toBe(`\${datasource}`);
    }
  });

  test('uses no variable that it does not have', () => {
    const known = dashboard.templating.list.map(({ name }) => name);
    const used = [...read('grafana-dashboard.json').matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
    expect(new Set(used.filter((name) => !name.startsWith('__')))).toEqual(new Set(known));
  });
});

describe('the alerts', () => {
  test('have what is needed each', () => {
    const alerts = read('alerts.yml')
      .split(/^ {6}- alert: /m)
      .slice(1);
    expect(inAlerts).toHaveLength(alerts.length);
    for (const alert of alerts) {
      expect(alert).toMatch(/^Curfew[A-Za-z0-9]+\n/);
      expect(alert).toMatch(/^ {10}severity: (critical|warning)$/m);
      expect(alert).toMatch(/^ {10}summary: \S/m);
      expect(alert).toMatch(/^ {10}description: \S/m);
    }
  });

  test.skipIf(!installed('promtool'))('fire when they should, and not otherwise', async () => {
    expect(await run('promtool', ['test', 'rules', join(ROOT, 'test/http/alerts.rules.yml')])).toMatchObject({ code: 0 });
  });
});

test('the reader of these tests reads what Prometheus reads', () => {
  const { samples, types } = readScrape('# HELP a_b x\n# TYPE a_b gauge\na_b{c="d"} 1.5\na_b -2\n');
  expect([...samples]).toEqual([
    ['a_b{c="d"}', 1.5],
    ['a_b', -2],
  ]);
  expect([...types]).toEqual([['a_b', 'gauge']]);
});
