/** One HTTP/2 session with a server, from the first packet to the end of its last call. It is not made again. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Millis } from '../../../wire/units.js';
import { abandon, wordsOf } from '../endpoint.js';
import { Keepalive, type KeepaliveTimes } from './keepalive.js';
import { GrpcCode, type GrpcStatus, printable, unavailable } from './status.js';

export interface LinkTimes extends KeepaliveTimes {
  /** From the first packet to the server's SETTINGS. */
  readonly connectMs: Millis;
}

export interface LinkOptions {
  /** Begins a TLS connection; may throw. */
  readonly dial: () => TLSSocket;
  /** How long to wait before that. */
  readonly delayMs: Millis;
  readonly times: LinkTimes;
  /** It became ready, takes no more calls, or is lost. */
  readonly onChange: (link: Link) => void;
}

/** A call on this link, or one that waits for it. */
export interface LinkUser {
  onReady(): void;
  /** The link has forgotten the user. Comes at any time, never from within {@link Link.join}. */
  onLost(status: GrpcStatus): void;
}

export type LinkState =
  | 'connecting'
  | 'ready'
  /** The server takes no more calls; those that are open go on. */
  | 'draining'
  | 'lost';

/** What the server may send before we have read any of it: enough that LND never waits for us. We read at once. */
const RECEIVE_WINDOW_BYTES = 4 * 1024 * 1024;
/** Megabytes; calls are refused above. What waits to be sent counts, and has a lower limit of its own. */
const SESSION_MEMORY = 64;
/** How long the last frames of a link that we close may take. */
const FAREWELL_MS: Millis = 1_000;

export class Link {
  readonly #options: LinkOptions;
  readonly #users = new Set<LinkUser>();
  readonly #keepalive: Keepalive;
  #state: LinkState = 'connecting';
  #wasReady = false;
  #timer: NodeJS.Timeout;
  #socket: TLSSocket | undefined;
  #session: ClientHttp2Session | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#keepalive = new Keepalive(options.times, {
      ping: (onAnswer) => this.#ping(onAnswer),
      onSilence: () => {
        this.#lose(unavailable('the connection is dead: the other side no longer answers'));
      },
    });
    this.#timer = setTimeout(() => {
      this.#dial();
    }, options.delayMs);
  }

  get state(): LinkState {
    return this.#state;
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  join(user: LinkUser): void {
    this.#users.add(user);
    this.#reckonUsers();
  }

  leave(user: LinkUser): void {
    if (this.#users.delete(user)) this.#reckonUsers();
  }

  /** @throws {Error} where HTTP/2 has no more streams to give, or the headers cannot be sent */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    if (!this.#session) throw new Error('not connected');
    return this.#session.request(headers);
  }

  /** The server sent something: it lives. */
  heard(): void {
    this.#keepalive.heard();
  }

  /**
   * A stream ended without the server's word on it. True: because the whole link ends, and its users will hear why; the
   * session tells its streams first.
   */
  isBreaking(): boolean {
    if (!this.#socket?.destroyed && !this.#session?.destroyed) return false;
    setImmediate(() => {
      this.#lose(unavailable('the connection was closed'));
    });
    return true;
  }

  /** Ends what is open. What was written before is still sent where the server reads it. */
  close(): void {
    this.#end({ code: GrpcCode.cancelled, details: 'closed by us' }, () => {
      this.#session?.close();
      const socket = this.#socket;
      if (!this.#session) socket?.destroy();
      setTimeout(() => socket?.destroy(), FAREWELL_MS).unref();
    });
  }

  #dial(): void {
    this.#timer = setTimeout(() => {
      const { connectMs } = this.#options.times;
      this.#lose(unavailable(`no HTTP/2 connection within ${connectMs / 1000} s`));
    }, this.#options.times.connectMs);
    try {
      const socket = this.#options.dial();
      this.#socket = socket;
      socket.setNoDelay(true);
      socket.on('error', (error: Error) => {
        this.#lose(unavailable(wordsOf(error)));
      });
      socket.on('close', () => {
        this.#lose(unavailable('the connection was closed'));
      });
      socket.once('secureConnect', () => {
        this.#begin(socket);
      });
      this.#reckonUsers();
    } catch (error) {
      this.#lose(unavailable(error instanceof Error ? wordsOf(error) : String(error)));
    }
  }

  #begin(socket: TLSSocket): void {
    if (this.#state === 'lost') return;
    if (socket.alpnProtocol !== 'h2') {
      this.#lose(unavailable('it speaks TLS, but not HTTP/2'));
      return;
    }
    const session = connect('https://grpc', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: RECEIVE_WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY,
    });
    this.#session = session;
    session.on('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
    });
    session.on('remoteSettings', () => {
      this.#ready();
    });
    session.on('goaway', (code: number, _lastStream: number, data?: Uint8Array) => {
      this.#handleGoaway(code, data);
    });
    session.on('error', (error: Error) => {
      this.#lose(unavailable(wordsOf(error)));
    });
    session.on('close', () => {
      this.#lose(unavailable('the connection was closed'));
    });
  }

  /** SETTINGS may come again later. */
  #ready(): void {
    if (this.#state !== 'connecting') return;
    clearTimeout(this.#timer);
    this.#state = 'ready';
    this.#wasReady = true;
    this.#keepalive.heard();
    this.#options.onChange(this);
    for (const user of [...this.#users]) user.onReady();
    this.#reckonUsers();
  }

  #ping(onAnswer: () => void): boolean {
    if (this.#session?.destroyed !== false) return false;
    return this.#session.ping((error: Error | null) => {
      if (!error) onAnswer();
    });
  }

  #handleGoaway(code: number, data: Uint8Array | undefined): void {
    const words = data ? printable(Buffer.from(data).toString('latin1')).slice(0, 200) : '';
    const reason = `the server ended the connection${words && `: ${words}`}`;
    if (code !== constants.NGHTTP2_NO_ERROR) {
      this.#lose(unavailable(`${reason} (HTTP/2 error ${code})`));
    } else if (this.#state === 'connecting') {
      this.#lose(unavailable(reason));
    } else if (this.#state === 'ready') {
      this.#state = 'draining';
      this.#options.onChange(this);
    }
  }

  /** An idle link does not keep the process alive, and LND counts pings without a call against us. */
  #reckonUsers(): void {
    const inUse = this.#users.size > 0;
    if (inUse) this.#socket?.ref();
    else this.#socket?.unref();
    if (inUse && (this.#state === 'ready' || this.#state === 'draining')) this.#keepalive.run();
    else this.#keepalive.rest();
  }

  #lose(status: GrpcStatus): void {
    this.#end(status, () => {
      if (this.#socket) abandon(this.#socket);
      this.#session?.destroy();
    });
  }

  /** Users come first: they reset their streams, which takes a session. */
  #end(status: GrpcStatus, shut: () => void): void {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    clearTimeout(this.#timer);
    this.#keepalive.stop();
    const users = [...this.#users];
    this.#users.clear();
    this.#options.onChange(this);
    try {
      for (const user of users) user.onLost(status);
    } finally {
      shut();
    }
  }
}
