/** From the invoices of BOLT 12, ordinary and static ones, to the terms of their payment. */
import { sha256 } from '../../crypto/index.js';
import { Feature, hasFeature } from '../../wire/features.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type {
  BlockDelta,
  Msat,
  NodeId,
  PaymentHash,
  PaymentSecret,
  Preimage,
  ShortChannelId,
} from '../../wire/units.js';
import { HOLD_RECORD } from '../payment/held.js';
import type { FinalRecords, PaymentTerms } from '../payment/payment.js';
import { blindedPayee, type EndOfChannel, type PaymentPathLike } from './blinded-payee.js';
import { expiredWords } from './invoice.js';
import { checkAmount, limitsOf } from './limits.js';
import type { BadOrder, OrderContext, PayOptions } from './order.js';
import { checkNotOurselves } from './payee.js';

/** What both kinds of invoices have, decoded, with their signature checked against the offer by the caller. */
export interface Bolt12InvoiceLike {
  /** `invoice_node_id` */
  readonly nodeId: NodeId;
  readonly paymentPaths: readonly PaymentPathLike[];
  /** Seconds since 1970; any u64. */
  readonly createdAt: bigint;
  readonly relativeExpirySeconds: number;
  /** Set bits. */
  readonly features: readonly number[];
}

export interface PayableInvoice extends Bolt12InvoiceLike {
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
}

export interface Bolt12Context extends OrderContext {
  /** For paths that name their first node by a channel. */
  readonly endOfChannel: EndOfChannel;
  /** Set if the invoice is this cluster's own: such a payment stays inside, and goes there as one of BOLT 11 does. */
  readonly own?: OwnInvoice;
}

/** How the cluster's own phantom node takes the payment: what an outside payer's path hides. */
export interface OwnInvoice {
  readonly phantomNodeId: NodeId;
  readonly paymentSecret: PaymentSecret;
  readonly finalCltvDelta: BlockDelta;
  /** Any of the invoice's own: by it the verdict knows the payment for one of the cluster's. */
  readonly scid: ShortChannelId;
}

export interface StaticOrder {
  readonly amountMsat: Msat;
  /** 32 random bytes, drawn once for the payment and never used before: their hash is the payment's. */
  readonly preimage: Preimage;
  /** The signed invoice_request that the static invoice answers: the payee finds it in every part. */
  readonly invoiceRequest: Uint8Array;
  /** The parts wait at the first peers, or at the payee's: extra blocks for that. */
  readonly hold?: HoldOrder;
}

export interface HoldOrder {
  /** H: added to the final expiry, within `maxBlocks` all in all. */
  readonly extraBlocks: BlockDelta;
  /** The first peers are asked to hold (`option_htlc_hold`): only channels to such peers are used. */
  readonly atFirstPeer?: boolean;
  /** Further odd records from 65536 on for the first `update_add_htlc`, as that of LightningRod. */
  readonly records?: readonly TlvRecord[];
}

const bad = (code: string, message: string, field: string): Result<never, BadOrder> => err({ code, message, field });

/**
 * The invoice names the amount. Errors: `invoice_expired`, `unknown_required_feature`, `amount_given_twice`, `no_usable_path`,
 * `to_ourselves`, and those of the limits.
 */
export function termsOfBolt12Invoice(
  invoice: PayableInvoice,
  options: PayOptions,
  context: Bolt12Context,
): Result<PaymentTerms, BadOrder> {
  const { amountMsat, paymentHash } = invoice;
  if (options.amountMsat !== undefined && options.amountMsat !== amountMsat) {
    const message = `the invoice asks for ${amountMsat} msat, not for ${options.amountMsat} msat: leave the amount out`;
    return bad('amount_given_twice', message, 'amountMsat');
  }
  if (context.own) return termsInside(invoice, context.own, options, context);
  return termsOf(invoice, { amountMsat, paymentHash, records: {}, extraBlocks: 0 }, options, context);
}

/**
 * A payment whose preimage the payer has drawn: no proof of payment comes of it. Errors as above and
 * `bad_preimage`.
 */
