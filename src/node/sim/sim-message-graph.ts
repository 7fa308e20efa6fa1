/** Announced nodes of a simulated network, as relays of onion messages: all of them relay. */
import type { MessageGraph } from '../../messages/port.js';
import { compareBytes, toHex } from '../../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import type { SimNetwork } from './network.js';

/** What a graph of relays is made of. */
export interface RelayList {
  readonly channels: readonly RelayChannel[];
  /** Announced with an address. */
  readonly dialable: readonly NodeId[];
}

export interface RelayChannel {
  readonly scid: ShortChannelId;
  /** Node 1 first. */
  readonly ends: readonly [NodeId, NodeId];
}

const isPublic = ({ announced, closed }: SimChannel): boolean => announced && !closed;

const endsOf = ({ ends: [first, second] }: SimChannel): readonly [NodeId, NodeId] =>
  compareBytes(first.nodeId, second.nodeId) < 0 ? [first.nodeId, second.nodeId] : [second.nodeId, first.nodeId];

export function relayList(network: SimNetwork): RelayList {
  const relays = network.nodes.filter(({ channels }) => channels.some(isPublic));
  return {
    channels: network.channels.filter(isPublic).map((channel) => ({ scid: channel.scid, ends: endsOf(channel) })),
    dialable: relays.filter(({ hasAddress }) => hasAddress).map(({ nodeId }) => nodeId),
  };
}

/** The network of this process as it is when it is asked. */
export class SimMessageGraph implements MessageGraph {
  readonly #network: SimNetwork;

  constructor(network: SimNetwork) {
    this.#network = network;
  }

  *neighbours(node: NodeId): Iterable<NodeId> {
    const end = this.#network.nodeOfId(node);
    for (const channel of end?.channels ?? []) {
      if (isPublic(channel)) yield channel.ends[channel.ends[0] === end ? 1 : 0].nodeId;
    }
  }

  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined {
    const channel = this.#network.channelOfId(scid);
    return channel && isPublic(channel) ? endsOf(channel) : undefined;
  }

  canDial(node: NodeId): boolean {
    const end = this.#network.nodeOfId(node);
    return end !== undefined && end.hasAddress && end.channels.some(isPublic);
  }
}

/** A list of relays, to be asked as a graph. */
export class RelayGraph implements MessageGraph {
  readonly #neighbours = new Map<string, NodeId[]>();
  readonly #ends = new Map<ShortChannelId, readonly [NodeId, NodeId]>();
  readonly #dialable: ReadonlySet<string>;

  constructor({ channels, dialable }: RelayList) {
    for (const { scid, ends } of channels) {
      this.#ends.set(scid, ends);
      this.#add(ends[0], ends[1]);
      this.#add(ends[1], ends[0]);
    }
    this.#dialable = new Set(dialable.map(toHex));
  }

  #add(node: NodeId, neighbour: NodeId): void {
    const known = this.#neighbours.get(toHex(node));
    if (known) known.push(neighbour);
    else this.#neighbours.set(toHex(node), [neighbour]);
  }

  neighbours(node: NodeId): Iterable<NodeId> {
    return this.#neighbours.get(toHex(node)) ?? [];
  }

  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined {
    return this.#ends.get(scid);
  }

  canDial(node: NodeId): boolean {
    return this.#dialable.has(toHex(node));
  }
}
