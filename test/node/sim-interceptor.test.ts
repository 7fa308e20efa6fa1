import { describe, expect, it } from 'vitest';
import { ec, sha256 } from '../../src/crypto/index.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import type { AddNodeOptions } from '../../src/node/sim/network.js';
import type { Mistakes, PayableInvoice, PaymentRecord, PayRequest } from '../../src/node/sim/payment.js';
import { presetWorld, type PresetWorld } from '../../src/node/sim/preset.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { FinalResult, HtlcAnswer, InterceptedHtlc, InterceptSession } from '../../src/receive/node-port.js';
import { toHex } from '../../src/wire/bytes.js';

const SCID = (1n << 63n) | 99n;

interface Stage extends PresetWorld {
  readonly clock: VirtualClock;
  readonly preimage: Uint8Array;
  readonly invoice: PayableInvoice;
}

async function stage(seed: number, interceptor: AddNodeOptions['interceptor'] = true): Promise<Stage> {
  const clock = new VirtualClock();
  const world = presetWorld({ seed, clock, interceptor, keepTrace: true });
  const random = world.network.random.fork('phantom');
  const preimage = random.bytes(32);
  const free = { shortChannelId: SCID, feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 45 };
  const member = (i: number): PayableInvoice['routeHints'][0][0] => ({ nodeId: world.members[i]!.nodeId, ...free });
  const [hidden] = await world.ports[2]!.channels();
  const { peerId, peerAlias, peerPolicy } = hidden!;
  const invoice: PayableInvoice = {
    paymentHash: sha256(preimage),
    paymentSecret: random.bytes(32),
    payee: ec.publicKey(random.bytes(32)),
    amountMsat: 3_000_000n,
    minFinalCltvExpiryDelta: 80,
    routeHints: [[member(0)], [member(1)], [{ nodeId: peerId, shortChannelId: peerAlias!, ...peerPolicy! }, member(2)]],
  };
  return { ...world, clock, preimage, invoice };
}

interface Ear {
  readonly htlcs: InterceptedHtlc[];
  readonly finals: FinalResult[];
  readonly closed: string[];
  readonly session: InterceptSession;
}

/** Listens at a member; `reply` answers at once where it gives an answer. */
async function listen(world: Stage, member: number, reply?: (htlc: InterceptedHtlc) => HtlcAnswer): Promise<Ear> {
  const ear = { htlcs: [] as InterceptedHtlc[], finals: [] as FinalResult[], closed: [] as string[] };
  const session = await world.ports[member]!.intercept!.open({
    onHtlc(htlc) {
      ear.htlcs.push(htlc);
      if (reply) session.answer(htlc.key, reply(htlc));
    },
    onFinal: (result) => ear.finals.push(result),
    onHeight: () => undefined,
    onClosed: (reason) => ear.closed.push(reason),
  });
  return { ...ear, session };
}

const settling =
  ({ preimage }: Stage) =>
  (): HtlcAnswer => ({ action: 'settle', preimage });

function start(
  world: Stage,
  request: Partial<PayRequest> = {},
): { record: PaymentRecord; done: Promise<PaymentRecord> } {
  return world.payers[0]!.start({ invoice: world.invoice, ...request });
}

describe('the preset world', () => {
  it('lets one payment arrive in parts at three members, one of them behind a private channel', async () => {
    const world = await stage(1);
    const ears = await Promise.all([0, 1, 2].map((member) => listen(world, member, settling(world))));
    const parts = [0, 1, 2].map((hint) => ({ amountMsat: 1_000_000n, hint }));
    const record = await world.clock.finish(start(world, { parts }).done);
    expect(record.parts.map(({ outcome }) => outcome)).toEqual(['settled', 'settled', 'settled']);
    for (const [i, { htlcs }] of ears.entries()) {
      expect(htlcs[0]).toMatchObject({ outgoingAmountMsat: 1_000_000n, outgoingScid: SCID });
      expect(toHex(htlcs[0]!.key.nodeId)).toBe(toHex(world.members[i]!.nodeId));
    }
    expect((await world.ports[2]!.channels()).map(({ announced }) => announced)).toEqual([false]);
  });

  it('lets a payer retry at the next member when one is down', async () => {
    const world = await stage(2);
    await listen(world, 1, settling(world));
    world.faults.crashNode('alpha');
    const record = await world.clock.finish(start(world).done);
    expect(record.outcome).toBe('settled');
    const routes = record.parts[0]!.attempts.map(({ route }) => route.at(-1));
    expect(routes.at(-1)).toBe('beta');
    expect(routes.length).toBeGreaterThan(1);
  });

  it('repeats by its seed, faults and all', async () => {
    const run = async (seed: number): Promise<string> => {
      const world = await stage(seed);
      for (const name of ['alpha', 'beta']) world.faults.delayPresentation(name, [0, 30]);
      await Promise.all([0, 1, 2].map((member) => listen(world, member, settling(world))));
      const { done } = start(world, { parts: [0, 1, 2, 0, 1].map((hint) => ({ amountMsat: 600_000n, hint })) });
      world.faults.freezeStream('beta', 500);
      await world.clock.runFor(70);
      world.faults.dropStream('alpha');
      await listen(world, 0, settling(world));
      await world.clock.finish(done);
      await world.clock.runFor(10_000);
      expect(world.network.liveHtlcs()).toEqual([]);
      return world.network.trace.hash;
    };
    const hashes = await Promise.all([1, 2, 3, 1, 2, 3].map(run));
    expect(hashes.slice(3)).toEqual(hashes.slice(0, 3));
    expect(new Set(hashes).size).toBe(3);
  });
});

