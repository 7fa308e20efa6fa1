/**
 * The planner of the 2020 design: amounts are split before anything is known, each part gets the cheapest route that its own
 * share of the budget pays for, and a part without a route is halved. Kept to be measured against, and for those who want
 * near-equal parts.
 */
import type { ChannelGraph } from '../graph/channel-graph.js';
import { Arena } from '../plan/arena.js';
import { buildPlan } from '../plan/build.js';
import { judge } from '../plan/evaluate.js';
import { prepare } from '../plan/prepare.js';
import {
  checkInbound,
  checkOwnBalance,
  checkReachable,
  checkRequest,
  isPayeeSource,
  networkCapacity,
  overBudget,
  payeeIsSource,
  tooManyBlocks,
  tooManyParts,
} from '../plan/refusals.js';
import {
  DEFAULT_MAX_HOPS,
  type Plan,
  type Planner,
  type PlanRequest,
  type Refusal,
  type Weights,
} from '../plan/request.js';
import { amountsAlong, feeOf, lift, type Part, place } from '../plan/route.js';
import { RouteSearch } from '../plan/search.js';
import { adaptiveSplit, partsLeftOf } from './adaptive-split.js';
import { feeShare } from './fee-share.js';
import { type Chance, DEFAULT_PRESPLIT, presplit, type PresplitOptions } from './presplit.js';

/** 10 % a year for locked amounts, the design's riskfactor; nothing is known of probabilities. */
const LOCK_PER_BLOCK = 0.1 / 52_596;
const CLASSIC_WEIGHTS: Weights = { riskMsat: 0, partMsat: 0, nodeMsat: 0, lockPerBlock: LOCK_PER_BLOCK };
/** Times that the dearest hop of a route over budget is excluded before the part counts as without route. */
const MOST_EXCLUSIONS = 10;

interface Piece {
  readonly amount: number;
  readonly budget: number;
}

export class ClassicPlanner implements Planner {
  readonly #graph: ChannelGraph;
  readonly #arena: Arena;
  readonly #search = new RouteSearch();
  readonly #chance: Chance;
  readonly #options: PresplitOptions;

  constructor(graph: ChannelGraph, chance: Chance, options: PresplitOptions = DEFAULT_PRESPLIT) {
    this.#graph = graph;
    this.#arena = new Arena(graph);
    this.#chance = chance;
    this.#options = options;
  }

