/** Looks once a second for what time alone changes: sets to complete or to fail, settlements that do not become final. */
import type { BlockDelta, BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { partKeyText } from './ledger/types.js';

export interface SweeperOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  readonly intervalMs?: Millis;
  /** A settled part that is not final so many blocks before its expiry is an alarm. */
  readonly finalAlarmBlocks?: BlockDelta;
}

const LIMIT = 1_000;
const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_FINAL_ALARM_BLOCKS = 24;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #alarmed = new Set<string>();
  #cancel: (() => void) | undefined;
  #stopped = true;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { clock, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#cancel = clock.after(intervalMs, () => {
      this.#running = this.sweep()
        .catch(() => undefined) // the store is away; the next sweep finds the same work
        .finally(() => {
          this.#schedule();
        });
    });
  }

  /** One look. Rejects when the store is away. */
  async sweep(): Promise<void> {
    const { ledger, store } = this.#options;
    const now = await store.now();
    const height = bestHeight(await store.leases());
    const due = await store.dueHashes(now, height + ledger.policy.marginBlocks, LIMIT);
    await Promise.all(due.map((paymentHash) => ledger.submit({ type: 'review', paymentHash })));
    await this.#alarmUnconfirmed(height);
  }

  async #alarmUnconfirmed(height: BlockHeight): Promise<void> {
    const { store, alarms, finalAlarmBlocks = DEFAULT_FINAL_ALARM_BLOCKS } = this.#options;
    for (const { key, paymentHash } of await store.overdueParts(height + finalAlarmBlocks)) {
      const text = partKeyText(key);
      if (this.#alarmed.has(text)) continue;
      this.#alarmed.add(text);
      alarms.raise({
        code: 'settle-unconfirmed',
        node: key.nodeId,
        paymentHash,
        channelId: key.channelId,
        htlcId: key.htlcId,
        message:
          'a settled part is not final shortly before its expiry; check that the node and its peer are online, or close the channel',
      });
    }
  }
}

function bestHeight(leases: readonly { readonly height: BlockHeight }[]): BlockHeight {
  return leases.reduce((best, { height }) => Math.max(best, height), 0);
}
