/** A wire between two nodes that can be cut: everything to the listening side goes through it. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Link {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(targetPort: number): Promise<Link> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const link = new Link(server, typeof address === 'object' && address ? address.port : 0);
    server.on('connection', (socket) => link.#join(socket, targetPort));
    return link;
  }

  #join(socket: Socket, targetPort: number): void {
    if (this.#isCut) {
      socket.destroy();
      return;
    }
    const target = connect({ host: '127.0.0.1', port: targetPort });
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  /** Lets nothing through any more: what is written is lost with the connection. */
  stall(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** Ends all connections; new ones are refused until it is mended. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Ends all connections; new ones are let through. */
  drop(): void {
    this.cut();
    this.mend();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
