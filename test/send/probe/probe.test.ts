import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/wire/bytes.js';
import { START } from '../payment/support.js';
import { channel } from '../support.js';
import { failed, failing, ProbeWorld } from './world.js';

const FREE = { feeBaseMsat: 0, feePpm: 0 };
/** 1 - 2 - 99 and 1 - 3 - 99, a million sat each, of which an own channel can send all. */
const twoWays = [
  channel(12, 1, 2, 4_000_000, FREE, FREE),
  channel(13, 1, 3, 4_000_000, FREE, FREE),
  channel(29, 2, 99, 1_000_000, FREE, FREE),
  channel(39, 3, 99, 1_000_000, FREE, FREE),
];
const oneWay = [twoWays[0]!, twoWays[2]!];
const sat = (amount: number): bigint => BigInt(amount) * 1000n;

describe('how much gets through', () => {
  it('answers at once when the greatest amount arrives', () => {
    const world = new ProbeWorld(oneWay, sat(100_000));
    expect(world.run()).toEqual({
      arrivedMsat: sat(100_000),
      feeMsat: 0n,
      steps: [{ amountMsat: sat(100_000), parts: 1, feeMsat: 0n, outcome: 'arrived', words: 'it arrived in one part' }],
    });
    expect(world.reservedMsat()).toBe(0n);
    expect(world.isOver).toBe(true);
  });

  it('narrows to the balance between, and says why no more gets through', () => {
    const world = new ProbeWorld(oneWay, sat(900_000), {
      balances: { '29/0': sat(300_000) },
      over: { precisionPercent: 1 },
    });
    const answer = world.run();
    expect(answer.arrivedMsat <= sat(300_000)).toBe(true);
    expect(answer.failedMsat! > sat(300_000)).toBe(true);
    expect(Number(answer.failedMsat! - answer.arrivedMsat)).toBeLessThanOrEqual(Number(answer.failedMsat) / 100);
    expect(answer.reason).toMatchObject({ code: 'no_plan' });
    expect(answer.steps).toEqual(world.steps);
    expect(answer.steps.length).toBeLessThan(24);
    expect(world.reservedMsat()).toBe(0n);
  });

  it('adds up what several ways carry', () => {
    const world = new ProbeWorld(twoWays, sat(900_000), {
      balances: { '29/0': sat(300_000), '39/0': sat(200_000) },
      over: { precisionPercent: 2 },
    });
    const answer = world.run();
    expect(answer.arrivedMsat <= sat(500_000)).toBe(true);
    expect(answer.arrivedMsat > sat(450_000)).toBe(true);
  });

  it('sends the parts of an amount at once, each with a hash of its own', () => {
    const world = new ProbeWorld(twoWays, sat(1_500_000));
    expect(world.run().arrivedMsat).toBe(sat(1_500_000));
    expect(world.mostOut).toBe(sat(1_500_000));
    const hashes = new Set(world.sent.map(({ paymentHash }) => toHex(paymentHash)));
    expect(world.sent.length).toBeGreaterThan(1);
    expect(hashes.size).toBe(world.sent.length);
    expect(world.sent.every(({ totalMsat }) => totalMsat === sat(1_500_000))).toBe(true);
  });

  it('does not believe that parts pass together because they passed one after the other', () => {
    // Two ways that join in front of the payee, each with room for a little more than half.
    const half = { ...FREE, htlcMaximumMsat: sat(550_000) };
    const channels = [
      channel(12, 1, 2, 4_000_000, FREE, FREE),
      channel(13, 1, 3, 4_000_000, FREE, FREE),
      channel(25, 2, 5, 600_000, half, half),
      channel(35, 3, 5, 600_000, half, half),
      channel(59, 5, 99, 4_000_000, FREE, FREE),
    ];
    // The first part fails before it comes to where they join, so the others get through there one after the other.
    const world = new ProbeWorld(channels, sat(1_000_000), {
      balances: { '59/0': sat(600_000) },
      fate: ({ part }, nth) => (nth === 0 ? failing(part.id, 1, 0x1007) : undefined),
    });
    const { arrivedMsat, steps } = world.run();
    expect(steps[0]).toMatchObject({ amountMsat: sat(1_000_000), outcome: 'did_not' });
    expect(arrivedMsat <= sat(600_000)).toBe(true);
  });

  it('is cut to what own channels can send', () => {
    const world = new ProbeWorld(oneWay, sat(50_000_000));
    const answer = world.run();
    expect(answer.failedMsat! <= sat(50_000_000)).toBe(true);
    expect(answer.arrivedMsat <= sat(1_000_000)).toBe(true);
    expect(answer.arrivedMsat > sat(900_000)).toBe(true);
  });

  it('says at once that nothing leads to the payee', () => {
    const world = new ProbeWorld([twoWays[0]!, channel(77, 7, 99, 1_000_000)], sat(1000));
    expect(world.run()).toMatchObject({ arrivedMsat: 0n, reason: { refusal: { code: 'unreachable' } } });
    expect(world.steps).toHaveLength(1);
    expect(world.sent).toHaveLength(0);
  });

  it('finds the truth in any small network, and leaves nothing reserved', () => {
    const balance = fc.integer({ min: 0, max: 1_000_000 });
    let found = 0;
    fc.assert(
      fc.property(balance, balance, balance, fc.integer({ min: 10_000, max: 1_900_000 }), (a, b, c, asked) => {
        // 1 -> 2 -> 99, 1 -> 3 -> 99 and 1 -> 3 -> 2 -> 99.
        const channels = [...twoWays, channel(23, 2, 3, 1_000_000, FREE, FREE)];
        const balances = { '29/0': sat(a), '39/0': sat(b), '23/1': sat(c) };
        const world = new ProbeWorld(channels, sat(asked), { balances });
        const answer = world.run();
        const truth = sat(a) + sat(b);
        expect(answer.arrivedMsat <= truth).toBe(true);
        if (answer.failedMsat === undefined) expect(answer.arrivedMsat).toBe(sat(asked));
        else expect(answer.failedMsat <= sat(asked)).toBe(true);
        if (Number(answer.arrivedMsat) > 0.9 * Number(truth < sat(asked) ? truth : sat(asked))) found++;
        expect(world.reservedMsat()).toBe(0n);
        expect(world.isOver).toBe(true);
        expect(world.alarms).toEqual([]);
        expect(world.sent.length).toBeLessThan(450);
      }),
      { seed: 41, numRuns: 80 },
    );
    // Channels of which a plan may use up no more than their greater part leave some of the truth out.
    expect(found).toBeGreaterThan(60);
  });
});

