/** Prices of blinded paths: what they promise is kept, and what is absurd does no harm. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aggregateRelays, type PaymentRelay, relayThroughBlindedHop } from '../../../src/onion/index.js';
import type { Refusal } from '../../../src/send/index.js';
import { blindedPayee, pathNumber } from '../../../src/send/request/blinded-payee.js';
import { unwrap } from '../../../src/wire/result.js';
import { HEIGHT, termsOf } from '../payment/support.js';
import { nodeId, world } from '../support.js';
import { pathFrom, pathThrough } from './support.js';
import { answerOf, around, blindedTerms, NET } from './world.js';

const relays: fc.Arbitrary<PaymentRelay> = fc.record({
  feeBaseMsat: fc.oneof(fc.nat({ max: 10_000 }), fc.constantFrom(0, 1, 0xffff)),
  feeProportionalMillionths: fc.oneof(fc.nat({ max: 10_000 }), fc.constantFrom(0, 1, 999_999)),
  cltvExpiryDelta: fc.integer({ min: 0, max: 216 }),
});

/** Amount and expiry at the end, as the path's relays make them out of what reaches the first. */
function relayed(amountMsat: bigint, expiry: number, along: readonly PaymentRelay[]) {
  return along.reduce(
    (htlc, relay) => unwrap(relayThroughBlindedHop(htlc.amtToForward, htlc.outgoingCltvValue, relay)),
    { amtToForward: amountMsat, outgoingCltvValue: expiry },
  );
}

describe('what reaches the payee', () => {
  it('is what it was promised, by the arithmetic of every hop of the path, on any graph', () => {
    let plans = 0;
    fc.assert(
      fc.property(
        world({ nodes: 8, channels: 16, hostile: false }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.array(relays, { maxLength: 4 })), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.bigInt({ min: 1n, max: 500_000_000n }),
        fc.integer({ min: 0, max: 144 }),
        ({ channels }, ways, amountMsat, finalBlocks) => {
          const paths = ways.map(([node, along], i) => {
            const names = Array.from({ length: along.length + 1 }, (_, k) => `${i} ${node} ${k}`);
            const made = pathThrough(names, along, {}, finalBlocks);
            return { ...made, path: { ...made.path, firstNode: { nodeId: nodeId(node) } } };
          });
          const terms = blindedTerms(paths, { amountMsat, budgetMsat: amountMsat * 10n + 1_000_000n, maxParts: 4 });
          const answer = answerOf(terms, around(channels));
          if (!('kind' in answer) || answer.kind !== 'plan') return;
          plans++;
          for (const { hops, amountMsat: arrives } of answer.parts) {
            const into = hops.at(-2)!;
            const last = hops.at(-1)!;
            const index = pathNumber(last.scid) - 1;
            expect(last.blindedPath).toBe(paths[index]!.path);
            const end = relayed(into.amountMsat, into.expiry, ways[index]![1]);
            expect(end.amtToForward).toBeGreaterThanOrEqual(arrives);
            expect(end.outgoingCltvValue).toBe(last.expiry + finalBlocks);
          }
        },
      ),
      { numRuns: 300, seed: 5 },
    );
    expect(plans).toBeGreaterThan(100);
  });

  it('is enough for any relays whose price was summed up as BOLT 4 does, and hardly more', () => {
    fc.assert(
      fc.property(
        fc.array(relays, { minLength: 1, maxLength: 6 }),
        fc.bigInt({ min: 1n, max: 2n ** 40n }),
        (along, amount) => {
          const { feeBaseMsat, feeProportionalMillionths } = aggregateRelays(along, 0);
          const paid = amount + feeBaseMsat + (amount * feeProportionalMillionths) / 1_000_000n;
          const { amtToForward } = relayed(paid, 10_000, along);
          expect(amtToForward).toBeGreaterThanOrEqual(amount);
          // Rounding up at each hop costs a millionth of the amount and a millisatoshi.
          const slack = BigInt(along.length) * (amount / 250_000n + 64n);
          expect(amtToForward).toBeLessThanOrEqual(amount + slack);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('hostile prices', () => {
  const u32 = 0xffff_ffff;
  const nodes = [1, 2, 3];
  const payInfo = fc.record({
    feeBaseMsat: fc.constantFrom(0, 1, u32),
    feeProportionalMillionths: fc.constantFrom(0, 1, 1_000_000, u32),
    cltvExpiryDelta: fc.constantFrom(0, 40, 2016, 65_535),
    htlcMinimumMsat: fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n),
    htlcMaximumMsat: fc.constantFrom(0n, 1n, 1_000_000n, 2n ** 64n - 1n),
    features: fc.constantFrom([], [1], [2], [7, 90_000]),
  });

  it('lead to a plan within all limits or to words, with hundreds of paths too', () => {
    const base = pathFrom(1);
    let plans = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(payInfo, fc.constantFrom(...nodes)), { maxLength: 200 }), (all) => {
        const paths = all.map(([info, node]) => ({
          path: { ...base.path, firstNode: { nodeId: nodeId(node) } },
          payInfo: info,
        }));
        const payee = blindedPayee({ nodeId: nodeId(99), paths }, 2016, () => undefined);
        if (!payee.ok) {
          expect(payee.error).toMatchObject({ code: 'no_usable_path', field: 'invoice' });
          return;
        }
        expect(payee.value.hints.length).toBeLessThanOrEqual(20);
        const answer = answerOf(termsOf({ payee: payee.value, maxBlocks: 2016 }), around(NET));
        if (!('kind' in answer) || answer.kind === 'refusal') {
          expect((answer as Refusal).message.length).toBeGreaterThan(10);
          return;
        }
        plans++;
        const { parts, feeMsat } = answer;
        expect(feeMsat).toBeLessThanOrEqual(10_000n);
        for (const { hops } of parts) {
          const { payInfo: info } = paths[pathNumber(hops.at(-1)!.scid) - 1]!;
          expect(hops.at(-1)!.amountMsat).toBeGreaterThanOrEqual(info.htlcMinimumMsat);
          expect(hops.at(-1)!.amountMsat).toBeLessThanOrEqual(info.htlcMaximumMsat);
          expect(hops[0]!.expiry).toBeLessThanOrEqual(HEIGHT + 2016);
        }
      }),
      { numRuns: 120, seed: 3 },
    );
    expect(plans).toBeGreaterThan(8);
  });

  it.each([
    ['a feature that is not known', { features: [2] }, /feature/u],
    ['no amount', { htlcMaximumMsat: 0n }, /carries no amount/u],
    ['a minimum above the maximum', { htlcMinimumMsat: 2n, htlcMaximumMsat: 1n }, /carries no amount/u],
    ['more blocks than allowed', { cltvExpiryDelta: 65_535 }, /more blocks/u],
  ])('are told: %s', (_, over, words) => {
    const payee = blindedPayee({ nodeId: nodeId(9), paths: [pathFrom(1, over)] }, 2016, () => undefined);
    expect(payee).toMatchObject({ error: { code: 'no_usable_path', message: expect.stringMatching(words) as string } });
  });

  it('of no path at all are told too', () => {
    expect(blindedPayee({ nodeId: nodeId(9), paths: [] }, 2016, () => undefined).ok).toBe(false);
  });
});
