import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode, RECURSION_AVAILABLE } from 'dns-packet';

/** What a name has, as in `{ type: 'TXT', name: 'orbit.example', data: 'v=spf1 -all' }`. */
export type RecordOf = Pick<Extract<Answer, { name: string }>, 'name'> & { type: string; data: unknown };

export interface NameServer {
  /** `127.0.0.1:PORT` */
  address: string;
  close(): void;
}

/** A name server on a real socket that knows these records; of every other name it says that there is none. `refuses`: it answers nothing. */
export async function nameServer(records: readonly RecordOf[], refuses = false): Promise<NameServer> {
  const socket = createSocket('udp4');
  socket.on('message', (asked, { port, address }) => {
    const { id, questions = [] } = decode(asked);
    const [question] = questions;
    const named = records.filter(({ name }) => name === question?.name);
    const answers = named.filter(({ type }) => type === question?.type).map((record) => ({ ...record, ttl: 1, class: 'IN' }));
    const code = refuses ? 5 : named.length === 0 ? 3 : 0;
    const answer = { type: 'response', id, flags: RECURSION_AVAILABLE | code, questions, answers } as const;
    socket.send(encode(answer as Parameters<typeof encode>[0]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}
