/**
 * The way to a fake LND: a TCP relay on an address of its own, which can be cut, or stop passing bytes without anybody being
 * told. The address stays the same while what is behind it goes away and comes back.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Passage {
  readonly client: Socket;
  readonly server: Socket;
}

export class Gate {
  readonly port: number;
  readonly #listener: Server;
  readonly #passages = new Set<Passage>();
  #target: number | undefined;
  #holed = false;
  #thaw: NodeJS.Timeout | undefined;

  private constructor(listener: Server, port: number) {
    this.#listener = listener;
    this.port = port;
    listener.on('connection', (client) => {
      this.#admit(client);
    });
  }

  /** @param port 0 picks a free one */
  static open(port = 0): Promise<Gate> {
    // A half that ends does not end the other: in a black hole nobody hears of it.
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', () => {
        const address = listener.address();
        resolve(new Gate(listener, typeof address === 'object' && address ? address.port : port));
      });
    });
  }

  /** Where connections lead; undefined resets them, as an address does at which nobody listens. */
  lead(port: number | undefined): void {
    this.#target = port;
    if (port === undefined) this.cut();
  }

  /** Number of connections, those that a black hole hides included. */
  get connections(): number {
    return this.#passages.size;
  }

  #admit(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.#target === undefined) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: this.#target, allowHalfOpen: true });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const passage = { client, server };
    this.#passages.add(passage);
    this.#relay(passage, client, server);
    this.#relay(passage, server, client);
    this.#setFlow(passage);
  }

  #relay(passage: Passage, from: Socket, to: Socket): void {
    from.on('error', () => from.destroy());
    from.on('data', (chunk: Buffer) => {
      if (!to.destroyed) to.write(chunk);
    });
    from.on('end', () => to.end());
    from.on('close', () => {
      if (!this.#holed) this.#end(passage);
    });
  }

  #end({ client, server }: Passage): void {
    client.destroy();
    server.destroy();
    for (const passage of this.#passages) {
      if (passage.client.destroyed && passage.server.destroyed) this.#passages.delete(passage);
    }
  }

  #setFlow({ client, server }: Passage): void {
    for (const socket of [client, server]) {
      if (this.#holed) socket.pause();
      else socket.resume();
    }
  }

  /** No byte passes in either direction, and no end of a connection; what is sent waits. */
  blackHole(on: boolean): void {
    clearTimeout(this.#thaw);
    this.#holed = on;
    for (const passage of [...this.#passages]) {
      if (!on && (passage.client.destroyed || passage.server.destroyed)) this.#end(passage);
      else this.#setFlow(passage);
    }
  }

  /** A black hole that ends by itself. */
  freeze(ms: number): void {
    this.blackHole(true);
    this.#thaw = setTimeout(() => {
      this.blackHole(false);
    }, ms);
  }

  /** Breaks every connection. */
  cut(): void {
    for (const { client, server } of this.#passages) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#passages.clear();
  }

  close(): Promise<void> {
    clearTimeout(this.#thaw);
    return new Promise((resolve) => {
      this.#listener.close(() => {
        resolve();
      });
      this.cut();
    });
  }
}
