/** Alarms go to the log, the metrics and, by the outbox, to everybody who listens to events. Each one once while it lasts. */
import type { Alarm, AlarmSink } from '../receive/alarms.js';
import type { Clock } from '../receive/clock.js';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import type { Millis } from '../wire/units.js';
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

export interface CurrentAlarm {
  readonly alarm: Alarm;
  readonly since: Millis;
}

interface Raised {
  readonly alarm: Alarm;
  readonly since: Millis;
  lastAt: Millis;
}

/** Alarms remembered, so that the same one is told once. */
const MEMORY = 10_000;
/** Alarms that wait for the database. Their log lines are out already. */
const MOST_WAITING = 1_000;
const RETRY_MS = 5_000;
/** Raised again with every look of the ledger while its cause lasts. */
const REPEATED_LASTS_MS = 60_000;
/** Others tell of a moment, and are shown and not told again for so long. */
const LASTS_MS = 3_600_000;
/** Of a part, which ends on chain at the latest; of a node until it is served again. */
const LONG_MS = 7 * 86_400_000;

/** Their cause is gone when the node is served, by whomever. */
export const OVER_WHEN_SERVED: readonly Alarm['code'][] = ['node-refused', 'node-away'];

export function isOverWhenServed(code: string): boolean {
  return OVER_WHEN_SERVED.some((one) => one === code);
}

/** How long after it was raised last an alarm may still be so. */
export function lastsMs(code: string): Millis {
  switch (code as Alarm['code']) {
    case 'height-disagreement':
      return REPEATED_LASTS_MS;
    case 'node-refused':
    case 'node-away':
    case 'settle-unconfirmed':
    case 'answer-overdue':
    case 'guard-failed':
    case 'guard-force-closed':
    case 'part-lost':
      return LONG_MS;
    default:
      return LASTS_MS;
  }
}

export class DaemonAlarms implements AlarmSink {
  readonly #options: DaemonAlarmsOptions;
  readonly #raised = new Map<string, Raised>();
  readonly #waiting: Alarm[] = [];
  #writing = false;
  #cancel: (() => void) | undefined;

  constructor(options: DaemonAlarmsOptions) {
    this.#options = options;
  }

  raise(alarm: Alarm): void {
    const now = this.#options.clock.now();
    const { code, node, paymentHash, channelId, htlcId, message } = alarm;
    const key = [code, node, paymentHash, channelId, htlcId].join('/');
    const known = this.#raised.get(key);
    if (known && now - known.lastAt < Math.max(LASTS_MS, lastsMs(code))) {
      known.lastAt = now;
      return;
    }
    if (this.#raised.size >= MEMORY) this.#raised.delete(this.#raised.keys().next().value!);
    this.#raised.set(key, { alarm, since: now, lastAt: now });
    this.#options.metrics.alarm(code);
    const fields = { alarm: code, node, paymentHash, channelId: channelId?.toString(), htlcId: htlcId?.toString() };
    this.#options.log.error(fields, message);
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(alarm);
    void this.#write();
  }

  /** The cause is gone: should it come back, it is told again. */
  over(code: Alarm['code'], node: string): void {
    for (const [key, { alarm }] of this.#raised)
      if (alarm.code === code && alarm.node === node) this.#raised.delete(key);
  }

  /** What this daemon raised and what may still be so, oldest first. */
  current(): readonly CurrentAlarm[] {
    const now = this.#options.clock.now();
    return [...this.#raised.values()].filter(({ alarm, lastAt }) => now - lastAt < lastsMs(alarm.code));
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