describe('faults of the stream', () => {
  it('frozen: nothing passes, the heartbeat hangs, then everything comes', async () => {
    const world = await stage(3);
    const ear = await listen(world, 0);
    await world.clock.runFor(10);
    world.faults.freezeStream('alpha', 20_000);
    let beat = 0;
    void ear.session.heartbeat().then((height) => (beat = height));
    const { done } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] });
    await world.clock.runFor(19_000);
    expect([ear.htlcs.length, beat, ear.closed.length]).toEqual([0, 0, 0]);
    await expect(listen(world, 0)).rejects.toThrow('already exists');
    await world.clock.runFor(2_000);
    expect([ear.htlcs.length > 0, beat]).toEqual([true, world.network.height]);
    ear.session.answer(ear.htlcs[0]!.key, { action: 'settle', preimage: world.preimage });
    expect((await world.clock.finish(done)).outcome).toBe('settled');
  });

  it('frozen and dropped: answers on their way are lost, the HTLC is shown again', async () => {
    const world = await stage(4);
    const ear = await listen(world, 0);
    const { record } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] });
    await world.clock.run(() => ear.htlcs.length > 0);
    world.faults.freezeStream('alpha', 60_000);
    expect(ear.session.answer(ear.htlcs[0]!.key, { action: 'settle', preimage: world.preimage })).toBe('sent');
    const beat = ear.session.heartbeat();
    world.faults.dropStream('alpha');
    await expect(beat).rejects.toThrow();
    await world.clock.runFor(2_000);
    expect([ear.closed.length, record.outcome]).toEqual([1, 'pending']);
    expect(world.network.observations().answers.map(({ fate }) => fate)).toEqual(['lost']);
    const next = await listen(world, 0);
    await world.clock.run(() => next.htlcs.length > 0);
    expect(next.htlcs[0]!.key).toEqual(ear.htlcs[0]!.key);
  });

  it('shows twice, late and out of order', async () => {
    const world = await stage(5);
    world.faults.duplicatePresentation('alpha', 1);
    world.faults.delayPresentation('alpha', [0, 5_000]);
    const ear = await listen(world, 0);
    const parts = Array.from({ length: 8 }, () => ({ amountMsat: 375_000n, hint: 0 }));
    start(world, { parts });
    await world.clock.runFor(10_000);
    const ids = ear.htlcs.map(({ key }) => key.htlcId);
    expect(ids).toHaveLength(16);
    for (const id of new Set(ids)) expect(ids.filter((other) => other === id)).toHaveLength(2);
    expect(new Set(ids).size).toBe(8);
    expect(ids).not.toEqual([...ids].sort((a, b) => Number(a - b)));
  });

  it('loses results, which can be looked up', async () => {
    const world = await stage(6);
    world.faults.loseFinals('alpha');
    const ear = await listen(world, 0, settling(world));
    await world.clock.finish(start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] }).done);
    await world.clock.runFor(1_000);
    expect(ear.finals).toEqual([]);
    expect(await world.ports[0]!.intercept!.lookupFinal(ear.htlcs[0]!.key)).toBe('settled');
  });

  it('keeps the slot of a dropped stream taken until the node notices', async () => {
    const world = await stage(7, { slotLingerMs: 5_000 });
    await listen(world, 0);
    world.faults.dropStream('alpha');
    await expect(listen(world, 0)).rejects.toThrow('already exists');
    await world.clock.runFor(5_000);
    await listen(world, 0);
  });

  it('fails new HTLCs while nobody listens, if so configured, but holds replayed ones', async () => {
    const world = await stage(8, { withoutSession: 'fail' });
    const failed = await world.clock.finish(start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] }).done);
    expect(failed.parts[0]!.attempts[0]!.failure).toMatchObject({
      blamed: 'alpha',
      code: FailureCode.temporaryChannelFailure,
    });
    const ear = await listen(world, 0);
    const { record } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] });
    await world.clock.run(() => ear.htlcs.length > 0);
    world.faults.crashNode('alpha');
    world.faults.restartNode('alpha');
    await world.clock.runFor(10_000);
    expect(record.outcome).toBe('pending');
    const next = await listen(world, 0);
    await world.clock.run(() => next.htlcs.length > 0);
  });

  it.each([
    ['a wrong preimage', { action: 'settle', preimage: new Uint8Array(32) }],
    ['a failure packet of a wrong length', { action: 'fail-as-phantom', packet: new Uint8Array(291) }],
    ['a failure without code', { action: 'fail-as-node', message: new Uint8Array(1) }],
  ] as const)('ends the stream on %s, as LND does', async (_name, answer) => {
    const world = await stage(9);
    const ear = await listen(world, 0);
    const { record } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] });
    await world.clock.run(() => ear.htlcs.length > 0);
    expect(ear.session.answer(ear.htlcs[0]!.key, answer)).toBe('sent');
    await world.clock.runFor(1_000);
    expect(ear.closed).toHaveLength(1);
    expect(record.outcome).toBe('pending');
    expect(world.network.observations().answers.map(({ fate }) => fate)).toEqual(['refused']);
    const next = await listen(world, 0);
    await world.clock.run(() => next.htlcs.length > 0);
  });

  it('asks again on chain for an answer that the channel never took', async () => {
    const world = await stage(11);
    const ear = await listen(world, 2);
    const { record, done } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 2 }], attempts: 1 });
    await world.clock.run(() => ear.htlcs.length > 0);
    world.faults.cutLink('south', 'gamma');
    const settle = settling(world)();
    expect(ear.session.answer(ear.htlcs[0]!.key, settle)).toBe('sent');
    await world.clock.runFor(1_000);
    world.faults.forceClose('south', 'gamma');
    await world.clock.run(() => ear.htlcs.some(({ onChain }) => onChain));
    expect(record.outcome).toBe('pending');
    expect(ear.session.answer(ear.htlcs[0]!.key, settle)).toBe('sent');
    expect(ear.session.answer(ear.htlcs[0]!.key, settle)).toBe('unknown');
    await world.clock.runFor(1_000);
    world.faults.mineBlocks(1);
    expect((await world.clock.finish(done)).outcome).toBe('settled');
    expect(ear.closed).toEqual([]);
  });

  it('ends the stream on a failure of what is on chain', async () => {
    const world = await stage(10);
    const ear = await listen(world, 2);
    start(world, { parts: [{ amountMsat: 3_000_000n, hint: 2 }], attempts: 1 });
    await world.clock.run(() => ear.htlcs.length > 0);
    world.faults.forceClose('south', 'gamma');
    await world.clock.run(() => ear.htlcs.some(({ onChain }) => onChain));
    ear.session.answer(ear.htlcs[0]!.key, { action: 'resume' });
    await world.clock.runFor(100);
    expect(ear.closed).toEqual(['resume of an HTLC that is on chain']);
    expect(await world.ports[2]!.channels()).toEqual([]);
  });
});

