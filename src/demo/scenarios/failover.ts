/** Nodes that are down: before the payment, and in the middle of one that comes in parts. */
import { FailureCode } from '../../onion/index.js';
import { claim, claimEqual } from '../claim.js';
import { claimRefused, claimSettledOnce, hexCode, seconds } from '../evidence.js';
import { attemptsOf } from '../payers-view.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import { type DemoWorld, MEMBERS } from '../world.js';

/** The node to which the payer's wallet would go goes down after the invoice was handed out. */
async function downBefore(world: DemoWorld): Promise<Detail> {
  const { faults } = world.sim;
  const invoice = await world.issue(world.drawAmount(5_000, 300_000));
  const wallet = await world.wallet('carol');
  const down = await world.firstChoice(wallet, invoice);
  faults.crashNode(down);
  const payment = await wallet.start(invoice.invoice);
  const [settled] = await claimSettledOnce(world, invoice, payment);
  const attempts = attemptsOf(payment);
  claim(attempts.length > 1, 'the first attempt failed');
  claimEqual(attempts[0]!.route.at(-1), down, 'where the first attempt went');
  claim(settled!.node !== down, 'the payment arrived at another node');
  faults.restartNode(down);
  await world.untilServed(MEMBERS);
  return {
    down,
    attempts: attempts.map(({ route, outcome, failure }) => ({
      to: route.at(-1)!,
      outcome,
      ...(failure && { code: hexCode(failure.code), blamed: failure.blamed }),
    })),
    node: settled!.node,
    amountMsat: String(invoice.amountMsat),
    seconds: seconds(payment.endedAt! - payment.startedAt),
  };
}

/** A member dies while it holds a part and comes back within the minute that parts may wait. */
async function backInTime(world: DemoWorld): Promise<Detail> {
  const { faults } = world.sim;
  const invoice = await world.issue(world.drawAmount(300_000, 3_000_000));
  const share = invoice.amountMsat / 3n;
  const payment = world.payer('dave').start({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: share, hint: world.hintTo(invoice, 'alpha') },
      { amountMsat: share, hint: world.hintTo(invoice, 'beta') },
      { amountMsat: invoice.amountMsat - 2n * share, hint: world.hintTo(invoice, 'gamma'), delayMs: 6_000 },
    ],
  });
  await world.untilHeld(invoice.paymentHash, 2);
  const diedAt = world.now;
  faults.crashNode('beta');
  await world.untilHeld(invoice.paymentHash, 3);
  await world.sleep(5_000);
  const whileDown = await world.account(invoice.paymentHash);
  claimEqual(whileDown.sets[0]!.state, 'open', 'the payment while a node that holds a part is dead');
  faults.restartNode('beta');
  await payment.done;
  const parts = await claimSettledOnce(world, invoice, payment.record);
  claimEqual(
    parts
      .map(({ node }) => node)
      .sort()
      .join(),
    MEMBERS.join(),
    'where the parts arrived',
  );
  await world.untilServed(MEMBERS);
  return {
    died: 'beta',
    parts: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
    settledWhileDead: false,
    secondsUntilSettled: seconds(payment.record.endedAt! - diedAt),
  };
}

/** A member dies while it holds a part and stays away: everybody gets everything back, and the payer pays elsewhere. */
async function backTooLate(world: DemoWorld): Promise<Detail> {
  const { faults } = world.sim;
  const invoice = await world.issue(world.drawAmount(300_000, 3_000_000));
  const half = invoice.amountMsat / 2n;
  const rest = invoice.amountMsat - half;
  const [alpha, beta, gamma] = MEMBERS.map((member) => world.hintTo(invoice, member)) as [number, number, number];
  const carol = world.payer('carol');
  const first = carol.start({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: half, hint: beta },
      { amountMsat: rest, hint: alpha, delayMs: 4_000 },
    ],
  });
  await world.untilHeld(invoice.paymentHash, 1);
  faults.crashNode('beta');
  const [, atAlpha] = first.record.parts;
  await world.until(() => atAlpha!.outcome === 'failed', 'the part at alpha coming back', {
    timeoutMs: 90_000,
    everyMs: 100,
  });
  claimEqual(atAlpha!.attempts.at(-1)?.failure?.code, FailureCode.mppTimeout, 'failure code of the part at alpha');

  const second = await carol.pay({
    invoice: invoice.invoice,
    parts: [
      { amountMsat: half, hint: alpha },
      { amountMsat: rest, hint: gamma },
    ],
  });
  claimEqual(second.outcome, 'settled', 'outcome of the second try');
  faults.restartNode('beta');
  await first.done;
  claimEqual(first.record.paidMsat, 0n, 'msat paid by the first try');
  claimRefused(first.record, FailureCode.mppTimeout, 'payee');
  const parts = await claimSettledOnce(world, invoice, second);
  await world.untilServed(MEMBERS);
  return {
    died: 'beta',
    firstTry: { outcome: 'given back', code: hexCode(FailureCode.mppTimeout) },
    secondTry: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
  };
}

export const phantomFailover: SimulatedScenario = {
  name: 'phantom-failover',
  title: "a node is down: the payer's retry lands on another; one dies in the middle: nothing is lost or paid twice",
  time: 'virtual',
  async run(world) {
    return {
      downBeforeThePayment: await downBefore(world),
      diesHoldingAPart: await backInTime(world),
      diesAndStaysAway: await backTooLate(world),
    };
  },
};
