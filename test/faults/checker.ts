/**
 * Judges a run from outside: from what payers and nodes saw, what the merchant was told, what invoices promise, and which
 * alarms were raised. It knows nothing of ledgers.
 */
import type { Alarm } from '../../src/receive/alarms.js';
import type { AnswerObservation, HtlcObservation } from '../../src/node/sim/types.js';
import type { InvoiceTruth, StartedPayment } from './payments.js';

export interface AlarmSeen extends Pick<Alarm, 'paymentHash' | 'channelId' | 'htlcId'> {
  readonly code: string;
}

export interface Evidence {
  readonly members: ReadonlySet<string>;
  readonly htlcs: readonly HtlcObservation[];
  readonly answers: readonly AnswerObservation[];
  readonly payments: readonly StartedPayment[];
  readonly invoices: readonly InvoiceTruth[];
  readonly alarms: readonly AlarmSeen[];
  readonly told: readonly Told[];
  /** Ordinary forwards that were not resumed in the turn in which they were shown. */
  readonly delayedForwards: readonly string[];
  /** Names of payments or HTLCs that had no end when everything had long been well again. */
  readonly stuck: readonly string[];
  /** Since when whoever listens knew that an HTLC is on chain, by node, channel and HTLC. */
  readonly shownOnChain: ReadonlyMap<string, number>;
  /** When which node had a listener. */
  readonly streams: readonly StreamPeriod[];
  /** When the merchant was told that an invoice is settled. */
  readonly settledAt: ReadonlyMap<string, number>;
}

export interface StreamPeriod {
  readonly node: string;
  readonly process: string;
  readonly from: number;
  to: number | undefined;
  /** HTLCs that were shown on it, and since when. */
  readonly shown: Map<string, number>;
}

/** A stream that ended so long ago cannot pass for alive: lease, latency and difference of the clocks. */
const STREAM_GRACE_MS = 15_000;

/** What the merchant and the operator read in the outbox, as far as it matters here. */
export type Told =
  | { readonly type: 'settled'; readonly paymentHash: string; readonly amountMsat: bigint }
  | {
      readonly type: 'alarm';
      readonly code: string;
      readonly paymentHash: string;
      readonly channelId: bigint;
      readonly htlcId: bigint;
    };

export interface Violation {
  readonly rule: string;
  readonly what: string;
}

const nameOf = ({ channelId, htlcId }: { readonly channelId: bigint; readonly htlcId: bigint }): string =>
  `${channelId}/${htlcId}`;

export function check(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const report = (rule: string, what: string): void => {
    violations.push({ rule, what });
  };
  for (const invoice of evidence.invoices) checkInvoice(evidence, invoice, report);
  checkAnswers(evidence, report);
  for (const forward of evidence.delayedForwards) report('forward delayed', forward);
  for (const stuck of evidence.stuck) report('no end', stuck);
  checkDeadlines(evidence, report);
  return violations;
}

/** The second is raised where the node does not say how a settled part ended. */
const LOSS_ALARMS: ReadonlySet<string> = new Set(['part-lost', 'settle-unconfirmed']);

type Report = (rule: string, what: string) => void;

function sum(htlcs: readonly HtlcObservation[]): bigint {
  return htlcs.reduce((total, { amountMsat }) => total + amountMsat, 0n);
}

function checkInvoice(evidence: Evidence, { paymentHash, leastMsat }: InvoiceTruth, report: Report): void {
  const arrived = evidence.htlcs.filter((htlc) => htlc.paymentHash === paymentHash && evidence.members.has(htlc.to));
  const settled = arrived.filter(({ outcome }) => outcome === 'settled');
  const revealed = evidence.answers.filter(
    ({ paymentHash: hash, action, fate }) => hash === paymentHash && action === 'settle' && fate === 'applied',
  );
  const first = Math.min(...revealed.map(({ at }) => at));
  const payments = evidence.payments.filter(({ record }) => record.paymentHash === paymentHash);
  const lossAlarmed = evidence.alarms.some(
    ({ code, paymentHash: hash }) => LOSS_ALARMS.has(code) && hash === paymentHash,
  );
  if (revealed.length === 0) {
    if (settled.length > 0) report('settled unasked', paymentHash);
    checkTold(evidence, paymentHash, settled, lossAlarmed, report);
    return;
  }
  if (leastMsat === undefined) {
    report('settled a hash that nobody may settle', paymentHash);
    return;
  }
  const declared = payments.map(({ leastTotalMsat }) => leastTotalMsat).filter((total) => total >= leastMsat);
  const total = declared.length === 0 ? leastMsat : declared.reduce((least, each) => (each < least ? each : least));
  const locked = arrived.filter(
    ({ committedAt, finalAt }) =>
      committedAt !== undefined && committedAt <= first && (finalAt === undefined || finalAt > first),
  );
  if (sum(locked) < total) {
    report('settled before the total was there', `${paymentHash}: ${sum(locked)} of ${total} locked`);
  }
  checkStreams(evidence, paymentHash, arrived, total, report);
  if (sum(settled) < total && !lossAlarmed) {
    report('settled below the total', `${paymentHash}: ${sum(settled)} of ${total} settled`);
  }
  const later = settled.filter(({ committedAt }) => committedAt !== undefined && committedAt > first);
  if (later.length > 0)
    report('settled twice', `${paymentHash}: ${later.map(nameOf).join()} came after the settlement`);
  for (const { record } of payments) {
    if (record.outcome === 'settled' && settled.length === 0) report('receipt without payment', paymentHash);
  }
  for (const { channelId, htlcId, at } of revealed) {
    const htlc = arrived.find((each) => each.channelId === channelId && each.htlcId === htlcId);
    const alarmed = evidence.alarms.some((alarm) => alarm.channelId === channelId && alarm.htlcId === htlcId);
    if (htlc?.outcome === 'failed' && !lossAlarmed && !alarmed) report('loss in silence', `${nameOf(htlc)} at ${at}`);
  }
  checkTold(evidence, paymentHash, settled, lossAlarmed, report);
}

