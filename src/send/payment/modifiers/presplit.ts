/** Near-equal parts from the start, for those who want amounts hidden more than fees low. First plans only. */
import { DEFAULT_PRESPLIT, presplit, type PresplitOptions } from '../../classic/presplit.js';
import type { Modifier } from '../stages.js';
import { planPieces } from './plan-pieces.js';

export function presplitting(options: PresplitOptions = DEFAULT_PRESPLIT): Modifier {
  return {
    name: 'presplit',
    plan(request, next, { state, surroundings }) {
      if (state.parts.length > 0 || !state.terms.supportsMpp || request.maxParts === 1) return next(request);
      const free = request.sources.flatMap(({ channels }) => channels).reduce((sum, { slots }) => sum + slots, 0);
      const slots = Math.min(free, request.maxParts * options.slotShare);
      const split = presplit(request.amountMsat, slots, surroundings.chance, options);
      return split.kind === 'split'
        ? planPieces(request, split.amounts, (piece) => next({ ...piece, maxParts: 1 }))
        : next(request);
    },
  };
}
