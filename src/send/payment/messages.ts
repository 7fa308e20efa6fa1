/** What the machine is told and what it asks for. */
import type { BlindedPath } from '../../onion/index.js';
import type { BlockHeight, Millis, Msat, Preimage } from '../../wire/units.js';
import type { Plan, Refusal } from '../plan/request.js';
import type { UpdateVerifier } from './failure/policy-update.js';
import type { ReportedFailure } from './failure/reported.js';
import type { SharedLesson } from './lessons.js';
import type { PaymentPart, PaymentState, StopReason } from './payment.js';
import type { Modifier } from './stages.js';
import type { PendingPart } from './sums.js';

/** How a part ended, by the word of the node that sent it. */
export type PartOutcome =
  | { readonly kind: 'settled'; readonly preimage: Preimage }
  | { readonly kind: 'failed'; readonly failure: ReportedFailure };

/**
 * What a node knows of a part. `never_seen` only from a node that would know: its own record of the hash or the part is
 * missing, no call for the part is under way. `unavailable`: the node cannot be asked now.
 */
export type LookUpAnswer = PartOutcome | { readonly kind: 'in_flight' | 'never_seen' | 'unavailable' };

/** May come in any order, late, twice or not at all. */
export type PaymentEvent =
  | { readonly type: 'start' }
  | { readonly type: 'planned'; readonly ticket: number; readonly answer: Plan | Refusal }
  /** The node says that the part's HTLC is on its way, or what its first peer told of it. Need not come. */
  | { readonly type: 'accepted'; readonly part: number; readonly releasePath?: BlindedPath }
  | { readonly type: 'outcome'; readonly part: number; readonly outcome: PartOutcome }
  /** Nobody waits for the part's outcome any more: the connection to its node was lost. */
  | { readonly type: 'lost'; readonly part: number }
  /** `lookUp` is the number of the question, from its command. */
  | {
      readonly type: 'looked_up';
      readonly part: number;
      readonly lookUp: number;
      readonly answer: LookUpAnswer;
    }
  /** The state was loaded from the store by a new process. The first event of its life there. */
  | { readonly type: 'restarted' }
  /** Time or height has come on: see the context. */
  | { readonly type: 'tick' }
  | { readonly type: 'stop' };

export interface StepContext {
  readonly now: Millis;
  /** The greatest height of all own nodes. */
  readonly height: BlockHeight;
  readonly modifiers: readonly Modifier[];
  readonly verifyUpdate?: UpdateVerifier;
  readonly timing?: Timing;
}

export interface Timing {
  /** Failures that come within this are planned for together. */
  readonly collectMs: Millis;
  /** A part without outcome for so long is reported as slow. */
  readonly slowMs: Millis;
  /** A node's `never_seen` counts only if it was asked so long after the call was lost: the call may have been on its way. */
  readonly graceMs: Millis;
  readonly firstLookUpMs: Millis;
  readonly longestLookUpMs: Millis;
}

export const DEFAULT_TIMING: Timing = {
  collectMs: 20,
  slowMs: 10_000,
  graceMs: 10_000,
  firstLookUpMs: 1000,
  longestLookUpMs: 30_000,
};

export type Progress =
  | { readonly what: 'part_sent' | 'part_settled' | 'part_slow' | 'part_unknown'; readonly part: number }
  | { readonly what: 'part_failed'; readonly part: number; readonly words: string }
  | { readonly what: 'waiting'; readonly words: string }
  /** There is no plan for the rest now; parts are still out. */
  | { readonly what: 'blocked'; readonly words: string };

/**
 * Reports may be repeated, after a restart for one. `succeeded` comes with the first valid preimage, `failed` only with
 * nothing in flight; `ended` follows success once nothing is in flight any more, when the fee is final.
 */
export type Report =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'stopping'; readonly reason: StopReason; readonly pending: readonly PendingPart[] }
  | {
      readonly kind: 'succeeded';
      readonly preimage: Preimage;
      /** Fees of what has settled and of what still may. */
      readonly feeMsat: Msat;
      readonly pending: readonly PendingPart[];
    }
  | { readonly kind: 'failed'; readonly reason: StopReason }
  | { readonly kind: 'ended'; readonly amountMsat: Msat; readonly feeMsat: Msat }
  /** The first peer holds the part until the path brings `release_held_htlc`. Comes again after a restart. */
  | { readonly kind: 'told'; readonly part: number; readonly releasePath: BlindedPath }
  /** Something that should not be possible: for the operator's log. */
  | { readonly kind: 'alarm'; readonly message: string };

/**
 * To be carried out in order, after the state of the same step is committed. A command that is lost with its process comes
 * again after `restarted`, but for `send` and `learn`: the part is looked up, and knowledge that lives in memory begins with
 * a reservation of `reservedHops`.
 */
export type PaymentCommand =
  /** These parts are `sent` in the committed state: only then may the `send` commands behind it be carried out. */
  | { readonly type: 'record'; readonly parts: readonly number[] }
  /** Once in the life of the part. If the process cannot tell whether it made the call, it must not make it. */
  | { readonly type: 'send'; readonly part: PaymentPart }
  | { readonly type: 'look_up'; readonly part: PaymentPart; readonly lookUp: number }
  | { readonly type: 'plan'; readonly ticket: number; readonly missingMsat: Msat }
  /** Send a `tick` at the time or the height, whichever is first. Replaces the wait before it. */
  | { readonly type: 'wait'; readonly until?: Millis; readonly height?: BlockHeight }
  | { readonly type: 'learn'; readonly lessons: readonly SharedLesson[] }
  | { readonly type: 'report'; readonly report: Report };

export interface Step {
  readonly state: PaymentState;
  readonly commands: readonly PaymentCommand[];
}
