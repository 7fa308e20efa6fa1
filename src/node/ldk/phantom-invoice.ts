/** Phantom invoices made by LDK itself. */
import type { PhantomRouteHints } from '../../phantom/index.js';
import type { Msat, PaymentHash } from '../../wire/units.js';
import { expectOk } from './library.js';
import type { LdkNode } from './node.js';
import { ldkPhantomHints } from './phantom-hints.js';

export interface PhantomInvoiceOptions {
  /** In LDK's order of use; at most three hints come out. */
  readonly hints: readonly PhantomRouteHints[];
  /** Absent: the payer chooses. */
  readonly amountMsat?: Msat;
  /** Absent: LDK derives the preimage from the cluster's keys, and every member can claim. */
  readonly paymentHash?: PaymentHash;
  readonly description?: string;
  readonly expirySeconds?: number;
  readonly minFinalCltv?: number;
}

/**
 * A BOLT 11 string for regtest, signed by the phantom key of `maker`, which must have a cross-node seed.
 * @throws {LdkRefused}
 */
export function createPhantomInvoice(maker: LdkNode, options: PhantomInvoiceOptions): string {
  const { ldk, stack } = maker;
  const { amountMsat, paymentHash, minFinalCltv } = options;
  const invoice = ldk.UtilMethods.constructor_create_phantom_invoice(
    amountMsat === undefined ? ldk.Option_u64Z.constructor_none() : ldk.Option_u64Z.constructor_some(amountMsat),
    paymentHash === undefined
      ? ldk.Option_ThirtyTwoBytesZ.constructor_none()
      : ldk.Option_ThirtyTwoBytesZ.constructor_some(paymentHash),
    options.description ?? '',
    options.expirySeconds ?? 3600,
    options.hints.map((hints) => ldkPhantomHints(ldk, hints)),
    stack.entropy,
    stack.nodeSigner,
    stack.logger,
    ldk.Currency.LDKCurrency_Regtest,
    minFinalCltv === undefined ? ldk.Option_u16Z.constructor_none() : ldk.Option_u16Z.constructor_some(minFinalCltv),
    BigInt(Math.floor(Date.now() / 1000)),
  );
  return expectOk(invoice, ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK, 'a phantom invoice').res.to_str();
}

/** The id under which all members of the node's cluster are paid; undefined without a cross-node seed. */
export function phantomNodeId({ ldk, stack }: LdkNode): Uint8Array | undefined {
  const id = stack.nodeSigner.get_node_id(ldk.Recipient.LDKRecipient_PhantomNode);
  return id instanceof ldk.Result_PublicKeyNoneZ_OK ? id.res : undefined;
}
