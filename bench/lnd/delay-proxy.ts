/** A process that passes TCP bytes on after a while, each way: a database at some distance. */
import { connect, createServer, type Socket } from 'node:net';
import type { Numbered } from './orders.js';

export interface ProxyOrder {
  readonly host: string;
  readonly port: number;
  readonly delayMs: number;
}

function passOn(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (chunk) => {
    setTimeout(() => to.write(chunk), delayMs); // timers of one length fire in order
  });
  from.on('close', () => {
    setTimeout(() => to.destroy(), delayMs);
  });
  from.on('error', () => undefined);
}

function serve({ host, port, delayMs }: ProxyOrder): Promise<number> {
  const server = createServer((client) => {
    const database = connect({ host, port });
    client.setNoDelay(true);
    database.setNoDelay(true);
    passOn(client, database, delayMs);
    passOn(database, client, delayMs);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
}

process.on('message', ({ id, body }: Numbered<ProxyOrder>) => {
  void serve(body).then((result) => process.send?.({ id, body: { result } }));
});
process.on('disconnect', () => process.exit(0));
