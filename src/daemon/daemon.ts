/** The daemon: everything put together in order, and taken apart in the opposite one. */
import type { KeyRing } from '../phantom/index.js';
import { isRetryable } from '../receive/ledger/store-port.js';
import { openStoreLate, type Store } from '../store/index.js';
import { toHex } from '../wire/bytes.js';
import { adminTokenPath, ensureAdminToken } from './admin-token.js';
import { assembleDaemon, type AssemblyOptions, type DaemonParts } from './assemble.js';
import type { Config } from './config/load.js';
import { splitListen } from './config/load.js';
import { checkCluster } from './fingerprint.js';
import { createApp } from './http/app.js';
import type { ApiContext } from './http/context.js';
import { type ApiServer, serveApi } from './http/server.js';
import { StartGate } from './http/start-gate.js';
import type { Log } from './log.js';
import { openNodes } from './nodes.js';
import { loadModifiers } from './paying/modifiers.js';
import { VERSION } from './version.js';

export interface DaemonOptions extends AssemblyOptions {
  readonly config: Config;
  /** What the operator should know at the start; default: the log. */
  readonly warn?: (message: string) => void;
}

export interface RunningDaemon {
  /** Address of the API. */
  readonly url: string;
  /** Rejects when the daemon must not go on: its database, away at the start, proves to be another cluster's. */
  readonly refused: Promise<never>;
  /** Gives streams back and closes the store. What is held stays with the nodes. */
  stop(): Promise<void>;
}

const RETRY_MS = 1_000;

/**
 * Resolves when the members are served. A PostgreSQL server that is away then does not keep their forwards waiting (R6); the
 * API opens when it is there. Rejects with a `StoreError`, or because the address is taken, having closed what was open.
 */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { config, ring, clock, log } = options;
  const warn = options.warn ?? ((message: string) => log.warn(message));
  const refusal = newRefusal();
  const store = await openStoreLate({
    url: config.database.url,
    clock,
    prepare: (prepared) => checkCluster(prepared.meta, ring),
    onRefused: (error) => {
      refusal.refuse(error);
    },
  });
  const opened: { stop(): Promise<unknown> }[] = [{ stop: () => store.close() }];
  let stopServer = async (): Promise<void> => undefined;
  const stop = async (): Promise<void> => {
    await stopServer();
    for (const part of opened.splice(0).reverse()) await part.stop();
  };
  try {
    const nodes = await openNodes(config.nodes, { clock, warn, network: config.network });
    opened.push({ stop: () => nodes.close() });
    const modifiers = await loadModifiers(config.send.modifiers, config.path);
    const parts = assembleDaemon({ ...options, modifiers }, store, nodes);
    // Before anything is claimed: a daemon that cannot listen must not take nodes from one that works.
    const { host, port } = splitListen(config.api.listen);
    const gate = new StartGate(createApp(parts.api));
    const server = await serveApi(gate, host, port);
    stopServer = () => serverPart(server, parts.api).stop();
    const opening = new ApiOpening(options, store, parts, () => {
      gate.open();
      const phantomNodeId = toHex(ring.current.keys.phantomNodeId);
      log.info({ url: server.url, version: VERSION, database: store.kind, phantomNodeId }, 'manifold is up');
    });
    const waiting = await opening.prepare();
    gate.waitsFor = waiting;
    for (const part of [...parts.startable, opening]) {
      opened.push(part); // also one whose start fails may have begun something
      await part.start();
    }
    if (waiting !== undefined) warn(`${waiting}; forwards of the nodes go on, everything else waits for the database`);
    return { url: server.url, refused: refusal.refused, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function newRefusal(): { readonly refused: Promise<never>; refuse(error: Error): void } {
  let refuse = (_error: Error): void => undefined;
  const refused = new Promise<never>((_resolve, reject) => {
    refuse = reject;
  });
  refused.catch(() => undefined); // at the start it comes as the rejection of the start itself
  return {
    refused,
    refuse(error) {
      refuse(error);
    },
  };
}

/** Streams end before the server waits for its connections. */
function serverPart(server: ApiServer, { hub, paying }: ApiContext): { stop(): Promise<void> } {
  return {
    async stop() {
      const closed = server.close();
      paying?.payments.endWaits();
      await hub.stop();
      await closed;
    },
  };
}

/** What the API needs of the database before it answers; tried until the database is there. */
class ApiOpening {
  readonly #options: { readonly ring: KeyRing; readonly log: Log; readonly config: Config } & Pick<
    DaemonOptions,
    'clock'
  >;
  readonly #store: Store;
  readonly #parts: DaemonParts;
  readonly #open: () => void;
  #isPrepared = false;
  #stopped = false;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: DaemonOptions, store: Store, parts: DaemonParts, open: () => void) {
    this.#options = options;
    this.#store = store;
    this.#parts = parts;
    this.#open = open;
  }

  /** Resolves with what is waited for, if anything. Rejects for what waiting does not mend. */
  async prepare(): Promise<string | undefined> {
    const { config, ring } = this.#options;
    try {
      await this.#parts.hints.load();
      await ensureAdminToken(adminTokenPath(config.path), this.#store.tokens, ring);
      this.#isPrepared = true;
      return undefined;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      return (error as Error).message;
    }
  }

  start(): void {
    if (this.#isPrepared) this.#open();
    else this.#tryLater();
  }

  #tryLater(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(RETRY_MS, () => {
      this.#running = this.prepare().then(
        () => {
          this.start();
        },
        (error: unknown) => {
          this.#options.log.error({ err: error }, 'the API cannot open; see the error, then restart the daemon');
        },
      );
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }
}
