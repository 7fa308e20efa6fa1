/**
 * Manifold over LND's gRPC interface: how long a payment waits, how many there can be, what they cost the database, and what
 * an ordinary forward pays for going past an interceptor. The LNDs are lean ones (see `lean-lnd.ts`) in another process.
 */
import {
  atLeast,
  below,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
  machineName,
  quantile,
} from '../../src/bench/measure.js';
import { LndClient } from '../../src/node/lnd/client.js';
import { htlcInterceptor, InterceptAction } from '../../src/node/lnd/rpc/intercept.js';
import { getInfo } from '../../src/node/lnd/rpc/node.js';
import { memoryRows } from './memory.js';
import { type LeanLnds, openLnds, openScene } from './scene.js';
import type { Waits } from './orders.js';
import { type CountedStore, countedPostgres, countedSqlite, distantPostgres } from './stores.js';

/** HTLCs in flight at once under load. */
const WINDOW = 256;
const MOST_FORWARD_MS = 5;

interface Size {
  readonly saturated: number;
  readonly single: number;
  readonly forwards: number;
}
const FULL: Size = { saturated: 6_000, single: 300, forwards: 1_000 };
const QUICK: Size = { saturated: 300, single: 30, forwards: 50 };

const plain = (result: BenchResult): BenchResult => ({ ...result, target: null, ok: true });

function latencyRows(what: string, { waits }: Waits): BenchResult[] {
  return [0.5, 0.99].map((q) =>
    plain(below(`p${q * 100} presented to answered, ${what}`, quantile(waits, q), Infinity)),
  );
}

/** One database: payments per second, commits per payment, latency alone. */
async function storeRows(counted: CountedStore, size: Size): Promise<BenchResult[]> {
  const { name, store } = counted;
  const scene = await openScene(store, 1);
  await scene.ask({ do: 'prepare', payments: Math.ceil(size.saturated / 4), parts: 1 });
  await scene.ask<Waits>({ do: 'saturate', window: WINDOW });
  await scene.ask({ do: 'prepare', payments: size.saturated, parts: 1 });
  const before = counted.commits();
  const busy = await scene.ask<Waits>({ do: 'saturate', window: WINDOW });
  const commits = counted.commits() - before;
  await scene.ask({ do: 'prepare', payments: size.single, parts: 1 });
  const beforeSingle = counted.commits();
  const alone = await scene.ask<Waits>({ do: 'one-by-one' });
  const commitsAlone = counted.commits() - beforeSingle;
  await scene.stop();
  await counted.close();
  const perPayment = (state: string, count: number, payments: number): BenchResult => ({
    ...plain(atLeast(`commits per payment, ${state}, ${name}`, count / payments, 0)),
    unit: 'commits',
  });
  return [
    plain(atLeast(`payments of one part, ${name}`, (busy.waits.length / busy.tookMs) * 1000, 0)),
    perPayment('saturated', commits, busy.waits.length),
    perPayment('one at a time', commitsAlone, alone.waits.length),
    ...latencyRows(`idle, ${name}`, alone),
  ];
}

/** Nodes and parts, on SQLite. */
async function shapeRows(size: Size): Promise<BenchResult[]> {
  const rows: BenchResult[] = [];
  for (const nodes of [1, 2, 3]) {
    const counted = await countedSqlite();
    const scene = await openScene(counted.store, nodes);
    for (const parts of [1, 2, 4]) {
      const shape = `${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${parts} ${parts === 1 ? 'part' : 'parts'}`;
      await scene.ask({ do: 'prepare', payments: size.single, parts });
      rows.push(...latencyRows(`idle, ${shape}`, await scene.ask<Waits>({ do: 'one-by-one' })));
      await scene.ask({ do: 'prepare', payments: Math.ceil(size.saturated / 2 / parts), parts });
      rows.push(...latencyRows(`saturated, ${shape}`, await scene.ask<Waits>({ do: 'saturate', window: WINDOW })));
    }
    await scene.stop();
    await counted.close();
  }
  return rows;
}

interface Forwards {
  readonly idle: Waits;
  readonly busy: Waits;
}

async function measureForwards(lnds: LeanLnds, { forwards: count, saturated }: Size): Promise<Forwards> {
  const idle = await lnds.ask<Waits>({ do: 'forwards', count });
  await lnds.ask({ do: 'prepare', payments: 2 * saturated, parts: 1 });
  await lnds.ask({ do: 'load', window: WINDOW });
  const busy = await lnds.ask<Waits>({ do: 'forwards', count });
  await lnds.ask({ do: 'load', window: 0 });
  return { idle, busy };
}

/** What no interceptor can be faster than: one that resumes whatever it hears of, in the same turn. */
async function rawForwards(size: Size): Promise<Forwards> {
  const lnds = await openLnds(1);
  const client = new LndClient(lnds.endpoints[0]!);
  const stream = client.converse(htlcInterceptor, {
    onMessage: ({ incomingCircuitKey }) => {
      stream.write({ incomingCircuitKey, action: InterceptAction.resume });
    },
    onEnd: () => undefined,
  });
  await client.call(getInfo, {}); // over the same connection: the stream has arrived before it
  const measured = await measureForwards(lnds, size);
  stream.cancel();
  client.close();
  lnds.close();
  return measured;
}

async function forwardRows(size: Size): Promise<BenchResult[]> {
  const raw = await rawForwards(size);
  const counted = await countedSqlite();
  const scene = await openScene(counted.store, 1);
  const ours = await measureForwards(scene, size);
  await scene.stop();
  await counted.close();
  return (['idle', 'busy'] as const).flatMap((state) =>
    [0.5, 0.99].map((q): BenchResult => {
      const [here, floor] = [quantile(ours[state].waits, q), quantile(raw[state].waits, q)];
      const what = `resume of a forward over gRPC, p${q * 100}, ${state === 'idle' ? 'idle' : 'under full phantom load'}`;
      const peer = { peer: Number(floor.toFixed(3)), peer_name: 'an interceptor that only resumes' };
      return { ...below(what, here, MOST_FORWARD_MS), ...peer, ratio: Number((here / floor).toFixed(2)) };
    }),
  );
}

/** @param minutes of steady load under which memory is watched; 0 for none */
export async function benchLnd({ quick }: BenchOptions, minutes: number): Promise<BenchReport> {
  const size = quick ? QUICK : FULL;
  const results: BenchResult[] = [];
  for (const open of [countedSqlite, countedPostgres, distantPostgres]) {
    const counted = await open();
    if (counted) results.push(...(await storeRows(counted, size)));
  }
  if (!process.env['MANIFOLD_TEST_POSTGRES']) {
    const note = 'not measured: set MANIFOLD_TEST_POSTGRES to a connection string';
    results.push({ ...plain(atLeast('payments of one part, PostgreSQL', 0, 0)), ok: null, note });
  }
  results.push(...(await shapeRows(size)), ...(await forwardRows(size)));
  if (minutes > 0) results.push(...(await memoryRows(minutes)));
  return { name: 'lnd', machine: machineName(), results };
}
