import { connect } from 'node:net';
import { sha256 } from '../../src/embargo/bundle.ts';

/** A mail as it is handed over: to each of its recipients, in as many transactions as the server wants. */
export interface Outgoing {
  from: string;
  to: readonly string[];
  raw: Buffer;
}

/** What was answered with 250 after the dot: SHA-256 of its octets in hex, which its row has, and the recipients. */
export interface Acknowledged {
  digest: string;
  to: readonly string[];
}

export interface Stream {
  acknowledged: Acknowledged[];
  /** What was under way when the connection ended; null where nothing was. */
  unanswered: Outgoing | null;
  /** All that was said to MAIL, RCPT and DATA and is no 2xx or 3xx, and how often. */
  refused: Map<string, number>;
  /** Resolves when the connection has ended, however it did. */
  ended: Promise<void>;
  /** Sends no further mail. */
  stop(): void;
}

/**
 * An SMTP client that brings mail after mail over one connection, as RFC 5321 has it: what it is not told to be taken, was not. `heard`: each
 * mail has been answered, however it was.
 */
export function stream(port: number, next: () => Promise<Outgoing>, heard: () => void = () => {}): Stream {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  const acknowledged: Acknowledged[] = [];
  const refused = new Map<string, number>();
  let [said, over, stopped] = ['', false, false];
  let hear = () => {};
  socket.on('data', (piece: string) => {
    said += piece;
    hear();
  });
  socket.on('error', () => {}); // A server that is killed is what is tested.
  const ended = new Promise<void>((resolve) =>
    socket.on('close', () => {
      over = true;
      hear();
      resolve();
    }),
  );
  /** The last line of the next reply; null: the connection has ended. */
  const reply = async (): Promise<string | null> => {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/.exec(said);
      if (whole) {
        said = said.slice(whole[0].length);
        return whole[1] ?? '';
      }
      if (over) return null;
      await new Promise<void>((resolve) => {
        hear = resolve;
      });
    }
  };
  const ask = async (command: string | Buffer): Promise<string | null> => {
    socket.write(command);
    const answer = await reply();
    if (answer !== null && !/^[23]/.test(answer)) {
      const code = answer.slice(0, 9);
      refused.set(code, (refused.get(code) ?? 0) + 1);
    }
    return answer;
  };
  const transaction = async ({ from, to, raw }: Outgoing): Promise<readonly string[] | null> => {
    if ((await ask(`MAIL FROM:<${from}>\r\n`)) === null) return null;
    const taken: string[] = [];
    for (const address of to) {
      const answer = await ask(`RCPT TO:<${address}>\r\n`);
      if (answer === null) return null;
      if (answer.startsWith('250')) taken.push(address);
    }
    const ready = taken.length === 0 ? '' : await ask('DATA\r\n');
    if (ready === null) return null;
    if (!ready.startsWith('354')) {
      heard();
      return (await ask('RSET\r\n')) === null ? null : [];
    }
    const answer = await ask(Buffer.concat([stuffed(raw), Buffer.from('.\r\n')]));
    if (answer === null) return null;
    if (answer.startsWith('250')) acknowledged.push({ digest: sha256(raw), to: taken });
    heard();
    return taken;
  };
  const talk = async () => {
    if ((await reply()) === null || (await ask('EHLO client.example\r\n')) === null) return;
    while (!stopped) {
      const mail = await next();
      // Another list is for the next transaction; one that is refused for good would be refused again.
      for (let rest = mail.to; rest.length > 0; ) {
        const taken = await transaction({ ...mail, to: rest });
        if (taken === null) {
          one.unanswered = { ...mail, to: rest };
          return;
        }
        if (taken.length === 0) break;
        rest = rest.filter((address) => !taken.includes(address));
      }
    }
    await ask('QUIT\r\n');
  };
  const one: Stream = {
    acknowledged,
    unanswered: null,
    refused,
    ended,
    stop: () => {
      stopped = true;
    },
  };
  void talk().finally(() => socket.destroy());
  return one;
}

/** Brings so many. */
export function streamOf(port: number, many: number, next: () => Promise<Outgoing>): Stream {
  let left = many;
  const one: Stream = stream(port, () => {
    left -= 1;
    if (left === 0) one.stop();
    return next();
  });
  return one;
}

/** RFC 5321 §4.5.2. */
function stuffed(raw: Buffer): Buffer {
  return Buffer.from(raw.toString('latin1').replaceAll(/^\./gm, '..'), 'latin1');
}
