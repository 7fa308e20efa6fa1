/** What operators watch of the wallets that are served while they sleep. Registered only where they are. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MailTotals } from '../../offline/mailbox/index.js';
import type { WakeOutcome } from '../wake/deliverer.js';
import type { HoldCounter } from './hold-parts.js';
import type { HoldTotals } from './hold-service.js';

/** Asked at each scrape. */
export interface OfflineMetricSources {
  readonly clients: () => { readonly enrolled: number; readonly asleep: number };
  /** At the nodes that this daemon serves. */
  readonly held: () => HoldTotals;
  /** Rejects if the store is away. */
  readonly mail: () => Promise<MailTotals>;
  /** Since the start, by reason. */
  readonly mailDropped: () => ReadonlyMap<string, number>;
  readonly invoicesDropped: () => ReadonlyMap<string, number>;
  readonly peerMessagesDropped: () => number;
}

const HOLD_COUNTERS: readonly HoldCounter[] = [
  'held',
  'resumed',
  'failed',
  'refused',
  'released',
  'released_early',
  'settled',
];
const WAKE_OUTCOMES: readonly WakeOutcome[] = ['delivered', 'failed', 'deferred', 'dropped', 'stale'];

export class OfflineMetrics {
  readonly #held: Counter<'what'>;
  readonly #calls: Counter<'outcome'>;

  constructor(registry: Registry, sources: OfflineMetricSources) {
    const registers = [registry];
    this.#held = new Counter({
      name: 'manifold_offline_htlcs_total',
      help: 'What was done with HTLCs of wallets: held, released, resumed, failed back, refused, settled',
      labelNames: ['what'],
      registers,
    });
    this.#calls = new Counter({
      name: 'manifold_wake_calls_total',
      help: "Calls of wallets' webhooks, by outcome",
      labelNames: ['outcome'],
      registers,
    });
    for (const what of HOLD_COUNTERS) this.#held.inc({ what }, 0);
    for (const outcome of WAKE_OUTCOMES) this.#calls.inc({ outcome }, 0);
    gauges(registers, sources);
    dropped(registers, sources);
  }

  hold(what: HoldCounter): void {
    this.#held.inc({ what });
  }

  wakeCall(outcome: WakeOutcome): void {
    this.#calls.inc({ outcome });
  }
}

function gauges(registers: Registry[], { clients, held, mail }: OfflineMetricSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    const one = new Gauge({
      name,
      help,
      registers,
      collect() {
        one.set(read());
      },
    });
  };
  gauge('manifold_offline_wallets', 'Wallets that are enrolled', () => clients().enrolled);
  gauge('manifold_offline_wallets_asleep', 'Those of them that are not connected here', () => clients().asleep);
  gauge('manifold_offline_held_htlcs', 'HTLCs held for wallets at nodes served here', () => held().held);
  gauge('manifold_offline_held_msat', 'Their amount', () => Number(held().heldMsat));
  gauge('manifold_offline_await_release', 'Those that wait for a release', () => held().awaitRelease);
  gauge('manifold_offline_await_payee', 'Those that wait for a wallet to wake up', () => held().awaitPayee);
  const perMail = (name: string, help: string, read: (totals: MailTotals) => number): void => {
    const one = new Gauge({
      name,
      help,
      registers,
      async collect() {
        // A database that is away has metrics of its own.
        const totals = await mail().catch(() => undefined);
        if (totals) one.set(read(totals));
      },
    });
  };
  perMail('manifold_mailbox_messages', 'Onion messages kept for sleeping wallets', ({ messages }) => messages);
  perMail('manifold_mailbox_bytes', 'Their size on the wire', ({ bytes }) => bytes);
}

function dropped(registers: Registry[], sources: OfflineMetricSources): void {
  const counter = (name: string, help: string, read: () => ReadonlyMap<string, number>): void => {
    const one = new Counter({
      name,
      help,
      labelNames: ['reason'],
      registers,
      collect() {
        one.reset();
        for (const [reason, count] of read()) one.inc({ reason }, count);
      },
    });
  };
  counter('manifold_mailbox_dropped_total', 'Onion messages not kept, or that made room', sources.mailDropped);
  counter(
    'manifold_static_invoice_refused_total',
    'Requests for static invoices, or to keep one, that were not answered',
    sources.invoicesDropped,
  );
  counter(
    'manifold_peer_messages_dropped_total',
    'Messages of peers to applications that came too fast',
    () => new Map([['rate', sources.peerMessagesDropped()]]),
  );
}
