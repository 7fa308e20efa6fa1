/**
 * Splitting before the first attempt: near-equal parts of a size that mostly gets through, fuzzed so that their sizes tell
 * nothing.
 */
import type { Msat } from '../../wire/units.js';

/** A number from 0 (included) to 1 (excluded). */
export type Chance = () => number;

export interface PresplitOptions {
  readonly targetMsat: Msat;
  /** 0.1 as it was published, 0.25 as it was programmed. */
  readonly fuzz: number;
  /** One of how many free HTLC slots of the own channels may be used. */
  readonly slotShare: number;
}

export const DEFAULT_PRESPLIT: PresplitOptions = { targetMsat: 10_000_000n, fuzz: 0.1, slotShare: 3 };

export type Presplit =
  | { readonly kind: 'whole' }
  | { readonly kind: 'split'; readonly amounts: readonly Msat[] }
  /** No own channel takes another HTLC. */
  | { readonly kind: 'no_slots' };

/**
 * @param slots HTLCs that the enabled own channels can still take together
 */
export function presplit(
  amountMsat: Msat,
  slots: number,
  chance: Chance,
  options: PresplitOptions = DEFAULT_PRESPLIT,
): Presplit {
  const most = BigInt(Math.floor(slots / options.slotShare));
  if (most < 1n) return { kind: 'no_slots' };
  const target = amountMsat > options.targetMsat * most ? (amountMsat + most - 1n) / most : options.targetMsat;
  if (target > amountMsat) return { kind: 'whole' };
  const amounts: Msat[] = [];
  for (let left = amountMsat; left > 0n;) {
    const part = fuzzed(target, options.fuzz, chance);
    // The last slot takes what is left, so that fuzz never costs more slots than were counted.
    const taken = part >= left || BigInt(amounts.length + 1) === most ? left : part;
    amounts.push(taken);
    left -= taken;
  }
  return { kind: 'split', amounts };
}

function fuzzed(target: Msat, fuzz: number, chance: Chance): Msat {
  const factor = 1 + fuzz * (2 * chance() - 1);
  const part = BigInt(Math.round(Number(target) * factor));
  return part < 1n ? 1n : part;
}
