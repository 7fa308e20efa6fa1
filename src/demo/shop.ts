/** A shop outside the cluster with a bill that takes all members to pay. */
import type { SimNode } from '../node/sim/node.js';
import type { Msat } from '../wire/units.js';
import { type DemoWorld, MEMBERS, type MemberName } from './world.js';

export interface Bill {
  readonly shop: SimNode;
  /** More than any two members can send, less than all three. */
  readonly amountMsat: Msat;
  readonly balances: readonly { readonly member: MemberName; readonly spendableMsat: Msat }[];
}

const WIDE: readonly [Msat, Msat] = [60_000_000_000n, 60_000_000_000n];

function spendableOf(node: SimNode): Msat {
  return node.channels.reduce((sum, channel) => sum + channel.spendable(channel.sideOf(node)), 0n);
}

/** Opens the shop, with wide channels to both routers. */
export function openShop(world: DemoWorld): Bill {
  const { network } = world.sim;
  const shop = network.addNode('shop');
  for (const router of ['north', 'south']) network.openChannel(network.node(router), shop, { balances: WIDE });
  const balances = MEMBERS.map((member) => ({ member, spendableMsat: spendableOf(network.node(member)) }));
  const amounts = balances.map(({ spendableMsat }) => spendableMsat).sort((a, b) => (a < b ? -1 : 1));
  const [least, ...others] = amounts as [Msat, Msat, Msat];
  const share = (least * BigInt(world.random.int(10, 60))) / 100n;
  const amountMsat = ((others[0] + others[1] + share) / 1000n) * 1000n;
  return { shop, amountMsat, balances };
}
