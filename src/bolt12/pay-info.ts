/** What it costs to pay over a blinded path (BOLT 12 `blinded_payinfo`), and on-chain fallbacks (`fallback_address`). */
import type { BlindedPath } from '../onion/index.js';
import { concat } from '../wire/bytes.js';
import { featureBits, featureVector } from '../wire/features.js';
import { u16, u32, u64, uintBytes } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import type { BlockDelta, Msat } from '../wire/units.js';

/** Fees, delta and limits of a whole blinded path, its recipient's final delta included. */
export interface PayInfo {
  /** Millisatoshi, u32. */
  readonly feeBaseMsat: number;
  /** u32 */
  readonly feeProportionalMillionths: number;
  /** u16 */
  readonly cltvExpiryDelta: BlockDelta;
  readonly htlcMinimumMsat: Msat;
  readonly htlcMaximumMsat: Msat;
  /** Set bits, ascending. */
  readonly features: readonly number[];
}

/** A blinded path to pay over. */
export interface PaymentPath {
  readonly path: BlindedPath;
  readonly payInfo: PayInfo;
}

/** An on-chain address: witness version and program. */
export interface Bolt12Fallback {
  readonly version: number;
  readonly address: Uint8Array;
}

/** @throws Refusal `truncated` */
export function readPayInfos(bytes: Uint8Array): PayInfo[] {
  const reader = new ByteReader(bytes);
  const infos: PayInfo[] = [];
  while (reader.left > 0) {
    infos.push({
      feeBaseMsat: reader.u32(),
      feeProportionalMillionths: reader.u32(),
      cltvExpiryDelta: reader.u16(),
      htlcMinimumMsat: reader.msat(),
      htlcMaximumMsat: reader.msat(),
      features: featureBits(reader.bytes(reader.u16())),
    });
  }
  return infos;
}

/** @throws {RangeError} if a number does not fit its field. */
export function encodePayInfos(infos: readonly PayInfo[]): Uint8Array {
  return concat(
    ...infos.flatMap((info) => {
      const features = featureVector(info.features);
      return [
        u32(info.feeBaseMsat),
        u32(info.feeProportionalMillionths),
        u16(info.cltvExpiryDelta),
        u64(info.htlcMinimumMsat),
        u64(info.htlcMaximumMsat),
        u16(features.length),
        features,
      ];
    }),
  );
}

/** @throws Refusal `truncated` */
export function readFallbacks(bytes: Uint8Array): Bolt12Fallback[] {
  const reader = new ByteReader(bytes);
  const fallbacks: Bolt12Fallback[] = [];
  while (reader.left > 0) fallbacks.push({ version: reader.u8(), address: reader.bytes(reader.u16()) });
  return fallbacks;
}

/** @throws {RangeError} if a version or a length does not fit its field. */
export function encodeFallbacks(fallbacks: readonly Bolt12Fallback[]): Uint8Array {
  return concat(...fallbacks.flatMap(({ version, address }) => [uintBytes(version, 1), u16(address.length), address]));
}

/** True for a witness program that can exist on chain (BIP 141). */
export function isUsableFallback({ version, address }: Bolt12Fallback): boolean {
  if (version === 0) return address.length === 20 || address.length === 32;
  return version <= 16 && address.length >= 2 && address.length <= 40;
}
