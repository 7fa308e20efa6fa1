/** Routes with exact amounts: what each channel of a list of arcs carries so that an amount arrives. */
import { feeFor, largestForwardable } from '../fees.js';
import type { Arena } from './arena.js';

/** A part while it is planned: arcs from the own channel to the payee, the amount that arrives. */
export interface Part {
  readonly arcs: readonly number[];
  readonly amount: number;
}

/** Amount on each arc. The first is what the own node sends: it takes no fee of itself. */
export function amountsAlong(arena: Arena, { arcs, amount }: Part): number[] {
  const amounts = new Array<number>(arcs.length);
  let carried = amount;
  for (let i = arcs.length - 1; i >= 0; i--) {
    amounts[i] = carried;
    const arc = arcs[i]!;
    carried += i === 0 ? 0 : feeFor(arena.base(arc), arena.ppm(arc), carried);
  }
  return amounts;
}

export function feeOf(arena: Arena, part: Part): number {
  return amountsAlong(arena, part)[0]! - part.amount;
}

/** Blocks that the route takes before the final delta. */
export function blocksOf(arena: Arena, arcs: readonly number[]): number {
  let blocks = 0;
  for (let i = 1; i < arcs.length; i++) blocks += arena.cltv(arcs[i]!);
  return blocks;
}

/** Channels of the route, by what each counts as. */
export function hopsOf(arena: Arena, arcs: readonly number[]): number {
  return arcs.reduce((sum, arc) => sum + arena.countsAs(arc), 0);
}

/** The most that one HTLC can deliver over the route beside what is planned; 0 or less if nothing. */
export function deliverable(arena: Arena, arcs: readonly number[]): number {
  let amount = Infinity;
  for (const [i, arc] of arcs.entries()) {
    if (i > 0) amount = largestForwardable(arena.base(arc), arena.ppm(arc), amount);
    if (arena.slotsOf(arc) < 1) return 0;
    amount = Math.min(amount, arena.room(arc), arena.max(arc));
    if (amount <= 0) return 0;
  }
  return amount;
}

/** Every channel takes its amount: above minimum, below maximum, room and slot. The part must not be placed. */
export function fits(arena: Arena, part: Part): boolean {
  const amounts = amountsAlong(arena, part);
  return part.arcs.every((arc, i) => {
    const amount = amounts[i]!;
    return amount >= arena.min(arc) && amount <= arena.max(arc) && amount <= arena.room(arc) && arena.slotsOf(arc) >= 1;
  });
}

/** Books the part on its channels. */
export function place(arena: Arena, part: Part): void {
  const amounts = amountsAlong(arena, part);
  for (const [i, arc] of part.arcs.entries()) arena.use(arc, amounts[i]!);
}

/** Takes a placed part off its channels. */
export function lift(arena: Arena, part: Part): void {
  const amounts = amountsAlong(arena, part);
  for (const [i, arc] of part.arcs.entries()) arena.use(arc, -amounts[i]!);
}
