/** A relay that takes whatever comes and forgets it, as a process of its own: sink.ts starts it. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** When the 250 for each mail was written, and to whom it went, since the last `forget`. */
let mails: { at: bigint; to: string; octets: number }[] = [];
let wanted: { count: number; to: string } | null = null;

const END = Buffer.from('\r\n.\r\n');

function answer(): void {
  if (!wanted) return;
  const { count, to } = wanted;
  const those = to === '' ? mails : mails.filter((mail) => mail.to.includes(to));
  const last = those[count - 1];
  if (!last) return;
  wanted = null;
  const octets = those.reduce((sum, mail) => sum + mail.octets, 0);
  process.send?.({ at: String(last.at), octets });
}

function serve(socket: Socket): void {
  let to = '';
  let octets = -1;
  let rest: Buffer = Buffer.alloc(0);
  const reply = (line: string) => socket.write(`${line}\r\n`);
  const command = (line: string) => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') return reply('250-sink.example\r\n250-8BITMIME\r\n250 SIZE 104857600');
    if (verb === 'RCPT') to = line.slice(8);
    if (verb === 'QUIT') return socket.end('221 2.0.0 bye\r\n');
    if (verb !== 'DATA') return reply('250 2.0.0 ok');
    octets = 0;
    return reply('354 go on');
  };
  const taken = () => {
    reply('250 2.0.0 ok');
    mails.push({ at: process.hrtime.bigint(), to, octets });
    octets = -1;
    answer();
  };
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      const [mark, inData] = octets < 0 ? ['\r\n', false] : [END, true];
      const end = data.indexOf(mark);
      if (end < 0) break;
      if (inData) {
        octets += end;
        taken();
      } else command(data.toString('latin1', 0, end));
      data = data.subarray(end + mark.length);
    }
    // Of a mail no more than the end may begin in is kept.
    const keep = octets < 0 ? data.length : Math.min(data.length, END.length - 1);
    if (octets >= 0) octets += data.length - keep;
    rest = Buffer.from(data.subarray(data.length - keep));
  });
  reply('220 sink.example');
}

const server = createServer(serve).listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', (message: { count: number; to: string } | 'forget') => {
  if (message === 'forget') {
    mails = [];
    process.send?.({});
    return;
  }
  wanted = message;
  answer();
});
process.on('disconnect', () => process.exit(0));
