/** Somebody who runs Manifold as a whole, the very assembly of the daemon, over nodes of a simulated network. */
import pino from 'pino';
import { assembleDaemon, type DaemonParts } from '../daemon/assemble.js';
import { configSchema } from '../daemon/config/schema.js';
import { createLog } from '../daemon/log.js';
import { LspLink } from '../daemon/wallet/lsp-link.js';
import type { SimNetwork } from '../node/sim/network.js';
import type { Random } from '../node/sim/random.js';
import { SimNodePort } from '../node/sim/sim-node-port.js';
import { ClusterKeys, KeyRing } from '../phantom/index.js';
import type { Clock } from '../receive/clock.js';
import { openStore, type Store } from '../store/index.js';
import { fromHex } from '../wire/bytes.js';
import { membrane } from './membrane.js';
import { Life, mortalClock } from './mortal.js';

export interface PartyOptions {
  /** Names of its nodes. */
  readonly nodes: readonly string[];
  readonly network: SimNetwork;
  readonly random: Random;
  /** Sections of the configuration beside network, cluster and nodes. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: a database of its own. */
  readonly store?: Store;
  /** Its keys, as another daemon of the same cluster has them; default: drawn. */
  readonly ring?: KeyRing;
  /** Told of every line of its log; default: it keeps none. */
  readonly onLine?: (line: string) => void;
  /** Told of every asynchronous call of its process to database and nodes. */
  readonly onCall?: (name: string, moment: 'before' | 'after') => void;
}

interface Process {
  readonly life: Life;
  readonly parts: DaemonParts;
  /** Of a wallet to its LSP. */
  readonly link: LspLink | undefined;
}

export class Party {
  readonly store: Store;
  readonly ring: KeyRing;
  readonly #options: PartyOptions;
  /** Sections of the configuration as of the next start. */
  config: Readonly<Record<string, unknown>>;
  #process: Process;
  #isRunning = false;

  private constructor(options: PartyOptions, store: Store) {
    const { random, config = {}, ring } = options;
    this.#options = options;
    this.store = store;
    this.config = config;
    this.ring = ring ?? new KeyRing({ id: 1, keys: new ClusterKeys(random.bytes(32)) });
    this.#process = this.#assemble();
  }

  /** With a process that runs. */
  static async open(options: PartyOptions): Promise<Party> {
    const { network, store } = options;
    const clock = wholeMillis(network.clock);
    const own = (): Promise<Store> => openStore({ url: 'sqlite::memory:', inProcess: true, clock });
    const party = new Party(options, store ?? (await own()));
    await party.start();
    return party;
  }

  /** Of the newest process. */
  get parts(): DaemonParts {
    return this.#process.parts;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Starts a process unless one runs. It may be killed before this is done; then it never is. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    if (this.#process.life.over) this.#process = this.#assemble();
    const { parts, link } = this.#process;
    for (const part of parts.startable) await part.start();
    link?.start();
  }

  /** A wallet that has just woken up has its LSP hand over what it keeps for it. False: the LSP does not answer. */
  hello(): Promise<boolean> {
    return this.#process.link?.hello() ?? Promise.resolve(false);
  }

  /** The process ends in good order; its nodes and its database stay. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    const { life, parts, link } = this.#process;
    await link?.stop();
    for (const part of [...parts.startable].reverse()) await part.stop();
    life.end();
  }

  /** The process ends as by `kill -9`. */
  kill(): void {
    this.#isRunning = false;
    this.#process.life.end();
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    await this.stop();
    if (this.#options.store === undefined) await this.store.close();
  }

  #assemble(): Process {
    const { nodes, network, random, onLine, onCall } = this.#options;
    const life = new Life();
    const wall = onCall ? { onCall } : {};
    const ports = nodes.map((name) => {
      const port = new SimNodePort(network, network.node(name));
      return { name, port: membrane(life, port, wall) };
    });
    const clock = mortalClock(life, wholeMillis(network.clock));
    const log = onLine ? createLog({ level: 'debug', destination: { write: onLine } }) : pino({ level: 'silent' });
    const config = configSchema.parse({
      network: 'regtest',
      cluster: { epoch: 1, seed_env: 'UNUSED' },
      nodes: nodes.map((name) => ({ name, kind: 'sim' })),
      ...this.config,
    });
    const parts = assembleDaemon(
      {
        ...{ config, log, clock },
        ring: this.ring,
        random: () => random.fraction(),
        randomBytes: (length) => random.bytes(length),
      },
      membrane(life, this.store, wall),
      {
        nodes: ports.map(({ port }) => ({ port })),
        senders: ports.map(({ name, port }) => ({ name, send: port.send, graph: port.graph })),
        embedded: undefined,
        close: async () => undefined,
      },
    );
    const { wallet } = config;
    const link = wallet && new LspLink({ port: ports[0]!.port.peerMessages, lsp: fromHex(wallet.lsp), clock, log });
    return { life, parts, link };
  }
}

/** As clocks of machines tell it; virtual time has fractions. */
const wholeMillis = (clock: Clock): Clock => ({
  now: () => Math.floor(clock.now()),
  after: (delay, task) => clock.after(delay, task),
  soon: (task) => {
    clock.soon(task);
  },
});
