/** `manifold demo` without a process around it: flags in, text out, exit code back. */
import { randomBytes } from '../crypto/index.js';
import { uintOf } from '../wire/integers.js';
import { err, ok, type Result } from '../wire/result.js';
import { runLive } from './live.js';
import { Narrator, type Output } from './narrator.js';
import { OWN_COMMAND } from './own-command.js';
import { runOnce, type ScenarioResult } from './once.js';
import type { Scenario } from './scenario.js';
import { type Selection, selectScenarios } from './select.js';
import { wrapWords } from './wrap.js';
import { SCENARIOS } from './scenarios/catalogue.js';

export interface DemoFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  /** Names, separated by commas. */
  readonly scenario?: string;
  readonly seed?: string;
  /** Port of the HTTP API. */
  readonly port?: string;
  /** Whether to serve the HTTP API. */
  readonly api?: boolean;
}

export interface DemoSurroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  /** The terminal shows colours. */
  readonly colour: boolean;
  /** Stops the story. */
  readonly signal: AbortSignal;
  readonly scenarios?: readonly Scenario[];
}

const DEFAULT_SEED = 1;
/** The daemon's own; any free one if it is taken. */
const DEFAULT_PORT = 9740;
const WRONG_USAGE = 2;

/** @returns the exit code: 0 good, 1 a scenario failed, 2 wrong usage */
export async function demo(flags: DemoFlags, surroundings: DemoSurroundings): Promise<number> {
  const { stdout, stderr, colour, signal, scenarios: catalogue = SCENARIOS } = surroundings;
  const settings = readSettings(flags);
  if (!settings.ok) {
    stderr.write(`manifold demo: ${settings.error}\n`);
    return WRONG_USAGE;
  }
  const { seed, port } = settings.value;
  // Results are for scenarios; a story has none.
  if (!runsOnce(flags)) return runLive({ seed: seed ?? drawSeed(), output: stdout, colour, signal, port });

  const selected = await selectScenarios(catalogue, namesIn(flags.scenario));
  if (!selected.ok) {
    const names = catalogue.map(({ name }) => `  ${name}\n`).join('');
    stderr.write(`manifold demo: there is no scenario ${selected.error.unknown.join(', ')}; there are\n${names}`);
    return WRONG_USAGE;
  }
  for (const { name, why } of selected.value.leftOut) stderr.write(`manifold demo: ${name} is left out: ${why}\n`);
  const chosen = seed ?? DEFAULT_SEED;
  return flags.json === true
    ? printJson(selected.value, chosen, stdout)
    : printTable(selected.value, chosen, new Narrator(stdout, colour));
}

function runsOnce({ once, json, scenario }: DemoFlags): boolean {
  return once === true || json === true || scenario !== undefined;
}

/** Empty if all are wanted. */
function namesIn(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(',').map((name) => name.trim());
}

interface Settings {
  readonly seed: number | undefined;
  readonly port: number | undefined;
}

function readSettings({ seed, port, api = true, ...rest }: DemoFlags): Result<Settings, string> {
  if (port !== undefined && runsOnce(rest))
    return err('--port is for the story: --once, --json and --scenario serve no API');
  if (port !== undefined && !api) return err('--port and --no-api exclude each other');
  const readSeed = seed === undefined ? undefined : wholeNumber(seed, Number.MAX_SAFE_INTEGER);
  if (Number.isNaN(readSeed)) return err(`the seed is a whole number from 0 to 2^53 - 1, not "${seed ?? ''}"`);
  const readPort = port === undefined ? DEFAULT_PORT : wholeNumber(port, 65_535);
  if (Number.isNaN(readPort)) return err(`the port is a whole number from 0 to 65535, not "${port ?? ''}"`);
  return ok({ seed: readSeed, port: api ? readPort : undefined });
}

/** NaN for anything else. */
function wholeNumber(text: string, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return value <= most ? value : NaN;
}

function drawSeed(): number {
  return Number(uintOf(randomBytes(3)));
}

async function printJson({ scenarios }: Selection, seed: number, stdout: Output): Promise<number> {
  const report = await runOnce({ scenarios, seed });
  stdout.write(`${JSON.stringify(report)}\n`);
  return report.ok ? 0 : 1;
}

async function printTable({ scenarios }: Selection, seed: number, narrator: Narrator): Promise<number> {
  const count = scenarios.length === 1 ? '1 scenario' : `${scenarios.length} scenarios`;
  narrator.headline(`Manifold demo: ${count}, seed ${seed}`);
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  const { ok: allHold, scenarios: results } = await runOnce({
    scenarios,
    seed,
    onResult: (result, scenario) => printRow(narrator, result, scenario, width),
  });
  const held = results.filter((result) => result.ok).length;
  narrator.line(`${held} of ${results.length} hold. Details: ${OWN_COMMAND} demo --once --json --seed ${seed}`);
  return allHold ? 0 : 1;
}

function printRow(narrator: Narrator, result: ScenarioResult, scenario: Scenario, width: number): void {
  const { name, ok: holds, ms } = result;
  const took = `${(ms / 1000).toFixed(1).padStart(7)} s${scenario.time === 'virtual' ? ' simulated' : ' real     '}`;
  const mark = holds ? narrator.style('green', '✓') : narrator.style('red', '✗');
  const lead = `  x ${name.padEnd(width)} ${took}  `.length;
  const [title = '', ...more] = wrapWords(scenario.title, narrator.columns && narrator.columns - lead);
  narrator.line(`  ${mark} ${name.padEnd(width)} ${took}  ${narrator.style('dim', title)}`);
  for (const words of more) narrator.line(' '.repeat(lead) + narrator.style('dim', words));
  if (!result.ok) narrator.line(`    ${narrator.style('red', result.detail.error)}`);
}
