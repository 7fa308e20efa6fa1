/** Onion messages, peer messages, peers and what LND does with its key, over a node of a simulated network. */
import { status } from '@grpc/grpc-js';
import { ec } from '../../src/crypto/index.js';
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import {
  type CustomMessage,
  deriveSharedKey,
  type OnionMessageUpdate,
  sendCustomMessage,
  sendOnionMessage,
  signMessage,
  subscribeCustomMessages,
  subscribeOnionMessages,
} from '../../src/node/lnd/rpc/messages.js';
import {
  connectPeer,
  getNodeInfo,
  type LightningNode,
  listPeers,
  type PeerEvent,
  PeerEventType,
  subscribePeerEvents,
} from '../../src/node/lnd/rpc/peers.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { signMessage as signed } from '../../src/offline/wake/signed-message.js';
import {
  type BlindedPath,
  decodeMessagePayload,
  decodeOnionMessage,
  encodeOnionMessage,
  type MessagePayload,
  type NextMessageHop,
  ONION_MESSAGE_TYPE,
  type OnionMessage,
  peelOnion,
  peelOnionMessage,
} from '../../src/onion/index.js';
import { concat, equalBytes, fromHex, toHex } from '../../src/wire/bytes.js';
import { u16 } from '../../src/wire/integers.js';
import { unwrap } from '../../src/wire/result.js';
import type { NodeId } from '../../src/wire/units.js';
import { type Out, RpcError, type RpcServer } from './rpc-server.js';
import type { FakeLndSettings } from './settings.js';
import { behaviourOf } from './version.js';

export interface MessagingOptions {
  readonly network: SimNetwork;
  readonly node: SimNode;
  readonly settings: FakeLndSettings;
}

/** Contents that LND 0.21 knows; a last hop with any other even one is dropped before anybody hears of it. */
const KNOWN_EVEN = new Set([64n, 66n, 68n]);
const FIRST_CUSTOM_MESSAGE = 32_768;
/** BOLT 9, `option_onion_messages`. */
const ONION_MESSAGES_BIT = 39;
export const FEATURES = new Map([[ONION_MESSAGES_BIT, new Uint8Array()]]);

/** As gossip tells of it; undefined where it does not. */
export function announcedNode(node: SimNode): Draft<LightningNode> | undefined {
  if (!node.channels.some(({ announced, closed }) => announced && !closed)) return undefined;
  const addresses = node.hasAddress ? [{ network: 'tcp', addr: `${node.name}.example:9735` }] : [];
  return { pubKey: toHex(node.nodeId), addresses, features: FEATURES };
}

export class LndMessaging {
  readonly #options: MessagingOptions;
  readonly #secret: Uint8Array;
  readonly #onion = new Set<Out<OnionMessageUpdate>>();
  readonly #custom = new Set<Out<CustomMessage>>();
  readonly #peers = new Set<Out<PeerEvent>>();
  /** Points of which the shared key was asked. */
  derived = 0;

