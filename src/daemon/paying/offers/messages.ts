/** What a payment to an offer says by onion messages, and what it makes of the answers. */
import {
  checkInvoiceAgainstRequest,
  checkStaticInvoiceAgainstRequest,
  decodeInvoice,
  decodeInvoiceError,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
} from '../../../bolt12/index.js';
import { sha256 } from '../../../crypto/index.js';
import type { Messenger } from '../../../messages/index.js';
import type { AcceptedInvoice, HeldPart, OfferPayment, OfferPaymentEvent } from '../../../offline/payer/types.js';
import { err, ok, type Result } from '../../../wire/result.js';
import type { ReadInvoice } from './document.js';

/** Asks for the invoice. Resolves to the copies that were taken over. */
export async function askForInvoice(
  messenger: Messenger,
  { id, offer, request }: OfferPayment,
  round: number,
): Promise<number> {
  const asked = decodeOffer(offer);
  if (!asked.ok) return 0;
  const pathId = messenger.pathId({ kind: 'outbound_payment_for_offer', paymentId: id });
  const replyPaths = messenger.pathsToVirtual(pathId);
  const content = { name: 'invoice_request', bytes: request } as const;
  const { paths = [], issuerId } = asked.value;
  if (paths.length > 0) return messenger.sendCopies(content, paths, replyPaths, { attempt: round });
  if (!issuerId || !replyPaths[0]) return 0;
  const sent = await messenger.send(content, { nodeId: issuerId }, { replyPath: replyPaths[0], attempt: round });
  return sent.kind === 'sent' ? 1 : 0;
}

/** Tells the payee of a static invoice that money waits. Resolves to the copies that were taken over. */
export async function announceHeld(
  messenger: Messenger,
  { id, invoice }: OfferPayment,
  replyOver: 'own_path' | HeldPart,
  round: number,
): Promise<number> {
  const fixed = invoice?.kind === 'static' ? decodeStaticInvoice(invoice.bytes) : undefined;
  if (!fixed?.ok) return 0;
  const replyPaths =
    replyOver === 'own_path'
      ? messenger.pathsToVirtual(messenger.pathId({ kind: 'outbound_payment', paymentId: id }))
      : [replyOver.releasePath];
  const { messagePaths } = fixed.value;
  return messenger.sendCopies({ name: 'held_htlc_available' }, messagePaths, replyPaths, { attempt: round });
}

export interface ReadingOptions {
  /** Seconds. */
  readonly now: number;
  readonly chains: readonly Uint8Array[];
  /** The first peers can be asked to hold. */
  readonly holdAtPeers: boolean;
  readonly randomBytes: (length: number) => Uint8Array;
}

type InvoiceEvent = Extract<OfferPaymentEvent, { kind: 'invoice' }>;

/** An answer to the request, checked against it. Errors as the decoders and the checks of `manifold/bolt12` have them. */
export function readAnswer(
  { request }: OfferPayment,
  kind: AcceptedInvoice['kind'],
  bytes: Uint8Array,
  options: ReadingOptions,
): Result<InvoiceEvent> {
  const asked = decodeInvoiceRequest(request);
  if (!asked.ok) return asked;
  if (kind === 'invoice') {
    const invoice = decodeInvoice(bytes, options);
    if (!invoice.ok) return invoice;
    const checked = checkInvoiceAgainstRequest(asked.value, invoice.value, options);
    if (!checked.ok) return checked;
    const { paymentHash } = invoice.value;
    return ok({ kind: 'invoice', invoice: { kind: 'invoice', bytes, paymentHash }, canHold: false });
  }
  const invoice = decodeStaticInvoice(bytes, options);
  if (!invoice.ok) return invoice;
  const checked = checkStaticInvoiceAgainstRequest(asked.value, invoice.value, options);
  if (!checked.ok) return checked;
  const { createdAt, relativeExpirySeconds } = invoice.value;
  const expiresAt = (Number(createdAt) + relativeExpirySeconds) * 1000;
  const preimage = options.randomBytes(32);
  const accepted = { kind: 'static', bytes, preimage, paymentHash: sha256(preimage), expiresAt } as const;
  return ok({ kind: 'invoice', invoice: accepted, canHold: options.holdAtPeers });
}

/** The payee's words, fit to be shown. */
export function readRefusal(bytes: Uint8Array): OfferPaymentEvent {
  const told = decodeInvoiceError(bytes);
  const said = (told.ok ? told.value.error : undefined) ?? 'without a readable reason';
  return { kind: 'invoice_error', message: said.replace(/[^ -~]/g, '?') };
}

/** What was accepted before, read again. Error: that of the decoder, which is a bug. */
export function readAccepted(invoice: AcceptedInvoice): Result<ReadInvoice> {
  if (invoice.kind === 'invoice') return decodeInvoice(invoice.bytes);
  const read = decodeStaticInvoice(invoice.bytes);
  return read.ok ? ok({ staticInvoice: read.value, preimage: invoice.preimage }) : err(read.error);
}
