/** Rival senders decide on tiny networks as their published rules say. */
import { describe, expect, it } from 'vitest';
import { ECLAIR } from '../../bench/send/eclair.js';
import { kCheapest } from '../../bench/send/eclair-yen.js';
import { LDK_MODEL } from '../../bench/send/ldk-model.js';
import { chanceBetween, LdkScorer, PUBLISHED_PRICES } from '../../bench/send/ldk-score.js';
import { LND_APRIORI, LND_BIMODAL } from '../../bench/send/lnd.js';
import { APRIORI, capacityFactor } from '../../bench/send/lnd-apriori.js';
import { BIMODAL, channelChance } from '../../bench/send/lnd-bimodal.js';
import { MissionControl } from '../../bench/send/lnd-memory.js';
import { ProbableSearch } from '../../bench/send/probable-search.js';
import { Net, PAYEE, SAT, shortOrLong, twoWays, way } from './rival-net.js';

const HOUR = 3_600_000;

describe('LND', () => {
  it('weighs a longer way by what its attempts would cost: 100,000 sat, 200 sat / 0.57 or / 0.342', async () => {
    // 233.9 sat: its own channel counts 0.95. The lock of the one more hop costs 100,000 sat * 40 * 15e-9 = 0.06 sat.
    const near = new Net(shortOrLong(233_000));
    expect(near.pay(await near.open(LND_APRIORI), 100_000).parts).toEqual([['10 11', 100_000]]);
    const far = new Net(shortOrLong(234_500));
    expect(far.pay(await far.open(LND_APRIORI), 100_000).parts).toEqual([['20 21 22', 100_000]]);
  });

  it('halves what finds no way, shard by shard, and nothing below 20,000 sat', async () => {
    const net = new Net(twoWays(60_000, 60_000));
    for (const strategy of [LND_APRIORI, LND_BIMODAL]) {
      const { outcome, parts } = net.pay(await net.open(strategy), 100_000);
      expect(parts.map(([, sat]) => sat)).toEqual([50_000, 50_000, 50_000]);
      // What is in flight is not known to the search: the second shard is sent after the first, and fails.
      expect(parts.map(([channels]) => channels)).toEqual(['10 11', '10 11', '20 21']);
      expect(outcome).toMatchObject({ success: true, parts: 2 });
    }
    const small = new Net(twoWays(15_000, 15_000));
    const refused = small.pay(await small.open(LND_APRIORI), 19_999);
    expect(refused).toMatchObject({ parts: [], outcome: { success: false } });
    expect(small.pay(await small.open(LND_APRIORI), 20_000).parts[0]).toEqual(['10 11', 10_000]);
  });

  it('avoids a pair that failed, comes back to it hours later, and prefers what worked', async () => {
    const net = new Net(twoWays(1_000_000, 1_000_000), [11]);
    const sender = await net.open(LND_APRIORI);
    expect(net.pay(sender, 100_000).parts.map(([channels]) => channels)).toEqual(['10 11', '20 21']);
    expect(net.pay(sender, 100_000, 60_000).parts.map(([channels]) => channels)).toEqual(['20 21']);
    sender.forget();
    expect(net.pay(sender, 100_000, 120_000).parts.map(([channels]) => channels)).toEqual(['10 11', '20 21']);
  });

  it('apriori: unknown 0.6, worked before 0.95, a failure wears off by halves', () => {
    const memory = new MissionControl();
    const chance = (amount: number, now: number): number => APRIORI.chance(memory.of(1), 2, amount, 1e12, now);
    expect(chance(500, 0)).toBe(0.6);
    memory.succeeded(1, 2, 500, 0);
    expect(chance(500, 0)).toBe(0.95);
    expect(chance(501, 0)).toBe(0.6);
    memory.failed(1, 2, 800, 0);
    expect(chance(800, 0)).toBe(0);
    expect(chance(800, 1000 * HOUR)).toBeCloseTo(0.6);
    // The node's failure weighs 1/2 against the unknown hop's 1: 0.6 / 1.5, of which half is back.
    expect(chance(800, HOUR)).toBeCloseTo(0.2);
    // Another pair of the node: (0.6 + 0.95) / 2.
    expect(APRIORI.chance(memory.of(1), 3, 500, 1e12, 0)).toBeCloseTo(0.775);
    expect(APRIORI.ownChance(undefined, 2, 500, 0)).toBe(0.95);
    expect([0.5, 0.9999, 1, 1.01].map((share) => capacityFactor(share * 1e9, 1e9))).toEqual([
      expect.closeTo(1, 5),
      0.75,
      expect.closeTo(0.7495, 4),
      0,
    ]);
  });

  it('bimodal: a large channel is a coin toss in its middle; what is known of the pair decides', () => {
    const capacity = 1e10;
    expect(channelChance(capacity, 0, capacity, capacity / 2)).toBeCloseTo(0.5);
    expect(channelChance(capacity, 0, capacity, 1e8)).toBeGreaterThan(0.8);
    expect(channelChance(capacity, 0, capacity, 2e9)).toBeCloseTo(channelChance(capacity, 0, capacity, 8e9), 2);
    expect(channelChance(capacity, 3e9, capacity, 3e9)).toBe(1);
    expect(channelChance(capacity, 0, 3e9, 3e9)).toBe(0);
    // Where both ends are ruled out, all is alike: a third of what is left.
    expect(channelChance(1e12, 4e11, 7e11, 6e11)).toBeCloseTo(1 / 3);
    const memory = new MissionControl();
    memory.failed(1, 2, 5e9, 0);
    expect(BIMODAL.chance(memory.of(1), 2, 5e9, capacity, 0)).toBe(0);
    // The failed sibling counts a fifth: 0.5 / 1.2.
    expect(BIMODAL.chance(memory.of(1), 3, 5e9, capacity, 0)).toBeCloseTo(0.5 / 1.2);
    expect(BIMODAL.ownChance(memory.of(1), 2, 5e9, 0)).toBe(0);
    expect(BIMODAL.ownChance(memory.of(1), 3, 5e9, 0)).toBe(1);
  });

  it('mission control keeps success below failure, and the smaller of two failures in a minute', () => {
    const memory = new MissionControl();
    const pair = () => memory.of(1)!.get(2)!;
    memory.failed(1, 2, 1000, 0);
    memory.failed(1, 2, 2000, 59_999);
    expect(pair()).toMatchObject({ failAmount: 1000, failAt: 0 });
    memory.failed(1, 2, 2000, 60_000);
    expect(pair()).toMatchObject({ failAmount: 2000, failAt: 60_000 });
    memory.succeeded(1, 2, 3000, 60_000);
    expect(pair()).toMatchObject({ successAmount: 3000, failAmount: 3001 });
    memory.failed(1, 2, 500, 60_000);
    expect(pair()).toMatchObject({ successAmount: 499, failAmount: 500 });
    expect([memory.forgives(1, 2, 0), memory.forgives(1, 2, 1000), memory.forgives(1, 2, 70_000)]).toEqual([
      true,
      false,
      true,
    ]);
    for (let i = 0; i < 1001; i++) memory.ended(100_000);
    expect(memory.of(1)).toBeUndefined();
  });
});

