/** Who relays onion messages, and who has a channel with whom, as the gossip says: bounded, and cheap to keep. Pure. */
import { fromHex, isHexOf, toHex } from '../../../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../../wire/units.js';

/** A node as it announced itself. */
export interface AnnouncedNode {
  /** Hex. */
  readonly id: string;
  readonly features: ReadonlyMap<number, unknown>;
  readonly addresses: readonly { readonly network: string; readonly addr: string }[];
}

/** What is kept at most; several times the public network. Whoever makes more up is not kept. */
export interface TableLimits {
  readonly nodes: number;
  readonly channels: number;
}
const TABLE_LIMITS: TableLimits = { nodes: 100_000, channels: 400_000 };

/** BOLT 9, `option_onion_messages`. */
const ONION_MESSAGES = [38, 39] as const;

interface Entry {
  readonly nodeId: NodeId;
  relays: boolean;
  canDial: boolean;
  readonly channels: Map<ShortChannelId, Entry>;
}

export class RelayTable {
  readonly #limits: TableLimits;
  readonly #nodes = new Map<string, Entry>();
  readonly #channels = new Map<ShortChannelId, readonly [Entry, Entry]>();

  constructor(limits: TableLimits = TABLE_LIMITS) {
    this.#limits = limits;
  }

  get size(): { readonly nodes: number; readonly channels: number } {
    return { nodes: this.#nodes.size, channels: this.#channels.size };
  }

  setNode({ id, features, addresses }: AnnouncedNode): void {
    const entry = this.#entry(id);
    if (!entry) return;
    entry.relays = ONION_MESSAGES.some((bit) => features.has(bit));
    entry.canDial = entry.relays && addresses.some(({ addr }) => addr.length > 0);
  }

  /** Node ids in hex. */
  addChannel(scid: ShortChannelId, first: string, second: string): void {
    if (this.#channels.has(scid) || this.#channels.size >= this.#limits.channels || first === second) return;
    const ends = (first < second ? [first, second] : [second, first]).map((id) => this.#entry(id));
    const [one, two] = ends;
    if (!one || !two) return;
    this.#channels.set(scid, [one, two]);
    one.channels.set(scid, two);
    two.channels.set(scid, one);
  }

  removeChannel(scid: ShortChannelId): void {
    const ends = this.#channels.get(scid);
    if (!ends) return;
    this.#channels.delete(scid);
    for (const end of ends) {
      end.channels.delete(scid);
      // Gossip forgets a node with its last channel.
      if (end.channels.size === 0) this.#nodes.delete(toHex(end.nodeId));
    }
  }

  #entry(id: string): Entry | undefined {
    const known = this.#nodes.get(id);
    if (known) return known;
    if (!isHexOf(id, 33) || this.#nodes.size >= this.#limits.nodes) return undefined;
    const entry: Entry = { nodeId: fromHex(id), relays: false, canDial: false, channels: new Map() };
    this.#nodes.set(id, entry);
    return entry;
  }

  *neighbours(node: NodeId): Iterable<NodeId> {
    const told = new Set<Entry>();
    for (const other of this.#nodes.get(toHex(node))?.channels.values() ?? []) {
      if (!other.relays || told.has(other)) continue;
      told.add(other);
      yield other.nodeId;
    }
  }

  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined {
    const ends = this.#channels.get(scid);
    return ends && [ends[0].nodeId, ends[1].nodeId];
  }

  canDial(node: NodeId): boolean {
    return this.#nodes.get(toHex(node))?.canDial ?? false;
  }
}
