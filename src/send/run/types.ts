/** The face of paying for the shell above: what can be asked and what is answered. */
import type { Millis, Msat, NodeId, PaymentHash, Preimage } from '../../wire/units.js';
import type { GraphPort } from '../graph/port.js';
import type { ExportedKnowledge } from '../knowledge/export.js';
import type { Report } from '../payment/messages.js';
import type { PaymentTerms, StopReason } from '../payment/payment.js';
import type { Modifier } from '../payment/stages.js';
import type { UpdateVerifier } from '../payment/failure/policy-update.js';
import type { Plan, Planner } from '../plan/request.js';
import type { Clock, SendPort } from './ports.js';
import type { PaymentRequest, PaymentStore, StoredPayment } from './store-port.js';

/** An own node that can pay. */
export interface SendingNode {
  /** What the operator's configuration calls the node. */
  readonly name: string;
  readonly send: SendPort;
  readonly graph?: GraphPort;
  /** Price of letting an amount leave from this node, in ppm; steers, is no fee. */
  readonly biasPpm?: number;
}

/** A payee inside the cluster: a payment to one of these keys is handed over to this node alone, in one part, without fee. */
export interface InternalNode {
  readonly name: string;
  readonly send: SendPort;
  readonly nodeId: NodeId;
  /** Whether the payee is the cluster's own phantom, of whatever key epoch. */
  isOwnPayee(payee: NodeId): boolean;
}

export interface SenderOptions {
  readonly nodes: readonly SendingNode[];
  readonly internal?: InternalNode;
  readonly store: PaymentStore;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Unique per start of a process. */
  readonly owner: string;
  readonly modifiers?: readonly Modifier[];
  readonly planner?: Planner;
  readonly verifyUpdate?: UpdateVerifier;
  /** Everything the machines report, as it happens; must not throw. */
  readonly onReport?: (payment: StoredPayment, report: Report) => void;
  /** The database or a node failed and it is tried again: for the log. */
  readonly onTrouble?: (what: string, error: unknown) => void;
}

/** What is asked for, checked already: see `request/`. */
export interface PayOrder {
  readonly request: PaymentRequest;
  readonly terms: PaymentTerms;
  /** For this payment alone, as of an operator's own list; default: those of the sender. Do not survive a restart. */
  readonly modifiers?: readonly Modifier[];
}

export type PayAnswer =
  /** Under way: follow it by its id. */
  | { readonly kind: 'started'; readonly payment: StoredPayment }
  /** The hash is being paid or has been paid. */
  | { readonly kind: 'exists'; readonly payment: StoredPayment }
  /** It cannot work: nothing was sent, nothing recorded. */
  | { readonly kind: 'refused'; readonly reason: StopReason };

export type DryRunAnswer =
  { readonly kind: 'plan'; readonly plan: Plan } | { readonly kind: 'refused'; readonly reason: StopReason };

/** How much gets through to a payee. */
export interface ProbeOrder {
  /** As for a payment of the greatest amount that is of interest; its payment hash is not used. */
  readonly terms: PaymentTerms;
  readonly from?: readonly string[];
  /** Bisection ends when the bounds are this close, in percent of the upper one. Default 5. */
  readonly precisionPercent?: number;
}

export interface ProbeStep {
  readonly amountMsat: Msat;
  readonly outcome: 'arrived' | 'did_not';
  readonly parts: number;
  readonly feeMsat: Msat;
  readonly words: string;
}

export interface ProbeAnswer {
  /** Got through, in as many parts as it took; 0 if nothing did. */
  readonly arrivedMsat: Msat;
  /** Did not; undefined if the greatest amount asked for arrived. */
  readonly failedMsat?: Msat;
  /** Of the greatest amount that arrived. */
  readonly feeMsat?: Msat;
  readonly steps: readonly ProbeStep[];
  /** Why nothing or no more gets through. */
  readonly reason?: StopReason;
}

export interface SenderNodeStatus {
  readonly name: string;
  readonly nodeId?: string;
  readonly spendableMsat: Msat;
  readonly reachable: boolean;
}

export interface SenderStatus {
  readonly nodes: readonly SenderNodeStatus[];
  readonly graph: { readonly nodes: number; readonly channels: number; readonly loaded: boolean };
  readonly paymentsInFlight: number;
  readonly inFlightMsat: Msat;
}

/**
 * Pays from all own nodes. Made by `new Sender(options)` in `sender.ts`; `start` loads knowledge, takes payments of dead
 * processes over and goes on doing so.
 */
export interface Paying {
  start(): Promise<void>;
  /** Lets go of everything; what is in flight is found again by the next process. */
  stop(): Promise<void>;
  pay(order: PayOrder): Promise<PayAnswer>;
  /** The plan that `pay` would begin with. */
  dryRun(order: PayOrder): Promise<DryRunAnswer>;
  probe(order: ProbeOrder, onStep?: (step: ProbeStep) => void, signal?: AbortSignal): Promise<ProbeAnswer>;
  /**
   * No new parts from now on; what is out resolves by itself. If another process drives the payment, it finds the request
   * in the database within seconds. `unknown`: there is no such payment.
   */
  stopPayment(id: string): Promise<'stopping' | 'over' | 'unknown'>;
  read(id: string): Promise<StoredPayment | undefined>;
  ofHash(paymentHash: PaymentHash): Promise<StoredPayment | undefined>;
  /** Resolves with the payment as soon as its version is above `after`, or as it is after `waitMs`. */
  waitForNews(id: string, after: number, waitMs: Millis): Promise<StoredPayment | undefined>;
  /** What all processes have learnt about the network by now; JSON, read again by `importKnowledge`. */
  exportKnowledge(): Promise<ExportedKnowledge>;
  status(): SenderStatus;
  /** Own node ids that are known by now. */
  nodeIds(): readonly NodeId[];
}

/** The proof of a payment that succeeded. */
export interface Receipt {
  readonly preimage: Preimage;
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
}
