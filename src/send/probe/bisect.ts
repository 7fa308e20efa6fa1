/** Which amount is tried next. */
import type { Msat } from '../../wire/units.js';
import type { Refusal } from '../plan/request.js';
import type { ProbeState } from './state.js';

const SAT = 1000n;
/** Enough to narrow any amount that exists down to a per cent or so. */
const MOST_STEPS = 24;
/** Guesses this close to a bound, as a share of what is open, are no better than halving. */
const LEAST_GAIN = 20n;

/** Refusals that a smaller amount does not change. */
const HOPELESS: ReadonlySet<Refusal['code']> = new Set([
  'unreachable',
  'payee_is_source',
  'invalid_request',
  'below_minimum',
]);

/**
 * @param guess what may get through, by the refusal of the last amount
 * @returns undefined when the bounds are close enough or nothing can be hoped for
 */
export function nextAmount(state: ProbeState, guess?: Msat): Msat | undefined {
  const { failedMsat: failed, reason, precisionPercent, steps } = state;
  const arrived = state.arrived?.amountMsat ?? 0n;
  if (failed === undefined || steps.length >= MOST_STEPS) return undefined;
  if (arrived < failed && reason?.refusal && HOPELESS.has(reason.refusal.code)) return undefined;
  const open = failed - arrived;
  if (open <= SAT || Number(open) * 100 <= precisionPercent * Number(failed)) return undefined;
  const next = isUseful(guess, arrived, failed) ? guess : between(arrived, failed, steps.length);
  const whole = next - (next % SAT);
  return whole > arrived ? whole : next;
}

function isUseful(guess: Msat | undefined, arrived: Msat, failed: Msat): guess is Msat {
  const margin = (failed - arrived) / LEAST_GAIN;
  return guess !== undefined && guess > arrived + margin && guess < failed - margin;
}

/** Halves; goes down faster while nothing at all gets through. */
function between(arrived: Msat, failed: Msat, steps: number): Msat {
  return arrived === 0n && steps > 1 ? failed / 4n : (arrived + failed) / 2n;
}

/** What a refusal says could get through, on top of what is counted already. */
export function guessOf(refusal: Refusal | undefined, countedMsat: Msat): Msat | undefined {
  switch (refusal?.code) {
    case 'network_capacity':
    case 'too_many_parts':
      return countedMsat + refusal.mostMsat;
    case 'payee_inbound':
      return countedMsat + refusal.receivableMsat;
    case 'own_balance':
      return countedMsat + refusal.spendableMsat;
    case undefined:
    case 'invalid_request':
    case 'payee_is_source':
    case 'below_minimum':
    case 'unreachable':
    case 'budget':
    case 'too_many_blocks':
      return undefined;
  }
}
