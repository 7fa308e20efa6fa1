/** Small networks for the sending tests, and an independent check of plans that works from the request alone. */
import fc from 'fast-check';
import {
  applyLessons,
  ChannelGraph,
  type HopUse,
  Knowledge,
  type PaymentMemory,
  type Plan,
  type PlanRequest,
  type Policy,
  type RouteHop,
} from '../../src/send/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';

/** The id of the n-th test node; ids sort as their numbers do. */
export const nodeId = (n: number): Uint8Array => fromHex(`02${n.toString(16).padStart(64, '0')}`);
export const nodeNumber = (id: Uint8Array): number => Number.parseInt(toHex(id).slice(2), 16);

export interface TestChannel {
  readonly scid: bigint;
  /** a < b */
  readonly a: number;
  readonly b: number;
  readonly capacityMsat: bigint;
  /** From a to b, from b to a; undefined: disabled. */
  readonly policies: readonly [Policy | undefined, Policy | undefined];
}

export const policyOf = (over: Partial<Policy> = {}): Policy => ({
  feeBaseMsat: 1000,
  feePpm: 100,
  cltvDelta: 40,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 1_000_000_000_000n,
  ...over,
});

export const channel = (
  scid: number,
  a: number,
  b: number,
  capacitySat: number,
  forth: Partial<Policy> | null = {},
  back: Partial<Policy> | null = {},
): TestChannel => ({
  scid: BigInt(scid),
  a,
  b,
  capacityMsat: BigInt(capacitySat) * 1000n,
  policies: [forth === null ? undefined : policyOf(forth), back === null ? undefined : policyOf(back)],
});

export function graphOf(channels: readonly TestChannel[]): ChannelGraph {
  const graph = new ChannelGraph();
  for (const { scid, a, b, capacityMsat, policies } of channels) {
    graph.addChannel({ scid, node1: nodeId(a), node2: nodeId(b), capacityMsat });
    for (const direction of [0, 1] as const) {
      const policy = policies[direction];
      if (policy) graph.applyUpdate({ scid, direction, timestamp: 1, policy }, 1);
    }
  }
  return graph;
}

/** An own node that can send half of each of its channels. */
export function sourceOf(channels: readonly TestChannel[], node: number, share = 2n): PlanRequest['sources'][number] {
  const own = channels.filter(({ a, b }) => a === node || b === node);
  return {
    nodeId: nodeId(node),
    channels: own.map(({ scid, a, b, capacityMsat }) => ({
      scid,
      peer: nodeId(a === node ? b : a),
      spendableMsat: capacityMsat / share,
      slots: 10,
    })),
  };
}

export function requestOf(
  graph: ChannelGraph,
  channels: readonly TestChannel[],
  sources: readonly number[],
  payee: number,
  amountMsat: bigint,
  over: Partial<PlanRequest> = {},
): PlanRequest {
  return {
    amountMsat,
    sources: sources.map((node) => sourceOf(channels, node)),
    payee: { nodeId: nodeId(payee), finalCltvDelta: 18, hints: [] },
    height: 800_000,
    budgetMsat: amountMsat,
    maxParts: 10,
    maxBlocks: 2016,
    knowledge: new Knowledge(graph),
    now: 0,
    ...over,
  };
}

export const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((a, b) => a + b, 0n);

const useKey = ({ scid, direction }: Pick<RouteHop, 'scid' | 'direction'>): string => `${scid}/${direction}`;

/** Every rule that a plan breaks, found without the planner's own arithmetic. */
export function faultsOf(plan: Plan, request: PlanRequest, channels: readonly TestChannel[]): string[] {
  const faults: string[] = [];
  const wrong = (what: string): void => void faults.push(what);
  if (sumOf(plan.parts.map(({ amountMsat }) => amountMsat)) !== request.amountMsat) wrong('amounts do not add up');
  if (sumOf(plan.parts.map(({ feeMsat }) => feeMsat)) !== plan.feeMsat) wrong('fees do not add up');
  if (plan.feeMsat > request.budgetMsat) wrong('over budget');
  if (plan.parts.length > request.maxParts) wrong('too many parts');
  if (!(plan.successProbability > 0 && plan.successProbability <= 1)) wrong('probability out of range');
  const used = new Map<string, bigint>();
  const counts = new Map<string, number>();
  for (const part of plan.parts) {
    if (part.amountMsat <= 0n) wrong('empty part');
    faults.push(...faultsOfRoute(part, request, channels));
    for (const hop of part.hops) {
      used.set(useKey(hop), (used.get(useKey(hop)) ?? 0n) + hop.amountMsat);
      counts.set(useKey(hop), (counts.get(useKey(hop)) ?? 0) + 1);
    }
  }
  for (const hop of plan.parts.flatMap(({ hops }) => hops)) {
    const total = used.get(useKey(hop))!;
    if (total > mostOver(hop, request, channels)) wrong(`too much over ${useKey(hop)}`);
    if (counts.get(useKey(hop))! > slotsOf(hop, request)) wrong(`too many HTLCs on ${useKey(hop)}`);
  }
  return faults;
}

