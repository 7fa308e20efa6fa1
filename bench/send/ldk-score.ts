/**
 * LDK's price of a hop by its published rules (shared reference, §4): base penalties, and the chance from the history of a
 * channel's bounds, or from a prior with most of the weight at both ends where there is none.
 */

export interface LdkPrices {
  readonly baseMsat: number;
  /** Per 2^30 msat of the amount. */
  readonly baseAmountMsat: number;
  /** Times -log10 of the chance. */
  readonly historyMsat: number;
  /** The same, per 2^20 msat of the amount. */
  readonly historyAmountMsat: number;
  readonly antiProbingMsat: number;
  readonly impossibleMsat: number;
}

/** As published for the newest release; multipliers of the live bounds are 0 by default. */
export const PUBLISHED_PRICES: LdkPrices = {
  baseMsat: 5120,
  baseAmountMsat: 655_360,
  historyMsat: 50_000,
  historyAmountMsat: 6250,
  antiProbingMsat: 1250,
  impossibleMsat: 100_000_000_000,
};
/** As the library of 0.1 documents them. */
export const PRICES_01: LdkPrices = {
  baseMsat: 1024,
  baseAmountMsat: 131_072,
  historyMsat: 10_000,
  historyAmountMsat: 1250,
  antiProbingMsat: 250,
  impossibleMsat: 100_000_000_000,
};

const BOUNDS_HALF_LIFE_MS = 30 * 60_000;
const HISTORY_HALF_LIFE_MS = 14 * 24 * 3_600_000;
const LEAST_CHANCE = 0.01;
/** No success seen: the chance counts for less. */
const UNTRIED = 64 / 78;
/** A new datapoint weighs so much, all others a little less than before. */
const DATAPOINT = 32;
const DATAPOINT_KEEP = 2047 / 2048;
/** Upper edges of the buckets as shares of the capacity: narrow at both ends, each twice the one before up to the middle. */
const BUCKETS = 32;
const EDGES = bucketEdges();

interface Bounds {
  min: number;
  /** Of the capacity, from above. */
  maxOffset: number;
  at: number;
  readonly minHistory: Float64Array;
  readonly maxHistory: Float64Array;
  historyAt: number;
}

/** What LDK knows of channels, per direction. */
export class LdkScorer {
  readonly #prices: LdkPrices;
  readonly #capacity: Float64Array;
  readonly #max: Float64Array;
  readonly #bounds = new Map<number, Bounds>();

  /** @param columns of the graph: capacity per channel, maximum per half */
  constructor(prices: LdkPrices, columns: { readonly capacity: Float64Array; readonly max: Float64Array }) {
    this.#prices = prices;
    this.#capacity = columns.capacity;
    this.#max = columns.max;
  }

  /** @param inFlight of our own, over the same half */
  penalty(half: number, amount: number, inFlight: number, now: number): number {
    const { baseMsat, baseAmountMsat, antiProbingMsat, impossibleMsat } = this.#prices;
    const capacity = this.#capacity[half >> 1]!;
    const total = amount + inFlight;
    let price = baseMsat + (baseAmountMsat * amount) / 2 ** 30;
    if (this.#max[half]! >= capacity / 2) price += antiProbingMsat;
    const bounds = this.#bounds.get(half);
    const isImpossible = total >= capacity || (bounds !== undefined && total >= maxOf(bounds, capacity, now));
    if (isImpossible) price += impossibleMsat;
    return price + this.#pricePer(this.#chance(bounds, capacity, total), amount);
  }

  carried(half: number, amount: number, now: number): void {
    this.#update(half, now, (min, max) => [Math.max(min, amount), Math.max(max, amount)]);
  }

  failed(half: number, amount: number, now: number): void {
    this.#update(half, now, (min, max) => [Math.min(min, amount), Math.min(max, amount)]);
  }

  /** What was paid has moved to the other side. */
  settled(half: number, amount: number, now: number): void {
    this.#update(half, now, (min, max) => [Math.min(min, Math.max(0, max - amount)), Math.max(0, max - amount)]);
  }

  #pricePer(chance: number, amount: number): number {
    const { historyMsat, historyAmountMsat } = this.#prices;
    return (historyMsat + (historyAmountMsat * amount) / 2 ** 20) * -Math.log10(Math.max(LEAST_CHANCE, chance));
  }

