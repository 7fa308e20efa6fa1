/** BOLT 11 decoder. Strict: what it accepts can be paid as written, what it refuses has a code and a place. */
import { readBech32 } from '../wire/bech32.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { readFields, type TaggedFields } from './fields.js';
import {
  DEFAULT_EXPIRY_SECONDS,
  DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA,
  type Invoice,
  MAX_INVOICE_LENGTH,
  SIGNATURE_GROUPS,
  TIMESTAMP_GROUPS,
} from './invoice.js';
import { readPrefix } from './prefix.js';
import { payeeOf, signatureOf, signingHashOf } from './signature.js';

/**
 * Reads an invoice and checks its signature. Whether it has expired is not checked (`invoiceExpiresAt`).
 *
 * Total: every string gives a value or an error, in time linear in its length. Error codes are the BOLT 11 and `bech32_…`
 * labels (`invoice_too_long` beyond {@link MAX_INVOICE_LENGTH}); positions are character offsets.
 */
export function decodeInvoice(text: string): Result<Invoice> {
  return refusable(() => readInvoice(text));
}

function readInvoice(text: string): Invoice {
  if (text.length > MAX_INVOICE_LENGTH) {
    refuse('invoice_too_long', `${text.length} characters, at most ${MAX_INVOICE_LENGTH} are read`, MAX_INVOICE_LENGTH);
  }
  const { hrp, groups } = readBech32(text);
  const { currency, amountMsat } = readPrefix(hrp);
  const dataStart = hrp.length + 1;
  const signatureStart = groups.length - SIGNATURE_GROUPS;
  if (signatureStart < TIMESTAMP_GROUPS) {
    refuse('too_short', 'the data is shorter than a time and a signature', dataStart);
  }
  const fields = readFields(groups, signatureStart, dataStart);
  const { paymentHash, paymentSecret } = requiredFields(fields);

  const signingHash = signingHashOf(hrp, groups, signatureStart);
  const { signature, recoveryId } = signatureOf(groups);
  const payee = payeeOf(signingHash, { signature, recoveryId }, fields.payee, dataStart + signatureStart);
  refuseRepeated(fields);
  const invoice: { -readonly [Name in keyof Invoice]: Invoice[Name] } = {
    currency,
    timestamp: timestampOf(groups),
    paymentHash,
    paymentSecret,
    payee,
    payeeField: fields.payee !== undefined,
    expirySeconds: fields.expirySeconds ?? DEFAULT_EXPIRY_SECONDS,
    minFinalCltvExpiryDelta: fields.minFinalCltvExpiryDelta ?? DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA,
    fallbacks: fields.fallbacks,
    routeHints: fields.routeHints,
    features: fields.features ?? [],
    unknownTags: fields.unknownTags,
    signature,
    recoveryId,
    signingHash,
  };
  if (amountMsat !== undefined) invoice.amountMsat = amountMsat;
  if (fields.description !== undefined) invoice.description = fields.description;
  if (fields.descriptionHash !== undefined) invoice.descriptionHash = fields.descriptionHash;
  if (fields.paymentMetadata !== undefined) invoice.paymentMetadata = fields.paymentMetadata;
  return invoice;
}

function timestampOf(groups: Uint8Array): number {
  let seconds = 0;
  for (let i = 0; i < TIMESTAMP_GROUPS; i++) seconds = seconds * 32 + groups[i]!;
  return seconds;
}

/** The fields without which nobody can pay. They are missing, so no place is to blame. */
function requiredFields(fields: TaggedFields): { paymentHash: Uint8Array; paymentSecret: Uint8Array } {
  const { paymentHash, paymentSecret, description, descriptionHash } = fields;
  if (!paymentHash) refuse('missing_payment_hash', 'there is no field p of 52 groups');
  if (!paymentSecret) refuse('missing_payment_secret', 'there is no field s of 52 groups');
  if (description === undefined && !descriptionHash) refuse('missing_description', 'there is neither field d nor h');
  if (description !== undefined && descriptionHash) refuse('both_descriptions', 'there are both fields d and h');
  return { paymentHash, paymentSecret };
}

/** Comes last: BOLT 11 leaves it open, so whatever it does decide is reported before. */
function refuseRepeated({ repeated }: TaggedFields): void {
  if (!repeated) return;
  const { letter, position } = repeated;
  refuse(`duplicate_${letter}`, `field ${letter} stands twice and only one can be meant`, position);
}
