/**
 * Measures planning on the mainnet graph: time of a single route and of whole plans, growth with the graph, speed of graph
 * changes, and LDK's router in the same run. `npx tsx test/send/main.ts [payments]`
 */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { Random } from '../../src/node/sim/random.js';
import {
  ChannelGraph,
  FlowPlanner,
  Knowledge,
  loadGraph,
  type PlanRequest,
  type Source,
} from '../../src/send/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { ldkRouter } from './ldk-router.js';

const SEED = 'send-measure-1';
const AMOUNTS_SAT = [1000, 10_000, 100_000, 1_000_000, 10_000_000];

/** CPU milliseconds of this process: other programs on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

const shown = (values: readonly number[]): string =>
  [0.5, 0.95, 1].map((q) => quantile(values, q).toFixed(2).padStart(8)).join('');

/** The node's own channels with half of their capacity, as a payer's node would report them. */
function sourceOf(graph: ChannelGraph, node: number): Source {
  const { rows, from, max, min, capacity } = graph.columns();
  const first = rows.start[node]!;
  const outgoing = [...rows.pool.subarray(first, first + rows.count[node]!)].filter((half) => max[half ^ 1]! >= 0);
  return {
    nodeId: graph.nodeId(node),
    channels: outgoing.map((half) => ({
      scid: graph.scidOfChannel(half >> 1),
      peer: graph.nodeId(from[half]!),
      spendableMsat: BigInt(Math.floor(capacity[half >> 1]! / 2)),
      htlcMinimumMsat: BigInt(min[half ^ 1]!),
      htlcMaximumMsat: BigInt(max[half ^ 1]!),
      slots: 30,
    })),
  };
}

function requestFor(knowledge: Knowledge, sources: readonly Source[], payee: Uint8Array, sat: number): PlanRequest {
  const amountMsat = BigInt(sat) * 1000n;
  return {
    amountMsat,
    sources,
    payee: { nodeId: payee, finalCltvDelta: 18, hints: [] },
    height: 900_000,
    budgetMsat: amountMsat / 100n + 5000n,
    maxParts: 16,
    maxBlocks: 2016,
    knowledge,
    now: 0,
  };
}

/** Nodes that can be paid at all, drawn with the seed. */
function payees(graph: ChannelGraph, count: number, not: ReadonlySet<number>): number[] {
  const random = new Random(SEED);
  const { rows } = graph.columns();
  const drawn: number[] = [];
  while (drawn.length < count) {
    const node = random.int(0, graph.nodeCount - 1);
    if (rows.count[node]! > 0 && !not.has(node)) drawn.push(node);
  }
  return drawn;
}

/** The graph so many times over, the copies joined by channels between the largest nodes. */
function multiplied(graph: ChannelGraph, times: number): ChannelGraph {
  const larger = new ChannelGraph({ nodes: times * graph.nodeCount, channels: times * graph.channelCount });
  const { from, capacity } = graph.columns();
  // Copies get other keys of the same order: the first byte after the prefix changes.
  const key = (node: number, copy: number): string => {
    const original = graph.nodeKey(node);
    return copy === 0
      ? original
      : `0${2 + (copy >> 6)}${(copy & 63).toString(16).padStart(2, '0')}${original.slice(2, 64)}`;
  };
  let joints = 0;
  for (let copy = 0; copy < times; copy++) {
    for (let index = 0; index < graph.halfCount / 2; index++) {
      const scid = graph.scidOfChannel(index) + (BigInt(copy) << 60n);
      const [one, two] = [key(from[2 * index]!, copy), key(from[2 * index + 1]!, copy)];
      const flipped = one > two ? 1 : 0;
      larger.addChannelByKeys(scid, flipped ? two : one, flipped ? one : two, capacity[index]!);
      for (const direction of [0, 1] as const) {
        const policy = graph.policy(graph.scidOfChannel(index), direction);
        if (policy) larger.setPolicy(scid, (direction ^ flipped) as 0 | 1, policy);
      }
    }
    for (let hub = 0; copy > 0 && hub < 200; hub++) {
      const [one, two] = [key(hub, 0), key(hub, copy)].sort() as [string, string];
      const scid = (15n << 60n) + BigInt(joints++);
      larger.addChannelByKeys(scid, one, two, 1e10);
      for (const direction of [0, 1] as const) {
        const policy = {
          feeBaseMsat: 0,
          feePpm: 50,
          cltvDelta: 40,
          htlcMinimumMsat: 1n,
          htlcMaximumMsat: 10_000_000_000n,
        };
        larger.setPolicy(scid, direction, policy);
      }
    }
  }
  return larger;
}

