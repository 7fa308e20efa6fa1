/** The story that `manifold demo` tells: a merchant's three nodes receive as one, in real time, through all sorts of trouble. */
import type { PayRequest } from '../node/sim/payment.js';
import type { Msat } from '../wire/units.js';
import { claim } from './claim.js';
import { claimNothingSettled, claimPaidOutside, claimSettledOnce, lastFailures, seconds } from './evidence.js';
import { listed, type Narrator, sats } from './narrator.js';
import { attemptsOf, type PayersView } from './payers-view.js';
import { openShop } from './shop.js';
import { type DemoInvoice, type DemoWorld, MEMBERS, type MemberName, type PayerName } from './world.js';

interface Telling {
  readonly world: DemoWorld;
  readonly narrator: Narrator;
}

export interface Told {
  readonly payments: number;
  readonly receivedMsat: Msat;
  readonly byNode: ReadonlyMap<MemberName, Msat>;
  readonly refused: number;
  /** What the cluster itself has paid. */
  readonly sentMsat: Msat;
}

/** Pause for reading. */
const BEAT_MS = 1_300;
const NAMES: Readonly<Record<PayerName, string>> = { carol: 'Carol', dave: 'Dave' };

class Books {
  payments = 0;
  refused = 0;
  receivedMsat: Msat = 0n;
  sentMsat: Msat = 0n;
  readonly byNode = new Map<MemberName, Msat>();

  add(parts: readonly { readonly node: MemberName; readonly amountMsat: string }[]): void {
    this.payments += 1;
    for (const { node, amountMsat } of parts) {
      this.receivedMsat += BigInt(amountMsat);
      this.byNode.set(node, (this.byNode.get(node) ?? 0n) + BigInt(amountMsat));
    }
  }
}

/** Rejects if something does not go as told: then it is no story but a defect. */
export async function tellStory(telling: Telling): Promise<Told> {
  const books = new Books();
  for (const act of [payableAnywhere, inParts, nodeDies, processDies, cheats, holdInvoice, clusterPays]) {
    await act(telling, books);
    await telling.world.sleep(BEAT_MS);
  }
  return books;
}

