/** What paying needs of a database. Implemented in `store/`. */
import type { Millis, Msat, PaymentHash } from '../../wire/units.js';
import type { SharedLesson } from '../payment/lessons.js';
import type { PaymentPart, PaymentState } from '../payment/payment.js';
import type { RouteHop } from '../plan/request.js';
import type { ExportedKnowledge } from '../knowledge/export.js';

/** What was asked for, as it was asked: shown to people, and needed to go on after a restart. JSON values only. */
export interface PaymentRequest {
  readonly kind: 'invoice' | 'keysend' | 'offer';
  readonly bolt11?: string;
  /** The offer that is paid, and the payment to it that this one belongs to. */
  readonly offer?: string;
  readonly offerPaymentId?: string;
  readonly description?: string;
  /** Names of the own nodes that may send; absent: all. */
  readonly from?: readonly string[];
  /** The caller's own name for it. */
  readonly reference?: string;
}

export interface StoredPayment {
  /** 32 lower-case hex characters. */
  readonly id: string;
  readonly request: PaymentRequest;
  readonly state: PaymentState;
  readonly createdAt: Millis;
  /** Rises with every commit: what a reader that waits for news compares. */
  readonly version: number;
  /** The process that drives it, and how often it changed hands. */
  readonly owner: string;
  readonly epoch: number;
}

export type Created =
  | { readonly kind: 'created'; readonly payment: StoredPayment }
  /** The hash has a payment that is under way or has succeeded: this one. */
  | { readonly kind: 'exists'; readonly payment: StoredPayment };

/**
 * A step's result, to be written in one transaction. Where its fate is unknown, exactly the same is to be committed again
 * before anything else is.
 */
export interface StepCommit {
  readonly id: string;
  readonly owner: string;
  readonly epoch: number;
  /** Of the payment as it was before the step; the commit makes it one higher. */
  readonly version: number;
  readonly state: PaymentState;
  /** Parts that differ from those of the last commit. */
  readonly changed: readonly PaymentPart[];
  readonly lessons: readonly SharedLesson[];
  /** Told to whoever follows the events of the cluster. */
  readonly events: readonly PaymentOutEvent[];
}

/** For the outbox: webhooks and `/v1/events`. */
export type PaymentOutEvent =
  | { readonly type: 'sending.started'; readonly amountMsat: Msat }
  | { readonly type: 'sending.succeeded'; readonly amountMsat: Msat; readonly feeMsat: Msat }
  | { readonly type: 'sending.failed'; readonly code: string; readonly message: string }
  | { readonly type: 'sending.alarm'; readonly message: string };

/** A lesson of whatever process, in the order in which all processes see them. */
export interface StoredLessons {
  readonly seq: bigint;
  readonly owner: string;
  readonly at: Millis;
  readonly lessons: readonly SharedLesson[];
}

export interface KnowledgeSnapshot {
  /** Lessons up to here are in it. */
  readonly seq: bigint;
  readonly knowledge: ExportedKnowledge;
  /** Lessons behind `seq` that are in it all the same: not to be learnt again when they come. */
  readonly ahead: readonly AheadLessons[];
}

export interface AheadLessons {
  readonly owner: string;
  /** Without what is reserved and released, as `lessonsToText` writes it. */
  readonly text: string;
}

export interface StartingKnowledge {
  readonly snapshot: KnowledgeSnapshot | undefined;
  /** Read together with the reservations: lessons up to here are in them. */
  readonly seq: bigint;
  /** Hops of every part that is out, of all payments of all processes. */
  readonly reserved: readonly (readonly RouteHop[])[];
}

export interface ListPlace {
  readonly createdAt: Millis;
  readonly id: string;
}

/** Rejects when the database is lost: a commit may or may not have happened then, and asking again is safe. */
export interface PaymentStore {
  /**
   * First writer wins: one payment per hash that is not `failed`, over the whole cluster. Version and epoch of a new one are
   * 1. Asking again with the same id answers as the first time. The owner should have renewed before: else it is gone.
   */
  createPayment(
    payment: Pick<StoredPayment, 'id' | 'request' | 'state' | 'createdAt' | 'owner'>,
    events: readonly PaymentOutEvent[],
  ): Promise<Created>;
  /** `fenced`: another process has taken the payment over; nothing was written. Repeating a commit writes it once. */
  commitStep(step: StepCommit): Promise<'committed' | 'fenced'>;
  readPayment(id: string): Promise<StoredPayment | undefined>;
  /** The newest payment of the hash. */
  paymentOfHash(paymentHash: PaymentHash): Promise<StoredPayment | undefined>;
  /** Newest first. */
  listOutgoing(limit: number, before?: ListPlace): Promise<readonly StoredPayment[]>;

  /** Says that this process is alive until `ttl` from now, by the database's clock. `false`: it was given up meanwhile. */
  renewSender(owner: string, ttl: Millis): Promise<boolean>;
  /** Gives everything back at once: the process ends. */
  leaveSender(owner: string): Promise<void>;
  /**
   * Takes over payments that have not ended (`isEnded` false) whose process is gone: not renewed, or left. Their epoch rises.
   * Damaged ones are left where they are: once there is nothing else to take, it rejects one time to name them.
   */
  claimPayments(owner: string, limit: number): Promise<readonly StoredPayment[]>;
  /** Ids of all payments of this process that have not ended: among them is what a claim took whose answer was lost. */
  paymentsOf(owner: string): Promise<readonly string[]>;

  /** Leaves a mark for whichever process drives the payment, now or after a take-over. */
  askToStop(id: string): Promise<void>;
  /** Payments of this process that have not ended and bear the mark. */
  stopsAsked(owner: string): Promise<readonly string[]>;

  startingKnowledge(): Promise<StartingKnowledge>;
  /** In order; a reader that goes on from the last seq it got misses none. */
  lessonsAfter(seq: bigint, limit: number): Promise<readonly StoredLessons[]>;
  /** Lessons that belong to no payment, as those of probes. Never `reserved` or `released`: nothing is recorded that is out. */
  appendLessons(owner: string, lessons: readonly SharedLesson[]): Promise<void>;
  /** Keeps the newer of what is there and this; lessons it contains, older than `keepMs`, are forgotten. */
  saveKnowledge(snapshot: KnowledgeSnapshot, keepMs: Millis): Promise<void>;
}
