/** Payments in parts: all at one node, and at different nodes. */
import type { PartPlan } from '../../node/sim/payment.js';
import type { Msat } from '../../wire/units.js';
import { claim, claimEqual } from '../claim.js';
import { claimReleasedTogether, claimSettledOnce, seconds } from '../evidence.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import { type DemoInvoice, type DemoWorld, MEMBERS, type PayerName } from '../world.js';

/** Uneven shares in whole satoshi that add up to the amount. */
function split(world: DemoWorld, amountMsat: Msat, parts: number): Msat[] {
  const shares: Msat[] = [];
  let rest = amountMsat;
  for (let left = parts; left > 1; left--) {
    const even = Number(rest / 1000n / BigInt(left));
    const share = BigInt(world.random.int(Math.ceil(even * 0.7), Math.floor(even * 1.3))) * 1000n;
    shares.push(share);
    rest -= share;
  }
  return [...shares, rest];
}

async function payInParts(
  world: DemoWorld,
  invoice: DemoInvoice,
  payerName: PayerName,
  parts: readonly PartPlan[],
): Promise<Detail> {
  const record = await world.payer(payerName).pay({ invoice: invoice.invoice, parts });
  const settled = await claimSettledOnce(world, invoice, record);
  claimEqual(settled.length, parts.length, 'parts that arrived');
  claimReleasedTogether(world, invoice);
  const times = world.arrivals(invoice.paymentHash).map(({ committedAt }) => committedAt!);
  return {
    payer: payerName,
    amountMsat: String(invoice.amountMsat),
    parts: settled.map(({ node, amountMsat }) => ({ node, amountMsat })),
    secondsBetweenFirstAndLastPart: seconds(Math.max(...times) - Math.min(...times)),
    seconds: seconds(record.endedAt! - record.startedAt),
    releasedTogether: true,
  };
}

const delay = (world: DemoWorld): number => world.random.int(0, 8_000);

export const phantomMppOneNode: SimulatedScenario = {
  name: 'phantom-mpp-one-node',
  title: 'a payment in four parts at one node: none is released before the last has arrived',
  time: 'virtual',
  async run(world) {
    const member = world.random.pick(MEMBERS);
    const invoice = await world.issue(world.drawAmount(100_000, 4_000_000));
    claim(invoice.invoice.features.includes(17), 'the invoice offers payments in parts (feature 17)');
    const hint = world.hintTo(invoice, member);
    const parts = split(world, invoice.amountMsat, 4).map((amountMsat) => ({
      amountMsat,
      hint,
      delayMs: delay(world),
    }));
    return payInParts(world, invoice, world.random.pick(['carol', 'dave']), parts);
  },
};

export const phantomMppAcrossNodes: SimulatedScenario = {
  name: 'phantom-mpp-across-nodes',
  title: 'a payment larger than any channel in parts at three nodes: one invoice, one commitment, one preimage',
  time: 'virtual',
  async run(world) {
    const invoice = await world.issue(world.drawAmount(10_500_000, 15_000_000));
    const largest = Math.max(
      ...MEMBERS.flatMap((member) =>
        world.process.receiver.cluster.channelsOf(member).map(({ receivableMsat }) => Number(receivableMsat)),
      ),
    );
    claim(invoice.amountMsat > BigInt(largest), `no single channel can receive ${invoice.amountMsat} msat`);
    const shares = split(world, invoice.amountMsat, 4);
    const hints = [...MEMBERS, world.random.pick(['alpha', 'beta'] as const)].map((to) => world.hintTo(invoice, to));
    const parts = shares.map((amountMsat, i) => ({ amountMsat, hint: hints[i]!, delayMs: delay(world) }));
    const detail = await payInParts(world, invoice, 'dave', parts);
    const nodes = new Set(world.arrivals(invoice.paymentHash).map(({ to }) => to));
    claimEqual([...nodes].sort().join(), MEMBERS.join(), 'nodes at which parts arrived');
    return detail;
  },
};
