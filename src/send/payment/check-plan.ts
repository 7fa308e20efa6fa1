/** Whether a plan may become parts. Planner and modifiers are trusted to be good, not to be right about money. */
import type { BlockHeight } from '../../wire/units.js';
import type { Plan, PlannedPart } from '../plan/request.js';
import type { PaymentState } from './payment.js';
import { PAD_BLOCKS } from './lessons.js';
import { payloadsOf } from './payloads.js';
import { missingMsat, outstandingOf } from './sums.js';

/** The first limit that the plan breaks, in words. */
export function faultOfPlan(plan: Plan, state: PaymentState, height: BlockHeight): string | undefined {
  const out = outstandingOf(state);
  const amount = plan.parts.reduce((sum, part) => sum + part.amountMsat, 0n);
  const fee = plan.parts.reduce((sum, part) => sum + part.feeMsat, 0n);
  if (plan.parts.length === 0) return 'it has no parts';
  if (amount > missingMsat(state)) return 'it pays more than is missing';
  if (plan.parts.length + out.parts > state.terms.maxParts) return 'it has too many parts';
  if (out.feeMsat + fee > state.terms.budgetMsat) return 'it is over the fee budget';
  const { amountMsat: totalMsat, payee } = state.terms;
  if (payee.isBlinded === true && plan.parts.some(({ hops }) => hops.at(-1)?.blindedPath === undefined)) {
    return 'a part ends in front of the blinded path';
  }
  if (plan.parts.some((part) => !payloadsOf({ totalMsat, part: { ...part, records: state.terms.records } }))) {
    return 'a part does not fit into an onion';
  }
  return plan.parts
    .map((part) => faultOfPart(part, height + state.terms.maxBlocks + PAD_BLOCKS))
    .find((fault) => fault !== undefined);
}

function faultOfPart({ amountMsat, feeMsat, hops }: PlannedPart, latest: BlockHeight): string | undefined {
  const first = hops[0];
  const last = hops.at(-1);
  if (!first || !last) return 'a part has no route';
  if (amountMsat <= 0n || feeMsat < 0n) return 'a part has an impossible amount';
  if (last.amountMsat !== amountMsat || first.amountMsat !== amountMsat + feeMsat) {
    return 'a part carries another amount than it says';
  }
  for (const [i, hop] of hops.entries()) {
    const next = hops[i + 1] ?? hop;
    if (hop.amountMsat < next.amountMsat || hop.expiry < next.expiry) return 'amounts or expiries grow along a route';
  }
  return first.expiry > latest ? 'a part is locked for too many blocks' : undefined;
}
