import { connect, type Socket } from 'node:net';
import { movingClock } from '../../src/clock.ts';
import { Refusal } from '../../src/refusal.ts';
import { createSmtp } from '../../src/smtp/server.ts';
import { silent } from '../delivery/outbox.ts';
import type { Chance } from '../support/chance.ts';
import type { Executed } from './execute.ts';
import { AT, changed, oneOf } from './inputs.ts';

/** Octets that a client says; those of a mail are the answer to a 354. */
export interface Session {
  lines: Buffer[];
  mail: Buffer;
  /** All of it at once, whatever is answered. */
  atOnce: boolean;
}

// biome-ignore format: a list to be read across
const COMMANDS = [
  'EHLO client.example', 'HELO client.example', 'LHLO client.example', 'EHLO [127.0.0.1]', 'MAIL FROM:<a@sender.example>', 'MAIL FROM:<>', 'NOOP', 'RSET',
  'MAIL FROM:<a@sender.example> SIZE=100 BODY=8BITMIME', 'RCPT TO:<security@orbit.example>', 'RCPT TO:<distributors@orbit.example>', 'RCPT TO:<postmaster>',
  'DATA', 'VRFY security', 'EXPN security', 'HELP', 'STARTTLS', 'AUTH PLAIN AGEAYg==', 'XCLIENT ADDR=192.0.2.1', 'BDAT 10 LAST',
].map((line) => Buffer.from(line));
const WHOLE = ['EHLO client.example', 'MAIL FROM:<a@sender.example>', 'RCPT TO:<security@orbit.example>', 'DATA'];

/** A line may have anything in it but its own end. */
const asLine = (octets: Buffer) => Buffer.from(octets.toString('latin1').replaceAll(/\r+\n+/g, '\r'), 'latin1');

/** Some lines of a session in which a mail is taken are others, or changed. */
export function nextSession(chance: Chance, mails: readonly Buffer[]): Session {
  const lines = WHOLE.map((line) => Buffer.from(line)).flatMap((line) => {
    if (chance() < 0.6) return [line];
    const another = chance() < 0.5 ? line : oneOf(chance, COMMANDS);
    const other = chance() < 0.7 ? asLine(changed(another, chance, COMMANDS)) : another;
    return chance() < 0.4 ? [other, line] : [other];
  });
  const mail = chance() < 0.5 ? changed(oneOf(chance, mails), chance, mails) : oneOf(chance, mails);
  return { lines, mail: chance() < 0.7 ? withCrlf(mail) : mail, atOnce: chance() < 0.3 };
}

const withCrlf = (mail: Buffer) =>
  Buffer.from(
    mail
      .toString('latin1')
      .replaceAll(/[\r\0]/g, '')
      .replaceAll('\n', '\r\n'),
    'latin1',
  );

const SIZE = 64 * 1024;
const PATIENCE = 2_000;
/** RFC 5321 §4.1.2: what an envelope may name here. */
const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
/** RFC 5321 §4.2: a reply, of one line or several. */
const REPLY = /^(?:([245]\d\d|354)-[ -~]*\r\n)*([245]\d\d|354)(?: [ -~]*)?\r\n/;
/** RFC 5321 §4.1.1: what a line that is not refused looks like; more spaces than one are tolerated. */
const TAKEN =
  /^\s*(EHLO +\S+|HELO +\S+|MAIL FROM: *<[^<>\s]*>( +(SIZE|BODY)=\w+)*|RCPT TO: *<[^<>\s]+>|DATA|RSET|NOOP( .*)?|VRFY .*|HELP( .*)?|QUIT)\s*$/i;