describe('Eclair', () => {
  it('finds the cheapest ways in order, each once and without loops', () => {
    const net = new Net([...shortOrLong(1000), way(30, 2, 3, 100_000_000, 5000), way(31, 1, 4, 100_000_000)]);
    const { graph } = net;
    const own = [10, 20, 31].map((scid) => ({ half: net.half(scid), spendable: 1e11 }));
    const ways = kCheapest(graph, new ProbableSearch(graph), {
      count: 10,
      prices: { hopBase: 500, hopShare: 0, lockedPerBlock: 0, attemptBase: 0, attemptShare: 0 },
      payee: net.node(PAYEE),
      amount: 1000 * SAT,
      own,
      maxFee: 1e9,
      maxHops: 6,
      maxBlocks: 2016,
      isIgnored: () => false,
    });
    const named = ways.map((hops) => hops.map(({ half }) => String(graph.scidOfChannel(half >> 1))).join(' '));
    // 500, 1000, 1500, 6500 and 7000 msat.
    expect(named).toEqual(['31 22', '20 21 22', '10 11', '10 30 21 22', '20 30 11', '31 21 30 11']);
  });

  it('fills the cheapest ways in order, each with what its channels could hold', async () => {
    const net = new Net(twoWays(60_000, 60_000));
    const { outcome, parts } = net.pay(await net.open(ECLAIR), 100_000);
    expect(parts).toEqual([
      ['10 11', 60_000],
      ['20 21', 40_000],
    ]);
    expect(outcome).toMatchObject({ success: true, parts: 2 });
    // A way that could not carry a fifth of the amount is none.
    const thin = new Net(twoWays(19_000, 85_000));
    expect(thin.pay(await thin.open(ECLAIR), 100_000).parts).toEqual([]);
  });

  it('retries in parts of at least 15,000 sat that conserve the amount, over ways that have not failed', async () => {
    const spare = [way(40, 1, 4, 10_000_000), way(41, 4, PAYEE, 200_000, 0, 3000)];
    const net = new Net([...twoWays(1_000_000, 200_000), ...spare], [11]);
    const { outcome, parts } = net.pay(await net.open(ECLAIR), 100_000);
    const [first, ...retried] = parts;
    expect(first).toEqual(['10 11', 100_000]);
    expect(retried.reduce((total, [, sat]) => total + sat, 0)).toBe(100_000);
    expect(retried.every(([channels]) => channels !== '10 11')).toBe(true);
    for (const [, sat] of retried.slice(0, -1)) expect(sat).toBeGreaterThanOrEqual(20_000);
    expect(outcome.success).toBe(true);
  });

  it('tries again what failed when nothing else is left, for five attempts', async () => {
    const empty = new Net(twoWays(1_000_000, 1_000_000), [11, 21]);
    const { outcome, parts } = empty.pay(await empty.open(ECLAIR), 10_000);
    // Two ways, then a search in vain that counts, any way again, and the other one.
    expect(parts.slice(0, 2).map(([channels]) => channels)).toEqual(['10 11', '20 21']);
    expect(outcome).toMatchObject({ success: false, attempts: 4 });
  });
});