export function termsOfStaticInvoice(
  invoice: Bolt12InvoiceLike,
  order: StaticOrder,
  options: PayOptions,
  context: Bolt12Context,
): Result<PaymentTerms, BadOrder> {
  const { preimage, invoiceRequest, amountMsat, hold } = order;
  if (preimage.length !== 32) return bad('bad_preimage', 'a preimage has 32 bytes: take 32 random ones', 'preimage');
  if (context.own) {
    const message = 'the payee is this cluster: make an ordinary invoice and pay that';
    return bad('to_ourselves', message, 'invoice');
  }
  const records: FinalRecords = { keysendPreimage: preimage, invoiceRequest };
  const what = { amountMsat, paymentHash: sha256(preimage), records, extraBlocks: hold?.extraBlocks ?? 0 };
  const terms = termsOf(invoice, what, options, context);
  if (!terms.ok || !hold) return terms;
  const flag = hold.atFirstPeer === true ? [HOLD_RECORD] : [];
  const firstHopRecords = [...flag, ...(hold.records ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  return ok({ ...terms.value, isHeld: true, ...(firstHopRecords.length > 0 ? { firstHopRecords } : {}) });
}

interface What {
  readonly amountMsat: Msat;
  readonly paymentHash: PaymentHash;
  readonly records: FinalRecords;
  readonly extraBlocks: BlockDelta;
}

function termsOf(
  invoice: Bolt12InvoiceLike,
  { amountMsat, paymentHash, records, extraBlocks }: What,
  options: PayOptions,
  context: Bolt12Context,
): Result<PaymentTerms, BadOrder> {
  const expiresAt = checkUsable(invoice, context);
  if (!expiresAt.ok) return expiresAt;
  const amount = checkAmount(amountMsat);
  if (!amount.ok) return amount;
  const limits = limitsOf(amountMsat, extraBlocks, options, context.now);
  if (!limits.ok) return limits;
  const notOurs = checkNotOurselves(invoice.nodeId, context, 'invoice');
  if (!notOurs.ok) return notOurs;
  const { nodeId, paymentPaths: paths } = invoice;
  const payee = blindedPayee({ nodeId, paths, extraBlocks }, limits.value.maxBlocks, context.endOfChannel);
  if (!payee.ok) return payee;
  return ok({
    ...limits.value,
    paymentHash,
    amountMsat,
    payee: payee.value,
    supportsMpp: hasFeature(invoice.features, Feature.basicMpp),
    records,
    offsetBlocks: 0,
    deadline: Math.min(limits.value.deadline, expiresAt.value),
  });
}

/** When it expires, ms. */
function checkUsable(
  { createdAt, relativeExpirySeconds, features }: Bolt12InvoiceLike,
  { now }: Bolt12Context,
): Result<number, BadOrder> {
  // Exact while it matters: what is later than any clock counts as that.
  const expiresAt = (Number(createdAt) + relativeExpirySeconds) * 1000;
  if (expiresAt <= now) return bad('invoice_expired', expiredWords(expiresAt, now), 'invoice');
  const unknown = features.find((bit) => bit % 2 === 0 && bit !== Feature.basicMpp);
  if (unknown === undefined) return ok(expiresAt);
  const message = `the invoice needs feature ${unknown}, which is not known here: ask the payee for one without it`;
  return bad('unknown_required_feature', message, 'invoice');
}

/** The same terms as for an invoice of BOLT 11: the secret is what the paths hide, and the way in is the cluster itself. */
function termsInside(
  invoice: PayableInvoice,
  { phantomNodeId, paymentSecret, finalCltvDelta, scid }: OwnInvoice,
  options: PayOptions,
  context: Bolt12Context,
): Result<PaymentTerms, BadOrder> {
  const expiresAt = checkUsable(invoice, context);
  if (!expiresAt.ok) return expiresAt;
  const { amountMsat, paymentHash, features } = invoice;
  const amount = checkAmount(amountMsat);
  if (!amount.ok) return amount;
  const limits = limitsOf(amountMsat, finalCltvDelta, options, context.now);
  if (!limits.ok) return limits;
  const wayIn = { from: phantomNodeId, scid, feeBaseMsat: 0, feePpm: 0, cltvDelta: 0 };
  return ok({
    ...limits.value,
    paymentHash,
    amountMsat,
    payee: { nodeId: phantomNodeId, finalCltvDelta, hints: [[wayIn]] },
    supportsMpp: hasFeature(features, Feature.basicMpp),
    records: { paymentData: { paymentSecret, totalMsat: amountMsat } },
    offsetBlocks: 0,
    deadline: Math.min(limits.value.deadline, expiresAt.value),
  });
}
