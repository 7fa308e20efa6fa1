import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE_TABLE } from '../../../src/send/index.js';
import { PREIMAGE, START, updateOf } from '../payment/support.js';
import { channel, nodeId } from '../support.js';
import { type Character, type Deed, failure, type LiarOptions, LiarWorld, PAYEE, says } from './liars.js';

/** Three ways of two nodes each; the last is dearer, so it is tried when the others have failed. */
const CHEAP = { feeBaseMsat: 0, feePpm: 10 };
const DEAR = { feeBaseMsat: 1000, feePpm: 2000 };
const net = [
  ...[2, 3, 4].map((node) => channel(10 + node, 1, node, 1_000_000)),
  ...[2, 3, 4].map((node) => channel(100 + node, node, node + 10, 1_000_000, node === 4 ? DEAR : CHEAP)),
  ...[2, 3, 4].map((node) => channel(200 + node, node + 10, PAYEE, 1_000_000, node === 4 ? DEAR : CHEAP)),
];

/** The two cheap ways lie at their first node. */
const run = (character: Character, options: LiarOptions = {}) =>
  new LiarWorld(net, { 2: character, 3: character }, options).run();

const FINAL_ONLY = [0x400f, 18, 19, 23, 0x4010, 17];

function expectNothingForgotten(world: LiarWorld): void {
  expect(world.wrongReservations()).toEqual([]);
  const ends = world.kinds().filter((kind) => kind === 'succeeded' || kind === 'failed');
  if (world.state.phase === 'succeeded' || world.state.phase === 'failed') expect(ends).toHaveLength(1);
  else expect(ends).toHaveLength(0);
}

describe('nodes on the way that lie', () => {
  for (const code of FINAL_ONLY) {
    it(`a code that only a payee may send, 0x${code.toString(16)}, does not end the payment`, () => {
      const world = run((_, position) => [says(position, code)]);
      expect(world.state.phase).toBe('succeeded');
      expect(world.sent.length).toBeLessThanOrEqual(3);
      expectNothingForgotten(world);
    });
  }

  for (const [code, { name }] of FAILURE_TABLE) {
    it(`${name} from every node but those of one way: that way is found`, () => {
      const world = run((_, position) => [says(position, code)]);
      expect(world.state.phase).toBe('succeeded');
      // A channel that claims to hold less and less is believed for a while.
      expect(world.sent.length).toBeLessThan(name === 'temporary_channel_failure' ? 50 : 12);
      expectNothingForgotten(world);
    });
  }

  it('wrong blame: the node behind is said to have failed, again and again', () => {
    // Attribution is in the onion: who forges it for others makes it unreadable, or names itself.
    for (const code of [0x1007, 0x100c, 0x2002, 0x4008, 0xc005]) {
      const world = run((part, position) => [says(Math.min(position + 1, part.hops.length - 1), code)]);
      expect(world.state.phase).toBe('succeeded');
      expectNothingForgotten(world);
    }
  });

  it('garbage, with attribution that points at the honest neighbour or nowhere', () => {
    for (const brokenAt of [undefined, 0, 1, 2, 3, 77, -1, Number.NaN]) {
      const world = run(() => [failure(100, { kind: 'unreadable', ...(brokenAt === undefined ? {} : { brokenAt }) })]);
      expect(world.state.phase).toBe('succeeded');
      expect(world.sent.length).toBeLessThan(12);
      expectNothingForgotten(world);
    }
  });

  it('forged updates: absurd ones are not believed, those of others not either, a flood of good ones not for ever', () => {
    const update = new Uint8Array(200).fill(0xff);
    for (const isSigned of [true, false]) {
      let asked = 0;
      const verifyUpdate = () => isSigned && ++asked > 0;
      const world = run((_, position) => [says(position, 0x100c, { channelUpdate: update })], { verifyUpdate });
      expect(world.state.phase).toBe('succeeded');
      // 0xff… asks for more blocks than anybody would lock: refused before its signature is of interest.
      expect(asked).toBe(0);
      expectNothingForgotten(world);
    }
  });

  it('answers twice, also with another word the second time', () => {
    for (const times of [2, 3]) {
      const world = run((_, position) => [says(position, 0x1007)], { times });
      expect(world.state.phase).toBe('succeeded');
      expectNothingForgotten(world);
    }
    const second: Character = (_, position) => [says(position, 0x1007), says(position, 0x400f, {}, 150)];
    const world = run(second);
    expect(world.state.phase).toBe('succeeded');
    expectNothingForgotten(world);
  });

  it('reports a failure and settles afterwards: the payment is paid, and somebody is told', () => {
    const liar: Character = (_, position) => [
      says(position, 0x1007),
      { after: 5000, outcome: { kind: 'settled', preimage: PREIMAGE } },
    ];
    const world = run(liar);
    expect(world.state.phase).toBe('succeeded');
    expect(world.alarms().join()).toMatch(/has settled after it was taken for failed/);
    expectNothingForgotten(world);
  });

  it('settles with a preimage that is none: the part stays out until its node says otherwise', () => {
    const liar: Character = () => [{ after: 100, outcome: { kind: 'settled', preimage: new Uint8Array(32) } }];
    const world = run(liar);
    expect(world.kinds()).not.toContain('succeeded');
    expect(world.kinds()).not.toContain('failed');
    expect(world.state.parts[0]!.state).toBe('unknown');
    expect(world.alarms().length).toBeGreaterThan(0);
    expectNothingForgotten(world);
  });

  it('holds for hours: no part replaces it, failure is not claimed, and its end is still heard', () => {
    const world = run(() => ['hold']);
    expect(world.state.phase).toBe('stopping');
    expect(world.now - START).toBeGreaterThanOrEqual(60_000);
    expect(world.sent).toHaveLength(1);
    expect(world.kinds()).not.toContain('failed');
    expectNothingForgotten(world);
    const held = world.sent[0]!;
    world.now += 5 * 3_600_000;
    world.tell({ type: 'outcome', part: held.id, outcome: says0x1007(held.hops.length) });
    expect(world.state).toMatchObject({ phase: 'failed', isEnded: true });
    expectNothingForgotten(world);
  });

  it('holds one part for hours while the rest is found a way: paid when it arrives after all', () => {
    const world = new LiarWorld(net, { 2: () => ['hold'] }, { amountMsat: 700_000_000n }).run();
    expect(world.state.phase).toBe('stopping');
    const held = world.state.parts.filter(({ state }) => state === 'sent');
    expect(held.length).toBeGreaterThan(0);
    world.now += 3_600_000;
    world.tell({ type: 'outcome', part: held[0]!.id, outcome: { kind: 'settled', preimage: PREIMAGE } });
    expect(world.state.phase).toBe('succeeded');
    expectNothingForgotten(world);
  });
});

