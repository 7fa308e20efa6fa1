/** LND's default estimate of a hop's chance, by its published rules (shared reference, §3). */
import type { Estimator } from './lnd.js';
import type { PairResults } from './lnd-memory.js';

const UNKNOWN_HOP = 0.6;
const WORKED_BEFORE = 0.95;
/** Between the unknown hop and what the node's other pairs did: 0.5 gives the former the weight of one result. */
const APRIORI_WEIGHT = 0.5;
const APRIORI_RESULTS = 1 / (1 - APRIORI_WEIGHT) - 1;
const HALF_LIFE_MS = 3_600_000;
const CUTOFF = 0.9999;
const SMEARING = 0.025;
const LEAST_FACTOR = 0.5;
/** Logistic smearing is 1 to the last digit where the amount is so many smearings below the cutoff. */
const NEGLIGIBLE = 40;

export const APRIORI: Estimator = {
  chance(results, to, amount, capacity, now) {
    return ofPair(results, to, amount, now, ofNode(results, amount, capacity, now));
  },
  ownChance(results, to, amount, now) {
    return ofPair(results, to, amount, now, WORKED_BEFORE);
  },
};

/** What is left of a failure's weight. */
const remaining = (age: number): number => 2 ** (-age / HALF_LIFE_MS);

function ofPair(results: PairResults | undefined, to: number, amount: number, now: number, ofNode: number): number {
  const pair = results?.get(to);
  if (!pair) return ofNode;
  if (amount <= pair.successAmount) return WORKED_BEFORE;
  if (pair.failAmount === undefined || amount < pair.failAmount) return ofNode;
  return ofNode * (1 - remaining(now - pair.failAt));
}

function ofNode(results: PairResults | undefined, amount: number, capacity: number, now: number): number {
  const apriori = UNKNOWN_HOP * capacityFactor(amount, capacity);
  if (!results) return apriori;
  let sum = apriori * APRIORI_RESULTS;
  let weight = APRIORI_RESULTS;
  for (const { successAmount, failAmount, failAt } of results.values()) {
    if (amount <= successAmount) {
      sum += WORKED_BEFORE;
      weight += 1;
    } else if (failAmount !== undefined && amount >= failAmount) weight += remaining(now - failAt);
  }
  return sum / weight;
}

/** From 1 far below the capacity to {@link LEAST_FACTOR} above the cutoff; 0 above the capacity. */
export function capacityFactor(amount: number, capacity: number): number {
  if (amount > capacity) return 0;
  const smearings = (CUTOFF * capacity - amount) / (SMEARING * capacity);
  if (smearings > NEGLIGIBLE) return 1;
  return 1 - (1 - LEAST_FACTOR) / (1 + Math.exp(smearings));
}
