/**
 * Fault schedules from the command line: `npm run test:faults -- [--seeds N] [--from S] [--store fake|sqlite]`, or one run in
 * detail: `--seed X --trace`. `--model` explores the protocol's model instead. Exit code 1 if a rule was broken.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { explore } from '../receive/model/explore.js';
import { NODES, rulesOf } from '../receive/model/world.js';
import { type RunResult, runSeed } from './run.js';
import { openFakeStore, type OpenStore } from './world.js';
import { openSqliteStore } from './sqlite-store.js';

const STORES: Readonly<Record<string, OpenStore>> = { fake: openFakeStore, sqlite: openSqliteStore };
/** Seeds handed to a worker at a time. */
const CHUNK = 20;
const WORKER = '--as-worker';

interface Job {
  readonly seeds: readonly number[];
  readonly store: string;
}

type Answer = Omit<RunResult, 'trace'>;

function openStoreNamed(name: string): OpenStore {
  const found = STORES[name];
  if (!found) throw new RangeError(`--store is ${Object.keys(STORES).join(' or ')}, not ${name}`);
  return found;
}

async function runQuietly(seed: number, store: string): Promise<Answer> {
  try {
    const { trace: _, ...answer } = await runSeed(seed, { wiring: { openStore: openStoreNamed(store) } });
    return answer;
  } catch (error) {
    const violations = [
      { rule: 'threw', what: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    ];
    return { seed, violations, traceHash: '', settledInvoices: 0, failedPayments: 0, losses: 0, virtualMs: 0 };
  }
}

/** A child process: seeds in, answers out, until the parent lets go. */
function work(): void {
  process.on('message', ({ seeds, store }: Job) => {
    void (async () => {
      const answers: Answer[] = [];
      for (const seed of seeds) answers.push(await runQuietly(seed, store));
      process.send!(answers);
    })();
  });
}

async function inDetail(seed: number, store: string, trace: boolean): Promise<number> {
  const result = await runSeed(seed, { wiring: { openStore: openStoreNamed(store) }, keepTrace: trace });
  if (trace) for (const line of result.trace) console.log(line);
  console.log(`seed ${seed}, trace ${result.traceHash}`);
  return report(result);
}

/** Prints violations; returns how many runs had any. */
function report({ seed, violations }: Answer): number {
  for (const { rule, what } of violations) console.log(`VIOLATION seed ${seed}: ${rule}: ${what}`);
  if (violations.length > 0) console.log(`  again: npm run test:faults -- --seed ${seed} --trace`);
  return violations.length > 0 ? 1 : 0;
}

async function inBulk(from: number, count: number, store: string): Promise<number> {
  const startedAt = performance.now();
  const totals = { done: 0, failed: 0, settled: 0, unpaid: 0, losses: 0 };
  let next = from;
  let printedAt = startedAt;
  const take = (): number[] => {
    const seeds = Array.from({ length: Math.min(CHUNK, from + count - next) }, (_, i) => next + i);
    next += seeds.length;
    return seeds;
  };
  const note = (answer: Answer): void => {
    totals.done += 1;
    totals.failed += report(answer);
    totals.settled += answer.settledInvoices;
    totals.unpaid += answer.failedPayments;
    totals.losses += answer.losses;
    if (performance.now() - printedAt < 5_000) return;
    printedAt = performance.now();
    console.log(`${totals.done} of ${count}, ${((totals.done * 1000) / (printedAt - startedAt)).toFixed(1)} seeds/s`);
  };
  const oneWorker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(fileURLToPath(import.meta.url), [WORKER]);
      const go = (): void => {
        const seeds = take();
        if (seeds.length > 0) worker.send({ seeds, store } satisfies Job);
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
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${totals.settled} invoices settled, ${totals.unpaid} payments failed, ${totals.losses} parts lost with an alarm; ` +
      `${(totals.done / seconds).toFixed(1)} seeds/s`,
  );
  console.log(`${totals.done - totals.failed} passed, ${totals.failed} failed`);
  return totals.failed;
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

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '1' },
      store: { type: 'string', default: 'fake' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      model: { type: 'boolean', default: false },
    },
  });
  openStoreNamed(values.store);
  if (values.model) {
    process.exitCode = await exploreModel();
    return;
  }
  const failed =
    values.seed === undefined
      ? await inBulk(Number(values.from), Number(values.seeds), values.store)
      : await inDetail(Number(values.seed), values.store, values.trace);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (process.argv.includes(WORKER)) work();
else await main();
