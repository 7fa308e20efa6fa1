/** Keys, paths and whole conversations for the tests of BOLT 12. */
import {
  type Bolt12Invoice,
  buildInvoice,
  buildInvoiceRequest,
  buildOffer,
  buildStaticInvoice,
  type InvoiceRequest,
  type Offer,
  type OfferFields,
  type PayInfo,
  type RequestDraft,
  signerOf,
  type StaticInvoice,
} from '../../src/bolt12/index.js';
import { ec } from '../../src/crypto/index.js';
import type { BlindedPath } from '../../src/onion/index.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { concat, fromHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { TlvRecord } from '../../src/wire/tlv.js';

export const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

export const issuer = signerOf(filled(0x41));
export const payer = signerOf(filled(0x42));
export const REGTEST = fromHex('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f');
export const BITCOIN = fromHex('6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000');
export const NOW = 1_700_000_000;

export const pointOf = (byte: number): Uint8Array => ec.publicKey(filled(byte));

/** A path of two hops whose last blinded id is the key of `end`. */
export function pathTo(end: number): BlindedPath {
  return {
    firstNode: { nodeId: pointOf(3) },
    firstPathKey: pointOf(4),
    hops: [
      { blindedNodeId: pointOf(5), encryptedData: filled(6, 40) },
      { blindedNodeId: pointOf(end), encryptedData: filled(7, 50) },
    ],
  };
}

export const payInfo: PayInfo = {
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 144,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 1_000_000_000n,
  features: [],
};

export const offerWith = (fields: OfferFields & { extraRecords?: readonly TlvRecord[] } = {}): Offer =>
  unwrap(buildOffer({ description: 'tea', amount: 5000n, issuerId: issuer.nodeId, ...fields }));

export const requestFor = (offer: Offer, draft: Partial<RequestDraft> = {}): InvoiceRequest =>
  unwrap(buildInvoiceRequest({ offer, metadata: filled(9, 16), signer: payer, ...draft }));

export const invoiceFor = (request: InvoiceRequest, amountMsat?: bigint, signer = issuer): Bolt12Invoice =>
  unwrap(
    buildInvoice({
      request,
      paymentPaths: [{ path: pathTo(11), payInfo }],
      createdAt: NOW,
      paymentHash: filled(12),
      signer,
      ...(amountMsat !== undefined && { amountMsat }),
    }),
  );

export const staticFor = (offer: Offer, relativeExpirySeconds?: number): StaticInvoice =>
  unwrap(
    buildStaticInvoice({
      offer,
      paymentPaths: [{ path: pathTo(11), payInfo }],
      messagePaths: [pathTo(13), pathTo(14)],
      createdAt: NOW,
      features: [17],
      signer: issuer,
      ...(relativeExpirySeconds !== undefined && { relativeExpirySeconds }),
    }),
  );

/** A record by hand, for streams that no builder of ours writes. */
export const raw = (type: number | bigint, value: Uint8Array): Uint8Array =>
  concat(encodeBigSize(type), encodeBigSize(value.length), value);
