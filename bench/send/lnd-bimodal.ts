/** LND's opt-in estimate: balances lie at the ends of channels, an exponential scale away (shared reference, §3). */
import type { Estimator } from './lnd.js';
import type { PairResults } from './lnd-memory.js';

const SCALE_MSAT = 300_000_000;
const NODE_WEIGHT = 0.2;
const DECAY_MS = 7 * 24 * 3_600_000;

export const BIMODAL: Estimator = {
  chance(results, to, amount, capacity, now) {
    const pair = results?.get(to);
    if (!results) return channelChance(capacity, 0, capacity, amount);
    const faded = (at: number): number => Math.exp(-(now - at) / DECAY_MS);
    const success = pair ? pair.successAmount * faded(pair.successAt) : 0;
    const fail =
      pair?.failAmount === undefined ? capacity : capacity - (capacity - pair.failAmount) * faded(pair.failAt);
    const direct = channelChance(capacity, success, fail, amount);
    // What was learnt of the pair itself lately is not watered down.
    if (pair && now - Math.max(pair.successAt, pair.failAt) < DECAY_MS) return direct;
    return withNode(direct, results, to, now);
  },
  ownChance(results, to, amount, now) {
    const pair = results?.get(to);
    if (!pair || pair.failAt <= pair.successAt || pair.failAmount === undefined || amount < pair.failAmount) return 1;
    return 1 - Math.exp(-(now - pair.failAt) / DECAY_MS);
  },
};

/** Chance that `amount` fits, given that `success` fits and `fail` does not, the balance drawn from the two ends. */
export function channelChance(capacity: number, success: number, fail: number, amount: number): number {
  if (amount > capacity) return 0;
  // Knowledge that contradicts itself is none.
  const isSound = fail > success;
  const bottom = isSound ? Math.min(success, capacity - 1) : 0;
  const top = isSound ? Math.min(fail, capacity) : capacity;
  if (amount >= top) return 0;
  if (amount <= bottom) return 1;
  return (mass(capacity, top) - mass(capacity, amount)) / (mass(capacity, top) - mass(capacity, bottom));
}

/** Integral of exp(-x / s) + exp((x - capacity) / s), up to a factor, and of a little everywhere so that none is 0. */
function mass(capacity: number, x: number): number {
  return Math.exp((x - capacity) / SCALE_MSAT) - Math.exp(-x / SCALE_MSAT) + x / capacity / SCALE_MSAT;
}

/** The node's other pairs count, each with a small weight that fades. */
function withNode(direct: number, results: PairResults, to: number, now: number): number {
  let sum = direct;
  let weight = 1;
  for (const [other, { successAt, failAmount, failAt }] of results) {
    if (other === to) continue;
    const good = NODE_WEIGHT * Math.exp(-(now - successAt) / DECAY_MS);
    const bad = failAmount ? NODE_WEIGHT * Math.exp(-(now - failAt) / DECAY_MS) : 0;
    sum += good;
    weight += good + bad;
  }
  return sum / weight;
}
