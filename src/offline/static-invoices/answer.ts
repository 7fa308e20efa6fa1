/** What a payer gets who asks over the paths of a wallet's offer. */
import { offerIdOf } from '../../bolt12/index.js';
import { isOfferRecord } from '../../bolt12/record.js';
import { type BlindedPath, decodeBlindedPath } from '../../onion/index.js';
import { equalBytes } from '../../wire/bytes.js';
import { refusable, refuse, unwrap } from '../../wire/result.js';
import { splitTlvStream } from '../../wire/tlv.js';
import type { UnixSeconds } from '../../wire/units.js';
import type { InvoiceSlot } from './slot.js';

export type RequestAnswer =
  | {
      readonly kind: 'serve';
      /** As it was signed: goes to the payer. */
      readonly invoice: Uint8Array;
      /** The request goes to the wallet as well, which answers it itself if it is awake. */
      readonly forwardPath: BlindedPath;
    }
  | { readonly kind: 'silent'; readonly reason: 'no_invoice' | 'expired' | 'bad_request' | 'other_offer' };

const silent = (reason: (RequestAnswer & { kind: 'silent' })['reason']): RequestAnswer => ({ kind: 'silent', reason });

/**
 * The request is checked no further than that it is for the offer in the slot: whether it is a good one is for the wallet to say,
 * and an invoice for another offer is of no use to the payer.
 */
export function answerRequest(slot: InvoiceSlot | undefined, request: Uint8Array, now: UnixSeconds): RequestAnswer {
  const served = slot?.served;
  if (!served) return silent('no_invoice');
  if (served.expiresAt < now) return silent('expired');
  const asked = refusable(() => {
    const records = splitTlvStream(request).filter(({ type }) => isOfferRecord(type));
    return records.length > 0 ? offerIdOf(records) : refuse('no_offer', 'the request repeats no offer');
  });
  if (!asked.ok) return silent('bad_request');
  if (!equalBytes(asked.value, served.offerId)) return silent('other_offer');
  return { kind: 'serve', invoice: served.bytes, forwardPath: unwrap(decodeBlindedPath(served.forwardPath)) };
}
