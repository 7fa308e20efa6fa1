/** Fills an arena for one request: what is known, what is excluded, own channels, the payee's hints. */
import { toHex } from '../../wire/bytes.js';
import type { Millis, Msat } from '../../wire/units.js';
import { MAX_PLANNED_MSAT } from '../fees.js';
import type { Direction } from '../graph/policy.js';
import type { Knowledge } from '../knowledge/knowledge.js';
import type { PaymentMemory } from '../knowledge/payment-memory.js';
import { type Arena, keyOf, NodeState } from './arena.js';
import type { LocalArc } from './local-arcs.js';
import type { Payee, PayeeHop, PlanRequest, Source, SourceChannel } from './request.js';

/** Hints beyond these are the payee's fault: an invoice has room for some twenty. */
const MOST_HINTS = 64;
const MOST_HINT_HOPS = 10;

const numberOf = (amount: Msat): number => (amount > BigInt(MAX_PLANNED_MSAT) ? MAX_PLANNED_MSAT : Number(amount));

export interface Prepared {
  readonly sink: number;
  readonly isOwn: boolean;
}

/** Overlays the request on the arena. The sink is where the payee's own node or all hints end. */
export function prepare(arena: Arena, request: PlanRequest): Prepared {
  const { knowledge, memory, sources, payee, now } = request;
  arena.reset(knowledge.options.endWeight);
  const sink = arena.nodeFor(sinkKey(payee));
  for (const source of sources) arena.setState(arena.nodeFor(keyOf(source.nodeId)), NodeState.own);
  const isOwn = arena.state[sink] === NodeState.own;
  overlayNodes(arena, knowledge, memory, sink, now);
  overlayBounds(arena, knowledge, now);
  overlayOwnRanges(arena, memory);
  overlayExclusions(arena, knowledge, memory, now);
  overlayPolicies(arena, memory);
  for (const source of sources) addSource(arena, source, knowledge, memory, now);
  addHints(arena, request, sink);
  return { sink, isOwn };
}

/** A payee behind blinded paths is a node of its own, whatever its name is: nothing of the graph leads to it. */
function sinkKey({ nodeId, isBlinded }: Payee): string {
  return isBlinded === true ? `blinded ${keyOf(nodeId)}` : keyOf(nodeId);
}

function overlayNodes(
  arena: Arena,
  knowledge: Knowledge,
  memory: PaymentMemory | undefined,
  sink: number,
  now: Millis,
): void {
  const exclude = (key: string): void => {
    const node = arena.knownNode(key);
    if (node === undefined || node === sink || arena.state[node] !== NodeState.usable) return;
    arena.setState(node, NodeState.excluded);
  };
  for (const key of memory?.nodes() ?? []) exclude(key);
  for (const { what, until } of knowledge.avoidedNodes()) if (until > now) exclude(what);
  for (const { node: key } of knowledge.marks.all()) {
    const node = arena.knownNode(key);
    if (node !== undefined && node !== sink) arena.setMark(node, knowledge.marks.weight(key, now));
  }
}

function overlayBounds(arena: Arena, { bounds, graph }: Knowledge, now: Millis): void {
  for (const slot of bounds.slots()) {
    if (slot.boundTo !== graph.structure) {
      slot.channel = graph.channelIndex(slot.scid) ?? -1;
      slot.boundTo = graph.structure;
    }
    const { channel, capacity } = slot;
    if (channel < 0 || capacity !== arena.columns.capacity[channel]) continue;
    const lo = slot.lo(now);
    const hi = slot.hi(now);
    arena.setBounds(2 * channel, lo, hi, slot.inFlight(0));
    arena.setBounds(2 * channel + 1, capacity - hi, capacity - lo, slot.inFlight(1));
  }
}

/** Where a part of this payment failed, the payment tries no more than it did, whatever time does to the shared bounds. */
function overlayOwnRanges(arena: Arena, memory: PaymentMemory | undefined): void {
  for (const { scid, direction, atMost, inFlight } of memory?.ranges() ?? []) {
    const channel = atMost === undefined ? undefined : arena.graph.channelIndex(scid);
    if (channel === undefined) continue;
    const half = 2 * channel + direction;
    const used = arena.usedOf(half);
    const most = Math.max(0, numberOf(atMost!) + used - numberOf(inFlight));
    if (most < arena.hiOf(half)) arena.setBounds(half, Math.min(arena.loOf(half), most), most, used);
  }
}

function overlayExclusions(arena: Arena, knowledge: Knowledge, memory: PaymentMemory | undefined, now: Millis): void {
  const exclude = (scid: bigint, direction: Direction): void => {
    const channel = arena.graph.channelIndex(scid);
    if (channel !== undefined) arena.mask(2 * channel + direction);
  };
  for (const { scid, direction } of memory?.channels() ?? []) exclude(scid, direction);
  for (const { what, until } of knowledge.avoidedChannels()) if (until > now) exclude(what.scid, what.direction);
}

/** A private policy replaces the half of the graph by a local arc with the same bounds. */
function overlayPolicies(arena: Arena, memory: PaymentMemory | undefined): void {
  for (const { scid, direction, policy } of memory?.policies() ?? []) {
    const channel = arena.graph.channelIndex(scid);
    if (channel === undefined || memory!.isExcluded({ scid, direction })) continue;
    const half = 2 * channel + direction;
    replaceHalf(arena, half, {
      base: policy.feeBaseMsat,
      ppm: policy.feePpm,
      cltv: policy.cltvDelta,
      min: numberOf(policy.htlcMinimumMsat),
      max: numberOf(policy.htlcMaximumMsat),
    });
  }
}

