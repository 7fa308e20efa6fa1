/** What a scenario is: a claim about Manifold that shows itself. */
import type { Stage } from './stage.js';
import type { DemoWorld } from './world.js';

export type DetailValue = string | number | boolean | readonly DetailValue[] | { readonly [name: string]: DetailValue };

/** What was seen, for people: amounts as decimal strings, nodes by name. */
export type Detail = Readonly<Record<string, DetailValue>>;

interface Described {
  readonly name: string;
  /** One sentence: what it shows. */
  readonly title: string;
}

/** In a world of its own on virtual time. Rejects if something it claims does not hold. */
export interface SimulatedScenario extends Described {
  readonly time: 'virtual';
  run(world: DemoWorld): Promise<Detail>;
}

/** As {@link SimulatedScenario}, in a world whose people run whole daemons. */
export interface StagedScenario extends Described {
  readonly time: 'virtual';
  play(stage: Stage): Promise<Detail>;
}

/** With programs that know no other time than the real one. */
export interface RealScenario extends Described {
  readonly time: 'real';
  /** Why it cannot run here, in words for the user; undefined if it can. */
  missing(): Promise<string | undefined>;
  run(): Promise<Detail>;
}

export type Scenario = SimulatedScenario | StagedScenario | RealScenario;