const says0x1007 = (hops: number): Extract<Deed, object>['outcome'] => {
  const deed = says(hops - 1, 0x1007);
  if (deed === 'hold') throw new Error('it holds nothing');
  return deed.outcome;
};

describe('payees that lie', () => {
  it('any code, every time: the payment ends and says so', () => {
    for (const code of [...FAILURE_TABLE.keys(), 0, 0x0fff, 0xffff]) {
      const world = new LiarWorld(net, { [PAYEE]: (_, position) => [says(position, code)] }).run();
      expect(world.state).toMatchObject({ phase: 'failed', isEnded: true });
      expect(world.state.stop!.message.length).toBeGreaterThan(10);
      expect(world.sent.length).toBeLessThan(30);
      expectNothingForgotten(world);
    }
  });

  it('takes less than it asked for and proves it: paid, with the rest back', () => {
    const early: Character = (part, position, nth) =>
      nth === 0
        ? [{ after: 100, outcome: { kind: 'settled', preimage: PREIMAGE } }]
        : [says(position, 23, {}, 300 + Number(part.amountMsat % 2n))];
    const world = new LiarWorld(net, { [PAYEE]: early }, { amountMsat: 700_000_000n }).run();
    expect(world.state).toMatchObject({ phase: 'succeeded', isEnded: true });
    expectNothingForgotten(world);
  });

  it('a block height that nobody can have is not waited for', () => {
    for (const height of [0, 2 ** 31, 0xffff_ffff, 799_999]) {
      const world = new LiarWorld(net, { [PAYEE]: (_, position) => [says(position, 0x400f, { height })] }).run();
      expect(world.state).toMatchObject({ phase: 'failed', stop: { code: 'payee_refused' } });
      expect(world.sent).toHaveLength(1);
    }
  });
});

