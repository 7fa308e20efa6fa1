/**
 * Own nodes that send only so many parts of a payment over blinded paths at a time: an LND one, because nothing in its record
 * of payments tells that several belong together.
 */
import { toHex } from '../../wire/bytes.js';
import type { Msat } from '../../wire/units.js';
import type { Plan, PlanRequest, Refusal, Source } from '../plan/request.js';
import { planPieces } from './modifiers/plan-pieces.js';
import type { PaymentState } from './payment.js';
import type { PlanNext } from './stages.js';

/** The planner as it was, for payees that are not blinded. */
export function withPartLimits(next: PlanNext, { terms, parts }: Pick<PaymentState, 'terms' | 'parts'>): PlanNext {
  if (terms.payee.isBlinded !== true) return next;
  const used = new Map<string, number>();
  for (const { source, state } of parts) {
    if (state !== 'failed') used.set(toHex(source), (used.get(toHex(source)) ?? 0) + 1);
  }
  return (request) => planLimited(request, next, used);
}

type Used = ReadonlyMap<string, number>;

function planLimited(request: PlanRequest, next: PlanNext, used: Used): Plan | Refusal {
  const left = ({ nodeId, maxBlindedParts = Infinity }: Source): number =>
    maxBlindedParts - (used.get(toHex(nodeId)) ?? 0);
  const sources = request.sources.filter((source) => left(source) > 0);
  if (sources.length === 0 && request.sources.length > 0) return allBusy();
  if (sources.every((source) => left(source) === Infinity)) return next(request);
  const asked = { ...request, sources };
  const plan = next(asked);
  if (plan.kind === 'plan' && keepsTo(plan, sources, left)) return plan;
  const whole = next({ ...asked, maxParts: 1 });
  if (whole.kind === 'plan' || request.maxParts === 1) return whole;
  return split(asked, next, left) ?? whole;
}

function keepsTo({ parts }: Plan, sources: readonly Source[], left: (source: Source) => number): boolean {
  return sources.every((source) => {
    const own = toHex(source.nodeId);
    return parts.filter((part) => toHex(part.source) === own).length <= left(source);
  });
}

/** One part from each of as many nodes as it takes, the largest first. Undefined if that does not work out. */
function split(request: PlanRequest, next: PlanNext, left: (source: Source) => number): Plan | undefined {
  const { amountMsat, budgetMsat, maxParts } = request;
  const able = request.sources
    .map((source) => ({ source, most: largestHtlc(source) }))
    .filter(({ source, most }) => left(source) >= 1 && most > 0n)
    .sort((a, b) => (a.most > b.most ? -1 : 1));
  for (let count = 2; count <= Math.min(able.length, maxParts); count++) {
    const chosen = able.slice(0, count);
    const total = chosen.reduce((sum, { most }) => sum + most, 0n);
    if (total < amountMsat) continue;
    // In proportion, so that every node keeps the same share for fees.
    const amounts = chosen.map(({ most }) => (amountMsat * most) / total);
    amounts[0]! += amountMsat - amounts.reduce((sum, amount) => sum + amount, 0n);
    if (amounts.some((amount) => amount <= 0n)) return undefined;
    let at = 0;
    const plan = planPieces({ ...request, budgetMsat }, amounts, (piece) => {
      const own = toHex(chosen[at++]!.source.nodeId);
      return next({ ...piece, maxParts: 1, sources: piece.sources.filter(({ nodeId }) => toHex(nodeId) === own) });
    });
    if (plan.kind === 'plan') return plan;
  }
  return undefined;
}

function largestHtlc({ channels }: Source): Msat {
  return channels.reduce<Msat>((most, { spendableMsat, htlcMaximumMsat = spendableMsat, slots }) => {
    const able = slots < 1 ? 0n : spendableMsat < htlcMaximumMsat ? spendableMsat : htlcMaximumMsat;
    return able > most ? able : most;
  }, 0n);
}

function allBusy(): Refusal {
  const message =
    'each own node sends one part at a time over blinded paths, and all of them have one out: wait for one to end, or let more nodes send';
  return { kind: 'refusal', code: 'own_balance', spendableMsat: 0n, message };
}