  /** By history where there is any. */
  #chance(bounds: Bounds | undefined, capacity: number, total: number): number {
    if (total >= capacity) return 0;
    if (bounds) {
      const chance = historicChance(bounds, capacity, total);
      if (chance !== undefined) return chance;
    }
    return untriedChance(capacity, total);
  }

  /** Bounds of one direction are, from the other end, those of the other. */
  #update(half: number, now: number, change: (min: number, max: number) => readonly [number, number]): void {
    const capacity = this.#capacity[half >> 1]!;
    const ahead = this.#boundsOf(half, now);
    const back = this.#boundsOf(half ^ 1, now);
    const [min, max] = change(minOf(ahead, now), maxOf(ahead, capacity, now));
    setBounds(ahead, min, capacity - max, now);
    setBounds(back, capacity - max, min, now);
    for (const bounds of [ahead, back]) record(bounds, capacity, now);
  }

  #boundsOf(half: number, now: number): Bounds {
    let bounds = this.#bounds.get(half);
    if (!bounds) {
      bounds = {
        min: 0,
        maxOffset: 0,
        at: now,
        minHistory: new Float64Array(BUCKETS),
        maxHistory: new Float64Array(BUCKETS),
        historyAt: now,
      };
      this.#bounds.set(half, bounds);
    }
    return bounds;
  }
}

const left = (bounds: Bounds, now: number): number => 2 ** (-(now - bounds.at) / BOUNDS_HALF_LIFE_MS);
const minOf = (bounds: Bounds, now: number): number => bounds.min * left(bounds, now);
const maxOf = (bounds: Bounds, capacity: number, now: number): number =>
  capacity - bounds.maxOffset * left(bounds, now);

function setBounds(bounds: Bounds, min: number, maxOffset: number, now: number): void {
  bounds.min = min;
  bounds.maxOffset = maxOffset;
  bounds.at = now;
}

function record(bounds: Bounds, capacity: number, now: number): void {
  const faded = DATAPOINT_KEEP * 2 ** (-(now - bounds.historyAt) / HISTORY_HALF_LIFE_MS);
  bounds.historyAt = now;
  for (const [history, offset] of [
    [bounds.minHistory, bounds.min],
    [bounds.maxHistory, bounds.maxOffset],
  ] as const) {
    for (let i = 0; i < BUCKETS; i++) history[i]! *= faded;
    history[bucketOf(capacity === 0 ? 0 : offset / capacity)]! += DATAPOINT;
  }
}

/** Every pair of bounds once seen counts by how often each of them was; undefined if there is less than one datapoint. */
function historicChance({ minHistory, maxHistory }: Bounds, capacity: number, amount: number): number | undefined {
  let weight = 0;
  let sum = 0;
  let seenMin = 0;
  for (let i = 0; i < BUCKETS; i++) {
    const ofMin = minHistory[i]!;
    if (ofMin === 0) continue;
    seenMin += ofMin;
    for (let j = 0; j < BUCKETS - i; j++) {
      const both = ofMin * maxHistory[j]!;
      if (both === 0) continue;
      weight += both;
      sum += both * chanceBetween(EDGES[i]! * capacity, (1 - EDGES[j]!) * capacity, capacity, amount);
    }
  }
  return seenMin < DATAPOINT / 2 || weight === 0 ? undefined : sum / weight;
}

function untriedChance(capacity: number, amount: number): number {
  return chanceBetween(0, capacity, capacity, amount) * UNTRIED;
}

/** Chance that the balance is above `amount`, given that it is between the bounds. */
export function chanceBetween(min: number, max: number, capacity: number, amount: number): number {
  if (amount <= min) return 1;
  if (amount >= max) return 0;
  const top = density(max / capacity);
  return (top - density(amount / capacity)) / (top - density(min / capacity));
}

/** Integral of 1/256 + 9 (x - 1/2)^8, up to a factor: high at both ends. */
function density(x: number): number {
  const d = x - 0.5;
  return d / 256 + d ** 9;
}

function bucketOf(share: number): number {
  let bucket = 0;
  while (bucket < BUCKETS - 1 && share >= EDGES[bucket + 1]!) bucket++;
  return bucket;
}

/** Lower edges. */
function bucketEdges(): readonly number[] {
  const half = BUCKETS / 2;
  const widths = Array.from({ length: BUCKETS }, (_, i) => 2 ** Math.min(i < half ? i : BUCKETS - 1 - i, 8));
  const whole = widths.reduce((a, b) => a + b, 0);
  let below = 0;
  return widths.map((width) => {
    const edge = below / whole;
    below += width;
    return edge;
  });
}
