/** What a daemon does now and then. */
import type { Clock } from '../receive/clock.js';
import type { Store } from '../store/index.js';
import type { HintBook } from './hints.js';
import type { Log } from './log.js';

const HOUSEKEEPING_MS = 30_000;
/** How long a repeated request gets the first answer. */
const IDEMPOTENCY_MS = 24 * 3_600_000;

const PURGE_EVERY_MS = 3_600_000;
const DAY_MS = 24 * 3_600_000;

export interface HousekeepingOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly hints: HintBook;
  /** How long events and made deliveries are kept. */
  readonly keepDays: number;
}

/** Forgets old idempotency keys, events and deliveries; sees hints that other daemons took in. */
export function housekeeping({ clock, log, store, hints, keepDays }: HousekeepingOptions): {
  start(): void;
  stop(): Promise<void>;
} {
  let purgedAt = -Infinity;
  let cancel = (): void => undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  const look = async (): Promise<void> => {
    await hints.load();
    const now = await store.now();
    await store.idempotency.purge(now - IDEMPOTENCY_MS);
    if (now - purgedAt < PURGE_EVERY_MS) return;
    purgedAt = now;
    const forgotten = await store.purge(now - keepDays * DAY_MS);
    if (forgotten.events + forgotten.deliveries > 0) log.info(forgotten, 'old events and deliveries were forgotten');
  };
  const schedule = (): void => {
    if (stopped) return;
    cancel = clock.after(HOUSEKEEPING_MS, () => {
      running = look()
        .catch((error: unknown) => {
          log.debug({ err: error }, 'housekeeping waits for the store');
        })
        .finally(schedule);
    });
  };
  return {
    start: schedule,
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}
