/** Whether an invoice that a wallet hands in (`serve_static_invoice`) is kept in its slot. */
import { bolt12InvoiceExpiresAt, decodeStaticInvoice, offerIdOf } from '../../bolt12/index.js';
import { MAX_STATIC_INVOICE_LENGTH, type ServeStaticInvoice } from '../../messages/index.js';
import { encodeBlindedPath, type FirstNode } from '../../onion/index.js';
import { equalBytes } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis, UnixSeconds } from '../../wire/units.js';
import { areOurs, type InvoiceSlot, tagsOf } from './slot.js';

export interface ServeContext {
  readonly now: Millis;
  /** The chain that payments are made on: 32 bytes. */
  readonly chain: Uint8Array;
  /** The node is the server or one of its peers: it passes messages on and connects to nobody for that. */
  readonly isNear: (node: FirstNode) => boolean;
}

export interface ServeRefusal {
  /**
   * `too_long`; `bad_invoice`: cannot be read, or wrongly signed; `expired`; `foreign_paths`: the offer leads to others, or was
   * made for another slot; `older`: a newer one is kept; `far_forward_path`.
   */
  readonly code: 'too_long' | 'bad_invoice' | 'expired' | 'foreign_paths' | 'older' | 'far_forward_path';
  readonly message: string;
}

/** A clock that is ahead by more does not keep later invoices out. */
const CLOCK_SLACK: UnixSeconds = 7200;

const refused = (code: ServeRefusal['code'], message: string): Result<never, ServeRefusal> => err({ code, message });

/**
 * The slot with the invoice in it; the same slot if that very invoice is in it already. The wallet is told `static_invoice_persisted`
 * when this is written; nobody is told of a refusal.
 */
export function judgeServe(
  slot: InvoiceSlot,
  { staticInvoice: bytes, forwardPath }: ServeStaticInvoice,
  { now, chain, isNear }: ServeContext,
): Result<InvoiceSlot, ServeRefusal> {
  if (bytes.length > MAX_STATIC_INVOICE_LENGTH)
    return refused('too_long', `a static invoice has at most ${MAX_STATIC_INVOICE_LENGTH} bytes`);
  const seconds = Math.floor(now / 1000);
  const decoded = decodeStaticInvoice(bytes, { chains: [chain] });
  if (!decoded.ok) return refused('bad_invoice', decoded.error.message);
  const { value: invoice } = decoded;
  const { absoluteExpiry, paths = [] } = invoice.offer;
  const invoiceEnd = bolt12InvoiceExpiresAt(invoice);
  const expiresAt = absoluteExpiry === undefined ? invoiceEnd : Math.min(invoiceEnd, toSeconds(absoluteExpiry));
  if (expiresAt < seconds) return refused('expired', 'the invoice or its offer has expired');
  if (!areOurs(slot, paths, seconds))
    return refused('foreign_paths', 'the offer has paths that were not given out for this slot');
  const { served } = slot;
  const createdAt = toSeconds(invoice.createdAt);
  if (
    served &&
    served.expiresAt >= seconds &&
    createdAt < served.createdAt &&
    served.createdAt <= seconds + CLOCK_SLACK
  )
    return refused('older', 'a newer invoice is kept in this slot');
  if (!isNear(forwardPath.firstNode))
    return refused('far_forward_path', 'the path to the wallet begins at a node that is no peer of the server');
  const forward = encodeBlindedPath(forwardPath);
  if (served && equalBytes(served.bytes, bytes) && equalBytes(served.forwardPath, forward)) return ok(slot);
  return ok({
    ...slot,
    served: {
      bytes,
      offerId: offerIdOf(invoice.records),
      tags: tagsOf(paths),
      createdAt,
      expiresAt,
      forwardPath: forward,
      storedAt: now,
    },
  });
}

/** Times beyond what a number holds exactly are all equally far away. */
const toSeconds = (time: bigint): UnixSeconds =>
  time > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(time);
