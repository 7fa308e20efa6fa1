/** Kills, at the worst moments. Each payment is settled exactly once all the same. */
import type { PayRequest } from '../../node/sim/payment.js';
import { claim, claimEqual } from '../claim.js';
import { claimSettledOnce, seconds } from '../evidence.js';
import type { Detail, SimulatedScenario } from '../scenario.js';
import { type DemoInvoice, type DemoWorld, MEMBERS } from '../world.js';

/** Three parts, one at each member. */
function threeParts(world: DemoWorld, invoice: DemoInvoice, lastDelayMs: number): PayRequest {
  const share = invoice.amountMsat / 3n;
  const last = invoice.amountMsat - 2n * share;
  return {
    invoice: invoice.invoice,
    parts: [
      { amountMsat: share, hint: world.hintTo(invoice, 'alpha') },
      { amountMsat: share, hint: world.hintTo(invoice, 'beta'), delayMs: 300 },
      { amountMsat: last, hint: world.hintTo(invoice, 'gamma'), delayMs: lastDelayMs },
    ],
  };
}

async function takeOver(world: DemoWorld): Promise<string> {
  const killed = world.process.owner;
  const successor = await world.startProcess();
  await world.untilServed(MEMBERS);
  claim(successor.owner !== killed, 'another process serves the nodes');
  return successor.owner;
}

/** Killed while two of three parts are held. The third comes to the process that took over. */
async function whileHolding(world: DemoWorld): Promise<Detail> {
  const invoice = await world.issue(world.drawAmount(100_000, 2_000_000));
  const payment = world.payer('carol').start(threeParts(world, invoice, 25_000));
  await world.untilHeld(invoice.paymentHash, 2);
  const killed = world.process;
  const killedAt = world.now;
  killed.kill();
  const successor = await takeOver(world);
  const takenOverAt = world.now;
  await payment.done;
  const parts = await claimSettledOnce(world, invoice, payment.record);
  return {
    killed: killed.owner,
    takenOverBy: successor,
    secondsUntilTakenOver: seconds(takenOverAt - killedAt),
    parts: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
    settledTimes: 1,
  };
}

/** Killed in the moment in which the commit is durable, and not one answer is on its way. */
async function afterCommit(world: DemoWorld): Promise<Detail> {
  const invoice = await world.issue(world.drawAmount(100_000, 2_000_000));
  const killed = world.process;
  killed.killAfter((event) => event.type === 'invoice.settled' && event.paymentHash === invoice.paymentHash);
  const payment = world.payer('dave').start(threeParts(world, invoice, 2_000));
  await world.until(() => !killed.alive, 'the process being killed');
  const answersAtDeath = world.sim.network
    .observations()
    .answers.filter(({ paymentHash, action }) => paymentHash === invoice.paymentHash && action === 'settle').length;
  claimEqual(answersAtDeath, 0, 'answers given before the kill');
  claimEqual((await world.account(invoice.paymentHash)).sets[0]?.state, 'settling', 'what the database says');
  const successor = await takeOver(world);
  await payment.done;
  const parts = await claimSettledOnce(world, invoice, payment.record);
  return {
    killed: killed.owner,
    takenOverBy: successor,
    answersBeforeTheKill: answersAtDeath,
    parts: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
    settledTimes: 1,
  };
}

/** A node loses its memory after it got the answer, before it signed: it asks again and gets the same answer. */
async function answersLost(world: DemoWorld): Promise<Detail> {
  const { network, faults } = world.sim;
  const invoice = await world.issue(world.drawAmount(100_000, 2_000_000));
  const payment = world.payer('carol').start(threeParts(world, invoice, 1_000));
  const settlesAt = (node: string): number =>
    network
      .observations()
      .answers.filter(
        (answer) =>
          answer.node === node &&
          answer.paymentHash === invoice.paymentHash &&
          answer.action === 'settle' &&
          answer.fate === 'applied',
      ).length;
  await world.until(() => settlesAt('beta') === 1, 'the answer reaching beta', { everyMs: 1 });
  faults.crashNode('beta');
  claimEqual(world.openAt('beta', invoice.paymentHash), 1, 'HTLCs at beta whose answer was lost');
  await world.sleep(3_000);
  faults.restartNode('beta');
  await payment.done;
  const parts = await claimSettledOnce(world, invoice, payment.record);
  claimEqual(settlesAt('beta'), 2, 'times that beta was told to settle');
  await world.untilServed(MEMBERS);
  return {
    crashed: 'beta',
    answersLost: 1,
    parts: parts.map(({ node, amountMsat }) => ({ node, amountMsat })),
    settledTimes: 1,
  };
}

export const phantomCrashRecovery: SimulatedScenario = {
  name: 'phantom-crash-recovery',
  title:
    'Manifold killed while it holds parts, killed between commit and answer, a node that forgets: settled once each',
  time: 'virtual',
  async run(world) {
    return {
      killedWhileHolding: await whileHolding(world),
      killedAfterCommit: await afterCommit(world),
      nodeForgotTheAnswer: await answersLost(world),
    };
  },
};
