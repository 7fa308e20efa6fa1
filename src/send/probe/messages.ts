/** What the probing machine is told and what it asks for. */
import type { SharedLesson } from '../payment/lessons.js';
import type { PartOutcome } from '../payment/messages.js';
import type { PaymentState } from '../payment/payment.js';
import type { UpdateVerifier } from '../payment/failure/policy-update.js';
import type { Plan, Refusal } from '../plan/request.js';
import type { HopUse } from '../knowledge/knowledge.js';
import type { OutgoingPart } from '../run/ports.js';
import type { ProbeAnswer, ProbeStep } from '../run/types.js';
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { ProbeState } from './state.js';

/** May come in any order, late, twice or not at all. */
export type ProbeEvent =
  | { readonly type: 'start' }
  | { readonly type: 'planned'; readonly ticket: number; readonly answer: Plan | Refusal }
  | { readonly type: 'outcome'; readonly part: number; readonly outcome: PartOutcome }
  /** Nobody waits for the part's outcome any more. */
  | { readonly type: 'lost'; readonly part: number }
  | { readonly type: 'tick' }
  /** No new part; the answer is what is known by now. */
  | { readonly type: 'stop' };

export interface ProbeContext {
  readonly now: Millis;
  /** The greatest height of all own nodes. */
  readonly height: BlockHeight;
  /** Hashes without a preimage, and secrets. Never the same twice. */
  randomBytes(length: number): Uint8Array;
  readonly verifyUpdate?: UpdateVerifier;
}

/** What a plan may not use again: see `planProbe`, which carries the command out. */
export interface ProbePlanView {
  /** As of a payment of the amount that is being tried; parts that arrived count as out. */
  readonly payment: PaymentState;
  /** Hops of parts that arrived and are gone: taken into account while this plan is made, and only then. */
  readonly arrived: readonly HopUse[];
}

/** To be carried out in order. Nothing of a probe is stored: a process that dies forgets it, and its parts fail by themselves. */
export type ProbeCommand =
  | { readonly type: 'plan'; readonly ticket: number; readonly view: ProbePlanView }
  /** Answer with `outcome` or `lost` under the part's id. */
  | { readonly type: 'send'; readonly part: OutgoingPart }
  /** For the shared knowledge, in this order among the other commands. */
  | { readonly type: 'learn'; readonly lessons: readonly SharedLesson[] }
  | { readonly type: 'step'; readonly step: ProbeStep }
  /** Send a `tick` then. Replaces the wait before it. */
  | { readonly type: 'wait'; readonly until: Millis }
  /** Something that should not be possible: for the operator's log. */
  | { readonly type: 'alarm'; readonly message: string }
  /**
   * Once. Parts may still be out (`isOver` says so): go on telling their outcomes, or their reservations stay in the
   * knowledge of this process.
   */
  | { readonly type: 'done'; readonly answer: ProbeAnswer };

export interface ProbeTransition {
  readonly state: ProbeState;
  readonly commands: readonly ProbeCommand[];
}
