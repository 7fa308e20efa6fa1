/** Waiting in the time of a world. */
import type { Clock } from '../receive/clock.js';
import type { Millis } from '../wire/units.js';
import { ClaimFailed } from './claim.js';

export interface Patience {
  readonly timeoutMs?: Millis;
  readonly everyMs?: Millis;
}

export function sleepOn(clock: Clock, ms: Millis): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

/** Waits for something. @throws {ClaimFailed} naming `what` if it does not come */
export async function untilOn(
  clock: Clock,
  probe: () => boolean | Promise<boolean>,
  what: string,
  { timeoutMs = 10_000, everyMs = 10 }: Patience = {},
): Promise<void> {
  const deadline = clock.now() + timeoutMs;
  while (!(await probe())) {
    if (clock.now() >= deadline) throw new ClaimFailed(`waited ${timeoutMs / 1000} s in vain for: ${what}`);
    await sleepOn(clock, everyMs);
  }
}
