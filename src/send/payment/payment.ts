/**
 * A payment as plain data: what is to be paid, its parts, and what it has learnt for itself. All of it is needed after a
 * restart and nothing else is, so a store that keeps this value keeps the payment.
 */
import type { BlindedPath, PayloadFields } from '../../onion/index.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { BlockDelta, BlockHeight, Millis, Msat, PaymentHash, Preimage } from '../../wire/units.js';
import type { Payee, PlannedPart, Refusal } from '../plan/request.js';
import type { PartFailure } from './failure/reported.js';
import type { PrivateLesson } from './lessons.js';

/** What the payee's payload carries beside amount and expiry. */
export type FinalRecords = Pick<
  PayloadFields,
  | 'paymentData'
  | 'paymentMetadata'
  | 'keysendPreimage'
  | 'invoiceRequest'
  | 'encryptedRecipientData'
  | 'totalAmountMsat'
  | 'customRecords'
>;

/** What is asked for, after the modifiers of the stage *prepare*. Does not change while the payment runs. */
export interface PaymentTerms {
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
  /** Most that all parts may pay in fees together. */
  readonly budgetMsat: Msat;
  readonly maxParts: number;
  /** Most blocks between now and the expiry of any HTLC. */
  readonly maxBlocks: BlockDelta;
  readonly maxHops?: number;
  readonly payee: Payee;
  /** The payee takes a payment in parts. */
  readonly supportsMpp: boolean;
  readonly records: FinalRecords;
  /** Blocks added behind the payee, so that nobody can tell from the expiry how near it is. */
  readonly offsetBlocks: BlockDelta;
  readonly startedAt: Millis;
  /** No part is begun from here on. */
  readonly deadline: Millis;
  /** Odd records from 65536 on for the `update_add_htlc` of every part. */
  readonly firstHopRecords?: readonly TlvRecord[];
  /**
   * The parts are held on their way until the payee is there, for days maybe: nothing is slow, nothing is tried again, and the
   * first part that comes back ends the payment.
   */
  readonly isHeld?: true;
}

/**
 * `planned` reserves its amount but has not been sent; `sent` may be on the network from the moment it is recorded;
 * `unknown` was sent and nobody watches it: it is looked up, never resent; `settled` and `failed` are ends by a node's word.
 */
export type PartState = 'planned' | 'sent' | 'unknown' | 'settled' | 'failed';

export interface PaymentPart extends PlannedPart {
  /** Counts from 0 within the payment; with the payment hash the name of the part on every node. */
  readonly id: number;
  readonly state: PartState;
  readonly records: FinalRecords;
  /** Height for which the route's expiries were made. */
  readonly height: BlockHeight;
  /** A planned part is not sent before. */
  readonly sendAt: Millis;
  readonly sentAt?: Millis;
  /** The node has confirmed that the HTLC is on its way. */
  readonly accepted?: true;
  readonly unknownSince?: Millis;
  readonly lookUpAt?: Millis;
  /** Questions asked to its node, and when the last one was. */
  readonly lookUps?: number;
  readonly lookedUpAt?: Millis;
  readonly endedAt?: Millis;
  readonly failure?: PartFailure;
  /** It was reported that no answer comes. */
  readonly isSlow?: true;
  /** The first peer holds the HTLC until this path brings `release_held_htlc`. */
  readonly releasePath?: BlindedPath;
}

export type StopCode =
  | 'asked'
  | 'deadline'
  | 'attempts'
  /** No plan; `refusal` says why. */
  | 'no_plan'
  | 'bad_plan'
  | 'payee_refused'
  | 'payee_offline'
  | 'payee_node'
  | 'payee_waits'
  | 'paths_used_up'
  | 'own_balance'
  /** No peer of an own node holds HTLCs. */
  | 'no_holder'
  | 'bad_request';

/** Why no new part is sent. The message says what to do. */
export interface StopReason {
  readonly code: StopCode;
  readonly message: string;
  readonly refusal?: Refusal;
}

/** What failures made this payment change about its own requests. */
export interface Adjustments {
  /** Added to the height, because nodes said that an expiry was too soon. */
  readonly padBlocks: BlockDelta;
  readonly maxParts: number;
  readonly offsetBlocks: BlockDelta;
  /** Own channels that refused a part rest until then: without another way the payment waits for them. */
  readonly restUntil: Millis;
}

/** Something that may happen only so often. */
export interface Seen {
  readonly times: number;
  /** Parts there were when it was counted last: those numbered below were planned before and say nothing new. */
  readonly parts: number;
}

export interface Waiting {
  readonly height?: BlockHeight;
  readonly until?: Millis;
  readonly why: string;
}

export type Phase = 'prepared' | 'in_flight' | 'waiting' | 'stopping' | 'succeeded' | 'failed';

export interface PaymentState {
  readonly terms: PaymentTerms;
  readonly phase: Phase;
  readonly parts: readonly PaymentPart[];
  /** Plans asked for; the last one's number names the plan that is awaited. */
  readonly plans: number;
  readonly isPlanning: boolean;
  /** A plan is due then: failures of parts that come together are planned for together. */
  readonly planAt?: Millis | undefined;
  /** There was no plan for what is missing while other parts are out; until one of them ends. */
  readonly blocked?: Refusal | undefined;
  readonly badPlans: number;
  readonly waiting?: Waiting | undefined;
  readonly stop?: StopReason;
  readonly preimage?: Preimage;
  readonly memory: readonly PrivateLesson[];
  readonly adjustments: Adjustments;
  /** Counted by rounds, not by parts: those that were planned together fail together. */
  readonly seen: Readonly<Record<string, Seen>>;
  /** Parts whose route proved good and is to be used again first. */
  readonly repeat: readonly number[];
  /** The end, with nothing in flight, was reported. */
  readonly isEnded: boolean;
}

/** A payment that has not begun. */
export function newPayment(terms: PaymentTerms): PaymentState {
  const { maxParts, offsetBlocks } = terms;
  return {
    terms,
    phase: 'prepared',
    parts: [],
    plans: 0,
    isPlanning: false,
    badPlans: 0,
    memory: [],
    adjustments: { padBlocks: 0, maxParts, offsetBlocks, restUntil: 0 },
    seen: {},
    repeat: [],
    isEnded: false,
  };
}
