/** Parts of the arena become the plan that is handed out. */
import { fromHex } from '../../wire/bytes.js';
import type { Direction } from '../graph/policy.js';
import type { Arena } from './arena.js';
import { type Judgement, riskOfPart } from './evaluate.js';
import type { Payee, Plan, PlannedPart, PlanRequest, RouteHop } from './request.js';
import { amountsAlong, lift, type Part, place } from './route.js';

/** @param judgement of the parts by the request's own weights */
export function buildPlan(arena: Arena, request: PlanRequest, parts: readonly Part[], judgement: Judgement): Plan {
  for (const part of parts) place(arena, part);
  const planned = parts.map((part) => buildPart(arena, request, part));
  for (const part of parts) lift(arena, part);
  return {
    kind: 'plan',
    parts: planned,
    feeMsat: planned.reduce((fee, { feeMsat }) => fee + feeMsat, 0n),
    successProbability: Math.exp(-judgement.risk),
    cost: judgement.cost,
  };
}

function buildPart(arena: Arena, { height, payee }: PlanRequest, part: Part): PlannedPart {
  const amounts = amountsAlong(arena, part);
  const hops: RouteHop[] = [];
  let expiry = height + payee.finalCltvDelta;
  for (let i = part.arcs.length - 1; i >= 0; i--) {
    const arc = part.arcs[i]!;
    hops.push({ ...hopOf(arena, arc, payee), amountMsat: BigInt(amounts[i]!), expiry });
    expiry += arena.cltv(arc);
  }
  return {
    source: fromHex(arena.nodeKey(arena.from(part.arcs[0]!))),
    amountMsat: BigInt(part.amount),
    feeMsat: BigInt(amounts[0]! - part.amount),
    hops: hops.reverse(),
    successProbability: Math.exp(-riskOfPart(arena, part)),
  };
}

function hopOf(arena: Arena, arc: number, payee: Payee): Omit<RouteHop, 'amountMsat' | 'expiry'> {
  if (!arena.isLocal(arc)) {
    const nodeId = fromHex(arena.nodeKey(arena.to(arc)));
    return { kind: 'public', scid: arena.graph.scidOfChannel(arc >> 1), direction: (arc & 1) as Direction, nodeId };
  }
  const { kind, scid, direction, hint, blindedPath } = arena.local.get(arc - arena.halves);
  // The end of a blinded path is no node of the arena's: its id is the payee's name.
  const nodeId = blindedPath ? payee.nodeId : fromHex(arena.nodeKey(arena.to(arc)));
  return {
    kind,
    scid,
    direction,
    nodeId,
    ...(hint ? { hint } : {}),
    ...(blindedPath ? { blindedPath } : {}),
  };
}
