/** Which scenarios a run is to have. */
import { err, ok, type Result } from '../wire/result.js';
import type { Scenario } from './scenario.js';

export interface UnknownScenarios {
  readonly unknown: readonly string[];
}

export interface Selection {
  readonly scenarios: readonly Scenario[];
  /** Left out because something is missing here, with what. Only where nobody asked for them by name. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
}

/** Those named, in the catalogue's order; all that can run here if none is named. */
export async function selectScenarios(
  catalogue: readonly Scenario[],
  names: readonly string[],
): Promise<Result<Selection, UnknownScenarios>> {
  if (names.length === 0) return ok(await allThatCanRun(catalogue));
  const unknown = names.filter((name) => !catalogue.some((scenario) => scenario.name === name));
  if (unknown.length > 0) return err({ unknown });
  return ok({ scenarios: catalogue.filter(({ name }) => names.includes(name)), leftOut: [] });
}

async function allThatCanRun(catalogue: readonly Scenario[]): Promise<Selection> {
  const scenarios: Scenario[] = [];
  const leftOut: { name: string; why: string }[] = [];
  for (const scenario of catalogue) {
    const why = scenario.time === 'real' ? await scenario.missing() : undefined;
    if (why === undefined) scenarios.push(scenario);
    else leftOut.push({ name: scenario.name, why });
  }
  return { scenarios, leftOut };
}
