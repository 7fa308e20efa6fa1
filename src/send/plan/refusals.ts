/** What can be said before any search, and in which words. */
import { equalBytes } from '../../wire/bytes.js';
import type { Msat } from '../../wire/units.js';
import { MAX_PLANNED_MSAT } from '../fees.js';
import { satWords } from '../words.js';
import { type Arena, NodeState } from './arena.js';
import type { PlanRequest, Refusal } from './request.js';

const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;

function invalid(message: string): Refusal {
  return { kind: 'refusal', code: 'invalid_request', message };
}

/** Fields that no payment can have. */
export function checkRequest(request: PlanRequest): Refusal | undefined {
  const { amountMsat, budgetMsat, maxParts, maxBlocks, height, payee, sources, maxHops = 1, weights } = request;
  if (amountMsat <= 0n) return invalid('the amount must be above 0');
  if (budgetMsat < 0n) return invalid('the fee budget must not be negative');
  if (!isCount(maxParts, 1)) return invalid('the payment must be allowed at least one part');
  if (!isCount(maxHops, 1)) return invalid('a route must be allowed at least one channel');
  if (!isCount(maxBlocks, 0) || !isCount(height, 0)) return invalid('heights and block limits are whole numbers');
  if (!isCount(payee.finalCltvDelta, 0)) return invalid('the final expiry delta is a whole number');
  if (weights && !Object.values(weights).every((weight: number) => weight >= 0 && weight < Infinity)) {
    return invalid('weights are finite and not negative');
  }
  for (const hop of payee.hints.flat()) {
    const { feeBaseMsat, feePpm, cltvDelta } = hop;
    if (![feeBaseMsat, feePpm, cltvDelta].every((value) => isCount(value, 0) && value <= 0xffff_ffff)) {
      return invalid('a hint has a fee or expiry delta that cannot be');
    }
  }
  if (sources.length === 0) return invalid('no own node can send now: check the connections to the nodes');
  return undefined;
}

/** The id of a blinded payee is a name only. */
export function isPayeeSource({ sources, payee }: PlanRequest): boolean {
  return payee.isBlinded !== true && sources.some(({ nodeId }) => equalBytes(nodeId, payee.nodeId));
}

export function payeeIsSource(): Refusal {
  const message = 'the payee is an own node: settle inside the cluster, or leave that node out of the sources';
  return { kind: 'refusal', code: 'payee_is_source', message };
}

/** The own channels together, one HTLC if only one part is allowed. */
export function checkOwnBalance(arena: Arena, { amountMsat, maxParts }: PlanRequest): Refusal | undefined {
  const rooms = arena.local
    .all()
    .filter(({ kind }) => kind === 'own')
    .map((arc) => Math.min(arc.hi, arc.max * arc.slots));
  const total = rooms.reduce((a, b) => a + b, 0);
  const single = arena.local
    .all()
    .reduce((most, arc) => (arc.kind === 'own' ? Math.max(most, Math.min(arc.hi, arc.max)) : most), 0);
  const spendable = maxParts === 1 ? single : total;
  if (amountMsat <= BigInt(Math.floor(spendable))) return undefined;
  const spendableMsat = BigInt(Math.floor(spendable));
  const where = maxParts === 1 ? 'in one part' : 'over all usable channels';
  const message = `own channels can send ${satWords(spendableMsat)} ${where}, not ${satWords(amountMsat)}: move liquidity, open a channel or pay from more nodes`;
  return { kind: 'refusal', code: 'own_balance', spendableMsat, message };
}

interface Inbound {
  readonly total: number;
  readonly single: number;
  readonly leastMinimum: number;
  readonly any: boolean;
}

/** Depth to which hints of unknown size are followed to what their start can receive. */
const MOST_DEPTH = 4;

/** Arcs into a node of the arena, usable for this payment. */
function* arcsInto(arena: Arena, node: number): Generator<number> {
  if (node < arena.graphNodes) {
    const { pool, start, count } = arena.columns.rows;
    const first = start[node]!;
    for (let k = first; k < first + count[node]!; k++) yield pool[k]!;
  }
  for (let i = arena.local.headIn[node]!; i >= 0; i = arena.local.nextIn[i]!) yield arena.halves + i;
}

