/**
 * Alarms that the ledger itself writes, in the transaction that found them out, whichever daemon ran it: read from the outbox,
 * so that log and metrics have them too. At most once per daemon; what happened before its start is in the events only.
 */
import type { Store } from '../store/index.js';
import type { Alarm } from '../receive/alarms.js';
import type { EventHub } from './event-hub.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

export interface LedgerAlarmsOptions {
  readonly store: { readonly events: Pick<Store['events'], 'read' | 'latestSeq'> };
  readonly hub: Pick<EventHub, 'onMore' | 'latest'>;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'alarm'>;
}

/** All others are told where they are raised. */
const OF_THE_LEDGER: readonly string[] = ['part-lost', 'settled-unasked'] satisfies Alarm['code'][];
const PAGE = 100;

export class LedgerAlarms {
  readonly #options: LedgerAlarmsOptions;
  #after: bigint | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #unsubscribe: (() => void) | undefined;

  constructor(options: LedgerAlarmsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.hub.onMore(() => {
      this.#kick();
    });
    this.#kick();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#again = false;
    await this.#running;
  }

  #kick(): void {
    this.#again = this.#running !== undefined;
    this.#running ??= this.#look()
      .catch(() => undefined) // the store is away; the next event finds the rest
      .finally(() => {
        this.#running = undefined;
        if (this.#again) this.#kick();
      });
  }

  async #look(): Promise<void> {
    const { store, hub, log, metrics } = this.#options;
    this.#after ??= await store.events.latestSeq();
    for (;;) {
      const known = hub.latest;
      const events = await store.events.read(this.#after, PAGE, { types: ['alarm'] });
      for (const { seq, body, paymentHash } of events) {
        this.#after = seq;
        const { code, message, key } = body as { code: string; message: string; key: object };
        if (!OF_THE_LEDGER.includes(code)) continue;
        metrics.alarm(code);
        log.error({ alarm: code, paymentHash, ...key }, message);
      }
      if (events.length === PAGE) continue;
      if (known > this.#after) this.#after = known; // no more alarms up to there
      return;
    }
  }
}
