/**
 * A payment through a network in which nodes do as they like: planner, modifiers, knowledge and machine are the real ones,
 * the nodes are characters. Every node holds enough; whatever goes wrong is a node's doing.
 */
import {
  applyLessons,
  DEFAULT_MODIFIERS,
  FlowPlanner,
  type HopUse,
  Knowledge,
  newPayment,
  type PartOutcome,
  type PaymentCommand,
  type PaymentEvent,
  type PaymentPart,
  type PaymentState,
  planMissing,
  type Report,
  type ReportedFailure,
  reservedHops,
  type SignedUpdate,
  step,
  type Surroundings,
} from '../../../src/send/index.js';
import { HEIGHT, PREIMAGE, START, termsOf } from '../payment/support.js';
import { graphOf, nodeNumber, requestOf, type TestChannel } from '../support.js';

export const PAYEE = 99;

/** What a node does with a part that comes to it at this position; undefined: it forwards, or as payee collects. */
export type Character = (part: PaymentPart, position: number, nth: number) => readonly Deed[] | undefined;

export type Deed = { readonly after: number; readonly outcome: PartOutcome } | 'hold';

export const failure = (after: number, reported: ReportedFailure): Deed => ({
  after,
  outcome: { kind: 'failed', failure: reported },
});

export const says = (reporter: number, code: number, fields = {}, after = 100): Deed =>
  failure(after, { kind: 'decoded', reporter, code, fields });

export interface LiarOptions {
  readonly amountMsat?: bigint;
  readonly terms?: Parameters<typeof termsOf>[0];
  readonly verifyUpdate?: (update: SignedUpdate) => boolean;
  /** Every outcome comes so often. */
  readonly times?: number;
}

interface Due {
  readonly at: number;
  readonly event: PaymentEvent;
}

export class LiarWorld {
  now = START;
  state: PaymentState;
  readonly reports: Report[] = [];
  readonly sent: PaymentPart[] = [];
  readonly #knowledge: Knowledge;
  readonly #planner: FlowPlanner;
  readonly #channels: readonly TestChannel[];
  readonly #characters: ReadonlyMap<number, Character>;
  readonly #options: LiarOptions;
  readonly #due: Due[] = [];
  readonly #collected: PaymentPart[] = [];
  readonly #reserved = new Map<string, bigint>();
  #wakeAt = START;

  constructor(channels: readonly TestChannel[], characters: Record<number, Character>, options: LiarOptions = {}) {
    const graph = graphOf(channels);
    this.#channels = channels;
    this.#characters = new Map(Object.entries(characters).map(([node, character]) => [Number(node), character]));
    this.#options = options;
    this.#knowledge = new Knowledge(graph);
    this.#planner = new FlowPlanner(graph);
    const { amountMsat = 100_000_000n } = options;
    this.state = newPayment(termsOf({ amountMsat, budgetMsat: amountMsat / 20n, ...options.terms }));
  }

  /** Runs until nothing can happen any more, or for so long. */
  run(forMs = 600_000): this {
    this.tell({ type: 'start' });
    const end = this.now + forMs;
    for (let i = 0; i < 5000 && !this.isOver; i++) {
      const next = Math.min(this.#wakeAt, ...this.#due.map(({ at }) => at));
      if (next > end) break;
      this.now = Math.max(this.now + 1, next);
      const due = this.#due.filter(({ at }) => at <= this.now);
      for (const each of due) this.#due.splice(this.#due.indexOf(each), 1);
      for (const { event } of due) this.tell(event);
      this.tell({ type: 'tick' });
    }
    return this;
  }

  get isOver(): boolean {
    return this.state.isEnded && this.#due.length === 0;
  }

  tell(event: PaymentEvent): void {
    const { verifyUpdate } = this.#options;
    const context = { now: this.now, height: HEIGHT, modifiers: DEFAULT_MODIFIERS };
    const made = step(this.state, event, verifyUpdate ? { ...context, verifyUpdate } : context);
    this.state = made.state;
    for (const command of made.commands) this.#carryOut(command);
  }

  kinds(): string[] {
    return this.reports.map(({ kind }) => kind);
  }

  alarms(): string[] {
    return this.reports.flatMap((report) => (report.kind === 'alarm' ? [report.message] : []));
  }

  /** What the knowledge counts as in flight beside, or without, the parts that are. */
  wrongReservations(): bigint[] {
    const wanted = new Map<string, bigint>();
    for (const hop of reservedHops(this.state)) add(wanted, hop, hop.amountMsat);
    const keys = new Set([...wanted.keys(), ...this.#reserved.keys()]);
    return [...keys]
      .map((key) => (this.#reserved.get(key) ?? 0n) - (wanted.get(key) ?? 0n))
      .filter((off) => off !== 0n);
  }

  #carryOut(command: PaymentCommand): void {
    switch (command.type) {
      case 'plan': {
        const answer = planMissing(this.state, this.#surroundings(), this.#planner, DEFAULT_MODIFIERS);
        this.#due.push({ at: this.now, event: { type: 'planned', ticket: command.ticket, answer } });
        return;
      }
      case 'send':
        this.sent.push(command.part);
        this.#forward(command.part);
        return;
      case 'learn':
        applyLessons(this.#knowledge, command.lessons, this.now);
        for (const lesson of command.lessons) {
          if (lesson.kind !== 'reserved' && lesson.kind !== 'released') continue;
          for (const hop of lesson.hops) {
            add(this.#reserved, hop, lesson.kind === 'reserved' ? hop.amountMsat : 0n - hop.amountMsat);
          }
        }
        return;
      case 'wait':
        this.#wakeAt = command.until ?? Infinity;
        return;
      case 'report':
        this.reports.push(command.report);
        return;
      case 'look_up':
      case 'record':
        return;
    }
  }

  #surroundings(): Surroundings {
    const { sources } = requestOf(this.#knowledge.graph, this.#channels, [1], PAYEE, 1n);
    return {
      ...{ sources, balancesReadAt: this.now, knowledge: this.#knowledge },
      ...{ height: HEIGHT, now: this.now, chance: () => 0.9 },
    };
  }

  #forward(part: PaymentPart): void {
    for (const [i, { nodeId }] of part.hops.entries()) {
      const deeds = this.#characters.get(nodeNumber(nodeId))?.(part, i + 1, this.sent.length - 1);
      if (!deeds) continue;
      for (const deed of deeds) if (deed !== 'hold') this.#answer(part, deed.after, deed.outcome);
      return;
    }
    this.#collected.push(part);
    const live = this.#collected.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
    if (live < this.state.terms.amountMsat) return;
    for (const each of this.#collected.splice(0)) this.#answer(each, 200, { kind: 'settled', preimage: PREIMAGE });
  }

  #answer(part: PaymentPart, after: number, outcome: PartOutcome): void {
    for (let i = 0; i < (this.#options.times ?? 1); i++) {
      this.#due.push({ at: this.now + after + 50 * i, event: { type: 'outcome', part: part.id, outcome } });
    }
  }
}

function add(sums: Map<string, bigint>, { scid, direction }: HopUse, amount: bigint): void {
  const key = `${scid}/${direction}`;
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}