/** A server on a socket. What must hold: each line is answered or the connection is closed, and nothing is taken that RFC 5321 forbids. */
export async function openSessions(): Promise<{ play(session: Session): Promise<Executed>; close(): Promise<void> }> {
  const wrong: string[] = [];
  let taken = 0;
  const server = await createSmtp({
    smtp: {
      host: '127.0.0.1',
      port: 0,
      protocol: 'smtp',
      tls: null,
      limits: { size: SIZE, connections: 20, connectionsPerHost: 20, recipients: 5, idle: 10, data: 10, minimumRate: 0 },
    },
    hostname: 'mx.orbit.example',
    log: silent,
    clock: movingClock(AT),
    doors: {
      recipient: async (address) => {
        if (!ADDRESS.test(address)) wrong.push('a recipient that is no address was asked for');
        if (!/^(security|distributors|postmaster)@/i.test(address)) throw new Refusal('no-such-address');
      },
      receive: async ({ sender, recipient }, raw) => {
        taken += 1;
        const mail = Buffer.from(raw).toString('latin1');
        if (sender !== null && !ADDRESS.test(sender)) wrong.push('a sender that is no address was taken');
        if (!ADDRESS.test(recipient)) wrong.push('a recipient that is no address was taken');
        if (mail.length > SIZE) wrong.push('a mail larger than the size was taken');
        if (/\0|\r(?!\n)|(?<!\r)\n/.test(mail)) wrong.push('a bare line end or a NUL was taken');
        return 'taken';
      },
    },
  }).listen();
  return {
    async play(session) {
      [wrong.length, taken] = [0, 0];
      const failure = await talk(server.port, session).catch((error: unknown) => String(error));
      const all = [...(failure === null ? [] : [failure]), ...wrong];
      return all.length > 0
        ? { failure: `session: ${all.join('; ')}` }
        : { verdict: `session ${taken > 0 ? 'taken' : 'refused'}` };
    },
    close: () => server.close(0),
  };
}

/** What was wrong with the answers; null: nothing. */
async function talk(port: number, { lines, mail, atOnce }: Session): Promise<string | null> {
  const wire = listen(connect(port, '127.0.0.1'));
  const end = Buffer.from('\r\n.\r\n');
  const stuffed = Buffer.from(mail.toString('latin1').replaceAll(/(^|\r\n)\./g, '$1..'), 'latin1');
  try {
    await wire.reply();
    if (atOnce) wire.say(Buffer.concat([...lines.flatMap((line) => [line, Buffer.from('\r\n')]), stuffed, end]));
    else
      for (const line of lines) {
        wire.say(Buffer.concat([line, Buffer.from('\r\n')]));
        const reply = await wire.reply();
        if (reply === null) return null;
        const text = line.toString('latin1');
        if (/^[23]/.test(reply) && !TAKEN.test(text))
          return `${reply.slice(0, 3)} for a line that the grammar forbids: ${JSON.stringify(text.slice(0, 80))}`;
        if (!reply.startsWith('354')) continue;
        wire.say(Buffer.concat([stuffed, end]));
        if ((await wire.reply()) === null) return null;
      }
    // Whatever it was in the middle of ends here.
    wire.say(Buffer.from('\r\n.\r\nQUIT\r\n'));
    while ((await wire.reply()) !== null);
    return null;
  } finally {
    wire.destroy();
  }
}

function listen(socket: Socket) {
  let [said, over] = ['', false];
  let wake = () => {};
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (piece: string) => {
    said += piece;
    wake();
  });
  socket.on('close', () => {
    over = true;
    wake();
  });
  return {
    say: (octets: Buffer) => void socket.write(octets),
    destroy: () => void socket.destroy(),
    /** The next one; null where the connection was closed. Rejects where nothing comes, or what is no reply. */
    async reply(): Promise<string | null> {
      for (const until = performance.now() + PATIENCE; ; ) {
        const [whole = null] = REPLY.exec(said) ?? [];
        if (whole !== null) {
          said = said.slice(whole.length);
          return whole;
        }
        if (over && said !== '') throw new Error('what is no reply was said');
        if (over) return null;
        if (performance.now() > until)
          throw new Error(said === '' ? 'hang: a line was not answered' : 'what is no reply was said');
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, PATIENCE / 10);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
  };
}
