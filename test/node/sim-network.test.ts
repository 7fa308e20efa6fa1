import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec, sha256 } from '../../src/crypto/index.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { FakePayer } from '../../src/node/sim/payer.js';
import { checkForward, checkInterception, forwardingFee } from '../../src/node/sim/forwarding.js';
import { Faults } from '../../src/node/sim/faults.js';
import { DEFAULT_POLICY, SimNetwork, type OpenChannelOptions } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import type { Mistakes, PayableInvoice, PaymentRecord } from '../../src/node/sim/payment.js';
import { Random } from '../../src/node/sim/random.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { toHex } from '../../src/wire/bytes.js';
import type { Msat } from '../../src/wire/units.js';

interface Line {
  readonly network: SimNetwork;
  readonly clock: VirtualClock;
  readonly payer: FakePayer;
  readonly faults: Faults;
  readonly nodes: readonly SimNode[];
}

const HALF = { balances: [1_000_000_000n, 1_000_000_000n] } as const;

/** ann – bob – col – dan, no interceptor anywhere. */
function line(seed: number, channel: Partial<OpenChannelOptions> = {}): Line {
  const clock = new VirtualClock();
  const network = new SimNetwork({ seed, clock, keepTrace: true });
  const nodes = ['ann', 'bob', 'col', 'dan'].map((name) => network.addNode(name));
  for (let i = 0; i < 3; i++) network.openChannel(nodes[i]!, nodes[i + 1]!, { ...HALF, ...channel });
  return { network, clock, payer: new FakePayer(network, nodes[0]!), faults: new Faults(network), nodes };
}

/** An invoice of an ordinary node. */
function invoiceOf(network: SimNetwork, name: string, amountMsat: Msat, label = 'invoice'): PayableInvoice {
  const random = network.random.fork(label);
  const node = network.node(name);
  const preimage = random.bytes(32);
  const paymentSecret = random.bytes(32);
  const paymentHash = sha256(preimage);
  node.till.add({ paymentHash, paymentSecret, preimage, amountMsat });
  return { paymentHash, paymentSecret, payee: node.nodeId, amountMsat, minFinalCltvExpiryDelta: 18, routeHints: [] };
}

async function pay(
  world: Line,
  amountMsat: Msat,
  mistakes: Mistakes = {},
  invoice?: PayableInvoice,
): Promise<PaymentRecord> {
  const { network, clock, payer } = world;
  return clock.finish(payer.pay({ invoice: invoice ?? invoiceOf(network, 'dan', amountMsat), mistakes, attempts: 1 }));
}

const failureOf = (record: PaymentRecord): { blamed: string; code: number } | undefined => {
  const failure = record.parts[0]!.attempts[0]?.failure;
  return failure && { blamed: failure.blamed, code: failure.code };
};

function moneyOf({ channels }: SimNetwork): Msat[] {
  return channels.map((channel) => {
    let sum = channel.balance(0) + channel.balance(1);
    for (const htlc of channel.live) sum += htlc.sent.amountMsat;
    return sum;
  });
}

