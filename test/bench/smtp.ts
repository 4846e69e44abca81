import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** When the last octet of the mail was written, and when its 250 came, on the monotonic clock. */
export interface Taken {
  sent: bigint;
  answered: bigint;
}

export interface Mail {
  from: string;
  to: string;
  raw: Buffer;
}

/** One connection, over which one mail goes after the other. */
export interface Client {
  send(mail: Mail): Promise<Taken>;
  close(): Promise<void>;
}

/** Any other answer than the one that is hoped for throws it. */
export async function openClient(port: number): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const replies = repliesOf(socket);
  const say = async (line: string | null, hoped: string) => {
    if (line !== null) socket.write(`${line}\r\n`);
    const { value: reply = 'the connection was closed' } = await replies.next();
    if (!reply.startsWith(hoped)) throw new Error(`${line ?? 'connected'}: ${reply}`);
  };
  await say(null, '220');
  await say('EHLO bench.example', '250');
  return {
    async send({ from, to, raw }) {
      await say(`MAIL FROM:<${from}>`, '250');
      await say(`RCPT TO:<${to}>`, '250');
      await say('DATA', '354');
      // RFC 5321 §4.5.2
      socket.write(raw.includes('\r\n.') ? Buffer.from(raw.toString('latin1').replaceAll('\r\n.', '\r\n..'), 'latin1') : raw);
      const answer = say('.', '250');
      const sent = process.hrtime.bigint();
      await answer;
      return { sent, answered: process.hrtime.bigint() };
    },
    async close() {
      await say('QUIT', '221');
      socket.destroy();
    },
  };
}

/** The last line of each reply (RFC 5321 §4.2.1). */
async function* repliesOf(socket: Socket): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of socket) {
    const lines = (rest + String(chunk)).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line[3] !== '-') yield line;
  }
  return undefined;
}
