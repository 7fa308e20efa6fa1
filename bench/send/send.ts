/** `bench send`: success, fees, parts and time of payments beside the rivals' rules, over drawn balances. */
import type { BenchOptions, BenchReport, BenchResult } from '../../src/bench/index.js';
import { machineName } from '../../src/bench/measure.js';
import { MODELS } from './balances.js';
import type { Done, Job } from './jobs.js';
import { runJobs } from './jobs.js';
import { isOfCell, pairwise } from './statistics.js';
import { OURS } from './strategies.js';

export const AMOUNTS_SAT = [1000, 10_000, 100_000, 1_000_000, 10_000_000] as const;
export const SEED = 'manifold-send-1';
const PROCESSES = 2;

/** Large payments take a hundred times the time of small ones: fewer of them are made. */
const shareOf = (amountSat: number): number => (amountSat >= 10_000_000 ? 0.25 : amountSat >= 1_000_000 ? 0.6 : 1);
const countOf = (count: number, amountSat: number): number => Math.max(4, Math.round(count * shareOf(amountSat)));

export const RIVAL_SETS = ['rivals', 'routers', 'ldk', 'real'] as const;
type RivalSet = (typeof RIVAL_SETS)[number];

/** LDK's own router takes half a second and more per plan. */
const REAL_SHARE = 0.2;

function cells(sets: readonly RivalSet[], mode: 'fresh' | 'memory', count: number, amounts: readonly number[]): Job[] {
  return sets.flatMap((set) =>
    amounts.flatMap((amountSat) =>
      MODELS.map((model): Job => {
        const wanted = countOf(set === 'real' ? count * REAL_SHARE : count, amountSat);
        return { kind: 'cell', set, order: { mode, model, amountSat, count: wanted, seed: SEED } };
      }),
    ),
  );
}

/** Every model, every amount, nothing known before. */
export function comparison(
  count: number,
  amounts: readonly number[] = AMOUNTS_SAT,
  sets: readonly RivalSet[] = RIVAL_SETS,
): Job[] {
  return cells(sets, 'fresh', count, amounts);
}

export function withMemory(count: number): Job[] {
  return cells(['rivals', 'routers', 'ldk'], 'memory', count, [100_000, 1_000_000]);
}

export function ablations(count: number): Job[] {
  const of = (mode: 'fresh' | 'memory', set: 'ablations' | 'decays', amountSat: number): Job[] =>
    MODELS.map((model) => {
      return { kind: 'cell', set, order: { mode, model, amountSat, count: countOf(count, amountSat), seed: SEED } };
    });
  return [
    ...of('fresh', 'ablations', 100_000),
    ...of('fresh', 'ablations', 1_000_000),
    ...of('memory', 'decays', 1_000_000),
  ];
}

export function clusters(count: number): Job[] {
  return ([100_000, 1_000_000, 10_000_000] as const).flatMap((amountSat) =>
    MODELS.map((model): Job => {
      return { kind: 'cluster', order: { model, amountSat, count: countOf(count, amountSat), seed: SEED } };
    }),
  );
}

const QUICK_SETS = ['rivals', 'routers', 'ldk'] as const;

/** Quick: small and middling amounts only, a minute. The full comparison with tables and plots is `bench/send/main.ts`. */
export async function benchSend({ quick }: BenchOptions): Promise<BenchReport> {
  const jobs = quick ? comparison(8, [10_000, 100_000], QUICK_SETS) : comparison(40);
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const done = await runJobs(jobs, { processes: PROCESSES, log });
  return { name: 'send', machine: machineName(), results: jobs.flatMap((job) => resultsOf(job, done)) };
}

function resultsOf(job: Job, done: readonly Done[]): BenchResult[] {
  const result = done.find((each) => isOfCell(each, job));
  if (result?.kind !== 'cell') return [];
  const { model, amountSat, outcomes } = result.result;
  const rivals = Object.keys(outcomes).filter((name) => name !== OURS);
  return rivals.flatMap((rival): BenchResult[] => {
    const both = pairwise(outcomes[OURS]!, outcomes[rival]!, amountSat * 1000);
    const what = `${amountSat} sat, ${model}`;
    return [
      {
        what: `${what}: paid within 60 s`,
        unit: '%',
        ours: both.oursPaid,
        peer: both.theirsPaid,
        peer_name: rival,
        ratio: both.theirsPaid === 0 ? null : Number((both.oursPaid / both.theirsPaid).toFixed(3)),
        target: 'not worse',
        ok: both.oursPaid >= both.theirsPaid,
      },
      {
        what: `${what}: fee where both paid`,
        unit: 'ppm',
        ours: both.oursFee,
        peer: both.theirsFee,
        peer_name: rival,
        ratio: both.theirsFee === 0 ? null : Number((both.oursFee / both.theirsFee).toFixed(3)),
        target: 'not worse',
        ok: both.oursFee <= both.theirsFee,
      },
    ];
  });
}
