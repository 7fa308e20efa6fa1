/** Sums over outcomes. */
import { quantile } from '../../src/bench/measure.js';
import type { Done, Job } from './jobs.js';
import type { Outcome } from './world.js';

const mean = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;

const PER_MILLION = 1e6;

export interface Pairwise {
  /** Per cent of all payments. */
  readonly oursPaid: number;
  readonly theirsPaid: number;
  /** Payments that both delivered, and the fees on them: mean ppm of the amount. */
  readonly both: number;
  readonly oursFee: number;
  readonly theirsFee: number;
  /** Payments that one delivered and the other did not. */
  readonly onlyOurs: number;
  readonly onlyTheirs: number;
}

const rounded = (value: number): number => Number(value.toFixed(1));

/** The same payments, side by side; as many as both have made. */
export function pairwise(allOurs: readonly Outcome[], allTheirs: readonly Outcome[], amount: number): Pairwise {
  const ours = allOurs.slice(0, allTheirs.length);
  const theirs = allTheirs.slice(0, allOurs.length);
  const pairs = ours.map((our, i) => [our, theirs[i]!] as const);
  const both = pairs.filter(([our, their]) => our.success && their.success);
  const paid = (list: readonly Outcome[]): number =>
    rounded((100 * list.filter(({ success }) => success).length) / list.length);
  const fee = (list: readonly Outcome[]): number =>
    rounded((PER_MILLION * mean(list.map((each) => each.fee))) / amount);
  return {
    oursPaid: paid(ours),
    theirsPaid: paid(theirs),
    both: both.length,
    oursFee: both.length === 0 ? 0 : fee(both.map(([our]) => our)),
    theirsFee: both.length === 0 ? 0 : fee(both.map(([, their]) => their)),
    onlyOurs: pairs.filter(([our, their]) => our.success && !their.success).length,
    onlyTheirs: pairs.filter(([our, their]) => !our.success && their.success).length,
  };
}

export interface Summary {
  readonly payments: number;
  readonly paid: number;
  readonly attempts: number;
  readonly parts: number;
  /** Mean and median over what was paid, ppm. */
  readonly fee: number;
  readonly medianFee: number;
  /** Seconds of what was paid: mean, 95th percentile. */
  readonly seconds: number;
  readonly slowSeconds: number;
  readonly cpuMs: number;
}

export function summary(outcomes: readonly Outcome[], amount: number): Summary {
  const paid = outcomes.filter(({ success }) => success);
  const fees = paid.map(({ fee }) => (PER_MILLION * fee) / amount);
  const seconds = paid.map(({ simulatedMs }) => simulatedMs / 1000);
  return {
    payments: outcomes.length,
    paid: paid.length,
    attempts: mean(outcomes.map(({ attempts }) => attempts)),
    parts: mean(paid.map(({ parts }) => parts)),
    fee: mean(fees),
    medianFee: quantile(fees, 0.5),
    seconds: mean(seconds),
    slowSeconds: quantile(seconds, 0.95),
    cpuMs: mean(outcomes.map(({ cpuMs }) => cpuMs)),
  };
}

export function isOfCell(done: Done, job: Job): boolean {
  if (done.kind !== job.kind) return false;
  const { order } = job;
  const { result } = done;
  const sameSet = done.kind === 'cell' && job.kind === 'cell' ? done.set === job.set : true;
  const sameMode = 'mode' in order && 'mode' in result ? order.mode === result.mode : true;
  return (
    sameSet &&
    sameMode &&
    order.model === result.model &&
    order.amountSat === result.amountSat &&
    order.count === result.count
  );
}
