/** What a planner is asked and what it answers. */
import type { Invoice, RouteHintHop } from '../../bolt11/index.js';
import type { BlindedPath } from '../../onion/index.js';
import type { BlockDelta, BlockHeight, Millis, Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import type { Direction } from '../graph/policy.js';
import type { HopUse, Knowledge } from '../knowledge/knowledge.js';
import type { PaymentMemory } from '../knowledge/payment-memory.js';

/** A channel of an own node as the node itself reports it. */
export interface SourceChannel {
  readonly scid: ShortChannelId;
  readonly peer: NodeId;
  /** What can be sent now: everything already in flight, or promised to parts not yet sent, is taken off. */
  readonly spendableMsat: Msat;
  /** Limits of a single HTLC (the peer's minimum and maximum). */
  readonly htlcMinimumMsat?: Msat;
  readonly htlcMaximumMsat?: Msat;
  /** Parts that can still be added. */
  readonly slots: number;
  /** The peer holds HTLCs on request until they are released (`option_htlc_hold`); default false. */
  readonly holdsHtlcs?: boolean;
}

/** An own node that can send now. */
export interface Source {
  readonly nodeId: NodeId;
  readonly channels: readonly SourceChannel[];
  /** Price of letting an amount leave from this node, in ppm; steers, is no fee. */
  readonly biasPpm?: number;
  /** Most parts of one payment that the node sends over blinded paths at a time; default: any number. */
  readonly maxBlindedParts?: number;
}

/** A way in that the payee told: from `from` over `scid` to the next hop's `from`, or to the payee. */
export interface PayeeHop {
  readonly from: NodeId;
  readonly scid: ShortChannelId;
  readonly feeBaseMsat: number;
  readonly feePpm: number;
  readonly cltvDelta: BlockDelta;
  readonly htlcMinimumMsat?: Msat;
  readonly htlcMaximumMsat?: Msat;
  /** The way is a blinded path: `from` is its introduction node, fees and delta are those of the whole path. */
  readonly blindedPath?: BlindedPath;
  /** How many channels the hop counts as in `maxHops`, where its records take more room in the onion than one. Default 1. */
  readonly countsAs?: number;
}

export interface Payee {
  /**
   * Where all hints lead: a real node or a phantom node, found in the graph too, if it is there. With `isBlinded` a name only:
   * nothing but the hints leads to it.
   */
  readonly nodeId: NodeId;
  /** All hints are blinded paths. The payee hides its node, so a node with the same id is not taken for it. */
  readonly isBlinded?: true;
  readonly finalCltvDelta: BlockDelta;
  /** Alternatives; a blinded path is one hop from its introduction node with the path's fees, delta and limits. */
  readonly hints: readonly (readonly PayeeHop[])[];
}

/** What things other than fees are worth, in msat. */
export interface Weights {
  /** λ: price of one failed attempt. Risk costs λ * -ln(probability). */
  readonly riskMsat: number;
  /** c0: price of a part. */
  readonly partMsat: number;
  /** c1: price of every own node after the first. */
  readonly nodeMsat: number;
  /** Price of locking up 1 msat for 1 block. */
  readonly lockPerBlock: number;
}

export interface PlanRequest {
  readonly amountMsat: Msat;
  readonly sources: readonly Source[];
  readonly payee: Payee;
  /** The greatest height of all own nodes, padding for blocks to come included. */
  readonly height: BlockHeight;
  /** Most that all parts may pay in fees together. */
  readonly budgetMsat: Msat;
  readonly maxParts: number;
  /** Most blocks between `height` and the expiry of any HTLC. */
  readonly maxBlocks: BlockDelta;
  /** Most channels of one route. */
  readonly maxHops?: number;
  readonly knowledge: Knowledge;
  /** What this payment has learnt for itself. */
  readonly memory?: PaymentMemory;
  readonly now: Millis;
  readonly weights?: Weights;
}

/** One channel of a route: the HTLC on it carries `amountMsat` until `expiry` to `nodeId`. */
export interface RouteHop extends HopUse {
  readonly kind: 'own' | 'public' | 'hint';
  readonly direction: Direction;
  readonly nodeId: NodeId;
  readonly expiry: BlockHeight;
  /** Set where the hop comes from `payee.hints[hint][hop]`. */
  readonly hint?: { readonly hint: number; readonly hop: number };
  /** The hop stands for a whole blinded path, from its introduction node, where the hop before ends, to the payee. */
  readonly blindedPath?: BlindedPath;
}

export interface PlannedPart {
  /** The own node that sends it. */
  readonly source: NodeId;
  /** What arrives. */
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
  readonly hops: readonly RouteHop[];
  /** That its channels carry what the whole plan sends over them. */
  readonly successProbability: number;
}

export interface Plan {
  readonly kind: 'plan';
  readonly parts: readonly PlannedPart[];
  readonly feeMsat: Msat;
  /** That every part gets through at the first try. */
  readonly successProbability: number;
  /** Fees and the prices of risk, parts, nodes and locking, in msat: what the planner minimised. */
  readonly cost: number;
}

/** Why there is no plan. `message` says it in words and what to do. */
export type Refusal = { readonly kind: 'refusal'; readonly message: string } & (
  | { readonly code: 'invalid_request' }
  /** The payee is one of the sources. */
  | { readonly code: 'payee_is_source' }
  | { readonly code: 'own_balance'; readonly spendableMsat: Msat }
  | { readonly code: 'payee_inbound'; readonly receivableMsat: Msat }
  /** Every channel into the payee has a greater minimum. */
  | { readonly code: 'below_minimum'; readonly leastMsat: Msat }
  | { readonly code: 'unreachable' }
  /** The network between can carry this much at most, as far as is known. */
  | { readonly code: 'network_capacity'; readonly mostMsat: Msat }
  /** Most that was found with so many parts. */
  | { readonly code: 'too_many_parts'; readonly mostMsat: Msat }
  /** The cheapest plan known costs this much. */
  | { readonly code: 'budget'; readonly leastFeeMsat: Msat }
  /** The shortest way known takes this many blocks. */
  | { readonly code: 'too_many_blocks'; readonly leastBlocks: BlockDelta }
);

export type RefusalCode = Refusal['code'];

/** Every planner is such a function; it changes nothing but its own workspace. */
export interface Planner {
  plan(request: PlanRequest): Plan | Refusal;
}

/** More channels than this do not fit into an onion together with their payloads. */
export const DEFAULT_MAX_HOPS = 20;

/**
 * λ of 0.005 % of the amount, c0 of 0.5 sat: what a failed attempt of a few seconds is worth (measured, see docs/sending.md).
 * @param urgency multiplies the price of failed attempts: raise it as the deadline comes near
 */
export function defaultWeights(amountMsat: Msat, urgency = 1): Weights {
  const riskMsat = Number(amountMsat) * 0.00005 * urgency;
  return { riskMsat, partMsat: 500, nodeMsat: 500, lockPerBlock: 1e-8 };
}

/** The payee of an invoice with its hints. */
export function payeeOfInvoice(invoice: Pick<Invoice, 'payee' | 'minFinalCltvExpiryDelta' | 'routeHints'>): Payee {
  return {
    nodeId: invoice.payee,
    finalCltvDelta: invoice.minFinalCltvExpiryDelta,
    hints: invoice.routeHints.map((hint) => hint.map(payeeHop)),
  };
}

const payeeHop = (hop: RouteHintHop): PayeeHop => ({
  from: hop.nodeId,
  scid: hop.shortChannelId,
  feeBaseMsat: hop.feeBaseMsat,
  feePpm: hop.feeProportionalMillionths,
  cltvDelta: hop.cltvExpiryDelta,
});
