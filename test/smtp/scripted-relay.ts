import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** `after`: right behind its reply to the dot, unasked. */
export type Stage = 'greeting' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'dot' | 'after';
/** A reply, after which it hangs up where it is a 421 (RFC 5321 §3.8); the usual one after LATE ms; or what happens instead of one. */
export type Act = 'drop' | 'hang' | 'trickle' | 'late' | 'garbage' | `${number}${string}`;

/** What was said of a mail before its stage. */
export interface Transaction {
  /** The how manieth connection of the relay it is on. */
  connection: number;
  from: string;
  to: string;
}

/** What it says at which stage; where it is none of that, the usual. */
export type Script = Partial<Record<Stage, Act>> | ((stage: Stage, transaction: Transaction) => Act | undefined);

/** A mail that came in full, whatever was answered. */
export interface Came extends Transaction {
  raw: string;
  /** Its reader may have it: it was not refused. */
  taken: boolean;
  /** Whoever sent it was told so. */
  answered: boolean;
}

export const LATE = 100;

export interface ScriptedRelay {
  port: number;
  /** What came: command lines, and each mail as it was on the wire, from behind the 354 to before the final `.`. */
  commands: string[];
  mails: string[];
  came: Came[];
  connections: number;
  /** Closes the connections, as for idleness; new ones are welcome. */
  closeConnections(): void;
  close(): Promise<void>;
}

const USUAL: Record<Exclude<Stage, 'after'>, Act> = {
  greeting: '220 relay.example ESMTP',
  ehlo: '250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 1000000\r\n250 ENHANCEDSTATUSCODES',
  starttls: '220 2.0.0 go',
  auth: '235 2.7.0 welcome',
  mail: '250 2.1.0 ok',
  rcpt: '250 2.1.5 ok',
  data: '354 go on',
  dot: '250 2.0.0 queued as 4XyZ',
};

const STAGES: [RegExp, Stage][] = [
  [/^(EHLO|HELO) /, 'ehlo'],
  [/^STARTTLS$/, 'starttls'],
  [/^AUTH /, 'auth'],
  [/^MAIL FROM:/, 'mail'],
  [/^RCPT TO:/, 'rcpt'],
  [/^DATA$/, 'data'],
];

/** No reply of any kind (RFC 5321 §4.2). */
const GARBAGE = 'K\u0000\u00ff<html>\r\n';

/** A relay on a raw socket that says its lines and, at the stages of `script`, something else. */
export async function scriptedRelay(
  script: Script = {},
  tls?: { certificate: string; key: string },
  port = 0,
): Promise<ScriptedRelay> {
  const sockets = new Set<Socket>();
  const relay = { port: 0, commands: [] as string[], mails: [] as string[], came: [] as Came[], connections: 0 };
  const scripted = typeof script === 'function' ? script : (stage: Stage) => script[stage];
  const server = createServer((socket) => {
    relay.connections += 1;
    sockets.add(socket);
    converse(socket, { connection: relay.connections, from: '', to: '' }, true);
  });

  function converse(socket: Socket, transaction: Transaction, greet: boolean): void {
    let text = '';
    let inData = false;
    /** Somebody is to have it: a client that does not wait for the answers says DATA also where nobody is, and then a lone dot (RFC 2920 §3.1). */
    let hasReader = false;
    const act = (stage: Stage): 'goes on' | 'refused' | 'silent' => {
      const usual = stage === 'after' ? undefined : USUAL[stage];
      const what = scripted(stage, transaction) ?? usual;
      if (what === undefined || what === 'hang') return 'silent';
      if (what === 'drop') socket.destroy();
      else if (what === 'trickle') trickle(socket);
      else if (what === 'late') setTimeout(() => socket.write(`${usual ?? '250 2.0.0 still here'}\r\n`), LATE);
      else if (what.startsWith('421')) socket.end(`${what}\r\n`);
      else socket.write(what === 'garbage' ? GARBAGE : `${what}\r\n`);
      if (/^[45]/.test(what)) return 'refused';
      return /^[23]|^late/.test(what) ? 'goes on' : 'silent';
    };
    const listen = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      while (text !== '') {
        const end = inData ? /^\.\r\n|\r\n\.\r\n/.exec(text) : /\r\n/.exec(text);
        if (!end) return;
        const part = text.slice(0, end.index);
        text = text.slice(end.index + end[0].length);
        if (inData) {
          const raw = end.index === 0 ? part : `${part}\r\n`;
          relay.mails.push(raw);
          inData = false;
          const came = { ...transaction, raw, taken: true, answered: false };
          relay.came.push(came);
          const answered = act('dot');
          came.taken = answered !== 'refused';
          came.answered = answered === 'goes on';
          if (answered === 'goes on') act('after');
        } else command(part);
      }
    };
    const command = (line: string) => {
      relay.commands.push(line);
      const [, verb, path = ''] = /^(MAIL FROM|RCPT TO):<([^>]*)>/.exec(line) ?? [];
      if (verb === 'MAIL FROM') Object.assign(transaction, { from: path, to: '' });
      if (verb === 'RCPT TO') transaction.to = path;
      const stage = STAGES.find(([pattern]) => pattern.test(line))?.[1];
      if (line === 'QUIT') socket.end('221 2.0.0 bye\r\n');
      else if (!stage) socket.write('250 2.0.0 ok\r\n');
      else if (stage === 'data' && !hasReader) socket.write('554 5.5.1 no valid recipients\r\n');
      else {
        const goesOn = act(stage) === 'goes on';
        if (stage === 'mail') hasReader = false;
        if (stage === 'rcpt') hasReader ||= goesOn;
        if (!goesOn) return;
        if (stage === 'data') inData = true;
        if (stage === 'starttls' && tls) upgrade();
      }
    };
    const upgrade = () => {
      socket.off('data', listen);
      const secureContext = createSecureContext({
        key: readFileSync(tls?.key ?? ''),
        cert: readFileSync(tls?.certificate ?? ''),
      });
      converse(new TLSSocket(socket, { isServer: true, secureContext }), transaction, false);
    };
    socket.on('error', () => undefined);
    socket.on('data', listen);
    if (greet) act('greeting');
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  relay.port = address && typeof address === 'object' ? address.port : 0;
  return Object.assign(relay, {
    closeConnections: () => {
      for (const socket of sockets) socket.end();
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
}

/** A reply that never ends, a line at a time. */
function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write('250-patience\r\n'), 50);
  socket.once('close', () => clearInterval(timer));
}
