/** Pays from all own nodes: the shell around the payment machines. */
import type { Millis, NodeId, PaymentHash } from '../../wire/units.js';
import { GraphBook } from '../graph/book.js';
import { type ExportedKnowledge, exportKnowledge } from '../knowledge/export.js';
import { DEFAULT_MODIFIERS } from '../payment/modifiers/default.js';
import type { Report } from '../payment/messages.js';
import type { Modifier } from '../payment/stages.js';
import { FlowPlanner } from '../plan/flow-planner.js';
import { type AskedNode, Balances } from './balances.js';
import { beginPayment, type Beginner, planFor, refuseOrder } from './begin.js';
import { guarded } from './guarded-modifiers.js';
import { SenderLife } from './life.js';
import { News } from './news.js';
import { Planning } from './planning.js';
import { runProbe } from './probe-runner.js';
import { backOff, Scope } from './scope.js';
import type { StoredPayment } from './store-port.js';
import type {
  DryRunAnswer,
  PayAnswer,
  Paying,
  PayOrder,
  ProbeAnswer,
  ProbeOrder,
  ProbeStep,
  SenderOptions,
  SenderStatus,
} from './types.js';

/** Heights and balances are looked at this often, also without a payment. */
const WATCH_BUSY_MS: Millis = 5000;
const WATCH_IDLE_MS: Millis = 15_000;
/** A process that was given up and cannot begin anew for so long tells those who want to pay. */
const BEGIN_LIMIT_MS: Millis = 10_000;
/** How often the database is asked for news of payments that other processes drive. */
const LOOK_EVERY_MS: Millis = 500;