  /** @throws {RangeError} if the knowledge is about another graph */
  plan(request: PlanRequest): Plan | Refusal {
    if (request.knowledge.graph !== this.#graph) throw new RangeError('knowledge and planner need the same graph');
    const impossible = checkRequest(request);
    if (impossible) return impossible;
    const { payee, maxBlocks, maxParts } = request;
    if (isPayeeSource(request)) return payeeIsSource();
    if (payee.finalCltvDelta > maxBlocks) return tooManyBlocks(payee.finalCltvDelta, maxBlocks);
    const { sink } = prepare(this.#arena, request);
    const early =
      checkOwnBalance(this.#arena, request) ??
      checkInbound(this.#arena, request, sink) ??
      checkReachable(this.#arena, sink);
    if (early) return early;
    const slots = request.sources.flatMap(({ channels }) => channels).reduce((sum, channel) => sum + channel.slots, 0);
    const pieces = this.#firstPieces(request, Math.min(slots, maxParts * this.#options.slotShare));
    const routed = this.#routeAll(request, sink, pieces, partsLeftOf(Math.min(slots, maxParts), pieces.length));
    for (const part of routed.parts) lift(this.#arena, part);
    if (!('missing' in routed)) {
      const weights = request.weights ?? CLASSIC_WEIGHTS;
      return buildPlan(this.#arena, request, routed.parts, judge(this.#arena, weights, routed.parts));
    }
    const sent = routed.parts.reduce((sum, { amount }) => sum + amount, 0);
    if (routed.missing === 'budget') return overBudget(routed.leastFee, request.budgetMsat);
    if (routed.missing === 'parts') return tooManyParts(sent, maxParts);
    return networkCapacity(sent, request.amountMsat);
  }

  #firstPieces({ amountMsat, budgetMsat, maxParts }: PlanRequest, slots: number): Piece[] {
    const split =
      maxParts === 1 ? { kind: 'whole' as const } : presplit(amountMsat, slots, this.#chance, this.#options);
    const amounts = split.kind === 'split' ? split.amounts : [amountMsat];
    return amounts.map((amount) => ({
      amount: Number(amount),
      budget: Number(feeShare(budgetMsat, amount, amountMsat)),
    }));
  }

  /** Parts that found a route, still placed; with what stopped the others. */
  #routeAll(
    request: PlanRequest,
    sink: number,
    first: readonly Piece[],
    partsLeft: number,
  ):
    | { readonly parts: Part[] }
    | { readonly parts: Part[]; readonly missing: 'route' | 'parts' }
    | { readonly parts: Part[]; readonly missing: 'budget'; readonly leastFee: number } {
    const parts: Part[] = [];
    const queue = [...first];
    let left = partsLeft;
    let leastBudget = Infinity;
    for (let piece = queue.shift(); piece; piece = queue.shift()) {
      const found = this.#route(request, sink, piece);
      if ('part' in found) {
        place(this.#arena, found.part);
        parts.push(found.part);
        continue;
      }
      // The budget whose share would have paid for the part.
      const needed = Math.ceil((found.leastFee * Number(request.amountMsat)) / piece.amount);
      if (leastBudget === Infinity) leastBudget = needed;
      const split = adaptiveSplit(BigInt(piece.amount), BigInt(piece.budget), left, this.#chance);
      if (split.kind === 'split') {
        left = split.partsLeft;
        const children = split.children.map(({ amountMsat, budgetMsat }) => {
          return { amount: Number(amountMsat), budget: Number(budgetMsat) };
        });
        queue.unshift(...children);
      } else if (leastBudget < Infinity) return { parts, missing: 'budget', leastFee: leastBudget };
      else return { parts, missing: split.kind === 'no_parts_left' ? 'parts' : 'route' };
    }
    return { parts };
  }

  /** The cheapest route in the part's budget: while it is over, its dearest hop is left out for this plan. */
  #route(request: PlanRequest, sink: number, piece: Piece): { part: Part } | { leastFee: number } {
    const { payee, maxBlocks, maxHops = DEFAULT_MAX_HOPS, weights = CLASSIC_WEIGHTS } = request;
    const { riskMsat, lockPerBlock } = weights;
    const limits = { maxBlocks: maxBlocks - payee.finalCltvDelta, maxHops };
    const terms = { amount: piece.amount, sink, feeWeight: 1, riskMsat, lockPerBlock, blockWeight: 0, ...limits };
    let leastFee = Infinity;
    for (let round = 0; round < MOST_EXCLUSIONS; round++) {
      const arcs = this.#search.find(this.#arena, terms);
      if (!arcs) break;
      const part = { arcs, amount: piece.amount };
      const fee = feeOf(this.#arena, part);
      if (fee <= piece.budget) return { part };
      leastFee = Math.min(leastFee, fee);
      if (!this.#excludeDearest(part)) break;
    }
    return { leastFee };
  }

  #excludeDearest(part: Part): boolean {
    const amounts = amountsAlong(this.#arena, part);
    let dearest = -1;
    let most = 0;
    for (let i = 1; i < part.arcs.length; i++) {
      const fee = amounts[i - 1]! - amounts[i]!;
      if (fee > most && !this.#arena.isLocal(part.arcs[i]!)) [dearest, most] = [part.arcs[i]!, fee];
    }
    if (dearest < 0 || this.#arena.usedOf(dearest) > 0) return false;
    this.#arena.mask(dearest);
    return true;
  }
}
