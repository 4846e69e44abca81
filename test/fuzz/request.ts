import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { MINUTE } from '../../src/clock.ts';
import { createLibrary } from '../../src/http/library.ts';
import { PROBLEM } from '../../src/http/problem.ts';
import { publicPaths } from '../../src/http/public.ts';
import { createLog } from '../../src/log.ts';
import { Refusal } from '../../src/refusal.ts';
import { issueToken } from '../../src/roster/tokens.ts';
import { type Database, makeDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { appOf } from '../http/app.ts';
import { type Call, calls } from '../http/calls.ts';
import { filledPath, keysOf, rowOf } from '../http/paths.ts';
import type { Chance } from '../support/chance.ts';
import { type House, housing, LISTS } from '../support/house.ts';
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
  pattern?: string;
  maxLength?: number;
}

/** Of a query. */
interface Parameter {
  name: string;
  required: boolean;
  description?: string;
  schema: Schema;
}

interface Operation {
  method: string;
  /** With its parameters in braces. */
  path: string;
  query: readonly Parameter[];
  body: Schema | null;
  /** Of its content. */
  type: string;
}

export interface FuzzedRequest {
  /** `POST /api/v1/cases/:id/leak`, as `calls` has it. */
  row: string;
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Null: no content. */
  body: Buffer | null;
  type: string;
  /** A token of its own where its call has one. */
  token: Role | 'none' | 'wrong' | { own: string };
}

type Role = 'admin' | 'team' | 'auditor';
const TOKENS = ['admin', 'admin', 'admin', 'admin', 'team', 'team', 'auditor', 'none', 'wrong', 'wrong'] as const;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