/** Most that can come into the node: an upper bound of the flow to it. */
function inboundOf(arena: Arena, node: number, amount: number, depth: number): Inbound {
  let [total, single, leastMinimum, any] = [0, 0, Infinity, false];
  for (const arc of arcsInto(arena, node)) {
    const max = arena.max(arc);
    const from = arena.from(arc);
    if (max < 0 || arena.room(arc) <= 0) continue;
    if (arena.state[from] !== NodeState.usable && !isOwnArc(arena, arc)) continue;
    any = true;
    if (arena.min(arc) <= max) leastMinimum = Math.min(leastMinimum, arena.min(arc));
    if (arena.min(arc) > amount) continue;
    let room = arena.room(arc);
    if (arena.isLocal(arc) && arena.local.get(arc - arena.halves).kind === 'hint' && depth > 0) {
      room = Math.min(room, inboundOf(arena, from, amount, depth - 1).total);
    }
    total += room;
    single = Math.max(single, Math.min(room, max));
  }
  return { total, single, leastMinimum, any };
}

export function checkInbound(arena: Arena, { amountMsat, maxParts }: PlanRequest, sink: number): Refusal | undefined {
  const amount = Number(amountMsat);
  const inbound = inboundOf(arena, sink, amount, MOST_DEPTH);
  if (!inbound.any) return unreachable('no channel leads to the payee, as far as is known');
  if (inbound.leastMinimum > amount) {
    const leastMsat = BigInt(Math.min(inbound.leastMinimum, MAX_PLANNED_MSAT));
    const message = `every channel into the payee takes ${satWords(leastMsat)} or more at once`;
    return { kind: 'refusal', code: 'below_minimum', leastMsat, message };
  }
  const most = maxParts === 1 ? inbound.single : inbound.total;
  if (most >= amount) return undefined;
  const receivableMsat = BigInt(Math.max(0, Math.floor(most)));
  const how = maxParts === 1 ? 'in one part' : 'over all its channels';
  const message = `the payee can receive about ${satWords(receivableMsat)} ${how} as far as is known, not ${satWords(amountMsat)}`;
  return { kind: 'refusal', code: 'payee_inbound', receivableMsat, message };
}

/** Whether arcs that carry anything at all lead from an own node to the payee. */
export function checkReachable(arena: Arena, sink: number): Refusal | undefined {
  const seen = new Uint8Array(arena.nodes);
  const queue = [sink];
  seen[sink] = 1;
  for (let next = 0; next < queue.length; next++) {
    for (const arc of arcsInto(arena, queue[next]!)) {
      if (arena.max(arc) <= 0) continue;
      const from = arena.from(arc);
      if (isOwnArc(arena, arc)) return undefined;
      if (seen[from] === 1 || arena.state[from] !== NodeState.usable || arena.room(arc) <= 0) continue;
      seen[from] = 1;
      queue.push(from);
    }
  }
  return unreachable('no route leads from the own nodes to the payee, as far as is known');
}

const isOwnArc = (arena: Arena, arc: number): boolean =>
  arena.isLocal(arc) && arena.local.get(arc - arena.halves).kind === 'own';

export function unreachable(message: string): Refusal {
  return { kind: 'refusal', code: 'unreachable', message };
}

export function tooManyBlocks(leastBlocks: number, maxBlocks: number): Refusal {
  const message = `the payment would be locked for ${leastBlocks} blocks, the limit is ${maxBlocks}`;
  return { kind: 'refusal', code: 'too_many_blocks', leastBlocks, message };
}

export function overBudget(leastFee: number, budgetMsat: Msat): Refusal {
  const leastFeeMsat = BigInt(leastFee);
  const message = `the cheapest plan costs ${satWords(leastFeeMsat)}, the budget is ${satWords(budgetMsat)}: allow a greater fee`;
  return { kind: 'refusal', code: 'budget', leastFeeMsat, message };
}

export function networkCapacity(most: number, amountMsat: Msat): Refusal {
  const mostMsat = BigInt(Math.floor(most));
  const message = `the network can carry about ${satWords(mostMsat)} to the payee, not ${satWords(amountMsat)}`;
  return { kind: 'refusal', code: 'network_capacity', mostMsat, message };
}

export function tooManyParts(most: number, maxParts: number): Refusal {
  const mostMsat = BigInt(Math.floor(most));
  const message = `no way was found to pay with ${maxParts} parts; about ${satWords(mostMsat)} would get through: allow more parts or a smaller amount`;
  return { kind: 'refusal', code: 'too_many_parts', mostMsat, message };
}
