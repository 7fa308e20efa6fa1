/** Hold invoices: the money waits at the nodes until the merchant has decided. */
import { FailureCode } from '../../onion/index.js';
import { claim, claimEqual } from '../claim.js';
import { claimNothingSettled, claimRefused, claimSettledOnce, hexCode, seconds } from '../evidence.js';
import type { RunningPayment } from '../../node/sim/payer.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import type { DemoInvoice, DemoWorld } from '../world.js';

interface Accepted {
  readonly invoice: DemoInvoice;
  readonly payment: RunningPayment;
}

/** A hold invoice whose payment, in two parts at two nodes, is complete and waits. */
async function accepted(world: DemoWorld, holdSeconds: number): Promise<Accepted> {
  const invoice = await world.issue(world.drawAmount(20_000, 800_000), { holdSeconds });
  const half = invoice.amountMsat / 2n;
  const payment = world.payer('dave').start({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: half, hint: world.hintTo(invoice, 'beta') },
      { amountMsat: invoice.amountMsat - half, hint: world.hintTo(invoice, 'gamma'), delayMs: 1_000 },
    ],
  });
  await world.until(async () => (await stateOf(world, invoice)) === 'accepted', 'the invoice being accepted');
  const events = await world.events(invoice.paymentHash);
  claimEqual(events.map(({ type }) => type).join(), 'invoice.accepted', 'what the merchant was told');
  return { invoice, payment };
}

async function stateOf(world: DemoWorld, { paymentHash }: DemoInvoice): Promise<string | undefined> {
  const shown = await world.process.invoices.show(paymentHash);
  return shown.ok ? shown.value.state : undefined;
}

async function settledByMerchant(world: DemoWorld): Promise<Detail> {
  const { invoice, payment } = await accepted(world, 3_600);
  // Longer than incomplete payments may wait: this one is complete.
  await world.sleep(90_000);
  claimEqual(await stateOf(world, invoice), 'accepted', 'state while the merchant thinks');
  claimEqual(payment.record.outcome, 'pending', 'outcome for the payer while the merchant thinks');
  const decidedAt = world.now;
  const reply = await world.process.invoices.settle(invoice.paymentHash);
  claim(reply.ok, 'the merchant may settle');
  await payment.done;
  const parts = await claimSettledOnce(world, invoice, payment.record);
  claimEqual(await stateOf(world, invoice), 'settled', 'state at the end');
  return {
    decision: 'settle',
    amountMsat: String(invoice.amountMsat),
    parts: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
    secondsHeld: seconds(decidedAt - payment.record.startedAt),
  };
}

async function cancelledByMerchant(world: DemoWorld): Promise<Detail> {
  const { invoice, payment } = await accepted(world, 3_600);
  await world.sleep(20_000);
  const reply = await world.process.invoices.cancel(invoice.paymentHash);
  claim(reply.ok, 'the merchant may cancel');
  await payment.done;
  await claimNothingSettled(world, invoice, payment.record);
  claimRefused(payment.record, FailureCode.incorrectOrUnknownPaymentDetails, 'payee');
  const late = await world.process.invoices.settle(invoice.paymentHash);
  claim(!late.ok, 'what was given back cannot be settled any more');
  return {
    decision: 'cancel',
    amountMsat: String(invoice.amountMsat),
    code: hexCode(FailureCode.incorrectOrUnknownPaymentDetails),
    settleAfterwards: late.error.code,
  };
}

/** The merchant never decides; the time he asked for runs out long before the HTLCs expire. */
async function neverDecided(world: DemoWorld): Promise<Detail> {
  const holdSeconds = 120;
  const { invoice, payment } = await accepted(world, holdSeconds);
  await world.until(() => payment.record.endedAt !== undefined, 'the payment coming back', {
    timeoutMs: 180_000,
    everyMs: 100,
  });
  await claimNothingSettled(world, invoice, payment.record);
  const blocksLeft =
    Math.min(...world.arrivals(invoice.paymentHash).map(({ expiry }) => expiry)) - world.sim.network.height;
  claim(blocksLeft > 40, `it comes back well before its expiry (${blocksLeft} blocks)`);
  return {
    decision: 'none',
    amountMsat: String(invoice.amountMsat),
    holdSeconds,
    secondsUntilGivenBack: seconds(payment.record.endedAt! - payment.record.startedAt),
    blocksLeft,
  };
}

/** The merchant sleeps while blocks come in: the parts go back before any channel is in danger. */
async function nearExpiry(world: DemoWorld): Promise<Detail> {
  const { invoice, payment } = await accepted(world, 86_400);
  const { network, faults } = world.sim;
  const expiry = Math.min(...world.arrivals(invoice.paymentHash).map((arrival) => arrival.expiry));
  while (payment.record.endedAt === undefined && network.height < expiry) {
    faults.mineBlocks(1);
    await world.sleep(3_000);
  }
  await claimNothingSettled(world, invoice, payment.record);
  const blocksLeft = expiry - network.height;
  claim(blocksLeft >= 19, `it comes back before the node would have to fail it by itself (${blocksLeft} blocks left)`);
  claim(
    network.channels.every(({ closed }) => !closed),
    'no channel was closed',
  );
  return { decision: 'none', amountMsat: String(invoice.amountMsat), blocksLeft, channelsClosed: 0 };
}

export const phantomHoldInvoice: SimulatedScenario = {
  name: 'phantom-hold-invoice',
  title: 'a hold invoice is accepted, then settled, cancelled, or given back in time when nobody decides',
  time: 'virtual',
  async run(world) {
    return {
      settled: await settledByMerchant(world),
      cancelled: await cancelledByMerchant(world),
      timeRanOut: await neverDecided(world),
      blocksRanOut: await nearExpiry(world),
    };
  },
};
