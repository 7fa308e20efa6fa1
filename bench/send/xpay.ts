/**
 * xpay with askrene by their published rules (shared reference, §2): a min-cost flow of mu * fee + (100 - mu) * k * -ln(P), mu
 * raised from 1 until the plan is in the budget, every failed part planned anew for itself. On our flow solver, with their
 * prices: uniform priors, k making the medians of both terms equal, base fees spread over tenths of the amount.
 */
import { type ChannelGraph, Knowledge, type PlanRequest } from '../../src/send/index.js';
import { Arena } from '../../src/send/plan/arena.js';
import { buildPlan } from '../../src/send/plan/build.js';
import { decompose } from '../../src/send/plan/decompose.js';
import { judge } from '../../src/send/plan/evaluate.js';
import { MinCostFlow } from '../../src/send/plan/min-cost-flow.js';
import { PartOptimiser } from '../../src/send/plan/optimise.js';
import { prepare } from '../../src/send/plan/prepare.js';
import type { Part } from '../../src/send/plan/route.js';
import { RouteSearch } from '../../src/send/plan/search.js';
import { sourcesOf } from './machine-sender.js';
import type { Hop, Order, Paying, Reply, Route, Sender, SendEvent, Strategy } from './rival.js';

const MUS = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
const MOST_PARTS = 100;
const MOST_HOPS = 20;
const SINGLE_PATH_MSAT = 1_000_000;
/** Constraints are dropped when they are this old, at the next payment. */
const KEPT_MS = 3_600_000;
const EVERLASTING = {
  halfLives: { failureMs: Infinity, passMs: Infinity },
  nodeHalfLifeMs: Infinity,
  endWeight: 0,
};

export const XPAY: Strategy = { name: 'xpay', open: (graph) => Promise.resolve(new XpaySender(graph)) };

interface Constraint {
  readonly hop: Hop;
  readonly kind: 'carried' | 'failed';
  readonly at: number;
}

