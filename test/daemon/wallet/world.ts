/** A payer, its LSP, the LSP of a wallet and that wallet, each with the parts of a daemon, in virtual time. */
import { assembleDaemon, type DaemonParts } from '../../../src/daemon/assemble.js';
import { parseConfig } from '../../../src/daemon/config/load.js';
import { createLog } from '../../../src/daemon/log.js';
import { Faults } from '../../../src/node/sim/faults.js';
import { SimNetwork } from '../../../src/node/sim/network.js';
import { SimNodePort } from '../../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import { ClusterKeys, KeyRing } from '../../../src/phantom/index.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';

const BALANCES = { balances: [5_000_000_000n, 5_000_000_000n] } as const;

export interface Running {
  readonly parts: DaemonParts;
  readonly store: Store;
  stop(): Promise<void>;
}

/** alice – hub – lsp – wallet. */
export class WalletWorld {
  readonly clock = new VirtualClock();
  readonly network: SimNetwork;
  readonly faults: Faults;
  readonly stores = new Map<string, Store>();
  readonly running = new Map<string, Running>();
  readonly lines: string[] = [];
  serverPaths: readonly string[] = [];

  constructor(seed: number) {
    this.network = new SimNetwork({ seed, clock: this.clock });
    this.faults = new Faults(this.network);
    const { network } = this;
    const [alice, hub, lsp, wallet] = [
      network.addNode('alice', { interceptor: true }),
      network.addNode('hub'),
      network.addNode('lsp', { interceptor: true, hold: true }),
      network.addNode('wallet', { interceptor: true, private: true }),
    ];
    network.openChannel(alice, hub, BALANCES);
    network.openChannel(hub, lsp, BALANCES);
    network.openChannel(lsp, wallet, BALANCES);
  }

  /** Runs the clock until a condition of the parts holds. */
  readonly until = async (condition: () => boolean | Promise<boolean>, ms = 300_000): Promise<void> => {
    for (let waited = 0; waited < ms; waited += 50) {
      if (await condition()) return;
      await this.clock.runFor(50);
    }
    throw new Error(`it never happened\n${this.lines.slice(-30).join('')}`);
  };

  async start(name: string, extra = ''): Promise<Running> {
    const store =
      this.stores.get(name) ?? (await openStore({ url: 'sqlite::memory:', inProcess: true, clock: this.clock }));
    this.stores.set(name, store);
    const config = parseConfig(
      `network = "regtest"\n[cluster]\nseed_env = "SEED"\n[[nodes]]\nname = "${name}"\nkind = "sim"\n${extra}`,
      '/nowhere/manifold.toml',
      {},
    );
    const port = new SimNodePort(this.network, this.network.node(name));
    const log = createLog({
      level: 'debug',
      destination: { write: (line: string) => void this.lines.push(`${name} ${line}`) },
    });
    const seed = new Uint8Array(32).fill(name.charCodeAt(0));
    const ring = new KeyRing({ id: 1, keys: new ClusterKeys(seed) });
    const nodes = {
      nodes: [{ port }],
      senders: [{ name, send: port.send, graph: port.graph }],
      embedded: undefined,
      close: async () => undefined,
    };
    const parts = assembleDaemon({ config, ring, log, clock: this.clock, random: () => 0.5 }, store, nodes);
    const started: { stop(): void | Promise<void> }[] = [];
    for (const part of parts.startable) {
      started.push(part);
      await this.clock.finish(Promise.resolve(part.start()));
    }
    const running: Running = {
      parts,
      store,
      stop: async () => {
        this.running.delete(name);
        for (const part of started.reverse()) await this.clock.finish(Promise.resolve(part.stop()));
      },
    };
    this.running.set(name, running);
    return running;
  }

  /** With the services for wallets that sleep; enrols the wallet. */
  async startLsp(): Promise<Running> {
    const lsp = await this.start('lsp', '[offline]\nenabled = true\n');
    if (this.serverPaths.length > 0) return lsp;
    const { messenger } = lsp.parts.messages;
    await this.until(() => messenger.isConnected(this.network.node('hub').nodeId));
    const offline = lsp.parts.api.offline!;
    const { nodeId } = this.network.node('wallet');
    unwrap(await this.clock.finish(offline.enrol({ nodeId, name: 'sleeper' })));
    this.serverPaths = unwrap(await this.clock.finish(offline.paths('sleeper'))).server_paths;
    return lsp;
  }

  startWallet(): Promise<Running> {
    const paths = this.serverPaths.map((path) => `"${path}"`).join(', ');
    const lsp = toHex(this.network.node('lsp').nodeId);
    return this.start('wallet', `[wallet]\nlsp = "${lsp}"\nserver_paths = [${paths}]\n`);
  }

  /** The process ends and the node goes down. */
  async sleep(): Promise<void> {
    await this.running.get('wallet')?.stop();
    this.faults.crashNode('wallet');
    await this.clock.runFor(1000);
  }

  async wake(): Promise<Running> {
    this.faults.restartNode('wallet');
    return this.startWallet();
  }
}
