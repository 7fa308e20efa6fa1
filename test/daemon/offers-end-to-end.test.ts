import { describe, expect, it } from 'vitest';
import { Party } from '../../src/demo/party.js';
import { presetWorld } from '../../src/node/sim/preset.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';

/** A merchant with three nodes and somebody who pays, both running Manifold. */
async function shopAndPayer(clock: VirtualClock, seed: string) {
  const { network } = presetWorld({ seed, clock });
  const random = network.random.fork('parties');
  const shop = await Party.open({ nodes: ['alpha', 'beta', 'gamma'], network, random });
  const payer = await Party.open({ nodes: ['carol'], network, random });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  await sleep(5_000);
  return { network, shop, payer, sleep };
}

describe('an offer of a cluster', () => {
  it('is paid by whoever asks for its invoice, and the receipt says for which offer', async () => {
    const clock = new VirtualClock();
    await clock.finish(
      (async () => {
        const { shop, payer, sleep } = await shopAndPayer(clock, 'offer');
        const { offers, offerPayments } = { ...shop.parts.api, offerPayments: payer.parts.api.offerPayments };
        const offer = await offers!.create({ amountMsat: 5_000_000n, description: 'tea' });
        if (!offer.ok) throw new Error(offer.error.message);
        const begun = await offerPayments!.pay({ offer: offer.value.record.bolt12, payerNote: 'for carol' });
        if (!begun.ok) throw new Error(begun.error.message);
        await sleep(20_000);
        const paid = await offerPayments!.read(begun.value.id);
        expect(paid?.body.payment).toMatchObject({ phase: 'paid' });
        const [receipt] = await shop.store.invoices.listPayments({ limit: 10 });
        expect(receipt?.set).toMatchObject({
          settledMsat: 5_000_000n,
          offer: { offerId: offer.value.record.id, isStatic: false, payerNote: 'for carol' },
        });
        await payer.stop();
        await shop.stop();
      })(),
    );
  });
});
