/** Who plays in the conformance suite of the message port: listeners, and messages over blinded paths of our own. */
import { ec, randomBytes } from '../../src/crypto/index.js';
import type {
  MessageSession,
  PeerMessage,
  PeerMessagePort,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../src/messages/port.js';
import {
  buildBlindedPath,
  buildOnion,
  type EncryptedData,
  encodeEncryptedData,
  encodeMessagePayload,
  type OnionMessage,
  type PeeledMessage,
  peelOnionMessage,
} from '../../src/onion/index.js';
import type { NodePort } from '../../src/receive/node-port.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { NodeId } from '../../src/wire/units.js';

/** A session of a message port with everything it delivered. */
export class MessageListener {
  readonly unforwarded: UnforwardedMessage[] = [];
  readonly received: ReceivedAtNode[] = [];
  readonly peers: (readonly [peer: string, connected: boolean])[] = [];
  readonly closed: string[] = [];
  session!: MessageSession;

  static async open(port: NodePort): Promise<MessageListener> {
    const listener = new MessageListener();
    listener.session = await port.messages!.open({
      onUnforwarded: (message) => listener.unforwarded.push(message),
      onReceived: (received) => listener.received.push(received),
      onPeer: (peer, connected) => listener.peers.push([toHex(peer), connected]),
      onClosed: (reason) => listener.closed.push(reason),
    });
    return listener;
  }

  /** What it was told last of this peer. */
  isConnected(peer: NodeId): boolean | undefined {
    return this.peers.findLast(([id]) => id === toHex(peer))?.[1];
  }

  /** Contents of what ended at the node, as text. */
  get texts(): readonly string[] {
    return this.received.map(({ payload }) => textOf(payload.unknown?.[0]?.value));
  }
}

/** A session of a peer message port with what it delivered. */
export class PeerListener {
  readonly messages: PeerMessage[] = [];
  readonly closed: string[] = [];
  session!: Awaited<ReturnType<PeerMessagePort['open']>>;

  static async open(port: NodePort): Promise<PeerListener> {
    const listener = new PeerListener();
    listener.session = await port.peerMessages!.open({
      onMessage: (message) => listener.messages.push(message),
      onClosed: (reason) => listener.closed.push(reason),
    });
    return listener;
  }
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** Of no known kind and odd: every node hands such a content over. */
const CONTENT_TYPE = 1_978_299n;

/** One stop of a path: whose key, and where from there. */
export interface Stop {
  readonly nodeId: NodeId;
  readonly data: EncryptedData;
}

/** A message over a blinded path through these stops, as the first of them is to get it. */
export function messageOver(stops: readonly Stop[], text: string): OnionMessage {
  const path = buildBlindedPath(
    randomSecret(),
    stops.map(({ nodeId, data }) => ({ nodeId, data: encodeEncryptedData(data) })),
  );
  const content = { type: CONTENT_TYPE, value: new TextEncoder().encode(text) };
  const hops = path.hops.map(({ blindedNodeId, encryptedData }, i) => ({
    nodeId: blindedNodeId,
    payload: encodeMessagePayload({
      encryptedRecipientData: encryptedData,
      ...(i === stops.length - 1 && { unknown: [content] }),
    }),
  }));
  const { onion } = buildOnion({ sessionKey: randomSecret(), hops, associatedData: new Uint8Array() });
  return { pathKey: path.firstPathKey, packet: onion };
}

export const PATH_ID = new Uint8Array(32).fill(0x2a);

/** Through these nodes by their ids, to the last of them. */
export function messageTo(nodes: readonly NodeId[], text: string): OnionMessage {
  const stops = nodes.map((nodeId, i) => {
    const next = nodes[i + 1];
    return { nodeId, data: next ? { nextNodeId: next } : { pathId: PATH_ID } };
  });
  return messageOver(stops, text);
}

/** A node that only we know, behind a real one. */
export class VirtualNode {
  readonly secret = randomSecret();
  readonly nodeId = ec.publicKey(this.secret);

  peel(message: OnionMessage): PeeledMessage {
    return unwrap(peelOnionMessage(this.secret, message));
  }

  /** The text of a message that ends here. */
  read(message: OnionMessage): string {
    const peeled = this.peel(message);
    if (peeled.kind !== 'receive') throw new Error('this message goes on');
    return textOf(peeled.payload.unknown?.[0]?.value);
  }
}

function randomSecret(): Uint8Array {
  for (;;) {
    const secret = randomBytes(32);
    if (ec.isSecret(secret)) return secret;
  }
}