describe('nodes that do not do as they should', () => {
  it('does not wait for a node that keeps a part, and forgets nothing of it', () => {
    const world = new ProbeWorld(twoWays, sat(100_000), { fate: (_, nth) => (nth === 0 ? 'held' : undefined) });
    expect(world.run()).toMatchObject({ arrivedMsat: sat(100_000) });
    expect(world.now - START).toBeLessThan(15_000);
    expect(world.isOver).toBe(false);
    expect(world.reservedMsat()).toBeGreaterThan(0n);
    const { part } = world.held[0]!;
    world.tell(failing(part.id, part.hops.length, 0x400f));
    world.tell(failing(part.id, part.hops.length, 0x400f));
    expect(world.isOver).toBe(true);
    expect(world.reservedMsat()).toBe(0n);
  });

  it('ends at its deadline with every part held', () => {
    const world = new ProbeWorld(twoWays, sat(100_000), { fate: () => 'held' });
    expect(world.run()).toMatchObject({ arrivedMsat: 0n });
    expect(world.now - START).toBeLessThanOrEqual(60_000);
    for (const { part } of world.held) world.tell({ type: 'lost', part: part.id });
    expect(world.isOver).toBe(true);
    expect(world.reservedMsat()).toBe(0n);
  });

  it('raises an alarm for a part that settles, which cannot be, and stops', () => {
    const world = new ProbeWorld(twoWays, sat(100_000), {
      fate: ({ part }) => ({
        type: 'outcome',
        part: part.id,
        outcome: { kind: 'settled', preimage: new Uint8Array(32) },
      }),
    });
    expect(world.run()).toMatchObject({ arrivedMsat: 0n, reason: { code: 'payee_node' } });
    expect(world.alarms).toHaveLength(1);
    expect(world.reservedMsat()).toBe(0n);
  });

  it('does not take the word of a node on the way for that of the payee', () => {
    const world = new ProbeWorld(oneWay, sat(100_000), { fate: ({ part }) => failing(part.id, 1, 0x400f) });
    expect(world.run()).toMatchObject({ arrivedMsat: 0n });
  });

  it('ends where the payee cannot read what it gets', () => {
    const world = new ProbeWorld(oneWay, sat(100_000), {
      fate: ({ part }) => failing(part.id, part.hops.length, 0x4016),
    });
    expect(world.run()).toMatchObject({ arrivedMsat: 0n, reason: { code: 'payee_node' } });
    expect(world.sent).toHaveLength(1);
  });

  it('counts a part that the payee kept for others as arrived', () => {
    const world = new ProbeWorld(oneWay, sat(100_000), {
      fate: ({ part }) => failing(part.id, part.hops.length, 23),
    });
    expect(world.run()).toMatchObject({ arrivedMsat: sat(100_000) });
  });

  it('ends with garbage for every answer, within its limits', () => {
    const garbage = fc.oneof(
      fc.record({ kind: fc.constant('unreadable' as const), brokenAt: fc.integer({ min: -2, max: 6 }) }),
      fc.record({
        kind: fc.constant('decoded' as const),
        reporter: fc.integer({ min: -2, max: 6 }),
        code: fc.integer({ min: -1, max: 0x1_0000 }),
      }),
      fc.constant({ kind: 'local' as const, reason: 'balance' as const }),
    );
    fc.assert(
      fc.property(fc.infiniteStream(garbage), (answers) => {
        const world = new ProbeWorld(twoWays, sat(1_200_000), {
          fate: ({ part }) => failed(part.id, answers.next().value as never),
        });
        const answer = world.run();
        expect(world.sent.length).toBeLessThan(450);
        expect(answer.arrivedMsat <= sat(1_200_000)).toBe(true);
        expect(world.reservedMsat()).toBe(0n);
      }),
      { seed: 42, numRuns: 200 },
    );
  });

  it('stops when asked to and answers with what is known', () => {
    const world = new ProbeWorld(twoWays, sat(100_000), { fate: () => 'held' });
    world.tell({ type: 'start' });
    world.tell({ type: 'stop' });
    world.tell({ type: 'stop' });
    expect(world.answer).toMatchObject({ arrivedMsat: 0n, reason: { code: 'asked' } });
  });
});
