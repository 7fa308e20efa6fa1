/** One invoice, payable at every member, paid once. */
import { FailureCode } from '../../onion/index.js';
import { claim, claimEqual } from '../claim.js';
import { claimRefused, claimSettledOnce, seconds } from '../evidence.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import { type DemoWorld, MEMBERS, type MemberName, type PayerName } from '../world.js';

async function payAt(world: DemoWorld, member: MemberName, payerName: PayerName): Promise<Detail> {
  const invoice = await world.issue(world.drawAmount(1_000, 200_000));
  claimEqual([...invoice.members].sort().join(), [...MEMBERS].join(), 'members that the invoice names');
  const payer = world.payer(payerName);
  const { amountMsat } = invoice;
  const parts = [{ amountMsat, hint: world.hintTo(invoice, member) }];
  const record = await payer.pay({ invoice: invoice.invoice, parts });
  const settled = await claimSettledOnce(world, invoice, record);
  claimEqual(settled.map(({ node }) => node).join(), member, 'where the payment arrived');

  const again = await payer.pay({ invoice: invoice.invoice, parts });
  claimEqual(again.paidMsat, 0n, 'msat paid by paying the same invoice again');
  claimRefused(again, FailureCode.incorrectOrUnknownPaymentDetails, 'payee');
  return {
    payer: payerName,
    node: member,
    amountMsat: String(amountMsat),
    feeMsat: String(record.paidMsat - amountMsat),
    seconds: seconds(record.endedAt! - record.startedAt),
    paidTwice: false,
  };
}

export const phantomSingle: SimulatedScenario = {
  name: 'phantom-single',
  title: 'one invoice names every node of the cluster and can be paid at each of them, once',
  time: 'virtual',
  async run(world) {
    const payments: Detail[] = [];
    for (const [i, member] of MEMBERS.entries()) payments.push(await payAt(world, member, i % 2 ? 'dave' : 'carol'));
    const open = await world.issue(world.drawAmount(1_000, 200_000));
    const payment = await (await world.wallet('dave')).start(open.invoice);
    const [settled] = await claimSettledOnce(world, open, payment);
    claim(settled !== undefined, 'the payment arrived somewhere');
    return { payments, choiceOfThePayer: { node: settled.node, amountMsat: settled.amountMsat } };
  },
};
