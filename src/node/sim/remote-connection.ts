/** A client's connection to a simulated network in another process. */
import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import type { PartTold } from '../../send/run/ports.js';
import { readLines, writeLine } from './lines.js';
import { MAX_REPLY_LENGTH, serverLine } from './remote-wire.js';

type ServerLine = z.output<typeof serverLine>;
export type ServerEvent = Extract<ServerLine, { event: string }>;

interface Waiting {
  readonly accepted: (told?: PartTold) => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Error) => void;
}

/** Parts of a `tcp://host:port` address. @throws {RangeError} if it is none */
function parseSimUrl(url: string): { readonly host: string; readonly port: number } {
  const match = /^tcp:\/\/(127\.0\.0\.1|localhost):(\d{1,5})$/.exec(url);
  if (!match) throw new RangeError(`${url}: a simulated network is reached as tcp://127.0.0.1:PORT`);
  return { host: match[1]!, port: Number(match[2]) };
}

/** One connection: questions with their answers, and events. */
export class Wire {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #closed = false;

  private constructor(socket: Socket, onEvent: (event: ServerEvent) => void, onClosed: () => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('close', () => {
      this.#closed = true;
      for (const { reject } of this.#waiting.values()) reject(new Error('connection to the simulated network lost'));
      this.#waiting.clear();
      onClosed();
    });
    readLines(socket, MAX_REPLY_LENGTH, (line) => {
      const parsed = z.safeDecode(serverLine, line as z.input<typeof serverLine>);
      if (parsed.success) this.#receive(parsed.data, onEvent);
      return parsed.success;
    });
  }

  static open(url: string, onEvent: (event: ServerEvent) => void, onClosed: () => void): Promise<Wire> {
    const { host, port } = parseSimUrl(url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket, onEvent, onClosed));
      });
    });
  }

  get closed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  /** @param accepted what was handed over with the question is on its way */
  ask(question: Readonly<Record<string, unknown>>, accepted: (told?: PartTold) => void = ignore): Promise<unknown> {
    if (this.closed) return Promise.reject(new Error('connection to the simulated network lost'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { accepted, resolve, reject });
      this.tell({ id, ...question });
    });
  }

  tell(message: unknown): void {
    writeLine(this.#socket, message);
  }

  /** What was told before still goes out. */
  end(): void {
    this.#socket.end();
  }

  #receive(line: ServerLine, onEvent: (event: ServerEvent) => void): void {
    if ('event' in line) {
      onEvent(line);
      return;
    }
    const waiting = this.#waiting.get(line.id);
    if ('accepted' in line) {
      waiting?.accepted(line.told);
      return;
    }
    this.#waiting.delete(line.id);
    if ('error' in line) waiting?.reject(new Error(line.error));
    else waiting?.resolve(line.result);
  }
}

/** Asks over one connection that is opened when needed, and again when it was lost. */
export class Asker {
  readonly #url: string;
  #opening: Promise<Wire> | undefined;
  #wire: Wire | undefined;

  constructor(url: string) {
    parseSimUrl(url);
    this.#url = url;
  }

  async ask(question: Readonly<Record<string, unknown>>, accepted?: (told?: PartTold) => void): Promise<unknown> {
    return (await this.#connected()).ask(question, accepted);
  }

  #connected(): Promise<Wire> {
    if (this.#opening && !this.#wire?.closed) return this.#opening;
    this.#wire = undefined;
    const opening = this.#open();
    this.#opening = opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return opening;
  }

  async #open(): Promise<Wire> {
    this.#wire = await Wire.open(this.#url, ignore, ignore);
    return this.#wire;
  }

  async close(): Promise<void> {
    (await this.#opening?.catch(ignore))?.end();
  }
}

const ignore = (): void => undefined;
