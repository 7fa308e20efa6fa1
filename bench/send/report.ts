/**
 * Writes the tables of docs/sending.md (between its `begin` and `end` marks) and the plots beside it from a file of finished
 * cells and the output of `npm run bench route plan -- --json`: `npx tsx bench/send/report.ts CELLS.jsonl… SPEED.json`
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { BenchReport } from '../../src/bench/index.js';
import { machineName } from '../../src/bench/measure.js';
import { MODELS, type Model } from './balances.js';
import type { CellResult } from './cell.js';
import { CLUSTERS } from './cluster.js';
import { type Done, readDone } from './jobs.js';
import { type Panel, plot } from './plots.js';
import { AMOUNTS_SAT, RIVAL_SETS, SEED } from './send.js';
import { pairwise, summary } from './statistics.js';
import { OURS, type StrategySet } from './strategies.js';
import type { Outcome } from './world.js';

const DOCS = new URL('../../docs/', import.meta.url);
const LEAST_RATIO = 0.5;
const MOST_RATIO = 16;
/** Fees this close, as a share, count as equal. */
const EQUAL_FEES = 0.001;

const shortAmount = (sat: number): string => (sat >= 1e6 ? `${sat / 1e6}M` : `${sat / 1e3}k`);

/** The same cell may have been run for several sets: their strategies stand side by side. */
function cellOf(done: readonly Done[], sets: readonly StrategySet[], mode: string, model: Model, sat: number) {
  const found = done.flatMap((each): CellResult[] =>
    each.kind === 'cell' && sets.includes(each.set) && isCell(each.result, mode, model, sat) ? [each.result] : [],
  );
  const outcomes: Record<string, readonly Outcome[]> = {};
  for (const [name, list] of found.flatMap((cell) => Object.entries(cell.outcomes))) {
    // A slow rival's cell has only the first of the payments.
    if (list.length > (outcomes[name]?.length ?? 0)) outcomes[name] = list;
  }
  return { outcomes, count: Math.max(0, ...found.map((cell) => cell.count)) };
}

const isCell = (cell: CellResult, mode: string, model: Model, sat: number): boolean =>
  cell.mode === mode && cell.model === model && cell.amountSat === sat;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const percent = (paid: number, of: number): string => `${((100 * paid) / of).toFixed(of < 50 ? 0 : 1)} %`;

function namesIn(done: readonly Done[], sets: readonly StrategySet[], mode: string): string[] {
  const names = done.flatMap((each) =>
    each.kind === 'cell' && sets.includes(each.set) && each.result.mode === mode
      ? Object.keys(each.result.outcomes)
      : [],
  );
  return [...new Set([OURS, ...names])];
}

/** How every strategy did: share paid, attempts, parts, seconds. */
function outcomesTable(done: readonly Done[], sets: readonly StrategySet[], mode: string, amounts: readonly number[]) {
  const blocks = MODELS.map((model) => {
    const cells = amounts.map((sat) => ({ sat, ...cellOf(done, sets, mode, model, sat) }));
    const rows = namesIn(done, sets, mode).map((name) => [
      name === OURS ? '**flow (ours)**' : name,
      ...cells.map(({ sat, outcomes }) => {
        const list = outcomes[name];
        if (!list) return '–';
        const { paid, payments, attempts, parts, seconds, fee } = summary(list, sat * 1000);
        const share = percent(paid, payments);
        if (paid === 0) return share;
        return `${share} · ${fee.toFixed(0)} ppm · ${attempts.toFixed(1)} / ${parts.toFixed(1)} · ${seconds.toFixed(1)} s`;
      }),
    ]);
    const counts = cells.map(({ sat, count }) => `${shortAmount(sat)} (${count})`);
    return `**${model}**\n\n${table(['strategy', ...counts], rows)}`;
  });
  return blocks.join('\n\n');
}

interface Verdict {
  readonly text: string;
  readonly successWon: number;
  /** Undefined where no payment was paid by both. */
  readonly feeWon: number | undefined;
}

function verdict(ours: readonly Outcome[], theirs: readonly Outcome[], sat: number): Verdict {
  const { oursPaid, theirsPaid, oursFee, theirsFee, both } = pairwise(ours, theirs, sat * 1000);
  const fees = both === 0 ? '–' : `${oursFee.toFixed(0)} / ${theirsFee.toFixed(0)}`;
  const successWon = Math.sign(oursPaid - theirsPaid);
  const isEqual = Math.abs(theirsFee - oursFee) <= EQUAL_FEES * oursFee;
  const feeWon = both === 0 ? undefined : isEqual ? 0 : Math.sign(theirsFee - oursFee);
  const paid = `${oursPaid.toFixed(0)} / ${theirsPaid.toFixed(0)} %`;
  return {
    text: `${successWon < 0 ? `**${paid}**` : paid} · ${feeWon === -1 ? `**${fees}**` : fees}`,
    successWon,
    feeWon,
  };
}

/** Ours beside each rival: paid of all, and fee where both paid. In bold where the rival is better. */
function verdictTable(done: readonly Done[], sets: readonly StrategySet[], mode: string, amounts: readonly number[]) {
  const success = { better: 0, equal: 0, worse: 0 };
  const fees = { better: 0, equal: 0, worse: 0 };
  const add = (count: typeof success, won: number): void => {
    count[won > 0 ? 'better' : won < 0 ? 'worse' : 'equal']++;
  };
  const blocks = MODELS.map((model) => {
    const rows = namesIn(done, sets, mode)
      .filter((name) => name !== OURS)
      .map((name) => [
        name,
        ...amounts.map((sat) => {
          const { outcomes } = cellOf(done, sets, mode, model, sat);
          const [ours, theirs] = [outcomes[OURS], outcomes[name]];
          if (!ours || !theirs) return '–';
          const { text, successWon, feeWon } = verdict(ours, theirs, sat);
          add(success, successWon);
          if (feeWon !== undefined) add(fees, feeWon);
          return text;
        }),
      ]);
    return `**${model}**\n\n${table(['against', ...amounts.map(shortAmount)], rows)}`;
  });
  const sum =
    `Over all comparisons (rival × amount × model): success better in ${success.better}, equal in ${success.equal}, worse in ` +
    `${success.worse}; fee where both paid lower in ${fees.better}, equal (within 0.1 %) in ${fees.equal}, higher in ${fees.worse}.`;
  return [sum, ...blocks].join('\n\n');
}

