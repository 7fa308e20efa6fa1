/**
 * A hostile world around the payment machine: a store that is committed or not when the process dies, calls that arrive
 * late, outcomes that are lost, doubled or wrong, planners that answer late or badly. What really happens to the HTLCs is
 * known here, so every broken rule is seen.
 */
import {
  FAILURE_TABLE,
  newPayment,
  type PaymentCommand,
  type PaymentEvent,
  type PaymentState,
  type HopUse,
  type Plan,
  type PlannedPart,
  type Refusal,
  reservedHops,
  retryLimit,
  waitHeight,
  step,
  type Step,
  type StepContext,
  type LookUpAnswer,
  type PartOutcome,
  type ReportedFailure,
} from '../../../src/send/index.js';
import { HEIGHT, partOf, planOf, PREIMAGE, refusal, START, termsOf } from './support.js';

export type StepFunction = (state: PaymentState, event: PaymentEvent, context: StepContext) => Step;

export interface Bugs {
  readonly step?: StepFunction;
  /** Commands are carried out before the state is committed. */
  readonly sendsFirst?: boolean;
  readonly graceMs?: number;
}

/** What became of a call: on its way to the node, an HTLC on the network, an end. */
interface Htlc {
  readonly amountMsat: bigint;
  readonly arrivesAt: number;
  state: 'transit' | 'never_arrived' | 'flying' | 'settled' | 'failed';
  failure?: ReportedFailure;
}

const CODES = [...FAILURE_TABLE.keys(), 0x1234, 0x7fff, 0x2fff];
const WRONG = new Uint8Array(32).fill(9);
/** Calls of a dead process arrive no later than this. */
const MOST_TRANSIT_MS = 5000;

class Died extends Error {}

export class World {
  readonly violations: string[] = [];
  readonly #bugs: Bugs;
  readonly #random: () => number;
  readonly #htlcs = new Map<number, Htlc>();
  readonly #events: PaymentEvent[] = [];
  #stored: PaymentState;
  #state: PaymentState;
  #reserved = new Map<string, bigint>();
  #now = START;
  #height = HEIGHT;
  #wakeAt = START;
  #mayDie = true;
  succeeded = false;
  failed = false;
  crashes = 0;
  sends = 0;

  constructor(seed: number, bugs: Bugs = {}) {
    this.#random = generator(seed);
    this.#bugs = bugs;
    this.#stored = newPayment(termsOf());
    this.#state = this.#stored;
  }

  get state(): PaymentState {
    return this.#state;
  }

  run(): this {
    this.#tell({ type: 'start' });
    for (let i = 0; i < 120; i++) this.#turn();
    this.#drain();
    return this;
  }

