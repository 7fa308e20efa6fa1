/** A line to a PostgreSQL server on loopback that can go silent, or break at a chosen moment. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Proxy {
  readonly url: string;
  readonly #server: Server;
  readonly #lines = new Set<{ readonly near: Socket; readonly far: Socket }>();
  readonly #silent = new Set<Socket>();
  #cutAfter: string | undefined;
  /** Connections made so far. */
  opened = 0;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(serverUrl: string, port = 0): Promise<Proxy> {
    const target = new URL(serverUrl);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const url = new URL(serverUrl);
    url.port = String(address.port);
    const proxy = new Proxy(server, url.href);
    server.on('connection', (near) => {
      proxy.#take(near, connect(Number(target.port), target.hostname));
    });
    return proxy;
  }

  #take(near: Socket, far: Socket): void {
    this.opened += 1;
    const line = { near, far };
    this.#lines.add(line);
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.#lines.delete(line);
    };
    for (const socket of [near, far]) {
      socket.on('error', end);
      socket.on('close', end);
    }
    let cutting = false;
    near.on('data', (data) => {
      if (this.#silent.has(near)) return;
      far.write(data);
      if (this.#cutAfter !== undefined && data.includes(this.#cutAfter)) {
        this.#cutAfter = undefined;
        cutting = true;
      }
    });
    far.on('data', (data) => {
      if (this.#silent.has(near)) return;
      if (cutting)
        end(); // the server has done it, and its answer is lost
      else near.write(data);
    });
  }

  /** Connections made until now stay open but carry nothing any more, as after a fail-over that moved an address. */
  blackHole(): void {
    for (const { near } of this.#lines) this.#silent.add(near);
  }

  /** The next answer to a message with this text is lost with its connection. */
  loseAnswerTo(text: string): void {
    this.#cutAfter = text;
  }

  async close(): Promise<void> {
    for (const { near, far } of this.#lines) {
      near.destroy();
      far.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }
}
