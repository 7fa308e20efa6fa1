/** What may be asked for beside the payee, and what is wrong with an order, in words. */
import type { Currency } from '../../bolt11/index.js';
import type { DecodeError } from '../../wire/result.js';
import type { BlockDelta, Millis, Msat, NodeId } from '../../wire/units.js';

/** What the payer chooses. Whatever is absent has a default. */
export interface PayOptions {
  /** For invoices without an amount. With another invoice only the invoice's own amount is taken. */
  readonly amountMsat?: Msat;
  /** Most in fees, exactly; 0 allows free routes only. Default: 1 % of the amount, at least 5 sat. */
  readonly maxFeeMsat?: Msat;
  readonly maxParts?: number;
  /** No new part is sent after so long. */
  readonly timeoutMs?: Millis;
  /** Most blocks for which an own HTLC may be locked. */
  readonly maxBlocks?: BlockDelta;
}

export interface OrderContext {
  readonly now: Millis;
  readonly currency: Currency;
  /** All own nodes that are known, able to send or not. */
  readonly ownNodeIds: readonly NodeId[];
  /** Whether the key is a phantom of this cluster: such a payment never leaves the cluster. */
  isOwnPhantom?(id: NodeId): boolean;
}

/** An order that cannot be carried out, found before anything was planned. */
export interface BadOrder {
  /** Stable, never reused for another meaning. */
  readonly code: string;
  /** One sentence that says what to do. */
  readonly message: string;
  /** The member of the order that is to blame. */
  readonly field?: string;
}

/** Why the text is no invoice that can be paid, with what to do. Codes are those of the decoder. */
export function badInvoice({ code, message }: DecodeError): BadOrder {
  return {
    code,
    message: `the invoice cannot be paid, for ${message}: ask the payee for ${cureFor(code)}`,
    field: 'invoice',
  };
}

function cureFor(code: string): string {
  switch (code) {
    case 'missing_payment_secret':
      return 'an invoice with a payment secret, as all current wallets make them';
    case 'unknown_required_feature':
      return 'an invoice that does not need this feature';
    default:
      return 'a new one, or copy it again in full';
  }
}
