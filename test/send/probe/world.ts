/** A network with fixed balances around the probing machine: parts go as far as the channels on their way carry them. */
import {
  FlowPlanner,
  applyLessons,
  DEFAULT_MODIFIERS,
  isOver,
  Knowledge,
  type Modifier,
  newProbe,
  planProbe,
  type ProbeCommand,
  type ProbeContext,
  type ProbeEvent,
  type ProbeState,
  probeStep,
  type ReportedFailure,
  type RouteHop,
  type SharedLesson,
  type Surroundings,
} from '../../../src/send/index.js';
import type { OutgoingPart } from '../../../src/send/run/ports.js';
import type { ProbeAnswer, ProbeOrder, ProbeStep } from '../../../src/send/run/types.js';
import { HEIGHT, START, termsOf } from '../payment/support.js';
import { graphOf, nodeId, requestOf, type TestChannel } from '../support.js';

const PROBED = 99;
const DETAILS = 0x400f;
const NO_ROOM = 0x1007;

/** Balance of a direction in msat, by `scid/direction`; what is not named holds its whole capacity. */
export type Balances = Readonly<Record<string, bigint>>;

export interface WorldOptions {
  readonly balances?: Balances;
  readonly sources?: readonly number[];
  readonly over?: Partial<ProbeOrder>;
  readonly terms?: Parameters<typeof termsOf>[0];
  readonly modifiers?: readonly Modifier[];
  /** What becomes of a part; undefined: what the balances say. */
  readonly fate?: (part: OutgoingPart, nth: number) => ProbeEvent | 'held' | undefined;
}

export class ProbeWorld {
  readonly sent: OutgoingPart[] = [];
  readonly alarms: string[] = [];
  readonly steps: ProbeStep[] = [];
  readonly lessons: SharedLesson[] = [];
  readonly held: OutgoingPart[] = [];
  /** Greatest sum that was on the network at once. */
  mostOut = 0n;
  answer: ProbeAnswer | undefined;
  now = START;
  state: ProbeState;
  readonly knowledge: Knowledge;
  readonly #planner: FlowPlanner;
  readonly #channels: readonly TestChannel[];
  readonly #options: WorldOptions;
  readonly #modifiers: readonly Modifier[];
  readonly #used = new Map<string, bigint>();
  readonly #queue: ProbeEvent[] = [];
  readonly #out = new Map<number, OutgoingPart>();
  #random = 0;
  #wakeAt = START;

