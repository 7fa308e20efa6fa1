/** A fresh world of real nodes: a chain, LNDs on it with coins, and channels that everybody knows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { closeChannel, getChanInfo, listChannels } from '../../src/node/lnd/rpc/channels.js';
import { toHex } from '../../src/wire/bytes.js';
import { nodeBinaries } from './binaries.js';
import { Chain } from './chain.js';
import { Link } from './link.js';
import { Lnd, MEMBER_FLAGS } from './lnd.js';
import { temporaryFolder } from '../e2e/processes.js';
import { until } from './program.js';
import { connectPeer, listPeers, newAddress, openChannelSync, walletBalance } from './rpc.js';

export interface ChannelPlan {
  readonly from: string;
  readonly to: string;
  readonly capacitySat: bigint;
  /** Given to `to` at once. */
  readonly pushSat: bigint;
  /** Not announced: only its two ends know it. */
  readonly isPrivate?: boolean;
}

export interface NetworkPlan {
  /** Flags of each node by its name. */
  readonly nodes: Readonly<Record<string, readonly string[]>>;
  readonly channels: readonly ChannelPlan[];
}

const COIN = 100_000_000n;
const CHANNEL = { capacitySat: 5_000_000n, pushSat: 1_000_000n } as const;
/** What wallets and daemons get to act between two blocks. */
const BLOCK_MS = 400;
/** Confirmations after which a channel is announced. */
const ANNOUNCED_AFTER = 6;

/** A payer with a channel to each of two members, who share one. */
const TWO_MEMBERS: NetworkPlan = {
  nodes: { payer: [], alpha: MEMBER_FLAGS, beta: MEMBER_FLAGS },
  channels: [
    { from: 'payer', to: 'alpha', ...CHANNEL },
    { from: 'payer', to: 'beta', ...CHANNEL },
    { from: 'alpha', to: 'beta', capacitySat: 5_000_000n, pushSat: 2_500_000n },
  ],
};

export class Network {
  readonly chain: Chain;
  readonly folder: string;
  readonly #nodes: ReadonlyMap<string, Lnd>;
  readonly #links = new Map<string, Link>();
  /** Who of two connected nodes called the other. */
  readonly #dialers = new Map<string, string>();
  readonly #channels = new Map<string, { readonly scid: bigint; readonly point: string }>();
  readonly #removeFolder: () => void;
  /** How long each step of the start took, in milliseconds. */
  readonly timing: Record<string, number> = {};

  private constructor(chain: Chain, nodes: readonly Lnd[], folder: string, removeFolder: () => void) {
    this.chain = chain;
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
    this.folder = folder;
    this.#removeFolder = removeFolder;
  }

  static async open(plan: NetworkPlan = TWO_MEMBERS): Promise<Network> {
    const { lnd, btcd } = await nodeBinaries((line) => process.stderr.write(`${line}\n`));
    const { path: folder, remove } = temporaryFolder();
    let startedAt = Date.now();
    const chain = await Chain.start(btcd, folder);
    const nodes: Lnd[] = [];
    for (const [name, flags] of Object.entries(plan.nodes)) {
      nodes.push(await Lnd.prepare({ name, binary: lnd, folder, chain: chain.access, flags }));
    }
    const network = new Network(chain, nodes, folder, remove);
    const lap = (what: string): void => {
      network.timing[what] = Date.now() - startedAt;
      startedAt = Date.now();
    };
    try {
      lap('chain');
      await Promise.all(nodes.map((node) => node.start()));
      lap('nodes');
      await network.#fundAll();
      lap('coins');
      await network.#openAll(plan.channels);
      lap('channels');
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  node(name: string): Lnd {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`no node is called ${name}`);
    return node;
  }

  get nodes(): readonly Lnd[] {
    return [...this.#nodes.values()];
  }

  /** @returns the short channel id of the channel between two nodes */
  scid(a: string, b: string): bigint {
    return this.#channel(a, b).scid;
  }

  #channel(a: string, b: string): { readonly scid: bigint; readonly point: string } {
    const channel = this.#channels.get(pair(a, b));
    if (!channel) throw new Error(`${a} and ${b} have no channel`);
    return channel;
  }

  /** The wire between two nodes with a channel. */
  link(a: string, b: string): Link {
    const link = this.#links.get(pair(a, b));
    if (!link) throw new Error(`${a} and ${b} are not connected`);
    return link;
  }

  /** Mines, and waits until every node that runs has seen it. */
  async mine(blocks: number, watchers: readonly Lnd[] = this.nodes): Promise<number> {
    const height = await this.chain.mine(blocks);
    await this.synced(height, watchers);
    return height;
  }

  /** Mines block by block, each with time to act on it, until the condition holds. */
  async mineUntil(what: string, condition: () => boolean | Promise<boolean>, most = 60): Promise<void> {
    for (let blocks = 0; blocks <= most; blocks++) {
      const deadline = Date.now() + BLOCK_MS;
      while (Date.now() < deadline) {
        if (await condition()) return;
        await sleep(20);
      }
      await this.mine(1);
    }
    throw new Error(`mined ${most} blocks and still waited for ${what}\n${this.logs()}`);
  }

  async synced(height: number, watchers: readonly Lnd[] = this.nodes): Promise<void> {
    await Promise.all(watchers.filter(({ running }) => running).map((node) => node.untilSynced(height)));
  }

  /** Waits until the channel between two nodes can be used, seen by both. */
  async untilActive(a: string, b: string): Promise<void> {
    const { scid } = this.#channel(a, b);
    const from = this.#dialers.get(pair(a, b)) ?? a;
    const to = from === a ? b : a;
    await until(`${from} to connect to ${to}`, () => this.#dial(from, to), { onLate: () => this.logs() });
    for (const name of [a, b]) {
      const node = this.node(name);
      const isActive = async (): Promise<boolean> => {
        const { channels } = await node.client.call(listChannels, { activeOnly: true });
        return channels.some(({ chanId }) => chanId === scid);
      };
      await until(`${name} to see its channel with ${a === name ? b : a} active`, isActive, {
        onLate: () => node.tail(),
      });
    }
  }

  /** Cuts the wire between two nodes, and waits until both have noticed. */
  async cut(a: string, b: string): Promise<void> {
    const { scid } = this.#channel(a, b);
    this.link(a, b).cut();
    for (const node of [this.node(a), this.node(b)].filter(({ running }) => running)) {
      await until(`${node.name} to notice that a wire is cut`, async () => {
        const { channels } = await node.client.call(listChannels, {});
        return !channels.some(({ chanId, active }) => chanId === scid && active);
      });
    }
  }

  /** Mends the wire, and waits until the channel can be used. */
  async mend(a: string, b: string): Promise<void> {
    this.link(a, b).mend();
    await this.untilActive(a, b);
  }

  /** Puts the channel of two nodes on chain by the commitment of `closer`, which is in the mempool then. */
  async forceClose(closer: string, other: string): Promise<void> {
    const [fundingTxidStr, index] = this.#channel(closer, other).point.split(':') as [string, string];
    const pending = new Promise<void>((resolve, reject) => {
      const stream = this.node(closer).client.listen(
        closeChannel,
        { channelPoint: { fundingTxidStr, outputIndex: Number(index) }, force: true },
        {
          onMessage({ closePending }) {
            if (!closePending) return;
            resolve();
            stream.cancel();
          },
          onEnd: reject,
        },
      );
    });
    await pending;
    await this.chain.untilMempool();
  }

  async #fundAll(): Promise<void> {
    const addresses = await Promise.all(
      this.nodes.map(async ({ client }) => (await client.call(newAddress, {})).address),
    );
    // Several outputs each, so that channels can be opened at the same time.
    await this.chain.fund(addresses.flatMap((address) => [1, 2, 3, 4].map(() => ({ address, amountSat: COIN / 2n }))));
    await this.mine(1);
    for (const { name, client } of this.nodes) {
      const hasCoins = async (): Promise<boolean> => (await client.call(walletBalance, {})).confirmedBalance >= COIN;
      await until(`${name} to see its coins`, hasCoins);
    }
  }

  async #openAll(plans: readonly ChannelPlan[]): Promise<void> {
    for (const { from, to } of plans) await this.#connect(from, to);
    for (const plan of plans) {
      // A peer that is connected already may still be starting to read.
      await until(`${plan.from} to open a channel to ${plan.to}`, async () => {
        await this.#openChannel(plan);
        return true;
      });
    }
    await this.chain.untilMempool(plans.length);
    await this.mine(ANNOUNCED_AFTER);
    for (const plan of plans) await this.#untilKnown(plan);
  }