/** R2: what the settlement counted was held by nodes whose streams were alive. */
function checkStreams(
  { streams, settledAt }: Evidence,
  paymentHash: string,
  arrived: readonly HtlcObservation[],
  total: bigint,
  report: Report,
): void {
  const at = settledAt.get(paymentHash);
  if (at === undefined) return;
  const alive = arrived.filter(
    ({ to: node, committedAt, finalAt }) =>
      committedAt !== undefined &&
      committedAt <= at &&
      (finalAt === undefined || finalAt > at) &&
      streams.some((period) => period.node === node && period.from <= at && (period.to ?? at) >= at - STREAM_GRACE_MS),
  );
  if (sum(alive) < total)
    report('counted a dead stream', `${paymentHash} at ${at}: ${sum(alive)} of ${total} on live streams`);
}

/** So long may a working process take from seeing that a deadline is near to its answer or alarm. */
const WATCH_MS = 20_000;

/** An HTLC that its node gave up, with no answer and no alarm, while somebody had it before him all along. */
function checkDeadlines({ htlcs, answers, members, invoices, streams, alarms }: Evidence, report: Report): void {
  const ours = new Set(invoices.map(({ paymentHash }) => paymentHash));
  for (const htlc of htlcs) {
    const { to: node, outcome, finalAt: end } = htlc;
    if (!members.has(node) || !ours.has(htlc.paymentHash) || outcome !== 'failed' || end === undefined) continue;
    if (htlc.onChain) continue; // on chain nothing but a settlement is answered
    const same = (each: { readonly channelId?: bigint | undefined; readonly htlcId?: bigint | undefined }): boolean =>
      each.channelId === htlc.channelId && each.htlcId === htlc.htlcId;
    if (answers.some((answer) => answer.node === node && same(answer)) || alarms.some(same)) continue;
    const watched = streams.some(({ node: of, to = end, shown }) => {
      const since = shown.get(nameOf(htlc));
      return of === node && since !== undefined && since < end - WATCH_MS && to >= end;
    });
    if (watched) report('deadline passed in silence', `${node}:${nameOf(htlc)}`);
  }
}

/** The merchant is told once, and of no less than came. */
function checkTold(
  { told }: Evidence,
  paymentHash: string,
  settled: readonly HtlcObservation[],
  lossAlarmed: boolean,
  report: Report,
): void {
  const events = told.filter((event) => event.type === 'settled' && event.paymentHash === paymentHash);
  if (events.length > 1) report('told twice', paymentHash);
  if (settled.length > 0 && events.length === 0) report('not told', paymentHash);
  for (const event of events) {
    if (event.type !== 'settled' || lossAlarmed) continue;
    if (sum(settled) < event.amountMsat)
      report('told too much', `${paymentHash}: ${sum(settled)} < ${event.amountMsat}`);
  }
}

/** An answer may cross the news that its HTLC went on chain. */
const IN_FLIGHT_MS = 50;

/** One HTLC gets one answer, however often it is asked for, and on chain no failure. */
function checkAnswers({ answers, shownOnChain }: Evidence, report: Report): void {
  const kinds = new Map<string, string>();
  for (const answer of answers) {
    const name = `${answer.node}:${nameOf(answer)}`;
    const known = shownOnChain.get(name);
    if (answer.fate === 'refused' && known !== undefined && known < answer.at - IN_FLIGHT_MS)
      report('answer refused by the node', `${name} ${answer.action}`);
    const kind = answer.action.startsWith('fail') ? 'fail' : answer.action;
    const before = kinds.get(name);
    if (before !== undefined && before !== kind) report('two answers', `${name}: ${before}, then ${kind}`);
    kinds.set(name, kind);
  }
}
