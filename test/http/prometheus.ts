import { expect } from 'vitest';
import type { TestApi } from './api.ts';

/** What /metrics answered: by name and labels, as it writes them, such as `curfew_cases{state="armed"}`. */
export interface Scrape {
  text: string;
  samples: Map<string, number>;
  /** The type of each metric, by its name. */
  types: Map<string, string>;
}

export function readScrape(text: string): Scrape {
  const lines = text.split('\n');
  const samples = lines.flatMap((line) => {
    const [, name, value] = /^([a-z_:][\w:]*(?:\{.*\})?) (\S+)$/i.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, Number(value)] as const];
  });
  const types = lines.flatMap((line) => {
    const [, name, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    return name === undefined || type === undefined ? [] : [[name, type] as const];
  });
  return { text, samples: new Map(samples), types: new Map(types) };
}

/** As Prometheus does it, with a token of an auditor. */
export async function scrape(api: TestApi): Promise<Scrape> {
  const { status, headers, body } = await api.ask(await api.house.token('auditor'), 'GET /metrics');
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return readScrape(body);
}

/** The samples of one metric, by their labels. */
export function of({ samples }: Scrape, name: string): Record<string, number> {
  const found = [...samples].filter(([key]) => key === name || key.startsWith(`${name}{`));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(name.length), value]));
}

/** The same, without those that are 0. */
export function above0(answer: Scrape, name: string): Record<string, number> {
  return Object.fromEntries(Object.entries(of(answer, name)).filter(([, value]) => value !== 0));
}
