import { describe, expect, it } from 'vitest';
import type { OfferPaymentPhase } from '../../../src/offline/payer/types.js';
import { type Running, WalletWorld } from './world.js';

const AMOUNT = 50_000_000n;

async function readyOffer(world: WalletWorld, { parts: { recipient } }: Running): Promise<string> {
  await world.until(async () => (await recipient!.core.cache()).offers.some(({ state }) => state === 'ready'));
  const offer = await world.clock.finish(recipient!.core.offer());
  return offer!.text;
}

async function pay(
  world: WalletWorld,
  { parts: { api } }: Running,
  offer: string,
): Promise<() => Promise<OfferPaymentPhase>> {
  const begun = await world.clock.finish(api.offerPayments!.pay({ offer, amountMsat: AMOUNT }));
  if (!begun.ok) throw new Error(begun.error.message);
  return async () => (await api.offerPayments!.read(begun.value.id))!.body.payment.phase;
}

const received = async ({ store }: Running) =>
  (await store.invoices.listPayments({ limit: 10 }))
    .filter(({ set }) => set.state === 'settled')
    .map(({ set }) => set.settledMsat);

async function end(world: WalletWorld): Promise<void> {
  for (const one of [...world.running.values()].reverse()) await one.stop();
}

describe('a wallet that is mostly off', () => {
  it('is paid by a payer that waits for it, once, however often it was told', async () => {
    const world = new WalletWorld(1);
    await world.startLsp();
    const alice = await world.start('alice');
    const offer = await readyOffer(world, await world.startWallet());
    await world.sleep();
    const phase = await pay(world, alice, offer);
    await world.until(async () => (await phase()) === 'unreleased');
    await world.clock.runFor(40_000); // it is told again meanwhile
    expect(await phase()).toBe('unreleased');
    const before = world.network.observations().htlcs.length;
    expect(before).toBe(0);

    const awake = await world.wake();
    await world.until(async () => (await phase()) === 'paid');
    await world.until(async () => (await received(awake)).length === 1);
    expect(await received(awake)).toEqual([AMOUNT]);
    await world.clock.runFor(5_000);
    expect(await received(awake)).toHaveLength(1);
    await world.sleep();
    await end(world);
  });

  it('answers by itself while it is awake', async () => {
    const world = new WalletWorld(2);
    await world.startLsp();
    const alice = await world.start('alice');
    const wallet = await world.startWallet();
    const offer = await readyOffer(world, wallet);
    const phase = await pay(world, alice, offer);
    await world.until(async () => (await phase()) === 'paid');
    await world.until(async () => (await received(wallet)).length === 1);
    await end(world);
  });

  it('has its offer in the end, wherever it is interrupted', async () => {
    const world = new WalletWorld(3);
    await world.startLsp();
    const alice = await world.start('alice');
    const states = new Set<string>();
    for (const ms of [20, 60, 100, 140, 180, 220, 260, 300, 400, 500]) {
      const wallet = await world.startWallet();
      await world.clock.runFor(ms);
      const { offers } = await wallet.parts.recipient!.core.cache();
      states.add(offers.map(({ state }) => state).join() || 'none');
      await wallet.stop();
    }
    expect(states.size).toBeGreaterThan(1);
    const wallet = await world.startWallet();
    const offer = await readyOffer(world, wallet);
    const phase = await pay(world, alice, offer);
    await world.until(async () => (await phase()) === 'paid');
    await end(world);
  });
});
