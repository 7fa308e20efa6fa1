/** The stages that need the world around a payment: *prepare*, and *plan* for what is missing. */
import type { BlockHeight } from '../../wire/units.js';
import { missingRequest } from '../plan/fee-pool.js';
import {
  DEFAULT_MAX_HOPS,
  defaultWeights,
  type PayeeHop,
  type Plan,
  type Planner,
  type PlanRequest,
  type Refusal,
} from '../plan/request.js';
import { holdingSources, isHeldAtPeer } from './held.js';
import { memoryOf } from './memory.js';
import { PAD_BLOCKS } from './lessons.js';
import { withPartLimits } from './part-limits.js';
import { type Greatest, mostHops } from './payloads.js';
import { type FinalRecords, newPayment, type PaymentState, type PaymentTerms, type StopReason } from './payment.js';
import { isStop, type Modifier, planThrough, prepareTerms, type Surroundings } from './stages.js';
import { outstandingOf } from './sums.js';

/** How much more a failed attempt counts at the deadline than at the start. */
const LATE_URGENCY = 20;

export type NewPayment =
  | { readonly kind: 'payment'; readonly state: PaymentState }
  | { readonly kind: 'refused'; readonly reason: StopReason };

/** The payment, not yet begun, or why it cannot work. Nothing is sent or recorded. */
export function preparePayment(
  terms: PaymentTerms,
  surroundings: Surroundings,
  modifiers: readonly Modifier[],
): NewPayment {
  if (isHeldAtPeer(terms) && holdingSources(surroundings.sources).length === 0) {
    const message =
      'no peer of an own node holds HTLCs for its payer: let the payee wake first, or open a channel to one';
    return { kind: 'refused', reason: { code: 'no_holder', message } };
  }
  const prepared = prepareTerms(terms, surroundings, modifiers);
  if (isStop(prepared)) return { kind: 'refused', reason: prepared.reason };
  const { payee } = prepared;
  const isLeft = payee.isBlinded !== true || payee.hints.some((hint) => hint.at(-1)?.blindedPath !== undefined);
  if (isLeft) return { kind: 'payment', state: newPayment(prepared) };
  const message = 'no blinded path of the payee can be used from here: pay from another node or ask for a new invoice';
  return { kind: 'refused', reason: { code: 'paths_used_up', message } };
}

/**
 * Carries a `plan` command out: a plan for what the payment is missing, by planner and modifiers. Give the answer back with
 * the command's ticket. The knowledge has to hold a reservation for every part that is out.
 */
export function planMissing(
  state: PaymentState,
  surroundings: Surroundings,
  planner: Planner,
  modifiers: readonly Modifier[],
): Plan | Refusal {
  const missing = missingRequest(requestFor(state, surroundings), outstandingOf(state));
  if (missing.kind === 'missing') {
    const { now, height } = surroundings;
    const { request } = missing;
    if ((request.maxHops ?? 1) < 1) return tooLarge();
    const view = { state, now, height, surroundings };
    const next = withPartLimits((asked) => planner.plan(asked), state);
    return planThrough(request, next, modifiers, view);
  }
  if (missing.kind === 'complete') return { kind: 'plan', parts: [], feeMsat: 0n, successProbability: 1, cost: 0 };
  const mostMsat = outstandingOf(state).amountMsat;
  const message = 'every part that the payee allows is out: wait for one of them to end, or allow more parts';
  return { kind: 'refusal', code: 'too_many_parts', mostMsat, message };
}

function tooLarge(): Refusal {
  const message = 'what the payee is to be told does not fit into an onion: ask for an invoice with less in it';
  return { kind: 'refusal', code: 'invalid_request', message };
}

function requestFor(state: PaymentState, surroundings: Surroundings): PlanRequest {
  const { terms, adjustments } = state;
  const { sources, knowledge, height, now } = surroundings;
  const { amountMsat, budgetMsat, startedAt, deadline } = terms;
  const elapsed = Math.min(1, Math.max(0, (now - startedAt) / Math.max(1, deadline - startedAt)));
  const { payee, maxHops } = withinOnion(terms, height);
  return {
    amountMsat,
    sources: isHeldAtPeer(terms) ? holdingSources(sources) : sources,
    payee: { ...payee, finalCltvDelta: payee.finalCltvDelta + adjustments.offsetBlocks + adjustments.padBlocks },
    height,
    budgetMsat,
    maxParts: adjustments.maxParts,
    maxBlocks: terms.maxBlocks,
    ...(maxHops === undefined ? {} : { maxHops }),
    knowledge,
    memory: memoryOf(state),
    now,
    weights: defaultWeights(amountMsat, 1 + LATE_URGENCY * elapsed ** 2),
  };
}

/** Routes only so long that their payloads fit into the onion together with what the payee is told. */
function withinOnion(terms: PaymentTerms, height: BlockHeight): Pick<PlanRequest, 'payee' | 'maxHops'> {
  const { payee, amountMsat, budgetMsat, maxBlocks, records } = terms;
  const greatest: Greatest = {
    amountMsat: amountMsat + budgetMsat,
    totalMsat: amountMsat,
    expiry: height + maxBlocks + PAD_BLOCKS,
  };
  if (payee.isBlinded === true) {
    const wanted = terms.maxHops ?? DEFAULT_MAX_HOPS;
    const hints = payee.hints.map((hint) => hint.map((hop) => counted(hop, greatest, records, wanted)));
    // The own channel and the path at least.
    const isPossible = hints.some((hint) => hint.some(({ countsAs = 1 }) => wanted - countsAs >= 1));
    return { payee: { ...payee, hints }, maxHops: isPossible ? wanted : 0 };
  }
  const most = Math.min(terms.maxHops ?? DEFAULT_MAX_HOPS, mostHops(greatest, records));
  const isLess = terms.maxHops !== undefined || most < DEFAULT_MAX_HOPS;
  return isLess ? { payee, maxHops: most } : { payee };
}

/** A path for which the onion has less room than for `wanted` channels counts as the difference too. */
function counted(hop: PayeeHop, greatest: Greatest, records: FinalRecords, wanted: number): PayeeHop {
  if (!hop.blindedPath) return hop;
  const most = Math.max(0, mostHops(greatest, records, hop.blindedPath));
  return { ...hop, countsAs: 1 + Math.max(0, wanted - most) };
}
