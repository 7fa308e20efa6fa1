/** What a failure leads to. */
import type { BlockHeight, Millis } from '../../../wire/units.js';
import type { Lesson } from '../lessons.js';
import type { Adjustments, StopReason } from '../payment.js';

export type Next =
  | { readonly kind: 'replan' }
  | { readonly kind: 'pause'; readonly forMs: Millis }
  | { readonly kind: 'wait_height'; readonly height: BlockHeight }
  /** The route is good: the same again. */
  | { readonly kind: 'repeat' }
  | { readonly kind: 'stop'; readonly reason: StopReason };

export interface Reaction {
  /** In one sentence, for those who look at the payment. */
  readonly words: string;
  readonly lessons: readonly Lesson[];
  readonly next: Next;
  /** Counted in the payment, so that a second time may be treated otherwise. Keys of `PaymentState.seen`. */
  readonly seen?: readonly string[];
  readonly adjust?: Partial<Adjustments>;
  readonly alarm?: string;
}

export const REPLAN: Next = { kind: 'replan' };

export const stopFor = (code: StopReason['code'], message: string): Next => ({
  kind: 'stop',
  reason: { code, message },
});
