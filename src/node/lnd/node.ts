/** An LND over its gRPC interface. See `receive/node-port.ts` for what the ports promise. */
import type {
  FinalResult,
  GuardPort,
  HtlcKey,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../receive/node-port.js';
import type { MessageGraph, MessagePort, PeerMessagePort } from '../../messages/port.js';
import type { GraphPort } from '../../send/graph/port.js';
import type { SendPort } from '../../send/run/ports.js';
import { equalBytes } from '../../wire/bytes.js';
import type { NodeId } from '../../wire/units.js';
import { LND_FAILURE_CODES } from './answers.js';
import { ChannelPolicies } from './channel-policies.js';
import { LndClient, type LndEndpoint } from './client.js';
import { LndError } from './errors.js';
import { LndGraphPort } from './graph/graph-port.js';
import { lndGuard } from './guard.js';
import { askInfo } from './info.js';
import { localChannel } from './local-channels.js';
import { grantedPurposes } from './macaroon.js';
import { LndMessageGraph } from './messages/message-graph.js';
import { LndMessagePort } from './messages/message-port.js';
import { LndPeerMessagePort } from './messages/peer-message-port.js';
import { LndSendPort, type LndSendPortOptions } from './pay/send-port.js';
import { type LndPurpose, OPTIONAL_PURPOSES } from './permissions.js';
import { listChannels, lookupHtlcResolution } from './rpc/channels.js';
import { signMessage } from './rpc/messages.js';
import { getInfo } from './rpc/node.js';
import { LndSession } from './session.js';

export interface LndNodeOptions extends LndEndpoint {
  /** What the operator's configuration calls the node. */
  readonly name: string;
  /** The guard may close channels; the macaroon has to grant it. */
  readonly forceClose: boolean;
  /** The guard may add invoices; the macaroon has to grant it. */
  readonly registerPreimages: boolean;
  /** The node pays too, and tells its graph; the macaroon has to grant it. Default: it does not. */
  readonly pay?: boolean | LndSendPortOptions;
  /** What else the node is for. Default: whatever the macaroon grants, all of it where that cannot be read. */
  readonly also?: readonly LndPurpose[];
}

export class LndNode implements NodePort {
  readonly kind = 'lnd';
  readonly name: string;
  readonly intercept: InterceptPort;
  readonly guard?: GuardPort;
  readonly send?: SendPort;
  readonly graph?: GraphPort;
  readonly messages?: MessagePort;
  readonly messageGraph?: MessageGraph;
  readonly peerMessages?: PeerMessagePort;
  /** Signs as the node: zbase32 over SHA-256 twice of `Lightning Signed Message:` and the message. */
  readonly signMessage?: (message: Uint8Array) => Promise<string>;
  readonly #endpoint: LndEndpoint;
  /** For single questions; each session has a connection of its own. */
  readonly #client: LndClient;
  readonly #policies: ChannelPolicies;
  readonly #sessions = new Set<LndSession>();
  /** Calls of parts last as long as the parts. */
  readonly #payClient: LndClient | undefined;
  readonly #graph: LndGraphPort | undefined;
  readonly #closers: { close(): void }[] = [];
  #isClosed = false;
  /** Who answered last; an HTLC's key names its node. */
  #nodeId: NodeId | undefined;

  /** Connects on first use. */
  constructor(options: LndNodeOptions) {
    this.name = options.name;
    this.#endpoint = options;
    this.#client = new LndClient(options);
    this.#policies = new ChannelPolicies(this.#client, () => performance.now(), 'peer');
    this.intercept = {
      nodeFailureCodes: LND_FAILURE_CODES,
      open: (handlers) => this.#open(handlers),
      lookupFinal: (key) => this.#lookupFinal(key),
    };
    const guard = lndGuard(this.#client, options);
    if (guard) this.guard = guard;
    const { pay = false } = options;
    if (pay !== false) {
      this.#payClient = new LndClient(options);
      this.send = new LndSendPort(this.#payClient, pay === true ? {} : pay);
      this.graph = this.#graph = new LndGraphPort(options);
    }
    const also = options.also ?? grantedPurposes(options.macaroon) ?? OPTIONAL_PURPOSES;
    const common = { endpoint: options, client: this.#client, expected: () => this.#nodeId };
    if (also.includes('messages')) {
      const graph = new LndMessageGraph(options);
      const onOpen = (): void => {
        graph.start();
      };
      const port = new LndMessagePort({ ...common, mayOpen: also.includes('open-messages'), onOpen });
      this.messages = port;
      this.messageGraph = graph;
      this.#closers.push(port, graph);
    }
    if (also.includes('wallets')) {
      const port = new LndPeerMessagePort(common);
      this.peerMessages = port;
      this.#closers.push(port);
      this.signMessage = async (msg) => (await this.#client.call(signMessage, { msg })).signature;
    }
  }

  async info(): Promise<NodeInfo> {
    const info = await askInfo(this.#client);
    this.#nodeId = info.nodeId;
    return info;
  }

  async channels(): Promise<readonly LocalChannel[]> {
    const [{ channels }, { blockHeight }] = await Promise.all([
      this.#client.call(listChannels, {}),
      this.#client.call(getInfo, {}),
    ]);
    const policies = await this.#policies.of(channels);
    return channels.flatMap((channel) => localChannel(channel, policies.get(channel.chanId), blockHeight) ?? []);
  }

  /** Ends what is open; the node is not usable afterwards. */
  close(): void {
    this.#isClosed = true;
    for (const session of this.#sessions) session.close();
    for (const one of this.#closers) one.close();
    this.#graph?.close();
    this.#payClient?.close();
    this.#client.close();
  }

  async #open(handlers: InterceptHandlers): Promise<InterceptSession> {
    const session = await LndSession.open({
      endpoint: this.#endpoint,
      expected: this.#nodeId,
      handlers,
      onOver: (over) => this.#sessions.delete(over),
    });
    if (this.#isClosed) session.close();
    if (session.isOver)
      throw new LndError('ended', `LND at ${this.#endpoint.address} was left while its stream opened`);
    this.#sessions.add(session);
    return session;
  }

  async #lookupFinal({ nodeId, channelId, htlcId }: HtlcKey): Promise<FinalResult['outcome'] | undefined> {
    this.#nodeId ??= (await this.info()).nodeId;
    if (!equalBytes(nodeId, this.#nodeId)) return undefined;
    try {
      const { settled } = await this.#client.call(lookupHtlcResolution, { chanId: channelId, htlcIndex: htlcId });
      return settled ? 'settled' : 'failed';
    } catch (error) {
      if (error instanceof LndError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }
}
