/**
 * What the path_id of our blinded payment paths holds. The record is encrypted for the phantom under a key that only the cluster
 * can make, so nobody else writes or reads one.
 *
 *     invoice           payment secret (32) ‖ offer id (32) ‖ records about the payer
 *     static invoice    payment secret (32) ‖ nonce of the offer (16)
 */
import { concat, utf8, utf8Text } from '../../wire/bytes.js';
import { decodeTruncated, encodeTruncated } from '../../wire/integers.js';
import { refusable, refuse, type Result } from '../../wire/result.js';
import { encodeTlvStream, refuseUnknownEven, splitTlvStream } from '../../wire/tlv.js';
import type { PaymentSecret } from '../../wire/units.js';
import type { OfferReceipt } from './receipt.js';

/** The note travels in the onion, which has room for 1300 bytes, in a record as long as those of the hops before. */
export const MAX_NOTE_BYTES = 96;

const SECRET_LENGTH = 32;
const OFFER_ID_LENGTH = 32;
export const NONCE_LENGTH = 16;
const HEAD_LENGTH = SECRET_LENGTH + OFFER_ID_LENGTH;

const PAYER_ID = 1n;
const QUANTITY = 3n;
const NOTE = 5n;

export type InvoiceReceipt = Omit<OfferReceipt, 'isStatic'>;

export interface InvoicePathContent {
  readonly paymentSecret: PaymentSecret;
  readonly receipt: InvoiceReceipt;
}

export interface StaticPathContent {
  readonly paymentSecret: PaymentSecret;
  readonly nonce: Uint8Array;
}

function requireLength(bytes: Uint8Array, length: number, name: string): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`${name} has ${length} bytes, not ${bytes.length}`);
  return bytes;
}

/** The first whole characters of `text` that fit `most` bytes. */
function cutText(text: string, most: number): string {
  let kept = '';
  let length = 0;
  for (const character of text) {
    length += utf8(character).length;
    if (length > most) break;
    kept += character;
  }
  return kept;
}

/** @throws {RangeError} if secret, offer id or payer id have another length */
export function encodeInvoicePath({ paymentSecret, receipt }: InvoicePathContent): Uint8Array {
  const { offerId, payerId, quantity, payerNote } = receipt;
  return concat(
    requireLength(paymentSecret, SECRET_LENGTH, 'a payment secret'),
    requireLength(offerId, OFFER_ID_LENGTH, 'an offer id'),
    encodeTlvStream([
      { type: PAYER_ID, value: requireLength(payerId, 33, 'a payer id') },
      ...(quantity === undefined ? [] : [{ type: QUANTITY, value: encodeTruncated(quantity) }]),
      ...(payerNote === undefined ? [] : [{ type: NOTE, value: utf8(cutText(payerNote, MAX_NOTE_BYTES)) }]),
    ]),
  );
}

/** Errors: `bad_length`, `tlv_…`, `tu_…`, `unknown_even_type`, `missing_payer_id`, `invalid_note`. */
export function decodeInvoicePath(pathId: Uint8Array): Result<InvoicePathContent> {
  return refusable(() => {
    if (pathId.length < HEAD_LENGTH) refuse('bad_length', `the path id of an invoice has ${HEAD_LENGTH} bytes or more`);
    const records = splitTlvStream(pathId.subarray(HEAD_LENGTH));
    refuseUnknownEven(records, new Set());
    const find = (type: bigint): Uint8Array | undefined => records.find((record) => record.type === type)?.value;
    const payerId = find(PAYER_ID) ?? refuse('missing_payer_id', 'the path id of an invoice names its payer');
    if (payerId.length !== 33) refuse('bad_length', 'a payer id has 33 bytes');
    const quantity = find(QUANTITY);
    const note = find(NOTE);
    const payerNote = note && (utf8Text(note) ?? refuse('invalid_note', 'the note is not UTF-8'));
    return {
      paymentSecret: pathId.slice(0, SECRET_LENGTH),
      receipt: {
        offerId: pathId.slice(SECRET_LENGTH, HEAD_LENGTH),
        payerId,
        ...(quantity && { quantity: decodeTruncated(quantity, 8) }),
        ...(payerNote !== undefined && { payerNote }),
      },
    };
  });
}

/** @throws {RangeError} if secret or nonce have another length */
export function encodeStaticPath({ paymentSecret, nonce }: StaticPathContent): Uint8Array {
  return concat(
    requireLength(paymentSecret, SECRET_LENGTH, 'a payment secret'),
    requireLength(nonce, NONCE_LENGTH, 'the nonce of an offer'),
  );
}

/** Error: `bad_length`. */
export function decodeStaticPath(pathId: Uint8Array): Result<StaticPathContent> {
  return refusable(() => {
    const length = SECRET_LENGTH + NONCE_LENGTH;
    if (pathId.length !== length) refuse('bad_length', `the path id of a static invoice has ${length} bytes`);
    return { paymentSecret: pathId.slice(0, SECRET_LENGTH), nonce: pathId.slice(SECRET_LENGTH) };
  });
}
