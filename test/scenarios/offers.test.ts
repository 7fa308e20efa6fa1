import { describe, expect, it } from 'vitest';
import { buildOffer, encodeOfferString, signerOf } from '../../src/bolt12/index.js';
import { beginOffer, claimOfferPaid } from '../../src/demo/offer-evidence.js';
import { chainHashOf } from '../../src/onion/index.js';
import { unwrap } from '../../src/wire/result.js';
import { MEMBERS, offerOf, type Play, play } from './cast.js';

const paid = ({ stage, shop, payer }: Play, id: string, timeoutMs = 120_000) =>
  claimOfferPaid(stage, { payer, id, payee: shop, at: MEMBERS, timeoutMs });

const bodyOf = async ({ payer }: Play, id: string) => (await payer.parts.api.offerPayments!.read(id))!.body.payment;

/** Nothing left the payer, and nothing arrived. */
async function claimNothingSent({ stage, payer, shop }: Play): Promise<void> {
  expect(stage.network.observations().htlcs).toEqual([]);
  expect(await shop.store.invoices.listPayments({ limit: 10 })).toEqual([]);
  expect(await payer.store.payments.listOutgoing(10)).toEqual([]);
}

describe('what an offer asks for', () => {
  it('its amount is left to the payer, who has to say it', () =>
    play('amountless', async (on) => {
      const offer = await offerOf(on.shop);
      const silent = await on.payer.parts.api.offerPayments!.pay({ offer: offer.text });
      expect(silent).toMatchObject({ ok: false, error: { code: 'amount_missing', field: 'amount_msat' } });
      const { amountMsat, receipt } = await paid(
        on,
        await beginOffer(on.payer, { offer: offer.text, amountMsat: 77_000n }),
      );
      expect({ amountMsat, offer: receipt.offerId }).toEqual({ amountMsat: 77_000n, offer: offer.id });
    }));

  it('so many at a price each, with a word for the shop; more than is paid is welcome, less is not', () =>
    play('quantity', async (on) => {
      const { text } = await offerOf(on.shop, { amountMsat: 20_000n, quantityMax: 5n });
      const asked = { offer: text, quantity: 3n, payerNote: 'two black, one green' };
      const first = await paid(on, await beginOffer(on.payer, asked));
      expect(first.amountMsat).toBe(60_000n);
      expect(first.receipt).toMatchObject({ quantity: '3', payerNote: 'two black, one green', isStatic: false });
      const tip = await paid(on, await beginOffer(on.payer, { ...asked, amountMsat: 61_000n }));
      expect(tip.amountMsat).toBe(61_000n);
      expect(tip.paymentHash).not.toBe(first.paymentHash);
      const payments = on.payer.parts.api.offerPayments!;
      for (const bad of [
        { quantity: 6n },
        { quantity: 0n },
        { quantity: undefined },
        { quantity: 3n, amountMsat: 59_999n },
      ]) {
        const { quantity: _, ...bare } = asked;
        const request = {
          ...bare,
          ...(bad.quantity !== undefined && { quantity: bad.quantity }),
          ...('amountMsat' in bad && { amountMsat: bad.amountMsat }),
        };
        expect(await payments.pay(request)).toMatchObject({ ok: false });
      }
    }));

  it('nothing that is over, of another chain, or in a currency', () =>
    play('refused', async (on) => {
      const now = Math.floor(on.stage.now / 1000);
      const payments = on.payer.parts.api.offerPayments!;
      const over = await offerOf(on.shop, { amountMsat: 1_000n, absoluteExpiry: now + 60 });
      await on.stage.sleep(62_000);
      expect(await payments.pay({ offer: over.text })).toMatchObject({ ok: false, error: { field: 'offer' } });
      expect(await on.shop.parts.api.offers!.show(over.id)).toMatchObject({ value: { state: 'expired' } });
      const { nodeId: issuerId } = signerOf(new Uint8Array(32).fill(7));
      const made = (fields: object): string =>
        encodeOfferString(unwrap(buildOffer({ description: 'tea', issuerId, ...fields })));
      const elsewhere = made({ amount: 1_000n });
      expect(await payments.pay({ offer: elsewhere })).toMatchObject({ ok: false, error: { field: 'offer' } });
      const euros = made({ amount: 500n, currency: 'EUR', chains: [chainHashOf('regtest')] });
      expect(await payments.pay({ offer: euros })).toMatchObject({
        ok: false,
        error: { code: 'currency_unsupported' },
      });
      await claimNothingSent(on);
    }));

  it('nothing any more once it is disabled: nobody answers, and nothing is sent', () =>
    play('disabled', async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 9_000n });
      unwrap(await on.shop.parts.api.offers!.setDisabled(offer.id, true));
      const id = await beginOffer(on.payer, { offer: offer.text, timeoutSeconds: 20 });
      await on.stage.sleep(25_000);
      expect(await bodyOf(on, id)).toMatchObject({ phase: 'failed', failure: { code: 'no_answer' } });
      await claimNothingSent(on);
      unwrap(await on.shop.parts.api.offers!.setDisabled(offer.id, false));
      await paid(on, await beginOffer(on.payer, { offer: offer.text }));
    }));

  it('nothing of the shop itself', () =>
    play('own', async ({ shop }) => {
      const offer = await offerOf(shop, { amountMsat: 9_000n });
      const refused = await shop.parts.api.offerPayments!.pay({ offer: offer.text });
      expect(refused).toMatchObject({ ok: false, error: { code: 'to_ourselves' } });
    }));
});

