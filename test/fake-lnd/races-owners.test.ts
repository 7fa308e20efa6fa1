/** Races between processes, nodes and what each believes about the other. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { LndError } from '../../src/node/lnd/errors.js';
import type { MemberStatus } from '../../src/receive/member.js';
import { Receiving, type ReceivingOptions } from './receiving.js';
import { until } from './world.js';

const SAT = 1_000n;

async function open(options: ReceivingOptions = {}): Promise<Receiving> {
  const receiving = await Receiving.open(options);
  onTestFinished(() => receiving.close());
  return receiving;
}

describe('two processes', () => {
  it('have one owner of a node between them, though both believe to be it', async () => {
    const rig = await open({ processes: 2, leaseTtlMs: 1_500, pingTimeMs: 300, pingTimeoutMs: 300 });
    const [stalled, other] = [rig.processes[0]!, rig.processes[1]!];
    const { network } = rig.world;
    const invoice = await rig.invoice(60_000n * SAT);
    const total = { amountMsat: 60_000n * SAT };
    const alphaOf = ({ receiver }: typeof stalled): MemberStatus =>
      receiver.status().find(({ name }) => name === 'alpha')!;
    const first = rig.payPart(invoice, 'alpha', 20_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    const { epoch } = alphaOf(stalled);
    // Its way to the node is dead, and nobody tells it. What LND offers meanwhile waits on the way.
    stalled.ways[0].blackHole(true);
    const second = rig.payPart(invoice, 'alpha', 25_000n * SAT, total);
    await rig.untilLive(other, ['alpha']);
    await until(() => alphaOf(other).heldHtlcs === 2, 'both parts shown to the other');
    const lease = (await rig.store.leases()).find(({ owner }) => owner === 'process-1')!;
    expect(lease.epoch).toBeGreaterThan(epoch!);
    const { streams } = rig.world.lnds[0].counts;
    stalled.ways[0].blackHole(false);
    await until(() => alphaOf(stalled).state === 'standby', 'the first process in standby', 30_000);
    const third = rig.payPart(invoice, 'alpha', 15_000n * SAT, total);
    const ends = await Promise.all([first, second, third].map(({ done }) => done));
    expect(ends.map(({ outcome }) => outcome)).toEqual(['settled', 'settled', 'settled']);
    expect(rig.world.lnds[0].counts.streams).toBe(streams);
    expect(alphaOf(other).state).toBe('live');
    expect(rig.badAnswers).toEqual([]);
    expect(network.observations().answers.filter(({ action }) => action === 'settle')).toHaveLength(3);
  });

  it('are told apart by LND, which has one interceptor', async () => {
    const rig = await open();
    const [port] = rig.first.ports;
    const ignore = (): void => undefined;
    const handlers = { onHtlc: ignore, onFinal: ignore, onHeight: ignore, onClosed: ignore };
    const second = port.intercept.open(handlers);
    await expect(second).rejects.toThrow(LndError);
    await expect(second).rejects.toThrow('interceptor already exists');
    expect(rig.first.receiver.status().map(({ state }) => state)).toEqual(['live', 'live']);
  });
});

describe('nodes that disagree', () => {
  it('a node that is behind does not have its parts counted until it has caught up', async () => {
    const rig = await open({ leaseTtlMs: 800 });
    const { sim, network } = rig.world;
    const invoice = await rig.invoice(50_000n * SAT);
    const total = { amountMsat: 50_000n * SAT };
    const first = rig.payPart(invoice, 'alpha', 20_000n * SAT, total);
    await rig.untilHeld(invoice, 1);
    sim.lagHeight('beta', 6);
    sim.mineBlocks(6);
    const leases = async (): Promise<number> =>
      (await rig.store.leases()).filter(({ height }) => height === network.height).length;
    await until(async () => (await leases()) === 1, 'the height of alpha in its lease');
    await rig.untilAlarm('height-disagreement');
    const second = rig.payPart(invoice, 'beta', 30_000n * SAT, total);
    await rig.untilHeld(invoice, 2);
    expect((await rig.account(invoice)).sets.map(({ state }) => state)).toEqual(['open']);
    sim.lagHeight('beta', 0);
    expect([(await first.done).outcome, (await second.done).outcome]).toEqual(['settled', 'settled']);
  });

  it('keeps two HTLCs of the same channel and the same id apart', async () => {
    const rig = await open({ policy: { mppTimeoutMs: 4_000 } });
    const { sim } = rig.world;
    const [mine, theirs] = [await rig.invoice(50_000n * SAT), await rig.invoice(50_000n * SAT)];
    const total = { amountMsat: 50_000n * SAT };
    sim.cutLink('payer', 'alpha');
    const atAlpha = rig.payPart(mine, 'alpha', 20_000n * SAT, total); // by way of beta
    await rig.untilHeld(mine, 1);
    sim.healLink('payer', 'alpha');
    sim.cutLink('payer', 'beta');
    await until(() => rig.world.network.channelBetween('payer', 'alpha').link.up, 'the link');
    const atBeta = rig.payPart(theirs, 'beta', 20_000n * SAT, total); // by way of alpha
    await rig.untilHeld(theirs, 1);
    const keys = [(await rig.account(mine)).parts[0]!.key, (await rig.account(theirs)).parts[0]!.key];
    expect([keys[0]!.channelId, keys[0]!.htlcId]).toEqual([keys[1]!.channelId, keys[1]!.htlcId]);
    expect(keys[0]!.nodeId).not.toBe(keys[1]!.nodeId);
    const rest = rig.payPart(theirs, 'alpha', 30_000n * SAT, total);
    expect([(await rest.done).outcome, (await atBeta.done).outcome]).toEqual(['settled', 'settled']);
    sim.healLink('payer', 'beta');
    expect((await atAlpha.done).outcome).toBe('failed');
    expect((await rig.account(mine)).sets.map(({ state }) => state)).toEqual(['failed']);
    expect(rig.badAnswers).toEqual([]);
  });
});

describe('an LND that is not set up as it was', () => {
  it('is not served without requireinterceptor, and is again with it', async () => {
    const rig = await open();
    const [alpha] = rig.world.lnds;
    const state = (): string | undefined => rig.first.receiver.status().find(({ name }) => name === 'alpha')?.state;
    const invoice = await rig.invoice(50_000n * SAT);
    const held = rig.payPart(invoice, 'alpha', 20_000n * SAT, { amountMsat: 50_000n * SAT });
    await rig.untilHeld(invoice, 1);
    const { streams } = alpha.counts;
    await alpha.restart({ requireInterceptor: false });
    expect((await held.done).outcome).toBe('failed'); // LND knows no such channel
    await rig.untilAlarm('node-refused');
    expect(state()).toBe('waiting');
    const { reason } = rig.first.receiver.status().find(({ name }) => name === 'alpha')!;
    expect(reason).toContain('requireinterceptor=true');
    expect(alpha.counts.streams).toBe(streams);
    expect((await rig.account(invoice)).sets.map(({ state: of }) => of)).not.toContain('settled');
    await alpha.restart({ requireInterceptor: true });
    await until(() => state() === 'live', 'alpha live', 40_000);
    const next = await rig.invoice(5_000n * SAT);
    expect((await rig.payPart(next, 'alpha', 5_000n * SAT).done).outcome).toBe('settled');
  });

  it('is not served while it forgets how HTLCs ended', async () => {
    const rig = await open();
    const [, beta] = rig.world.lnds;
    await beta.restart({ storeFinals: false });
    await rig.untilAlarm('node-refused');
    const { reason } = rig.first.receiver.status().find(({ name }) => name === 'beta')!;
    expect(reason).toContain('store-final-htlc-resolutions=true');
  });
});

describe('a stalled reader', () => {
  it('does not exist here: the streams are read while the database stands still', async () => {
    const rig = await open({ leaseTtlMs: 20_000 });
    const { payer, network, lnds } = rig.world;
    const invoices = [];
    for (let i = 0; i < 6; i++) invoices.push(await rig.invoice());
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    onTestFinished(() => {
      release();
    });
    const transact = rig.store.transact.bind(rig.store);
    rig.store.transact = async (hashes, body) => {
      await gate;
      return transact(hashes, body);
    };
    const before = lnds[0].counts.replies;
    const many = invoices.flatMap((invoice) =>
      Array.from({ length: 50 }, () => rig.payPart(invoice, 'alpha', 10n * SAT, { amountMsat: 1_000n * SAT })),
    );
    await until(() => network.node('alpha').interceptor!.heldCount === many.length, 'all held by LND');
    // An ordinary forward behind them all is resumed at once.
    const forward = payer.start({
      invoice: {
        ...invoices[0]!,
        routeHints: [[{ ...invoices[0]!.routeHints[0]![0]!, nodeId: lnds[0].node.nodeId, shortChannelId: 99n }]],
      },
      amountMsat: 10n * SAT,
      attempts: 1,
    });
    expect((await forward.done).outcome).toBe('failed');
    expect(lnds[0].counts.replies).toBe(before + 1);
    expect(lnds[0].isBlocked).toBe(false);
    release();
    for (const invoice of invoices) await rig.cancel(invoice);
    for (const { done } of many) expect((await done).outcome).toBe('failed');
  });
});
