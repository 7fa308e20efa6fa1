/** A sender that answers what a test tells it to. */
import { randomBytes } from '../../src/crypto/index.js';
import { type ExportedKnowledge, newPayment, type Plan, type StopReason } from '../../src/send/index.js';
import type { StoredPayment } from '../../src/send/run/store-port.js';
import type {
  DryRunAnswer,
  PayAnswer,
  Paying,
  PayOrder,
  ProbeAnswer,
  ProbeOrder,
  ProbeStep,
  SenderStatus,
} from '../../src/send/run/types.js';
import { toHex } from '../../src/wire/bytes.js';

export class FakeSender implements Paying {
  readonly orders: PayOrder[] = [];
  readonly probes: ProbeOrder[] = [];
  readonly payments = new Map<string, StoredPayment>();
  /** What pay and dryRun refuse with. */
  refusal: StopReason | undefined;
  exists: StoredPayment | undefined;
  plan: Plan = { kind: 'plan', parts: [], feeMsat: 7n, successProbability: 0.5, cost: 1 };
  graphLoaded = true;
  reachable = true;
  startFailures = 0;
  stops = 0;
  onStop: 'stopping' | 'over' | 'unknown' = 'stopping';
  probing: (onStep: (step: ProbeStep) => void, signal: AbortSignal) => Promise<ProbeAnswer> = async () => ({
    arrivedMsat: 0n,
    steps: [],
  });

  async start(): Promise<void> {
    if (this.startFailures-- > 0) throw Object.assign(new Error('the database is away'), { retryable: true });
  }

  async stop(): Promise<void> {
    this.stops += 1;
  }

  async pay(order: PayOrder): Promise<PayAnswer> {
    this.orders.push(order);
    if (this.refusal) return { kind: 'refused', reason: this.refusal };
    if (this.exists) return { kind: 'exists', payment: this.exists };
    return { kind: 'started', payment: this.add(order) };
  }

  add({ request, terms }: PayOrder): StoredPayment {
    const payment: StoredPayment = {
      id: toHex(randomBytes(16)),
      request,
      state: { ...newPayment(terms), phase: 'in_flight' },
      createdAt: terms.startedAt,
      version: 1,
      owner: 'fake/0',
      epoch: 1,
    };
    this.payments.set(payment.id, payment);
    return payment;
  }

  async dryRun(order: PayOrder): Promise<DryRunAnswer> {
    this.orders.push(order);
    return this.refusal ? { kind: 'refused', reason: this.refusal } : { kind: 'plan', plan: this.plan };
  }

  async probe(
    order: ProbeOrder,
    onStep: (step: ProbeStep) => void = () => undefined,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ProbeAnswer> {
    this.probes.push(order);
    return this.probing(onStep, signal);
  }

  async stopPayment(): Promise<'stopping' | 'over' | 'unknown'> {
    return this.onStop;
  }

  async read(id: string): Promise<StoredPayment | undefined> {
    return this.payments.get(id);
  }

  async ofHash(paymentHash: Uint8Array): Promise<StoredPayment | undefined> {
    return [...this.payments.values()].find(({ state }) => toHex(state.terms.paymentHash) === toHex(paymentHash));
  }

  async waitForNews(id: string): Promise<StoredPayment | undefined> {
    return this.payments.get(id);
  }

  async exportKnowledge(): Promise<ExportedKnowledge> {
    return {
      format: 'manifold-knowledge-1',
      channels: [],
      nodes: [{ node: '02'.repeat(33), weight: 1, at: 5 }],
      avoidedChannels: [],
      avoidedNodes: [],
    };
  }

  status(): SenderStatus {
    return {
      nodes: ['alpha', 'beta', 'gamma'].map((name) => ({ name, spendableMsat: 5n, reachable: this.reachable })),
      graph: { nodes: 3, channels: 2, loaded: this.graphLoaded },
      paymentsInFlight: 0,
      inFlightMsat: 0n,
    };
  }

  nodeIds(): readonly Uint8Array[] {
    return [];
  }
}
