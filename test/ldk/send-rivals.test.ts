/** LDK's own router against our model of it. */
import { describe, expect, it } from 'vitest';
import { LDK_MODEL_01 } from '../../bench/send/ldk-model.js';
import { LDK_REAL } from '../../bench/send/ldk-real.js';
import { Net, shortOrLong, twoWays } from '../bench/rival-net.js';

describe('LDK as a rival', () => {
  it('the library itself decides as the model with its prices does', { timeout: 60_000 }, async () => {
    const nets: readonly (readonly [Net, number])[] = [
      [new Net(twoWays(600_000, 1_000_000)), 100_000],
      [new Net(twoWays(600_000, 1_000_000)), 200_000],
      [new Net(twoWays(600_000, 10_000_000)), 300_000],
      [new Net(twoWays(600_000, 10_000_000)), 500_000],
      [new Net(twoWays(60_000, 60_000)), 100_000],
      [new Net(twoWays(600_000, 1_000)), 200_000],
      [new Net(twoWays(1_000_000, 1_000_000), [11]), 100_000],
      [new Net(shortOrLong(1000)), 1000],
      [new Net(shortOrLong(100_000)), 1000],
      [new Net(twoWays(15_000, 1_000)), 100_000],
    ];
    for (const [net, sat] of nets) {
      const model = net.pay(await net.open(LDK_MODEL_01), sat);
      const real = net.pay(await net.open(LDK_REAL), sat);
      // The library sends the parts of a route in any order.
      expect(real.parts.toSorted()).toEqual(model.parts.toSorted());
      expect(real.outcome.success).toBe(model.outcome.success);
    }
  });
});