function measurePlans(graph: ChannelGraph, name: string, own: readonly number[], count: number, maxParts = 16): void {
  const knowledge = new Knowledge(graph);
  const planner = new FlowPlanner(graph);
  const sources = own.map((node) => sourceOf(graph, node));
  for (const sat of AMOUNTS_SAT) {
    const times: number[] = [];
    const ofPlans: number[] = [];
    for (const payee of payees(graph, count, new Set(own))) {
      const request = { ...requestFor(knowledge, sources, graph.nodeId(payee), sat), maxParts };
      const start = cpuMs();
      const answer = planner.plan(request);
      times.push(cpuMs() - start);
      if (answer.kind === 'plan') ofPlans.push(times.at(-1)!);
    }
    const label = `${name}, ${sat} sat`.padEnd(34);
    console.log(`${label} all ${shown(times)}   plans (${String(ofPlans.length).padStart(3)}) ${shown(ofPlans)}`);
  }
}

function measureChanges(graph: ChannelGraph): void {
  const random = new Random(SEED);
  const count = 200_000;
  let worst = 0;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const scid = BigInt(random.int(1, 20_000));
    const before = performance.now();
    const [a, b] = [random.int(0, graph.nodeCount - 1), random.int(0, graph.nodeCount - 1)];
    if (a !== b) {
      const [one, two] = [graph.nodeKey(a), graph.nodeKey(b)].sort() as [string, string];
      graph.addChannelByKeys(scid, one, two, 1e9);
      const policy = {
        feeBaseMsat: 1,
        feePpm: i % 1000,
        cltvDelta: 40,
        htlcMinimumMsat: 1n,
        htlcMaximumMsat: 1_000_000_000n,
      };
      graph.applyUpdate({ scid, direction: (i & 1) as 0 | 1, timestamp: i + 1, policy }, i + 1);
      if (i % 3 === 0) graph.closeChannel(scid);
    }
    worst = Math.max(worst, performance.now() - before);
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`graph changes: ${Math.round(count / seconds)} per second, longest ${worst.toFixed(2)} ms (wall clock)`);
}

async function measureLdk(graph: ChannelGraph, payer: number, count: number): Promise<void> {
  const router = await ldkRouter(graph);
  const knowledge = new Knowledge(graph);
  const planner = new FlowPlanner(graph);
  const sources = [sourceOf(graph, payer)];
  for (const [sat, maxParts] of [
    [10_000, 1],
    [1_000_000, 1],
    [1_000_000, 10],
  ] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const found = [0, 0];
    // LDK takes half a second and more for a route of several parts.
    for (const node of payees(graph, maxParts > 1 ? Math.ceil(count / 4) : count, new Set([payer]))) {
      const payee = graph.nodeId(node);
      const request = { ...requestFor(knowledge, sources, payee, sat), maxParts };
      let start = cpuMs();
      const plan = planner.plan(request);
      const our = cpuMs() - start;
      start = cpuMs();
      const parts = router.find(graph.nodeId(payer), payee, request.amountMsat, maxParts);
      const their = cpuMs() - start;
      if (plan.kind === 'plan') found[0]!++;
      if (parts > 0) found[1]!++;
      if (plan.kind === 'refusal' || parts === 0) continue;
      ours.push(our);
      theirs.push(their);
    }
    const ratio = [0.5, 0.95].map((q) => `${(quantile(theirs, q) / quantile(ours, q)).toFixed(1)}x`).join(', ');
    console.log(`LDK, ${sat} sat, up to ${maxParts} parts, both found ${ours.length} (${found.join(' and ')})`);
    console.log(`  ours ${shown(ours)}   LDK ${shown(theirs)}   LDK / ours at p50, p95: ${ratio}`);
  }
}

const count = Number(process.argv[2] ?? 300);
const packed = await readFile(new URL('../data/mainnet-2026-02-03.json.gz', import.meta.url));
const started = performance.now();
const loaded = loadGraph(JSON.parse(gunzipSync(packed).toString()));
if (!loaded.ok) throw new Error(loaded.error.message);
const { graph } = loaded.value;
console.log(
  `loaded in ${(performance.now() - started).toFixed(0)} ms, ${toHex(graph.nodeId(0)).slice(0, 8)} is the largest node`,
);
console.log('CPU milliseconds: p50, p95, most');
const { rows } = graph.columns();
const small = Array.from({ length: graph.nodeCount }, (_, node) => node).filter((node) => rows.count[node] === 22);
measurePlans(graph, 'warming up', [0], Math.min(count, 50));
measurePlans(graph, 'largest node, one part', [0], count, 1);
measurePlans(graph, 'largest node', [0], count);
measurePlans(graph, 'degree 22, one part', small.slice(0, 1), count, 1);
measurePlans(graph, 'degree 22', small.slice(0, 1), count);
measurePlans(graph, 'two nodes of degree 22', small.slice(0, 2), count);
for (const times of [2, 4])
  measurePlans(multiplied(graph, times), `degree 22, graph x${times}`, small.slice(0, 1), count);
if (process.argv[3] !== 'no-ldk') await measureLdk(graph, small[0]!, Math.min(count, 60));
measureChanges(graph);
process.exit(0);
