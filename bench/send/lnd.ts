/**
 * LND's payments by their published rules (shared reference, §3): one search per shard, weighed by the chance of the whole
 * way as mission control and an estimator see it; the whole amount first, halved only where no way is found; shards leave
 * one by one, and a failed one just returns its amount. The fee limit is the bench's.
 *
 * Nodes of the world do not choose between parallel channels, as LND expects of them: the dearest terms of a pair are paid,
 * as LND pays them, and the largest channel is named.
 */
import type { ChannelGraph } from '../../src/send/index.js';
import { APRIORI } from './lnd-apriori.js';
import { BIMODAL } from './lnd-bimodal.js';
import { MissionControl, type PairResults } from './lnd-memory.js';
import { ProbableSearch } from './probable-search.js';
import type { Hop, Order, OwnChannel, Paying, Reply, Route, Sender, SendEvent, Strategy } from './rival.js';

export interface Estimator {
  /** Of a hop between others. `results`: of the pairs that start where the hop starts. */
  chance(results: PairResults | undefined, to: number, amount: number, capacity: number, now: number): number;
  /** Of an own channel with enough balance. */
  ownChance(results: PairResults | undefined, to: number, amount: number, now: number): number;
}

const RISK_PER_BLOCK = 15e-9;
const ATTEMPT_BASE_MSAT = 100_000;
const ATTEMPT_SHARE = 1000 / 1e6;
const LEAST_CHANCE = 0.01;
const MOST_HOPS = 20;
const MOST_SHARDS = 16;
const LEAST_SHARD_MSAT = 10_000_000;

export const LND_APRIORI = lnd('LND apriori', APRIORI);
export const LND_BIMODAL = lnd('LND bimodal', BIMODAL);

function lnd(name: string, estimator: Estimator): Strategy {
  return { name, open: (graph) => Promise.resolve(new LndSender(graph, estimator)) };
}

class LndSender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #estimator: Estimator;
  readonly #search: ProbableSearch;
  #memory = new MissionControl();

  constructor(graph: ChannelGraph, estimator: Estimator) {
    this.#graph = graph;
    this.#estimator = estimator;
    this.#search = new ProbableSearch(graph);
  }

  forget(): void {
    this.#memory = new MissionControl();
  }

  pay(order: Order): Paying {
    return new LndPaying(this.#graph, this.#estimator, this.#search, this.#memory, order);
  }
}

class LndPaying implements Paying {
  readonly #graph: ChannelGraph;
  readonly #estimator: Estimator;
  readonly #search: ProbableSearch;
  readonly #memory: MissionControl;
  readonly #order: Order;
  readonly #shards: (readonly Hop[])[] = [];
  readonly #out = new Set<number>();

  constructor(graph: ChannelGraph, estimator: Estimator, search: ProbableSearch, memory: MissionControl, order: Order) {
    this.#graph = graph;
    this.#estimator = estimator;
    this.#search = search;
    this.#memory = memory;
    this.#order = order;
  }

  on(event: SendEvent): Reply {
    switch (event.type) {
      case 'start':
        return this.#sendMissing(event.now);
      case 'failed':
        this.#out.delete(event.part);
        this.#learnFailure(event);
        return this.#sendMissing(event.now);
      case 'settled':
        this.#memory.ended(event.now);
        this.#carried(this.#shards[event.part]!, event.now);
        return { send: [] };
      case 'time':
        return { send: [] };
    }
  }

  #sendMissing(now: number): Reply {
    const { amount, budget } = this.#order;
    const own = this.#order.own();
    const send: Route[] = [];
    for (;;) {
      const flying = [...this.#out].map((id) => this.#shards[id]!);
      const missing = amount - sum(flying.map((hops) => hops.at(-1)!.amount));
      if (missing <= 0) return { send };
      const fees = sum(flying.map((hops) => hops[0]!.amount - hops.at(-1)!.amount));
      const hops = this.#route(missing, budget - fees, own, now);
      if (!hops) return { send, giveUp: true };
      const first = own.findIndex(({ half }) => half === hops[0]!.half);
      own[first] = { half: hops[0]!.half, spendable: own[first]!.spendable - hops[0]!.amount };
      this.#out.add(this.#shards.length);
      this.#shards.push(hops);
      send.push({ hops });
    }
  }

  /** The next shard: all that is missing, or the largest of its halves that has a way. */
  #route(missing: number, maxFee: number, own: readonly OwnChannel[], now: number): readonly Hop[] | undefined {
    if (sum(own.map(({ spendable }) => spendable)) < missing) return undefined;
    for (let amount = missing; ; amount = Math.floor(amount / 2)) {
      const found = this.#find(amount, maxFee, own, now);
      if (found) return found;
      // A shard less than all needs another one after it.
      if (this.#out.size + 1 >= MOST_SHARDS || Math.floor(amount / 2) < LEAST_SHARD_MSAT) return undefined;
    }
  }

  #find(amount: number, maxFee: number, own: readonly OwnChannel[], now: number): readonly Hop[] | undefined {
    const { payee, maxBlocks, finalBlocks } = this.#order;
    const { from, capacity } = this.#graph.columns();
    const estimator = this.#estimator;
    const memory = this.#memory;
    return this.#search.find({
      payee,
      amount,
      own,
      maxBlocks: maxBlocks - finalBlocks,
      maxHops: MOST_HOPS,
      maxFee,
      leastChance: LEAST_CHANCE,
      attemptPrice: ATTEMPT_BASE_MSAT + amount * ATTEMPT_SHARE,
      unify: true,
      weight: (_half, _amount, received, fee, blocks) => fee + received * blocks * RISK_PER_BLOCK,
      chance(half, over, isOwn) {
        const results = memory.of(from[half]!);
        const to = from[half ^ 1]!;
        if (isOwn) return estimator.ownChance(results, to, over, now);
        return estimator.chance(results, to, over, capacity[half >> 1]!, now);
      },
    })?.hops;
  }

  #learnFailure({ part, at, code, now }: Extract<SendEvent, { type: 'failed' }>): void {
    const hops = this.#shards[part]!;
    const { amount } = hops[at]!;
    this.#memory.ended(now);
    switch (code) {
      case 'temporary_channel_failure':
        this.#carried(hops.slice(0, at), now);
        this.#blame(hops[at]!, amount, now);
        return;
      case 'channel_disabled':
        this.#carried(hops.slice(0, at), now);
        this.#blame(hops[at]!, 0, now);
        return;
      case 'amount_below_minimum':
      case 'fee_insufficient':
        this.#policyError(hops, at, now);
    }
  }

  /** Who hands an HTLC on without its update is as suspect as who refuses it: the pair before is blamed. */
  #policyError(hops: readonly Hop[], at: number, now: number): void {
    const { from } = this.#graph.columns();
    const { half } = hops[at]!;
    if (this.#memory.forgives(from[half]!, from[half ^ 1]!, now)) return;
    this.#carried(hops.slice(0, Math.max(0, at - 1)), now);
    this.#blame(hops[Math.max(0, at - 1)]!, 0, now);
  }

  #carried(hops: readonly Hop[], now: number): void {
    const { from } = this.#graph.columns();
    for (const { half, amount } of hops) this.#memory.succeeded(from[half]!, from[half ^ 1]!, amount, now);
  }

  #blame({ half }: Hop, amount: number, now: number): void {
    const { from } = this.#graph.columns();
    this.#memory.failed(from[half]!, from[half ^ 1]!, amount, now);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