  async #openChannel({ from, to, capacitySat, pushSat, isPrivate = false }: ChannelPlan): Promise<void> {
    const request = { nodePubkey: this.node(to).nodeId, localFundingAmount: capacitySat, pushSat, private: isPrivate };
    const { fundingTxidBytes, outputIndex } = await this.node(from).client.call(openChannelSync, request, 30_000);
    const txid = toHex(Uint8Array.from(fundingTxidBytes).reverse());
    this.#channels.set(pair(from, to), { scid: 0n, point: `${txid}:${outputIndex}` });
  }

  async #connect(from: string, to: string): Promise<void> {
    const link = await Link.to(this.node(to).peerPort);
    this.#links.set(pair(from, to), link);
    this.#dialers.set(pair(from, to), from);
    await until(`${from} to connect to ${to}`, () => this.#dial(from, to));
  }

  /** @returns whether the two are connected now. LND dials again by itself too, but takes its time. */
  async #dial(from: string, to: string): Promise<boolean> {
    const { client } = this.node(from);
    const pubkey = toHex(this.node(to).nodeId);
    const { peers } = await client.call(listPeers, {});
    if (peers.some(({ pubKey }) => pubKey === pubkey)) return true;
    const host = `127.0.0.1:${this.link(from, to).port}`;
    await client.call(connectPeer, { addr: { pubkey, host }, perm: true });
    return false;
  }

  /** Both ends use the channel, and every node that hears of it knows the policies of both. */
  async #untilKnown({ from, to, isPrivate = false }: ChannelPlan): Promise<void> {
    const { point } = this.#channel(from, to);
    const { client } = this.node(from);
    let scid = 0n;
    await until(`the channel of ${from} and ${to}`, async () => {
      const { channels } = await client.call(listChannels, { activeOnly: true });
      scid = channels.find(({ channelPoint }) => channelPoint === point)?.chanId ?? 0n;
      return scid !== 0n;
    });
    this.#channels.set(pair(from, to), { scid, point });
    await this.untilActive(from, to);
    const watchers = isPrivate ? [this.node(from), this.node(to)] : this.nodes;
    for (const { name, client: watcher } of watchers) {
      await until(`${name} to hear of the channel of ${from} and ${to}`, async () => {
        const { node1Policy, node2Policy } = await watcher.call(getChanInfo, { chanId: scid });
        return node1Policy !== undefined && node2Policy !== undefined;
      });
    }
  }

  /** What everybody wrote last, for failure messages. */
  logs(lines = 30): string {
    return this.nodes.map((node) => node.tail(lines)).join('\n');
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    for (const link of this.#links.values()) link.close();
    await this.chain.stop();
    this.#removeFolder();
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
