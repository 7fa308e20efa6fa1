/**
 * Drives one payment: events one after the other, each step committed before its commands are carried out. Nothing else
 * of the payment happens while a commit waits for the database.
 */
import type { Millis } from '../../wire/units.js';
import type { UpdateVerifier } from '../payment/failure/policy-update.js';
import type { SharedLesson } from '../payment/lessons.js';
import {
  type LookUpAnswer,
  type PaymentCommand,
  type PaymentEvent,
  type Report,
  type Step,
  type StepContext,
} from '../payment/messages.js';
import type { PaymentPart, PaymentState } from '../payment/payment.js';
import type { Modifier } from '../payment/stages.js';
import { step } from '../payment/step.js';
import { toHex } from '../../wire/bytes.js';
import type { Plan, Refusal } from '../plan/request.js';
import { Doubts } from './doubts.js';
import { ModifierFault, refusalFor } from './guarded-modifiers.js';
import type { HiddenPart } from '../payment/hidden.js';
import { hiddenParts } from './hidden.js';
import type { SenderLease } from './lease.js';
import { outEvents } from './out-events.js';
import { outgoingOf } from './outgoing.js';
import type { PartTold, SendPort } from './ports.js';
import { isQuiet } from './quiet.js';
import { backOff, type Scope } from './scope.js';
import type { PaymentStore, StepCommit, StoredPayment } from './store-port.js';

/** What a payment needs of the process that drives it. Nothing of it throws, and no promise of it rejects but the store's. */
export interface RunnerHost {
  readonly store: Pick<PaymentStore, 'commitStep'>;
  readonly scope: Scope;
  readonly lease: Pick<SenderLease, 'holds' | 'ensure'>;
  readonly height: number;
  readonly verifyUpdate?: UpdateVerifier;
  plan(runner: PaymentRunner): Promise<Plan | Refusal>;
  portOf(part: PaymentPart): Promise<SendPort | undefined>;
  learn(lessons: readonly SharedLesson[]): void;
  /** Balances that were read before do not show it. */
  partEnded(): void;
  report(payment: StoredPayment, report: Report): void;
  /** There is a new version, or the runner has come to its end. */
  changed(runner: PaymentRunner): void;
  trouble(what: string, error: unknown): void;
}

/** A look-up that takes longer is taken for none. */
const LOOK_UP_LIMIT_MS: Millis = 25_000;
/** A plan or a send that waited longer for the database is out of date. */
const STALE_MS: Millis = 30_000;
/** Timers do not take much more; a tick too early does no harm. */
const LONGEST_WAIT_MS: Millis = 3_600_000;

export class PaymentRunner {
  readonly modifiers: readonly Modifier[];
  readonly #host: RunnerHost;
  #payment: StoredPayment;
  /** Of the last step; ahead of the committed one by confirmations alone. */
  #state: PaymentState;
  /** Of the step that is being committed: what other payments have to reckon with. */
  #latest: PaymentState;
  readonly #queue: (() => Promise<void>)[] = [];
  #work: Promise<void> = Promise.resolve();
  #isAtWork = false;
  #isGone = false;
  readonly #calls = new Map<number, Millis>();
  readonly #doubts: Doubts;
  /** A plan that is on its way to the machine. */
  #promised: readonly HiddenPart[] = [];
  #firstPlan: { readonly plan: Plan; readonly at: Millis } | undefined;
  #cancelWait: () => void = () => undefined;
  #waitHeight: number | undefined;

  constructor(host: RunnerHost, payment: StoredPayment, modifiers: readonly Modifier[]) {
    this.#host = host;
    this.#doubts = new Doubts(host.scope);
    this.#payment = payment;
    this.#state = payment.state;
    this.#latest = payment.state;
    this.modifiers = modifiers;
  }

  /** As it was committed last. */
  get payment(): StoredPayment {
    return this.#payment;
  }

  get state(): PaymentState {
    return this.#state;
  }