type Terms = Pick<LocalArc, 'base' | 'ppm' | 'cltv' | 'min' | 'max' | 'hint' | 'blindedPath'>;

function replaceHalf(arena: Arena, half: number, terms: Terms): void {
  if (arena.hiOf(half) < 0) return;
  const arc: LocalArc = {
    ...terms,
    from: arena.from(half),
    to: arena.to(half),
    scid: arena.graph.scidOfChannel(half >> 1),
    direction: (half & 1) as Direction,
    kind: 'public',
    capacity: arena.capacity(half),
    lo: arena.loOf(half),
    hi: arena.hiOf(half),
    used: arena.usedOf(half),
    slots: Infinity,
    bias: 0,
    countsAs: 1,
  };
  arena.mask(half);
  if (arena.state[arc.from] !== NodeState.own) arena.addLocal(arc);
}

/** Own channels carry exactly what is spendable. Those to other own nodes are left out: send from those nodes instead. */
function addSource(
  arena: Arena,
  source: Source,
  knowledge: Knowledge,
  memory: PaymentMemory | undefined,
  now: Millis,
): void {
  const key = toHex(source.nodeId);
  const from = arena.nodeFor(key);
  const avoided = knowledge.avoidedChannels().filter(({ until }) => until > now);
  for (const channel of source.channels) {
    const peer = toHex(channel.peer);
    const to = arena.nodeFor(peer);
    const direction: Direction = key < peer ? 0 : 1;
    const spendable = numberOf(channel.spendableMsat);
    const { scid } = channel;
    const off =
      memory?.isExcluded({ scid, direction }) === true ||
      avoided.some(({ what }) => what.scid === scid && what.direction === direction);
    if (off || spendable <= 0 || channel.slots < 1 || arena.state[to] === NodeState.own || to === from) continue;
    arena.addLocal({
      from,
      to,
      scid,
      direction,
      kind: 'own',
      base: 0,
      ppm: 0,
      cltv: 0,
      ...ownLimits(channel),
      capacity: spendable,
      lo: spendable,
      hi: spendable,
      used: 0,
      slots: channel.slots,
      bias: source.biasPpm ?? 0,
      countsAs: 1,
    });
  }
}

function ownLimits({ htlcMinimumMsat = 0n, htlcMaximumMsat }: SourceChannel): Pick<LocalArc, 'min' | 'max'> {
  return {
    min: numberOf(htlcMinimumMsat),
    max: htlcMaximumMsat === undefined ? MAX_PLANNED_MSAT : numberOf(htlcMaximumMsat),
  };
}

function addHints(arena: Arena, request: PlanRequest, sink: number): void {
  const { payee } = request;
  for (const [index, hint] of payee.hints.slice(0, MOST_HINTS).entries()) {
    // A longer hint is cut at its start: its end leads to the payee.
    const first = Math.max(0, hint.length - MOST_HINT_HOPS);
    for (let hop = first; hop < hint.length; hop++) {
      const next = hint[hop + 1];
      const to = next ? arena.nodeFor(keyOf(next.from)) : sink;
      addHint(arena, request, hint[hop]!, to, { hint: index, hop });
    }
  }
}

function addHint(
  arena: Arena,
  { memory, payee: { isBlinded } }: PlanRequest,
  hop: PayeeHop,
  to: number,
  hint: { readonly hint: number; readonly hop: number },
): void {
  const fromKey = keyOf(hop.from);
  const from = arena.nodeFor(fromKey);
  const toKey = arena.nodeKey(to);
  if (from === to || arena.state[from] === NodeState.own || arena.state[to] === NodeState.own) return;
  const direction: Direction = fromKey < toKey ? 0 : 1;
  const { scid } = hop;
  // Several hints may end in the same hop, as those of a phantom node behind several channels do.
  const repeated = arena.local.all().some((arc) => arc.scid === scid && arc.from === from && arc.to === to);
  // What does not lead to a blinded payee over a path of its own does not lead there at all.
  const isOpen = isBlinded === true && !hop.blindedPath;
  if (isOpen || repeated || memory?.isExcluded({ scid, direction })) return;
  const told = memory?.policyOf({ scid, direction });
  const terms: Terms = {
    hint,
    ...(hop.blindedPath ? { blindedPath: hop.blindedPath } : {}),
    base: told?.feeBaseMsat ?? hop.feeBaseMsat,
    ppm: told?.feePpm ?? hop.feePpm,
    cltv: told?.cltvDelta ?? hop.cltvDelta,
    min: numberOf(told?.htlcMinimumMsat ?? hop.htlcMinimumMsat ?? 0n),
    max: numberOf(told?.htlcMaximumMsat ?? hop.htlcMaximumMsat ?? BigInt(MAX_PLANNED_MSAT)),
  };
  const channel = arena.graph.channelIndex(scid);
  if (
    channel !== undefined &&
    arena.from(2 * channel + direction) === from &&
    arena.to(2 * channel + direction) === to
  ) {
    replaceHalf(arena, 2 * channel + direction, terms);
    return;
  }
  const known = memory?.range({ scid, direction });
  const capacity = known?.atMost === undefined ? MAX_PLANNED_MSAT : numberOf(known.atMost);
  // A payee hints at channels that it expects to receive over: certain until one fails.
  const lo = known?.atMost === undefined ? capacity : 0;
  const used = known ? numberOf(known.inFlight) : 0;
  arena.addLocal({
    from,
    to,
    scid,
    direction,
    kind: 'hint',
    ...terms,
    capacity,
    lo,
    hi: capacity,
    used,
    slots: Infinity,
    bias: 0,
    countsAs: hop.countsAs ?? 1,
  });
}