describe('an ordinary payment', () => {
  it('pays the relays what they ask and moves the rest', async () => {
    const world = line(1);
    const record = await pay(world, 5_000_000n);
    expect(record).toMatchObject({ outcome: 'settled', parts: [{ outcome: 'settled' }] });
    const feeCol = forwardingFee(DEFAULT_POLICY, 5_000_000n);
    const feeBob = forwardingFee(DEFAULT_POLICY, 5_000_000n + feeCol);
    expect(feeCol).toBe(1500n);
    expect(record.paidMsat).toBe(5_000_000n + feeCol + feeBob);
    await world.clock.runFor(1000);
    const [first, second, third] = world.network.channels as [(typeof world.network.channels)[0], never, never];
    expect(first.balance(0)).toBe(1_000_000_000n - record.paidMsat);
    expect((third as typeof first).balance(1)).toBe(1_005_000_000n);
    expect((second as typeof first).balance(0)).toBe(1_000_000_000n - 5_000_000n - feeCol);
    expect(world.network.liveHtlcs()).toEqual([]);
    expect(world.network.node('dan').till.isPaid(sha256(world.network.random.fork('invoice').bytes(32)))).toBe(true);
    const { htlcs } = world.network.observations();
    expect(htlcs).toHaveLength(3);
    for (const htlc of htlcs)
      expect(htlc).toMatchObject({ outcome: 'settled', onChain: false, preimage: record.preimage });
    expect(htlcs.map(({ expiry }) => expiry)).toEqual([...htlcs.map(({ expiry }) => expiry)].sort((a, b) => b - a));
  });

  it('arrives in parts, and as keysend', async () => {
    const world = line(2);
    const invoice = invoiceOf(world.network, 'dan', 900_000n);
    const parts = [{ amountMsat: 300_000n }, { amountMsat: 400_000n, delayMs: 700 }, { amountMsat: 200_000n }];
    const record = await world.clock.finish(world.payer.pay({ invoice, parts }));
    expect(record.parts.map(({ outcome }) => outcome)).toEqual(['settled', 'settled', 'settled']);
    const preimage = world.network.random.fork('keysend').bytes(32);
    const spontaneous = await world.clock.finish(
      world.payer.keysend({ payee: world.network.node('dan').nodeId, routeHints: [] }, 70_000n, preimage),
    );
    expect(spontaneous).toMatchObject({ outcome: 'settled', preimage: toHex(preimage) });
  });

  it('fails after a minute when a part is missing', async () => {
    const world = line(3);
    const invoice = invoiceOf(world.network, 'dan', 900_000n);
    const parts = [{ amountMsat: 300_000n }, { amountMsat: 600_000n, skip: true }];
    const start = world.clock.now();
    const record = await world.clock.finish(world.payer.pay({ invoice, parts }));
    expect(record.parts.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped']);
    expect(failureOf(record)).toEqual({ blamed: 'dan', code: FailureCode.mppTimeout });
    expect(world.clock.now() - start).toBeGreaterThanOrEqual(60_000);
    expect(record.paidMsat).toBe(0n);
  });
});

describe('rules of forwarding', () => {
  const height = 850_000;
  const good = {
    incomingAmountMsat: 1_001_100n,
    incomingExpiry: height + 100,
    amtToForward: 1_000_000n,
    outgoingCltvValue: height + 60,
  };
  const codeOf = (changes: Partial<typeof good>): number | undefined => {
    const failure = checkForward({ ...good, ...changes }, DEFAULT_POLICY, height);
    return failure && (failure[0]! << 8) | failure[1]!;
  };

  it.each([
    ['exactly right', {}, undefined],
    ['below the minimum', { amtToForward: 999n }, FailureCode.amountBelowMinimum],
    ['above the maximum', { amtToForward: 10_000_000_001n }, FailureCode.temporaryChannelFailure],
    ['a fee short by one', { incomingAmountMsat: 1_001_099n }, FailureCode.feeInsufficient],
    ['less than nothing kept', { incomingAmountMsat: 999_999n }, FailureCode.feeInsufficient],
    ['a delta short by one', { incomingExpiry: height + 99 }, FailureCode.incorrectCltvExpiry],
    ['too soon', { outgoingCltvValue: height + 3 }, FailureCode.expiryTooSoon],
    ['too far', { outgoingCltvValue: height + 2017, incomingExpiry: height + 3000 }, FailureCode.expiryTooFar],
    ['the largest u64', { amtToForward: (1n << 64n) - 1n }, FailureCode.temporaryChannelFailure],
    [
      'the largest u32',
      { outgoingCltvValue: 0xffff_ffff, incomingExpiry: 0xffff_ffff },
      FailureCode.incorrectCltvExpiry,
    ],
  ])('%s', (_name, changes, code) => {
    expect(codeOf(changes)).toBe(code);
  });

  it('shows no HTLC that would be failed at once', () => {
    const codes = [height + 21, height + 22, 0x7fff_ffff, 0x8000_0000].map((expiry) => {
      const failure = checkInterception(expiry, height, 19);
      return failure && (failure[0]! << 8) | failure[1]!;
    });
    expect(codes).toEqual([FailureCode.expiryTooSoon, undefined, undefined, FailureCode.expiryTooFar]);
    expect(checkInterception(height, height, undefined)).toBeUndefined();
  });

  it.each([
    ['an unreadable onion, reported by the neighbour', { garbleByte: 0 }, 'bob', FailureCode.invalidOnionVersion],
    ['a changed payload', { garbleByte: 700 }, 'bob', FailureCode.invalidOnionHmac],
    ['a wrong secret', { paymentSecret: new Uint8Array(32) }, 'dan', FailureCode.incorrectOrUnknownPaymentDetails],
    ['a total that is too low', { totalMsat: 4_999_999n }, 'dan', FailureCode.incorrectOrUnknownPaymentDetails],
    ['a total of more than twice', { totalMsat: 10_000_001n }, 'dan', FailureCode.incorrectOrUnknownPaymentDetails],
    [
      'an amount that the HTLC does not have',
      { finalAmountMsat: 5_000_001n },
      'dan',
      FailureCode.finalIncorrectHtlcAmount,
    ],
    ['an expiry that the HTLC does not have', { finalExpiry: 900_000 }, 'dan', FailureCode.finalIncorrectCltvExpiry],
    ['too few blocks', { extraFinalBlocks: -1 }, 'dan', FailureCode.incorrectOrUnknownPaymentDetails],
    ['no payment data', { withoutPaymentData: true }, 'dan', FailureCode.invalidOnionPayload],
    ['a layer for another key', { wrongPayee: true }, 'col', FailureCode.invalidOnionHmac],
  ] as const)('%s', async (_name, mistakes, blamed, code) => {
    const record = await pay(line(4), 5_000_000n, mistakes);
    expect(failureOf(record)).toEqual({ blamed, code });
    expect(record).toMatchObject({ outcome: 'failed', paidMsat: 0n, preimage: undefined });
  });

  it('says nothing about why a channel does not take an HTLC', async () => {
    const poor = line(5);
    poor.network.openChannel(poor.nodes[0]!, poor.nodes[1]!, { balances: [5_000_000_000n, 0n] });
    const down = line(5);
    down.faults.cutLink('col', 'dan');
    const full = line(5, { slots: 1 });
    const blocker = full.payer.start({
      invoice: invoiceOf(full.network, 'dan', 9_000n, 'x'),
      parts: [{ amountMsat: 5_000n }],
    });
    await full.clock.runFor(500);
    expect(blocker.record.outcome).toBe('pending');
    full.network.openChannel(full.nodes[0]!, full.nodes[1]!, HALF);
    const expected = { code: FailureCode.temporaryChannelFailure };
    expect(failureOf(await pay(poor, 995_000_000n))).toEqual({ ...expected, blamed: 'bob' });
    expect(failureOf(await pay(down, 5_000_000n))).toEqual({ ...expected, blamed: 'col' });
    expect(failureOf(await pay(full, 5_000_000n))).toEqual({ ...expected, blamed: 'bob' });
  });

  it('lets a payer see who garbled what', async () => {
    const skim = line(6);
    skim.faults.cheat('col', { skimMsat: 1n });
    expect(failureOf(await pay(skim, 5_000_000n))).toEqual({
      blamed: 'dan',
      code: FailureCode.finalIncorrectHtlcAmount,
    });
    const hurry = line(6);
    hurry.faults.cheat('col', { skimBlocks: 1 });
    expect(failureOf(await pay(hurry, 5_000_000n))).toEqual({
      blamed: 'dan',
      code: FailureCode.finalIncorrectCltvExpiry,
    });
    const garble = line(6);
    garble.faults.cheat('bob', { garbleByte: 40 });
    expect(failureOf(await pay(garble, 5_000_000n))).toEqual({ blamed: 'bob', code: FailureCode.invalidOnionHmac });
    garble.faults.cheat('bob', undefined);
    expect(await pay(garble, 6_000_000n, {}, invoiceOf(garble.network, 'dan', 6_000_000n, 'again'))).toMatchObject({
      outcome: 'settled',
    });
  });

  it('knows private channels by their alias only', async () => {
    const world = line(7);
    const { network, clock, payer } = world;
    const eve = network.addNode('eve');
    const hidden = network.openChannel(network.node('dan'), eve, { ...HALF, announced: false });
    const invoice = invoiceOf(network, 'eve', 2_000_000n);
    const hint = (shortChannelId: bigint): PayableInvoice => ({
      ...invoice,
      routeHints: [[{ nodeId: network.node('dan').nodeId, shortChannelId, ...DEFAULT_POLICY }]],
    });
    expect((await clock.finish(payer.pay({ invoice }))).parts[0]!.outcome).toBe('unroutable');
    const byScid = await clock.finish(payer.pay({ invoice: hint(hidden.scid) }));
    expect(failureOf(byScid)).toEqual({ blamed: 'dan', code: FailureCode.unknownNextPeer });
    const byAlias = await clock.finish(payer.pay({ invoice: hint(hidden.aliases[0]) }));
    expect(byAlias.outcome).toBe('settled');
    expect(hidden.aliases[0] >> 40n).toBeGreaterThanOrEqual(16_000_000n);
  });
});

describe('trouble on the way', () => {
  it('an interrupted link delivers when it is healed', async () => {
    const world = line(8);
    const invoice = invoiceOf(world.network, 'dan', 5_000_000n);
    const { record, done } = world.payer.start({ invoice });
    const htlcs = (): number => world.network.observations().htlcs.length;
    await world.clock.run(() => htlcs() === 2);
    world.faults.cutLink('bob', 'col');
    await world.clock.runFor(10_000);
    expect([record.outcome, htlcs()]).toEqual(['pending', 2]);
    world.faults.healLink('bob', 'col');
    expect((await world.clock.finish(done)).outcome).toBe('settled');
  });

  it('crashes of relays neither lose nor double a payment', async () => {
    for (let seed = 0; seed < 25; seed++) {
      const world = line(100 + seed);
      const chaos = new Random(seed);
      const before = moneyOf(world.network);
      const payments = [0, 1, 2].map((i) =>
        world.payer.start({ invoice: invoiceOf(world.network, 'dan', 2_000_000n, `i${i}`) }),
      );
      for (let i = 0; i < 6; i++) {
        const victim = chaos.pick(['bob', 'col', 'dan']);
        await world.clock.runFor(chaos.int(1, 120));
        world.faults.crashNode(victim);
        await world.clock.runFor(chaos.int(1, 300));
        world.faults.restartNode(victim);
      }
      await world.clock.finish(Promise.all(payments.map(({ done }) => done)));
      await world.clock.runFor(5_000);
      expect(world.network.liveHtlcs()).toEqual([]);
      expect(moneyOf(world.network)).toEqual(before);
      const paid = payments.reduce((sum, { record }) => sum + record.paidMsat, 0n);
      expect(world.network.channels[0]!.balance(0)).toBe(1_000_000_000n - paid);
      const settled = payments.filter(({ record }) => record.outcome === 'settled').length;
      expect(world.network.channels[2]!.balance(1)).toBe(1_000_000_000n + 2_000_000n * BigInt(settled));
    }
  });

  it('a payee that crashes counts each part once', async () => {
    const world = line(12);
    const invoice = invoiceOf(world.network, 'dan', 4_000_000n);
    const parts = [{ amountMsat: 2_000_000n }, { amountMsat: 2_000_000n, delayMs: 20_000 }];
    const { record, done } = world.payer.start({ invoice, parts });
    await world.clock.runFor(2_000);
    world.faults.crashNode('dan');
    world.faults.restartNode('dan');
    await world.clock.runFor(10_000);
    expect(record.parts[0]!.outcome).toBe('pending');
    expect((await world.clock.finish(done)).parts.map(({ outcome }) => outcome)).toEqual(['settled', 'settled']);
  });

  it('an HTLC that nobody resolves ends on chain, upstream last', async () => {
    const world = line(9);
    const { record, done } = world.payer.start({
      invoice: invoiceOf(world.network, 'dan', 9_000_000n),
      parts: [{ amountMsat: 5_000_000n }],
      attempts: 1,
    });
    await world.clock.runFor(1_000);
    world.faults.crashNode('dan');
    world.faults.mineBlocks(18 + 3 + 1 + 2);
    await world.clock.runFor(1_000);
    expect(world.network.channels.map(({ closed }) => closed)).toEqual([false, false, true]);
    expect(record.outcome).toBe('pending');
    world.faults.mineBlocks(4);
    await world.clock.finish(done);
    expect(failureOf(record)).toEqual({ blamed: 'col', code: FailureCode.permanentChannelFailure });
    expect(world.network.channels.map(({ closed }) => closed)).toEqual([false, false, true]);
    const last = world.network.observations().htlcs.at(-1)!;
    expect(last).toMatchObject({ outcome: 'failed', onChain: true, to: 'dan' });
  });

  it('a payer that was down learns on its return what the chain decided', async () => {
    const world = line(13);
    const invoice = invoiceOf(world.network, 'dan', 9_000_000n);
    const { record, done } = world.payer.start({ invoice, parts: [{ amountMsat: 5_000_000n }], attempts: 1 });
    await world.clock.runFor(1_000);
    world.faults.crashNode('ann');
    world.faults.forceClose('ann', 'bob');
    world.faults.mineBlocks(150);
    await world.clock.runFor(1_000);
    const first = world.network.observations().htlcs[0];
    expect([first?.outcome, first?.onChain, record.outcome]).toEqual(['failed', true, 'pending']);
    world.faults.restartNode('ann');
    expect((await world.clock.finish(done)).outcome).toBe('failed');
  });

  it('a node that lags sees blocks later, and never goes back', () => {
    const { network, faults } = line(10);
    const [ann, bob] = network.nodes as [SimNode, SimNode];
    faults.lagHeight('ann', 3);
    faults.mineBlocks(2);
    expect([ann.height, bob.height]).toEqual([850_000, 850_002]);
    faults.mineBlocks(5);
    expect([ann.height, bob.height]).toEqual([850_004, 850_007]);
    faults.lagHeight('ann', 0);
    expect(ann.height).toBe(850_007);
    faults.crashNode('bob');
    faults.mineBlocks(1);
    expect([ann.height, bob.height]).toEqual([850_008, 850_007]);
    faults.restartNode('bob');
    expect(bob.height).toBe(850_008);
  });
});

describe('money', () => {
  it('is conserved over random traffic and faults', async () => {
    const traffic = fc.record({
      seed: fc.nat(1_000_000),
      payments: fc.array(
        fc.record({
          to: fc.constantFrom('bob', 'col', 'dan'),
          amount: fc.bigInt({ min: 1_000n, max: 700_000_000n }),
          after: fc.nat(300),
          parts: fc.integer({ min: 1, max: 4 }),
          fault: fc.constantFrom('none', 'crash', 'cut', 'mine', 'cheat', 'close'),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(traffic, async ({ seed, payments }) => {
        const world = line(seed);
        const before = moneyOf(world.network);
        const running = [];
        for (const [i, { to, amount, after, parts, fault }] of payments.entries()) {
          const invoice = invoiceOf(world.network, to, amount, `i${i}`);
          const each = amount / BigInt(parts);
          const plans = Array.from({ length: parts }, (_, p) => ({
            amountMsat: p === 0 ? amount - each * BigInt(parts - 1) : each,
          }));
          running.push(world.payer.start({ invoice, parts: plans }));
          await world.clock.runFor(after);
          if (fault === 'crash') world.faults.crashNode('col');
          if (fault === 'cut') world.faults.cutLink('ann', 'bob');
          if (fault === 'mine') world.faults.mineBlocks(10);
          if (fault === 'cheat') world.faults.cheat('bob', { skimMsat: 10n });
          if (fault === 'close') world.faults.forceClose('col', 'dan');
          await world.clock.runFor(after);
          expect(moneyOf(world.network)).toEqual(before);
          world.faults.restartNode('col');
          world.faults.healLink('ann', 'bob');
        }
        for (let i = 0; i < 40; i++) {
          world.faults.mineBlocks(10);
          await world.clock.runFor(3_000);
        }
        expect(world.network.liveHtlcs()).toEqual([]);
        expect(moneyOf(world.network)).toEqual(before);
        for (const { record } of running) {
          expect(record.outcome).not.toBe('pending');
          expect(record.paidMsat > 0n).toBe(record.preimage !== undefined);
        }
        const paid = running.reduce((sum, { record }) => sum + record.paidMsat, 0n);
        expect(world.network.channels[0]!.balance(0)).toBe(1_000_000_000n - paid);
      }),
      { numRuns: 60 },
    );
  });

  it('never leaves the reserve of a channel', () => {
    const { network } = line(11);
    const channel = network.channels[0]!;
    expect(channel.spendable(0)).toBe(980_000_000n);
    expect(channel.refusal(0, 980_000_000n)).toBeUndefined();
    expect(channel.refusal(0, 980_000_001n)).toBe('balance');
  });
});

describe('the same seed', () => {
  const run = async (seed: number): Promise<{ hash: string; lines: readonly string[] }> => {
    const world = line(seed);
    const payments = [1, 2, 3].map((i) =>
      world.payer.start({ invoice: invoiceOf(world.network, 'dan', 1_000_000n * BigInt(i), `i${i}`) }),
    );
    await world.clock.runFor(60);
    world.faults.crashNode('bob');
    await world.clock.runFor(100);
    world.faults.restartNode('bob');
    await world.clock.finish(Promise.all(payments.map(({ done }) => done)));
    return { hash: world.network.trace.hash, lines: world.network.trace.lines };
  };

  it('gives the same run, another seed another one', async () => {
    const first = await run(42);
    const second = await run(42);
    expect(second.lines).toEqual(first.lines);
    expect(second.hash).toBe(first.hash);
    const hashes = await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await run(seed)).hash));
    expect(new Set(hashes).size).toBe(5);
  });

  it('gives the same keys and ids, another seed shares none', () => {
    const [a, b, c] = [line(1), line(1), line(2)];
    const idsOf = ({ network }: Line): string[] => [
      ...network.nodes.map(({ nodeId }) => toHex(nodeId)),
      ...network.channels.flatMap(({ scid, aliases }) => [scid, ...aliases].map(String)),
    ];
    expect(idsOf(b)).toEqual(idsOf(a));
    expect(idsOf(c).some((id) => idsOf(a).includes(id))).toBe(false);
    for (const { nodeId } of a.network.nodes) expect(ec.isPoint(nodeId)).toBe(true);
  });
});
