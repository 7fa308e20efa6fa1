/** Onion messages as LND shows them, in the terms of the message port. Pure; all of it is bytes of strangers. */
import { ec } from '../../../crypto/index.js';
import { type BlindedPath, MessageContent, type MessagePayload } from '../../../onion/index.js';
import type { TlvRecord } from '../../../wire/tlv.js';
import type { OnionMessageUpdate } from '../rpc/messages.js';

/** Wire message 513 without its type, path key and length. */
export const MAX_PACKET_LENGTH = 65_535 - 2 - 33 - 2;

const KNOWN_CONTENT: ReadonlySet<bigint> = new Set(Object.values(MessageContent));
/** Below are the records of the message itself. */
const FIRST_CONTENT = 64n;

/** A message that the node has for itself, or passes on; undefined if it is not fit to be read. */
export type ShownMessage =
  | { readonly kind: 'final'; readonly payload: MessagePayload }
  /** Or for the node itself, and empty. */
  | { readonly kind: 'relayed' };

export function shownMessage(update: OnionMessageUpdate): ShownMessage | undefined {
  const { pathKey, onion, customRecords } = update;
  if (onion.length === 0 || onion.length > MAX_PACKET_LENGTH || !ec.isPoint(pathKey)) return undefined;
  if (customRecords.size === 0) return { kind: 'relayed' };
  const payload = payloadOf(update);
  return payload && { kind: 'final', payload };
}

function payloadOf({
  replyPath,
  encryptedRecipientData,
  customRecords,
}: OnionMessageUpdate): MessagePayload | undefined {
  const records = [...customRecords].map(([type, value]): TlvRecord => ({ type, value }));
  const content = records.filter(({ type }) => KNOWN_CONTENT.has(type));
  const unknown = records.filter(({ type }) => !KNOWN_CONTENT.has(type));
  if (content.length > 1 || unknown.some(({ type }) => type < FIRST_CONTENT || type % 2n === 0n)) return undefined;
  const hasReplyPath = replyPath !== undefined && replyPath.introductionNode.length > 0;
  const path = hasReplyPath ? pathOf(replyPath) : undefined;
  if (hasReplyPath && !path) return undefined;
  return {
    encryptedRecipientData,
    ...(path && { replyPath: path }),
    ...(content[0] && { content: content[0] }),
    ...(unknown.length > 0 && { unknown }),
  };
}

function pathOf({
  introductionNode,
  blindingPoint,
  blindedHops,
}: NonNullable<OnionMessageUpdate['replyPath']>): BlindedPath | undefined {
  const points = [introductionNode, blindingPoint, ...blindedHops.map(({ blindedNode }) => blindedNode)];
  if (blindedHops.length === 0 || !points.every((point) => ec.isPoint(point))) return undefined;
  return {
    firstNode: { nodeId: introductionNode },
    firstPathKey: blindingPoint,
    hops: blindedHops.map(({ blindedNode, encryptedData }) => ({ blindedNodeId: blindedNode, encryptedData })),
  };
}

/** Types of the protocol are LND's own. */
export const isCustomType = (type: number): boolean => Number.isInteger(type) && type >= 32_768 && type <= 0xffff;
