/** Ours, driven as the daemon drives it: the payment machine step by step, its planner, and knowledge that lessons go into. */
import { sha256 } from '../../src/crypto/index.js';
import {
  applyLessons,
  type ChannelGraph,
  DEFAULT_KNOWLEDGE,
  DEFAULT_MODIFIERS,
  FlowPlanner,
  Knowledge,
  type KnowledgeOptions,
  type Modifier,
  type PaymentEvent,
  type PaymentState,
  type PaymentTerms,
  type Planner,
  planMissing,
  preparePayment,
  type ReportedFailure,
  type RouteHop,
  type Source,
  step,
  type Surroundings,
} from '../../src/send/index.js';
import type { FailureCode, Order, Paying, Reply, Route, Sender, SendEvent, Strategy } from './rival.js';

const HEIGHT = 900_000;
const SLOTS = 100;
/** A payee in the public graph holds hundreds of HTLCs; what a part costs keeps them few. */
const MOST_PARTS = 100;
const PREIMAGE = new Uint8Array(32).fill(5);
const PAYMENT_HASH = sha256(PREIMAGE);

const CODES: Record<FailureCode, number> = {
  temporary_channel_failure: 0x1007,
  amount_below_minimum: 0x100b,
  fee_insufficient: 0x100c,
  channel_disabled: 0x1014,
};

export interface MachineOptions {
  readonly planner?: (graph: ChannelGraph) => Planner;
  readonly modifiers?: readonly Modifier[];
  readonly knowledge?: KnowledgeOptions;
  readonly maxParts?: number;
}

export function machineStrategy(name: string, options: MachineOptions = {}): Strategy {
  return { name, open: (graph) => Promise.resolve(new MachineSender(graph, options)) };
}

class MachineSender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #options: MachineOptions;
  readonly #planner: Planner;
  #knowledge: Knowledge;

  constructor(graph: ChannelGraph, options: MachineOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#planner = options.planner?.(graph) ?? new FlowPlanner(graph);
    this.#knowledge = this.#nothing();
  }

  forget(): void {
    this.#knowledge = this.#nothing();
  }

  pay(order: Order, now: number): Paying {
    this.#knowledge.prune(now);
    return new MachinePaying(this.#graph, this.#planner, this.#knowledge, this.#options, order, now);
  }

  #nothing(): Knowledge {
    return new Knowledge(this.#graph, this.#options.knowledge ?? DEFAULT_KNOWLEDGE);
  }
}

class MachinePaying implements Paying {
  readonly #graph: ChannelGraph;
  readonly #planner: Planner;
  readonly #knowledge: Knowledge;
  readonly #order: Order;
  readonly #modifiers: readonly Modifier[];
  #state: PaymentState | undefined;
  /** Number of the world's part by the machine's. */
  readonly #numbers = new Map<number, number>();
  readonly #ids: number[] = [];

  constructor(
    graph: ChannelGraph,
    planner: Planner,
    knowledge: Knowledge,
    options: MachineOptions,
    order: Order,
    now: number,
  ) {
    this.#graph = graph;
    this.#planner = planner;
    this.#knowledge = knowledge;
    this.#order = order;
    this.#modifiers = options.modifiers ?? DEFAULT_MODIFIERS;
    const terms = this.#terms(options.maxParts ?? MOST_PARTS, now);
    const prepared = preparePayment(terms, this.#surroundings(now), this.#modifiers);
    if (prepared.kind === 'payment') this.#state = prepared.state;
  }

  on(event: SendEvent): Reply {
    if (!this.#state) return { send: [], giveUp: true };
    const send: Route[] = [];
    const events = [this.#told(event)];
    let wakeAt: number | undefined;
    for (let next = events.shift(); next; next = events.shift()) {
      const { state, commands } = step(this.#state, next, {
        now: event.now,
        height: HEIGHT,
        modifiers: this.#modifiers,
      });
      this.#state = state;
      for (const command of commands) {
        if (command.type === 'learn') applyLessons(this.#knowledge, command.lessons, event.now);
        else if (command.type === 'send') send.push(this.#route(command.part.id, command.part.hops));
        else if (command.type === 'wait') wakeAt = command.until;
        else if (command.type === 'plan') {
          const answer = planMissing(state, this.#surroundings(event.now), this.#planner, this.#modifiers);
          events.push({ type: 'planned', ticket: command.ticket, answer });
        }
      }
    }
    const { phase } = this.#state;
    const isOver = phase === 'stopping' || phase === 'failed';
    if (isOver) this.#leave();
    return { send, ...(wakeAt === undefined ? {} : { wakeAt }), ...(isOver ? { giveUp: true } : {}) };
  }

  #told(event: SendEvent): PaymentEvent {
    switch (event.type) {
      case 'start':
        return { type: 'start' };
      case 'time':
        return { type: 'tick' };
      case 'settled':
        return {
          type: 'outcome',
          part: this.#ids[event.part]!,
          outcome: { kind: 'settled', preimage: PREIMAGE },
        };
      case 'failed': {
        const failure: ReportedFailure =
          event.at === 0
            ? { kind: 'local', reason: 'balance' }
            : { kind: 'decoded', reporter: event.at, code: CODES[event.code] };
        return { type: 'outcome', part: this.#ids[event.part]!, outcome: { kind: 'failed', failure } };
      }
    }
  }

  /** The bench undoes what is in flight when a payment is over; a real one would wait for the parts' ends. */
  #leave(): void {
    for (const part of this.#state!.parts) {
      if (part.state === 'sent' || part.state === 'unknown') this.#knowledge.release(part.hops);
    }
  }

  #route(id: number, hops: readonly RouteHop[]): Route {
    this.#numbers.set(id, this.#ids.length);
    this.#ids.push(id);
    return {
      hops: hops.map(({ scid, direction, amountMsat }) => ({
        half: 2 * this.#graph.channelIndex(scid)! + direction,
        amount: Number(amountMsat),
      })),
    };
  }

  #surroundings(now: number): Surroundings {
    const { chance } = this.#order;
    return {
      sources: sourcesOf(this.#graph, this.#order),
      balancesReadAt: now,
      knowledge: this.#knowledge,
      height: HEIGHT,
      now,
      chance,
    };
  }

  #terms(maxParts: number, now: number): PaymentTerms {
    const { payee, amount, budget, finalBlocks, maxBlocks, deadline } = this.#order;
    return {
      paymentHash: PAYMENT_HASH,
      amountMsat: BigInt(amount),
      budgetMsat: BigInt(budget),
      maxParts,
      maxBlocks,
      payee: { nodeId: this.#graph.nodeId(payee), finalCltvDelta: finalBlocks, hints: [] },
      supportsMpp: true,
      records: {},
      offsetBlocks: 0,
      startedAt: now,
      deadline,
    };
  }
}

/** The own nodes with their channels as the real ones report them. */
export function sourcesOf(graph: ChannelGraph, order: Pick<Order, 'payers' | 'own'>): Source[] {
  const { from, min, max } = graph.columns();
  const own = order.own();
  return order.payers.map((payer) => ({
    nodeId: graph.nodeId(payer),
    channels: own
      .filter(({ half }) => from[half] === payer)
      .map(({ half, spendable }) => ({
        scid: graph.scidOfChannel(half >> 1),
        peer: graph.nodeId(from[half ^ 1]!),
        spendableMsat: BigInt(spendable),
        htlcMinimumMsat: BigInt(min[half]!),
        htlcMaximumMsat: BigInt(max[half]!),
        slots: SLOTS,
      })),
  }));
}
