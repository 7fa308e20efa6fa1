/**
 * A fake payer: pays invoices over the simulated network with real onions, retries over other hints as wallets do, splits as
 * it is told, and makes the mistakes it is asked to make. Its records are evidence: they hold only what a payer can see.
 */
import { sha256 } from '../../crypto/index.js';
import { FailureCode, FailureFlag } from '../../onion/failure-codes.js';
import { unwrapFailure } from '../../onion/failure-packet.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { Msat, PaymentHash, Preimage } from '../../wire/units.js';
import type { SimHtlc } from './htlc.js';
import type { SimNetwork } from './network.js';
import type { SimNode } from './node.js';
import { planAttempt, type AttemptPlan, type Avoided } from './attempt-plan.js';
import type { Attempt, DecodedFailure, Mistakes, PartPlan, PartRecord, PaymentRecord, PayRequest } from './payment.js';
import type { Random } from './random.js';
import { quietly, type Removal } from './types.js';

const DEFAULT_ATTEMPTS = 6;

/** A payment under way; `done` resolves when no part is in flight or to come. */
export interface RunningPayment {
  readonly record: PaymentRecord;
  readonly done: Promise<PaymentRecord>;
}

interface Run {
  readonly request: PayRequest;
  readonly paymentHash: PaymentHash;
  readonly totalMsat: Msat;
  readonly record: PaymentRecord;
  readonly avoided: Avoided;
  /** Parts that are in flight or wait for their time. */
  open: number;
  finish(record: PaymentRecord): void;
}

interface PartRun {
  readonly run: Run;
  readonly plan: PartPlan;
  readonly record: PartRecord;
  readonly mistakes: Mistakes;
  /** Hints that failed for this part. */
  readonly failedHints: Set<number>;
}

export class FakePayer {
  readonly node: SimNode;
  readonly payments: PaymentRecord[] = [];
  readonly #network: SimNetwork;
  readonly #random: Random;
  readonly #plans = new Map<Attempt, AttemptPlan>();

  constructor(network: SimNetwork, node: SimNode) {
    this.#network = network;
    this.node = node;
    this.#random = network.random.fork(`payer ${node.name}`);
  }

  pay(request: PayRequest): Promise<PaymentRecord> {
    return this.start(request).done;
  }

  /** Pays without an invoice: the preimage travels in the onion of the last hop, no secret does. */
  keysend(
    payee: Pick<PayRequest['invoice'], 'payee' | 'routeHints'>,
    amountMsat: Msat,
    preimage: Preimage,
  ): Promise<PaymentRecord> {
    const invoice = {
      ...payee,
      paymentHash: sha256(preimage),
      paymentSecret: new Uint8Array(32),
      minFinalCltvExpiryDelta: 40,
    };
    return this.pay({ invoice, amountMsat, mistakes: { withoutPaymentData: true, keysendPreimage: preimage } });
  }

  start(request: PayRequest): RunningPayment {
    const { invoice } = request;
    const totalMsat = request.amountMsat ?? invoice.amountMsat;
    if (totalMsat === undefined) throw new RangeError('the invoice leaves the amount to the payer: say how much');
    const plans = request.parts ?? [{ amountMsat: totalMsat }];
    const record: PaymentRecord = {
      paymentHash: toHex(invoice.paymentHash),
      totalMsat,
      startedAt: this.#network.clock.now(),
      endedAt: undefined,
      parts: plans.map(({ amountMsat }, index) => ({ index, amountMsat, attempts: [], outcome: 'pending' })),
      outcome: 'pending',
      preimage: undefined,
      paidMsat: 0n,
    };
    this.payments.push(record);
    let finish: Run['finish'] = () => undefined;
    const done = new Promise<PaymentRecord>((resolve) => {
      finish = resolve;
    });
    const avoided: Avoided = { edges: new Set(), nodes: new Set() };
    const run: Run = {
      request,
      paymentHash: invoice.paymentHash,
      totalMsat,
      record,
      avoided,
      open: plans.length,
      finish,
    };
    plans.forEach((plan, index) => {
      const mistakes = { ...request.mistakes, ...plan.mistakes };
      this.#schedule({ run, plan, record: record.parts[index]!, mistakes, failedHints: new Set() });
    });
    return { record, done };
  }

  /** Sends the very same HTLC again: same onion, hash, amount and expiry. Undefined if the channel does not take it. */
  replay(attempt: Attempt): Attempt | undefined {
    const plan = this.#plans.get(attempt);
    return plan && this.#send(plan, attempt.hint, attempt.amountMsat, () => undefined);
  }