async function payableAnywhere({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('One invoice, payable at whichever node is up');
  const invoice = await world.issue(world.drawAmount(20_000, 90_000));
  const wallet = await world.wallet('carol');
  const down = await world.firstChoice(wallet, invoice);
  narrator.say(`The merchant makes an invoice over ${sats(invoice.amountMsat)}. It names ${listed(invoice.members)}.`);
  narrator.aside(`${invoice.bolt11.slice(0, 60)}…`);
  await world.sleep(BEAT_MS);
  world.sim.faults.crashNode(down);
  narrator.trouble(`${down} loses power.`);
  await world.sleep(BEAT_MS);
  narrator.say('Carol scans the invoice and pays.');
  const payment = await wallet.start(invoice.invoice);
  await tellAttempts({ world, narrator }, payment);
  const parts = await claimSettledOnce(world, invoice, payment);
  books.add(parts);
  narrator.good(`${sats(invoice.amountMsat)} received at ${parts[0]!.node}, ${took(payment)}. ${down} was not needed.`);
  world.sim.faults.restartNode(down);
  await world.untilServed(MEMBERS);
  narrator.aside(`${down} is back.`);
}

/** What the payer's wallet does, try by try, as it happens. */
async function tellAttempts({ world, narrator }: Telling, payment: PayersView): Promise<void> {
  const told = new Set<number>();
  const tell = (): boolean => {
    for (const [i, attempt] of attemptsOf(payment).entries()) {
      if (attempt.outcome === 'pending' || told.has(i)) continue;
      told.add(i);
      const way = attempt.route.join(' → ');
      if (attempt.outcome === 'failed')
        narrator.say(`Her wallet tries ${way}: no answer from there. It tries another way.`);
      else narrator.say(`Her wallet tries ${way}: paid.`);
    }
    return payment.endedAt !== undefined;
  };
  await world.until(tell, 'the end of the payment', { timeoutMs: 30_000, everyMs: 20 });
}

interface Share {
  readonly member: MemberName;
  readonly delayMs: number;
}

/** Even parts, one per share. */
function partsOf(world: DemoWorld, invoice: DemoInvoice, shares: readonly Share[]): PayRequest {
  const count = BigInt(shares.length);
  const even = (invoice.amountMsat / count / 1000n) * 1000n;
  return {
    invoice: invoice.invoice,
    parts: shares.map(({ member, delayMs }, i) => ({
      amountMsat: i === 0 ? invoice.amountMsat - even * (count - 1n) : even,
      hint: world.hintTo(invoice, member),
      delayMs,
    })),
  };
}

/** Tells of each part that is held, until so many are. */
async function tellParts(
  { world, narrator }: Telling,
  invoice: DemoInvoice,
  count: number,
  total: number,
): Promise<void> {
  const told = new Set<string>();
  const tell = async (): Promise<boolean> => {
    const { parts } = await world.account(invoice.paymentHash);
    for (const { key, amountMsat } of parts) {
      const name = `${key.nodeId}/${key.channelId}/${key.htlcId}`;
      if (told.has(name)) continue;
      told.add(name);
      narrator.say(`${sats(amountMsat)} arrive at ${world.nameOf(key.nodeId)}: held, part ${told.size} of ${total}.`);
    }
    return told.size >= count;
  };
  await world.until(tell, `${count} parts`, { timeoutMs: 30_000, everyMs: 20 });
}

async function inParts({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('A big payment in parts that arrive at different nodes');
  const invoice = await world.issue(world.drawAmount(10_500_000, 12_000_000));
  narrator.say(`Dave owes ${sats(invoice.amountMsat)}: more than any channel of the merchant can take.`);
  narrator.say('His wallet splits it. No node has the whole, so none may take its part yet.');
  await world.sleep(BEAT_MS);
  const shares = MEMBERS.map((member, i) => ({ member, delayMs: i * 1_400 }));
  const payment = world.payer('dave').start(partsOf(world, invoice, shares));
  await tellParts({ world, narrator }, invoice, 3, 3);
  narrator.say('Complete: committed in one transaction, then released everywhere at once.');
  const parts = await claimSettledOnce(world, invoice, payment.record);
  books.add(parts);
  narrator.good(
    `${sats(invoice.amountMsat)} received at ${listed(parts.map(({ node }) => node))}, ${took(payment.record)}.`,
  );
}

async function nodeDies({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('A node dies in the middle of a payment');
  const invoice = await world.issue(world.drawAmount(600_000, 2_000_000));
  narrator.say(`Carol pays ${sats(invoice.amountMsat)} in three parts.`);
  const shares = [
    { member: 'alpha', delayMs: 0 },
    { member: 'beta', delayMs: 700 },
    { member: 'gamma', delayMs: 3_500 },
  ] as const;
  const payment = world.payer('carol').start(partsOf(world, invoice, shares));
  await tellParts({ world, narrator }, invoice, 2, 3);
  await world.sleep(500);
  world.sim.faults.crashNode('beta');
  narrator.trouble('beta crashes while it holds its part.');
  await world.untilHeld(invoice.paymentHash, 3);
  narrator.say('The last part arrives at gamma. The sum is there, but beta could not be paid now: Manifold waits.');
  await world.sleep(2 * BEAT_MS);
  world.sim.faults.restartNode('beta');
  narrator.say('beta comes back and shows its part again.');
  const parts = await claimSettledOnce(world, invoice, payment.record);
  books.add(parts);
  narrator.good(`${sats(invoice.amountMsat)} received, all three parts, each once, ${took(payment.record)}.`);
  await world.untilServed(MEMBERS);
}

async function processDies({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('Manifold itself is killed at the worst moment');
  const invoice = await world.issue(world.drawAmount(300_000, 900_000));
  const killed = world.process;
  narrator.say(`Dave pays ${sats(invoice.amountMsat)} in two parts.`);
  killed.killAfter((event) => event.type === 'invoice.settled' && event.paymentHash === invoice.paymentHash);
  const shares = [
    { member: 'alpha', delayMs: 0 },
    { member: 'gamma', delayMs: 1_000 },
  ] as const;
  const payment = world.payer('dave').start(partsOf(world, invoice, shares));
  await tellParts({ world, narrator }, invoice, 1, 2);
  await world.until(() => !killed.alive, 'the process being killed', { timeoutMs: 20_000 });
  narrator.trouble('kill -9, right after the commit: the decision is in the database, not one node has heard of it.');
  await world.sleep(BEAT_MS);
  const successor = await world.startProcess();
  narrator.say(`Another process (${successor.owner}) waits until the dead one's lease runs out, and takes over.`);
  await world.untilServed(MEMBERS);
  narrator.say('The nodes show it what they hold; the ledger knows the answer.');
  const parts = await claimSettledOnce(world, invoice, payment.record);
  books.add(parts);
  narrator.good(
    `${sats(invoice.amountMsat)} received at ${listed(parts.map(({ node }) => node))}, once, ${took(payment.record)}.`,
  );
}

async function cheats({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('Cheats are refused');
  const invoice = await world.issue(world.drawAmount(100_000, 400_000));
  const { amountMsat } = invoice;
  const dave = world.payer('dave');
  narrator.say(`An invoice over ${sats(amountMsat)}.`);
  narrator.trouble(`Dave says half of it is the whole, and sends ${sats(amountMsat / 2n)}.`);
  const low = await dave.pay({ invoice: invoice.invoice, amountMsat: amountMsat / 2n });
  await claimNothingSettled(world, invoice, low);
  books.refused += 1;
  narrator.bad(`refused: ${failureName(low)}. Dave has his money back, the merchant gave nothing away.`);
  await world.sleep(BEAT_MS);

  narrator.trouble('The routers north and south keep a tenth of what they are to forward.');
  for (const router of ['north', 'south']) world.sim.faults.cheat(router, { skimMsat: amountMsat / 10n });
  const skimmed = await dave.pay({
    invoice: invoice.invoice,
    parts: [{ amountMsat, hint: world.hintTo(invoice, 'alpha') }],
  });
  for (const router of ['north', 'south']) world.sim.faults.cheat(router, undefined);
  await claimNothingSettled(world, invoice, skimmed);
  books.refused += 1;
  narrator.bad(`refused: ${failureName(skimmed)}.`);
  await world.sleep(BEAT_MS);

  narrator.say(`Carol pays the same invoice honestly.`);
  const honest = await (await world.wallet('carol')).start(invoice.invoice);
  const parts = await claimSettledOnce(world, invoice, honest);
  books.add(parts);
  narrator.good(`${sats(amountMsat)} received at ${parts[0]!.node}, ${took(honest)}.`);
}

async function holdInvoice({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('The merchant decides: hold invoices');
  const sold = await world.issue(world.drawAmount(30_000, 90_000), { holdSeconds: 600 });
  const gone = await world.issue(world.drawAmount(30_000, 90_000), { holdSeconds: 600 });
  const bought = await (await world.wallet('carol')).start(sold.invoice);
  const returned = await (await world.wallet('dave')).start(gone.invoice);
  for (const { paymentHash } of [sold, gone]) await world.untilHeld(paymentHash, 1);
  narrator.say(
    `Carol (${sats(sold.amountMsat)}) and Dave (${sats(gone.amountMsat)}) order the last cake. Both payments are held.`,
  );
  await world.sleep(BEAT_MS);
  const { invoices } = world.process;
  claim((await invoices.settle(sold.paymentHash)).ok, 'the merchant may settle');
  const parts = await claimSettledOnce(world, sold, bought);
  books.add(parts);
  narrator.good(`Carol gets the cake: ${sats(sold.amountMsat)} settled at ${parts[0]!.node}.`);
  claim((await invoices.cancel(gone.paymentHash)).ok, 'the merchant may cancel');
  await claimNothingSettled(world, gone, returned);
  narrator.good(`${NAMES.dave} gets his ${sats(gone.amountMsat)} back: nothing had been taken.`);
}

async function clusterPays({ world, narrator }: Telling, books: Books): Promise<void> {
  narrator.chapter('The cluster pays: three nodes, one bill');
  const { shop, amountMsat, balances } = openShop(world);
  const amounts = balances.map(({ member, spendableMsat }) => `${member} ${sats(spendableMsat)}`);
  narrator.say(`A supplier asks for ${sats(amountMsat)}. The nodes can send: ${listed(amounts)}.`);
  await world.sleep(BEAT_MS);
  const cluster = await world.payingCluster();
  const invoice = world.invoiceOf(shop, amountMsat);
  const alone = await cluster.begin(invoice, { from: ['alpha'] });
  claim(alone.kind === 'refused', 'alpha alone is refused');
  narrator.bad('alpha alone is refused before anything is sent: its channels do not hold so much.');
  await world.sleep(BEAT_MS);
  const payment = await cluster.start(invoice);
  const parts = await claimPaidOutside(world, shop, invoice, payment);
  books.sentMsat += payment.paidMsat;
  narrator.good(
    `${listed(payment.senders)} pay it together in ${parts.length} parts, ${took(payment)}; fees ${sats(payment.feeMsat)}.`,
  );
}

function took({ startedAt, endedAt }: PayersView): string {
  return `${seconds((endedAt ?? startedAt) - startedAt)} s after the payer began`;
}

/** The protocol's own name for why a payment failed. */
function failureName(record: PayersView): string {
  const failure = lastFailures(record)[0];
  return failure
    ? `"${failure.name ?? failure.code}", decoded by the payer from the return packet`
    : 'without a reason';
}
