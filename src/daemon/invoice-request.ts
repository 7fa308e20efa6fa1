/** What a merchant asks for: a new invoice, or one that is named by its hash or text. */
import { decodeInvoice, type Invoice, stripLightningUri } from '../bolt11/index.js';
import { sha256 } from '../crypto/index.js';
import type { InvoiceDescription } from '../phantom/index.js';
import type { InvoiceRecord } from '../store/index.js';
import { equalBytes, isHexOf, toHex } from '../wire/bytes.js';
import { err, ok, type Result } from '../wire/result.js';
import type { Msat } from '../wire/units.js';
import type { ServiceError } from './service-error.js';

export interface CreateInvoice {
  /** Absent: the payer chooses. */
  readonly amountMsat?: Msat;
  readonly description?: string;
  /** 32 bytes; instead of a description. */
  readonly descriptionHash?: Uint8Array;
  readonly expirySeconds?: number;
  /** The merchant's own name for it; at most one invoice may be looked up by it at a time, newest first. */
  readonly reference?: string;
  readonly metadata?: unknown;
  /** Hold invoice: accept, then wait for the merchant's word. */
  readonly hold?: boolean;
  readonly holdSeconds?: number;
  /** The merchant's own hash, 32 bytes; implies `hold` unless its preimage is given too. */
  readonly paymentHash?: Uint8Array;
  readonly preimage?: Uint8Array;
  readonly minFinalCltv?: number;
}

export interface NamedInvoice {
  /** Hex in lower case. */
  readonly paymentHash: string;
  readonly text: string;
  /** Undefined if it was named by its hash. */
  readonly invoice?: Invoice;
}

export function namedInvoice(hashOrText: string): Result<NamedInvoice, ServiceError> {
  const text = stripLightningUri(hashOrText);
  if (isHexOf(text, 32)) return ok({ paymentHash: text.toLowerCase(), text });
  const decoded = decodeInvoice(text);
  if (decoded.ok) return ok({ paymentHash: toHex(decoded.value.paymentHash), text, invoice: decoded.value });
  const message = `neither a payment hash nor an invoice: ${decoded.error.message}`;
  return err({ code: 'not_an_invoice', message });
}

export function needsRow({ reference, metadata, hold, paymentHash, preimage }: CreateInvoice): boolean {
  return [reference, metadata, paymentHash, preimage].some((value) => value !== undefined) || hold === true;
}

export function describe({ description, descriptionHash }: CreateInvoice): Result<InvoiceDescription, ServiceError> {
  if (description !== undefined && descriptionHash !== undefined) {
    return err({ code: 'two_descriptions', message: 'give a description or the hash of one, not both' });
  }
  return ok(descriptionHash ? { descriptionHash } : { description: description ?? '' });
}

/** The hash the merchant brought: given, or of his own preimage. */
export function ownHash({ paymentHash, preimage }: CreateInvoice): Result<Uint8Array | undefined, ServiceError> {
  if (!preimage) return ok(paymentHash);
  const hash = sha256(preimage);
  if (paymentHash && !equalBytes(hash, paymentHash)) {
    return err({ code: 'wrong_preimage', message: 'the preimage does not hash to the payment hash; give one of them' });
  }
  return ok(hash);
}

export function termsOf(
  request: CreateInvoice,
  paymentHash: string,
  defaultHoldSeconds: number,
): Pick<InvoiceRecord, 'paymentHash' | 'mode' | 'wish' | 'preimage' | 'holdMs'> {
  return {
    paymentHash,
    mode: modeOf(request),
    wish: 'none',
    preimage: request.preimage && toHex(request.preimage),
    holdMs: (request.holdSeconds ?? defaultHoldSeconds) * 1000,
  };
}

export function modeOf({ hold, paymentHash, preimage }: CreateInvoice): InvoiceRecord['mode'] {
  const unknownPreimage = paymentHash !== undefined && preimage === undefined;
  return hold === true || unknownPreimage ? 'hold' : 'auto';
}
