/** Payments out of the cluster, as callers of the API see them: pay, plan, probe, follow and stop. */
import type { Currency } from '../../bolt11/index.js';
import { randomBytes } from '../../crypto/index.js';
import type { KeyRing } from '../../phantom/index.js';
import type { ExportedKnowledge, StopReason } from '../../send/index.js';
import type { ListPlace, PaymentStore, StoredPayment } from '../../send/run/store-port.js';
import type { Paying, PayOrder, ProbeAnswer, ProbeStep } from '../../send/run/types.js';
import { equalBytes, fromHex } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis } from '../../wire/units.js';
import type { Plan } from '../../send/index.js';
import { requestEntropy } from '../cluster-ring.js';
import { readInvoice } from '../decode.js';
import type { RequestOrigin } from '../request-origin.js';
import { snakeName } from '../snake-case.js';
import { fitForMetadata } from './metadata.js';
import {
  type BadRequest,
  type PayDefaults,
  payOrder,
  type PayRequest,
  probeOrder,
  type ProbeRequest,
  type RequestContext,
} from './request.js';

export interface PaymentServiceOptions {
  readonly store: Pick<PaymentStore, 'readPayment' | 'paymentOfHash' | 'listOutgoing'>;
  /** `off` by the configuration; `starting` until the database let it begin. */
  readonly sender: () => Paying | 'off' | 'starting';
  /** Names of the own nodes that can send. */
  readonly names: readonly string[];
  /** Those of them that hand no payment metadata to the payee. */
  readonly namesWithoutMetadata?: readonly string[];
  readonly keys: () => KeyRing;
  readonly currency: Currency;
  readonly now: () => Millis;
  readonly defaults: PayDefaults;
}

/** Why a payment or probe does not begin. Nothing was sent. */
export interface PayRefusal extends BadRequest {
  /** `later`: the same request may work in a while. `conflict`: the state of things forbids it. */
  readonly kind: 'request' | 'cannot' | 'conflict' | 'later';
  /** Amounts and ids for programs. */
  readonly members?: Readonly<Record<string, string>>;
}

export interface ProbeResult extends ProbeAnswer {
  /** The time ran out before the bounds were close. */
  readonly isCut: boolean;
}

export class PaymentService {
  readonly #options: PaymentServiceOptions;

  /** Ends a wait for news each. */
  readonly #waits = new Set<() => void>();
  #isEnding = false;

  constructor(options: PaymentServiceOptions) {
    this.#options = options;
  }

