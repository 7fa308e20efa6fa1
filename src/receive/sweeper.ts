/** Looks once a second for what time alone changes: sets to complete or to fail, settlements that do not become final. */
import type { BlockDelta, Millis } from '../wire/units.js';
import type { AlarmSink } from './alarms.js';
import type { Clock } from './clock.js';
import { Guard } from './guard.js';
import type { GuardReport } from './guarded-node.js';
import type { Ledger } from './ledger/ledger.js';
import type { LedgerStore } from './ledger/store-port.js';
import type { Lease } from './ledger/types.js';
import type { GuardedNode } from './member-session.js';

export interface SweeperOptions {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly alarms: AlarmSink;
  readonly intervalMs?: Millis;
  /** Nodes whose streams this process serves now; none: settled parts are told of, nothing is done about them. */
  readonly guarded?: () => readonly GuardedNode[];
  /** A settled part that is not final so many blocks before its expiry is an alarm, and its channel is closed if allowed. */
  readonly guardBlocks?: BlockDelta;
  readonly onGuard?: GuardReport;
}

const LIMIT = 1_000;
const DEFAULT_INTERVAL_MS = 1_000;
const NO_NODES = (): readonly GuardedNode[] => [];
const PRUNE_EVERY_MS = 600_000;
/** Long after a failed part is irrevocably gone nobody asks about it, not even support. */
const FAILED_MEMORY_MS = 86_400_000;
/** Older leases say nothing about the chain any more. */
const LEASE_MEMORY_MS = 3_600_000;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #guard: Guard;
  #prunedAt: Millis = 0;
  #cancel: (() => void) | undefined;
  #stopped = true;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { ledger, store, clock, alarms, guarded = NO_NODES, guardBlocks, onGuard } = options;
    this.#guard = new Guard({
      ledger,
      store,
      clock,
      alarms,
      nodes: guarded,
      ...(guardBlocks !== undefined && { guardBlocks }),
      ...(onGuard && { onGuard }),
    });
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
    await this.#guard.look(now, leases, height);
    this.#alarmDisagreement(leases.filter(({ expiresAt }) => expiresAt > now));
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
