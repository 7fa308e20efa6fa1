/**
 * How long an ordinary forward waits: a second thread asks for a resume every few milliseconds and measures the round
 * trip, while the main thread is idle, under full phantom load, and with its database gone.
 */
import { Worker } from 'node:worker_threads';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import type { InterceptedHtlc } from '../receive/node-port.js';
import { below, type BenchOptions, type BenchReport, type BenchResult, machineName, quantile } from './measure.js';
import { sampleForward, samplePayment } from './payments.js';
import { type BenchCluster, show, startCluster } from './receive.js';
import { type BenchStore, sqliteStore } from './stores.js';

const MOST_P99_MS = 5;
/** Phantom HTLCs in flight at once under load. */
const WINDOW = 512;

/** Plain JavaScript, so that it runs alike from sources and from a build. */
const ASKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const times = [];
  let sent = 0;
  parentPort.on('message', (at) => times.push(performance.now() - at));
  const timer = setInterval(() => {
    if (sent++ < workerData.count) return parentPort.postMessage(performance.now());
    clearInterval(timer);
    setTimeout(() => { parentPort.postMessage(times); process.exit(0); }, 200);
  }, 3);
`;

/** Round trips in ms from the other thread to the answer of a forward shown to `cluster`. */
function askForResumes(cluster: BenchCluster, forward: InterceptedHtlc, count: number): Promise<number[]> {
  const node = cluster.nodes[0]!;
  const worker = new Worker(ASKER, { eval: true, workerData: { count } });
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: number | number[]) => {
      if (typeof message !== 'number') {
        resolve(message);
        return;
      }
      const phantomAnswer = node.onAnswer;
      const actions: string[] = [];
      node.onAnswer = (_key, { action }) => actions.push(action);
      node.show(forward);
      node.onAnswer = phantomAnswer;
      if (actions[0] !== 'resume') reject(new Error('a forward was not resumed in the turn it arrived'));
      worker.postMessage(message);
    });
  });
}

/** Keeps {@link WINDOW} phantom payments in flight until told to stop; shows prepared payments again under new ids. */
function keepBusy(cluster: BenchCluster, payments: readonly (readonly InterceptedHtlc[])[]): () => void {
  const [node] = cluster.nodes;
  let running = true;
  let next = 0;
  let id = 1n << 40n;
  const showNext = (): void => {
    const [part] = payments[next++ % payments.length]!;
    show(cluster, [{ ...part!, key: { ...part!.key, htlcId: id++ } }]);
  };
  node!.onAnswer = () => {
    if (running) showNext();
  };
  for (let i = 0; i < WINDOW; i++) showNext();
  return () => {
    running = false;
  };
}

class DatabaseGone extends Error {
  readonly retryable = true;
}

/** A store that can be switched off: then every call fails after a while, as with a server that does not answer. */
function switchable({ store, ...bench }: BenchStore): BenchStore & { off: boolean } {
  const state = { off: false };
  const gate = async <T>(call: () => Promise<T>): Promise<T> => {
    if (!state.off) return call();
    await new Promise((resolve) => setTimeout(resolve, 100));
    throw new DatabaseGone('the database is gone');
  };
  const gated: LedgerStore = {
    transact: (hashes, body) => gate(() => store.transact(hashes, body)),
    now: () => gate(() => store.now()),
    leases: () => gate(() => store.leases()),
    unfinishedParts: (nodeId) => gate(() => store.unfinishedParts(nodeId)),
    prune: (decidedBefore) => gate(() => store.prune(decidedBefore)),
    decidedParts: (nodeId) => gate(() => store.decidedParts(nodeId)),
    dueHashes: (now, deadlineBelow, limit) => gate(() => store.dueHashes(now, deadlineBelow, limit)),
    overdueParts: (decidedBefore, deadlineBelow) => gate(() => store.overdueParts(decidedBefore, deadlineBelow)),
  };
  return {
    ...bench,
    store: gated,
    get off() {
      return state.off;
    },
    set off(value) {
      state.off = value;
    },
  };
}

export async function benchForward({ quick }: BenchOptions): Promise<BenchReport> {
  const bench = switchable(await sqliteStore());
  const cluster = await startCluster(bench, 1);
  const nodeIds = cluster.nodes.map(({ nodeId }) => nodeId);
  const payments = Array.from({ length: quick ? 500 : 10_000 }, () => samplePayment(cluster.ring, nodeIds, 1));
  const forward = sampleForward(nodeIds[0]!, payments[0]![0]!);
  const count = quick ? 100 : 1_500;

  const idle = await askForResumes(cluster, forward, count);
  const stop = keepBusy(cluster, payments);
  const busy = await askForResumes(cluster, forward, count);
  bench.off = true;
  const gone = await askForResumes(cluster, forward, count);
  stop();
  bench.off = false;
  await cluster.receiver.stop();
  await bench.close();

  const idleP99 = quantile(idle, 0.99);
  const row = (what: string, times: readonly number[]): BenchResult => ({
    ...below(`resume of a forward, p99, ${what}`, quantile(times, 0.99), MOST_P99_MS),
    peer: Number(idleP99.toFixed(3)),
    peer_name: 'the same when idle',
    ratio: Number((quantile(times, 0.99) / idleP99).toFixed(2)),
  });
  return {
    name: 'forward',
    machine: machineName(),
    results: [
      below('resume of a forward, p99, idle', idleP99, MOST_P99_MS),
      row('under full phantom load', busy),
      row('with the database gone', gone),
    ],
  };
}