describe('an offer among troubles', () => {
  it.each([1, 2])('messages are lost, doubled, late: it is paid once (%s)', (seed) =>
    play(`noise ${seed}`, async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      for (const name of [...MEMBERS, 'carol', 'north', 'south']) {
        on.stage.faults.loseMessages(name, 0.3);
        on.stage.faults.duplicateMessages(name, 0.5);
        on.stage.faults.delayMessages(name, [0, 3_000]);
      }
      const id = await beginOffer(on.payer, { offer: offer.text, timeoutSeconds: 300 });
      const { paymentHash } = await paid(on, id, 310_000);
      const receipts = await on.shop.store.invoices.listPayments({ limit: 10 });
      expect(receipts.map(({ set }) => set.paymentHash)).toEqual([paymentHash]);
    }),
  );

  it('the streams of its members break while it is asked for: the next try finds them again', () =>
    play('streams', async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      for (const name of MEMBERS) on.stage.faults.dropMessageStreams(name);
      await paid(on, await beginOffer(on.payer, { offer: offer.text }));
    }));

  it('all its members restart while it is asked for', () =>
    play('members', async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      for (const name of MEMBERS) on.stage.faults.crashNode(name);
      const id = await beginOffer(on.payer, { offer: offer.text });
      await on.stage.sleep(9_000);
      expect(await bodyOf(on, id)).toMatchObject({ phase: 'asking' });
      for (const name of MEMBERS) on.stage.faults.restartNode(name);
      await paid(on, id);
    }));

  it("the shop's process is killed and another begins", () =>
    play('shop dies', async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      const id = await beginOffer(on.payer, { offer: offer.text });
      await on.stage.sleep(120);
      on.shop.kill();
      await on.stage.sleep(4_000);
      await on.shop.start();
      await paid(on, id, 200_000);
    }));

  it.each([0, 60, 150, 250, 400, 600, 900])('the payer is killed %s ms after it asked, and learns the truth', (ms) =>
    play(`payer dies ${ms}`, async (on) => {
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      const id = await beginOffer(on.payer, { offer: offer.text });
      await on.stage.sleep(ms);
      on.payer.kill();
      await on.stage.sleep(12_000);
      await on.payer.start();
      const { paymentHash } = await paid(on, id, 200_000);
      const receipts = await on.shop.store.invoices.listPayments({ limit: 10 });
      expect(receipts.map(({ set }) => set.paymentHash)).toEqual([paymentHash]);
    }),
  );

  it('two daemons serve one shop over one database: one dies, the other answers and receives', () =>
    play('two daemons', async (on) => {
      const second = await on.stage.enter({ nodes: MEMBERS, store: on.shop.store, ring: on.shop.ring });
      const offer = await offerOf(on.shop, { amountMsat: 40_000n });
      await paid(on, await beginOffer(on.payer, { offer: offer.text }));
      on.shop.kill();
      const id = await beginOffer(on.payer, { offer: offer.text });
      const { receipt } = await claimOfferPaid(on.stage, { payer: on.payer, id, payee: second, at: MEMBERS });
      expect(receipt.offerId).toBe(offer.id);
    }));
});
