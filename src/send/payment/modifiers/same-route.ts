/** Parts that arrived in vain, because others did not in time, go the same way again before anything else is tried. */
import type { PlannedPart, PlanRequest } from '../../plan/request.js';
import { equalBytes } from '../../../wire/bytes.js';
import type { PaymentPart } from '../payment.js';
import type { Modifier } from '../stages.js';
import { planPieces } from './plan-pieces.js';

export const sameRoute: Modifier = {
  name: 'same-route',
  plan(request, next, { state }) {
    const again = state.repeat.map((id) => state.parts[id]!).filter((part) => canRepeat(part, request));
    const amount = again.reduce((sum, part) => sum + part.amountMsat, 0n);
    const fee = again.reduce((sum, part) => sum + part.feeMsat, 0n);
    const rest = request.amountMsat - amount;
    const fits = again.length + (rest > 0n ? 1 : 0) <= request.maxParts && fee <= request.budgetMsat;
    if (again.length === 0 || rest < 0n || !fits) return next(request);
    const repeated = again.map((part) => shifted(part, request.height - part.height));
    const amounts = [...repeated.map(({ amountMsat }) => amountMsat), ...(rest > 0n ? [rest] : [])];
    let at = 0;
    const plan = planPieces(request, amounts, (piece) => {
      const part = repeated[at++];
      if (!part)
        return next({ ...piece, maxParts: request.maxParts - again.length, budgetMsat: request.budgetMsat - fee });
      return { kind: 'plan', parts: [part], feeMsat: part.feeMsat, successProbability: 1, cost: Number(part.feeMsat) };
    });
    return plan.kind === 'plan' ? plan : next(request);
  },
};

function canRepeat({ source, hops }: PaymentPart, { sources, memory }: PlanRequest): boolean {
  const first = hops[0]!;
  const own = sources.find(({ nodeId }) => equalBytes(nodeId, source));
  const channel = own?.channels.find(({ scid }) => scid === first.scid);
  const isExcluded = hops.some((hop) => memory?.isExcluded(hop) === true);
  return channel !== undefined && channel.slots > 0 && channel.spendableMsat >= first.amountMsat && !isExcluded;
}

function shifted(part: PaymentPart, blocks: number): PlannedPart {
  const hops = part.hops.map((hop) => ({ ...hop, expiry: hop.expiry + blocks }));
  const { source, amountMsat, feeMsat, successProbability } = part;
  return { source, amountMsat, feeMsat, hops, successProbability };
}
