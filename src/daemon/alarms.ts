/** Alarms go to the log, the metrics and, by the outbox, to everybody who listens to events. Each one once. */
import type { Alarm, AlarmSink } from '../receive/alarms.js';
import type { Clock } from '../receive/clock.js';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

export interface DaemonAlarmsOptions {
  readonly store: Pick<LedgerStore, 'transact'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'alarm'>;
  /** The id (hex) of the node that the configuration calls so. */
  readonly nodeIdOf: (name: string) => string | undefined;
}

/** Alarms remembered, so that the same one is told once. */
const MEMORY = 10_000;
/** Alarms that wait for the database. Their log lines are out already. */
const MOST_WAITING = 1_000;
const RETRY_MS = 5_000;

export class DaemonAlarms implements AlarmSink {
  readonly #options: DaemonAlarmsOptions;
  readonly #seen = new Set<string>();
  readonly #waiting: Alarm[] = [];
  #writing = false;
  #cancel: (() => void) | undefined;

  constructor(options: DaemonAlarmsOptions) {
    this.#options = options;
  }

  raise(alarm: Alarm): void {
    const { code, node, paymentHash, channelId, htlcId, message } = alarm;
    const key = [code, node, paymentHash, channelId, htlcId].join('/');
    if (this.#seen.has(key)) return;
    if (this.#seen.size >= MEMORY) this.#seen.delete(this.#seen.values().next().value!);
    this.#seen.add(key);
    this.#options.metrics.alarm(code);
    const fields = { alarm: code, node, paymentHash, channelId: channelId?.toString(), htlcId: htlcId?.toString() };
    this.#options.log.error(fields, message);
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(alarm);
    void this.#write();
  }

  stop(): void {
    this.#cancel?.();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let alarm = this.#waiting[0]; alarm; alarm = this.#waiting[0]) {
        await this.#emit(alarm);
        this.#waiting.shift();
      }
    } catch {
      this.#cancel = this.#options.clock.after(RETRY_MS, () => void this.#write()); // the store is away
    } finally {
      this.#writing = false;
    }
  }

  #emit({ code, node, paymentHash = '', channelId = 0n, htlcId = 0n, message }: Alarm): Promise<void> {
    const nodeId = this.#options.nodeIdOf(node) ?? node;
    return this.#options.store.transact([], (view) => {
      view.emit({ type: 'alarm', code, paymentHash, message, key: { nodeId, channelId, htlcId } });
    });
  }
}
