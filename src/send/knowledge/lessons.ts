/** What the fate of a part teaches: one call per event, for the shared knowledge and the payment's own memory together. */
import type { Millis } from '../../wire/units.js';
import type { HopUse, Knowledge } from './knowledge.js';
import type { PaymentMemory } from './payment-memory.js';

export interface Learners {
  readonly knowledge: Knowledge;
  readonly memory: PaymentMemory;
}

/** A part is on its way: its amounts are reserved on every hop. Call {@link partEnded} once when it is over. */
export function partSent({ knowledge, memory }: Learners, hops: readonly HopUse[]): void {
  knowledge.reserve(hops);
  memory.reserve(hops);
}

/** A part is over, whatever its end. Call this before the lesson of the end. */
export function partEnded({ knowledge, memory }: Learners, hops: readonly HopUse[]): void {
  knowledge.release(hops);
  memory.release(hops);
}

/** The part got through the first `count` hops: each of them carried its amount. */
export function learnPassed({ knowledge }: Learners, hops: readonly HopUse[], count: number, now: Millis): void {
  for (const hop of hops.slice(0, count)) knowledge.passed(hop, now);
}

/**
 * Hop `index` could not carry its amount (temporary_channel_failure reported by the node it starts from); the hops before
 * it did. An own first hop teaches nothing: read the node's balance again.
 */
export function learnCannotCarry(learners: Learners, hops: readonly HopUse[], index: number, now: Millis): void {
  const hop = hops[index];
  if (!hop) throw new RangeError(`the route has ${hops.length} hops, none at ${index}`);
  learnPassed(learners, hops, index, now);
  learners.memory.couldNotCarry(hop);
  if (hop.kind !== 'hint') learners.knowledge.failed(hop, now);
}

/** The part has settled: its amounts moved to the other side of every channel. */
export function learnSettled({ knowledge }: Learners, hops: readonly HopUse[], now: Millis): void {
  for (const hop of hops) knowledge.settled(hop, now);
}