describe('what a payer can do to a member', () => {
  const shown = async (mistakes: Mistakes, seed = 20): Promise<{ htlc: InterceptedHtlc; world: Stage }> => {
    const world = await stage(seed);
    const ear = await listen(world, 0);
    start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }], mistakes });
    await world.clock.run(() => ear.htlcs.length > 0);
    return { htlc: ear.htlcs[0]!, world };
  };

  it.each([
    [{ outerAmountMsat: 2n ** 64n - 1n }, { outgoingAmountMsat: 2n ** 64n - 1n, incomingAmountMsat: 3_000_000n }],
    [{ outerAmountMsat: 0n }, { outgoingAmountMsat: 0n }],
    [{ outerExpiry: 0xffff_ffff }, { outgoingExpiry: 0xffff_ffff }],
    [{ outerExpiry: 0 }, { outgoingExpiry: 0 }],
    [{ outerScid: 2n ** 64n - 1n }, { outgoingScid: 2n ** 64n - 1n }],
    [{ incomingAmountMsat: 1_000_000n }, { incomingAmountMsat: 1_000_000n, outgoingAmountMsat: 3_000_000n }],
  ] as const)('asks for anything: %o', async (mistakes, expected) => {
    expect((await shown(mistakes)).htlc).toMatchObject(expected);
  });

  it('is helped by a dishonest relay, who keeps what it was to forward', async () => {
    const world = await stage(21);
    const ear = await listen(world, 0);
    for (const router of ['north', 'south']) world.faults.cheat(router, { skimMsat: 2_999_000n, skimBlocks: 10 });
    const { record } = start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] });
    await world.clock.run(() => ear.htlcs.length > 0);
    const { incomingAmountMsat, outgoingAmountMsat, incomingExpiry, outgoingExpiry } = ear.htlcs[0]!;
    expect([incomingAmountMsat, outgoingAmountMsat]).toEqual([1_000n, 3_000_000n]);
    expect(incomingExpiry - outgoingExpiry).toBe(45 - 10);
    ear.session.answer(ear.htlcs[0]!.key, { action: 'settle', preimage: world.preimage });
    await world.clock.run(() => record.outcome === 'settled');
    await world.clock.runFor(1_000);
    expect(record.paidMsat).toBeGreaterThan(3_000_000n);
    const received = world.network.observations().htlcs.find(({ to }) => to === 'alpha');
    expect(received).toMatchObject({ outcome: 'settled', amountMsat: 1_000n });
  });

  it('sends a part after the end, but never tries again once there is a preimage', async () => {
    const world = await stage(23);
    let shownBefore = false;
    const ear = await listen(world, 0, (htlc): HtlcAnswer => {
      const first = !shownBefore || htlc.key.htlcId === ear.htlcs[0]!.key.htlcId;
      shownBefore = true;
      return first ? settling(world)() : { action: 'resume' };
    });
    const parts = [{ amountMsat: 2_000_000n }, { amountMsat: 1_000_000n, delayMs: 30_000 }];
    const record = await world.clock.finish(start(world, { parts }).done);
    expect(record.parts.map(({ outcome, attempts }) => [outcome, attempts.length])).toEqual([
      ['settled', 1],
      ['failed', 1],
    ]);
    expect(record.outcome).toBe('settled');
    expect(record.paidMsat).toBe(record.parts[0]!.attempts[0]!.sentMsat);
  });

  it('sends the same HTLC twice', async () => {
    const world = await stage(22);
    const ear = await listen(world, 0, settling(world));
    const record = await world.clock.finish(start(world, { parts: [{ amountMsat: 3_000_000n, hint: 0 }] }).done);
    const before = ear.htlcs.length;
    const replayed = world.payers[0]!.replay(record.parts[0]!.attempts[0]!)!;
    await world.clock.run(() => replayed.outcome !== 'pending');
    expect(replayed.outcome).toBe('settled');
    const again = ear.htlcs[before]!;
    expect(toHex(again.onion)).toBe(toHex(ear.htlcs[0]!.onion));
    expect(again.key.htlcId).not.toBe(ear.htlcs[0]!.key.htlcId);
  });
});

