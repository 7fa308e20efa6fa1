/** BOLT 11 encoder: the same draft, key and options always give the same text. */
import { ec, type RecoverableSignature } from '../crypto/index.js';
import { BECH32_CHARSET, bytesToGroups, encodeBech32 } from '../wire/bech32.js';
import { concat, utf8 } from '../wire/bytes.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { checkDraft, defaultFeatures, type InvoiceDraft } from './draft.js';
import { featureGroups, fixedGroups, GroupWriter, integerGroups } from './group-writer.js';
import { HOP_BYTES, MAX_INVOICE_LENGTH, type RouteHintHop, Tag, TIMESTAMP_GROUPS } from './invoice.js';
import { amountText } from './prefix.js';
import { isLowS, signingHashOf } from './signature.js';

/** A secret key of 32 bytes, or whatever else signs a 32-byte hash (low s). */
export type InvoiceSigner = Uint8Array | ((hash: Uint8Array) => RecoverableSignature);

export interface EncodeOptions {
  /** Tag letters in the order to write them. Every field that the draft has must be among them. */
  readonly fieldOrder?: string;
  /** Whole bitcoins as thousands of `m` (LDK) instead of a number without letter (BOLT 11). */
  readonly wholeBitcoinInMilli?: boolean;
}

const DEFAULT_FIELD_ORDER = 'psdhn9xcfrm';

/** Writes the same text as LDK's invoice builder, given that the draft has an expiry and a final CLTV delta. */
export const LDK_INVOICE_STYLE: EncodeOptions = { fieldOrder: 'dhps9cxrfnm', wholeBitcoinInMilli: true };

/**
 * Writes and signs an invoice, in lower case.
 *
 * Errors: those of the draft (`checkDraft`), `invalid_field_order`, `payee_mismatch` if field n is not the signer's key,
 * `invalid_signature` if a signer function returns something else than 64 bytes with low s and an id from 0 to 3, and
 * `invoice_too_long`.
 * @throws {RangeError} if the signer is a key that is not valid.
 */
export function encodeInvoice(draft: InvoiceDraft, signer: InvoiceSigner, options: EncodeOptions = {}): Result<string> {
  return refusable(() => {
    checkDraft(draft);
    const bareWhole = options.wholeBitcoinInMilli !== true;
    const amount = draft.amountMsat === undefined ? '' : amountText(draft.amountMsat, bareWhole);
    const groups = draftGroups(draft, options.fieldOrder ?? DEFAULT_FIELD_ORDER);
    const text = signGroups(`ln${draft.currency}${amount}`, groups, signer, draft.payee);
    if (text.length > MAX_INVOICE_LENGTH) {
      refuse(
        'invoice_too_long',
        `the invoice would have ${text.length} characters, at most ${MAX_INVOICE_LENGTH} are read`,
      );
    }
    return text;
  });
}

/**
 * Signs a prefix and the groups of time and fields, and writes the text.
 * @param payee key that the signature must verify with, if field n names one
 */
export function signGroups(hrp: string, groups: Uint8Array, signer: InvoiceSigner, payee?: Uint8Array): string {
  const hash = signingHashOf(hrp, groups, groups.length);
  const signed = typeof signer === 'function' ? signer(hash) : ec.sign(hash, signer);
  const { signature, recoveryId } = signed;
  if (typeof signer === 'function') checkSignature(hash, signed);
  if (payee && !ec.verify(hash, signature, payee)) {
    refuse('payee_mismatch', 'the payee in field n is not the key that signs');
  }
  return encodeBech32(hrp, concat(groups, bytesToGroups(concat(signature, Uint8Array.of(recoveryId)))));
}

function checkSignature(hash: Uint8Array, { signature, recoveryId }: RecoverableSignature): void {
  if (signature.length !== 64 || !isLowS(signature) || !ec.recover(hash, signature, recoveryId)) {
    refuse('invalid_signature', 'the signer did not return 64 bytes with low s and a fitting recovery id');
  }
}

function draftGroups(draft: InvoiceDraft, fieldOrder: string): Uint8Array {
  const writer = new GroupWriter();
  writer.write(fixedGroups(draft.timestamp, TIMESTAMP_GROUPS));
  const fields = draftFields(draft);
  for (const letter of fieldOrder) {
    const tag = BECH32_CHARSET.indexOf(letter);
    for (const groups of fields.get(tag) ?? []) writer.field(tag, groups);
    fields.delete(tag);
  }
  const [left] = fields.keys();
  if (left !== undefined) {
    refuse(
      'invalid_field_order',
      `the draft has field ${BECH32_CHARSET.charAt(left)}, the field order "${fieldOrder}" has not`,
    );
  }
  return writer.groups;
}

/** The groups of every field that the draft has, by tag; only f and r can stand more than once. */
function draftFields(draft: InvoiceDraft): Map<number, ArrayLike<number>[]> {
  const { description, descriptionHash, payee, expirySeconds, minFinalCltvExpiryDelta, paymentMetadata } = draft;
  const features = draft.features ?? defaultFeatures(draft);
  const fields = new Map<number, ArrayLike<number>[]>([
    [Tag.paymentHash, [bytesToGroups(draft.paymentHash)]],
    [Tag.paymentSecret, [bytesToGroups(draft.paymentSecret)]],
    [Tag.features, [featureGroups(features)]],
  ]);
  if (description !== undefined) fields.set(Tag.description, [bytesToGroups(utf8(description))]);
  if (descriptionHash) fields.set(Tag.descriptionHash, [bytesToGroups(descriptionHash)]);
  if (payee) fields.set(Tag.payee, [bytesToGroups(payee)]);
  if (expirySeconds !== undefined) fields.set(Tag.expiry, [integerGroups(expirySeconds)]);
  if (minFinalCltvExpiryDelta !== undefined) fields.set(Tag.minFinalCltv, [integerGroups(minFinalCltvExpiryDelta)]);
  if (paymentMetadata) fields.set(Tag.paymentMetadata, [bytesToGroups(paymentMetadata)]);
  if (draft.fallbacks?.length) {
    fields.set(
      Tag.fallback,
      draft.fallbacks.map(({ version, program }) => [version, ...bytesToGroups(program)]),
    );
  }
  if (draft.routeHints?.length) {
    fields.set(
      Tag.routeHint,
      draft.routeHints.map((hops) => bytesToGroups(routeHintBytes(hops))),
    );
  }
  return fields;
}

function routeHintBytes(hops: readonly RouteHintHop[]): Uint8Array {
  const bytes = new Uint8Array(hops.length * HOP_BYTES);
  const view = new DataView(bytes.buffer);
  hops.forEach((hop, index) => {
    const at = index * HOP_BYTES;
    bytes.set(hop.nodeId, at);
    view.setBigUint64(at + 33, hop.shortChannelId);
    view.setUint32(at + 41, hop.feeBaseMsat);
    view.setUint32(at + 45, hop.feeProportionalMillionths);
    view.setUint16(at + 49, hop.cltvExpiryDelta);
  });
  return bytes;
}
