/** Takes a flow apart into routes, widest first choices, so that few routes carry most of it. */
import { type Arena, NodeState } from './arena.js';
import type { Part } from './route.js';

/** Routes whose amounts sum to what the flow delivers. Circles in the flow, which deliver nothing, are dropped. */
export function decompose(arena: Arena, flow: ReadonlyMap<number, number>, sink: number): Part[] {
  const left = new Map(flow);
  const parts: Part[] = [];
  for (;;) {
    const outgoing = new Map<number, number[]>();
    for (const arc of left.keys()) {
      const from = arena.from(arc);
      outgoing.set(from, [...(outgoing.get(from) ?? []), arc]);
    }
    const arcs = widestWalk(arena, left, outgoing, sink);
    if (!arcs) return parts;
    const circle = circleIn(arena, arcs);
    const taken = circle ?? arcs;
    const amount = Math.min(...taken.map((arc) => left.get(arc)!));
    for (const arc of taken) {
      const rest = left.get(arc)! - amount;
      if (rest > 0) left.set(arc, rest);
      else left.delete(arc);
    }
    if (!circle) parts.push({ arcs, amount });
  }
}

/** From an own node along the largest flows, to the payee or into a circle; undefined if no flow leaves an own node. */
function widestWalk(
  arena: Arena,
  left: ReadonlyMap<number, number>,
  outgoing: ReadonlyMap<number, readonly number[]>,
  sink: number,
): number[] | undefined {
  const widest = (arcs: readonly number[]): number => arcs.reduce((a, b) => (left.get(b)! > left.get(a)! ? b : a));
  const starts = [...left.keys()].filter((arc) => arena.state[arena.from(arc)] === NodeState.own);
  if (starts.length === 0) return undefined;
  const arcs = [widest(starts)];
  const seen = new Set<number>([arena.from(arcs[0]!)]);
  for (let node = arena.to(arcs[0]!); node !== sink && !seen.has(node); node = arena.to(arcs.at(-1)!)) {
    seen.add(node);
    arcs.push(widest(outgoing.get(node)!));
  }
  return arcs;
}

/** The arcs from the walk's end back to it, if the walk ended where it had been. */
function circleIn(arena: Arena, arcs: readonly number[]): number[] | undefined {
  const end = arena.to(arcs.at(-1)!);
  const start = arcs.findIndex((arc) => arena.from(arc) === end);
  return start < 0 ? undefined : arcs.slice(start);
}
