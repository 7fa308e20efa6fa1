/** The exact price of a set of parts, judged together: two parts over one channel share its liquidity. */
import type { Arena } from './arena.js';
import type { Weights } from './request.js';
import { amountsAlong, fits, lift, type Part, place } from './route.js';

export interface Judgement {
  /** Infinity if the parts do not fit together. */
  readonly cost: number;
  readonly fee: number;
  /** -ln of the probability that all parts get through. */
  readonly risk: number;
  /** Failed tries to expect when every part is tried until it gets through: the sum of 1/P - 1. */
  readonly tries: number;
}

const IMPOSSIBLE: Judgement = { cost: Infinity, fee: Infinity, risk: Infinity, tries: Infinity };
const MILLION = 1_000_000;

/** Judges parts that are not placed; nothing stays placed. */
export function judge(arena: Arena, weights: Weights, parts: readonly Part[]): Judgement {
  let placed = 0;
  let result = IMPOSSIBLE;
  for (const part of parts) {
    if (!fits(arena, part)) break;
    place(arena, part);
    placed++;
  }
  if (placed === parts.length) result = judgePlaced(arena, weights, parts);
  for (const part of parts.slice(0, placed)) lift(arena, part);
  return result;
}

function judgePlaced(arena: Arena, weights: Weights, parts: readonly Part[]): Judgement {
  const arcs = new Set<number>();
  let tries = 0;
  const sources = new Set<number>();
  let fee = 0;
  let other = 0;
  let risk = 0;
  for (const part of parts) {
    const amounts = amountsAlong(arena, part);
    const first = part.arcs[0]!;
    fee += amounts[0]! - part.amount;
    other += (arena.local.get(first - arena.halves).bias * amounts[0]!) / MILLION;
    sources.add(arena.from(first));
    for (const [i, arc] of part.arcs.entries()) {
      arcs.add(arc);
      if (i === 0) continue;
      other += weights.lockPerBlock * amounts[i]! * arena.cltv(arc);
      risk += arena.mark[arena.from(arc)]!;
    }
  }
  for (const arc of arcs) risk += arena.riskOfUse(arc);
  for (const part of parts) tries += Math.expm1(riskOfPart(arena, part));
  const count = weights.partMsat * parts.length + weights.nodeMsat * Math.max(0, sources.size - 1);
  return { cost: fee + other + count + (risk > 0 ? weights.riskMsat * risk : 0), fee, risk, tries };
}

/** -ln of one part's probability where all parts are placed. */
export function riskOfPart(arena: Arena, part: Part): number {
  return part.arcs.reduce(
    (risk, arc, i) => risk + arena.riskOfUse(arc) + (i === 0 ? 0 : arena.mark[arena.from(arc)]!),
    0,
  );
}
