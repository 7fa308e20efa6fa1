/**
 * The default planner: one problem for all own nodes together. First what makes every plan impossible, then the best single
 * route by exact prices, and where that is not good enough the min-cost flow, realised and improved by exact prices.
 */
import type { ChannelGraph } from '../graph/channel-graph.js';
import { Arena } from './arena.js';
import { buildPlan } from './build.js';
import { decompose } from './decompose.js';
import { judge, type Judgement } from './evaluate.js';
import { MinCostFlow } from './min-cost-flow.js';
import { PartOptimiser } from './optimise.js';
import { prepare } from './prepare.js';
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
  unreachable,
} from './refusals.js';
import {
  DEFAULT_MAX_HOPS,
  defaultWeights,
  type Plan,
  type Planner,
  type PlanRequest,
  type Refusal,
  type Weights,
} from './request.js';
import { blocksOf, deliverable, type Part } from './route.js';
import { RouteSearch, type SearchTerms } from './search.js';
import { type PartLimits, PartStarts } from './starts.js';

/** A single route this likely is taken without looking for a split. */
const GOOD_ENOUGH_RISK = -Math.log(0.9);
/** What else than fees counts, step by step less, where the fees are over the budget. */
const THRIFT = [1, 1 / 4, 1 / 16, 0];
const FLOW_ROUNDS = 2;
/** Near-equal parts as further starts: the flow does not know how few parts are wanted. */
const EVEN_PARTS = [2, 3];
/**
 * Where the best plan hardly ever works at once, many parts are looked at too: most of them arrive and stay, and the next plan
 * has less to do. Such plans are compared by the tries they take.
 */
const MANY_PARTS = [6, 12];
const UNLIKELY_RISK = -Math.log(0.1);
const MOST_TRIES = 1e6;
/** The cheapest starts are improved, the others dropped. */
const IMPROVED_STARTS = 2;
const MAX_AUGMENTATIONS = 48;
/** Parts over which per-part prices are spread before a first solution is known. */
const FIRST_GUESS_PARTS = 3;
/** A route of less than a share of 1/(this * parts) of the amount is a sliver. */
const SLIVERS = 4;

interface Candidate {
  readonly parts: readonly Part[];
  readonly judgement: Judgement;
}

/** Everything that one plan needs. */
interface Task {
  readonly request: PlanRequest;
  readonly sink: number;
  readonly amount: number;
  readonly weights: Weights;
  readonly limits: PartLimits;
}

export class FlowPlanner implements Planner {
  readonly #graph: ChannelGraph;
  readonly #arena: Arena;
  readonly #search = new RouteSearch();
  readonly #flow = new MinCostFlow();

  /** Keeps a workspace as large as the graph; one planner serves any number of payments, one after the other. */
  constructor(graph: ChannelGraph) {
    this.#graph = graph;
    this.#arena = new Arena(graph);
  }

