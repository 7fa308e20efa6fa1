/**
 * The optimum by linear programming, for networks small enough to list all routes: amounts are split without limit, as if
 * msat could be divided and parts were free. No plan can be cheaper than that.
 */
import loadHighs from 'highs';
import type { PlanRequest } from '../../src/send/index.js';
import { nodeNumber, type TestChannel } from './support.js';
import { routesOf } from './oracle.js';

// The package declares its types as those of a CommonJS module, and Node loads its ES module.
const highs = await (loadHighs as unknown as typeof loadHighs.default)();

/** Shares of a channel whose balance nobody knows that a plan may use: the rest is taken for the reserve. */
const USABLE = 0.99;

export type Cheapest = { readonly kind: 'optimum'; readonly feeMsat: number } | { readonly kind: 'infeasible' };

/** The least fee by the policies' proportional fees; base fees, minimums and maximums must not bind. */
export function leastFee(request: PlanRequest, channels: readonly TestChannel[]): Cheapest {
  const routes = routesOf(request, channels);
  if (routes.length === 0) return { kind: 'infeasible' };
  const rooms = new Map<string, number>();
  const uses = new Map<string, string[]>();
  const costs = routes.map((route, i) => {
    // What each channel carries per msat that arrives.
    let carried = 1;
    for (const { key, channel, from, own } of [...route].reverse()) {
      uses.set(key, [...(uses.get(key) ?? []), `${carried} x${i}`]);
      const source = request.sources.find(({ nodeId }) => nodeNumber(nodeId) === from);
      const spendable = source?.channels.find(({ scid }) => scid === channel.scid)?.spendableMsat ?? 0n;
      rooms.set(key, own ? Number(spendable) : Number(channel.capacityMsat) * USABLE);
      const policy = channel.policies[from === channel.a ? 0 : 1];
      if (!own) carried *= 1 + policy!.feePpm / 1e6;
    }
    return `${(carried - 1).toFixed(12)} x${i}`;
  });
  const limits = [...uses].map(([key, terms], i) => ` c${i}: ${terms.join(' + ')} <= ${rooms.get(key)!}`);
  const all = routes.map((_, i) => `x${i}`).join(' + ');
  const problem = [
    'Minimize',
    ` fee: ${costs.join(' + ')}`,
    'Subject To',
    ` all: ${all} = ${request.amountMsat}`,
    ...limits,
    'End',
  ];
  const solution = highs.solve(problem.join('\n'), { primal_feasibility_tolerance: 1e-9 });
  return solution.Status === 'Optimal' ? { kind: 'optimum', feeMsat: solution.ObjectiveValue } : { kind: 'infeasible' };
}