function ownChannel({ scid }: RouteHop, { sources }: PlanRequest) {
  return sources.flatMap((source) => source.channels).find((own) => own.scid === scid);
}

function slotsOf(hop: RouteHop, request: PlanRequest): number {
  return hop.kind === 'own' ? ownChannel(hop, request)!.slots : Infinity;
}

function mostOver(hop: RouteHop, request: PlanRequest, channels: readonly TestChannel[]): bigint {
  if (hop.kind === 'own') return ownChannel(hop, request)!.spendableMsat;
  const known = request.knowledge.range(hop, request.now);
  if (known && hop.kind === 'public') return BigInt(Math.floor(known.hi - known.inFlight));
  return channels.find(({ scid }) => scid === hop.scid)?.capacityMsat ?? 1n << 63n;
}

/** Base fee plus proportional fee, rounded down (BOLT 7), in bigint. */
export const feeMsat = (policy: Policy, amount: bigint): bigint =>
  BigInt(policy.feeBaseMsat) + (amount * BigInt(policy.feePpm)) / 1_000_000n;

function policyFor(hop: RouteHop, request: PlanRequest, channels: readonly TestChannel[]): Policy | undefined {
  const told = request.memory?.policyOf(hop);
  if (told) return told;
  if (hop.hint) {
    const hinted = request.payee.hints[hop.hint.hint]![hop.hint.hop]!;
    return policyOf({
      htlcMinimumMsat: 0n,
      htlcMaximumMsat: 1n << 63n,
      ...hinted,
    });
  }
  return channels.find(({ scid }) => scid === hop.scid)?.policies[hop.direction];
}

function faultsOfRoute(part: Plan['parts'][number], request: PlanRequest, channels: readonly TestChannel[]): string[] {
  const faults: string[] = [];
  const wrong = (what: string): void => void faults.push(what);
  const { hops } = part;
  const own = request.sources.find(({ nodeId: id }) => toHex(id) === toHex(part.source));
  const first = own?.channels.find(({ scid }) => scid === hops[0]!.scid);
  if (hops[0]!.kind !== 'own' || !first) return ['does not start with an own channel'];
  if (toHex(first.peer) !== toHex(hops[0]!.nodeId)) wrong('own channel leads elsewhere');
  if (first.htlcMaximumMsat !== undefined && hops[0]!.amountMsat > first.htlcMaximumMsat) wrong('own maximum');
  if (hops[0]!.amountMsat < (first.htlcMinimumMsat ?? 0n)) wrong('own minimum');
  const last = hops.at(-1)!;
  if (toHex(last.nodeId) !== toHex(request.payee.nodeId)) wrong('does not end at the payee');
  if (last.amountMsat !== part.amountMsat) wrong('payee gets another amount');
  if (last.expiry !== request.height + request.payee.finalCltvDelta) wrong('final expiry');
  if (hops[0]!.amountMsat !== part.amountMsat + part.feeMsat) wrong('first amount');
  if (hops[0]!.expiry - request.height > request.maxBlocks) wrong('too many blocks');
  if (hops.length > (request.maxHops ?? 20)) wrong('too many hops');
  const visited = [part.source, ...hops.map((hop) => hop.nodeId)].map(toHex);
  if (new Set(visited).size !== visited.length) wrong('a node twice');
  const ownIds = new Set(request.sources.map(({ nodeId: id }) => toHex(id)));
  if (visited.slice(1).some((id) => ownIds.has(id))) wrong('crosses an own node');
  for (let i = 1; i < hops.length; i++) {
    const hop = hops[i]!;
    const policy = policyFor(hop, request, channels);
    if (!policy) {
      wrong(`no policy for ${useKey(hop)}`);
      continue;
    }
    const [from, to] = [visited[i]!, visited[i + 1]!];
    const found = channels.find(({ scid }) => scid === hop.scid);
    const ends = found && [toHex(nodeId(found.a)), toHex(nodeId(found.b))];
    if (hop.kind === 'public' && (!ends || ends[hop.direction] !== from || ends[1 - hop.direction] !== to)) {
      wrong(`${useKey(hop)} does not join its nodes`);
    }
    if (hop.direction !== (from < to ? 0 : 1)) wrong('direction');
    if (hops[i - 1]!.amountMsat !== hop.amountMsat + feeMsat(policy, hop.amountMsat)) wrong(`fee at ${useKey(hop)}`);
    if (hops[i - 1]!.expiry !== hop.expiry + policy.cltvDelta) wrong(`expiry at ${useKey(hop)}`);
    if (hop.amountMsat < policy.htlcMinimumMsat) wrong(`minimum of ${useKey(hop)}`);
    if (hop.amountMsat > policy.htlcMaximumMsat) wrong(`maximum of ${useKey(hop)}`);
    if (request.memory?.isExcluded(hop)) wrong(`${useKey(hop)} is excluded`);
    const avoided = request.knowledge.avoidedChannels().some(({ what, until }) => {
      return until > request.now && useKey(what) === useKey(hop);
    });
    if (avoided) wrong(`${useKey(hop)} is avoided`);
    if ([...(request.memory?.nodes() ?? [])].includes(from)) wrong('goes through an excluded node');
  }
  return faults;
}

