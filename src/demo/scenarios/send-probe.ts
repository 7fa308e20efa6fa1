/** How much would get through: found without paying, and true. */
import { claim, claimEqual } from '../claim.js';
import { claimPaidOutside, seconds } from '../evidence.js';
import type { SimulatedScenario } from '../scenario.js';

export const sendProbe: SimulatedScenario = {
  name: 'send-probe',
  title: 'how much gets through to a node is found without paying: that much can be paid, a tenth more cannot',
  time: 'virtual',
  async run(world) {
    const { network } = world.sim;
    // What the routers hold towards the shop is nobody's knowledge but theirs.
    const shop = network.addNode('shop');
    const least = 2_000_000;
    const most = 4_000_000;
    for (const router of ['north', 'south']) {
      const towards = world.drawAmount(least, most);
      network.openChannel(network.node(router), shop, { balances: [towards, 12_000_000_000n - towards] });
    }
    const through = shop.channels.reduce((sum, channel) => sum + channel.spendable(0), 0n);
    const wallet = await world.wallet('dave');
    const greatestMsat = 16_000_000_000n;
    const { arrivedMsat, failedMsat, steps } = await wallet.probe({
      destination: shop.nodeId,
      amountMsat: greatestMsat,
    });
    claim(failedMsat !== undefined, 'the greatest amount does not get through');
    claim(arrivedMsat > 0n && arrivedMsat <= through, `what arrived (${arrivedMsat}) is what can (${through})`);
    claim(failedMsat > arrivedMsat, 'what did not is more');
    claimEqual(
      shop.channels.flatMap(({ history }) => history).filter(({ outcome }) => outcome === 'settled').length,
      0,
      'payments made by probing',
    );

    const tooMuch = (arrivedMsat * 11n) / 10n;
    const begun = await wallet.begin(world.invoiceOf(shop, tooMuch));
    if (begun.kind === 'started') {
      const { payment } = begun;
      await world.until(() => payment.endedAt !== undefined, 'the end of the payment', { timeoutMs: 300_000 });
      claimEqual(payment.outcome, 'failed', 'outcome of paying a tenth more');
      claimEqual(payment.paidMsat, 0n, 'msat paid for nothing');
    }
    const reason = begun.kind === 'refused' ? begun.reason : begun.payment.stop;
    claim(reason !== undefined && reason.message !== '', 'the payer is told why');

    const invoice = world.invoiceOf(shop, arrivedMsat);
    const payment = await wallet.start(invoice);
    const received = await claimPaidOutside(world, shop, invoice, payment);
    return {
      payer: 'dave',
      mostThatCanMsat: String(through),
      foundMsat: String(arrivedMsat),
      tooMuchMsat: String(failedMsat),
      steps: steps.map(({ amountMsat, outcome, parts }) => ({ amountMsat: String(amountMsat), outcome, parts })),
      tenthMore: {
        amountMsat: String(tooMuch),
        outcome: begun.kind === 'refused' ? 'refused' : 'failed',
        why: reason.message,
      },
      paid: { amountMsat: String(arrivedMsat), parts: received.length, feeMsat: String(payment.feeMsat) },
      seconds: seconds(payment.endedAt! - payment.startedAt),
    };
  },
};