describe('trouble that hits every part of a plan', () => {
  const amountMsat = 3_400_000_000n;
  /** No single one of these ways carries so much. */
  const waysTo = (end: number) =>
    [2, 3, 4, 5].flatMap((node) => [
      channel(10 + node, 1, node, 2_000_000, CHEAP),
      channel(100 + node, node, node + 10, 1_000_000, CHEAP),
      channel(200 + node, node + 10, end, 1_000_000, CHEAP),
    ]);
  const inParts = (character: Character, options: LiarOptions = {}) =>
    new LiarWorld(waysTo(PAYEE), { [PAYEE]: character }, { amountMsat, ...options });
  const honest = inParts(() => undefined).run();
  const parts = honest.sent.length;

  it('takes several parts without trouble', () => {
    expect(honest.state.phase).toBe('succeeded');
    expect(parts).toBeGreaterThan(3);
  });

  const troubles: readonly [string, Character, LiarOptions?][] = [
    [
      'the payee is in trouble for a moment',
      (_, position, nth) => (nth < parts ? [says(position, 0x2002)] : undefined),
    ],
    [
      'the payee finds the expiry too far',
      (_, position, nth) => (nth < parts ? [says(position, 21)] : undefined),
      { terms: { offsetBlocks: 40 } },
    ],
  ];

  it.each(troubles)('%s: paid with the next plan', (_, character, options) => {
    const world = inParts(character, options).run();
    expect(world.state.phase).toBe('succeeded');
    expect(world.sent.length).toBeLessThanOrEqual(2 * parts);
    expectNothingForgotten(world);
  });

  it('a channel with newer terms before the only hint: paid by them, and nobody is marked', () => {
    const hint = { from: nodeId(50), scid: 999n, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 };
    const payee = { nodeId: nodeId(PAYEE), finalCltvDelta: 18, hints: [[hint]] };
    const update = updateOf({ scid: 999n, base: 3000, ppm: 0, cltv: 40, maximum: 10n ** 12n });
    const asks: Character = (part, position) => {
      const paid = part.hops[position - 1]!.amountMsat - part.hops[position]!.amountMsat;
      return paid < 3000n ? [says(position, 0x100c, { channelUpdate: update })] : undefined;
    };
    const options = { amountMsat, terms: { payee }, verifyUpdate: () => true };
    const world = new LiarWorld(waysTo(50), { 50: asks }, options).run();
    expect(world.state.phase).toBe('succeeded');
    expect(world.state.parts.filter(({ state }) => state === 'failed').length).toBeGreaterThan(1);
    expect(world.state.memory.map(({ kind }) => kind)).toEqual(['policy']);
    expectNothingForgotten(world);
  });
});

describe('any liars anywhere', () => {
  const code = fc.constantFrom(...FAILURE_TABLE.keys(), 0, 0xffff);
  const lie = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('says' as const), code, off: fc.constantFrom(0, 0, 0, 1, -1, 9) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('garbage' as const), brokenAt: fc.integer({ min: -1, max: 5 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('claim' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('forward' as const) }) },
  );

  it('the payment pays at most its amount, tells the truth, and forgets nothing', () => {
    const counts = { succeeded: 0, failed: 0, open: 0 };
    const liars = fc.tuple(
      ...[2, 3, 4, 12, 13, PAYEE].map((node) =>
        fc.tuple(fc.constant(node), fc.array(lie, { minLength: 1, maxLength: 5 })),
      ),
    );
    fc.assert(
      fc.property(
        liars,
        fc.constantFrom(50_000_000n, 700_000_000n),
        fc.integer({ min: 1, max: 2 }),
        (told, amountMsat, times) => {
          const characters = Object.fromEntries(
            told.map(([node, lies]): [number, Character] => {
              let turn = 0;
              return [
                node,
                (_, position) => {
                  const now = lies[turn++ % lies.length]!;
                  if (now.kind === 'forward') return undefined;
                  if (now.kind === 'hold') return ['hold'];
                  if (now.kind === 'garbage') return [failure(90, { kind: 'unreadable', brokenAt: now.brokenAt })];
                  if (now.kind === 'claim')
                    return [{ after: 80, outcome: { kind: 'settled', preimage: new Uint8Array(32) } }];
                  return [says(position + now.off, now.code)];
                },
              ];
            }),
          );
          const world = new LiarWorld(net, characters, { amountMsat, times }).run();
          expectNothingForgotten(world);
          const live = world.state.parts.filter(({ state }) => state !== 'failed');
          expect(live.reduce((sum, part) => sum + part.amountMsat, 0n) <= amountMsat).toBe(true);
          expect(world.sent.length).toBeLessThan(150);
          if (world.state.phase === 'succeeded') counts.succeeded++;
          else if (world.state.isEnded) counts.failed++;
          else {
            counts.open++;
            // Only what is really out keeps it from its end.
            expect(live.some(({ state }) => state === 'sent' || state === 'unknown')).toBe(true);
          }
        },
      ),
      { seed: 51, numRuns: 400 },
    );
    expect(Math.min(counts.succeeded, counts.failed, counts.open)).toBeGreaterThan(20);
  });
});
