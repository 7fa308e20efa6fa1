/** From a node id and a preimage of the payer's own to the terms of a payment that nobody asked for (bLIP-3). */
import { sha256 } from '../../crypto/index.js';
import { FIRST_CUSTOM_RECORD, KEYSEND_RECORD } from '../../onion/index.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { TlvRecord } from '../../wire/tlv.js';
import { type BlockDelta, MAX_U64, type Msat, type NodeId, type Preimage } from '../../wire/units.js';
import type { PaymentTerms } from '../payment/payment.js';
import { checkAmount, limitsOf } from './limits.js';
import type { BadOrder, OrderContext, PayOptions } from './order.js';
import { checkNotOurselves, destinationOf } from './payee.js';

export interface KeysendOrder {
  /** Hex characters or bytes. */
  readonly destination: NodeId | string;
  readonly amountMsat: Msat;
  /** 32 random bytes, never used before. */
  readonly preimage: Preimage;
  /** What else the payee is told, types of 65,536 and above. */
  readonly records?: readonly TlvRecord[];
}

/** Nobody says what the payee asks for at its end; enough for all implementations, and what most senders take. */
export const UNASKED_FINAL_BLOCKS: BlockDelta = 80;

/** Leaves room in the onion for a route of ordinary length. */
const MOST_RECORD_BYTES = 512;
/** Type and length in front of a value, at most. */
const RECORD_OVERHEAD = 12;

const bad = (code: string, message: string, field: string): Result<never, BadOrder> => err({ code, message, field });

/**
 * One part only: without an invoice there is no payment secret that could tell the payee which parts belong together. The
 * preimage is part of the terms, so every process that takes the payment over has it.
 */
export function termsOfKeysend(
  order: KeysendOrder,
  options: PayOptions,
  context: OrderContext,
): Result<PaymentTerms, BadOrder> {
  const destination = destinationOf(order.destination);
  if (!destination.ok) return destination;
  if (context.isOwnPhantom?.(destination.value) === true) {
    const message = 'the payee is the own phantom node, which takes invoices only: create an invoice and pay that';
    return bad('to_ourselves', message, 'destination');
  }
  const payee = checkNotOurselves(destination.value, context, 'destination');
  if (!payee.ok) return payee;
  if (options.amountMsat !== undefined && options.amountMsat !== order.amountMsat) {
    return bad('amount_given_twice', 'two amounts are given: leave one out', 'amountMsat');
  }
  const amount = checkAmount(order.amountMsat);
  if (!amount.ok) return amount;
  if (order.preimage.length !== 32)
    return bad('bad_preimage', 'a preimage has 32 bytes: take 32 random ones', 'preimage');
  const records = checkRecords(order.records ?? []);
  if (!records.ok) return records;
  const limits = limitsOf(amount.value, UNASKED_FINAL_BLOCKS, options, context.now);
  if (!limits.ok) return limits;
  const customRecords = records.value.length > 0 ? { customRecords: records.value } : {};
  return ok({
    ...limits.value,
    paymentHash: sha256(order.preimage),
    amountMsat: amount.value,
    maxParts: 1,
    payee: { nodeId: payee.value, finalCltvDelta: UNASKED_FINAL_BLOCKS, hints: [] },
    supportsMpp: false,
    records: { keysendPreimage: order.preimage, ...customRecords },
    offsetBlocks: 0,
  });
}

/** In ascending order, as the payload needs them. */
function checkRecords(records: readonly TlvRecord[]): Result<readonly TlvRecord[], BadOrder> {
  const types = new Set<bigint>();
  for (const { type } of records) {
    if (type < FIRST_CUSTOM_RECORD || type > MAX_U64 || type === KEYSEND_RECORD) {
      const message = `record ${type} is not free to use: choose a type from ${FIRST_CUSTOM_RECORD} on, other than ${KEYSEND_RECORD}`;
      return bad('bad_record', message, 'records');
    }
    if (types.has(type)) return bad('bad_record', `record ${type} is given twice: leave one out`, 'records');
    types.add(type);
  }
  const bytes = records.reduce((sum, { value }) => sum + value.length + RECORD_OVERHEAD, 0);
  if (bytes > MOST_RECORD_BYTES) {
    const message = `the records take ${bytes} bytes and ${MOST_RECORD_BYTES} fit beside a route: shorten them`;
    return bad('records_too_large', message, 'records');
  }
  return ok([...records].sort((a, b) => (a.type < b.type ? -1 : 1)));
}
