/** Feature vectors (BOLT 9): even bit required, odd bit optional, bit 0 is the lowest bit of the last byte. */

export const Feature = {
  varOnion: 8,
  paymentSecret: 14,
  basicMpp: 16,
  routeBlinding: 24,
  attributionData: 36,
  onionMessages: 38,
  paymentMetadata: 48,
} as const;

/** Bits that are set, ascending. */
export function featureBits(vector: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < vector.length * 8; bit++) {
    if ((vector[vector.length - 1 - (bit >> 3)]! >> (bit & 7)) & 1) bits.push(bit);
  }
  return bits;
}

/** Shortest vector with exactly these bits set. */
export function featureVector(bits: readonly number[]): Uint8Array {
  const highest = Math.max(-1, ...bits);
  const vector = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) vector[vector.length - 1 - (bit >> 3)]! |= 1 << (bit & 7);
  return vector;
}

/** True if the feature is offered, as required (even bit) or optional (odd bit). */
export function hasFeature(bits: readonly number[], even: number): boolean {
  return bits.includes(even) || bits.includes(even + 1);
}
