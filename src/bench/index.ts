/** The benchmarks by name. */
import { benchBolt11 } from './bolt11.js';
import { benchForward } from './forward.js';
import type { BenchOptions, BenchReport } from './measure.js';
import { benchOnion } from './onion.js';
import { benchReceive } from './receive.js';

export type { BenchOptions, BenchReport, BenchResult } from './measure.js';

export type Benchmark = (options: BenchOptions) => Promise<BenchReport>;

/** In a clone, `bench/main.ts` adds those that need what is not shipped. */
export const BENCHMARKS: Record<string, Benchmark> = {
  onion: benchOnion,
  bolt11: benchBolt11,
  receive: benchReceive,
  forward: benchForward,
};
