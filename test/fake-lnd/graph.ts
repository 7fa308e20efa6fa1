/** LND's calls about the public graph: that of a simulated network, or what a test says. */
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import { describeGraph, subscribeChannelGraph, type TopologyUpdate } from '../../src/node/lnd/rpc/graph.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { channelEdge } from './channels.js';
import { announcedNode } from './messaging.js';
import type { Out, RpcServer } from './rpc-server.js';

export class LndGraph {
  readonly #network: SimNetwork;
  readonly #node: SimNode;
  readonly #followers = new Set<Out<TopologyUpdate>>();
  /** Called before a graph is described. */
  onDescribe: () => void = () => undefined;
  describes = 0;

  constructor(network: SimNetwork, node: SimNode) {
    this.#network = network;
    this.#node = node;
  }

  get followers(): number {
    return this.#followers.size;
  }

  register(server: RpcServer): void {
    server.unary(describeGraph, () => {
      this.describes += 1;
      this.onDescribe();
      const public_ = this.#network.channels.filter(({ announced, closed }) => announced && !closed);
      const nodes = this.#network.nodes.flatMap((node) => announcedNode(node) ?? []);
      return { nodes, edges: public_.map(({ scid }) => channelEdge(this.#network, this.#node, scid)) };
    });
    server.serverStream(subscribeChannelGraph, (_, out) => {
      this.#followers.add(out);
      out.onGone(() => this.#followers.delete(out));
    });
  }

  tell(update: Draft<TopologyUpdate>): void {
    for (const out of this.#followers) out.write(update);
  }
}