  #turn(): void {
    this.#now += Math.floor(this.#random() * 2000);
    if (this.#random() < 0.1) this.#height++;
    this.#move();
    const choice = this.#random();
    if (choice < 0.6 && this.#events.length > 0) {
      const index = Math.floor(this.#random() * this.#events.length);
      const event = this.#events[index]!;
      // A quarter stays queued and comes again.
      if (this.#random() < 0.75) this.#events.splice(index, 1);
      this.#tell(event);
    } else if (choice < 0.8 || this.#now >= this.#wakeAt) this.#tell({ type: 'tick' });
    else if (choice < 0.84) this.#restart();
    else if (choice < 0.87) this.#lose();
    else if (choice < 0.88) this.#tell({ type: 'stop' });
    else if (choice < 0.92) this.#tell(this.#nonsense());
  }

  /** Everything that was hidden comes to light: the payment has to end as it really ended. */
  #drain(): void {
    this.#mayDie = false;
    this.#now += MOST_TRANSIT_MS;
    this.#move();
    for (const htlc of this.#htlcs.values()) if (htlc.state === 'flying') this.#resolve(htlc);
    this.#events.length = 0;
    this.#restart();
    for (let i = 0; i < 400 && !this.#state.isEnded; i++) {
      this.#now += 5000;
      this.#move();
      for (const event of this.#events.splice(0)) this.#tell(event);
      for (const id of this.#htlcs.keys()) this.#tell({ type: 'lost', part: id });
      this.#tell({ type: 'tick' });
    }
    const isPaid = [...this.#htlcs.values()].some(({ state }) => state === 'settled');
    if (!this.#state.isEnded) this.violations.push('the payment does not end');
    else if (isPaid !== (this.#state.phase === 'succeeded')) this.violations.push('the end is not the truth');
    if ([...this.#reserved.values()].some((amount) => amount !== 0n))
      this.violations.push('a reservation is left over');
  }

  #tell(event: PaymentEvent): void {
    const context: StepContext = {
      now: this.#now,
      height: this.#height,
      modifiers: [waitHeight, retryLimit()],
      timing: {
        collectMs: this.#random() < 0.5 ? 0 : 20,
        slowMs: 10_000,
        graceMs: this.#bugs.graceMs ?? 10_000,
        firstLookUpMs: 1000,
        longestLookUpMs: 10_000,
      },
    };
    try {
      const made = (this.#bugs.step ?? step)(this.#state, event, context);
      if (!this.#bugs.sendsFirst) this.#commit(made.state);
      this.#state = made.state;
      for (const command of made.commands) this.#carryOut(command);
      if (this.#bugs.sendsFirst) this.#commit(made.state);
      this.#checkReservations();
    } catch (thrown) {
      if (!(thrown instanceof Died)) throw thrown;
      this.#restart();
    }
  }

  #commit(state: PaymentState): void {
    this.#die();
    this.#stored = state;
    this.#die();
  }

  #die(): void {
    if (this.#mayDie && this.#random() < 0.02) throw new Died();
  }

  #restart(): void {
    this.crashes++;
    // Answers that were on their way to the dead process are lost.
    this.#events.length = 0;
    // Only what a store can keep comes back.
    this.#state = structuredClone(this.#stored);
    this.#reserved = new Map();
    this.#reserve(reservedHops(this.#state), 1n);
    this.#tell({ type: 'restarted' });
    this.#tell({ type: 'start' });
  }

  #carryOut(command: PaymentCommand): void {
    switch (command.type) {
      case 'record':
        for (const id of command.parts) {
          if (this.#stored.parts[id]?.state !== 'sent' && !this.#bugs.sendsFirst) {
            this.violations.push(`part ${id} is sent before that is recorded`);
          }
        }
        return;
      case 'send':
        this.#die();
        this.#send(command.part.id, command.part.amountMsat);
        {
          this.#die();
          return;
        }
      case 'look_up':
        this.#events.push({
          type: 'looked_up',
          part: command.part.id,
          lookUp: command.lookUp,
          answer: this.#lookUp(command.part.id),
        });
        return;
      case 'plan':
        this.#events.push({ type: 'planned', ticket: command.ticket, answer: this.#plan(command.missingMsat) });
        return;
      case 'wait':
        this.#wakeAt = command.until ?? Infinity;
        return;
      case 'learn':
        for (const lesson of command.lessons) {
          if (lesson.kind === 'reserved') this.#reserve(lesson.hops, 1n);
          if (lesson.kind === 'released') this.#reserve(lesson.hops, -1n);
        }
        return;
      case 'report':
        if (command.report.kind === 'succeeded') this.#checkSuccess();
        if (command.report.kind === 'failed') this.#checkFailure();
        return;
    }
  }

  #send(id: number, amountMsat: bigint): void {
    this.sends++;
    if (this.#htlcs.has(id)) this.violations.push(`part ${id} is sent twice`);
    const arrivesAt = this.#now + (this.#random() < 0.5 ? 0 : this.#random() * MOST_TRANSIT_MS);
    this.#htlcs.set(id, { amountMsat, arrivesAt, state: this.#random() < 0.9 ? 'transit' : 'never_arrived' });
    const isLive = ({ state }: Htlc): boolean => state === 'transit' || state === 'flying' || state === 'settled';
    const live = [...this.#htlcs.values()].filter(isLive).reduce((sum, htlc) => sum + htlc.amountMsat, 0n);
    if (live > this.#state.terms.amountMsat) this.violations.push('more than the amount is in flight');
  }

  #move(): void {
    for (const [id, htlc] of this.#htlcs) {
      if (htlc.state === 'transit' && htlc.arrivesAt <= this.#now) htlc.state = 'flying';
      if (htlc.state === 'never_arrived' && this.#random() < 0.2) this.#events.push({ type: 'lost', part: id });
      if (htlc.state === 'flying' && this.#random() < 0.3) {
        this.#resolve(htlc);
        // Some answers are lost with the connection, some come wrong first.
        const choice = this.#random();
        if (choice < 0.2) this.#events.push({ type: 'lost', part: id });
        else if (choice > 0.25) this.#events.push({ type: 'outcome', part: id, outcome: this.#outcome(htlc) });
      }
    }
  }

  #resolve(htlc: Htlc): void {
    htlc.state = this.#random() < 0.25 ? 'settled' : 'failed';
    if (htlc.state === 'failed') htlc.failure = this.#failure();
  }

  #failure(): ReportedFailure {
    const choice = this.#random();
    if (choice < 0.1) return { kind: 'unreadable', brokenAt: Math.floor(this.#random() * 7) - 2 };
    if (choice < 0.2) return { kind: 'local', reason: 'channel_busy' };
    const reporter = choice < 0.3 ? this.#random() * 50 - 25 : Math.floor(this.#random() * 4);
    const code = CODES[Math.floor(this.#random() * CODES.length)]!;
    return { kind: 'decoded', reporter, code, fields: { height: this.#height + Math.floor(this.#random() * 4) } };
  }

  #outcome({ state, failure }: Htlc): PartOutcome {
    if (state === 'settled') return { kind: 'settled', preimage: PREIMAGE };
    return { kind: 'failed', failure: failure! };
  }

  #lookUp(id: number): LookUpAnswer {
    const htlc = this.#htlcs.get(id);
    if (this.#mayDie && this.#random() < 0.2) return { kind: 'unavailable' };
    if (!htlc || htlc.state === 'never_arrived' || htlc.state === 'transit') return { kind: 'never_seen' };
    return htlc.state === 'flying' ? { kind: 'in_flight' } : this.#outcome(htlc);
  }

  #plan(missing: bigint): Plan | Refusal {
    const choice = this.#random();
    if (choice < 0.1) return refusal;
    if (choice < 0.15) return planOf(partOf(missing + 1n, { via: [2] }));
    const parts: PlannedPart[] = [];
    const count = 1n + BigInt(Math.floor(this.#random() * 3));
    const share = missing / count;
    for (let i = 0n; i < count; i++) {
      const amount = i === count - 1n ? missing - share * (count - 1n) : share;
      parts.push(partOf(amount, { source: 1 + Number(i % 2n), via: [3 + Number(i), 6] }));
    }
    return parts.some(({ amountMsat }) => amountMsat <= 0n) ? planOf(partOf(missing)) : planOf(...parts);
  }

  #lose(): void {
    const ids = [...this.#htlcs.keys()];
    const part = ids[Math.floor(this.#random() * ids.length)];
    if (part !== undefined) this.#tell({ type: 'lost', part });
  }

  #nonsense(): PaymentEvent {
    const part = Math.floor(this.#random() * 12) - 2;
    const choice = this.#random();
    if (choice < 0.4) return { type: 'outcome', part, outcome: { kind: 'settled', preimage: WRONG } };
    if (choice < 0.6) return { type: 'planned', ticket: part, answer: this.#plan(50_000n) };
    if (choice < 0.8) return { type: 'accepted', part };
    const unknown = this.#state.parts.length + 3;
    return { type: 'outcome', part: unknown, outcome: { kind: 'failed', failure: this.#failure() } };
  }

  #reserve(hops: readonly HopUse[], sign: bigint): void {
    for (const { scid, amountMsat } of hops) {
      const key = String(scid);
      this.#reserved.set(key, (this.#reserved.get(key) ?? 0n) + sign * amountMsat);
    }
  }

  #checkReservations(): void {
    const wanted = new Map<string, bigint>();
    for (const { scid, amountMsat } of reservedHops(this.#state)) {
      wanted.set(String(scid), (wanted.get(String(scid)) ?? 0n) + amountMsat);
    }
    for (const [key, amount] of this.#reserved) {
      if (amount !== (wanted.get(key) ?? 0n)) this.violations.push('reservations are not those of the parts in flight');
    }
  }

  #checkSuccess(): void {
    this.succeeded = true;
    if (![...this.#htlcs.values()].some(({ state }) => state === 'settled'))
      this.violations.push('success is not true');
  }

  #checkFailure(): void {
    this.failed = true;
    const open = [...this.#htlcs.values()].some(({ state }) => state !== 'failed' && state !== 'never_arrived');
    if (open) this.violations.push('failure is reported while money is out');
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
