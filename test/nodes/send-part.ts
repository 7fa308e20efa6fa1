/** A part of one hop, told between processes. */
import type { PaymentPart } from '../../src/send/payment/payment.js';
import { fromHex } from '../../src/wire/bytes.js';

export interface DirectPart {
  /** Hex, as the other bytes. */
  readonly hash: string;
  readonly secret: string;
  readonly source: string;
  readonly payee: string;
  readonly scid: string;
  readonly amountMsat: string;
  readonly height: number;
  readonly expiry: number;
}

export function directPart({ secret, source, payee, scid, height, expiry, ...order }: DirectPart): PaymentPart {
  const amountMsat = BigInt(order.amountMsat);
  return {
    id: 0,
    state: 'unknown',
    records: { paymentData: { paymentSecret: fromHex(secret), totalMsat: amountMsat } },
    height,
    sendAt: 0,
    source: fromHex(source),
    amountMsat,
    feeMsat: 0n,
    successProbability: 1,
    hops: [{ kind: 'own', scid: BigInt(scid), direction: 0, nodeId: fromHex(payee), amountMsat, expiry }],
  };
}