  /** It has ended, or this process drives it no more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Goes on with a payment that was just recorded. @param plan the answer to its first `plan` command */
  begin(commands: readonly PaymentCommand[], plan: Plan): void {
    this.#firstPlan = { plan, at: this.#host.scope.now() };
    this.#promised = plan.parts;
    this.#enqueue(async () => {
      for (const command of commands) await this.#carryOut(command);
    });
  }

  /** Goes on with a payment of a process that is gone. */
  resume(): void {
    this.tell({ type: 'restarted' });
    this.tell({ type: 'start' });
  }

  tell(event: PaymentEvent): void {
    this.#enqueue(() => this.#take(event));
  }

  blockCame(height: number): void {
    if (this.#waitHeight !== undefined && height >= this.#waitHeight) this.#tick();
  }

  /** From here on nothing is committed, sent or told. */
  drop(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#queue.length = 0;
    this.#promised = [];
    this.#cancelWait();
    this.#host.changed(this);
  }

  /** Resolves when the step that is being made is over. */
  async idle(): Promise<void> {
    await this.#work;
  }

  hidden(readAt: Millis): readonly HiddenPart[] {
    return [...this.#promised, ...hiddenParts(this.#latest, this.#calls, readAt)];
  }

  #enqueue(task: () => Promise<void>): void {
    if (this.#isGone) return;
    this.#queue.push(task);
    if (this.#isAtWork) return;
    // Before the first task runs: it may enqueue others at once, and two steps at a time would overwrite each other.
    this.#isAtWork = true;
    this.#work = this.#run();
  }

  async #run(): Promise<void> {
    for (let task = this.#queue.shift(); task && !this.#isGone; task = this.#queue.shift()) await this.#attempt(task);
    // At once, not a microtask later: what came in between would wait for the next event.
    this.#isAtWork = false;
  }

  async #attempt(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#host.trouble(`payment ${this.#payment.id}: a step failed, which is a bug: please report it`, error);
    }
  }

  async #take(event: PaymentEvent): Promise<void> {
    const before = this.#state;
    const made = this.#step(event);
    this.#latest = made.state;
    if (event.type === 'planned') this.#promised = [];
    const isCommitted = !isQuiet(event, before, made);
    if (isCommitted && !(await this.#commit(made))) return;
    this.#state = made.state;
    for (const command of made.commands) await this.#carryOut(command);
    if (made.state.isEnded) this.drop();
    else if (isCommitted && !this.#isGone) this.#host.changed(this);
  }

  #step(event: PaymentEvent): Step {
    const { scope, height, verifyUpdate } = this.#host;
    const bare: StepContext = { now: scope.now(), height, modifiers: [] };
    const context = { ...bare, modifiers: this.modifiers, ...(verifyUpdate ? { verifyUpdate } : {}) };
    try {
      return step(this.#state, event, context);
    } catch (error) {
      if (!(error instanceof ModifierFault)) {
        this.#host.trouble(`payment ${this.#payment.id}: what the operator added failed; going on without it`, error);
      }
      if (event.type !== 'planned') return step(this.#state, event, bare);
      const words =
        error instanceof ModifierFault ? error.message : 'the plan could not be carried out: please report it';
      return step(this.#state, { ...event, answer: refusalFor(words) }, bare);
    }
  }

  /** @returns false if the payment is not this process's any more */
  async #commit({ state, commands }: Step): Promise<boolean> {
    const { scope, store } = this.#host;
    const { id, owner, epoch, version, state: before } = this.#payment;
    const lessons = commands.flatMap((command) => (command.type === 'learn' ? command.lessons : []));
    const changed = state.parts.filter((part, i) => part !== before.parts[i]);
    const commit: StepCommit = {
      id,
      owner,
      epoch,
      version,
      state,
      changed,
      lessons,
      events: outEvents(before, commands),
    };
    for (let failures = 1; !this.#isGone; failures++) {
      try {
        const answer = await store.commitStep(commit);
        if (this.isGone) return false;
        if (answer === 'fenced') {
          this.drop();
          return false;
        }
        this.#payment = { ...this.#payment, state, version: version + 1 };
        this.#host.learn(lessons);
        return true;
      } catch (error) {
        this.#host.trouble(`payment ${id}: a step could not be recorded and is tried again`, error);
        await scope.pause(backOff(failures));
      }
    }
    return false;
  }

  async #carryOut(command: PaymentCommand): Promise<void> {
    if (this.#isGone) return;
    switch (command.type) {
      case 'record':
      case 'learn':
        // Done by the commit.
        return;
      case 'send': {
        await this.#send(command.part);
        return;
      }
      case 'look_up': {
        void this.#lookUp(command.part, command.lookUp);
        return;
      }
      case 'plan': {
        void this.#plan(command.ticket);
        return;
      }
      case 'wait': {
        this.#wait(command.until, command.height);
        return;
      }
      case 'report': {
        this.#host.report(this.#payment, command.report);
        return;
      }
    }
  }

  async #send(part: PaymentPart): Promise<void> {
    const { lease, scope } = this.#host;
    const port = await this.#portOf(part);
    const isOurs = await lease.ensure();
    if (this.#isGone) return;
    const isStale = scope.now() - part.sentAt! > STALE_MS;
    // Not called: the part stays recorded as sent and is looked up, by this process or by the next.
    if (!port || !isOurs || isStale || !lease.holds()) {
      this.tell({ type: 'lost', part: part.id });
      return;
    }
    this.#calls.set(part.id, scope.now());
    let isAccepted = false;
    const accepted = (told: PartTold = {}): void => {
      if (isAccepted && !told.releasePath) return;
      isAccepted = true;
      this.tell({ type: 'accepted', part: part.id, ...told });
    };
    const call = async () => port.send(outgoingOf(this.#state, part), accepted);
    call().then(
      (outcome) => {
        this.#host.partEnded();
        this.tell({ type: 'outcome', part: part.id, outcome });
      },
      (error: unknown) => {
        if (this.#isGone) return;
        this.#host.trouble(
          `payment ${this.#payment.id}: part ${part.id} is lost from sight and will be looked up`,
          error,
        );
        this.tell({ type: 'lost', part: part.id });
      },
    );
  }

  async #lookUp(part: PaymentPart, lookUp: number): Promise<void> {
    const node = toHex(part.source);
    const siblings = this.#state.parts.filter(({ sentAt, source }) => sentAt !== undefined && toHex(source) === node);
    const isDoubtOver = this.#doubts.isOver(part.id);
    let answer: LookUpAnswer = { kind: 'unavailable' };
    try {
      const port = await this.#portOf(part);
      const question = port?.lookUp({ ...outgoingOf(this.#state, part), siblings });
      if (question) answer = (await this.#host.scope.within(LOOK_UP_LIMIT_MS, question)) ?? answer;
    } catch (error) {
      this.#host.trouble(`payment ${this.#payment.id}: part ${part.id} could not be looked up`, error);
    }
    if (answer.kind === 'settled' || answer.kind === 'failed') this.#host.partEnded();
    if (answer.kind === 'never_seen' && !isDoubtOver) answer = { kind: 'unavailable' };
    this.tell({ type: 'looked_up', part: part.id, lookUp, answer });
  }

  async #portOf(part: PaymentPart): Promise<SendPort | undefined> {
    try {
      return await this.#host.portOf(part);
    } catch (error) {
      this.#host.trouble(`payment ${this.#payment.id}: the node of part ${part.id} could not be found`, error);
      return undefined;
    }
  }

  async #plan(ticket: number): Promise<void> {
    const first = this.#firstPlan;
    this.#firstPlan = undefined;
    const isFresh = first !== undefined && this.#host.scope.now() - first.at <= STALE_MS;
    const answer = isFresh ? first.plan : await this.#host.plan(this);
    if (this.#isGone) return;
    this.#promised = answer.kind === 'plan' ? answer.parts : [];
    this.tell({ type: 'planned', ticket, answer });
  }

  #wait(until: Millis | undefined, height: number | undefined): void {
    this.#cancelWait();
    this.#waitHeight = height;
    if (until === undefined) return;
    const { scope } = this.#host;
    const delay = Math.min(LONGEST_WAIT_MS, Math.max(1, until - scope.now()));
    this.#cancelWait = scope.after(delay, () => {
      this.#tick();
    });
  }

  #tick(): void {
    this.#cancelWait();
    this.#waitHeight = undefined;
    this.tell({ type: 'tick' });
  }
}
