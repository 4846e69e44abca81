import type { InjectOptions } from 'fastify';
import { DAY, MINUTE, newToken } from '../../src/clock.ts';
import { openClock } from '../../src/embargo/clock-watch.ts';
import { allPolicies } from '../../src/embargo/presets.ts';
import { createNumbers } from '../../src/http/numbers.ts';
import { PROBLEM } from '../../src/http/problem.ts';
import { createHttp } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { Refusal } from '../../src/refusal.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import { makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { ORBIT } from '../embargo/orbit.ts';
import type { Chance } from '../support/chance.ts';
import { housing, LISTS } from '../support/house.ts';
import type { Executed } from './execute.ts';
import { below, oneOf } from './inputs.ts';

interface Schema {
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string | string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Operation {
  method: string;
  path: string;
  body: Schema | null;
}

export interface FuzzedRequest {
  method: string;
  url: string;
  /** Null: no content. */
  body: Buffer | null;
  token: 'valid' | 'none' | 'wrong';
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

// biome-ignore format: a list to be read across
const STRINGS = [
  '', 'x', 'a@b.example', LISTS.security, LISTS.announce, 'ORBIT-2026-0001', '2026-12-24T16:00:00Z', '2026-12-24T16:00:00', '9999-12-31T23:59:60+99:99',
  '\0', '\u202e', '\ud800', '../../etc/passwd', "'; drop table lists; --", '%00', '%', '__proto__', '{{x}}', 'x'.repeat(70_000), '0', '-1', 'CVE-2026-0001',
  '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx\n-----END PGP PUBLIC KEY BLOCK-----\n', 'From: a@b.example\r\n', 'https://a.example/', 'admin', 'team', 'CWE-79',
];
const ODD: readonly Json[] = [null, true, 0, -1, 0.5, 1e308, 2 ** 53, [], {}, [[[[[[]]]]]], ...STRINGS];
const KEYS = ['__proto__', 'constructor', 'toString', '', 'id', 'state', 'x'.repeat(300)];

/** What a schema allows, more or less. */
function madeOf(schema: Schema, chance: Chance, depth = 0): Json {
  const some = schema.anyOf ?? schema.oneOf;
  if (some) return madeOf(oneOf(chance, some), chance, depth);
  if (schema.const !== undefined) return schema.const as Json;
  if (schema.enum) return oneOf(chance, schema.enum) as Json;
  const type = Array.isArray(schema.type) ? oneOf(chance, schema.type) : schema.type;
  if (type === 'null' || depth > 6) return null;
  if (type === 'boolean') return chance() < 0.5;
  if (type === 'integer' || type === 'number') return below(chance, 100);
  if (type === 'array') return Array.from({ length: below(chance, 4) }, () => madeOf(schema.items ?? {}, chance, depth + 1));
  if (type !== 'object') return oneOf(chance, STRINGS);
  const kept = Object.entries(schema.properties ?? {}).filter(([key]) => schema.required?.includes(key) || chance() < 0.5);
  return Object.fromEntries(kept.map(([key, of]) => [key, madeOf(of, chance, depth + 1)]));
}

/** One of its values is another, has another key, or lacks one. */
function changedJson(value: Json, chance: Chance): Json {
  if (typeof value !== 'object' || value === null || chance() < 0.3) return oneOf(chance, ODD);
  if (Array.isArray(value))
    return value.length === 0 ? [oneOf(chance, ODD)] : value.map((one) => (chance() < 0.5 ? changedJson(one, chance) : one));
  const entries = Object.entries(value);
  const at = below(chance, entries.length + 1);
  const [key, old] = entries[at] ?? [oneOf(chance, KEYS), null];
  const rest = entries.filter(([name]) => name !== key);
  return Object.fromEntries(chance() < 0.2 ? rest : [...rest, [key, changedJson(old, chance)]]);
}

/** Its octets as well: cut off, or one of them another. */
function octetsOf(value: Json, chance: Chance): Buffer {
  const octets = Buffer.from(JSON.stringify(value));
  if (chance() < 0.8 || octets.length === 0) return octets;
  if (chance() < 0.5) return octets.subarray(0, below(chance, octets.length));
  octets[below(chance, octets.length)] = below(chance, 256);
  return octets;
}

export function nextRequest(operations: readonly Operation[], chance: Chance): FuzzedRequest {
  const { method, path, body } = oneOf(chance, operations);
  const url = path.replaceAll(/\{\w+\}/g, () =>
    encodeURIComponent(Buffer.from(oneOf(chance, STRINGS.slice(1)).slice(0, 200)).toString()),
  );
  const query =
    chance() < 0.2 ? `?${oneOf(chance, ['limit', 'after', 'state', 'x'])}=${oneOf(chance, ['-1', '%00', 'x', '%'])}` : '';
  const token = oneOf(chance, ['valid', 'valid', 'valid', 'none', 'wrong'] as const);
  if (body === null) return { method, url: `${url}${query}`, body: null, token };
  let value = madeOf(body, chance);
  for (let left = below(chance, 3); left > 0; left--) value = changedJson(value, chance);
  return { method, url: `${url}${query}`, body: octetsOf(value, chance), token };
}

const PATIENCE = 2_000;
const WRONG = `curfew_${'a'.repeat(43)}`;

/** The API of a house with a token of an admin. What must hold: no 5xx but 503, a problem wherever it is refused, no secret in an answer or in the log. */
export async function openRequests(file: string): Promise<{
  operations: readonly Operation[];
  play(request: FuzzedRequest): Promise<Executed>;
  close(): Promise<void>;
}> {
  const db = makeDatabase({ sqlite: file });
  await migrate(db);
  const house = await housing()(db);
  const [lena] = house.team;
  const { token } = await issueToken(house, { name: 'fuzz', role: 'admin', person: lena.address, days: null });
  let logged = '';
  const write = (line: string) => {
    logged += line;
  };
  const log = createLog('trace', { write });
  const clock = await openClock(db, house.clock, DAY);
  const seams = { ...house, clock };
  const app = createHttp({
    seams,
    clock,
    log,
    numbers: createNumbers(seams, log),
    ready: async () => [],
    room: { free: () => null, reserve: 1 },
    lookUp: async () => {
      throw new Refusal('not-found');
    },
    signIn: {
      provider: {
        begin: async () => ({ url: 'https://id.orbit.example/?state=s', secret: newToken(32) }),
        finish: async () => ({ issuer: 'https://id.orbit.example', subject: 'lena', address: lena.address }),
      },
      rules: { hours: 8, admins: [lena.address] },
    },
    policies: allPolicies({ policies: { orbit: ORBIT }, holidays: [] }),
    admission: { project: 'orbit', criteria: CRITERIA, terms: null },
    addList: async () => {
      throw new Refusal('conflict');
    },
    changed: { deliveries: () => {}, releases: () => {} },
  });
  const secrets = [token, WRONG, '-----BEGIN PGP PRIVATE KEY BLOCK-----'];
  const tells = (text: string) => secrets.some((secret) => text.includes(secret));
  return {
    operations: operationsOf(JSON.parse((await app.inject('/api/openapi.json')).body)),
    async play({ method, url, body, token: which }) {
      // As many a minute as one may.
      house.clock.moveTo(house.clock.now() + MINUTE);
      logged = '';
      const authorization = { valid: `Bearer ${token}`, none: null, wrong: `Bearer ${WRONG}` }[which];
      const headers = {
        ...(authorization === null ? {} : { authorization }),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      };
      const wish = { method, url, headers, ...(body === null ? {} : { payload: body }) } as InjectOptions;
      const began = performance.now();
      const answer = await app.inject(wish);
      const { statusCode: status } = answer;
      const fault = (what: string) => ({ failure: `request: ${method} ${url.split('?')[0]?.slice(0, 80)}: ${what}` });
      if (performance.now() - began > PATIENCE) return fault('hang');
      if (status >= 500 && status !== 503) return fault(`${status} ${logged.slice(0, 2_000)}`);
      if (status >= 400 && !String(answer.headers['content-type']).startsWith(PROBLEM)) return fault(`${status} is no problem`);
      if (tells(answer.body) || tells(JSON.stringify(answer.headers))) return fault('the answer tells a secret');
      if (tells(logged)) return fault('the log tells a secret');
      return { verdict: `request ${status}` };
    },
    async close() {
      await app.close();
      await db.destroy();
    },
  };
}

interface Document {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>;
  components?: { schemas?: Record<string, Schema> };
}

function operationsOf({ paths, components }: Document): Operation[] {
  const resolved = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : (components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => {
      const schema = requestBody?.content['application/json']?.schema;
      return { method: method.toUpperCase(), path, body: schema ? resolved(schema) : null };
    }),
  );
}
