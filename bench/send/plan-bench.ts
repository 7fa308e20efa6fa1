/** `bench route` and `bench plan`: how long planning takes on the mainnet graph, beside LDK's router in the same run. */
import { Random } from '../../src/node/sim/random.js';
import type { BenchOptions, BenchReport, BenchResult } from '../../src/bench/index.js';
import { below, machineName, quantile, rounded } from '../../src/bench/measure.js';
import { type ChannelGraph, FlowPlanner, Knowledge, type PlanRequest, type Source } from '../../src/send/index.js';
import { ldkRouter } from '../../test/send/ldk-router.js';
import { gossipRows } from './gossip-bench.js';
import { multiplied } from './graph-copies.js';
import { mainnetGraph } from './graph-file.js';

const SEED = 'send-measure-1';
const PAYER_DEGREE = 22;
const COPIES = [1, 2, 4];
/** LDK takes half a second and more for a route of several parts. */
const LDK_SHARE = 0.2;

/** CPU milliseconds of this process: other programs on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function timed<T>(body: () => T): { readonly ms: number; readonly value: T } {
  const start = cpuMs();
  const value = body();
  return { ms: cpuMs() - start, value };
}

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

interface Scene {
  readonly graph: ChannelGraph;
  readonly payer: number;
  readonly planner: FlowPlanner;
  readonly knowledge: Knowledge;
  readonly source: Source;
  readonly payees: readonly number[];
}

function sceneOn(graph: ChannelGraph, count: number): Scene {
  const { rows } = graph.columns();
  const nodes = Array.from({ length: graph.nodeCount }, (_, node) => node);
  const payer = nodes.find((node) => rows.count[node] === PAYER_DEGREE)!;
  const random = new Random(SEED);
  const payees: number[] = [];
  while (payees.length < count) {
    const node = random.int(0, graph.nodeCount - 1);
    if (rows.count[node]! > 0 && node !== payer) payees.push(node);
  }
  const source = sourceOf(graph, payer);
  return { graph, payer, planner: new FlowPlanner(graph), knowledge: new Knowledge(graph), source, payees };
}

function requestFor({ graph, knowledge, source }: Scene, payee: number, sat: number, maxParts: number): PlanRequest {
  const amountMsat = BigInt(sat) * 1000n;
  return {
    amountMsat,
    sources: [source],
    payee: { nodeId: graph.nodeId(payee), finalCltvDelta: 18, hints: [] },
    height: 900_000,
    budgetMsat: amountMsat / 100n + 5000n,
    maxParts,
    maxBlocks: 2016,
    knowledge,
    now: 0,
  };
}

/** CPU time of plans that were found. */
function planTimes(scene: Scene, sat: number, maxParts: number): number[] {
  return scene.payees.flatMap((payee) => {
    const { ms, value } = timed(() => scene.planner.plan(requestFor(scene, payee, sat, maxParts)));
    return value.kind === 'plan' ? [ms] : [];
  });
}

const plain = (what: string, ours: number): BenchResult => ({
  what,
  unit: 'ms',
  ours: rounded(ours),
  peer: null,
  peer_name: null,
  ratio: null,
  target: null,
  ok: null,
});

/** One path: against LDK's router, and against the clock. */
export async function benchRoute({ quick }: BenchOptions): Promise<BenchReport> {
  const scene = sceneOn(await mainnetGraph(), quick ? 40 : 300);
  planTimes(scene, 10_000, 1); // warm up
  const results: BenchResult[] = [];
  for (const sat of [10_000, 1_000_000]) {
    const times = planTimes(scene, sat, 1);
    results.push(below(`one path for ${sat} sat, p95 of ${times.length}`, quantile(times, 0.95), 10));
    results.push(plain(`one path for ${sat} sat, median`, quantile(times, 0.5)));
    results.push(await besideLdk(scene, sat, 1, 5));
  }
  return { name: 'route', machine: machineName(), results };
}

/** Whole plans by amount, and as the graph grows. */
export async function benchPlan({ quick }: BenchOptions): Promise<BenchReport> {
  const graph = await mainnetGraph();
  const count = quick ? 40 : 300;
  const scene = sceneOn(graph, count);
  planTimes(scene, 1_000_000, 100); // warm up
  const results: BenchResult[] = [];
  for (const sat of [1000, 10_000, 100_000, 1_000_000, 10_000_000]) {
    const times = planTimes(scene, sat, 100);
    results.push(plain(`plan for ${sat} sat, median of ${times.length}`, quantile(times, 0.5)));
    const p95 = quantile(times, 0.95);
    results.push(
      sat === 1_000_000 ? below(`plan for ${sat} sat, p95`, p95, 40) : plain(`plan for ${sat} sat, p95`, p95),
    );
  }
  for (const times of quick ? COPIES.slice(0, 2) : COPIES) {
    const larger = sceneOn(multiplied(graph, times), count);
    const found = planTimes(larger, 1_000_000, 100);
    const what = `plan for 1000000 sat, graph x${times} (${larger.graph.channelCount} channels)`;
    results.push(plain(`${what}, median`, quantile(found, 0.5)), plain(`${what}, p95`, quantile(found, 0.95)));
  }
  results.push(...(await gossipRows(graph)));
  results.push(await besideLdk(scene, 1_000_000, 10, 5));
  return { name: 'plan', machine: machineName(), results };
}

async function besideLdk(scene: Scene, sat: number, maxParts: number, leastRatio: number): Promise<BenchResult> {
  const router = await ldkRouter(scene.graph);
  const [ours, theirs]: [number[], number[]] = [[], []];
  const some = scene.payees.slice(0, Math.ceil(scene.payees.length * LDK_SHARE));
  for (const payee of some) {
    const request = requestFor(scene, payee, sat, maxParts);
    const our = timed(() => scene.planner.plan(request));
    const their = timed(() =>
      router.find(scene.graph.nodeId(scene.payer), scene.graph.nodeId(payee), request.amountMsat, maxParts),
    );
    if (our.value.kind !== 'plan' || their.value === 0) continue;
    ours.push(our.ms);
    theirs.push(their.ms);
  }
  const [our, their] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
  return {
    what: `${sat} sat in up to ${maxParts} parts, median of ${ours.length} that both found`,
    unit: 'ms',
    ours: rounded(our),
    peer: rounded(their),
    peer_name: 'LDK WASM router',
    ratio: Number((their / our).toFixed(1)),
    target: `>= ${leastRatio}x faster`,
    ok: their >= leastRatio * our,
  };
}