  constructor(channels: readonly TestChannel[], amountMsat: bigint, options: WorldOptions = {}) {
    const graph = graphOf(channels);
    this.#channels = channels;
    this.#options = options;
    this.#modifiers = options.modifiers ?? DEFAULT_MODIFIERS;
    this.knowledge = new Knowledge(graph);
    this.#planner = new FlowPlanner(graph);
    const payee = { nodeId: nodeId(PROBED), finalCltvDelta: 18, hints: [] };
    const terms = termsOf({ amountMsat, budgetMsat: amountMsat / 50n, payee, ...options.terms });
    const made = newProbe({ terms, ...options.over }, this.#surroundings(), this.#modifiers);
    if (made.kind === 'refused') throw new Error(made.reason.message);
    this.state = made.state;
  }

  run(): ProbeAnswer {
    this.tell({ type: 'start' });
    for (let i = 0; i < 5000 && !this.answer; i++) {
      const event = this.#queue.shift();
      if (event) this.tell(event);
      else {
        this.now = Math.max(this.now + 1, this.#wakeAt);
        this.tell({ type: 'tick' });
      }
    }
    if (!this.answer) throw new Error('the probe does not end');
    for (const event of this.#queue.splice(0)) this.tell(event);
    return this.answer;
  }

  tell(event: ProbeEvent): void {
    if (event.type === 'outcome' || event.type === 'lost') this.#leave(event.part);
    const made = probeStep(this.state, event, this.#context());
    this.state = made.state;
    const before = this.#out.size;
    for (const command of made.commands) this.#carryOut(command);
    if (this.#out.size > before) this.#judge();
  }

  /** Reservations that are in the knowledge now. */
  reservedMsat(): bigint {
    const sums = this.lessons.map((lesson) => {
      if (lesson.kind !== 'reserved' && lesson.kind !== 'released') return 0n;
      const sum = lesson.hops.reduce((total, { amountMsat }) => total + amountMsat, 0n);
      return lesson.kind === 'reserved' ? sum : -sum;
    });
    return sums.reduce((a, b) => a + b, 0n);
  }

  get isOver(): boolean {
    return isOver(this.state);
  }

  #context(): ProbeContext {
    return {
      now: this.now,
      height: HEIGHT,
      randomBytes: (length) => new Uint8Array(length).fill(++this.#random & 0xff, 0, 1).fill(this.#random >> 8, 1),
    };
  }

  #surroundings(): Surroundings {
    const { sources = [1] } = this.#options;
    const request = requestOf(this.knowledge.graph, this.#channels, sources, PROBED, 1n);
    return {
      sources: request.sources,
      balancesReadAt: this.now,
      knowledge: this.knowledge,
      height: HEIGHT,
      now: this.now,
      chance: () => 0.9,
    };
  }

  #carryOut(command: ProbeCommand): void {
    switch (command.type) {
      case 'plan': {
        const answer = planProbe(command.view, this.#surroundings(), this.#planner, this.#modifiers);
        this.#queue.push({ type: 'planned', ticket: command.ticket, answer });
        return;
      }
      case 'send':
        this.sent.push(command.part);
        this.#out.set(command.part.part.id, command.part);
        return;
      case 'learn':
        this.lessons.push(...command.lessons);
        applyLessons(this.knowledge, command.lessons, this.now);
        return;
      case 'step':
        this.steps.push(command.step);
        return;
      case 'wait':
        this.#wakeAt = command.until;
        return;
      case 'alarm':
        this.alarms.push(command.message);
        return;
      case 'done':
        if (this.answer) throw new Error('answered twice');
        this.answer = command.answer;
        return;
    }
  }

  /** Each part of a wave takes its room before any of them comes back. */
  #judge(): void {
    const fresh = [...this.#out.values()].filter(({ part }) => !this.#judged.has(part.id));
    for (const outgoing of fresh) {
      const { part } = outgoing;
      this.#judged.add(part.id);
      const event = this.#options.fate?.(outgoing, this.sent.indexOf(outgoing)) ?? this.#natural(part.id, part.hops);
      if (event === 'held') this.held.push(outgoing);
      else this.#queue.push(event);
    }
    const out = [...this.#out.values()].reduce((sum, { part }) => sum + part.amountMsat, 0n);
    if (out > this.mostOut) this.mostOut = out;
  }
  readonly #judged = new Set<number>();
  readonly #taken = new Map<number, readonly RouteHop[]>();

  #natural(part: number, hops: readonly RouteHop[]): ProbeEvent {
    for (const [i, hop] of hops.entries()) {
      const key = `${hop.scid}/${hop.direction}`;
      const used = this.#used.get(key) ?? 0n;
      const channel = this.#channels.find(({ scid }) => scid === hop.scid)!;
      const balance = this.#options.balances?.[key] ?? channel.capacityMsat;
      if (used + hop.amountMsat > balance) {
        this.#take(part, hops.slice(0, i));
        return failing(part, i, NO_ROOM);
      }
    }
    this.#take(part, hops);
    return failing(part, hops.length, DETAILS);
  }

  #take(part: number, hops: readonly RouteHop[]): void {
    this.#taken.set(part, hops);
    for (const hop of hops) this.#add(hop, hop.amountMsat);
  }

  #leave(part: number): void {
    for (const hop of this.#taken.get(part) ?? []) this.#add(hop, 0n - hop.amountMsat);
    this.#taken.delete(part);
    this.#out.delete(part);
  }

  #add({ scid, direction }: RouteHop, amount: bigint): void {
    const key = `${scid}/${direction}`;
    this.#used.set(key, (this.#used.get(key) ?? 0n) + amount);
  }
}

export function failing(part: number, reporter: number, code: number): ProbeEvent {
  return failed(part, { kind: 'decoded', reporter, code });
}

export const failed = (part: number, failure: ReportedFailure): ProbeEvent => ({
  type: 'outcome',
  part,
  outcome: { kind: 'failed', failure },
});
