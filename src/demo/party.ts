/** Somebody who runs Manifold as a whole, the very assembly of the daemon, over nodes of a simulated network. */
import pino from 'pino';
import { assembleDaemon, type DaemonParts } from '../daemon/assemble.js';
import { configSchema } from '../daemon/config/schema.js';
import type { SimNetwork } from '../node/sim/network.js';
import type { Random } from '../node/sim/random.js';
import { SimNodePort } from '../node/sim/sim-node-port.js';
import { ClusterKeys, KeyRing } from '../phantom/index.js';
import { openStore, type Store } from '../store/index.js';

export interface PartyOptions {
  /** Names of its nodes. */
  readonly nodes: readonly string[];
  readonly network: SimNetwork;
  readonly random: Random;
  /** Sections of the configuration beside network, cluster and nodes. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: a database of its own. */
  readonly store?: Store;
  /** Default: drawn. */
  readonly seed?: Uint8Array;
}

export class Party {
  readonly parts: DaemonParts;
  readonly store: Store;
  readonly ring: KeyRing;
  readonly #ownsStore: boolean;
  #isRunning = false;

  private constructor(options: PartyOptions, store: Store) {
    const { nodes, network, random, config, seed = random.bytes(32) } = options;
    this.store = store;
    this.#ownsStore = options.store === undefined;
    this.ring = new KeyRing({ id: 1, keys: new ClusterKeys(seed) });
    const ports = nodes.map((name) => ({ name, port: new SimNodePort(network, network.node(name)) }));
    this.parts = assembleDaemon(
      {
        config: configSchema.parse({
          network: 'regtest',
          cluster: { epoch: 1, seed_env: 'UNUSED' },
          nodes: nodes.map((name) => ({ name, kind: 'sim' })),
          ...config,
        }),
        ring: this.ring,
        log: pino({ level: 'silent' }),
        clock: network.clock,
        random: () => random.fraction(),
      },
      store,
      {
        nodes: ports.map(({ port }) => ({ port })),
        senders: ports.map(({ name, port }) => ({ name, send: port.send, graph: port.graph })),
        embedded: undefined,
        close: async () => undefined,
      },
    );
  }

  static async open(options: PartyOptions): Promise<Party> {
    const { network, store } = options;
    const own = (): Promise<Store> => openStore({ url: 'sqlite::memory:', inProcess: true, clock: network.clock });
    const party = new Party(options, store ?? (await own()));
    await party.start();
    return party;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (const part of this.parts.startable) await part.start();
  }

  /** Ends in good order; its nodes go on. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    for (const part of [...this.parts.startable].reverse()) await part.stop();
    if (this.#ownsStore) await this.store.close();
  }
}
