import { expect, test } from 'vitest';
import { progressBar } from '../../src/cli/progress.ts';

function terminal(columns: number) {
  const said: string[] = [];
  return { said, screen: { isTTY: true, columns, write: (text: string) => said.push(text) } };
}

test('a bar is drawn over itself, once a percent, and taken away in the end', () => {
  const { said, screen } = terminal(80);
  const bar = progressBar({}, screen);
  for (let done = 1; done <= 1000; done++) bar.show('Reading', done, 1000);
  bar.clear();
  expect(said).toHaveLength(102);
  expect(said[50]).toBe(`\r\x1b[KReading  [${'#'.repeat(20)}${' '.repeat(20)}]   50 %  500/1000`);
  expect(said.at(-1)).toBe('\r\x1b[K');
});

test.each([10, 20, 30, 40, 80])('a bar fits on a line of %i columns', (columns) => {
  const { said, screen } = terminal(columns);
  progressBar({}, screen).show('Reading certificates', 9999, 10_000);
  expect(said.join('').replace('\r\x1b[K', '').length).toBeLessThan(columns);
});

test('nothing of nothing is done', () => {
  const { said, screen } = terminal(80);
  progressBar({}, screen).show('Reading', 0, 0);
  expect(said.join('')).toContain('100 %');
});

test('nothing is drawn where no terminal is, or a program reads', () => {
  const { said, screen } = terminal(80);
  for (const bar of [progressBar({ json: true }, screen), progressBar({}, { ...screen, isTTY: false })]) {
    bar.show('Reading', 1, 2);
    bar.clear();
  }
  expect(said).toEqual([]);
});
