/** What LND's interceptor shows, in Manifold's terms. Pure; all of it but the key is what a sender chose. */
import { ec } from '../../crypto/index.js';
import type { FinalResult, HtlcKey, InterceptedHtlc } from '../../receive/node-port.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { NodeId } from '../../wire/units.js';
import type { HtlcEvent, InterceptRequest } from './rpc/intercept.js';

export type Shown =
  | { readonly type: 'htlc'; readonly htlc: InterceptedHtlc }
  /** Not of use to us, whoever is to blame: LND shall do with it what it would have done without us. */
  | { readonly type: 'foreign'; readonly key: HtlcKey }
  /** Nothing that could be answered. */
  | { readonly type: 'nothing' };

const HASH_LENGTH = 32;
const ONION_PACKET_LENGTH = 1366;

/** Never throws. */
export function shownHtlc(request: InterceptRequest, nodeId: NodeId): Shown {
  if (!request.incomingCircuitKey) return { type: 'nothing' };
  const { chanId, htlcId } = request.incomingCircuitKey;
  const key: HtlcKey = { nodeId, channelId: chanId, htlcId };
  const onChain = isOnChain(request);
  // Before 0.20.3 a far expiry made the height of the automatic failure wrap below zero.
  const isSound =
    request.paymentHash.length === HASH_LENGTH &&
    request.onionBlob.length === ONION_PACKET_LENGTH &&
    request.autoFailHeight >= 0;
  if (!isSound) return onChain ? { type: 'nothing' } : { type: 'foreign', key };
  const htlc: InterceptedHtlc = {
    key,
    paymentHash: request.paymentHash,
    incomingAmountMsat: request.incomingAmountMsat,
    incomingExpiry: request.incomingExpiry,
    outgoingAmountMsat: request.outgoingAmountMsat,
    outgoingExpiry: request.outgoingExpiry,
    outgoingScid: request.outgoingRequestedChanId,
    onion: request.onionBlob,
    deadline: onChain ? request.incomingExpiry : request.autoFailHeight,
    onChain,
    ...(request.inWireCustomRecords.size > 0 && { wireRecords: recordsOf(request.inWireCustomRecords) }),
    ...(ec.isPoint(request.outgoingRequestedNodeId) && { outgoingNodeId: request.outgoingRequestedNodeId }),
  };
  return { type: 'htlc', htlc };
}

function recordsOf(records: ReadonlyMap<bigint, Uint8Array>): TlvRecord[] {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([type, value]) => ({ type, value }));
}

/**
 * LND has no flag for it. Off chain it fails an HTLC some blocks before it expires; on chain the time is over with the
 * expiry itself, which releases before 0.20.2 and 0.21.1 leave out.
 */
function isOnChain({ autoFailHeight, incomingExpiry }: InterceptRequest): boolean {
  return autoFailHeight === 0 || autoFailHeight === incomingExpiry;
}

/** The end of an HTLC, where the event is one; what else LND reports on this stream is not final. */
export function finalOf(event: HtlcEvent, nodeId: NodeId): FinalResult | undefined {
  const { finalHtlcEvent, incomingChannelId, incomingHtlcId } = event;
  if (!finalHtlcEvent) return undefined;
  return {
    key: { nodeId, channelId: incomingChannelId, htlcId: incomingHtlcId },
    outcome: finalHtlcEvent.settled ? 'settled' : 'failed',
    onChain: !finalHtlcEvent.offchain,
  };
}
