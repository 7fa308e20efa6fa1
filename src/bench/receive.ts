/** HTLC presented → judged → committed → answered, in one process. */
import { ClusterKeys, KeyRing } from '../phantom/index.js';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import type { InterceptedHtlc, NodePort } from '../receive/node-port.js';
import { Receiver } from '../receive/receiver.js';
import { wallClock } from '../receive/clock.js';
import { bytes32 } from './fixtures.js';
import { LoopbackNode } from './loopback-node.js';
import {
  atLeast,
  below,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
  machineName,
  quantile,
  rounded,
} from './measure.js';
import { samplePayment } from './payments.js';
import { type BenchStore, postgresStore, sqliteStore, withoutStorage } from './stores.js';

/** Payments in flight at once under load. */
const WINDOW = 512;
const LEAST_PER_SECOND = { SQLite: 5_000, PostgreSQL: 3_000, 'without storage': 0 };
const MOST_IDLE_MS = 3;

export interface BenchCluster {
  readonly ring: KeyRing;
  readonly nodes: readonly LoopbackNode[];
  readonly receiver: Receiver;
}

/** The keys of every benchmark, so that another process can make payments for it. */
export function benchRing(): KeyRing {
  return new KeyRing({ id: 1, keys: new ClusterKeys(bytes32('bench seed')) });
}

/** The real receiver over the given store and nodes, once it serves them all. */
export async function serveNodes(store: LedgerStore, ring: KeyRing, nodes: readonly NodePort[]): Promise<Receiver> {
  const receiver = new Receiver({
    nodes: nodes.map((port) => ({ port })),
    network: 'regtest',
    keys: () => ring,
    store,
    owner: `bench-${process.pid}-${process.hrtime.bigint()}`,
    clock: wallClock,
    alarms: {
      raise: ({ message }) => {
        throw new Error(message);
      },
    },
  });
  await receiver.start();
  while (!receiver.status().every(({ state }) => state === 'live'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  return receiver;
}

/** Members without a network. */
export async function startCluster({ store }: BenchStore, nodeCount: number): Promise<BenchCluster> {
  const ring = benchRing();
  const nodes = Array.from({ length: nodeCount }, (_, i) => new LoopbackNode(`node-${i}-${process.hrtime.bigint()}`));
  return { ring, nodes, receiver: await serveNodes(store, ring, nodes) };
}

export function show({ nodes }: BenchCluster, htlcs: readonly InterceptedHtlc[]): void {
  for (const htlc of htlcs) nodes.find(({ nodeId }) => nodeId === htlc.key.nodeId)!.show(htlc);
}

/** Payments per second with {@link WINDOW} in flight. All payments are prepared before the clock starts. */
async function saturated(cluster: BenchCluster, payments: readonly (readonly InterceptedHtlc[])[]): Promise<number> {
  const total = payments.reduce((sum, parts) => sum + parts.length, 0);
  return new Promise((resolve) => {
    let shown = 0;
    let answered = 0;
    let inFlight = 0;
    const start = performance.now();
    const fill = (): void => {
      for (; inFlight < WINDOW && shown < payments.length; shown++) {
        inFlight += payments[shown]!.length;
        show(cluster, payments[shown]!);
      }
    };
    for (const node of cluster.nodes) {
      node.onAnswer = (key, answer) => {
        if (answer.action !== 'settle') throw new Error(`answered ${answer.action}`);
        node.finish({ key, outcome: 'settled', onChain: false });
        answered++;
        inFlight--;
        if (answered === total) resolve((payments.length / (performance.now() - start)) * 1000);
        else fill();
      };
    }
    fill();
  });
}

/** Milliseconds from showing to answering, one payment at a time. */
async function idle(cluster: BenchCluster, payments: readonly (readonly InterceptedHtlc[])[]): Promise<number[]> {
  const times: number[] = [];
  for (const parts of payments) {
    const start = performance.now();
    let open = parts.length;
    await new Promise<void>((resolve) => {
      for (const node of cluster.nodes) {
        node.onAnswer = (key) => {
          node.finish({ key, outcome: 'settled', onChain: false });
          if (--open === 0) resolve();
        };
      }
      show(cluster, parts);
    });
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return times;
}

async function measureStore(bench: BenchStore, quick: boolean): Promise<{ perSecond: number; results: BenchResult[] }> {
  const cluster = await startCluster(bench, 3);
  const nodeIds = cluster.nodes.map(({ nodeId }) => nodeId);
  const prepare = (count: number, parts: number) =>
    Array.from({ length: count }, (_, i) => samplePayment(cluster.ring, [...nodeIds.slice(i % 3), ...nodeIds], parts));
  await saturated(cluster, prepare(quick ? 100 : 2_000, 1));
  const perSecond = await saturated(cluster, prepare(quick ? 500 : 20_000, 1));
  const inParts = await saturated(cluster, prepare(quick ? 100 : 4_000, 3));
  const times = await idle(cluster, prepare(quick ? 50 : 500, 1));
  await cluster.receiver.stop();
  await bench.close();
  const { name } = bench;
  const latency = `p50 when idle, presented to answered, ${name}`;
  return {
    perSecond,
    results: [
      atLeast(`payments of one part, ${name}`, perSecond, LEAST_PER_SECOND[name]),
      { ...atLeast(`payments of three parts over three nodes, ${name}`, inParts, 0), target: null },
      below(latency, quantile(times, 0.5), MOST_IDLE_MS),
      { ...below(latency.replace('p50', 'p99'), quantile(times, 0.99), Infinity), target: null },
    ],
  };
}

export async function benchReceive({ quick }: BenchOptions): Promise<BenchReport> {
  const bare = await measureStore(withoutStorage(), quick);
  const results: BenchResult[] = [];
  const postgres = await postgresStore();
  for (const bench of [await sqliteStore(), ...(postgres ? [postgres] : [])]) {
    const measured = await measureStore(bench, quick);
    const [first, ...rest] = measured.results;
    const ratio = Number((measured.perSecond / bare.perSecond).toFixed(2));
    results.push({ ...first!, peer: rounded(bare.perSecond), peer_name: 'the same without storage', ratio }, ...rest);
  }
  if (!postgres) {
    results.push({
      ...atLeast('payments of one part, PostgreSQL', 0, LEAST_PER_SECOND.PostgreSQL),
      ok: null,
      note: 'not measured: set MANIFOLD_TEST_POSTGRES to a connection string',
    });
  }
  return { name: 'receive', machine: machineName(), results };
}
