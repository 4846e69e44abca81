import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { SECOND } from '../clock.ts';
import { CONFIG_HERE, ConfigError, isLoopback, loadConfig } from '../config.ts';
import { readNamed } from './file.ts';

export interface RemoteOptions {
  config: string;
  url?: string;
  tokenFile?: string;
  json?: true;
}

/** Gives a command the options of all that ask a server over its API with a token. */
export function remoteCommand(parent: Command, name: string, description: string): Command {
  const tokenFile = 'a file with the token, for its owner alone (default: the token in CURFEW_TOKEN)';
  return anyoneCommand(parent, name, description).option('--token-file <file>', tokenFile);
}

/** As `remoteCommand`, for what is for anyone. */
export function anyoneCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--url <url>', 'the server (default: CURFEW_URL, else the http host and port of the configuration)')
    .option('--config <file>', 'the configuration', CONFIG_HERE)
    .option('--json', 'print JSON');
}

/** A server whose answers are read by their schemas. */
export interface Client {
  /**
   * `request`: `METHOD /path` below /api/v1; `ifMatch`: the ETag of what was seen. Throws with the server's own words where it
   * refuses.
   */
  ask<Schema extends TSchema>(request: string, answer: Schema, body?: unknown, ifMatch?: string): Promise<Static<Schema>>;
}

/** Throws ConfigError where it cannot be told which server is meant, or with which token. */
export function connect(options: RemoteOptions): Client {
  return clientOf(serverOf(options), tokenOf(options));
}

/** For what is for anyone: no token is sent, even where there is one. */
export function connectAsAnyone(options: RemoteOptions): Client {
  return clientOf(serverOf(options), null);
}

function clientOf(server: URL, token: string | null): Client {
  return {
    async ask(request, schema, body, ifMatch) {
      const [method = '', path = ''] = request.split(' ', 2);
      const answer = await send(new URL(`/api/v1${path}`, server), method, { token, body, ifMatch });
      const said = await readJson(answer);
      if (!answer.ok) throw refusedWith(said, `${server.origin} answers ${answer.status} and does not say why`);
      if (!Value.Check(schema, said)) throw new Error(`${server.origin} does not answer like a Curfew of this version`);
      return said;
    },
  };
}

interface Wanted {
  /** Filters; what is undefined is left out. */
  query?: Record<string, string | undefined>;
  /** All of it, unless given. */
  most?: number;
}

/** What comes in pages, in its order. */
export async function everyPage<Item extends TSchema>(
  client: Client,
  path: string,
  item: Item,
  { query = {}, most = Number.POSITIVE_INFINITY }: Wanted = {},
): Promise<Static<Item>[]> {
  const schema = Type.Object({ items: Type.Array(item), next: Type.Union([Type.String(), Type.Null()]) });
  const items: Static<Item>[] = [];
  for (let cursor: string | null = ''; cursor !== null && items.length < most; ) {
    const asked = new URLSearchParams({ limit: String(Math.min(LARGEST_PAGE, most - items.length)) });
    for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, value);
    if (cursor !== '') asked.set('cursor', cursor);
    const page: { items: Static<Item>[]; next: string | null } = await client.ask(`GET ${path}?${asked}`, schema);
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

const LARGEST_PAGE = 200;

function serverOf({ url = process.env['CURFEW_URL'], config }: RemoteOptions): URL {
  if (url === undefined) {
    const { host, port } = loadConfig(config).http;
    return new URL(`http://${reachable(host)}:${port}`);
  }
  if (!URL.canParse(url)) throw misused(`"${url}" is no URL, as in https://curfew.orbit.example`);
  const server = new URL(url);
  const plain = server.protocol === 'http:' && isLoopback(server.hostname.replace(/^\[|\]$/g, ''));
  if (!plain && server.protocol !== 'https:')
    throw misused(`${server.origin} is not https: on the way to another machine the token could be read`);
  return server;
}

/** Where a server that listens there is met from its own machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Never from the command line itself, which everybody on the machine can read. */
function tokenOf({ tokenFile }: RemoteOptions): string {
  if (tokenFile === undefined) {
    const { CURFEW_TOKEN: token } = process.env;
    if (!token) throw misused('A token is needed: in CURFEW_TOKEN, or in the file that --token-file names');
    return token.trim();
  }
  if (statSync(tokenFile).mode & 0o077) throw misused(`${tokenFile} can be read by others: chmod 600 it`);
  return readNamed(tokenFile).toString('utf8').trim();
}

/** Exit 2. */
export function misused(message: string): ConfigError {
  return new ConfigError([{ path: '', message }]);
}

/** A release seals a copy of every patch; nothing takes longer. */
const PATIENCE = 120 * SECOND;

interface Sending {
  token: string | null;
  body: unknown;
  ifMatch: string | undefined;
}

async function send(url: URL, method: string, { token, body, ifMatch }: Sending): Promise<Response> {
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
  };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  // A redirect would carry the token to wherever it leads.
  const options = { method, headers, ...content, redirect: 'error', signal: AbortSignal.timeout(PATIENCE) } as const;
  return fetch(url, options).catch((error: unknown) => {
    throw new Error(`${url.origin} cannot be reached (${codeOf(error)}): is \`curfew serve\` running there?`);
  });
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}

async function readJson(answer: Response): Promise<unknown> {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `problem`: the document itself (RFC 9457), for programs. */
function refusedWith(said: unknown, otherwise: string): Error {
  const text = refusalText(said);
  return text === undefined ? new Error(otherwise) : Object.assign(new Error(text), { problem: said });
}

/** What a problem (RFC 9457) says, with its code for whoever looks it up. */
function refusalText(said: unknown): string | undefined {
  if (typeof said !== 'object' || said === null || !('code' in said)) return undefined;
  const detail = 'detail' in said ? said.detail : 'title' in said ? said.title : 'Refused';
  return `${detail} (${said.code})`;
}
