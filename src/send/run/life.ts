/**
 * A process as the cluster knows it: one owner with its lease, its knowledge and the payments it drives, from the first
 * renewal until it stops or is given up. Whoever was given up begins anew under another name.
 */
import type { Millis } from '../../wire/units.js';
import type { ChannelGraph } from '../graph/channel-graph.js';
import type { UpdateVerifier } from '../payment/failure/policy-update.js';
import type { SharedLesson } from '../payment/lessons.js';
import type { Report } from '../payment/messages.js';
import type { PaymentPart } from '../payment/payment.js';
import { partsOut } from '../payment/sums.js';
import type { Modifier } from '../payment/stages.js';
import type { Plan, Refusal } from '../plan/request.js';
import type { Balances } from './balances.js';
import type { HiddenPart } from '../payment/hidden.js';
import { SenderLease } from './lease.js';
import type { News } from './news.js';
import type { Planning } from './planning.js';
import type { Clock, SendPort } from './ports.js';
import { PaymentRunner, type RunnerHost } from './runner.js';
import { backOff, Scope } from './scope.js';
import { SharedKnowledge } from './shared-knowledge.js';
import type { PaymentStore, StoredPayment } from './store-port.js';

/** Payments that one process drives at once. */
export const MOST_PAYMENTS = 10_000;

const CLAIM_EVERY_MS: Millis = 3000;
const CLAIMED_AT_ONCE = 100;
const POLL_EVERY_MS: Millis = 1000;
const SAVE_EVERY_MS: Millis = 60_000;
const LEAVE_LIMIT_MS: Millis = 5000;

export interface LifeOptions {
  readonly owner: string;
  readonly store: PaymentStore;
  readonly clock: Clock;
  readonly graph: ChannelGraph;
  readonly balances: Balances;
  readonly planning: Planning;
  readonly news: News;
  readonly modifiers: readonly Modifier[];
  readonly verifyUpdate?: UpdateVerifier;
  readonly onReport: (payment: StoredPayment, report: Report) => void;
  readonly onTrouble: (what: string, error: unknown) => void;
  readonly onGivenUp: () => void;
}

export class SenderLife implements RunnerHost {
  readonly owner: string;
  readonly store: PaymentStore;
  readonly scope: Scope;
  readonly lease: SenderLease;
  readonly shared: SharedKnowledge;
  readonly runners = new Map<string, PaymentRunner>();
  /** Payments that are being recorded: they have no runner yet. */
  readonly creating = new Set<string>();
  /** By payment hash: the last that is about to begin. */
  readonly beginning = new Map<string, Promise<void>>();
  /** Parts of payments that are about to be recorded, and of probes. */
  readonly promises = new Set<(readAt: Millis) => readonly HiddenPart[]>();
  readonly verifyUpdate?: UpdateVerifier;
  readonly #options: LifeOptions;
  #isClaimUnsure = false;

  constructor(options: LifeOptions) {
    const { owner, store, clock, graph, verifyUpdate, onTrouble } = options;
    this.#options = options;
    this.owner = owner;
    this.store = store;
    this.scope = new Scope(clock);
    if (verifyUpdate) this.verifyUpdate = verifyUpdate;
    this.lease = new SenderLease({
      store,
      owner,
      scope: this.scope,
      onTrouble,
      onGivenUp: () => {
        this.drop();
        options.onGivenUp();
      },
    });
    this.shared = new SharedKnowledge({ graph, store, clock, owner, onTrouble });
  }

  get height(): number {
    return this.#options.balances.height;
  }

  /** Rejects if the database or every own node is lost; false if the name is taken and given up. */
  async begin(): Promise<boolean> {
    try {
      if (!(await this.lease.begin())) return false;
      await this.shared.load();
    } catch (error) {
      this.drop();
      throw error;
    }
    this.#every(CLAIM_EVERY_MS, 'payments of other processes could not be taken over', () => this.#claim(), 0);
    this.#every(POLL_EVERY_MS, 'lessons of other processes could not be read', () => this.shared.poll());
    this.#every(POLL_EVERY_MS, 'requests to stop a payment could not be read', () => this.#takeStops());
    this.#every(SAVE_EVERY_MS, 'what was learnt could not be saved', () => this.shared.save());
    return true;
  }

  /** Ends without a word to anybody: no commit, no call from here on. */
  drop(): void {
    this.scope.close();
    for (const runner of [...this.runners.values()]) runner.drop();
  }

  /** Ends and says so: the next process takes over at once. */
  async leave(): Promise<void> {
    const { clock, onTrouble } = this.#options;
    const runners = [...this.runners.values()];
    this.drop();
    const limit = new Scope(clock);
    try {
      await limit.within(LEAVE_LIMIT_MS, Promise.all(runners.map((runner) => runner.idle())));
      await limit.within(LEAVE_LIMIT_MS, this.shared.save());
    } catch (error) {
      onTrouble('what was learnt could not be saved', error);
    }
    try {
      await limit.within(LEAVE_LIMIT_MS, this.store.leaveSender(this.owner));
    } catch (error) {
      onTrouble('the payments under way could not be given back: others take them over a little later', error);
    }
    limit.close();
  }

