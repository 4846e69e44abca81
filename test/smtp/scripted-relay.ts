import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

export type Stage = 'greeting' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'dot';
/** A reply, or what happens instead of one. */
export type Act = 'drop' | 'hang' | 'trickle' | `${number}${string}`;

export interface ScriptedRelay {
  port: number;
  /** What came: command lines, and each mail as it was on the wire, from behind the 354 to before the final `.`. */
  commands: string[];
  mails: string[];
  connections: number;
  /** Closes the connections, as for idleness; new ones are welcome. */
  closeConnections(): void;
  close(): Promise<void>;
}

const USUAL: Record<Stage, Act> = {
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

/** A relay on a raw socket that says its lines and, at the stages of `script`, something else. */
export async function scriptedRelay(
  script: Partial<Record<Stage, Act>> = {},
  tls?: { certificate: string; key: string },
): Promise<ScriptedRelay> {
  const sockets = new Set<Socket>();
  const relay = { port: 0, commands: [] as string[], mails: [] as string[], connections: 0 };
  const acts = { ...USUAL, ...script };
  const server = createServer((socket) => {
    relay.connections += 1;
    sockets.add(socket);
    converse(socket, true);
  });

  function converse(socket: Socket, greet: boolean): void {
    let text = '';
    let inData = false;
    const act = (stage: Stage): boolean => {
      const what = acts[stage];
      if (what === 'hang') return false;
      if (what === 'drop') socket.destroy();
      else if (what === 'trickle') trickle(socket);
      else socket.write(`${what}\r\n`);
      return /^[23]/.test(what);
    };
    const listen = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      while (text !== '') {
        const end = inData ? /^\.\r\n|\r\n\.\r\n/.exec(text) : /\r\n/.exec(text);
        if (!end) return;
        const part = text.slice(0, end.index);
        text = text.slice(end.index + end[0].length);
        if (inData) {
          relay.mails.push(end.index === 0 ? part : `${part}\r\n`);
          inData = false;
          act('dot');
        } else command(part);
      }
    };
    const command = (line: string) => {
      relay.commands.push(line);
      const stage = STAGES.find(([pattern]) => pattern.test(line))?.[1];
      if (line === 'QUIT') socket.end('221 2.0.0 bye\r\n');
      else if (!stage) socket.write('250 2.0.0 ok\r\n');
      else if (act(stage)) {
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
      converse(new TLSSocket(socket, { isServer: true, secureContext }), false);
    };
    socket.on('error', () => undefined);
    socket.on('data', listen);
    if (greet) act('greeting');
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
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
