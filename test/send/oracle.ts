/**
 * The best plan by exhaustion, for networks small enough: every simple route, every way to put units of the amount on up to a
 * number of routes. Prices, fees and probabilities are computed here anew, from the announced policies.
 */
import { DEFAULT_END_WEIGHT, type PlanRequest, type Weights } from '../../src/send/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { feeMsat, nodeNumber, type TestChannel } from './support.js';

interface Edge {
  readonly key: string;
  readonly channel: TestChannel;
  readonly from: number;
  readonly to: number;
  readonly own: boolean;
}

type Route = readonly Edge[];

const density = (u: number): number => 1 - DEFAULT_END_WEIGHT + DEFAULT_END_WEIGHT * 9 * (2 * u - 1) ** 8;

/** Probability that the balance is above `amount`: the density integrated by Simpson's rule. */
function tailProbability(amount: number, capacity: number): number {
  const steps = 100;
  const from = amount / capacity;
  const width = (1 - from) / steps;
  let mass = 0;
  for (let i = 0; i < steps; i++) {
    const u = from + width * i;
    mass += (density(u) + 4 * density(u + width / 2) + density(u + width)) / 6;
  }
  return mass * width;
}

export function routesOf(request: PlanRequest, channels: readonly TestChannel[], longest = 6): Route[] {
  const payee = nodeNumber(request.payee.nodeId);
  const own = new Set(request.sources.map(({ nodeId }) => nodeNumber(nodeId)));
  const spend = new Map(request.sources.flatMap((s) => s.channels.map((c) => [`${toHex(s.nodeId)}/${c.scid}`, c])));
  const edges: Edge[] = [];
  for (const channel of channels) {
    for (const [from, to, policy] of [
      [channel.a, channel.b, channel.policies[0]],
      [channel.b, channel.a, channel.policies[1]],
    ] as const) {
      if (own.has(to)) continue;
      const isOwn = own.has(from);
      const id = request.sources.find(({ nodeId }) => nodeNumber(nodeId) === from)?.nodeId;
      if (isOwn ? spend.has(`${toHex(id!)}/${channel.scid}`) : policy) {
        edges.push({ key: `${channel.scid}/${from}`, channel, from, to, own: isOwn });
      }
    }
  }
  const routes: Route[] = [];
  const walk = (node: number, route: Edge[], seen: Set<number>): void => {
    if (node === payee) {
      routes.push([...route]);
      return;
    }
    if (route.length === longest) return;
    for (const edge of edges) {
      if (edge.from !== node || seen.has(edge.to) || edge.own !== (route.length === 0)) continue;
      walk(edge.to, [...route, edge], new Set([...seen, edge.to]));
    }
  };
  for (const node of own) walk(node, [], new Set([node]));
  return routes;
}

const policyOfEdge = ({ channel, from }: Edge) => channel.policies[from === channel.a ? 0 : 1]!;

/** Price of sending these amounts over these routes together; Infinity if they do not fit. */
function priceOf(request: PlanRequest, weights: Weights, parts: readonly (readonly [Route, bigint])[]): number {
  const used = new Map<string, { edge: Edge; total: bigint; count: number }>();
  let price = 0;
  const sources = new Set<number>();
  for (const [route, amount] of parts) {
    let carried = amount;
    sources.add(route[0]!.from);
    price += weights.partMsat;
    for (const edge of [...route].reverse()) {
      const use = used.get(edge.key) ?? { edge, total: 0n, count: 0 };
      used.set(edge.key, { edge, total: use.total + carried, count: use.count + 1 });
      if (edge.own) continue;
      const policy = policyOfEdge(edge);
      if (carried < policy.htlcMinimumMsat || carried > policy.htlcMaximumMsat) return Infinity;
      price += weights.lockPerBlock * Number(carried) * policy.cltvDelta;
      carried += feeMsat(policy, carried);
    }
    price += Number(carried - amount);
  }
  for (const { edge, total, count } of used.values()) {
    if (edge.own) {
      const own = request.sources
        .find(({ nodeId }) => nodeNumber(nodeId) === edge.from)!
        .channels.find(({ scid }) => scid === edge.channel.scid)!;
      if (total > own.spendableMsat || count > own.slots) return Infinity;
      continue;
    }
    const capacity = Number(edge.channel.capacityMsat);
    if (Number(total) > capacity * 0.99) return Infinity;
    price += weights.riskMsat * -Math.log(tailProbability(Number(total), capacity));
  }
  return price + weights.nodeMsat * (sources.size - 1);
}

/** The least price with one route. */
export function bestSingle(request: PlanRequest, weights: Weights, routes: readonly Route[]): number {
  return Math.min(Infinity, ...routes.map((route) => priceOf(request, weights, [[route, request.amountMsat]])));
}

/** The least price with at most two routes, amounts in steps of a share of the amount. */
export function bestPair(request: PlanRequest, weights: Weights, routes: readonly Route[], steps: number): number {
  let best = bestSingle(request, weights, routes);
  for (const [i, first] of routes.entries()) {
    for (const second of routes.slice(i + 1)) {
      for (let step = 1; step < steps; step++) {
        const part = (request.amountMsat * BigInt(step)) / BigInt(steps);
        const parts = [
          [first, part],
          [second, request.amountMsat - part],
        ] as const;
        best = Math.min(best, priceOf(request, weights, parts));
      }
    }
  }
  return best;
}