  /** Resolves as soon as the payment is recorded; its end is told by {@link news}. */
  async pay(request: PayRequest, origin?: RequestOrigin): Promise<Result<StoredPayment, PayRefusal>> {
    const ready = this.#ready();
    if (!ready.ok) return ready;
    const order = this.#payOrder(request, ready.value, origin);
    if (!order.ok) return err({ kind: 'request', ...order.error });
    const answer = await ready.value.pay(order.value);
    switch (answer.kind) {
      case 'started':
        return ok(answer.payment);
      case 'exists':
        return isOfRequest(answer.payment, order.value, origin) ? ok(answer.payment) : err(existing(answer.payment));
      case 'refused':
        return err(this.#refusal(answer.reason, request.from));
    }
  }

  async dryRun(request: PayRequest): Promise<Result<{ readonly plan: Plan; readonly order: PayOrder }, PayRefusal>> {
    const ready = this.#ready();
    if (!ready.ok) return ready;
    const order = this.#payOrder(request, ready.value);
    if (!order.ok) return err({ kind: 'request', ...order.error });
    const answer = await ready.value.dryRun(order.value);
    return answer.kind === 'plan'
      ? ok({ plan: answer.plan, order: order.value })
      : err(this.#refusal(answer.reason, request.from));
  }

  /** @param signal ends the probe; what it found by then is the answer */
  async probe(
    request: ProbeRequest,
    signal: AbortSignal,
    onStep: (step: ProbeStep) => void = () => undefined,
  ): Promise<Result<ProbeResult, PayRefusal>> {
    const ready = this.#ready();
    if (!ready.ok) return ready;
    const order = probeOrder(request, this.#context(ready.value));
    if (!order.ok) return err({ kind: 'request', ...order.error });
    const steps: ProbeStep[] = [];
    try {
      const found = await ready.value.probe(
        order.value,
        (step) => {
          steps.push(step);
          onStep(step);
        },
        signal,
      );
      if (found.reason && found.steps.length === 0) return err(this.#refusal(found.reason, request.from));
      return ok({ ...found, isCut: signal.aborted });
    } catch (error) {
      if (!signal.aborted) throw error;
      return ok({ ...boundsOf(steps), steps, isCut: true });
    }
  }

  /** By its id (32 hex digits), its payment hash (64) or the invoice that it pays; of a hash the newest. */
  async find(idText: string): Promise<StoredPayment | undefined> {
    const { store } = this.#options;
    if (/^[0-9a-f]{32}$/i.test(idText)) return store.readPayment(idText.toLowerCase());
    if (/^[0-9a-f]{64}$/i.test(idText)) return store.paymentOfHash(fromHex(idText.toLowerCase()));
    const read = readInvoice(idText);
    return read.ok ? store.paymentOfHash(read.value.invoice.paymentHash) : undefined;
  }

  list(limit: number, before?: ListPlace): Promise<readonly StoredPayment[]> {
    return this.#options.store.listOutgoing(limit, before);
  }

  /** The payment as soon as its version is above `after`, or as it is when the time is over. */
  async news(id: string, after: number, waitMs: Millis): Promise<StoredPayment | undefined> {
    const sender = this.#options.sender();
    if (typeof sender === 'string' || this.#isEnding) return this.#options.store.readPayment(id);
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#waits.add(end);
    try {
      const { store } = this.#options;
      return await Promise.race([sender.waitForNews(id, after, waitMs), ended.then(() => store.readPayment(id))]);
    } finally {
      this.#waits.delete(end);
    }
  }

  /** The daemon ends: whoever waits for news gets the payment as it is. */
  endWaits(): void {
    this.#isEnding = true;
    for (const end of this.#waits) end();
  }

  /**
   * The payment as soon as it has succeeded or failed, or as it is when the time is over. A success is given a moment for its
   * other parts to land, so that the fee is final mostly.
   */
  async outcome(payment: StoredPayment, waitMs: Millis): Promise<StoredPayment> {
    const { now, sender } = this.#options;
    const until = now() + waitMs;
    let seen = payment;
    let landed: Millis | undefined;
    for (;;) {
      if (hasOutcome(seen)) landed ??= now() + LANDING_MS;
      const left = Math.min(until, landed ?? until) - now();
      if (seen.state.isEnded || left <= 0 || this.#isEnding || typeof sender() === 'string') return seen;
      seen = (await this.news(seen.id, seen.version, left)) ?? seen;
    }
  }

  /** No new parts from now on. */
  async stop(payment: StoredPayment): Promise<Result<StoredPayment, PayRefusal>> {
    const ready = this.#ready();
    if (!ready.ok) return ready;
    const outcome = hasOutcome(payment) ? 'over' : await ready.value.stopPayment(payment.id);
    if (outcome === 'over') {
      const how = payment.state.phase === 'succeeded' ? 'has been paid' : 'is over';
      return err({ kind: 'conflict', code: 'payment_over', message: `the payment ${how}: there is nothing to stop` });
    }
    if (outcome === 'unknown') {
      return err({ kind: 'conflict', code: 'payment_over', message: 'there is no such payment any more' });
    }
    return ok((await this.find(payment.id)) ?? payment);
  }

  /** What the payments of all daemons on the database have taught. */
  async exportKnowledge(): Promise<Result<ExportedKnowledge, PayRefusal>> {
    const ready = this.#ready();
    return ready.ok ? ok(await ready.value.exportKnowledge()) : ready;
  }

  #payOrder(request: PayRequest, sender: Paying, origin?: RequestOrigin): Result<PayOrder, BadRequest> {
    const context = this.#context(sender, origin);
    const order = payOrder(request, context);
    // What stays inside the cluster is sent by none of its nodes.
    if (!order.ok || context.isOwnPhantom(order.value.terms.payee.nodeId)) return order;
    return fitForMetadata(order.value, this.#options);
  }

  #ready(): Result<Paying, PayRefusal> {
    const { names } = this.#options;
    const sender = this.#options.sender();
    if (sender === 'off')
      return err({
        kind: 'conflict',
        code: 'sending_off',
        message: 'paying is switched off: set enabled = true in [send] of the configuration and restart the daemon',
      });
    if (names.length === 0)
      return err({
        kind: 'conflict',
        code: 'no_sending_node',
        message: 'none of the nodes in the configuration can send; add one that can',
      });
    if (sender === 'starting')
      return err({
        kind: 'later',
        code: 'sending_starting',
        message: 'paying begins when the database answers; try again in a few seconds',
      });
    return ok(sender);
  }

  #context(sender: Paying, origin?: RequestOrigin): RequestContext {
    const { keys, currency, now, names, defaults } = this.#options;
    return {
      now: now(),
      currency,
      ownNodeIds: sender.nodeIds(),
      isOwnPhantom: (id) => keys().epochs.some((epoch) => equalBytes(epoch.keys.phantomNodeId, id)),
      defaults,
      names,
      // A repetition of an interrupted request pays the same hash, and so once.
      preimage: () => (origin ? requestEntropy(keys(), `keysend ${origin.identity}`) : randomBytes(32)),
    };
  }

  #refusal({ code, message, refusal }: StopReason, from: readonly string[] | undefined): PayRefusal {
    const sender = this.#options.sender();
    const status = typeof sender === 'string' ? undefined : sender.status();
    const wanted = status?.nodes.filter(({ name }) => from?.includes(name) ?? true) ?? [];
    if ((code === 'own_balance' || refusal?.code === 'own_balance') && wanted.every(({ reachable }) => !reachable)) {
      const asked = wanted.map(({ name }) => name).join(', ');
      const away = `none of the nodes that may send can be reached now (${asked}); see \`manifold nodes\`, then try again`;
      return { kind: 'later', code: 'nodes_away', message: away };
    }
    const why = refusal?.code ?? code;
    if (status && !status.graph.loaded && MAY_BE_THE_GRAPH.includes(why)) {
      const loading = `the graph of the network is still being loaded (${status.graph.channels} channels so far), and by what is known yet: ${message}. Try again in a while`;
      return { kind: 'later', code: 'graph_loading', message: loading };
    }
    return {
      kind: 'cannot',
      code: why === 'invalid_request' ? 'cannot_plan' : why,
      message,
      ...(refusal && { members: amountsOf(refusal) }),
    };
  }
}

/** Between the first part that lands and the last. */
const LANDING_MS: Millis = 1_000;

/** What another look at a bigger graph may change. */
const MAY_BE_THE_GRAPH: readonly string[] = ['unreachable', 'network_capacity', 'payee_inbound', 'budget', 'no_plan'];

/** No more parts are sent and it is known how it ended, though parts may still be out. */
function hasOutcome({ state: { phase } }: StoredPayment): boolean {
  return phase === 'succeeded' || phase === 'failed';
}

/** A repeated request finds what its interrupted first try began. */
function isOfRequest({ request }: StoredPayment, order: PayOrder, origin: RequestOrigin | undefined): boolean {
  if (order.request.kind === 'keysend') return origin !== undefined; // nobody else knows the preimage
  return origin?.isRepeated === true && request.reference === order.request.reference;
}

function existing({ id, state, request }: StoredPayment): PayRefusal {
  const named = request.reference === undefined ? '' : ` (reference ${request.reference})`;
  const see = `see payment ${id}${named}`;
  return state.phase === 'succeeded'
    ? {
        kind: 'conflict',
        code: 'already_paid',
        message: `this has been paid already: ${see}`,
        members: { payment_id: id },
      }
    : {
        kind: 'conflict',
        code: 'already_under_way',
        message: `this is being paid already: ${see}; nothing was sent twice`,
        members: { payment_id: id },
      };
}

function amountsOf(refusal: NonNullable<StopReason['refusal']>): Record<string, string> {
  const named = Object.entries(refusal).filter(([, value]) => typeof value === 'bigint' || typeof value === 'number');
  return Object.fromEntries(named.map(([name, value]) => [snakeName(name), String(value)]));
}

/** What the steps of a probe that did not end have shown. */
function boundsOf(steps: readonly ProbeStep[]): Omit<ProbeAnswer, 'steps'> {
  const arrived = steps.filter(({ outcome }) => outcome === 'arrived');
  const best = arrived.reduce<ProbeStep | undefined>((a, b) => (a && a.amountMsat >= b.amountMsat ? a : b), undefined);
  const failed = steps.filter(({ outcome }) => outcome === 'did_not').map(({ amountMsat }) => amountMsat);
  const least = failed.reduce<bigint | undefined>((a, b) => (a !== undefined && a <= b ? a : b), undefined);
  return {
    arrivedMsat: best?.amountMsat ?? 0n,
    ...(best && { feeMsat: best.feeMsat }),
    ...(least !== undefined && { failedMsat: least }),
  };
}