  #schedule(part: PartRun): void {
    const { delayMs = 0, skip = false } = part.plan;
    const { clock } = this.#network;
    if (skip) quietly(clock, 0, () => this.#endPart(part, 'skipped'));
    else quietly(clock, delayMs, () => this.#tryPart(part));
  }

  #tryPart(part: PartRun): void {
    const { run, record } = part;
    const { attempts = DEFAULT_ATTEMPTS } = run.request;
    for (;;) {
      if (record.attempts.length >= attempts) {
        this.#endPart(part, 'failed');
        return;
      }
      const found = this.#findPlan(part);
      if (!found) {
        this.#endPart(part, record.attempts.length > 0 ? 'failed' : 'unroutable');
        return;
      }
      const { plan, hint } = found;
      const attempt = this.#send(plan, hint, part.plan.amountMsat, (ended, removal) => {
        this.#attemptEnded(part, ended, removal);
      });
      if (attempt) {
        record.attempts.push(attempt);
        return;
      }
      run.avoided.edges.add(plan.edges[0]!); // the payer's own channel is full or down
    }
  }

  #findPlan(part: PartRun): { plan: AttemptPlan; hint: number | undefined } | undefined {
    const { run, plan, mistakes, failedHints } = part;
    const { routeHints } = run.request.invoice;
    const hints: (number | undefined)[] =
      routeHints.length === 0 ? [undefined] : plan.hint === undefined ? [...routeHints.keys()] : [plan.hint];
    for (const hint of hints) {
      if (hint !== undefined && failedHints.has(hint)) continue;
      const found = planAttempt({
        network: this.#network,
        source: this.node,
        random: this.#random,
        invoice: run.request.invoice,
        hint: hint === undefined ? [] : routeHints[hint]!,
        amountMsat: plan.amountMsat,
        totalMsat: run.totalMsat,
        mistakes,
        avoided: run.avoided,
      });
      if (found) return { plan: found, hint };
    }
    return undefined;
  }

  #send(
    plan: AttemptPlan,
    hint: number | undefined,
    amountMsat: Msat,
    ended: (attempt: Attempt, removal: Removal) => void,
  ): Attempt | undefined {
    const { clock } = this.#network;
    const { channel, offer } = plan;
    const htlc: SimHtlc | string = this.node.pay(channel, offer, (removal) => {
      attempt.endedAt = clock.now();
      attempt.outcome = this.#isPaid(removal, offer.paymentHash) ? 'settled' : 'failed';
      attempt.failure = removal.kind === 'fail' ? readFailure(plan, removal.reason) : firstHopFailure(plan, removal);
      ended(attempt, removal);
    });
    if (typeof htlc === 'string') return undefined;
    const attempt: Attempt = {
      startedAt: clock.now(),
      endedAt: undefined,
      route: plan.names,
      hint,
      amountMsat,
      sentMsat: offer.amountMsat,
      expiry: offer.cltvExpiry,
      channelId: channel.scid,
      htlcId: htlc.id,
      outcome: 'pending',
      failure: undefined,
    };
    this.#plans.set(attempt, plan);
    return attempt;
  }

  #isPaid(removal: Removal, paymentHash: PaymentHash): boolean {
    return removal.kind === 'fulfill' && equalBytes(sha256(removal.preimage), paymentHash);
  }

  #attemptEnded(part: PartRun, attempt: Attempt, removal: Removal): void {
    if (attempt.outcome === 'settled' && removal.kind === 'fulfill') {
      const { record } = part.run;
      record.paidMsat += attempt.sentMsat;
      record.preimage = toHex(removal.preimage);
      record.outcome = 'settled';
      this.#endPart(part, 'settled');
      return;
    }
    if (this.#learn(part, attempt)) this.#tryPart(part);
    else this.#endPart(part, 'failed');
  }

  /** Takes in why an attempt failed. Returns whether another try makes sense. */
  #learn({ run, failedHints, plan }: PartRun, attempt: Attempt): boolean {
    const { failure, hint } = attempt;
    if (run.record.preimage !== undefined) return false; // never pay more once there is a preimage
    const { edges, names } = this.#plans.get(attempt)!;
    const atLastNode = !failure || failure.hop >= names.length - 1;
    if (failure && failure.hop >= names.length) return false; // the payee has spoken
    if (failure?.hop === names.length - 1 && hint === undefined) return false;
    // Behind the last public edge lies the hint: a failure there is the hint's.
    if (atLastNode || failure.hop + 1 >= edges.length) {
      if (hint === undefined) return false;
      failedHints.add(hint);
      return plan.hint === undefined;
    }
    if ((failure.code & FailureFlag.node) !== 0) run.avoided.nodes.add(names[failure.hop]!);
    else run.avoided.edges.add(edges[failure.hop + 1]!);
    return true;
  }

  #endPart({ run, record }: PartRun, outcome: PartRecord['outcome']): void {
    record.outcome = outcome;
    run.open -= 1;
    if (run.open > 0) return;
    if (run.record.outcome === 'pending') run.record.outcome = 'failed';
    run.record.endedAt = this.#network.clock.now();
    this.#network.trace.note(`${this.node.name} payment ${run.record.outcome} ${run.record.paidMsat}`);
    this.#network.clock.stir?.();
    run.finish(run.record);
  }
}

function readFailure({ sharedSecrets, names }: AttemptPlan, reason: Uint8Array): DecodedFailure | undefined {
  const unwrapped = unwrapFailure(reason, sharedSecrets);
  if (!unwrapped) return undefined;
  const { hop, message, failure } = unwrapped;
  return {
    code: failure.ok ? failure.value.code : 0,
    name: failure.ok ? failure.value.name : undefined,
    hop,
    blamed: names[hop] ?? 'payee',
    message: message.ok ? toHex(message.value) : '',
  };
}

/** The first node could not read the onion: it says so without encryption. */
function firstHopFailure({ names }: AttemptPlan, removal: Removal): DecodedFailure | undefined {
  if (removal.kind === 'timeout')
    return { code: FailureCode.permanentChannelFailure, name: 'timeout', hop: 0, blamed: names[0]!, message: '' };
  if (removal.kind !== 'malformed') return undefined;
  return {
    code: removal.failureCode,
    name: 'malformed',
    hop: 0,
    blamed: names[0]!,
    message: toHex(removal.sha256OfOnion),
  };
}
