/** Payers and payees who are never awake at the same time. */
import { claim, claimEqual } from '../claim.js';
import { seconds } from '../evidence.js';
import { beginOffer, claimOfferPaid, offerPaymentOf, type OfferPaid } from '../offer-evidence.js';
import type { Detail, StagedScenario } from '../scenario.js';
import { Sleepers } from '../sleepers.js';

const told = ({ amountMsat, parts, feeMsat, ms, receipt }: OfferPaid): Detail => ({
  amountMsat: String(amountMsat),
  parts: parts.map(({ node, amountMsat: part }) => ({ node, amountMsat: part })),
  feeMsat: String(feeMsat),
  ...(receipt.payerNote !== undefined && { payerNote: receipt.payerNote }),
  secondsFromAskingToTheEnd: seconds(ms),
});

export const asyncPayeeOffline: StagedScenario = {
  name: 'async-payee-offline',
  title:
    "the payee's phone is off: its LSP answers with a static invoice and keeps the payer's word until the phone is on",
  time: 'virtual',
  async play(stage) {
    const sleepers = await Sleepers.enter(stage);
    const offer = await sleepers.offerOf('bob');
    await sleepers.sleep('bob');
    await sleepers.pass(6);
    const payer = sleepers.carol;
    const id = await beginOffer(payer, {
      offer,
      amountMsat: stage.drawAmount(20_000, 90_000),
      payerNote: 'good night',
    });
    await stage.until(async () => (await offerPaymentOf(payer, id)).phase === 'unreleased', 'a static invoice', {
      timeoutMs: 60_000,
    });
    await stage.until(
      async () => (await sleepers.mailOf('bob')) > 1,
      "the payer's request and its word in the mailbox",
    );
    const waits = await sleepers.mailOf('bob');
    await sleepers.pass(48);
    claimEqual((await offerPaymentOf(payer, id)).phase, 'unreleased', 'the payment while its payee sleeps');
    claimEqual(stage.network.observations().htlcs.length, 0, 'HTLCs sent while the payee sleeps');
    await sleepers.wake('bob');
    const wokenAt = stage.now;
    const paid = await claimOfferPaid(stage, { payer, id, payee: sleepers.wallet('bob'), at: ['bob'] });
    claim(paid.receipt.isStatic, 'it was paid by a static invoice');
    const settledMs = stage.now - wokenAt;
    await sleepers.sleep('bob');
    return {
      messagesKept: waits,
      sentWhileThePayeeSleeps: 0,
      ...told(paid),
      secondsFromWakingToTheEnd: seconds(settledMs),
    };
  },
};

export const asyncPayerOffline: StagedScenario = {
  name: 'async-payer-offline',
  title:
    "the payer's phone goes off as soon as its LSP holds the money: it is released, and the phone learns of it later",
  time: 'virtual',
  async play(stage) {
    const sleepers = await Sleepers.enter(stage);
    const offer = await sleepers.offerOf('bob');
    // Far away from a mast: what the LSP says for it comes first.
    stage.faults.delayMessages('bob', [2_000, 3_000]);
    const { id, held } = await payAndSleep(sleepers, offer);
    await sleepers.pass(6);
    const paid = await wakeAndLearn(sleepers, id);
    return { held, ...told(paid) };
  },
};

export const asyncBothOffline: StagedScenario = {
  name: 'async-both-offline',
  title:
    'the payee sleeps when the payer pays, the payer when the payee receives: the money waits at the LSP of the payer',
  time: 'virtual',
  async play(stage) {
    const sleepers = await Sleepers.enter(stage);
    const offer = await sleepers.offerOf('bob');
    await sleepers.sleep('bob');
    await sleepers.pass(6);
    const { id, held } = await payAndSleep(sleepers, offer);
    await sleepers.pass(54);
    claimEqual((await sleepers.heldFor('alice')).length, 1, 'HTLCs that wait at the LSP of the payer');
    claimEqual(stage.network.observations().htlcs.filter(({ to }) => to === 'hub').length, 0, 'HTLCs beyond it');
    await sleepers.wake('bob');
    await stage.until(
      async () => (await sleepers.wallet('bob').store.invoices.listPayments({ limit: 1 })).length === 1,
      'the receipt of the payee',
      { timeoutMs: 60_000 },
    );
    await stage.sleep(5_000);
    await sleepers.sleep('bob');
    await sleepers.pass(36);
    const paid = await wakeAndLearn(sleepers, id);
    return { held, awakeTogether: false, ...told(paid) };
  },
};

/** Alice pays, and goes to sleep when her LSP has the money. */
async function payAndSleep(sleepers: Sleepers, offer: string): Promise<{ id: string; held: Detail }> {
  const { stage } = sleepers;
  const alice = sleepers.wallet('alice');
  const id = await beginOffer(alice, { offer, amountMsat: stage.drawAmount(20_000, 90_000), payerNote: 'from Alice' });
  const isHeld = async (): Promise<boolean> => (await offerPaymentOf(alice, id)).heldParts.length > 0;
  await stage.until(isHeld, 'the LSP holding the money', { timeoutMs: 60_000 });
  await stage.until(async () => (await sleepers.heldFor('alice')).length > 0, "the payer's LSP listing what it holds");
  const [first] = await sleepers.heldFor('alice');
  claim(first !== undefined, "the payer's LSP lists the HTLC that it holds");
  // What a phone has sent when it loses power may be lost on its way.
  await stage.sleep(1_000);
  await sleepers.sleep('alice');
  return { id, held: { at: 'westlsp', untilBlock: first.until_block ?? 0 } };
}

/** Alice wakes up; what she finds is the truth. */
async function wakeAndLearn(sleepers: Sleepers, id: string): Promise<OfferPaid> {
  const { stage } = sleepers;
  const alice = sleepers.wallet('alice');
  claimEqual((await offerPaymentOf(alice, id)).phase, 'paying', 'what the payer knew before it slept');
  await sleepers.wake('alice');
  const paid = await claimOfferPaid(stage, { payer: alice, id, payee: sleepers.wallet('bob'), at: ['bob'] });
  claim(paid.receipt.isStatic, 'it was paid by a static invoice');
  await stage.until(async () => (await sleepers.heldFor('alice')).length === 0, 'nothing being held any more');
  return paid;
}
