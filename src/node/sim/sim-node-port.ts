/** The ports of a simulated node. See `receive/node-port.ts` for what they promise. */
import type {
  HtlcKey,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../receive/node-port.js';
import type { MessageGraph, MessagePort, PeerMessagePort } from '../../messages/port.js';
import { messageDigest, signatureText } from '../../offline/wake/signed-message.js';
import type { GraphPort } from '../../send/graph/port.js';
import type { SendPort } from '../../send/run/ports.js';
import { equalBytes } from '../../wire/bytes.js';
import type { SimChannel } from './channel.js';
import type { Interceptor } from './interceptor.js';
import type { SimNetwork } from './network.js';
import type { SimNode } from './node.js';
import { SimGraphPort } from './sim-graph-port.js';
import { SimMessageGraph } from './sim-message-graph.js';
import { SimMessagePort } from './sim-message-port.js';
import { SimSendPort } from './sim-send-port.js';
import { opposite } from './types.js';

const SIM_VERSION = 'manifold-sim 1';

export class SimNodePort implements NodePort {
  readonly kind = 'sim';
  readonly name: string;
  readonly intercept?: InterceptPort;
  readonly send: SendPort;
  readonly graph: GraphPort;
  readonly messages: MessagePort;
  readonly messageGraph: MessageGraph;
  readonly peerMessages: PeerMessagePort;
  readonly #network: SimNetwork;
  readonly #node: SimNode;

  /** @param name what the operator calls the node; default: its name in the network */
  constructor(network: SimNetwork, node: SimNode, name: string = node.name) {
    this.#network = network;
    this.#node = node;
    this.name = name;
    this.send = new SimSendPort(node);
    this.graph = new SimGraphPort(network, node);
    this.messages = new SimMessagePort(node);
    this.messageGraph = new SimMessageGraph(network);
    this.peerMessages = { open: async (handlers) => node.messages.openPeerMessages(handlers) };
    if (node.interceptor) this.intercept = new SimInterceptPort(node, node.interceptor);
  }

  async info(): Promise<NodeInfo> {
    const { nodeId, name, height, lag } = this.#reachable();
    return { nodeId, network: 'regtest', alias: name, version: SIM_VERSION, height, synced: lag === 0 };
  }

  async channels(): Promise<readonly LocalChannel[]> {
    const node = this.#reachable();
    return node.channels.filter(({ closed }) => !closed).map((channel) => localChannel(this.#network, node, channel));
  }

  async signMessage(message: Uint8Array): Promise<string> {
    return signatureText(this.#reachable().sign(messageDigest(message)));
  }

  #reachable(): SimNode {
    if (!this.#node.online) throw new Error(`${this.#node.name} cannot be reached`);
    return this.#node;
  }
}

class SimInterceptPort implements InterceptPort {
  readonly nodeFailureCodes: InterceptPort['nodeFailureCodes'];
  readonly returnsReleasePaths: boolean;
  readonly #node: SimNode;
  readonly #interceptor: Interceptor;

  constructor(node: SimNode, interceptor: Interceptor) {
    this.#node = node;
    this.#interceptor = interceptor;
    this.returnsReleasePaths = node.holdsHtlcs;
    this.nodeFailureCodes = interceptor.config.nodeFailureCodes;
  }

  async open(handlers: InterceptHandlers): Promise<InterceptSession> {
    return this.#interceptor.open(handlers);
  }

  async lookupFinal(key: HtlcKey): Promise<'settled' | 'failed' | undefined> {
    if (!this.#node.online) throw new Error(`${this.#node.name} cannot be reached`);
    return equalBytes(key.nodeId, this.#node.nodeId) ? this.#interceptor.lookupFinal(key) : undefined;
  }
}

/** Funding is buried at the block that the channel's id names. */
function localChannel(network: SimNetwork, node: SimNode, channel: SimChannel): LocalChannel {
  const side = channel.sideOf(node);
  const peer = opposite(side);
  return {
    peerId: channel.ends[peer].nodeId,
    scid: channel.scid,
    peerAlias: channel.aliases[peer],
    ownAliases: [channel.aliases[side]],
    announced: channel.announced,
    confirmations: Math.max(0, network.height - Number(channel.scid >> 40n) + 1),
    ready: true,
    usable: channel.link.up,
    spendableMsat: channel.spendable(side),
    receivableMsat: channel.spendable(peer),
    peerPolicy: channel.policies[peer],
  };
}
