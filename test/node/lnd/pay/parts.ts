/** Parts and attempts for tests. */
import { lndRoute } from '../../../../src/node/lnd/pay/route.js';
import { type Attempt, AttemptStatus, sendToRouteV2 } from '../../../../src/node/lnd/rpc/payments.js';
import type { PaymentPart } from '../../../../src/send/payment/payment.js';
import type { OutgoingPart } from '../../../../src/send/run/ports.js';
import type { Millis } from '../../../../src/wire/units.js';

const HASH = new Uint8Array(32).fill(7);
const node = (n: number): Uint8Array => new Uint8Array(33).fill(n);

export function part(id: number, changes: Partial<PaymentPart> = {}): PaymentPart {
  return {
    id,
    state: 'unknown',
    records: { paymentData: { paymentSecret: new Uint8Array(32).fill(9), totalMsat: 5_000n } },
    height: 100,
    sendAt: 0,
    source: node(1),
    amountMsat: 3_000n,
    feeMsat: 30n,
    successProbability: 1,
    hops: [
      { kind: 'own', scid: 11n, direction: 0, nodeId: node(2), amountMsat: 3_030n, expiry: 180 },
      { kind: 'public', scid: 12n, direction: 0, nodeId: node(3), amountMsat: 3_010n, expiry: 140 },
      { kind: 'hint', scid: 13n, direction: 0, nodeId: node(4), amountMsat: 3_000n, expiry: 120 },
    ],
    ...changes,
  };
}

export const outgoing = (of: PaymentPart): OutgoingPart => ({ paymentHash: HASH, totalMsat: 5_000n, part: of });

/** As LND tells it, through its own message. */
export function attempt(id: bigint, of: PaymentPart, status: keyof typeof AttemptStatus, at: Millis = 0): Attempt {
  const attemptTimeNs = BigInt(at) * 1_000_000n;
  const draft = { attemptId: id, attemptTimeNs, route: lndRoute(outgoing(of)), status: AttemptStatus[status] };
  return sendToRouteV2.response.decode(sendToRouteV2.response.encode(draft));
}