class XpaySender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #solver: Askrene;
  #layer: Constraint[] = [];

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
    this.#solver = new Askrene(graph);
  }

  forget(): void {
    this.#layer = [];
  }

  pay(order: Order, now: number): Paying {
    this.#layer = this.#layer.filter(({ at }) => now - at <= KEPT_MS);
    const knowledge = new Knowledge(this.#graph, EVERLASTING);
    for (const constraint of this.#layer) inform(knowledge, constraint);
    return new XpayPaying(this.#graph, this.#solver, knowledge, this.#layer, order);
  }
}

function useOf(graph: ChannelGraph, { half, amount }: Hop) {
  return {
    scid: graph.scidOfChannel(half >> 1),
    direction: (half & 1) as 0 | 1,
    amountMsat: BigInt(amount),
  };
}

function inform(knowledge: Knowledge, { hop, kind, at }: Constraint): void {
  const use = useOf(knowledge.graph, hop);
  if (kind === 'carried') knowledge.passed(use, at);
  else knowledge.failed(use, at);
}

class XpayPaying implements Paying {
  readonly #graph: ChannelGraph;
  readonly #solver: Askrene;
  readonly #knowledge: Knowledge;
  readonly #layer: Constraint[];
  readonly #order: Order;
  readonly #sent: (readonly Hop[])[] = [];
  #feesOut = 0;

  constructor(graph: ChannelGraph, solver: Askrene, knowledge: Knowledge, layer: Constraint[], order: Order) {
    this.#graph = graph;
    this.#solver = solver;
    this.#knowledge = knowledge;
    this.#layer = layer;
    this.#order = order;
  }

  on(event: SendEvent): Reply {
    if (event.type === 'start') return this.#plan(this.#order.amount, event.now);
    if (event.type !== 'failed') return { send: [] };
    const hops = this.#sent[event.part]!;
    this.#knowledge.release(publicUses(this.#graph, hops));
    this.#feesOut -= hops[0]!.amount - hops.at(-1)!.amount;
    for (const hop of hops.slice(1, event.at)) this.#learn({ hop, kind: 'carried', at: event.now });
    if (event.at > 0) this.#learn({ hop: hops[event.at]!, kind: 'failed', at: event.now });
    return this.#plan(hops.at(-1)!.amount, event.now);
  }

  #learn(constraint: Constraint): void {
    this.#layer.push(constraint);
    inform(this.#knowledge, constraint);
  }

  #plan(amount: number, now: number): Reply {
    const { payee, budget, finalBlocks, maxBlocks } = this.#order;
    const request: PlanRequest = {
      amountMsat: BigInt(amount),
      sources: sourcesOf(this.#graph, this.#order),
      payee: { nodeId: this.#graph.nodeId(payee), finalCltvDelta: finalBlocks, hints: [] },
      height: 0,
      budgetMsat: BigInt(Math.max(0, budget - this.#feesOut)),
      maxParts: MOST_PARTS,
      maxBlocks,
      knowledge: this.#knowledge,
      now,
    };
    const routes = this.#solver.routes(request);
    if (!routes) return { send: [], giveUp: true };
    for (const { hops } of routes) {
      this.#knowledge.reserve(publicUses(this.#graph, hops));
      this.#feesOut += hops[0]!.amount - hops.at(-1)!.amount;
      this.#sent.push(hops);
    }
    return { send: routes };
  }
}

const publicUses = (graph: ChannelGraph, hops: readonly Hop[]) => hops.slice(1).map((hop) => useOf(graph, hop));

class Askrene {
  readonly #graph: ChannelGraph;
  readonly #arena: Arena;
  readonly #search = new RouteSearch();
  readonly #flow = new MinCostFlow();

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
    this.#arena = new Arena(graph);
  }

  routes(request: PlanRequest): Route[] | undefined {
    const amount = Number(request.amountMsat);
    const { sink } = prepare(this.#arena, request);
    const scale = amount <= SINGLE_PATH_MSAT ? 1 : this.#medianRatio(amount);
    for (const mu of MUS) {
      const parts = this.#solve(request, sink, amount, mu, (100 - mu) * scale);
      if (!parts) return undefined;
      const weights = { riskMsat: 0, partMsat: 0, nodeMsat: 0, lockPerBlock: 0 };
      const judgement = judge(this.#arena, weights, parts);
      if (judgement.fee > Number(request.budgetMsat)) continue;
      return buildPlan(this.#arena, request, parts, judgement).parts.map(({ hops }) => ({
        hops: hops.map(({ scid, direction, amountMsat }) => ({
          half: 2 * this.#graph.channelIndex(scid)! + direction,
          amount: Number(amountMsat),
        })),
      }));
    }
    return undefined;
  }

  #solve(request: PlanRequest, sink: number, amount: number, mu: number, risk: number): readonly Part[] | undefined {
    const maxBlocks = request.maxBlocks - request.payee.finalCltvDelta;
    const prices = { sink, feeWeight: mu, riskMsat: risk, lockPerBlock: 0 };
    const search = { ...prices, blockWeight: 0, maxBlocks, maxHops: MOST_HOPS };
    if (amount <= SINGLE_PATH_MSAT) {
      const arcs = this.#search.find(this.#arena, { ...search, amount });
      return arcs && [{ arcs, amount }];
    }
    const flow = this.#flow.solve(this.#arena, {
      ...prices,
      amount,
      expectedPart: amount / 10,
      leastRoom: 1,
      htlcsPerArc: 1,
      maxAugmentations: 4 * MOST_PARTS,
    });
    if (flow.amount < amount) return undefined;
    const limits = { amount, budget: Infinity, maxParts: MOST_PARTS, maxBlocks, maxHops: MOST_HOPS };
    const weights = { riskMsat: mu === 0 ? 0 : risk / mu, partMsat: 0, nodeMsat: 0, lockPerBlock: 0 };
    const refiner = new PartOptimiser(this.#arena, this.#search, weights, limits, search);
    return refiner.realise(decompose(this.#arena, flow.arcs, sink));
  }

  /** Median of the fees per msat over the median of -ln(P) per msat, over all directions. */
  #medianRatio(amount: number): number {
    const { base, ppm, max, capacity } = this.#graph.columns();
    const fees: number[] = [];
    const risks: number[] = [];
    for (let half = 0; half < this.#graph.halfCount; half++) {
      if (max[half]! < 0 || capacity[half >> 1]! <= 0) continue;
      fees.push(ppm[half]! / 1e6 + base[half]! / (amount / 10));
      risks.push(Math.LN2 / (capacity[half >> 1]! / 2));
    }
    const median = (values: number[]): number => Float64Array.from(values).sort()[values.length >> 1]!;
    return median(fees) / median(risks);
  }
}
