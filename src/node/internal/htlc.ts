/** From a part to the HTLC that the internal member holds, and from the cluster's answer to the part's outcome. Pure. */
import {
  buildOnion,
  decodeFailureMessage,
  encodeFailureMessage,
  encodePaymentPayload,
  FailureCode,
  hopSecrets,
  unwrapFailure,
} from '../../onion/index.js';
import { type KeyRing, MIN_PHANTOM_HOP_DELTA, phantomScid } from '../../phantom/index.js';
import type { HtlcAnswer, InterceptedHtlc } from '../../receive/node-port.js';
import type { PartOutcome } from '../../send/index.js';
import type { OutgoingPart } from '../../send/run/ports.js';
import { concat, fromHex, toHex } from '../../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../wire/units.js';
import { epochOfOnion, onionSessionKey } from './identity.js';
import type { InternalHtlc, InternalPartName, NewInternalHtlc } from './store-port.js';

/** There is only one way in. */
const CHANNEL_ID = 0n;

export function partNameOf({ paymentHash, part }: OutgoingPart): InternalPartName {
  return { paymentHash: toHex(paymentHash), partId: part.id, sentAt: part.sentAt ?? 0 };
}

/** Undefined if the part does not lead to the cluster's own phantom node in one hop, or does not fit into an onion. */
export function htlcOfPart(ring: KeyRing, nodeId: string, outgoing: OutgoingPart): NewInternalHtlc | undefined {
  const { paymentHash, totalMsat, part } = outgoing;
  const [hop, ...more] = part.hops;
  const epoch = hop && ring.epochOfPayee(hop.nodeId);
  if (!epoch || more.length > 0) return undefined;
  const { paymentData } = part.records;
  const place = placeOf(nodeId, outgoing);
  try {
    const payload = encodePaymentPayload({
      ...part.records,
      ...(paymentData && { paymentData: { ...paymentData, totalMsat } }),
      amtToForward: part.amountMsat,
      outgoingCltvValue: hop.expiry,
    });
    const { onion } = buildOnion({
      sessionKey: onionSessionKey(epoch.keys, place),
      hops: [{ nodeId: hop.nodeId, payload }],
      associatedData: paymentHash,
    });
    return { ...place, onion };
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** Keeps the place of a part that never came, so that it cannot come any more. */
export function placeOf(nodeId: string, outgoing: OutgoingPart): NewInternalHtlc {
  const { amountMsat, hops } = outgoing.part;
  const expiry = hops.at(-1)?.expiry ?? 0;
  return { ...partNameOf(outgoing), nodeId, channelId: CHANNEL_ID, amountMsat, expiry, onion: new Uint8Array() };
}

/** Nothing was sent: the row only keeps the place of its part. */
export function isPlace({ onion }: Pick<InternalHtlc, 'onion'>): boolean {
  return onion.length === 0;
}

/** Of no key epoch: passes for an ordinary forward, of which the internal member knows none. */
const NO_SCID: ShortChannelId = 0n;

/**
 * The HTLC as the member shows it. It asks no fee, as our hints ask none, and its expiry is as far behind the phantom
 * node's as the hints of the cluster demand at least: the cluster's own checks hold for it like for any other (R1).
 */
export function shownHtlc(ring: KeyRing, nodeId: NodeId, row: InternalHtlc): InterceptedHtlc {
  const { amountMsat, onion, channelId, htlcId, expiry: outgoingExpiry } = row;
  const incomingExpiry = outgoingExpiry + MIN_PHANTOM_HOP_DELTA;
  const epoch = epochOfOnion(ring, row, onion);
  return {
    key: { nodeId, channelId, htlcId },
    paymentHash: fromHex(row.paymentHash),
    incomingAmountMsat: amountMsat,
    incomingExpiry,
    outgoingAmountMsat: amountMsat,
    outgoingExpiry,
    outgoingScid: epoch ? phantomScid(epoch.keys, nodeId, 0) : NO_SCID,
    onion,
    deadline: incomingExpiry,
    onChain: false,
  };
}

type FailureAnswer = Exclude<HtlcAnswer, { action: 'settle' }>;

/** Who says so, in the first byte of what is kept. */
const BY_MEMBER = 0;
const BY_PHANTOM = 1;

/** Nobody said anything: the part never came. */
export const NEVER_CAME = new Uint8Array();

/** A failure as it is kept: who reports it, and the plain message, opened as a payer would; no message if that fails. */
export function keptFailure(ring: KeyRing, row: InternalHtlc, answer: FailureAnswer): Uint8Array {
  switch (answer.action) {
    case 'fail-as-phantom':
      return concat(Uint8Array.of(BY_PHANTOM), openFailure(ring, row, answer.packet));
    case 'fail-as-node':
      return concat(Uint8Array.of(BY_MEMBER), answer.message);
    case 'resume':
      // There is nothing behind the internal member that it could forward to.
      return concat(Uint8Array.of(BY_MEMBER), encodeFailureMessage(FailureCode.unknownNextPeer));
  }
}

function openFailure(ring: KeyRing, row: InternalHtlc, packet: Uint8Array): Uint8Array {
  const epoch = epochOfOnion(ring, row, row.onion);
  if (!epoch) return new Uint8Array();
  const [secrets] = hopSecrets(onionSessionKey(epoch.keys, row), [epoch.keys.phantomNodeId]);
  const unwrapped = unwrapFailure(packet, [secrets!.sharedSecret]);
  return unwrapped?.message.ok ? unwrapped.message.value : new Uint8Array();
}

/** Undefined while it is held, or if it never came. */
export function outcomeOf(row: InternalHtlc): PartOutcome | undefined {
  const { end } = row;
  if (end.state === 'held' || isPlace(row)) return undefined;
  if (end.state === 'settled') return { kind: 'settled', preimage: fromHex(end.preimage) };
  const [reporter = BY_MEMBER] = end.packet;
  const raw = end.packet.subarray(1);
  const failure = decodeFailureMessage(raw);
  if (!failure.ok) return { kind: 'failed', failure: { kind: 'unreadable' } };
  const { code, fields } = failure.value;
  return { kind: 'failed', failure: { kind: 'decoded', reporter, code, fields, raw } };
}

/** The part was not let go. */
export const REFUSED: PartOutcome = { kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } };
