/** A probe as plain data: which amount is being tried, its parts, and what got through so far. */
import type { Millis, Msat, PaymentHash, PaymentSecret } from '../../wire/units.js';
import type { PaymentPart, PaymentState, StopReason } from '../payment/payment.js';
import { preparePayment } from '../payment/plan-stage.js';
import type { Modifier, Surroundings } from '../payment/stages.js';
import type { Refusal } from '../plan/request.js';
import type { ProbeOrder, ProbeStep } from '../run/types.js';

/**
 * `out`: on the network; `stuck`: on the network for so long that nobody waits for it; `arrived`: the payee itself has
 * answered; `over`: it failed, or belongs to an amount or a wave that is decided.
 */
export type Fate = 'out' | 'stuck' | 'arrived' | 'over';

export interface ProbePart {
  readonly part: PaymentPart;
  readonly paymentHash: PaymentHash;
  readonly fate: Fate;
  /**
   * The knowledge counts it as in flight. A part that arrived stays so as long as others are out: what fails meanwhile may
   * have failed because of it.
   */
  readonly isReserved: boolean;
  /** Parts that were sent at the same time. */
  readonly wave: number;
}

/** The amount that is being tried. */
export interface Attempt {
  readonly amountMsat: Msat;
  readonly budgetMsat: Msat;
  readonly paymentSecret: PaymentSecret;
  /** Plans made for it and waves sent again. */
  readonly waves: number;
  readonly planAt?: Millis | undefined;
  /** No plan for what is missing; until a part that is out ends. */
  readonly blocked?: Refusal | undefined;
}

export interface Arrived {
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
}

export interface ProbeState {
  /** Terms as prepared, for the greatest amount, with memory, counts and adjustments of the whole probe. */
  readonly payment: PaymentState;
  /** What was asked for; own channels may hold less. */
  readonly askedMsat: Msat;
  readonly precisionPercent: number;
  readonly phase: 'prepared' | 'running' | 'done';
  readonly attempt?: Attempt | undefined;
  readonly parts: readonly ProbePart[];
  readonly plans: number;
  readonly isPlanning: boolean;
  readonly arrived: Arrived | undefined;
  readonly failedMsat: Msat | undefined;
  /** Of the least amount that did not arrive. */
  readonly reason: StopReason | undefined;
  readonly steps: readonly ProbeStep[];
}

export type NewProbe =
  | { readonly kind: 'probe'; readonly state: ProbeState }
  /** It cannot work: nothing was sent. */
  | { readonly kind: 'refused'; readonly reason: StopReason };

const DEFAULT_PRECISION_PERCENT = 5;
const LEAST_PRECISION_PERCENT = 0.1;

/** The probe, not yet begun. More than own channels can send is cut to what they can: that too is an answer. */
export function newProbe(order: ProbeOrder, surroundings: Surroundings, modifiers: readonly Modifier[]): NewProbe {
  const { terms, precisionPercent = DEFAULT_PRECISION_PERCENT } = order;
  const spendable = spendableOf(surroundings);
  const isCut = spendable > 0n && spendable < terms.amountMsat;
  const amountMsat = isCut ? spendable : terms.amountMsat;
  const prepared = preparePayment({ ...terms, amountMsat }, surroundings, modifiers);
  if (prepared.kind === 'refused') return prepared;
  const message = `own channels can send ${spendable} msat together: move liquidity or open a channel to find out more`;
  return {
    kind: 'probe',
    state: {
      payment: prepared.state,
      askedMsat: terms.amountMsat,
      precisionPercent: Math.min(100, Math.max(LEAST_PRECISION_PERCENT, precisionPercent)),
      phase: 'prepared',
      parts: [],
      plans: 0,
      isPlanning: false,
      arrived: undefined,
      failedMsat: isCut ? terms.amountMsat : undefined,
      reason: isCut ? { code: 'own_balance', message } : undefined,
      steps: [],
    },
  };
}

function spendableOf({ sources }: Surroundings): Msat {
  const channels = sources.flatMap((source) => source.channels).filter(({ slots }) => slots > 0);
  return channels.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n);
}

/** Answered and nothing on the network any more: the state may be forgotten. */
export function isOver({ phase, parts }: ProbeState): boolean {
  return phase === 'done' && parts.every(({ isReserved }) => !isReserved);
}
