/** The relays of onion messages that an LND knows by gossip: loaded, then followed, and loaded again after every loss. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageGraph } from '../../../messages/port.js';
import type { Millis, NodeId, ShortChannelId } from '../../../wire/units.js';
import { LndClient, type LndEndpoint } from '../client.js';
import { field, message, string, uint64 } from '../rpc/codec.js';
import { describeGraph, EDGE_FIELD, NODE_FIELD, subscribeChannelGraph, type TopologyUpdate } from '../rpc/graph.js';
import { lightningNode } from '../rpc/peers.js';
import { RelayTable, type TableLimits } from './relay-table.js';

/** LND reads its whole database for it. */
const LOAD_MS: Millis = 180_000;
/** LND may answer with a graph that it has described up to a minute before; what changed meanwhile is in the second one. */
const AGE_MS: Millis = 75_000;
const RETRY_MS: Millis = 2_000;
const LONGEST_RETRY_MS: Millis = 300_000;
/** Changes that may wait for a graph to be applied to; with more it is loaded anew, later. */
const MAX_EARLY = 50_000;
/** Entries that are read in one turn: a few milliseconds of work. */
const BATCH = 200;

/** Of a channel only its ends; a described graph is mostly policies. */
const edgeEnds = message({ channelId: field(1, uint64), node1Pub: field(4, string), node2Pub: field(5, string) });

export interface MessageGraphOptions {
  readonly ageMs?: Millis;
  readonly retryMs?: Millis;
  readonly limits?: TableLimits;
}

export class LndMessageGraph implements MessageGraph {
  readonly #endpoint: LndEndpoint;
  readonly #options: MessageGraphOptions;
  #table: RelayTable;
  #client: LndClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs: Millis;
  #isClosed = false;

  constructor(endpoint: LndEndpoint, options: MessageGraphOptions = {}) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#table = new RelayTable(options.limits);
    this.#retryMs = options.retryMs ?? RETRY_MS;
  }

  /** Begins to follow, if that has not begun: until then nothing is known. */
  start(): void {
    if (this.#isClosed || this.#client || this.#timer) return;
    void this.#follow();
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
  }

  get size(): RelayTable['size'] {
    return this.#table.size;
  }

  neighbours(node: NodeId): Iterable<NodeId> {
    return this.#table.neighbours(node);
  }

  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined {
    return this.#table.endsOf(scid);
  }

  canDial(node: NodeId): boolean {
    return this.#table.canDial(node);
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }

  /** What is known stays until the next graph is there. */
  #lose(client: LndClient): void {
    if (this.#client !== client) return;
    this.#leave();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#follow();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  async #follow(): Promise<void> {
    const client = new LndClient(this.#endpoint);
    this.#client = client;
    let early: TopologyUpdate[] | undefined = [];
    client.listen(
      subscribeChannelGraph,
      {},
      {
        onMessage: (update) => {
          if (!early) apply(this.#table, update);
          else if (early.length < MAX_EARLY) early.push(update);
          else this.#lose(client);
        },
        onEnd: () => {
          this.#lose(client);
        },
      },
    );
    const load = async (): Promise<void> => {
      early ??= [];
      try {
        const table = await this.#load(client);
        if (this.#client !== client) return;
        for (const update of early) apply(table, update);
        early = undefined;
        this.#table = table;
        this.#retryMs = this.#options.retryMs ?? RETRY_MS;
      } catch {
        this.#lose(client);
      }
    };
    await load();
    if (this.#client !== client || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void load();
    }, this.#options.ageMs ?? AGE_MS).unref();
  }

  /** Entry by entry: on the main network the answer is one message of 100 megabytes. */
  async #load(client: LndClient): Promise<RelayTable> {
    const graph = await client.fetch(describeGraph, {}, LOAD_MS);
    const table = new RelayTable(this.#options.limits);
    const reader = new BinaryReader(graph);
    for (let count = 1; reader.pos < reader.len; count++) {
      const [number, wireType] = reader.tag();
      if (number === NODE_FIELD && wireType === WireType.LengthDelimited) {
        const { pubKey: id, features, addresses } = lightningNode.decode(reader.bytes());
        table.setNode({ id, features, addresses });
      } else if (number === EDGE_FIELD && wireType === WireType.LengthDelimited) {
        const { channelId, node1Pub, node2Pub } = edgeEnds.decode(reader.bytes());
        table.addChannel(channelId, node1Pub, node2Pub);
      } else reader.skip(wireType, number);
      if (count % BATCH === 0) await nextTurn();
    }
    return table;
  }
}

function apply(table: RelayTable, { nodeUpdates, channelUpdates, closedChans }: TopologyUpdate): void {
  for (const { chanId, advertisingNode, connectingNode } of channelUpdates) {
    table.addChannel(chanId, advertisingNode, connectingNode);
  }
  for (const { identityKey: id, features, nodeAddresses: addresses } of nodeUpdates) {
    table.setNode({ id, features, addresses });
  }
  for (const { chanId } of closedChans) table.removeChannel(chanId);
}
