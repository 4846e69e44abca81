import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Numbers } from '../../src/http/numbers.ts';
import { createLog } from '../../src/log.ts';
import type { TestDatabase } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';
import { appOf, type HowToSignIn } from './app.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON; an empty object for an empty body. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects to be there
  body: any;
}

export interface Asking {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Buffer;
  headers?: Record<string, string>;
}

export interface TestApi {
  house: House;
  url: string;
  /** `METHOD /path`; below /api/v1 where the path does not begin with a known other one. */
  ask(token: string | null, request: string, asking?: Asking): Promise<Answer>;
  /** How often each bell was rung. */
  rung: { deliveries: number; releases: number };
  /** What /metrics answers with. */
  numbers: Numbers;
  /** What /readyz will say is missing. */
  missing: string[];
  /** Octets that its disk has free, of which one is kept; null: nobody knows. */
  left: { free: number | null };
  /** Every line that was logged, at every level. */
  logged(): string;
}

/** Gives what serves the API of a fresh house on a free port, for the time of one test. Call it where a describe block begins. */
export function serving(): (database: TestDatabase, signIn?: HowToSignIn) => Promise<TestApi> {
  const build = housing();
  const running: { close(): Promise<unknown> }[] = [];
  const folders: string[] = [];
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'curfew-keys-'));
    folders.push(made);
    return made;
  };
  afterEach(async () => {
    for (const app of running.splice(0)) await app.close();
    for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
  });
  return async ({ db }, signIn) => {
    const house = await build(db);
    const lines: string[] = [];
    const rung = { deliveries: 0, releases: 0 };
    const missing: string[] = [];
    const left: TestApi['left'] = { free: null };
    const log = createLog('trace', { write: (line: string) => void lines.push(line) });
    const { app, numbers } = await appOf(house, log, {
      keys: folder(),
      signIn,
      room: { free: () => left.free, reserve: 1 },
      ready: async () => missing,
      changed: { deliveries: () => void rung.deliveries++, releases: () => void rung.releases++ },
    });
    running.push(app);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    return { house, url, rung, numbers, missing, left, logged: () => lines.join(''), ask: (...asked) => ask(url, ...asked) };
  };
}

async function ask(url: string, token: string | null, request: string, { body, raw, headers }: Asking = {}): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ', 2);
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content }),
  });
  const text = await answer.text();
  const json = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, headers: answer.headers, body: json && text !== '' ? JSON.parse(text) : text };
}
