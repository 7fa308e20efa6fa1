/** `manifold demo --once`: runs scenarios, each by itself, and reports. */
import { VirtualClock } from '../node/sim/virtual-clock.js';
import type { Detail, RealScenario, Scenario, SimulatedScenario, StagedScenario } from './scenario.js';
import { Stage } from './stage.js';
import { DemoWorld } from './world.js';

type ScenarioOutcome =
  { readonly ok: true; readonly detail: Detail } | { readonly ok: false; readonly detail: { readonly error: string } };

export type ScenarioResult = {
  readonly name: string;
  /** Simulated milliseconds; real ones where the scenario runs real programs. */
  readonly ms: number;
} & ScenarioOutcome;

export interface OnceReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly scenarios: readonly ScenarioResult[];
}

export interface OnceOptions {
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  readonly onResult?: (result: ScenarioResult, scenario: Scenario) => void;
}

/** Runs one after the other; one that fails does not keep the others from running. Never rejects. */
export async function runOnce({ scenarios, seed, onResult }: OnceOptions): Promise<OnceReport> {
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    const result = await runScenario(scenario, seed);
    results.push(result);
    onResult?.(result, scenario);
  }
  return { ok: results.every(({ ok }) => ok), seed, scenarios: results };
}

/** The world's seed is the scenario's own, so that it does the same whichever others run. */
async function runScenario(scenario: Scenario, seed: number): Promise<ScenarioResult> {
  const { name } = scenario;
  const clock = scenario.time === 'virtual' ? new VirtualClock() : undefined;
  const startedAt = clock?.now() ?? performance.now();
  let outcome: ScenarioOutcome;
  try {
    const detail =
      scenario.time === 'real'
        ? await runReal(scenario)
        : await clock!.finish(runSimulated(scenario, `${seed}/${name}`, clock!));
    outcome = { ok: true, detail };
  } catch (thrown) {
    outcome = { ok: false, detail: { error: thrown instanceof Error ? thrown.message : String(thrown) } };
  }
  const ms = Math.round((clock?.now() ?? performance.now()) - startedAt);
  // In the order in which people read it.
  return outcome.ok ? { name, ok: true, ms, detail: outcome.detail } : { name, ok: false, ms, detail: outcome.detail };
}

async function runReal(scenario: RealScenario): Promise<Detail> {
  const missing = await scenario.missing();
  if (missing !== undefined) throw new Error(missing);
  return scenario.run();
}

async function runSimulated(
  scenario: SimulatedScenario | StagedScenario,
  seed: string,
  clock: VirtualClock,
): Promise<Detail> {
  if ('play' in scenario) return runStaged(scenario, seed, clock);
  const world = await DemoWorld.create({ seed, clock });
  try {
    const detail = await scenario.run(world);
    await world.untilQuiet();
    return detail;
  } finally {
    await world.close();
  }
}

async function runStaged(scenario: StagedScenario, seed: string, clock: VirtualClock): Promise<Detail> {
  const stage = new Stage({ seed, clock });
  try {
    const detail = await scenario.play(stage);
    await stage.untilQuiet();
    return detail;
  } finally {
    await stage.close();
  }
}
