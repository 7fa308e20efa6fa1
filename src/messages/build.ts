/** Building onion messages and the blinded paths for answers (BOLT 4, "Onion Messages"). Randomness is an argument. */
import { ec } from '../crypto/index.js';
import {
  type BlindedPath,
  buildBlindedPath,
  buildOnion,
  type EncryptedData,
  encodeMessagePayload,
  encodePadded,
  frameLength,
  type MessagePayload,
  type OnionMessage,
} from '../onion/index.js';
import { equalBytes } from '../wire/bytes.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { NodeId } from '../wire/units.js';

/** Random bytes of the length asked for. */
export type Random = (length: number) => Uint8Array;

/** Payload areas of the two packet sizes that BOLT 4 recommends: 1366 and 32834 bytes. */
const MESSAGE_AREA_SIZES = [1300, 32768] as const;

/** More hops than this on one path cost the relays more than they are worth. */
export const MAX_MESSAGE_HOPS = 20;

/** A secret key by chance. Nearly every 32 bytes are one. */
function freshSecret(random: Random): Uint8Array {
  for (;;) {
    const secret = random(32);
    if (ec.isSecret(secret)) return secret;
  }
}

export interface PathPlan {
  /** Who carries messages, the first is in the open; the last reads them. Neighbours that are equal count once. */
  readonly nodes: readonly NodeId[];
  /** For the last hop: how it knows the path again. */
  readonly pathId?: Uint8Array;
  /** Hops of the last node to itself, so that the path looks longer than it is. Default 0. */
  readonly dummyHops?: number;
}

/**
 * A blinded path for onion messages, all its hops padded to one length.
 * @throws {RangeError} if there is no node, one is not a point, or the path gets longer than {@link MAX_MESSAGE_HOPS}.
 */
export function messagePath({ nodes, pathId, dummyHops = 0 }: PathPlan, random: Random): BlindedPath {
  const distinct = nodes.filter((node, i) => i === 0 || !equalBytes(node, nodes[i - 1]!));
  const last = distinct.at(-1);
  if (!last) throw new RangeError('a path has at least one node');
  const hops = [...distinct, ...Array<NodeId>(dummyHops).fill(last)];
  if (hops.length > MAX_MESSAGE_HOPS) throw new RangeError(`a path for messages has at most ${MAX_MESSAGE_HOPS} hops`);
  return pathOver(
    hops,
    hops.map((_, i): EncryptedData => {
      const nextNodeId = hops[i + 1];
      return nextNodeId ? { nextNodeId } : pathId ? { pathId } : {};
    }),
    random,
  );
}

function pathOver(nodes: readonly NodeId[], datas: readonly EncryptedData[], random: Random): BlindedPath {
  const padded = encodePadded(datas);
  return buildBlindedPath(
    freshSecret(random),
    nodes.map((nodeId, i) => ({ nodeId, data: padded[i]! })),
  );
}

export type MessageTarget = { readonly path: BlindedPath } | { readonly nodeId: NodeId };

export interface MessagePlan {
  /** Where the message goes, over relays that lie before it. */
  readonly target: MessageTarget;
  /** Node id of the target's first node, if relays lie before it and the path names it by a channel only. */
  readonly firstNode?: NodeId;
  /** Relays before the target's first node, the first of them a peer of the sender. */
  readonly leadIn?: readonly NodeId[];
  readonly content: TlvRecord;
  readonly replyPath?: BlindedPath;
}

/**
 * The message to hand to the first node of `leadIn`, or to the target's first node. Undefined if it is larger than an onion
 * message can be, or the path has points that are none.
 * @throws {RangeError} if a node of the lead-in is not a point, or the path's first node stays unknown behind a lead-in.
 */
export function buildOnionMessage(plan: MessagePlan, random: Random): OnionMessage | undefined {
  const path = wholePath(plan, random);
  if (path.hops.length > MAX_MESSAGE_HOPS || !path.hops.every((hop) => ec.isPoint(hop.blindedNodeId))) return undefined;
  const hops = path.hops.map(({ blindedNodeId, encryptedData }, i) => {
    const payload: MessagePayload =
      i < path.hops.length - 1
        ? { encryptedRecipientData: encryptedData }
        : {
            encryptedRecipientData: encryptedData,
            content: plan.content,
            ...(plan.replyPath && { replyPath: plan.replyPath }),
          };
    return { nodeId: blindedNodeId, payload: encodeMessagePayload(payload) };
  });
  const needed = hops.reduce((sum, { payload }) => sum + frameLength(payload.length), 0);
  const payloadAreaSize = MESSAGE_AREA_SIZES.find((size) => size >= needed);
  if (payloadAreaSize === undefined) return undefined;
  const { onion } = buildOnion({
    sessionKey: freshSecret(random),
    hops,
    associatedData: new Uint8Array(),
    payloadAreaSize,
  });
  return { pathKey: path.firstPathKey, packet: onion };
}

/** The lead-in blinded by us, and behind it the path that was given: the last relay of ours switches to its path key. */
function wholePath({ target, firstNode, leadIn = [] }: MessagePlan, random: Random): BlindedPath {
  if ('nodeId' in target) return messagePath({ nodes: [...leadIn, target.nodeId] }, random);
  const { path } = target;
  if (leadIn.length === 0) return path;
  const joint = firstNode ?? ('nodeId' in path.firstNode ? path.firstNode.nodeId : undefined);
  if (!joint) throw new RangeError('give the node id of a first node that the path names by its channel');
  const datas = leadIn.map((_, i): EncryptedData =>
    i < leadIn.length - 1
      ? { nextNodeId: leadIn[i + 1]! }
      : { nextNodeId: joint, nextPathKeyOverride: path.firstPathKey },
  );
  const before = pathOver(leadIn, datas, random);
  return { ...before, hops: [...before.hops, ...path.hops] };
}