  /** From now on the node handles messages as LND does. */
  constructor(options: MessagingOptions) {
    const { network, node } = options;
    this.#options = options;
    this.#secret = network.random.fork(`node ${node.name}`).bytes(32);
    node.peerMessage = (from, bytes) => {
      this.#arrived(from, bytes);
    };
    node.peerChanged = (peer, connected) => {
      const type = connected ? PeerEventType.online : PeerEventType.offline;
      for (const out of this.#peers) out.write({ pubKey: toHex(peer), type });
    };
  }

  register(server: RpcServer): void {
    const { network, node, settings } = this.#options;
    const { major, minor } = behaviourOf(settings.version);
    if (major > 0 || minor >= 21) {
      server.unary(sendOnionMessage, ({ peer, pathKey, onion }) => {
        if (!ec.isPoint(pathKey)) throw new RpcError('unable to decode path key bytes');
        this.#send(peer, encodeOnionMessage({ pathKey, packet: onion }));
        return {};
      });
      server.serverStream(subscribeOnionMessages, (_, out) => {
        subscribe(this.#onion, out);
      });
    }
    server.unary(sendCustomMessage, ({ peer, type, data }) => {
      if (type < FIRST_CUSTOM_MESSAGE) throw new RpcError(`message type ${type} not in custom range`);
      this.#send(peer, concat(u16(type), data));
      return {};
    });
    server.serverStream(subscribeCustomMessages, (_, out) => {
      subscribe(this.#custom, out);
    });
    server.serverStream(subscribePeerEvents, (_, out) => {
      subscribe(this.#peers, out);
    });
    server.unary(listPeers, () => ({
      peers: network.connections.peersOf(node).map((peer) => ({ pubKey: toHex(peer) })),
    }));
    server.unary(getNodeInfo, ({ pubKey }) => {
      const known = network.nodeOfId(fromHex(pubKey));
      const announced = known && announcedNode(known);
      if (!announced) throw new RpcError('unable to find node', status.NOT_FOUND);
      return { node: announced };
    });
    server.unary(connectPeer, ({ addr }) => this.#connect(fromHex(addr!.pubkey)));
    server.unary(signMessage, ({ msg }) => ({ signature: signed(msg, this.#secret) }));
    server.unary(deriveSharedKey, ({ ephemeralPubkey }) => {
      this.derived += 1;
      const sharedKey = ec.ecdh(this.#secret, ephemeralPubkey);
      if (!sharedKey) throw new RpcError('error in ephemeral pubkey');
      return { sharedKey };
    });
  }

  /** Something on the stream of onion messages in place of sense. */
  tellGarbage(garbage: Uint8Array | Draft<OnionMessageUpdate>): void {
    for (const out of this.#onion) out.write(garbage);
  }

  #send(peer: NodeId, bytes: Uint8Array): void {
    const { network, node } = this.#options;
    if (!network.connections.send(node, peer, bytes)) {
      throw new RpcError('peer is not connected', status.NOT_FOUND);
    }
  }

  #connect(peer: NodeId): Promise<object> {
    const { network, node } = this.#options;
    if (network.connections.areConnected(node, peer)) {
      throw new RpcError(`already connected to peer: ${toHex(peer)}`);
    }
    return new Promise((resolve, reject) => {
      network.connections.dial(node, peer, (connected) => {
        if (connected) resolve({});
        else reject(new RpcError('dial tcp: connection refused'));
      });
    });
  }

  #arrived(from: NodeId, bytes: Uint8Array): void {
    if (!this.#options.node.online) return;
    const type = (bytes[0]! << 8) | bytes[1]!;
    if (type === ONION_MESSAGE_TYPE) {
      const decoded = decodeOnionMessage(bytes);
      if (decoded.ok && this.#mayRelay(from)) this.#process(from, decoded.value);
    } else if (type >= FIRST_CUSTOM_MESSAGE) {
      for (const out of this.#custom) out.write({ peer: from, type, data: bytes.slice(2) });
    }
  }

  #mayRelay(from: NodeId): boolean {
    const { node, settings } = this.#options;
    if (settings.onionMessages === 'off') return false;
    const hasChannel = node.channels.some(
      ({ ends, closed }) => !closed && ends.some(({ nodeId }) => equalBytes(nodeId, from)),
    );
    return hasChannel || settings.onionMessages === 'relay-all';
  }

  /** Whatever can be read is told, also if it was passed on, or could not be. */
  #process(from: NodeId, message: OnionMessage): void {
    const { network, node } = this.#options;
    const peeled = peelOnionMessage(this.#secret, message);
    if (!peeled.ok) return;
    const { value } = peeled;
    if (value.kind === 'receive') {
      const told = finalRecords(value.payload);
      if (told) this.#tell(from, message, told);
      return;
    }
    const next = this.#nodeIdOf(value.to);
    if (!next || equalBytes(next, from)) return;
    network.connections.send(node, next, encodeOnionMessage(value.message));
    this.#tell(from, message, { encryptedRecipientData: relayDataOf(this.#secret, message) });
  }

  #nodeIdOf(to: NextMessageHop): NodeId | undefined {
    if ('nodeId' in to) return to.nodeId;
    const channel = this.#options.network.channelOfId(to.shortChannelId);
    return channel?.ends.find(({ nodeId }) => !equalBytes(nodeId, this.#options.node.nodeId))?.nodeId;
  }

  #tell(peer: NodeId, { pathKey, packet }: OnionMessage, more: Draft<OnionMessageUpdate>): void {
    for (const out of this.#onion) out.write({ peer, pathKey, onion: packet, replyPath: {}, ...more });
  }
}

function subscribe<O extends object>(all: Set<Out<O>>, out: Out<O>): void {
  all.add(out);
  out.onGone(() => all.delete(out));
}

/** What a relay is given, as it came: the record of its payload, still encrypted. */
function relayDataOf(secret: Uint8Array, { pathKey, packet: onion }: OnionMessage): Uint8Array {
  const peeled = unwrap(peelOnion({ nodeSecret: secret, onion, associatedData: new Uint8Array(), pathKey }));
  return unwrap(decodeMessagePayload(peeled.payload, 'relay')).encryptedRecipientData;
}

/** Undefined where LND would not take the payload. */
function finalRecords(payload: MessagePayload): Draft<OnionMessageUpdate> | undefined {
  const { content, unknown = [], replyPath, encryptedRecipientData } = payload;
  const records = [...(content ? [content] : []), ...unknown];
  if (records.length > 1 || records.some(({ type }) => type % 2n === 0n && !KNOWN_EVEN.has(type))) return undefined;
  const path = replyPath && shownPath(replyPath);
  if (replyPath && !path) return undefined;
  return {
    encryptedRecipientData,
    customRecords: new Map(records.map(({ type, value }) => [type, value])),
    ...(path && { replyPath: path }),
  };
}

/** LND reads a path's first node by its key only. */
function shownPath({ firstNode, firstPathKey, hops }: BlindedPath): Draft<OnionMessageUpdate>['replyPath'] {
  if (!('nodeId' in firstNode)) return undefined;
  return {
    introductionNode: firstNode.nodeId,
    blindingPoint: firstPathKey,
    blindedHops: hops.map(({ blindedNodeId, encryptedData }) => ({ blindedNode: blindedNodeId, encryptedData })),
  };
}