export class Sender implements Paying {
  readonly #options: SenderOptions;
  readonly #scope: Scope;
  readonly #book: GraphBook;
  readonly #balances: Balances;
  readonly #planning: Planning;
  readonly #news: News;
  readonly #modifiers: readonly Modifier[];
  #life: Promise<SenderLife> | undefined;
  /** The one that is begun, while it goes on. */
  #current: SenderLife | undefined;
  /** The last that was made, begun or not. */
  #newest: SenderLife | undefined;
  #stopping: Promise<void> | undefined;
  #lives = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { clock, nodes, internal, random } = options;
    this.#scope = new Scope(clock);
    this.#news = new News(this.#scope);
    this.#modifiers = guarded(options.modifiers ?? DEFAULT_MODIFIERS, this.#onTrouble);
    const ports = nodes.flatMap(({ name, graph }) => (graph ? [{ name, port: graph }] : []));
    this.#book = new GraphBook({
      ports,
      clock,
      onTrouble: this.#onTrouble,
      onGrown: () => this.#current?.shared.graphGrew(),
    });
    const asked: AskedNode[] = [
      ...nodes,
      ...(internal ? [{ name: internal.name, send: internal.send, isInternal: true as const }] : []),
    ];
    this.#balances = new Balances(asked, this.#scope, this.#onTrouble, () => this.#current?.blockCame());
    this.#planning = new Planning({
      balances: this.#balances,
      planner: options.planner ?? new FlowPlanner(this.#book.graph),
      scope: this.#scope,
      chance: random,
      ready: () => this.#book.whenReady(),
      ...(internal ? { internal } : {}),
      onTrouble: this.#onTrouble,
    });
  }

  /** Rejects if the database cannot be asked; may be called again then. */
  async start(): Promise<void> {
    if (this.#life || this.#stopping) throw new Error('the sender was started already: make another one');
    this.#life = this.#begin();
    try {
      await this.#life;
    } catch (error) {
      this.#life = undefined;
      this.#newest = undefined;
      throw error;
    }
    // Stopped meanwhile.
    if (this.#isStopping) return;
    this.#book.start();
    this.#watch();
  }

  /** Also while it starts; resolves when all is let go of, however often it is called. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async pay(order: PayOrder): Promise<PayAnswer> {
    return beginPayment(this.#beginner(await this.#living()), order);
  }

  async dryRun(order: PayOrder): Promise<DryRunAnswer> {
    const beginner = this.#beginner(await this.#living());
    const refused = refuseOrder(beginner, order);
    if (refused) return refused;
    const first = await this.#planning.first(order.terms, planFor(beginner, order), (answer) => answer);
    return first.kind === 'plan' ? { kind: 'plan', plan: first.plan } : first;
  }

  async probe(order: ProbeOrder, onStep?: (step: ProbeStep) => void, signal?: AbortSignal): Promise<ProbeAnswer> {
    const beginner = this.#beginner(await this.#living());
    const { verifyUpdate } = this.#options;
    return runProbe(beginner, order, {
      ...(onStep ? { onStep } : {}),
      ...(signal ? { signal } : {}),
      ...(verifyUpdate ? { verifyUpdate } : {}),
    });
  }

  async stopPayment(id: string): Promise<'stopping' | 'over' | 'unknown'> {
    const runner = this.#current?.runners.get(id);
    const payment = runner?.payment ?? (await this.#options.store.readPayment(id));
    if (!payment) return 'unknown';
    const { phase } = payment.state;
    if (phase === 'succeeded' || phase === 'failed') return 'over';
    if (runner) runner.tell({ type: 'stop' });
    // Whoever drives it finds the mark within a second or two, also whoever takes it over from now on.
    else await this.#options.store.askToStop(id);
    return 'stopping';
  }

  async read(id: string): Promise<StoredPayment | undefined> {
    return this.#current?.runners.get(id)?.payment ?? this.#options.store.readPayment(id);
  }

  async ofHash(paymentHash: PaymentHash): Promise<StoredPayment | undefined> {
    return this.#options.store.paymentOfHash(paymentHash);
  }

  async waitForNews(id: string, after: number, waitMs: Millis): Promise<StoredPayment | undefined> {
    const until = this.#scope.now() + waitMs;
    for (;;) {
      const payment = await this.read(id);
      const left = until - this.#scope.now();
      if (!payment || payment.version > after || left <= 0 || this.#scope.isClosed) return payment;
      const runner = this.#current?.runners.get(id);
      if (runner && runner.payment.version > after) return runner.payment;
      if (runner) await this.#news.next(id, left);
      else await this.#scope.pause(Math.min(left, LOOK_EVERY_MS));
    }
  }

  async exportKnowledge(): Promise<ExportedKnowledge> {
    const { shared } = await this.#living();
    return exportKnowledge(shared.knowledge, this.#scope.now());
  }

  status(): SenderStatus {
    const { graph, isLoaded } = this.#book;
    return {
      nodes: this.#balances.status(),
      graph: { nodes: graph.nodeCount, channels: graph.channelCount, loaded: isLoaded },
      paymentsInFlight: this.#current?.runners.size ?? 0,
      inFlightMsat: this.#current?.inFlightMsat ?? 0n,
    };
  }

  nodeIds(): readonly NodeId[] {
    return this.#balances.nodeIds();
  }

  readonly #onTrouble = (what: string, error: unknown): void => {
    try {
      this.#options.onTrouble?.(what, error);
    } catch {
      // Whoever listens must not stop what goes on.
    }
  };

  readonly #onReport = (payment: StoredPayment, report: Report): void => {
    try {
      this.#options.onReport?.(payment, report);
    } catch (error) {
      this.#onTrouble('a report was not taken', error);
    }
  };

  #beginner(life: SenderLife): Beginner {
    const { nodes } = this.#options;
    return {
      life,
      planning: this.#planning,
      nodes,
      modifiers: this.#modifiers,
      onTrouble: this.#onTrouble,
    };
  }

  async #living(): Promise<SenderLife> {
    if (!this.#life || this.#stopping) throw new Error('nothing can be paid before the start or after the stop');
    const life = await this.#scope.within(BEGIN_LIMIT_MS, this.#life);
    if (life && !this.#isStopping) return life;
    throw new Error('paying begins anew or has stopped: check that the database runs, then try again');
  }

  /** Read anew behind every wait. */
  get #isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async #end(): Promise<void> {
    this.#book.stop();
    const life = this.#newest;
    this.#current = undefined;
    await life?.leave();
    this.#scope.close();
  }

  /** Rejects as the database does. */
  async #begin(): Promise<SenderLife> {
    for (let failures = 1; ; failures++) {
      const life = this.#newLife();
      const isBegun = await life.begin();
      if (this.#stopping) return life;
      if (isBegun && !life.scope.isClosed) {
        this.#current = life;
        return life;
      }
      await this.#scope.pause(backOff(failures));
    }
  }

  #newLife(): SenderLife {
    const { owner, store, clock, verifyUpdate } = this.#options;
    this.#lives++;
    const life: SenderLife = new SenderLife({
      owner: this.#lives === 1 ? owner : `${owner}.${this.#lives}`,
      store,
      clock,
      graph: this.#book.graph,
      balances: this.#balances,
      planning: this.#planning,
      news: this.#news,
      modifiers: this.#modifiers,
      ...(verifyUpdate ? { verifyUpdate } : {}),
      onReport: this.#onReport,
      onTrouble: this.#onTrouble,
      onGivenUp: () => {
        this.#onTrouble('this process was given up by the others and begins anew under another name', undefined);
        if (this.#current !== life) return;
        this.#current = undefined;
        if (this.#stopping) return;
        this.#life = this.#beginAgain();
        // Whoever wants to pay is told; nobody may want to.
        this.#life.catch(() => undefined);
      },
    });
    this.#newest = life;
    return life;
  }

  async #beginAgain(): Promise<SenderLife> {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#begin();
      } catch (error) {
        this.#onTrouble('paying could not begin anew and is tried again', error);
        const goesOn = await this.#scope.pause(backOff(failures));
        if (!goesOn) throw error;
      }
    }
  }

  /** Heights and own balances for those who only look. */
  #watch(): void {
    const again = (): void => {
      const isBusy = (this.#current?.runners.size ?? 0) > 0;
      this.#scope.after(isBusy ? WATCH_BUSY_MS : WATCH_IDLE_MS, () => {
        this.#watch();
      });
    };
    this.#balances.read(() => true).then(again, again);
  }
}
