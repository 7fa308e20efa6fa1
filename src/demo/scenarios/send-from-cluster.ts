/** The cluster pays: one payment, from several own nodes at once. */
import { claim, claimEqual } from '../claim.js';
import { claimPaidOutside, seconds } from '../evidence.js';
import type { SimulatedScenario } from '../scenario.js';
import { openShop } from '../shop.js';
import { MEMBERS } from '../world.js';

export const sendFromCluster: SimulatedScenario = {
  name: 'send-from-cluster',
  title: 'a bill above the balance of each own node, paid by three of them at once with one preimage for it',
  time: 'virtual',
  async run(world) {
    const { shop, amountMsat, balances } = openShop(world);
    for (const { member, spendableMsat } of balances) {
      claim(spendableMsat < amountMsat, `${member} alone cannot send ${amountMsat} msat (${spendableMsat})`);
    }

    const cluster = await world.payingCluster();
    const invoice = world.invoiceOf(shop, amountMsat);
    const maxFeeMsat = amountMsat / 200n;
    const refused: { node: string; code: string }[] = [];
    for (const member of MEMBERS) {
      const alone = await cluster.begin(invoice, { from: [member], maxFeeMsat });
      claim(alone.kind === 'refused', `${member} alone is refused`);
      claimEqual(alone.reason.code, 'own_balance', `why ${member} alone cannot pay`);
      refused.push({ node: member, code: 'own_balance' });
    }
    claimEqual(world.sim.network.liveHtlcs().length, 0, 'HTLCs that the refusals sent');

    const payment = await cluster.start(invoice, { maxFeeMsat });
    const received = await claimPaidOutside(world, shop, invoice, payment);
    claimEqual(payment.senders.join(), MEMBERS.join(), 'own nodes that paid');
    claim(payment.feeMsat <= maxFeeMsat, `the fee of ${payment.feeMsat} msat is within the budget of ${maxFeeMsat}`);
    return {
      amountMsat: String(amountMsat),
      balances: balances.map(({ member, spendableMsat }) => ({ node: member, spendableMsat: String(spendableMsat) })),
      refusedAlone: refused,
      paidBy: payment.senders,
      parts: received.map((part) => String(part)),
      feeMsat: String(payment.feeMsat),
      budgetMsat: String(maxFeeMsat),
      seconds: seconds(payment.endedAt! - payment.startedAt),
    };
  },
};
