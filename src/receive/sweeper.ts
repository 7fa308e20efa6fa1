/** Looks once a second for what time alone changes: sets to complete or to fail, settlements that do not become final. */
import type { BlockDelta, BlockHeight, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import { type Lease, partKeyText } from './ledger/types.js';

export interface SweeperOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  readonly intervalMs?: Millis;
  /** A settled part that is not final so many blocks before its deadline is an alarm. */
  readonly finalAlarmBlocks?: BlockDelta;
}

const LIMIT = 1_000;
const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_FINAL_ALARM_BLOCKS = 24;
/** A peer that is online lets a settled HTLC become final within seconds. */
const UNCONFIRMED_MS = 600_000;
const PRUNE_EVERY_MS = 600_000;
/** Long after a failed part is irrevocably gone nobody asks about it, not even support. */
const FAILED_MEMORY_MS = 86_400_000;
/** Older leases say nothing about the chain any more. */
const LEASE_MEMORY_MS = 3_600_000;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #alarmed = new Set<string>();
  #prunedAt: Millis = 0;
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
    const leases = (await store.leases()).filter(({ expiresAt }) => expiresAt > now - LEASE_MEMORY_MS);
    const height = leases.reduce((best, lease) => Math.max(best, lease.height), 0);
    const due = await store.dueHashes(now, height + ledger.policy.marginBlocks - 1, LIMIT);
    await Promise.allSettled(due.map((paymentHash) => ledger.submit({ type: 'review', paymentHash })));
    if (now - this.#prunedAt >= PRUNE_EVERY_MS) {
      this.#prunedAt = now;
      await store.prune(now - FAILED_MEMORY_MS);
    }
    await this.#alarmUnconfirmed(now, height);
    this.#alarmDisagreement(leases.filter(({ expiresAt }) => expiresAt > now));
  }

  /** Settled parts that should be final: long decided, or near the height at which their node gives up. */
  async #alarmUnconfirmed(now: Millis, height: BlockHeight): Promise<void> {
    const { store, alarms, finalAlarmBlocks = DEFAULT_FINAL_ALARM_BLOCKS } = this.#options;
    const overdue = await store.overdueParts(now - UNCONFIRMED_MS, height + finalAlarmBlocks);
    const texts = new Set(overdue.map(({ key }) => partKeyText(key)));
    for (const text of this.#alarmed) if (!texts.has(text)) this.#alarmed.delete(text);
    for (const { key, paymentHash } of overdue) {
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
          'a settled part is not final yet; check that the node and its peer are online, or close the channel before the HTLC expires',
      });
    }
  }

  /** A member whose height differs from the others' cannot count its parts: one of them is wrong. */
  #alarmDisagreement(alive: readonly Lease[]): void {
    const { alarms, ledger } = this.#options;
    const best = alive.reduce((most, { height }) => Math.max(most, height), 0);
    for (const { nodeId, height } of alive) {
      if (best - height <= ledger.policy.maxHeightLag) continue;
      alarms.raise({
        code: 'height-disagreement',
        node: nodeId,
        message: `this node is at block ${height}, another member at ${best}; its parts do not count until they agree. Check both nodes`,
      });
    }
  }
}
