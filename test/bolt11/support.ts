/** Drafts, keys and reading aids for the tests of the invoice codec. */
import fc from 'fast-check';
import { ec } from '../../src/crypto/index.js';
import type { Currency, Fallback, Invoice, InvoiceDraft, RouteHintHop } from '../../src/bolt11/index.js';
import { SIGNATURE_GROUPS, TIMESTAMP_GROUPS } from '../../src/bolt11/invoice.js';
import { BECH32_CHARSET, encodeBech32, readBech32 } from '../../src/wire/bech32.js';
import { utf8 } from '../../src/wire/bytes.js';

export const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

export const secretKey = filled(1);
export const payeeKey = ec.publicKey(secretKey);
const nodeIds = Array.from({ length: 16 }, (_, i) => ec.publicKey(filled(i + 2)));

export const baseDraft: InvoiceDraft = {
  currency: 'bc',
  amountMsat: 250_000_000n,
  timestamp: 1_700_000_000,
  paymentHash: filled(5),
  paymentSecret: filled(6),
  description: 'three coffees',
  expirySeconds: 7200,
  minFinalCltvExpiryDelta: 24,
  routeHints: [
    [
      {
        nodeId: nodeIds[0]!,
        shortChannelId: 1_099_539_677_184n,
        feeBaseMsat: 1000,
        feeProportionalMillionths: 100,
        cltvExpiryDelta: 48,
      },
    ],
  ],
};

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

const hop: fc.Arbitrary<RouteHintHop> = fc.record({
  nodeId: fc.constantFrom(...nodeIds),
  shortChannelId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  feeBaseMsat: fc.nat({ max: 0xffff_ffff }),
  feeProportionalMillionths: fc.nat({ max: 0xffff_ffff }),
  cltvExpiryDelta: fc.nat({ max: 0xffff }),
});

const fallback: fc.Arbitrary<Fallback> = fc.oneof(
  fc.record({ version: fc.constantFrom(17, 18, 0), program: bytes(20) }),
  fc.record({ version: fc.constant(0), program: bytes(32) }),
  fc.record({ version: fc.integer({ min: 1, max: 16 }), program: bytes(2, 40) }),
);

const description = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => utf8(text).length <= 639);

export const currencies: readonly Currency[] = ['bc', 'tb', 'tbs', 'bcrt', 'sb'];

const optionalMembers = {
  amountMsat: fc.oneof(
    fc.bigInt({ min: 1n, max: 2_100_000_000_000_000_000n }),
    fc
      .tuple(fc.nat({ max: 18 }), fc.integer({ min: 1, max: 2 }))
      .map(([zeros, digit]) => BigInt(digit) * 10n ** BigInt(zeros)),
  ),
  payee: fc.constant(payeeKey),
  expirySeconds: fc.oneof(fc.constantFrom(0n, 3600n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  minFinalCltvExpiryDelta: fc.oneof(fc.constantFrom(0, 18, 0xffff_ffff), fc.nat({ max: 0xffff_ffff })),
  fallbacks: fc.array(fallback, { maxLength: 3 }),
  routeHints: fc.array(fc.array(hop, { minLength: 1, maxLength: 12 }), { maxLength: 4 }),
  paymentMetadata: bytes(0, 639),
};

const oddFeatures = fc.uniqueArray(
  fc.nat({ max: 2556 }).map((n) => 2 * n + 1),
  { maxLength: 6 },
);

/** Any draft that may be written, described in text or by hash. */
export const anyDraft: fc.Arbitrary<InvoiceDraft> = fc
  .record({
    required: fc.record({
      currency: fc.constantFrom(...currencies),
      timestamp: fc.nat({ max: 2 ** 31 - 1 }).map((n) => n * 16),
      paymentHash: bytes(32),
      paymentSecret: bytes(32),
    }),
    described: fc.oneof(
      description.map((text) => ({ description: text })),
      bytes(32).map((hash) => ({ descriptionHash: hash })),
    ),
    optional: fc.record(optionalMembers, { requiredKeys: [] }),
    features: fc.option(fc.tuple(fc.subarray([16, 24, 36]), oddFeatures), { nil: undefined }),
  })
  .map(({ required, described, optional, features }) => ({
    ...required,
    ...described,
    ...optional,
    ...(features && { features: [...new Set([8, 14, 48, ...features.flat()])] }),
  }));

/** Tag letters of an invoice text, in order. */
export function tagLetters(text: string): string {
  const { groups } = readBech32(text);
  let letters = '';
  for (let at = TIMESTAMP_GROUPS; at < groups.length - SIGNATURE_GROUPS;) {
    letters += BECH32_CHARSET.charAt(groups[at]!);
    at += 3 + groups[at + 1]! * 32 + groups[at + 2]!;
  }
  return letters;
}

/** The draft that would be written as this invoice: members with defaults only where their field was there. */
export function draftOf(invoice: Invoice, letters: string): InvoiceDraft {
  return {
    currency: invoice.currency,
    timestamp: invoice.timestamp,
    paymentHash: invoice.paymentHash,
    paymentSecret: invoice.paymentSecret,
    features: invoice.features,
    fallbacks: invoice.fallbacks,
    routeHints: invoice.routeHints,
    ...(invoice.amountMsat !== undefined && { amountMsat: invoice.amountMsat }),
    ...(invoice.description !== undefined && { description: invoice.description }),
    ...(invoice.descriptionHash && { descriptionHash: invoice.descriptionHash }),
    ...(invoice.paymentMetadata && { paymentMetadata: invoice.paymentMetadata }),
    ...(invoice.payeeField && { payee: invoice.payee }),
    ...(letters.includes('x') && { expirySeconds: invoice.expirySeconds }),
    ...(letters.includes('c') && { minFinalCltvExpiryDelta: invoice.minFinalCltvExpiryDelta }),
  };
}

/** The same invoice with `change` made to its groups (signature included) and a fitting checksum. */
export function withChangedGroups(text: string, change: (groups: Uint8Array) => Uint8Array): string {
  const { hrp, groups } = readBech32(text);
  return encodeBech32(hrp, change(groups.slice()));
}
