/** A simulated Lightning network: nodes, channels, one chain, and a record of everything that happened. */
import { toHex } from '../../wire/bytes.js';
import { scidOf } from '../../wire/scid.js';
import type { BlockHeight, Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import { SimChannel } from './channel.js';
import { Connections } from './connections.js';
import { Gossip } from './gossip.js';
import type { SimHtlc } from './htlc.js';
import type { HtlcLimits } from './htlc-offer.js';
import { DEFAULT_INTERCEPTOR, type InterceptorConfig } from './interceptor-config.js';
import { SimNode } from './node.js';
import { Random } from './random.js';
import { Trace } from './trace.js';
import {
  DEFAULT_TIMING,
  type AnswerObservation,
  type HtlcObservation,
  type Policy,
  type Timing,
  type World,
} from './types.js';
import { type SimClock, VirtualClock } from './virtual-clock.js';

export interface SimNetworkOptions {
  /** Decides keys, ids, latencies, orders: everything that is left to chance. */
  readonly seed: number | string;
  /** Default: virtual time. */
  readonly clock?: SimClock;
  readonly timing?: Partial<Timing>;
  readonly height?: BlockHeight;
  /** Keep the trace's lines, not only their hash. */
  readonly keepTrace?: boolean;
  /** Failures carry attribution data (BOLT 4); default false. */
  readonly attribution?: boolean;
}

export interface AddNodeOptions {
  /** True: as LND with `requireinterceptor`. */
  readonly interceptor?: boolean | Partial<InterceptorConfig>;
  /**
   * True: it has `option_htlc_hold`, and whoever intercepts gives the paths of release. False (default): it fails an HTLC that it is
   * asked to hold. `ignores`: it passes it on, as LND.
   */
  readonly hold?: boolean | 'ignores';
  /** As a wallet: no address, and its channels are not announced unless they say so; default false. */
  readonly private?: boolean;
  /** It announced an address, so that anybody can connect to it; default true, of a private node false. */
  readonly address?: boolean;
  /** It is down until it is restarted; default false. */
  readonly offline?: boolean;
}

export interface OpenChannelOptions {
  /** By side, the first node named is side 0. */
  readonly balances: readonly [Msat, Msat];
  readonly policies?: readonly [Partial<Policy>, Partial<Policy>];
  /** Default: true, unless one end is private. */
  readonly announced?: boolean;
  readonly scid?: ShortChannelId;
  /** HTLCs that each side may have in flight; default 483. */
  readonly slots?: number;
  /** What each side must leave in the channel; default 1 % of the capacity. */
  readonly reserveMsat?: Msat;
  /** What the other side accepts of a single HTLC, by the side that sends; default: any amount. */
  readonly limits?: readonly [HtlcLimits, HtlcLimits];
}

export interface Observations {
  readonly htlcs: readonly HtlcObservation[];
  readonly answers: readonly AnswerObservation[];
}

const DEFAULT_SLOTS = 483;
/** Block heights that are set aside for aliases. */
const ALIAS_BLOCKS = [16_000_000, 16_249_999] as const;

export const DEFAULT_POLICY: Policy = {
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: 1000n,
  htlcMaximumMsat: 10_000_000_000n,
};

export class SimNetwork {
  readonly clock: SimClock;
  readonly trace: Trace;
  /** For whoever builds on this world: forks of it do not disturb it. */
  readonly random: Random;
  readonly channels: SimChannel[] = [];
  /** What all nodes know of announced channels. */
  readonly gossip: Gossip;
  /** Who is connected to whom, channel or not. */
  readonly connections: Connections;
  readonly #world: World;
  readonly #nodes = new Map<string, SimNode>();
  readonly #answers: AnswerObservation[] = [];
  readonly #attribution: boolean;
  readonly #private = new Set<SimNode>();
  readonly #byNodeId = new Map<string, SimNode>();
  readonly #byScid = new Map<ShortChannelId, SimChannel>();
  #height: BlockHeight;

  constructor(options: SimNetworkOptions) {
    const {
      seed,
      clock = new VirtualClock(),
      timing,
      height = 850_000,
      keepTrace = false,
      attribution = false,
    } = options;
    this.#attribution = attribution;
    this.clock = clock;
    this.trace = new Trace(() => clock.now(), keepTrace);
    this.random = new Random(seed);
    this.#height = height;
    this.#world = {
      clock,
      trace: this.trace,
      random: this.random.fork('world'),
      timing: { ...DEFAULT_TIMING, ...timing },
      chainHeight: () => this.#height,
    };
    this.gossip = new Gossip(this.#world, (name) => this.node(name));
    this.connections = new Connections(this.#world);
  }

  get height(): BlockHeight {
    return this.#height;
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()];
  }

  /** @throws {RangeError} if there is none of this name */
  node(name: string): SimNode {
    const node = this.#nodes.get(name);
    if (!node) throw new RangeError(`no node is called ${name}`);
    return node;
  }

  nodeOfId(nodeId: NodeId): SimNode | undefined {
    return this.#byNodeId.get(toHex(nodeId));
  }

  /** By its own id, not by an alias. */
  channelOfId(scid: ShortChannelId): SimChannel | undefined {
    return this.#byScid.get(scid);
  }

  addNode(name: string, options: AddNodeOptions = {}): SimNode {
    const { interceptor = false, private: isPrivate = false, address = !isPrivate, offline = false } = options;
    if (this.#nodes.has(name)) throw new RangeError(`a node is called ${name} already`);
    if (options.hold === true && interceptor === false)
      throw new RangeError('a node that holds HTLCs has an interceptor');
    const node = new SimNode(this.#world, {
      name,
      secret: this.random.fork(`node ${name}`).bytes(32),
      ...(interceptor === false
        ? {}
        : { interceptor: { ...DEFAULT_INTERCEPTOR, ...(interceptor === true ? {} : interceptor) } }),
      record: (answer) => this.#answers.push(answer),
      gossip: this.gossip,
      connections: this.connections,
      hasAddress: address,
      holdSupport: options.hold === true ? 'returns' : options.hold === 'ignores' ? 'ignores' : 'refuses',
      startsOffline: offline,
      attribution: this.#attribution,
    });
    node.watchers.add({
      channel: (channel, change) => {
        this.gossip.channelChanged(channel, change);
        this.#connect(channel);
      },
    });
    this.#nodes.set(name, node);
    this.#byNodeId.set(toHex(node.nodeId), node);
    this.connections.add(node);
    if (isPrivate) this.#private.add(node);
    return node;
  }

  openChannel(first: SimNode, second: SimNode, options: OpenChannelOptions): SimChannel {
    const { balances, policies = [{}, {}], slots = DEFAULT_SLOTS } = options;
    const isPrivate = this.#private.has(first) || this.#private.has(second);
    const { announced = !isPrivate } = options;
    const random = this.random.fork(`channel ${this.channels.length} ${first.name} ${second.name}`);
    const alias = (): ShortChannelId =>
      scidOf({ block: random.int(...ALIAS_BLOCKS), txIndex: random.int(0, 0xff_ffff), output: random.int(0, 0xffff) });
    const scid = scidOf({
      block: random.int(Math.floor(this.#height / 2), this.#height - 6),
      txIndex: random.int(1, 3000),
      output: random.int(0, 3),
    });
    const channel = new SimChannel(this.#world, {
      scid: options.scid ?? scid,
      ends: [first, second],
      balances,
      policies: [
        { ...DEFAULT_POLICY, ...policies[0] },
        { ...DEFAULT_POLICY, ...policies[1] },
      ],
      announced,
      aliases: [alias(), alias()],
      slots,
      reserveMsat: options.reserveMsat ?? (balances[0] + balances[1]) / 100n,
      limits: options.limits ?? [{}, {}],
    });
    this.channels.push(channel);
    this.#byScid.set(channel.scid, channel);
    first.addChannel(channel);
    second.addChannel(channel);
    this.gossip.opened(channel);
    this.#connect(channel);
    return channel;
  }

  #connect({ ends: [first, second] }: SimChannel): void {
    this.connections.refresh(this.node(first.name), this.node(second.name));
  }

  /** A node changes the terms on which it forwards over a channel. */
  changePolicy(channel: SimChannel, from: SimNode, change: Partial<Policy>): void {
    const side = channel.sideOf(from);
    channel.policies[side] = { ...channel.policies[side], ...change };
    this.trace.note(`${channel.name} policy of ${from.name}`);
    this.gossip.changed(channel, side);
  }

  /** @throws {RangeError} if the nodes share no channel */
  channelBetween(first: string, second: string): SimChannel {
    const [a, b] = [this.node(first), this.node(second)];
    const channel = a.channels.find(({ ends }) => ends.includes(b));
    if (!channel) throw new RangeError(`${first} and ${second} share no channel`);
    return channel;
  }

  /** Blocks arrive at every node that is up, less its lag, one by one. */
  mine(blocks: number): void {
    for (let i = 0; i < blocks; i++) {
      this.#height += 1;
      this.trace.note(`block ${this.#height}`);
      for (const node of this.#nodes.values()) node.blockMined();
      for (const channel of this.channels) channel.blockMined(this.#height);
    }
  }

  /** What the nodes saw: enough to judge, from outside, where the money went. */
  observations(): Observations {
    return {
      htlcs: this.channels.flatMap((channel) => channel.history.map((htlc) => htlc.observe())),
      answers: [...this.#answers],
    };
  }

  /** HTLCs that have no irrevocable end yet. */
  liveHtlcs(): readonly SimHtlc[] {
    return this.channels.flatMap(({ live }) => [...live]);
  }
}