  /** Takes a payment that was recorded for this process. */
  add(payment: StoredPayment, modifiers: readonly Modifier[]): PaymentRunner {
    this.runners.get(payment.id)?.drop();
    const wanted = this.#options.planning.modifiersFor(payment.state.terms, modifiers);
    const runner = new PaymentRunner(this, payment, wanted);
    this.runners.set(payment.id, runner);
    return runner;
  }

  /** What balances may lack, of all payments and probes but the one given. */
  hidden(readAt: Millis, except?: PaymentRunner): readonly HiddenPart[] {
    const others = [...this.runners.values()].filter((runner) => runner !== except);
    return [
      ...others.flatMap((runner) => runner.hidden(readAt)),
      ...[...this.promises].flatMap((promise) => promise(readAt)),
    ];
  }

  get inFlightMsat(): bigint {
    const parts = [...this.runners.values()].flatMap(({ state }) => partsOut(state));
    return parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  }

  blockCame(): void {
    for (const runner of this.runners.values()) runner.blockCame(this.height);
  }

  // What runners ask for.

  plan(runner: PaymentRunner): Promise<Plan | Refusal> {
    const { planning } = this.#options;
    return new Promise((resolve) => {
      const what = {
        from: runner.payment.request.from,
        modifiers: runner.modifiers,
        knowledge: this.shared.knowledge,
        hidden: (readAt: Millis) => this.hidden(readAt, runner),
      };
      void planning.missing(() => runner.state, what, resolve);
    });
  }

  async portOf({ source }: Pick<PaymentPart, 'source'>): Promise<SendPort | undefined> {
    const { balances } = this.#options;
    const port = balances.portOf(source);
    if (port) return port;
    await balances.read(() => true);
    return balances.portOf(source);
  }

  learn(lessons: readonly SharedLesson[]): void {
    try {
      this.shared.learn(lessons);
    } catch (error) {
      // Knowledge is advice: nothing that was committed stands still for it.
      this.trouble('what a payment has taught could not be learnt, which is a bug: please report it', error);
    }
  }

  partEnded(): void {
    this.#options.balances.partEnded();
  }

  report(payment: StoredPayment, report: Report): void {
    this.#options.onReport(payment, report);
  }

  changed(runner: PaymentRunner): void {
    const { id } = runner.payment;
    if (runner.isGone && this.runners.get(id) === runner) this.runners.delete(id);
    this.#options.news.tell(id);
  }

  trouble(what: string, error: unknown): void {
    this.#options.onTrouble(what, error);
  }

  async #claim(): Promise<void> {
    if (this.#isClaimUnsure) await this.#findUnsure();
    for (;;) {
      const room = MOST_PAYMENTS - this.runners.size;
      if (room <= 0 || this.scope.isClosed) return;
      const limit = Math.min(CLAIMED_AT_ONCE, room);
      this.#isClaimUnsure = true;
      const claimed = await this.store.claimPayments(this.owner, limit);
      this.#isClaimUnsure = false;
      if (claimed.length > 0 && !(await this.#getReady())) return;
      for (const payment of claimed) this.#resume(payment);
      if (claimed.length < limit) return;
    }
  }

  /** A claim whose answer was lost may have been made: nobody else would ever take those payments up. */
  async #findUnsure(): Promise<void> {
    const isMissing = (id: string): boolean => !this.runners.has(id) && !this.creating.has(id);
    const missing = (await this.store.paymentsOf(this.owner)).filter(isMissing);
    if (missing.length > 0 && !(await this.#getReady())) return;
    let isSure = true;
    for (const id of missing) {
      try {
        // Read anew: what was under way when the list was made may have ended here since.
        const payment = await this.store.readPayment(id);
        if (payment?.owner === this.owner && !payment.state.isEnded && isMissing(id)) this.#resume(payment);
      } catch (error) {
        isSure = false;
        this.trouble(`payment ${id} could not be read and is tried again`, error);
      }
    }
    this.#isClaimUnsure = !isSure;
  }

  async #takeStops(): Promise<void> {
    for (const id of await this.store.stopsAsked(this.owner)) {
      // The mark stays: to be told again does nothing.
      this.runners.get(id)?.tell({ type: 'stop' });
    }
  }

  #resume(payment: StoredPayment): void {
    if (this.scope.isClosed) return;
    this.add(payment, this.#options.modifiers).resume();
  }

  /** What has to be known before payments of another process are gone on with. @returns false if this life is over */
  async #getReady(): Promise<boolean> {
    // The process before them wrote lessons to the last: what it reserved has to be known before it is released.
    for (let failures = 1; !this.scope.isClosed; failures++) {
      try {
        await this.shared.poll();
        break;
      } catch (error) {
        this.trouble('lessons of other processes could not be read', error);
        await this.scope.pause(backOff(failures));
      }
    }
    // Steps need a height, and look-ups the nodes' keys.
    await this.#options.balances.read(() => true);
    return !this.scope.isClosed;
  }

  #every(pause: Millis, what: string, task: () => Promise<void>, first = pause): void {
    this.scope.after(first, () => {
      const again = (): void => {
        this.#every(pause, what, task);
      };
      task().then(again, (error: unknown) => {
        if (!this.scope.isClosed) this.trouble(what, error);
        again();
      });
    });
  }
}
