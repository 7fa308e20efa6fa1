/** What the benchmarks work on: invoices and onions as they occur on the network, from fixed seeds. */
import { encodeInvoice, type RouteHintHop } from '../bolt11/index.js';
import { ec, sha256 } from '../crypto/index.js';
import { buildOnion, encodePaymentPayload } from '../onion/index.js';
import { utf8 } from '../wire/bytes.js';
import { unwrap } from '../wire/result.js';

/** 32 bytes that look random, the same in every run. */
export function bytes32(label: string): Uint8Array {
  return sha256(utf8(label));
}

function hintHop(label: string): RouteHintHop {
  return {
    nodeId: ec.publicKey(bytes32(label)),
    shortChannelId: 0x0b_5a2e_0003_f300_01n,
    feeBaseMsat: 1000,
    feeProportionalMillionths: 100,
    cltvExpiryDelta: 80,
  };
}

/** An invoice of about 590 characters with three one-hop hints, every one with keys of its own. */
export function sampleInvoice(i: number): string {
  return unwrap(
    encodeInvoice(
      {
        currency: 'bc',
        amountMsat: 250_000_000n,
        timestamp: 1_700_000_000,
        paymentHash: bytes32(`hash ${i}`),
        paymentSecret: bytes32(`secret ${i}`),
        description: `order ${i}, thank you for your visit`,
        expirySeconds: 3600n,
        minFinalCltvExpiryDelta: 83,
        routeHints: [0, 1, 2].map((n) => [hintHop(`hint ${i} ${n}`)]),
        features: [8, 14, 17],
      },
      bytes32('merchant key'),
    ),
  );
}

export interface SampleOnion {
  readonly onion: Uint8Array;
  readonly paymentHash: Uint8Array;
}

/** An onion of so many hops whose first hop is `nodeId`; with one hop it is the final one. */
export function sampleOnion(i: number, nodeId: Uint8Array, hops: number): SampleOnion {
  const paymentHash = bytes32(`payment ${i}`);
  const final = encodePaymentPayload({
    amtToForward: 250_000_000n,
    outgoingCltvValue: 800_100,
    paymentData: { paymentSecret: bytes32(`secret ${i}`), totalMsat: 250_000_000n },
  });
  const relay = encodePaymentPayload({
    amtToForward: 250_001_000n,
    outgoingCltvValue: 800_180,
    shortChannelId: 0x0b_5a2e_0003_f300_01n,
  });
  const route = Array.from({ length: hops }, (_, hop) => ({
    nodeId: hop === 0 ? nodeId : ec.publicKey(bytes32(`hop ${hop}`)),
    payload: hop === hops - 1 ? final : relay,
  }));
  const { onion } = buildOnion({ sessionKey: bytes32(`session ${i}`), hops: route, associatedData: paymentHash });
  return { onion, paymentHash };
}
