/** Offers that a static invoice server answers for while their maker sleeps (bolts#1149 as LDK ships it). */
import { buildDerivedOffer, encodeRecords, offerIdOf } from '../../bolt12/index.js';
import { type BlindedPath, chainHashOf, encodeBlindedPath } from '../../onion/index.js';
import { concat, equalBytes } from '../../wire/bytes.js';
import { ok, type Result } from '../../wire/result.js';
import type { UnixSeconds } from '../../wire/units.js';

export interface AsyncOfferParams {
  /** Secret of which the offer's key is derived: 32 bytes, the same for the life of its offers. */
  readonly offersKey: Uint8Array;
  /** 16 fresh random bytes. */
  readonly nonce: Uint8Array;
  /** From the server, as they are: the server refuses others. */
  readonly paths: readonly BlindedPath[];
  readonly absoluteExpiry: UnixSeconds;
  /** 32 bytes. */
  readonly chainHash: Uint8Array;
}

export interface AsyncOffer {
  /** TLV stream. */
  readonly bytes: Uint8Array;
  readonly offerId: Uint8Array;
}

/**
 * Without amount and description: the whole offer travels in the onion of each payment, which has little room. Errors as
 * `buildDerivedOffer`.
 */
export function buildAsyncOffer(params: AsyncOfferParams): Result<AsyncOffer> {
  const { offersKey, nonce, paths, absoluteExpiry, chainHash } = params;
  const isBitcoin = equalBytes(chainHash, chainHashOf('bitcoin'));
  const built = buildDerivedOffer(offersKey, nonce, {
    paths,
    absoluteExpiry: BigInt(absoluteExpiry),
    ...(!isBitcoin && { chains: [chainHash] }),
  });
  if (!built.ok) return built;
  const { records } = built.value.offer;
  return ok({ bytes: encodeRecords(records), offerId: offerIdOf(records) });
}

/** How paths look as bytes, one behind the other. */
export const pathsAsBytes = (paths: readonly BlindedPath[]): Uint8Array => concat(...paths.map(encodeBlindedPath));
