/** What operators watch of paying. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Report } from '../../send/index.js';
import type { StoredPayment } from '../../send/run/store-port.js';
import type { SenderStatus } from '../../send/run/types.js';

const PART_OUTCOMES = { part_settled: 'settled', part_failed: 'failed', part_unknown: 'unknown' } as const;
const OUTCOMES = ['succeeded', 'failed'] as const;

export class SendingMetrics {
  readonly #payments: Counter<'outcome'>;
  readonly #parts: Counter<'outcome'>;
  readonly #sentMsat: Counter;
  readonly #feeMsat: Counter;
  readonly #seconds: Histogram<'outcome'>;

  /** @param status asked at each scrape; undefined while nothing can be sent */
  constructor(registry: Registry, status: () => SenderStatus | undefined) {
    const registers = [registry];
    this.#payments = new Counter({
      name: 'manifold_payments_total',
      help: 'Payments made, by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#parts = new Counter({
      name: 'manifold_payment_parts_total',
      help: 'Parts of payments made, by outcome; unknown ones are looked up and end otherwise later',
      labelNames: ['outcome'],
      registers,
    });
    this.#sentMsat = new Counter({
      name: 'manifold_payments_sent_msat_total',
      help: 'What payees received, fees left out',
      registers,
    });
    this.#feeMsat = new Counter({
      name: 'manifold_payments_fee_msat_total',
      help: 'Fees of payments that succeeded',
      registers,
    });
    this.#seconds = new Histogram({
      name: 'manifold_payment_seconds',
      help: 'From the order to the outcome of a payment',
      labelNames: ['outcome'],
      buckets: [0.1, 0.3, 1, 2, 5, 10, 30, 60, 300, 3_600],
      registers,
    });
    for (const outcome of OUTCOMES) this.#payments.inc({ outcome }, 0);
    for (const outcome of Object.values(PART_OUTCOMES)) this.#parts.inc({ outcome }, 0);
    statusGauges(registers, status);
  }

  reported({ state }: StoredPayment, report: Report, now: number): void {
    switch (report.kind) {
      case 'progress': {
        const { what } = report.progress;
        if (what in PART_OUTCOMES) this.#parts.inc({ outcome: PART_OUTCOMES[what as keyof typeof PART_OUTCOMES] });
        return;
      }
      case 'succeeded':
      case 'failed':
        this.#payments.inc({ outcome: report.kind });
        this.#seconds.observe({ outcome: report.kind }, Math.max(0, now - state.terms.startedAt) / 1000);
        return;
      case 'ended':
        this.#sentMsat.inc(Number(report.amountMsat));
        this.#feeMsat.inc(Number(report.feeMsat));
        return;
      case 'stopping':
      case 'told':
      case 'alarm':
        return;
    }
  }
}

function statusGauges(registers: Registry[], status: () => SenderStatus | undefined): void {
  const gauge = (name: string, help: string, read: (status: SenderStatus) => number): void => {
    const one = new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = status();
        one.set(now === undefined ? 0 : read(now));
      },
    });
  };
  gauge('manifold_payments_in_flight', 'Payments that this daemon carries on', (now) => now.paymentsInFlight);
  gauge('manifold_payments_in_flight_msat', 'Amount of their parts that are out', (now) => Number(now.inFlightMsat));
  gauge('manifold_graph_nodes', 'Nodes of the network that are known', (now) => now.graph.nodes);
  gauge('manifold_graph_channels', 'Channels of the network that are known', (now) => now.graph.channels);
  gauge('manifold_graph_loaded', '1 once the graph of the network is loaded', (now) => Number(now.graph.loaded));
  const perNode = (name: string, help: string, read: (node: SenderStatus['nodes'][number]) => number): void => {
    const one = new Gauge({
      name,
      help,
      labelNames: ['member'],
      registers,
      collect() {
        for (const node of status()?.nodes ?? []) one.set({ member: node.name }, read(node));
      },
    });
  };
  perNode('manifold_member_spendable_msat', 'What the usable channels of the node can send', (node) =>
    Number(node.spendableMsat),
  );
  perNode('manifold_member_can_send', '1 if the node can be asked to send now', (node) => Number(node.reachable));
}