  /** @throws {RangeError} if the knowledge is about another graph */
  plan(request: PlanRequest): Plan | Refusal {
    if (request.knowledge.graph !== this.#graph) throw new RangeError('knowledge and planner need the same graph');
    const impossible = checkRequest(request);
    if (impossible) return impossible;
    const { payee, maxBlocks, amountMsat, maxHops = DEFAULT_MAX_HOPS } = request;
    if (isPayeeSource(request)) return payeeIsSource();
    if (payee.finalCltvDelta > maxBlocks) return tooManyBlocks(payee.finalCltvDelta, maxBlocks);
    const { sink } = prepare(this.#arena, request);
    const early =
      checkOwnBalance(this.#arena, request) ??
      checkInbound(this.#arena, request, sink) ??
      checkReachable(this.#arena, sink);
    if (early) return early;
    const amount = Number(amountMsat);
    const limits = {
      amount,
      budget: Number(request.budgetMsat),
      maxParts: request.maxParts,
      maxBlocks: maxBlocks - payee.finalCltvDelta,
      maxHops,
    };
    return this.#planWithin({ request, sink, amount, weights: request.weights ?? defaultWeights(amountMsat), limits });
  }

  #planWithin(task: Task): Plan | Refusal {
    let leastFee = Infinity;
    for (const share of THRIFT) {
      const best = this.#bestAt(task, share);
      if (!best) break;
      const { fee } = best.judgement;
      if (fee <= task.limits.budget)
        return buildPlan(this.#arena, task.request, best.parts, this.#judge(task, best.parts));
      leastFee = Math.min(leastFee, fee);
    }
    return leastFee < Infinity ? overBudget(leastFee, task.request.budgetMsat) : this.#explain(task);
  }

  #judge({ weights }: Task, parts: readonly Part[]): Judgement {
    return judge(this.#arena, weights, parts);
  }

  /** The best parts where everything but fees counts only this much. */
  #bestAt(task: Task, share: number): Candidate | undefined {
    const weights = scaled(task.weights, share);
    const terms = searchTerms(task, weights);
    const single = this.#single(weights, terms, task.amount);
    if (task.limits.maxParts === 1) return single;
    if (single && isGoodEnough(single, weights, task.limits)) return single;
    const optimiser = new PartOptimiser(this.#arena, this.#search, weights, task.limits, terms);
    const split = this.#split(task, weights, optimiser);
    if (!single || !split) return single ?? split;
    const over = ({ judgement }: Candidate): number => Math.max(0, judgement.fee - task.limits.budget);
    if (over(single) !== over(split)) return over(single) < over(split) ? single : split;
    return cheaper(weights, single, split);
  }

  #single(weights: Weights, terms: Omit<SearchTerms, 'amount'>, amount: number): Candidate | undefined {
    const arcs = this.#search.find(this.#arena, { ...terms, amount });
    if (!arcs) return undefined;
    const parts = [{ arcs, amount }];
    const judgement = judge(this.#arena, weights, parts);
    return judgement.cost < Infinity ? { parts, judgement } : undefined;
  }

  #split(task: Task, weights: Weights, optimiser: PartOptimiser): Candidate | undefined {
    const { amount, limits } = task;
    const begin = new PartStarts(this.#arena, this.#search, limits, searchTerms(task, weights));
    const candidate = (parts: Part[] | undefined): Candidate[] =>
      parts ? [{ parts, judgement: optimiser.judge(parts) }] : [];
    const starts = [
      ...EVEN_PARTS.filter((count) => count <= limits.maxParts).flatMap((n) => candidate(begin.evenly(n))),
      ...candidate(begin.cheapestFirst(2)),
    ];
    for (const leastRoom of [amount / (SLIVERS * limits.maxParts), 1]) {
      const found = this.#flowRounds(task, weights, optimiser, leastRoom).flatMap(candidate);
      starts.push(...found);
      if (found.length > 0) break;
    }
    if (starts.length === 0) starts.push(...candidate(begin.greedily()));
    const improved = starts
      .sort((a, b) => a.judgement.cost - b.judgement.cost)
      .slice(0, IMPROVED_STARTS)
      .flatMap(({ parts }) => candidate(optimiser.improve(parts)));
    const isUnlikely = improved.every(({ judgement }) => judgement.risk > UNLIKELY_RISK);
    const counts = isUnlikely ? MANY_PARTS.filter((count) => count <= limits.maxParts) : [];
    const many = counts
      .flatMap((count) => candidate(begin.evenly(count)))
      .filter(({ judgement }) => judgement.fee <= limits.budget);
    return [...improved, ...many].reduce<Candidate | undefined>(
      (best, next) => (best ? cheaper(weights, best, next) : next),
      undefined,
    );
  }

  /** The flow is solved again around its first solution, with prices that are right there. */
  #flowRounds(task: Task, weights: Weights, optimiser: PartOptimiser, leastRoom: number): Part[][] {
    let former: ReadonlyMap<number, number> = new Map();
    const found: Part[][] = [];
    let expectedPart = task.amount / Math.min(FIRST_GUESS_PARTS, task.limits.maxParts);
    for (let round = 0; round < FLOW_ROUNDS; round++) {
      const flow = this.#flow.solve(this.#arena, { ...flowTerms(task, weights), leastRoom, expectedPart }, former);
      if (flow.amount < task.amount) break;
      const routes = decompose(this.#arena, flow.arcs, task.sink);
      const parts = optimiser.realise(routes);
      if (parts) found.push(parts);
      former = flow.arcs;
      expectedPart = task.amount / routes.length;
    }
    return found;
  }

  /** Nothing was found: why. */
  #explain(task: Task): Refusal {
    const { request, amount, sink, limits } = task;
    const blocks = this.#leastBlocks(task, amount);
    if (blocks !== undefined && blocks > limits.maxBlocks) {
      return tooManyBlocks(blocks + request.payee.finalCltvDelta, request.maxBlocks);
    }
    const flow = this.#flow.solve(this.#arena, {
      ...flowTerms(task, scaled(task.weights, 0)),
      leastRoom: 1,
      expectedPart: amount,
      maxAugmentations: 4 * MAX_AUGMENTATIONS,
    });
    if (flow.amount === 0) return unreachable('no route leads to the payee within the limits, as far as is known');
    if (flow.amount < amount) return networkCapacity(flow.amount, request.amountMsat);
    const sizes = decompose(this.#arena, flow.arcs, sink)
      .map((route) => Math.min(route.amount, deliverable(this.#arena, route.arcs)))
      .sort((a, b) => b - a);
    const most = sizes.slice(0, limits.maxParts).reduce((total, size) => total + size, 0);
    return tooManyParts(Math.min(most, amount - 1), limits.maxParts);
  }

  #leastBlocks(task: Task, amount: number): number | undefined {
    const terms = {
      ...searchTerms(task, scaled(task.weights, 0)),
      feeWeight: 0,
      blockWeight: 1,
      maxBlocks: 1e9,
      amount,
    };
    const arcs = this.#search.find(this.#arena, terms);
    return arcs && blocksOf(this.#arena, arcs);
  }
}

/** Likely, or so little worth that a second part would cost as much as it could gain. */
function isGoodEnough({ judgement: { risk, fee } }: Candidate, weights: Weights, { budget }: PartLimits): boolean {
  return fee <= budget && (risk <= GOOD_ENOUGH_RISK || weights.riskMsat * risk <= 2 * weights.partMsat);
}

function cheaper({ riskMsat }: Weights, a: Candidate, b: Candidate): Candidate {
  const [one, two] = [a.judgement, b.judgement];
  const isUnlikely = Math.min(one.risk, two.risk) > UNLIKELY_RISK;
  const price = ({ cost, risk, tries }: Judgement): number =>
    isUnlikely && cost < Infinity ? cost + riskMsat * (Math.min(tries, MOST_TRIES) - risk) : cost;
  return price(one) <= price(two) ? a : b;
}

function scaled(weights: Weights, share: number): Weights {
  return {
    riskMsat: weights.riskMsat * share,
    partMsat: weights.partMsat * share,
    nodeMsat: weights.nodeMsat * share,
    lockPerBlock: weights.lockPerBlock * share,
  };
}

function searchTerms({ sink, limits }: Task, weights: Weights): Omit<SearchTerms, 'amount'> {
  const { riskMsat, lockPerBlock } = weights;
  return {
    sink,
    feeWeight: 1,
    riskMsat,
    lockPerBlock,
    blockWeight: 0,
    maxBlocks: limits.maxBlocks,
    maxHops: limits.maxHops,
  };
}

function flowTerms({ sink, amount, limits }: Task, weights: Weights) {
  const { riskMsat, lockPerBlock } = weights;
  const htlcsPerArc = Math.min(SLIVERS, limits.maxParts);
  return { sink, amount, feeWeight: 1, riskMsat, lockPerBlock, htlcsPerArc, maxAugmentations: MAX_AUGMENTATIONS };
}
