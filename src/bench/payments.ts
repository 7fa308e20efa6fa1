/** Prepared phantom payments: every HTLC has an onion, a hash and a secret of its own, as a payer would send it. */
import { randomBytes } from '../crypto/index.js';
import { buildOnion, encodePaymentPayload } from '../onion/index.js';
import { issuePaymentSecret, type KeyRing, phantomScid } from '../phantom/index.js';
import type { InterceptedHtlc } from '../receive/node-port.js';
import { unwrapCreation } from './unwrap-creation.js';
import { BENCH_HEIGHT } from './loopback-node.js';

const AMOUNT_MSAT = 100_000n;
const OUTER_EXPIRY = BENCH_HEIGHT + 90;

let nextHtlcId = 0n;

/** One payment in so many parts, part i for node i modulo the number of nodes. */
export function samplePayment(ring: KeyRing, nodeIds: readonly Uint8Array[], parts: number): InterceptedHtlc[] {
  const { keys } = ring.current;
  const totalMsat = AMOUNT_MSAT * BigInt(parts);
  const { paymentHash, paymentSecret } = unwrapCreation(
    issuePaymentSecret({
      keys,
      iv: randomBytes(16),
      minAmountMsat: totalMsat,
      expiryDeltaSeconds: 3600,
      now: Math.floor(Date.now() / 1000),
      minFinalCltv: 80,
    }),
  );
  const payload = encodePaymentPayload({
    amtToForward: AMOUNT_MSAT,
    outgoingCltvValue: OUTER_EXPIRY,
    paymentData: { paymentSecret, totalMsat },
  });
  return Array.from({ length: parts }, (_, part) => {
    const nodeId = nodeIds[part % nodeIds.length]!;
    const { onion } = buildOnion({
      sessionKey: randomBytes(32),
      hops: [{ nodeId: keys.phantomNodeId, payload }],
      associatedData: paymentHash,
    });
    return {
      key: { nodeId, channelId: 1n, htlcId: nextHtlcId++ },
      paymentHash,
      incomingAmountMsat: AMOUNT_MSAT,
      incomingExpiry: OUTER_EXPIRY + 48,
      outgoingAmountMsat: AMOUNT_MSAT,
      outgoingExpiry: OUTER_EXPIRY,
      outgoingScid: phantomScid(keys, nodeId, 0),
      onion,
      deadline: OUTER_EXPIRY + 29,
      onChain: false,
    };
  });
}

/** An HTLC over one of the node's real channels. */
export function sampleForward(nodeId: Uint8Array, phantom: InterceptedHtlc): InterceptedHtlc {
  return { ...phantom, key: { nodeId, channelId: 2n, htlcId: nextHtlcId++ }, outgoingScid: 0x0b_5a2e_0003_f300_01n };
}
