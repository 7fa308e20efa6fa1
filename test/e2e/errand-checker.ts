/** Judges what the cluster paid when all is quiet, by what arrived at the payees. */
import { sha256 } from '../../src/crypto/index.js';
import type { Observations } from '../../src/node/sim/network.js';
import type { PlainJson } from '../../src/node/sim/remote-wire.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import type { Errand } from './errands.js';
import type { ReadEvent } from './follower.js';

/** As the API lists it. */
export interface PaidJson {
  readonly id: string;
  readonly payment_hash: string;
  readonly state: string;
  readonly is_over: boolean;
  readonly amount_msat: string;
  readonly fee_msat: string;
  readonly preimage?: string;
}

export interface ErrandEvidence {
  readonly errands: readonly Errand[];
  /** What the API said at some time, by hash. */
  readonly said: ReadonlyMap<string, 'succeeded' | 'failed'>;
  readonly listed: readonly PaidJson[];
  readonly events: readonly ReadEvent[];
  readonly seen: PlainJson<Observations>;
  readonly members: ReadonlySet<string>;
  /** Nodes and links were in trouble: then a payment may fail that a payee would have taken. */
  readonly isTroubled: boolean;
}

interface Flow {
  /** Arrived at nodes, by their name. */
  readonly to: Map<string, bigint>;
  /** Left all members together, less what arrived there. */
  leftMsat: bigint;
}

/** One sentence per violation. */
export function checkErrands(evidence: ErrandEvidence): string[] {
  const { errands, listed } = evidence;
  const violations: string[] = [];
  const flows = settledFlows(evidence);
  const byHash = new Map<string, PaidJson[]>();
  for (const payment of listed)
    byHash.set(payment.payment_hash, [...(byHash.get(payment.payment_hash) ?? []), payment]);
  for (const errand of errands) {
    const payments = byHash.get(errand.paymentHash) ?? [];
    violations.push(...judge(errand, payments, flows.get(errand.paymentHash), evidence));
    violations.push(...judgeEvents(errand, payments, evidence.events));
  }
  const known = new Set(errands.map(({ paymentHash }) => paymentHash));
  for (const { payment_hash: hash, id } of listed)
    if (!known.has(hash)) violations.push(`payment ${id} of ${hash} was asked for by nobody`);
  return violations;
}

function judge(
  { kind, payee, paymentHash, amountMsat, maxFeeMsat }: Errand,
  payments: readonly PaidJson[],
  flow: Flow | undefined,
  { said, isTroubled }: ErrandEvidence,
): string[] {
  const found: string[] = [];
  const name = `${kind} payment of ${paymentHash}`;
  const arrivedMsat = flow?.to.get(payee) ?? 0n;
  const [payment, ...more] = payments.filter(({ state }) => state === 'succeeded');
  for (const { id, is_over: isOver, state } of payments)
    if (!isOver) found.push(`${name}: ${id} has no end and is ${state}`);
  if (payments.length === 0) found.push(`${name} was asked for and is not recorded`);
  if (more.length > 0) found.push(`${name} succeeded ${more.length + 1} times`);
  if (said.get(paymentHash) === 'succeeded' && !payment) found.push(`${name} was called paid, now it is not`);
  if (said.get(paymentHash) === 'failed' && payment && payments.length === 1)
    found.push(`${name} was called failed, now it is paid`);
  if (!payment) {
    if (arrivedMsat > 0n) found.push(`${name} is called failed, yet its payee got ${arrivedMsat}`);
    const isWanted = kind === 'plain' || kind === 'held-settle';
    if (isWanted && !isTroubled) found.push(`${name} failed, and its payee would have taken it`);
    return found;
  }
  if (kind === 'held-cancel' || kind === 'unknown') found.push(`${name} succeeded, though its payee refused it`);
  if (arrivedMsat !== amountMsat) found.push(`${name}: ${amountMsat} asked for, its payee got ${arrivedMsat}`);
  if (BigInt(payment.amount_msat) !== amountMsat) found.push(`${name}: ${payment.amount_msat} recorded`);
  const feeMsat = (flow?.leftMsat ?? 0n) - arrivedMsat;
  if (BigInt(payment.fee_msat) !== feeMsat)
    found.push(`${name}: ${feeMsat} were paid in fees, ${payment.fee_msat} recorded`);
  if (feeMsat > maxFeeMsat) found.push(`${name}: ${feeMsat} were paid in fees, ${maxFeeMsat} allowed`);
  if (toHex(sha256(fromHex(payment.preimage ?? ''))) !== paymentHash) found.push(`${name}: the proof does not fit`);
  return found;
}

/** Every payment is told once as begun and once as ended. */
function judgeEvents(
  { kind, paymentHash }: Errand,
  payments: readonly PaidJson[],
  events: readonly ReadEvent[],
): string[] {
  const told = events.filter((event) => event.paymentHash === paymentHash).map(({ type }) => type);
  const count = (type: string): number => told.filter((one) => one === type).length;
  const inState = (state: string): number => payments.filter((payment) => payment.state === state).length;
  const expected = [
    ['sending.started', payments.length],
    ['sending.succeeded', inState('succeeded')],
    ['sending.failed', inState('failed')],
  ] as const;
  return expected
    .filter(([type, times]) => count(type) !== times)
    .map(
      ([type, times]) => `${type} was told ${count(type)} times for ${kind} payment of ${paymentHash}, not ${times}`,
    );
}

function settledFlows({ seen, members }: ErrandEvidence): Map<string, Flow> {
  const flows = new Map<string, Flow>();
  for (const { from, to, paymentHash, amountMsat, outcome } of seen.htlcs) {
    if (outcome !== 'settled') continue;
    const flow = flows.get(paymentHash) ?? { to: new Map<string, bigint>(), leftMsat: 0n };
    flows.set(paymentHash, flow);
    const amount = BigInt(amountMsat);
    // What a node outside passes on is none of its own.
    flow.to.set(to, (flow.to.get(to) ?? 0n) + amount);
    flow.to.set(from, (flow.to.get(from) ?? 0n) - amount);
    if (members.has(from)) flow.leftMsat += amount;
    if (members.has(to)) flow.leftMsat -= amount;
  }
  return flows;
}
