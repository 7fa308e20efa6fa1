/** What a bad connection does to *receive anywhere*, and what an LND does that has lost its wits. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { getInfo, WalletState } from '../../src/node/lnd/rpc/node.js';
import { htlcInterceptor } from '../../src/node/lnd/rpc/intercept.js';
import { Receiving, type ReceivingOptions } from './receiving.js';
import { until } from './world.js';

const SAT = 1_000n;

async function open(options: ReceivingOptions = {}): Promise<Receiving> {
  const receiving = await Receiving.open(options);
  onTestFinished(() => receiving.close());
  return receiving;
}

/** A payment in two parts, of which the first is held. */
async function halfPaid(rig: Receiving): Promise<{ readonly complete: () => Promise<readonly string[]> }> {
  const invoice = await rig.invoice(50_000n * SAT);
  const total = { amountMsat: 50_000n * SAT };
  const first = rig.payPart(invoice, 'alpha', 20_000n * SAT, total);
  await rig.untilHeld(invoice, 1);
  return {
    async complete() {
      const second = rig.payPart(invoice, 'beta', 30_000n * SAT, total);
      return [(await first.done).outcome, (await second.done).outcome];
    },
  };
}

const SETTLED = ['settled', 'settled'];

describe('a bad way to an LND', () => {
  it('stands still for a while, and nothing is lost', async () => {
    const rig = await open({ leaseTtlMs: 20_000 });
    const { complete } = await halfPaid(rig);
    rig.world.lnds[0].freeze(1_500);
    expect(await complete()).toEqual(SETTLED);
    expect(rig.world.lnds[0].counts.streams).toBe(1);
  });

  it('dies without a word, and is given up for another', async () => {
    const rig = await open({ leaseTtlMs: 1_000, pingTimeMs: 300, pingTimeoutMs: 300 });
    const { complete } = await halfPaid(rig);
    const { streams } = rig.world.lnds[0].counts;
    rig.first.ways[0].blackHole(true);
    await until(() => rig.first.receiver.status()[0]!.state !== 'live', 'the loss noticed');
    rig.first.ways[0].cut();
    rig.first.ways[0].blackHole(false);
    expect(await complete()).toEqual(SETTLED);
    expect(rig.world.lnds[0].counts.streams).toBeGreaterThan(streams);
  });

  it('breaks again and again while payments come in', async () => {
    const rig = await open();
    const payments = [];
    for (let i = 0; i < 12; i++) {
      const invoice = await rig.invoice(1_000n * SAT);
      payments.push({ invoice, payment: rig.world.payer.start({ invoice, attempts: 8 }) });
      rig.world.lnds[i % 2]!.cutConnections();
      await until(() => rig.first.receiver.status().some(({ state }) => state === 'live'), 'a member');
    }
    for (const { invoice, payment } of payments) {
      const { outcome } = await payment.done;
      const { sets } = await rig.account(invoice);
      expect(sets.filter(({ state }) => state !== 'failed')).toHaveLength(outcome === 'settled' ? 1 : 0);
    }
    expect(rig.badAnswers).toEqual([]);
    expect(await rig.alarms()).toEqual([]);
  });
});

describe('an LND', () => {
  it('is waited for while its wallet is locked', async () => {
    const rig = await open();
    const { complete } = await halfPaid(rig);
    const [alpha] = rig.world.lnds;
    await alpha.restart({ walletState: WalletState.locked });
    await until(() => rig.first.receiver.status()[0]!.reason?.includes('unlock') === true, 'the reason');
    alpha.settings.walletState = WalletState.serverActive;
    await rig.untilLive();
    expect(await complete()).toEqual(SETTLED);
  });

  it('that answers nonsense is not served, and nothing comes to harm', async () => {
    const rig = await open({ leaseTtlMs: 800 });
    const { complete } = await halfPaid(rig);
    const [alpha] = rig.world.lnds;
    alpha.faults.garbage = new Set([getInfo.path]);
    await until(() => rig.first.receiver.status()[0]!.state === 'waiting', 'the loss noticed');
    alpha.faults.garbage = new Set();
    await rig.untilLive();
    expect(await complete()).toEqual(SETTLED);
  });

  it('whose offers are nonsense loses its stream, and the HTLCs stay', async () => {
    const rig = await open();
    const { complete } = await halfPaid(rig);
    const [alpha] = rig.world.lnds;
    const { streams } = alpha.counts;
    alpha.faults.garbage = new Set([htlcInterceptor.path]);
    alpha.cutConnections();
    await until(() => alpha.counts.streams > streams, 'a stream with nonsense on it');
    alpha.faults.garbage = new Set();
    await until(() => rig.first.receiver.status()[0]!.heldHtlcs === 1, 'the HTLC shown again');
    expect(await complete()).toEqual(SETTLED);
  });

  it('may be slow', async () => {
    const rig = await open({ leaseTtlMs: 20_000 });
    rig.world.lnds[0].faults.slowMs = 700;
    const { complete } = await halfPaid(rig);
    rig.world.lnds[0].cutConnections();
    await until(() => rig.world.lnds[0].counts.streams === 2, 'another stream');
    expect(await complete()).toEqual(SETTLED);
  });

  it('whose interceptor somebody else has is waited for', async () => {
    const rig = await open();
    const { complete } = await halfPaid(rig);
    const [alpha] = rig.world.lnds;
    alpha.faults.interceptorTaken = true;
    alpha.cutConnections();
    await until(() => rig.first.receiver.status()[0]!.reason?.includes('interceptor') === true, 'the reason');
    alpha.faults.interceptorTaken = false;
    await rig.untilLive();
    expect(await complete()).toEqual(SETTLED);
  });
});