function cpuTable(done: readonly Done[], sets: readonly StrategySet[]): string {
  const rows = namesIn(done, sets, 'fresh').map((name) => [
    name === OURS ? '**flow (ours)**' : name,
    ...AMOUNTS_SAT.map((sat) => {
      const all = MODELS.flatMap((model) => cellOf(done, sets, 'fresh', model, sat).outcomes[name] ?? []);
      return all.length === 0 ? '–' : summary(all, sat * 1000).cpuMs.toFixed(0);
    }),
  ]);
  return table(['ms of CPU per payment', ...AMOUNTS_SAT.map(shortAmount)], rows);
}

function clusterTable(done: readonly Done[]): string {
  const results = done.flatMap((each) => (each.kind === 'cluster' ? [each.result] : []));
  const rows = results.map((result) => [
    `${shortAmount(result.amountSat)}, ${result.model} (${result.count})`,
    ...CLUSTERS.map((name) => {
      const { paid, payments, fee, seconds } = summary(result.outcomes[name], result.amountSat * 1000);
      return paid === 0 ? '0 %' : `${percent(paid, payments)} · ${fee.toFixed(0)} ppm · ${seconds.toFixed(1)} s`;
    }),
  ]);
  return table(['amount, balances', ...CLUSTERS], rows);
}

function plots(done: readonly Done[], sets: readonly StrategySet[]): void {
  const amounts = AMOUNTS_SAT.map(shortAmount);
  const names = namesIn(done, sets, 'fresh');
  const panels = (value: (ours: readonly Outcome[], theirs: readonly Outcome[], sat: number) => number): Panel[] =>
    MODELS.map((model) => ({
      title: `balances: ${model}`,
      lines: names.map((name) => ({
        name,
        values: AMOUNTS_SAT.map((sat) => {
          const { outcomes } = cellOf(done, sets, 'fresh', model, sat);
          const [ours, theirs] = [outcomes[OURS], outcomes[name]];
          return ours && theirs ? value(ours, theirs, sat) : Number.NaN;
        }),
      })),
    }));
  const success = panels((_, theirs, sat) => {
    const { paid, payments } = summary(theirs, sat * 1000);
    return (100 * paid) / payments;
  });
  const fee = panels((ours, theirs, sat) => {
    const { oursFee, theirsFee, both } = pairwise(ours, theirs, sat * 1000);
    return both === 0 || oursFee === 0 ? Number.NaN : theirsFee / oursFee;
  });
  const successPlot = { least: 0, most: 100, isLogarithmic: false, ticks: [0, 25, 50, 75, 100], unit: ' %' };
  const feePlot = {
    least: LEAST_RATIO,
    most: MOST_RATIO,
    isLogarithmic: true,
    ticks: [0.5, 1, 2, 4, 8, 16],
    unit: '×',
  };
  writeFileSync(
    new URL('sending-success.svg', DOCS),
    plot(success, { title: 'Paid within 60 simulated seconds', amounts, ...successPlot }),
  );
  writeFileSync(
    new URL('sending-fees.svg', DOCS),
    plot(fee, { title: 'Fee where both paid, as a multiple of ours', amounts, ...feePlot }),
  );
}

function fill(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`docs/sending.md has no marks for "${name}": put ${begin} and ${end} into it`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

function speedTable(files: readonly string[]): string {
  const reports = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{')),
  );
  const rows = reports
    .flatMap((line) => (JSON.parse(line) as BenchReport).results)
    .map(({ what, ours, peer, peer_name, ratio, target, ok }) => [
      what,
      `${ours} ms`,
      peer === null ? '' : `${peer_name ?? ''}: ${peer} ms (${ratio ?? 0}×)`,
      target === null ? '' : `${target}: ${ok ? 'met' : 'missed'}`,
    ]);
  return table(['CPU time', 'ours', 'peer in the same run', 'target'], rows);
}

const files = process.argv.slice(2);
const done = files.filter((file) => file.endsWith('.jsonl')).flatMap(readDone);
const rivals: readonly StrategySet[] = RIVAL_SETS;
const page = new URL('sending.md', DOCS);
const contents: Record<string, string> = {
  run: `Seed \`${SEED}\`, ${machineName()}. Payments per cell stand in brackets in the heads of the tables; LDK itself, which is slow, makes a fifth of them, at least 4.`,
  verdict: verdictTable(done, rivals, 'fresh', AMOUNTS_SAT),
  outcomes: outcomesTable(done, rivals, 'fresh', AMOUNTS_SAT),
  memory: verdictTable(done, rivals, 'memory', [100_000, 1_000_000]),
  cpu: cpuTable(done, rivals),
  speed: speedTable(files.filter((file) => file.endsWith('.json'))),
  clusters: clusterTable(done),
  ablations: outcomesTable(done, ['ablations'], 'fresh', [100_000, 1_000_000]),
  decays: outcomesTable(done, ['decays'], 'memory', [1_000_000]),
};
let text = readFileSync(page, 'utf8');
for (const [name, content] of Object.entries(contents)) text = fill(text, name, content);
writeFileSync(page, text);
plots(done, rivals);