export interface World {
  readonly nodes: number;
  readonly channels: readonly TestChannel[];
}

/** Policies as they occur. */
const usualPolicy: fc.Arbitrary<Policy> = fc.record({
  feeBaseMsat: fc.constantFrom(0, 0, 1, 33, 1000, 1000, 5000),
  feePpm: fc.constantFrom(0, 1, 50, 100, 500, 1500, 5000),
  cltvDelta: fc.constantFrom(18, 34, 40, 80, 144),
  htlcMinimumMsat: fc.constantFrom(0n, 1n, 1000n, 1000n, 10_000n),
  htlcMaximumMsat: fc.constantFrom(500_000_000n, 2_000_000_000n, 990_000_000n, 100_000_000_000n),
});

/** Policies that somebody may announce. */
const absurdPolicy: fc.Arbitrary<Policy> = fc.record({
  feeBaseMsat: fc.constantFrom(0, 10_000_000, 0xffff_ffff),
  feePpm: fc.constantFrom(0, 1_000_000, 0xffff_ffff),
  cltvDelta: fc.constantFrom(0, 1444, 0xffff),
  htlcMinimumMsat: fc.constantFrom(0n, 5_940_000_000n, (1n << 64n) - 1n),
  htlcMaximumMsat: fc.constantFrom(0n, 1n, 1000n, (1n << 64n) - 1n),
});

const capacity: fc.Arbitrary<bigint> = fc.constantFrom(200_000_000n, 500_000_000n, 1_000_000_000n, 5_000_000_000n);
const absurdCapacity: fc.Arbitrary<bigint> = fc.constantFrom(0n, 1n, 1000n, 2_100_000_000_000_000_000n);

/** Any pairs of nodes, parallel channels too. Node 0 is the payer's, the last node the payee. */
export function world(size: { nodes: number; channels: number; hostile: boolean }): fc.Arbitrary<World> {
  const policy = size.hostile ? fc.oneof(usualPolicy, absurdPolicy) : usualPolicy;
  return fc.integer({ min: 2, max: size.nodes }).chain((nodes) =>
    fc
      .array(
        fc.record({
          ends: fc.tuple(fc.nat({ max: nodes - 1 }), fc.nat({ max: nodes - 1 })).filter(([a, b]) => a !== b),
          capacityMsat: size.hostile ? fc.oneof(capacity, absurdCapacity) : capacity,
          forth: fc.option(policy, { nil: undefined, freq: 8 }),
          back: fc.option(policy, { nil: undefined, freq: 8 }),
        }),
        { minLength: 1, maxLength: size.channels },
      )
      .map((rows) => ({
        nodes,
        channels: rows.map(({ ends, capacityMsat, forth, back }, i): TestChannel => ({
          scid: BigInt(i + 1),
          a: Math.min(...ends),
          b: Math.max(...ends),
          capacityMsat,
          policies: [forth, back],
        })),
      })),
  );
}

/** What a payment's step would teach: hop `index` could not carry its amount, those before it did. */
export function cannotCarry(knowledge: Knowledge, memory: PaymentMemory, hops: readonly HopUse[], index: number): void {
  const hop = hops[index]!;
  applyLessons(
    knowledge,
    [
      { kind: 'passed', hops: hops.slice(0, index) },
      { kind: 'cannot_carry', hop },
    ],
    0,
  );
  memory.couldNotCarry(hop);
}
