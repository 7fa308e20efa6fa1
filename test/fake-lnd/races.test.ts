/** Every way in which the time order of things at an LND is known to have cost somebody money. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { sha256, randomBytes } from '../../src/crypto/index.js';
import { Receiving, type ReceivingOptions } from './receiving.js';
import { until } from './world.js';

const SAT = 1_000n;

async function open(options: ReceivingOptions = {}): Promise<Receiving> {
  const receiving = await Receiving.open(options);
  onTestFinished(() => receiving.close());
  return receiving;
}

describe('answers that LND loses', () => {
  it('settles again what LND forgot in a crash before the commitment was signed', async () => {
    const rig = await open();
    const { sim, lnds, network } = rig.world;
    const invoice = await rig.invoice(50_000n * SAT);
    const first = rig.payPart(invoice, 'alpha', 20_000n * SAT, { amountMsat: 50_000n * SAT });
    await rig.untilHeld(invoice, 1);
    sim.cutLink('payer', 'alpha');
    const second = rig.payPart(invoice, 'beta', 30_000n * SAT, { amountMsat: 50_000n * SAT });
    const settledAtAlpha = (): boolean =>
      network
        .observations()
        .answers.some(({ node, action, fate }) => node === 'alpha' && action === 'settle' && fate === 'applied');
    await until(settledAtAlpha, 'the settle taken by alpha');
    await lnds[0].restart();
    expect(first.record.outcome).toBe('pending');
    sim.healLink('payer', 'alpha');
    expect((await first.done).outcome).toBe('settled');
    expect((await second.done).outcome).toBe('settled');
    const settles = network
      .observations()
      .answers.filter(({ node, action, fate }) => node === 'alpha' && action === 'settle' && fate === 'applied');
    expect(settles).toHaveLength(2);
    expect(await rig.alarms()).toEqual([]);
    await until(async () => (await rig.account(invoice)).parts.every(({ final }) => final === 'settled'), 'finals');
  });

  it('counts an HTLC once however often it is offered', async () => {
    const rig = await open();
    const { lnds } = rig.world;
    lnds[0].faults.offerCopies = 3;
    const invoice = await rig.invoice(40_000n * SAT);
    const total = { amountMsat: 40_000n * SAT };
    const first = rig.payPart(invoice, 'alpha', 25_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    for (let i = 0; i < 3; i++) {
      const { streams } = lnds[0].counts;
      lnds[0].cutConnections();
      await until(() => lnds[0].counts.streams > streams, 'another stream');
      await rig.untilLive();
    }
    await until(() => rig.first.receiver.status()[0]!.heldHtlcs === 1, 'the HTLC shown again');
    expect((await rig.account(invoice)).parts).toHaveLength(1);
    expect(first.record.outcome).toBe('pending');
    const second = rig.payPart(invoice, 'alpha', 15_000n * SAT, total);
    expect([(await first.done).outcome, (await second.done).outcome]).toEqual(['settled', 'settled']);
    expect((await rig.account(invoice)).parts).toHaveLength(2);
    expect(rig.badAnswers).toEqual([]);
  });

  it('settles the rest and raises an alarm when LND failed a part that was decided', async () => {
    const rig = await open({ leaseTtlMs: 20_000 });
    const { sim, lnds } = rig.world;
    const invoice = await rig.invoice(40_000n * SAT);
    const total = { amountMsat: 40_000n * SAT };
    const lost = rig.payPart(invoice, 'beta', 10_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    lnds[1].blackHole(true);
    const kept = rig.payPart(invoice, 'alpha', 30_000n * SAT, total);
    expect((await kept.done).outcome).toBe('settled');
    const { deadline } = (await rig.account(invoice)).parts.find(({ amountMsat }) => amountMsat === 10_000n * SAT)!;
    sim.mineBlocks(deadline - rig.world.network.height);
    expect((await lost.done).outcome).toBe('failed');
    lnds[1].blackHole(false);
    await rig.untilAlarm('part-lost');
    const { parts, sets } = await rig.account(invoice);
    expect(sets.map(({ state }) => state)).toEqual(['settled']);
    expect(parts.map(({ final }) => final).sort()).toEqual(['lost', 'settled']);
    // The refused answer costs a stream, no more. Until the next one is open no invoice names beta, and LND refuses.
    const paidAgain = async (): Promise<boolean> => {
      await rig.untilLive();
      const next = await rig.invoice(5_000n * SAT);
      const attempt = async (): Promise<string> => (await rig.payPart(next, 'beta', 5_000n * SAT).done).outcome;
      return (await attempt().catch(() => 'not named')) === 'settled';
    };
    await until(paidAgain, 'a payment at the node that lost a part');
  });
});

describe('finals', () => {
  it('finds by asking what was told while nobody listened', async () => {
    const rig = await open();
    const { lnds } = rig.world;
    lnds[0].faults.loseFinals = true;
    const invoice = await rig.invoice(7_000n * SAT);
    expect((await rig.payPart(invoice, 'alpha', 7_000n * SAT).done).outcome).toBe('settled');
    await until(() => rig.htlcs(invoice)[0]!.outcome === 'settled', 'the end');
    expect((await rig.account(invoice)).parts[0]!.final).toBe('none');
    lnds[0].cutConnections();
    await until(async () => (await rig.account(invoice)).parts[0]!.final === 'settled', 'the final');
    expect(await rig.alarms()).toEqual([]);
  });

  it('raises an alarm when a settled part ends otherwise', async () => {
    const rig = await open({ leaseTtlMs: 60_000 });
    const { sim, lnds, network } = rig.world;
    const invoice = await rig.invoice(9_000n * SAT);
    const total = { amountMsat: 9_000n * SAT };
    const lost = rig.payPart(invoice, 'beta', 4_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    sim.cutLink('payer', 'beta');
    const kept = rig.payPart(invoice, 'alpha', 5_000n * SAT, total);
    expect((await kept.done).outcome).toBe('settled');
    await until(() => network.observations().answers.some(({ node }) => node === 'beta'), 'the settle of beta');
    lnds[1].blackHole(true); // what follows on chain is not heard of
    sim.forceClose('payer', 'beta');
    const { expiry } = rig.htlcs(invoice).find(({ to }) => to === 'beta')!;
    sim.mineBlocks(expiry - network.height + 5);
    expect((await lost.done).outcome).toBe('failed');
    expect(await rig.alarms()).not.toContain('part-lost');
    lnds[1].blackHole(false);
    await rig.untilAlarm('part-lost');
    const part = (await rig.account(invoice)).parts.find(({ amountMsat }) => amountMsat === 4_000n * SAT)!;
    expect(part).toMatchObject({ final: 'lost', decision: { type: 'settle' } });
  });
});

describe('HTLCs on chain', () => {
  it('claims one that was settled', async () => {
    const rig = await open();
    const { sim, network } = rig.world;
    const invoice = await rig.invoice(9_000n * SAT);
    const total = { amountMsat: 9_000n * SAT };
    const first = rig.payPart(invoice, 'beta', 4_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    sim.cutLink('payer', 'beta');
    const second = rig.payPart(invoice, 'alpha', 5_000n * SAT, total);
    expect((await second.done).outcome).toBe('settled');
    await until(() => network.observations().answers.some(({ node }) => node === 'beta'), 'the settle of beta');
    expect(first.record.outcome).toBe('pending');
    sim.forceClose('payer', 'beta');
    const claimed = (): boolean =>
      network
        .observations()
        .answers.some(({ node, onChain, fate }) => node === 'beta' && onChain && fate === 'applied');
    await until(claimed, 'the settle on chain');
    sim.mineBlocks(1);
    expect((await first.done).outcome).toBe('settled');
    await until(async () => (await rig.account(invoice)).parts.every(({ final }) => final === 'settled'), 'finals');
    expect(rig.badAnswers).toEqual([]);
  });

  it('is silent about one that is only held, and does not count it any more', async () => {
    const rig = await open();
    const { sim, network } = rig.world;
    const invoice = await rig.invoice(9_000n * SAT);
    const total = { amountMsat: 9_000n * SAT };
    const first = rig.payPart(invoice, 'beta', 4_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    sim.forceClose('payer', 'beta');
    await until(async () => (await rig.account(invoice)).parts[0]!.presentedEpoch === 0, 'the offer on chain');
    const second = rig.payPart(invoice, 'alpha', 5_000n * SAT, total);
    await rig.untilHeld(invoice, 2);
    expect((await rig.account(invoice)).sets.map(({ state }) => state)).toEqual(['open']);
    expect(await rig.cancel(invoice)).toBe(true);
    expect((await second.done).outcome).toBe('failed');
    const { expiry } = rig.htlcs(invoice).find(({ to }) => to === 'beta')!;
    sim.mineBlocks(expiry - network.height + 5);
    expect((await first.done).outcome).toBe('failed');
    const { answers } = network.observations();
    expect(answers.filter(({ onChain }) => onChain)).toEqual([]);
    expect(rig.badAnswers).toEqual([]);
    expect(rig.world.lnds[1].counts.streams).toBe(1);
  });

  it('is silent about one that was failed', async () => {
    const rig = await open();
    const { sim, network } = rig.world;
    const invoice = await rig.invoice(9_000n * SAT);
    const payment = rig.payPart(invoice, 'beta', 4_000n * SAT, { amountMsat: 9_000n * SAT });
    await rig.untilHeld(invoice, 1);
    sim.cutLink('payer', 'beta');
    expect(await rig.cancel(invoice)).toBe(true);
    await until(() => network.observations().answers.some(({ action }) => action === 'fail-as-phantom'), 'the failure');
    sim.forceClose('payer', 'beta');
    await until(() => network.node('beta').interceptor!.heldCount === 1, 'the offer on chain');
    const { expiry } = rig.htlcs(invoice)[0]!;
    const { streams } = rig.world.lnds[1].counts;
    await rig.untilRenewed('beta');
    expect(rig.badAnswers).toEqual([]);
    expect(rig.world.lnds[1].counts.streams).toBe(streams);
    rig.world.lnds[1].cutConnections(); // and again on the next stream
    await until(() => rig.world.lnds[1].counts.streams > streams, 'another stream');
    await rig.untilRenewed('beta');
    expect(rig.badAnswers).toEqual([]);
    sim.mineBlocks(expiry - network.height + 5);
    expect((await payment.done).outcome).toBe('failed');
    expect(network.observations().answers.filter(({ onChain }) => onChain)).toEqual([]);
    expect(rig.world.lnds[1].counts.streams).toBe(streams + 1);
  });

  it('is silent about one that it forwarded for others', async () => {
    const rig = await open();
    const { sim, network, payer } = rig.world;
    const preimage = randomBytes(32);
    const shared = network.channelBetween('alpha', 'beta');
    sim.cutLink('payer', 'beta');
    const nobody = {
      nodeId: network.node('beta').nodeId,
      shortChannelId: 77n,
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 60,
    };
    // beta does not answer, so the forward of alpha stays open.
    rig.first.ways[1].blackHole(true);
    const payment = payer.start({
      invoice: {
        paymentHash: sha256(preimage),
        paymentSecret: randomBytes(32),
        payee: network.node('payer').nodeId,
        minFinalCltvExpiryDelta: 80,
        routeHints: [[nobody]],
      },
      amountMsat: 30_000n * SAT,
      attempts: 1,
    });
    await until(() => [...shared.live].some(({ committedAt }) => committedAt !== undefined), 'the forward');
    const { streams } = rig.world.lnds[0].counts;
    sim.forceClose('payer', 'alpha');
    await until(() => network.node('alpha').interceptor!.heldCount === 1, 'the offer on chain');
    const probe = await rig.first.ports[0].info(); // a round trip behind the offer
    expect(probe.height).toBe(network.height);
    await rig.untilLive(rig.first, ['alpha']);
    const atAlpha = network.observations().answers.filter(({ node }) => node === 'alpha');
    expect(atAlpha.map(({ action, onChain }) => [action, onChain])).toEqual([['resume', false]]);
    expect(rig.world.lnds[0].counts.streams).toBe(streams);
    expect(payment.record.outcome).toBe('pending');
    expect(await rig.alarms()).toEqual([]);
  });
});