describe('a member that both forwards and receives', () => {
  it('shows a resumed forward again after a crash, and carries it out once', async () => {
    const world = await stage(30);
    world.network.openChannel(world.members[0]!, world.network.addNode('eve'), { balances: [1_000_000_000n, 0n] });
    const eve = world.network.node('eve');
    const paymentSecret = new Uint8Array(32).fill(9);
    const { preimage, invoice } = world;
    eve.till.add({ paymentHash: invoice.paymentHash, paymentSecret, preimage, amountMsat: 3_000_000n });
    const ear = await listen(world, 0, () => ({ action: 'resume' }));
    const { record, done } = start(world, {
      invoice: { ...invoice, payee: eve.nodeId, paymentSecret, routeHints: [] },
    });
    const offered = (): number => world.network.observations().htlcs.filter(({ to }) => to === 'eve').length;
    await world.clock.run(() => offered() === 1);
    world.faults.cutLink('alpha', 'eve');
    world.faults.crashNode('alpha');
    world.faults.restartNode('alpha');
    const next = await listen(world, 0, () => ({ action: 'resume' }));
    await world.clock.run(() => next.htlcs.length > 0);
    await world.clock.runFor(1_000);
    world.faults.healLink('alpha', 'eve');
    expect((await world.clock.finish(done)).outcome).toBe('settled');
    expect([offered(), ear.closed.length, record.parts[0]!.attempts.length]).toEqual([1, 1, 1]);
    expect(next.htlcs[0]!.outgoingScid).toBe(world.network.channelBetween('alpha', 'eve').scid);
  });
});
