import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to the sink on which its answers can be held up, as a relay does that hangs. */
export interface Gateway {
  port: number;
  /** Asked for each piece that the sink says. */
  holds: () => boolean;
  /** Lets everything through that was held, and all that comes. */
  open(): void;
  close(): void;
}

export async function startGateway(sink: { port: number }): Promise<Gateway> {
  const held: { client: Socket; piece: Buffer }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const relay = connect(sink.port, '127.0.0.1');
    for (const [socket, other] of [
      [client, relay],
      [relay, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}); // A client that is killed is what is tested.
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(relay);
    relay.on('data', (piece: Buffer) => {
      if (gateway.holds() || held.some((one) => one.client === client)) held.push({ client, piece });
      else client.write(piece);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gateway: Gateway = {
    port: (server.address() as AddressInfo).port,
    holds: () => false,
    open() {
      gateway.holds = () => false;
      for (const { client, piece } of held.splice(0)) if (client.writable) client.write(piece);
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return gateway;
}
