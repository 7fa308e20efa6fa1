/** Claims about a payment, checked against what its payer saw, what the nodes did and what the ledger says. */
import { sha256 } from '../crypto/index.js';
import type { SimNode } from '../node/sim/node.js';
import { fromHex, toHex } from '../wire/bytes.js';
import type { Msat } from '../wire/units.js';
import { claim, claimEqual } from './claim.js';
import { attemptsOf, type PayersAttempt, type PayersView } from './payers-view.js';
import type { DemoInvoice, DemoWorld, MemberName } from './world.js';

/** A part that was settled: where, and how much. */
export interface SettledPart {
  readonly node: MemberName;
  readonly amountMsat: string;
}

const sum = (amounts: readonly Msat[]): Msat => amounts.reduce((total, amount) => total + amount, 0n);

/**
 * The payment was settled once and whole: the payer has the preimage and paid each part once, the nodes settled exactly
 * the parts that the ledger committed, the merchant was told once that it is settled and once that it is final.
 */
export async function claimSettledOnce(
  world: DemoWorld,
  { paymentHash, amountMsat }: DemoInvoice,
  record: PayersView,
): Promise<SettledPart[]> {
  await world.until(() => record.endedAt !== undefined, 'the end of the payment', { timeoutMs: 120_000 });
  claimEqual(record.outcome, 'settled', 'outcome of the payment for its payer');
  await world.until(
    async () => (await world.account(paymentHash)).sets.some(({ state }) => state === 'settled'),
    'every part final in the ledger',
    { timeoutMs: 60_000 },
  );
  claimEqual(toHex(sha256(fromHex(record.preimage ?? ''))), paymentHash, "hash of the payer's preimage");

  const settled = world.arrivals(paymentHash).filter(({ outcome }) => outcome === 'settled');
  const received = sum(settled.map((htlc) => htlc.amountMsat));
  claim(received >= amountMsat, `the members received the ${amountMsat} msat of the invoice (${received})`);
  const attempts = attemptsOf(record).filter(({ outcome }) => outcome === 'settled');
  claimEqual(attempts.length, settled.length, 'parts that the payer paid, against those that members received');
  claimEqual(sum(attempts.map((attempt) => attempt.amountMsat)), received, 'msat sent to the members');

  const { sets, parts } = await world.account(paymentHash);
  claimEqual(sets.filter(({ state }) => state === 'settled').length, 1, 'settled sets in the ledger');
  const committed = parts.filter(({ decision }) => decision.type === 'settle');
  claimEqual(committed.length, settled.length, 'parts committed in the ledger, against those settled by the nodes');
  claim(
    committed.every(({ final }) => final === 'settled'),
    'every committed part ended settled',
  );

  const events = await world.events(paymentHash);
  claimEqual(events.filter(({ type }) => type === 'invoice.settled').length, 1, 'events invoice.settled');
  const finals = events.filter(({ type }) => type === 'invoice.final');
  claimEqual(finals.length, 1, 'events invoice.final');
  claimEqual(String(finals[0]!.body['lostMsat']), '0', 'msat lost after the commit');
  claimEqual(world.alarms.length, 0, `alarms (${world.alarms.map(({ code }) => code).join(', ')})`);
  return settled.map((htlc) => ({ node: htlc.to, amountMsat: String(htlc.amountMsat) }));
}

/** Nothing of the payment was or is settled, anywhere, and the payer has everything back. */
export async function claimNothingSettled(
  world: DemoWorld,
  { paymentHash }: DemoInvoice,
  record: PayersView,
): Promise<void> {
  await world.until(() => record.endedAt !== undefined, 'the end of the payment', { timeoutMs: 120_000 });
  claimEqual(record.outcome, 'failed', 'outcome of the payment for its payer');
  claimEqual(record.paidMsat, 0n, 'msat that left the payer');
  claimEqual(record.preimage, undefined, 'the preimage the payer was given');
  const { sets, parts } = await world.account(paymentHash);
  claim(
    sets.every(({ state }) => state === 'failed'),
    'no set of parts is open or settled in the ledger',
  );
  claim(
    parts.every(({ decision }) => decision.type === 'fail'),
    'every part in the ledger was failed',
  );
  const answers = world.sim.network.observations().answers;
  claim(
    !answers.some((answer) => answer.paymentHash === paymentHash && answer.action === 'settle'),
    'no node was told to settle',
  );
}

/** No part was released before the last one had arrived. */
export function claimReleasedTogether(world: DemoWorld, { paymentHash }: DemoInvoice): void {
  const { answers } = world.sim.network.observations();
  const released = answers.filter((answer) => answer.paymentHash === paymentHash && answer.action === 'settle');
  const settled = world.arrivals(paymentHash).filter(({ outcome }) => outcome === 'settled');
  const lastArrival = Math.max(...settled.map(({ committedAt }) => committedAt!));
  claim(
    released.every(({ at }) => at >= lastArrival),
    'no part was settled before the last one had arrived',
  );
}

/** The failure that ended the last attempt of each part. */
export function lastFailures({ parts }: PayersView): PayersAttempt['failure'][] {
  return parts.filter(({ outcome }) => outcome !== 'skipped').map(({ attempts }) => attempts.at(-1)?.failure);
}

/** Every part came back with this code, and the payer blames the one named. */
export function claimRefused(record: PayersView, code: number, blamed: string): void {
  for (const failure of lastFailures(record)) {
    claimEqual(failure && hexCode(failure.code), hexCode(code), 'failure code that the payer decoded');
    claimEqual(failure?.blamed, blamed, 'whom the payer blames');
  }
}

export const hexCode = (code: number): string => `0x${code.toString(16).padStart(4, '0')}`;

/** Seconds with one digit behind the point. */
export const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/**
 * A payment to somebody outside the cluster was paid once and whole: the payer has the preimage, and what arrived is what
 * was asked for. @returns the parts that arrived
 */
export async function claimPaidOutside(
  world: DemoWorld,
  payee: SimNode,
  { paymentHash, amountMsat }: { readonly paymentHash: Uint8Array; readonly amountMsat?: Msat },
  payment: PayersView,
): Promise<Msat[]> {
  const isOver = (): boolean => payment.endedAt !== undefined && world.sim.network.liveHtlcs().length === 0;
  await world.until(isOver, 'the end of the payment', { timeoutMs: 120_000 });
  claimEqual(payment.outcome, 'settled', 'outcome of the payment for its payer');
  const hash = toHex(paymentHash);
  claimEqual(toHex(sha256(fromHex(payment.preimage ?? ''))), hash, "hash of the payer's preimage");
  const arrived = world.sim.network
    .observations()
    .htlcs.filter((htlc) => htlc.to === payee.name && htlc.paymentHash === hash && htlc.outcome === 'settled')
    .map((htlc) => htlc.amountMsat);
  claimEqual(sum(arrived), amountMsat, 'msat that the payee received');
  const attempts = attemptsOf(payment).filter(({ outcome }) => outcome === 'settled');
  claimEqual(attempts.length, arrived.length, 'parts that the payer paid, against those that arrived');
  claimEqual(sum(attempts.map(({ sentMsat }) => sentMsat)), payment.paidMsat, 'msat that left the payer');
  return arrived;
}
