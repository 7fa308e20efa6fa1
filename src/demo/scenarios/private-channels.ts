/** Nodes that only have private channels receive too, without giving their channels away. */
import { claim, claimEqual } from '../claim.js';
import { claimSettledOnce, seconds } from '../evidence.js';
import { attemptsOf } from '../payers-view.js';
import type { SimulatedScenario } from '../scenario.js';

export const phantomPrivateChannels: SimulatedScenario = {
  name: 'phantom-private-channels',
  title: 'a node with private channels only is paid over a two-hop hint that hides its channel',
  time: 'virtual',
  async run(world) {
    const { faults, network } = world.sim;
    faults.crashNode('alpha');
    faults.crashNode('beta');
    await world.until(() => world.process.live.join() === 'gamma', 'only gamma being served');

    const invoice = await world.issue(world.drawAmount(10_000, 500_000));
    claimEqual(invoice.members.join(), 'gamma', 'members that the invoice names while the others are down');
    const [hint] = invoice.invoice.routeHints;
    claimEqual(hint?.length, 2, 'hops of the hint');
    const channel = network.channelBetween('south', 'gamma');
    claim(!channel.announced, 'the channel is private');
    const named = hint!.map(({ shortChannelId }) => shortChannelId);
    claim(!named.includes(channel.scid), 'the invoice does not say where on the chain the channel is');
    claim(channel.aliases.includes(named[0]!), 'the hint names the channel by an alias');

    const payment = await (await world.wallet('carol')).start(invoice.invoice);
    const settled = await claimSettledOnce(world, invoice, payment);
    faults.restartNode('alpha');
    faults.restartNode('beta');
    await world.untilServed(['alpha', 'beta']);
    return {
      node: 'gamma',
      route: attemptsOf(payment).at(-1)!.route,
      parts: settled.map(({ node, amountMsat }) => ({ node, amountMsat })),
      hopsInHint: hint!.length,
      channelHidden: true,
      feeMsat: String(payment.feeMsat),
      seconds: seconds(payment.endedAt! - payment.startedAt),
    };
  },
};
