/**
 * `npm run test:fuzz -- [--cases N] [--seed S] [name…]`: fuzzes every decoder, or those whose name begins with one given.
 * The seed is printed; the same seed makes the same inputs. Of all decoders together those that compute much get a tenth of the cases.
 */
import { parseArgs } from 'node:util';
import { fuzz, type FuzzReport } from './engine.js';
import { FUZZ_TARGETS } from './registry.js';

const DEFAULT_CASES = 1_000_000;

function count(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${option} ${text} is not a whole number`);
  return value;
}

function show({ target, cases, accepted, millis, slowestMillis, failure }: FuzzReport, seed: number): void {
  const rate = Math.round(cases / Math.max(millis / 1000, 0.001));
  const verdict = failure ? 'FAILED' : 'ok';
  console.log(
    `${verdict.padEnd(6)} ${target.padEnd(28)} ${cases} cases, ${accepted} accepted, ${rate}/s, slowest ${slowestMillis.toFixed(1)} ms`,
  );
  if (!failure) return;
  console.log(`  case ${failure.index} of seed ${seed}; input: ${failure.input}`);
  console.log(`  ${failure.reason.replaceAll('\n', '\n  ')}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cases: { type: 'string' }, seed: { type: 'string' }, list: { type: 'boolean' } },
});
const cases = values.cases === undefined ? DEFAULT_CASES : count(values.cases, 'cases');
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : count(values.seed, 'seed');
const chosen = FUZZ_TARGETS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((wanted) => name.startsWith(wanted)),
);

if (values.list) {
  for (const { name } of FUZZ_TARGETS) console.log(name);
} else if (chosen.length === 0) {
  console.error(`no fuzz target is named ${positionals.join(' or ')}; --list shows them`);
  process.exitCode = 2;
} else {
  console.log(`fuzz: seed ${seed}, ${cases} cases for each of ${chosen.length} decoders`);
  for (const target of chosen) {
    const share = target.slow === true && positionals.length === 0 ? Math.ceil(cases / 10) : cases;
    const report = fuzz(target, { cases: share, seed });
    show(report, seed);
    if (report.failure) process.exitCode = 1;
  }
}
