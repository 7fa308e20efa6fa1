/** Paying the cluster itself: one part, one hop, no fee, handed to the internal node, which presents it to the ledger. */
import type { BlockDelta } from '../../wire/units.js';
import { retryLimit } from '../payment/modifiers/retry.js';
import { waitHeight } from '../payment/modifiers/wait-height.js';
import type { Modifier } from '../payment/stages.js';
import type { Plan, Planner, PlanRequest, Refusal } from '../plan/request.js';
import type { InternalNode } from './types.js';

/** For blocks between the plan and the check of the expiry. */
const PAD: BlockDelta = 3;

/** Nothing of the network takes part: only waiting for a block and the limit of attempts are of use. */
export const INTERNAL_MODIFIERS: readonly Modifier[] = [waitHeight, retryLimit()];

export function internalPlanner({ nodeId }: Pick<InternalNode, 'nodeId'>): Planner {
  return { plan: (request) => planFor(request, nodeId) };
}

function planFor({ payee, amountMsat, height, maxBlocks }: PlanRequest, source: Uint8Array): Plan | Refusal {
  // Any way in that the invoice names: it says which of the cluster's invoices this is, as for payers outside.
  const hintIndex = payee.hints.findIndex((hint) => hint.length > 0);
  const hint = payee.hints[hintIndex];
  const last = hint?.at(-1);
  if (!hint || !last) {
    const message = 'the invoice is from this cluster but names no way in: make a new invoice';
    return { kind: 'refusal', code: 'unreachable', message };
  }
  if (payee.finalCltvDelta > maxBlocks) {
    const leastBlocks = payee.finalCltvDelta;
    const message = `the invoice asks for ${leastBlocks} blocks, more than the ${maxBlocks} allowed: allow more blocks`;
    return { kind: 'refusal', code: 'too_many_blocks', leastBlocks, message };
  }
  const hop = {
    kind: 'hint' as const,
    scid: last.scid,
    direction: 0 as const,
    nodeId: payee.nodeId,
    amountMsat,
    expiry: height + payee.finalCltvDelta + PAD,
    hint: { hint: hintIndex, hop: hint.length - 1 },
  };
  const part = { source, amountMsat, feeMsat: 0n, hops: [hop], successProbability: 1 };
  return { kind: 'plan', parts: [part], feeMsat: 0n, successProbability: 1, cost: 0 };
}
