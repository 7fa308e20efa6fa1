/** Memory of the measuring process (receiver, adapter, SQLite) while new payments come at a steady rate. */
import { type BenchResult, quantile } from '../../src/bench/measure.js';
import { openScene } from './scene.js';
import type { Waits } from './orders.js';
import { countedSqlite } from './stores.js';

const PER_SECOND = 300;
const SAMPLE_MS = 1_000;
/** Code is compiled and caches fill before anything is compared. */
const WARM_UP_SECONDS = 20;
const MEGABYTE = 1024 * 1024;

interface Sample {
  readonly rss: number;
  readonly heapUsed: number;
}

/** The median of a third of the samples: the sawtooth of garbage collection must not count. */
function typical(samples: readonly Sample[], member: keyof Sample): number {
  return (
    quantile(
      samples.map((sample) => sample[member]),
      0.5,
    ) / MEGABYTE
  );
}

export async function memoryRows(minutes: number): Promise<BenchResult[]> {
  const counted = await countedSqlite();
  const scene = await openScene(counted.store, 1);
  await scene.ask<Waits>({ do: 'steady', perSecond: PER_SECOND, seconds: WARM_UP_SECONDS });
  const samples: Sample[] = [];
  const timer = setInterval(() => samples.push(process.memoryUsage()), SAMPLE_MS);
  await scene.ask<Waits>({ do: 'steady', perSecond: PER_SECOND, seconds: Math.round(minutes * 60) });
  clearInterval(timer);
  await scene.stop();
  await counted.close();
  const third = Math.max(1, Math.floor(samples.length / 3));
  const row = (what: string, member: keyof Sample): BenchResult => {
    const [first, last] = [typical(samples.slice(0, third), member), typical(samples.slice(-third), member)];
    return {
      what: `${what}, last third of ${minutes} min at ${PER_SECOND} payments/s`,
      unit: 'MB',
      ours: Number(last.toFixed(1)),
      peer: Number(first.toFixed(1)),
      peer_name: 'first third',
      ratio: Number((last / first).toFixed(2)),
      target: null,
      ok: true,
    };
  };
  return [row('resident memory', 'rss'), row('heap in use', 'heapUsed')];
}
