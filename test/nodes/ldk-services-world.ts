/** Daemons of ours over LDK nodes, each with its own store, on the wall clock: LDK is told the same time. */
import { assembleDaemon, type DaemonParts } from '../../src/daemon/assemble.js';
import { parseConfig } from '../../src/daemon/config/load.js';
import { createLog } from '../../src/daemon/log.js';
import { RealClock } from '../../src/demo/real-clock.js';
import type { PeerMessage } from '../../src/messages/index.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { openStore, type Store } from '../../src/store/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import {
  type AnnouncedChannel,
  announcedChannels,
  type BuiltNode,
  INTERCEPT_ALL,
  LdkNodePort,
  type LdkWorld,
  WATCHED,
} from './ldk-node-port.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkChannelOptions, LdkNodeOptions } from './ldk-protocol.js';

const PATIENCE_MS = 20_000;
const LOOK_MS = 20;

/** What an LDK node needs to be a node of ours. */
export const OURS = { standIn: true, mailbox: 'manual' } as const satisfies Partial<LdkNodeOptions>;
/** And to be that of an LSP. */
export const LSP = { ...OURS, intercept: INTERCEPT_ALL } as const satisfies Partial<LdkNodeOptions>;
export const LSP_CONFIG = '[offline]\nenabled = true\n';

export interface RunningDaemon {
  readonly parts: DaemonParts;
  readonly store: Store;
  readonly ports: readonly LdkNodePort[];
  stop(): Promise<void>;
}

export interface DaemonOptions {
  /** Names of its nodes. */
  readonly nodes: readonly string[];
  /** More of its configuration. */
  readonly config?: string;
  /** Peers of its nodes that hold HTLCs on request. */
  readonly holders?: readonly string[];
}

export class ServicesWorld implements LdkWorld {
  readonly lines: string[] = [];
  readonly ldk: LdkProgram;
  nodes: readonly BuiltNode[] = [];
  channels: readonly AnnouncedChannel[] = [];
  readonly peerMessages = new Map<string, (message: PeerMessage) => void>();
  #clock = new RealClock();
  readonly #ports = new Map<string, LdkNodePort>();
  readonly #stores = new Map<string, Store>();
  readonly #running: { stop(): void | Promise<void> }[] = [];

  private constructor(ldk: LdkProgram) {
    this.ldk = ldk;
  }

  static async start(): Promise<ServicesWorld> {
    return new ServicesWorld(await LdkProgram.start());
  }

  async build(nodes: readonly LdkNodeOptions[], channels: readonly LdkChannelOptions[]): Promise<void> {
    const built = await this.ldk.call('build', { time: Math.floor(Date.now() / 1000), nodes, channels });
    this.nodes = built.nodes;
    this.channels = await announcedChannels(this.ldk, built.nodes);
    await this.ldk.call('watch', { types: WATCHED });
    this.ldk.forget();
  }

  /** Ends all daemons; the next world has nodes and stores of its own. */
  async clear(): Promise<void> {
    for (const one of this.#running.splice(0).reverse()) await one.stop();
    for (const store of this.#stores.values()) await store.close();
    this.#clock.stop();
    this.#clock = new RealClock();
    this.#stores.clear();
    this.#ports.clear();
    this.peerMessages.clear();
    this.lines.length = 0;
  }

  async close(): Promise<void> {
    await this.clear();
    await this.ldk.close();
  }

  idOf(name: string): Uint8Array {
    return this.#port(name).nodeId;
  }

  #port(name: string, holders: readonly string[] = []): LdkNodePort {
    const port = this.#ports.get(name) ?? new LdkNodePort(this, name, holders);
    this.#ports.set(name, port);
    return port;
  }

  /** A daemon whose store and nodes survive its end. */
  async daemon(name: string, { nodes, config: more = '', holders = [] }: DaemonOptions): Promise<RunningDaemon> {
    const store = this.#stores.get(name) ?? (await openStore({ url: 'sqlite::memory:', inProcess: true }));
    this.#stores.set(name, store);
    const sections = nodes.map((node) => `[[nodes]]\nname = "${node}"\nkind = "sim"\n`).join('');
    const text = `network = "regtest"\n[cluster]\nseed_env = "SEED"\n${sections}${more}`;
    const config = parseConfig(text, '/nowhere/manifold.toml', {});
    const log = createLog({
      level: 'debug',
      destination: { write: (line: string) => void this.lines.push(`${name} ${line}`) },
    });
    const ring = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(name.charCodeAt(0))) });
    const ports = nodes.map((node) => this.#port(node, holders));
    const opened = {
      nodes: ports.map((port) => ({ port })),
      senders: ports.map((port) => ({ name: port.name, send: port.send, graph: port.graph })),
      embedded: undefined,
      close: async () => undefined,
    };
    const parts = assembleDaemon({ config, ring, log, clock: this.#clock, random: Math.random }, store, opened);
    for (const part of parts.startable) await part.start();
    const running = {
      ...{ parts, store, ports },
      stop: async () => {
        for (const part of [...parts.startable].reverse()) await part.stop();
      },
    };
    this.#running.push(running);
    await this.until('the daemon serves its nodes', () => {
      const isLive = parts.api.receiver.status().every(({ state }) => state === 'live');
      const canPay = !config.send.enabled || parts.api.paying?.status()?.graph.loaded === true;
      const isHeard = ports.every(({ messages }) => messages.isOpen);
      const isAsked = !config.offline.enabled || nodes.every((node) => this.peerMessages.has(node));
      return isLive && canPay && isHeard && isAsked;
    });
    await parts.api.receiver.cluster.refresh();
    return running;
  }

  /** Ends something with the world. */
  atEnd(one: { stop(): void | Promise<void> }): void {
    this.#running.push(one);
  }

  /** Ends a daemon before the world does. */
  async stop(daemon: RunningDaemon): Promise<void> {
    this.#running.splice(this.#running.indexOf(daemon), 1);
    await daemon.stop();
  }

  /** Has an LSP serve a wallet. @returns its section of a configuration */
  async enrol({ parts }: RunningDaemon, name: string): Promise<{ paths: readonly string[]; config: string }> {
    const offline = parts.api.offline!;
    await this.until('wallets can be enrolled', async () => (await offline.list(1)).enrolled >= 0);
    const { number } = unwrap(await offline.enrol({ nodeId: this.idOf(name), name }));
    const { server_paths: paths } = unwrap(await offline.paths(String(number)));
    const list = paths.map((path) => `"${path}"`).join(', ');
    const lsp = toHex(this.idOf(parts.api.receiver.status()[0]!.name));
    return { paths, config: `[wallet]\nlsp = "${lsp}"\nserver_paths = [${list}]\n` };
  }

  /** Until so many messages are kept for wallets that sleep: the request of a payer, and its word that money waits. */
  async mail({ parts }: RunningDaemon, count = 2): Promise<void> {
    const { offline } = parts.api;
    await this.until('there is mail for a wallet', async () => (await offline!.list(1)).mailbox.messages >= count);
    await this.ldk.settled();
  }

  /** @throws {Error} with what was logged last, if it does not come true */
  async until(what: string, condition: () => unknown): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (Date.now() > end)
        throw new Error(`never: ${what}\n${this.lines.slice(-25).join('')}\n${await this.#story()}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #story(): Promise<string> {
    return this.ldk.events
      .map((event) => JSON.stringify(event).slice(0, 250))
      .slice(-25)
      .join('\n');
  }
}
