/** A wallet pays more than any single path carries. */
import { claim, claimEqual } from '../claim.js';
import { claimReleasedTogether, claimSettledOnce, seconds } from '../evidence.js';
import { attemptsOf } from '../payers-view.js';
import type { SimulatedScenario } from '../scenario.js';

export const sendMpp: SimulatedScenario = {
  name: 'send-mpp',
  title: 'a payment larger than any channel of its payer: planned in parts over several paths, under one fee budget',
  time: 'virtual',
  async run(world) {
    const wallet = await world.wallet('carol');
    const invoice = await world.issue(world.drawAmount(10_500_000, 14_500_000));
    const { channels } = world.sim.network.node('carol');
    const largest = channels.reduce((most, channel) => {
      const spendable = channel.spendable(channel.ends[0].name === 'carol' ? 0 : 1);
      return spendable > most ? spendable : most;
    }, 0n);
    claim(invoice.amountMsat > largest, `no channel of carol can send ${invoice.amountMsat} msat (${largest})`);

    const maxFeeMsat = invoice.amountMsat / 200n;
    const dry = await wallet.dryRun(invoice.invoice, { maxFeeMsat });
    claim(dry.kind === 'plan', 'there is a plan');
    claim(dry.plan.parts.length > 1, 'the plan has several parts');
    claim(dry.plan.feeMsat <= maxFeeMsat, 'the plan keeps to the budget');
    claimEqual(world.arrivals(invoice.paymentHash).length, 0, 'HTLCs sent by planning alone');

    const payment = await wallet.start(invoice.invoice, { maxFeeMsat });
    const settled = await claimSettledOnce(world, invoice, payment);
    claim(settled.length > 1, 'the payment arrived in several parts');
    claimReleasedTogether(world, invoice);
    claimEqual(payment.paidMsat, invoice.amountMsat + payment.feeMsat, 'msat that left the payer');
    claim(payment.feeMsat <= maxFeeMsat, `the fee of ${payment.feeMsat} msat is within the budget of ${maxFeeMsat}`);
    const attempts = attemptsOf(payment);
    return {
      payer: 'carol',
      amountMsat: String(invoice.amountMsat),
      largestChannelMsat: String(largest),
      plannedParts: dry.plan.parts.length,
      attempts: attempts.length,
      parts: attempts
        .filter(({ outcome }) => outcome === 'settled')
        .map(({ route, amountMsat, sentMsat }) => ({
          route,
          amountMsat: String(amountMsat),
          feeMsat: String(sentMsat - amountMsat),
        })),
      feeMsat: String(payment.feeMsat),
      budgetMsat: String(maxFeeMsat),
      seconds: seconds(payment.endedAt! - payment.startedAt),
    };
  },
};
