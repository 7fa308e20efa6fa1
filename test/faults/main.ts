/**
 * Fault schedules from the command line: `npm run test:faults -- [--of receiving|sending] [--seeds N] [--from S]
 * [--store fake|sqlite]`, or one run in detail: `--of sending --seed X --trace`. Without `--of` both kinds run, each with all
 * seeds. `--model` explores the protocol's model instead. Exit code 1 if a rule was broken.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { explore } from '../receive/model/explore.js';
import { NODES, rulesOf } from '../receive/model/world.js';
import type { Violation } from './checker.js';
import { runSeed } from './run.js';
import { runSending } from './sending/run.js';
import { openSqlitePayments } from './sending/sqlite-store.js';
import { openFakePayments } from './sending/world.js';
import { openFakeStore } from './world.js';
import { openSqliteStore } from './sqlite-store.js';

const STORES = {
  fake: { receiving: openFakeStore, sending: openFakePayments },
  sqlite: { receiving: openSqliteStore, sending: openSqlitePayments },
};
type StoreName = keyof typeof STORES;
const KINDS = ['receiving', 'sending'] as const;
type Kind = (typeof KINDS)[number];
/** Seeds handed to a worker at a time. */
const CHUNK = 20;
const WORKER = '--as-worker';

interface Job {
  readonly of: Kind;
  readonly seeds: readonly number[];
  readonly store: StoreName;
}

/** What a run was, in numbers that are added up. */
interface Answer {
  readonly of: Kind;
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly counts: Readonly<Record<string, number>>;
}

async function runOne(
  of: Kind,
  seed: number,
  store: StoreName,
  keepTrace: boolean,
): Promise<Answer & { trace: readonly string[] }> {
  if (of === 'receiving') {
    const wiring = { openStore: STORES[store].receiving };
    const { violations, traceHash, trace, ...result } = await runSeed(seed, { wiring, keepTrace });
    const counts = {
      'invoices settled': result.settledInvoices,
      'payments failed': result.failedPayments,
      'parts lost with an alarm': result.losses,
    };
    return { of, seed, violations, traceHash, trace, counts };
  }
  const wiring = { openStore: STORES[store].sending };
  const { violations, traceHash, trace, ...result } = await runSending(seed, { wiring, keepTrace });
  const counts = {
    'payments succeeded': result.succeeded,
    'payments failed': result.failed,
    'parts sent or planned': result.parts,
    'payments with parts of unknown fate': result.takenOver,
  };
  return { of, seed, violations, traceHash, trace, counts };
}

async function runQuietly(of: Kind, seed: number, store: StoreName): Promise<Answer> {
  try {
    const { trace: _, ...answer } = await runOne(of, seed, store, false);
    return answer;
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { of, seed, violations: [{ rule: 'threw', what }], traceHash: '', counts: {} };
  }
}

/** A child process: seeds in, answers out, until the parent lets go. */
function work(): void {
  process.on('message', ({ of, seeds, store }: Job) => {
    void (async () => {
      const answers: Answer[] = [];
      for (const seed of seeds) answers.push(await runQuietly(of, seed, store));
      process.send!(answers);
    })();
  });
}

async function inDetail(of: Kind, seed: number, store: StoreName, keepTrace: boolean): Promise<number> {
  const result = await runOne(of, seed, store, keepTrace);
  if (keepTrace) for (const line of result.trace) console.log(line);
  console.log(`${of}, seed ${seed}, trace ${result.traceHash}`);
  return report(result);
}

/** Prints violations; returns how many runs had any. */
function report({ of, seed, violations }: Answer): number {
  for (const { rule, what } of violations) console.log(`VIOLATION ${of}, seed ${seed}: ${rule}: ${what}`);
  if (violations.length > 0) console.log(`  again: npm run test:faults -- --of ${of} --seed ${seed} --trace`);
  return violations.length > 0 ? 1 : 0;
}

interface Bulk {
  readonly of: Kind;
  readonly from: number;
  readonly count: number;
  readonly store: StoreName;
}

async function inBulk({ of, from, count, store }: Bulk): Promise<number> {
  const startedAt = performance.now();
  const totals = new Map<string, number>();
  let [done, failed, next, printedAt] = [0, 0, from, startedAt];
  const speed = (): string => `${((done * 1000) / (performance.now() - startedAt)).toFixed(1)} seeds/s`;
  const take = (): number[] => {
    const seeds = Array.from({ length: Math.min(CHUNK, from + count - next) }, (_, i) => next + i);
    next += seeds.length;
    return seeds;
  };
  const note = (answer: Answer): void => {
    done += 1;
    failed += report(answer);
    for (const [what, times] of Object.entries(answer.counts)) totals.set(what, (totals.get(what) ?? 0) + times);
    if (performance.now() - printedAt < 5_000) return;
    printedAt = performance.now();
    console.log(`${of}: ${done} of ${count}, ${speed()}`);
  };
  const oneWorker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(fileURLToPath(import.meta.url), [WORKER]);
      const go = (): void => {
        const seeds = take();
        if (seeds.length > 0) worker.send({ of, seeds, store } satisfies Job);
        else worker.disconnect();
      };
      worker.on('message', (answers: Answer[]) => {
        answers.forEach(note);
        go();
      });
      worker.on('error', reject);
      worker.on('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`a worker ended with ${code ?? 'a signal'}`));
      });
      go();
    });
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), Math.ceil(count / CHUNK)) }, oneWorker));
  console.log(`${of}: ${[...totals].map(([what, times]) => `${times} ${what}`).join(', ')}; ${speed()}`);
  console.log(`${of}: ${done - failed} passed, ${failed} failed`);
  return failed;
}

/** The protocol's model with two shaky nodes, completely: over half a million states. */
async function exploreModel(): Promise<number> {
  const part = { amountMsat: 1n, totalMsat: 2n };
  const parts = [
    { node: 'n1', ...part },
    { node: 'n2', ...part },
  ] as const;
  const { states, transitions, violation } = await explore(rulesOf(parts, { owners: [['A', NODES]] }), {
    fairEvery: 20,
  });
  if (violation) console.log(`VIOLATION ${violation.rule}: ${violation.path.join(', ')}`);
  console.log(`${states} states, ${transitions} transitions`);
  return violation ? 1 : 0;
}

function oneOf<Name extends string>(option: string, names: readonly Name[], given: string): Name {
  const found = names.find((name) => name === given);
  if (!found) throw new RangeError(`${option} is ${names.join(' or ')}, not ${given}`);
  return found;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      of: { type: 'string' },
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '1' },
      store: { type: 'string', default: 'fake' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      model: { type: 'boolean', default: false },
    },
  });
  const store = oneOf('--store', Object.keys(STORES) as StoreName[], values.store);
  if (values.model) {
    process.exitCode = await exploreModel();
    return;
  }
  const kinds = values.of === undefined ? KINDS : [oneOf('--of', KINDS, values.of)];
  let failed = 0;
  for (const of of kinds) {
    failed +=
      values.seed === undefined
        ? await inBulk({ of, from: Number(values.from), count: Number(values.seeds), store })
        : await inDetail(of, Number(values.seed), store, values.trace);
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

if (process.argv.includes(WORKER)) work();
else await main();
