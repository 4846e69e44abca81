import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import type { Static } from 'typebox';
import { MINUTE } from '../clock.ts';
import { Session, SignIn } from '../http/session.ts';
import { anyoneCommand, connectAsAnyone, type RemoteOptions } from './client.ts';
import { print } from './local.ts';
import { printable } from './printable.ts';

interface LoginOptions extends RemoteOptions {
  port: number;
}

export function register(program: Command): void {
  anyoneCommand(program, 'login', 'sign in with the identity provider of the project; prints a token for some hours')
    .option('--token-file <file>', 'write the token there, for its owner alone, instead of printing it')
    .option('--port <port>', 'where the browser comes back to on this machine, for a provider that knows one port', port, 0)
    .action(login);
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 65_535) throw new InvalidArgumentError('A port, 1 to 65535.');
  return number;
}

async function login(options: LoginOptions): Promise<void> {
  const client = connectAsAnyone(options);
  const door = await openDoor(options.port);
  try {
    const begun = await client.ask(`GET /sign-in?${new URLSearchParams({ redirectUri: door.redirectUri })}`, SignIn);
    process.stderr.write(`Sign in with the browser of this machine:\n\n  ${printable(begun.url)}\n\n`);
    const back = await door.comesBack(stateOf(begun.url));
    try {
      const session = await client.ask('POST /session', Session, { secret: begun.secret, answer: back.answer });
      tell(options, session);
      back.say('You are signed in, and can close this page.');
    } catch (error) {
      back.say('You are not signed in: the terminal says why.');
      throw error;
    }
  } finally {
    door.close();
  }
}

function tell(options: LoginOptions, session: Static<typeof Session>): void {
  const { token, ...shown } = session;
  const said = `Signed in as ${session.person}, role ${session.role}, until ${session.expiresAt}`;
  if (options.tokenFile === undefined) {
    print(options, session, [token]);
    if (!options.json) process.stderr.write(`${said}\n`);
    return;
  }
  rmSync(options.tokenFile, { force: true });
  writeFileSync(options.tokenFile, `${token}\n`, { mode: 0o600, flag: 'wx' });
  print(options, shown, [said]);
}

/** Made for this sign-in: what comes back without it is not its answer (RFC 6749 §10.12). */
function stateOf(url: string): string {
  const state = URL.canParse(url) ? new URL(url).searchParams.get('state') : null;
  if (!state) throw new Error('The server does not say where to sign in');
  return state;
}

interface Back {
  /** The URL that the browser came back to. */
  answer: string;
  /** What the browser shows. */
  say(text: string): void;
}

interface Door {
  redirectUri: string;
  comesBack(state: string): Promise<Back>;
  close(): void;
}

/** Who has not come back by then has given up. */
const PATIENCE = 10 * MINUTE;

/** Listens where the browser comes back to (RFC 8252 §7.3), on loopback alone. `wanted`: a port, or 0 for any free one. */
async function openDoor(wanted: number): Promise<Door> {
  let taken: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  const server = createServer((request, response) => {
    if (!taken(request, response)) response.writeHead(404, { connection: 'close' }).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`Port ${wanted} of 127.0.0.1 cannot be listened on (${error.code}): choose another --port`)),
    );
    server.listen({ host: '127.0.0.1', port: wanted }, resolve);
  });
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    redirectUri,
    comesBack: (state) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('Nobody signed in within 10 minutes')), PATIENCE);
        taken = ({ method, url = '' }, response) => {
          // The browser asks for more than that (its icon), and so may any page that is open in it.
          const answer = URL.canParse(url, redirectUri) ? new URL(url, redirectUri) : undefined;
          if (method !== 'GET' || answer?.pathname !== '/' || answer.searchParams.get('state') !== state) return false;
          clearTimeout(timer);
          taken = () => false;
          resolve({ answer: answer.href, say: (text) => void say(response, text) });
          return true;
        };
      }),
    close: () => void server.close(),
  };
}

function say(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' });
  response.end(`${text}\n`);
}
