/** Measuring: contenders take turns in short rounds, so that a noisy machine disturbs all of them alike. */
import { cpus } from 'node:os';

export interface Contender {
  readonly name: string;
  /** One operation. */
  run(i: number): void;
}

const ROUNDS = 7;

/** Operations per second of each contender: the median of interleaved rounds. */
export function opsPerSecond(contenders: readonly Contender[], roundMs: number): Map<string, number> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) runFor(contender, roundMs / 2); // warm up
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) rates.get(contender.name)!.push(runFor(contender, roundMs));
  }
  return new Map([...rates].map(([name, values]) => [name, quantile(values, 0.5)]));
}

function runFor(contender: Contender, ms: number): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    for (let i = 0; i < 8; i++) contender.run(count++);
    elapsed = performance.now() - start;
  } while (elapsed < ms);
  return (count / elapsed) * 1000;
}

/** The value below which a share `q` of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

export function machineName(): string {
  const [cpu] = cpus();
  return `${cpu?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, node ${process.versions.node}, ${process.platform} ${process.arch}`;
}

/** One line of a report: ours beside a peer's, and whether the target was met. */
export interface BenchResult {
  readonly what: string;
  readonly unit: 'ops/s' | 'ms' | 'commits' | 'MB' | '%' | 'ppm';
  readonly ours: number;
  readonly peer: number | null;
  readonly peer_name: string | null;
  /** Ours over peer's. */
  readonly ratio: number | null;
  readonly target: string | null;
  /** Null where the peer could not be measured. */
  readonly ok: boolean | null;
  /** Why a peer could not be measured. */
  readonly note?: string;
}

export interface BenchReport {
  readonly name: string;
  readonly machine: string;
  readonly results: readonly BenchResult[];
}

export interface BenchOptions {
  /** A short run that shows that it works; its figures are rough. */
  readonly quick: boolean;
}

/** Compares operations per second with a peer; without a peer the target is an absolute figure. */
export function compared(
  what: string,
  ours: number,
  peer: { readonly name: string; readonly value: number } | { readonly name: string; readonly missing: string },
  leastRatio: number,
): BenchResult {
  const target = `>= ${leastRatio}x ${peer.name}`;
  const base = { what, unit: 'ops/s' as const, ours: rounded(ours), peer_name: peer.name, target };
  if ('missing' in peer) return { ...base, peer: null, ratio: null, ok: null, note: peer.missing };
  const ratio = ours / peer.value;
  return { ...base, peer: rounded(peer.value), ratio: Number(ratio.toFixed(2)), ok: ratio >= leastRatio };
}

export function atLeast(what: string, ours: number, least: number): BenchResult {
  const target = `>= ${least}/s`;
  return {
    what,
    unit: 'ops/s',
    ours: rounded(ours),
    peer: null,
    peer_name: null,
    ratio: null,
    target,
    ok: ours >= least,
  };
}

export function below(what: string, ours: number, most: number): BenchResult {
  const target = `< ${most} ms`;
  return {
    what,
    unit: 'ms',
    ours: Number(ours.toFixed(3)),
    peer: null,
    peer_name: null,
    ratio: null,
    target,
    ok: ours < most,
  };
}

export function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toFixed(2));
}