describe('LDK', () => {
  it('prices a hop from its base, its maximum and a chance with most of the weight at both ends', () => {
    expect(chanceBetween(0, 1000, 1000, 500)).toBeCloseTo(0.5);
    expect(chanceBetween(0, 1000, 1000, 250)).toBeCloseTo(chanceBetween(0, 1000, 1000, 300), 1);
    expect(chanceBetween(0, 1000, 1000, 50)).toBeLessThan(0.85);
    expect(chanceBetween(200, 800, 1000, 200)).toBe(1);
    const capacity = Float64Array.of(1e12);
    const scorer = new LdkScorer(PUBLISHED_PRICES, { capacity, max: Float64Array.of(4e11, 1e12) });
    const million = 2 ** 20;
    const untried = 5120 + 655_360 / 1024 + (50_000 + 6250) * -Math.log10(64 / 78);
    expect(scorer.penalty(0, million, 0, 0)).toBeCloseTo(untried, 0);
    expect(scorer.penalty(1, million, 0, 0)).toBeCloseTo(untried + 1250, 0);
    // What is in flight there counts for the chance, not for the price of the amount.
    expect(scorer.penalty(0, million, 5e11, 0)).toBeCloseTo(5760 + 56_250 * -Math.log10(32 / 78), 0);
  });

  it('takes amounts above a failure for impossible until the bound wears off, and learns the other direction', () => {
    const capacity = Float64Array.of(1e9);
    const scorer = new LdkScorer(PUBLISHED_PRICES, { capacity, max: Float64Array.of(1e9, 1e9) });
    scorer.failed(0, 5e8, 0);
    expect(scorer.penalty(0, 6e8, 0, 0)).toBeGreaterThan(1e11);
    expect(scorer.penalty(0, 4e8, 0, 0)).toBeLessThan(1e11);
    // The bound is back at three quarters of the capacity.
    expect(scorer.penalty(0, 6e8, 0, HOUR / 2)).toBeLessThan(1e11);
    // Half of the capacity is on the other side: nothing but the base is left of its price.
    expect(scorer.penalty(1, 4e8, 0, 0)).toBeCloseTo(5120 + (655_360 * 4e8) / 2 ** 30 + 1250, 0);
    scorer.settled(1, 9e8, 0);
    expect(scorer.penalty(1, 2e8, 0, 0)).toBeGreaterThan(1e11);
  });

  it('uses no more than a quarter of a channel where other ways could carry three times the amount, and all of it where not', async () => {
    const more = [4, 6].flatMap((n) => [way(10 * n, 1, n, 10_000_000), way(10 * n + 1, n, PAYEE, 10_000_000, 0, 3000)]);
    const net = new Net([...twoWays(600_000, 10_000_000), ...more]);
    expect(net.pay(await net.open(LDK_MODEL), 200_000).parts).toEqual([['20 21', 200_000]]);
    expect(net.pay(await net.open(LDK_MODEL), 100_000).parts).toEqual([['10 11', 100_000]]);
    const one = new Net(twoWays(600_000, 1_000));
    expect(one.pay(await one.open(LDK_MODEL), 200_000).parts).toEqual([['10 11', 200_000]]);
  });

  it('splits where no way carries all, and sends what failed another way', async () => {
    const net = new Net(twoWays(60_000, 60_000));
    const { outcome, parts } = net.pay(await net.open(LDK_MODEL), 100_000);
    expect(outcome).toMatchObject({ success: true, attempts: 2, parts: 2 });
    expect(parts.reduce((sum, [, sat]) => sum + sat, 0)).toBe(100_000);
    const empty = new Net(twoWays(1_000_000, 1_000_000), [11]);
    const again = empty.pay(await empty.open(LDK_MODEL), 100_000);
    expect(again.parts).toEqual([
      ['10 11', 100_000],
      ['20 21', 100_000],
    ]);
  });
});