// biome-ignore format: a list to be read across
const STRINGS = [
  '', 'x', 'a@b.example', LISTS.security, LISTS.announce, 'ORBIT-2026-0001', '2026-12-24T16:00:00Z', '2026-12-24T16:00:00', '9999-12-31T23:59:60+99:99',
  '\0', '\u202e', '\ud800', '../../etc/passwd', "'; drop table lists; --", '%00', '%', '__proto__', '{{x}}', 'x'.repeat(70_000), '0', '-1', 'CVE-2026-0001',
  '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx\n-----END PGP PUBLIC KEY BLOCK-----\n', 'From: a@b.example\r\n', 'https://a.example/', 'admin', 'team', 'CWE-79',
  'k8s', 'orbit', 'http://127.0.0.1:49152/',
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

/** One of its values is another, of `odd`, has another key, or lacks one. */
function changedJson(value: Json, odd: readonly Json[], chance: Chance): Json {
  if (typeof value !== 'object' || value === null || chance() < 0.3) return oneOf(chance, odd);
  if (Array.isArray(value))
    return value.length === 0 ? [oneOf(chance, odd)] : value.map((one) => (chance() < 0.5 ? changedJson(one, odd, chance) : one));
  const entries = Object.entries(value);
  const at = below(chance, entries.length + 1);
  const [key, old] = entries[at] ?? [oneOf(chance, KEYS), null];
  const rest = entries.filter(([name]) => name !== key);
  return Object.fromEntries(chance() < 0.2 ? rest : [...rest, [key, changedJson(old, odd, chance)]]);
}

/** Its octets as well: cut off, or one of them another. */
function spoilt(octets: Buffer, chance: Chance): Buffer {
  if (chance() < 0.8 || octets.length === 0) return octets;
  if (chance() < 0.5) return octets.subarray(0, below(chance, octets.length));
  octets[below(chance, octets.length)] = below(chance, 256);
  return octets;
}

const VERSIONS = ['"1"', '"2"', '"0"', '"9007199254740993"', 'W/"1"', '*', 'x', ''];
const IDEMPOTENCY_KEYS = ['k', '', 'x'.repeat(300)];
const NAMES = ['limit', 'cursor', 'state', 'x', 'a%5B%5D', '%00', ''];

/** What answers have said so far, by the name of the field. */
type Told = ReadonlyMap<string, readonly string[]>;

/** A value that the document allows: where it says no more than a form, one that is there under that name, or any that has the form. */
function allowedFor({ name, schema, description = '' }: Parameter, told: Told, chance: Chance): string | null {
  if (schema.type !== 'string' || schema.enum) return String(madeOf(schema, chance));
  const { pattern = '', maxLength = Number.POSITIVE_INFINITY } = schema;
  const fitting = (texts: readonly string[]) =>
    texts.filter((text) => text.length <= maxLength && new RegExp(pattern, 'u').test(text));
  const example = /as in (\S+)$/.exec(description)?.[1] ?? [];
  const own = fitting([...(told.get(NAMED[name] ?? name) ?? [])].concat(example));
  const from = own.length > 0 && chance() < 0.8 ? own : fitting(STRINGS);
  return from.length > 0 ? oneOf(chance, from) : null;
}

/** Half of a pair of UTF-16 is none of URLs. */
const quoted = (text: string) => encodeURIComponent(Buffer.from(text).toString());

/** How answers name what a parameter is of, where that is another name. */
const NAMED: Readonly<Record<string, string>> = { cursor: 'next', list: 'listId' };

/** What is asked for: as the document has it, all that is required with some of what is not; or one of its values, or its names, is another. */
function queryOf({ query }: Operation, told: Told, known: readonly string[], chance: Chance): string {
  const asked = query.filter(({ required }) => required || chance() < 0.4);
  const fields = asked.flatMap((one): [string, string][] => {
    const value = allowedFor(one, told, chance);
    return value === null ? [] : [[one.name, quoted(value)]];
  });
  if (chance() < 0.2) {
    const value = oneOf(chance, ['-1', '%00', 'x', '%', '', '%F0%9F', ...known.slice(-9)]);
    const names = query.length > 0 && chance() < 0.7 ? query.map(({ name }) => name) : NAMES;
    fields.push([oneOf(chance, names), value]);
  }
  return fields.length === 0 ? '' : `?${fields.map(([name, value]) => `${name}=${value}`).join('&')}`;
}

function headersOf(chance: Chance): Record<string, string> {
  return {
    ...(chance() < 0.2 ? { 'if-match': oneOf(chance, VERSIONS) } : {}),
    ...(chance() < 0.1 ? { 'idempotency-key': oneOf(chance, IDEMPOTENCY_KEYS) } : {}),
  };
}

const JSON_TYPE = 'application/json';
const FORM = 'application/x-www-form-urlencoded';

/** `call`: what its request is when it does what it is there for; null: made from the document alone. `known`: ids of what is there. */
function requestOf(operation: Operation, call: Call | null, { known, told }: Standing, chance: Chance): FuzzedRequest {
  const { method, path, body, type } = operation;
  const anything = () => oneOf(chance, known.length > 0 && chance() < 0.5 ? known : STRINGS.slice(1));
  const parameter = (key: string) => (chance() < 0.9 && call?.at?.[key]) || anything();
  const url = filledPath(path, (key) => quoted(parameter(key).slice(0, 200)));
  const token = oneOf(chance, TOKENS);
  const own = call?.token !== undefined && token === 'admin' ? { own: call.token } : token;
  const asked = `${url}${queryOf(operation, told, known, chance)}`;
  const request = { row: rowOf(operation), method, url: asked, headers: headersOf(chance), type, token: own };
  const isOptional = call !== null && call.body === undefined;
  if (body === null || (isOptional && chance() < 0.5)) return { ...request, body: null };
  let value = (call?.body as Json | undefined) ?? madeOf(body, chance);
  // Of what does what it is there for, every second one is left as it is.
  for (let left = call && chance() < 0.5 ? 0 : below(chance, 3); left > 0; left--)
    value = changedJson(value, [...ODD, ...known], chance);
  const octets = type === FORM ? formOf(value) : Buffer.from(JSON.stringify(value));
  return { ...request, body: call && chance() < 0.8 ? octets : spoilt(octets, chance) };
}

/** As a browser sends what is in a form. */
function formOf(value: Json): Buffer {
  const fields: [string, unknown][] = typeof value === 'object' && value !== null ? Object.entries(value) : [['x', value]];
  return Buffer.from(new URLSearchParams(fields.map(([name, of]): [string, string] => [name, String(of)])).toString());
}

/** Milliseconds of the processor, which other programs take nothing of; and of the clock, for what waits and works not. */
const PATIENCE = { working: 2_000, waiting: 20_000 };
const WRONG = `curfew_${'a'.repeat(43)}`;
/** Then they ask another one: who was retired, or what was ended, is so for good. */
const REQUESTS_A_HOUSE = 100;

/** A house with a token of each role, its API, the ids of what was made there for a call, and what its answers have told. */
interface Standing {
  db: Database;
  house: House;
  app: Awaited<ReturnType<typeof appOf>>['app'];
  tokens: Readonly<Record<Role, string>>;
  known: string[];
  told: Map<string, string[]>;
  operations: readonly Operation[];
  /** Of what anybody may read, when it was asked for first. */
  released: Promise<unknown> | null;
}

async function standing(folder: string, name: string, write: (line: string) => void): Promise<Standing> {
  const db = makeDatabase({ sqlite: join(folder, `${name}.db`) });
  await migrate(db);
  const house = await housing()(db);
  const [lena, dirk] = house.team;
  const issue = async (role: Role, person: string | null) =>
    (await issueToken(house, { name: role, role, person, days: null })).token;
  const tokens = {
    admin: await issue('admin', lena.address),
    team: await issue('team', dirk.address),
    auditor: await issue('auditor', null),
  };
  const keys = join(folder, `${name}.keys`);
  mkdirSync(keys);
  const { app } = await appOf(house, createLog('trace', { write }), { keys });
  const operations = operationsOf(JSON.parse((await app.inject('/api/openapi.json')).body));
  return { db, house, app, tokens, known: [], told: new Map(), operations, released: null };
}

/** How an operation is asked for so that it does what it is there for; null where nobody knows. */
async function callOf(at: Standing, { method, path }: Operation, chance: Chance): Promise<Call | null> {
  const { house } = at;
  const own = calls[rowOf({ method, path })];
  if (own) return own(house);
  const keys = keysOf(path);
  if (keys.length === 0) return {};
  if (publicPaths.some((one) => rowOf({ method: 'GET', path: one.path }) === rowOf({ method, path }))) {
    at.released ??= calls['POST /api/v1/cases/:id/close']?.(house) ?? Promise.resolve();
    await at.released;
    const library = createLibrary(house);
    const files = [...(await library.released()).keys(), ...(await library.standing()).keys()];
    const shape = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '([^/]+)')}$`);
    const found = files.flatMap((file) => {
      const [, ...values] = shape.exec(file) ?? [];
      return values.length === keys.length ? [Object.fromEntries(values.map((value, index) => [keys[index] ?? '', value]))] : [];
    });
    return found.length > 0 ? { at: oneOf(chance, found) } : null;
  }
  // What some other one changes can be read as well.
  const makers = Object.entries(calls).filter(([row]) => {
    const named = keysOf(row.split(' ')[1]?.replaceAll(/:(\w+)/g, '{$1}') ?? '');
    return keys.every((key) => named.includes(key));
  });
  const { at: where } = makers.length > 0 ? await oneOf(chance, makers)[1](house) : {};
  return where ? { at: where } : null;
}

/**
 * The API of a house, in whose log and answers is no secret: every second request is one that does what its route is there for, changed or not,
 * in a house that has what it needs; the others are made from the OpenAPI document. What must hold: no 5xx but 503, a problem wherever it is refused.
 */
export async function openRequests(folder: string): Promise<{
  next(chance: Chance): Promise<FuzzedRequest>;
  /** One that changes nothing and may have a query. */
  nextQuery(chance: Chance): FuzzedRequest;
  play(request: FuzzedRequest): Promise<Executed>;
  /** Routes that did what they are there for. */
  done: ReadonlySet<string>;
  close(): Promise<void>;
}> {
  let logged = '';
  const write = (line: string) => {
    logged += line;
  };
  let [made, houses] = [0, 0];
  const open = () => standing(folder, `fuzzed-${++houses}`, write);
  let at = await open();
  const close = async () => {
    await at.app.close();
    await at.db.destroy();
  };
  const done = new Set<string>();
  return {
    done,
    close,
    async next(chance) {
      if (++made % REQUESTS_A_HOUSE === 0) {
        await close();
        at = await open();
      }
      const { known, operations } = at;
      const moves = operations.filter((one) => calls[rowOf(one)]);
      const operation = oneOf(chance, chance() < 0.6 ? moves : operations);
      // Where what it needs cannot be made any more in this house, it is a request like others.
      const call = chance() < 0.8 ? await callOf(at, operation, chance).catch(ifRefused) : null;
      known.push(...Object.values(call?.at ?? {}));
      return requestOf(operation, call, at, chance);
    },
    nextQuery(chance) {
      const asking = at.operations.filter(
        ({ method, path, query }) => method === 'GET' && query.length > 0 && !path.includes('{'),
      );
      return requestOf(oneOf(chance, asking), null, at, chance);
    },
    async play({ row, method, url, headers, body, type, token: which }) {
      const { house, app, tokens, told } = at;
      // As many a minute as one may.
      house.clock.moveTo(house.clock.now() + MINUTE);
      logged = '';
      const bearer = typeof which === 'object' ? which.own : { ...tokens, none: null, wrong: WRONG }[which];
      const all = {
        ...headers,
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === null ? {} : { 'content-type': type }),
      };
      const wish = { method, url, headers: all, ...(body === null ? {} : { payload: body }) } as InjectOptions;
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      const answer = await app.inject(wish);
      const { user, system } = process.cpuUsage(cpu);
      const { statusCode: status } = answer;
      const secrets = [...Object.values(tokens), WRONG, '-----BEGIN PGP PRIVATE KEY BLOCK-----', ...(bearer ? [bearer] : [])];
      const tells = (text: string) => secrets.some((secret) => text.includes(secret));
      const fault = (what: string) => ({ failure: `request: ${row}: ${what}` });
      const isLong = (user + system) / 1000 > PATIENCE.working || performance.now() - began > PATIENCE.waiting;
      if (isLong) return fault(`hang, ${status}`);
      if (status >= 500 && status !== 503) return fault(`${status} ${logged.slice(0, 2_000)}`);
      if (status >= 400 && !String(answer.headers['content-type']).startsWith(PROBLEM)) return fault(`${status} is no problem`);
      if (tells(answer.body) || tells(JSON.stringify(answer.headers))) return fault('the answer tells a secret');
      if (tells(logged)) return fault('the log tells a secret');
      if (status < 300) done.add(row);
      if (status === 200) noteTold(answer.body, told);
      return { verdict: `request ${status}` };
    },
  };
}

/** So many values of each name. */
const TOLD = 20;

/** Whatever texts an answer in JSON has. */
function noteTold(body: string, told: Map<string, string[]>): void {
  if (!body.startsWith('{')) return;
  JSON.parse(body, (name, value: unknown) => {
    if (typeof value === 'string') told.set(name, [...(told.get(name) ?? []), value].slice(-TOLD));
    return value;
  });
}

function ifRefused(error: unknown): null {
  if (error instanceof Refusal) return null;
  throw error;
}

interface Described {
  parameters?: (Omit<Parameter, 'required'> & { in: string; required?: boolean })[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

interface Document {
  paths: Record<string, Record<string, Described>>;
  components?: { schemas?: Record<string, Schema> };
}

function operationsOf({ paths, components }: Document): Operation[] {
  const resolved = (schema: Schema): Schema =>
    schema.$ref === undefined ? schema : (components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
      const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [JSON_TYPE, null];
      const query = parameters.filter((one) => one.in === 'query').map((one) => ({ required: false, ...one }));
      return { method: method.toUpperCase(), path, query, body: content ? resolved(content.schema) : null, type };
    }),
  );
}
