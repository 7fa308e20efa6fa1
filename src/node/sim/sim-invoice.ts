/** Invoices of simulated nodes themselves: somebody outside the cluster to be paid. */
import { encodeInvoice } from '../../bolt11/index.js';
import { sha256 } from '../../crypto/index.js';
import { Feature } from '../../wire/features.js';
import { unwrap } from '../../wire/result.js';
import type { BlockDelta, Msat, PaymentHash, PaymentSecret, Preimage, UnixSeconds } from '../../wire/units.js';
import type { SimNode } from './node.js';

const FINAL_BLOCKS: BlockDelta = 40;

export interface SimInvoiceTerms {
  readonly amountMsat: Msat;
  readonly description: string;
  readonly now: UnixSeconds;
  readonly preimage: Preimage;
  readonly paymentSecret: PaymentSecret;
  /** What has arrived waits for the merchant's decision. */
  readonly hold?: boolean;
}

/** The text of an invoice that the node's till takes payments for, in parts too. */
export function issueSimInvoice(
  node: SimNode,
  { amountMsat, description, now, preimage, paymentSecret, hold = false }: SimInvoiceTerms,
): { readonly bolt11: string; readonly paymentHash: PaymentHash } {
  const paymentHash = sha256(preimage);
  const draft = {
    currency: 'bcrt',
    amountMsat,
    timestamp: now,
    paymentHash,
    paymentSecret,
    description,
    minFinalCltvExpiryDelta: FINAL_BLOCKS,
    features: [Feature.varOnion, Feature.paymentSecret, Feature.basicMpp + 1],
  } as const;
  const bolt11 = unwrap(encodeInvoice(draft, (hash) => node.sign(hash)));
  node.till.add({ paymentHash, paymentSecret, preimage, amountMsat, hold });
  return { bolt11, paymentHash };
}
