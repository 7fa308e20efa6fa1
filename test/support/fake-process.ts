/**
 * A process that can be killed or frozen between any two steps of its code: everything that makes its code run (timers,
 * results of the database, messages of nodes) comes through its gate.
 */
import type { Clock } from '../../src/receive/clock.js';
import type { LedgerStore, LedgerView } from '../../src/receive/ledger/store-port.js';
import type {
  HtlcKey,
  InterceptedHtlc,
  InterceptHandlers,
  InterceptSession,
  NodePort,
} from '../../src/receive/node-port.js';
import type { Random } from '../../src/node/sim/random.js';
import type { Millis } from '../../src/wire/units.js';
import { FakeStoreAway } from './fake-ledger-store.js';

export class FakeProcess {
  readonly name: string;
  /** Added to the world's time: clocks of machines differ and jump. */
  skew = 0;
  readonly clock: Clock;
  readonly #world: Clock;
  readonly #sessions = new Set<InterceptSession>();
  #alive = true;
  #frozen = false;
  #queue: (() => void)[] = [];

  constructor(name: string, world: Clock) {
    this.name = name;
    this.#world = world;
    this.clock = {
      now: () => world.now() + this.skew,
      after: (delay, task) => world.after(delay, () => this.run(task)),
      soon: (task) => world.soon(() => this.run(task)),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get running(): boolean {
    return this.#alive && !this.#frozen;
  }

  /** Runs code of the process: now, when it thaws, or never. */
  run(task: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen) this.#queue.push(task);
    else task();
  }

  /** A promise whose outcome reaches the process only through its gate. */
  gate<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(asError(error))),
      );
    });
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    const queue = this.#queue;
    this.#queue = [];
    for (const task of queue) this.#world.soon(() => this.run(task));
  }

  /** Nothing of it runs again; its connections are closed for it. */
  kill(): void {
    this.#alive = false;
    this.#queue = [];
    this.cutSessions();
  }

  /** The nodes give up on it. */
  cutSessions(): void {
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
  }

  opened(session: InterceptSession): void {
    if (this.#alive) this.#sessions.add(session);
    else session.close();
  }
}

/** What happens at a port, for those who judge. */
export interface PortWatch {
  shown(process: FakeProcess, node: string, htlc: InterceptedHtlc): void;
  answered(process: FakeProcess, node: string, key: HtlcKey): void;
  opened(process: FakeProcess, node: string): void;
  closed(process: FakeProcess, node: string): void;
}

export function portOf(process: FakeProcess, inner: NodePort, watch: PortWatch): NodePort {
  const { intercept } = inner;
  if (!intercept) throw new Error('only nodes that intercept are members');
  return {
    name: inner.name,
    kind: inner.kind,
    info: () => process.gate(inner.info()),
    channels: () => process.gate(inner.channels()),
    intercept: {
      nodeFailureCodes: intercept.nodeFailureCodes,
      lookupFinal: (key) => process.gate(intercept.lookupFinal(key)),
      open: async (handlers) => {
        const session = await intercept.open(gatedHandlers(process, inner.name, handlers, watch));
        watch.opened(process, inner.name);
        process.opened(session);
        return process.gate(
          Promise.resolve<InterceptSession>({
            answer: (key, answer) => {
              watch.answered(process, inner.name, key);
              return session.answer(key, answer);
            },
            heartbeat: () => process.gate(session.heartbeat()),
            close: () => session.close(),
          }),
        );
      },
    },
  };
}

function gatedHandlers(
  process: FakeProcess,
  node: string,
  inner: InterceptHandlers,
  watch: PortWatch,
): InterceptHandlers {
  let open = true;
  return {
    onHtlc: (htlc) =>
      process.run(() => {
        if (open) watch.shown(process, node, htlc); // later ones a frozen process finds in its buffers
        inner.onHtlc(htlc);
      }),
    onFinal: (result) => process.run(() => inner.onFinal(result)),
    onHeight: (height) => process.run(() => inner.onHeight(height)),
    onClosed: (reason) => {
      if (open) watch.closed(process, node);
      open = false;
      process.run(() => inner.onClosed(reason));
    },
  };
}

/** What is wrong with the database, for all processes alike. */
export interface DatabaseFaults {
  /** It answers nothing before this time of the world. */
  stalledUntil: Millis;
  /** Probabilities per call: refused before it is carried out; carried out but unacknowledged; carried out later than refused. */
  refuse: number;
  loseReply: number;
  late: number;
}

const PATIENCE_MS = 6_000;
const LATENCY_MS = 4;

export interface ConnectionOptions {
  readonly process: FakeProcess;
  readonly store: LedgerStore;
  readonly world: Clock;
  readonly random: Random;
  readonly faults: DatabaseFaults;
}

/** A process's connection to the shared database. */
export class FakeConnection implements LedgerStore {
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  #call<T>(carryOut: () => Promise<T>): Promise<T> {
    const { process, world, random, faults } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const away = (why: string): void => process.run(() => reject(new FakeStoreAway(why)));
      const ignore = (): void => undefined;
      const begin = (): void => {
        // What a killed process had sent may arrive all the same.
        if (!process.alive && random.chance(0.5)) return;
        const stalled = faults.stalledUntil - world.now();
        if (stalled > PATIENCE_MS) {
          const happensLater = random.chance(0.5);
          world.after(PATIENCE_MS, () => away('no answer'));
          if (happensLater) world.after(stalled, () => void carryOut().catch(ignore));
          return;
        }
        if (stalled > 0) {
          world.after(stalled, begin);
          return;
        }
        if (random.chance(faults.refuse)) {
          away('connection refused');
          return;
        }
        if (random.chance(faults.late)) {
          world.after(random.int(1, 3_000), () => void carryOut().catch(ignore));
          away('connection lost');
          return;
        }
        const lost = random.chance(faults.loseReply);
        carryOut().then(
          (value) => (lost ? away('reply lost') : process.run(() => resolve(value))),
          (error: unknown) => process.run(() => reject(asError(error))),
        );
      };
      world.after(random.int(0, LATENCY_MS), begin);
    });
  }

  transact<T>(hashes: readonly string[], body: (view: LedgerView) => T): Promise<T> {
    return this.#call(() => this.#options.store.transact(hashes, body));
  }

  now(): Promise<Millis> {
    return this.#call(() => this.#options.store.now());
  }

  leases(): ReturnType<LedgerStore['leases']> {
    return this.#call(() => this.#options.store.leases());
  }

  unfinishedParts(nodeId: string): ReturnType<LedgerStore['unfinishedParts']> {
    return this.#call(() => this.#options.store.unfinishedParts(nodeId));
  }

  prune(decidedBefore: Millis): Promise<void> {
    return this.#call(() => this.#options.store.prune(decidedBefore));
  }

  decidedParts(nodeId: string): ReturnType<LedgerStore['decidedParts']> {
    return this.#call(() => this.#options.store.decidedParts(nodeId));
  }

  dueHashes(now: Millis, deadlineBelow: number, limit: number): Promise<readonly string[]> {
    return this.#call(() => this.#options.store.dueHashes(now, deadlineBelow, limit));
  }

  overdueParts(decidedBefore: Millis, deadlineBelow: number): ReturnType<LedgerStore['overdueParts']> {
    return this.#call(() => this.#options.store.overdueParts(decidedBefore, deadlineBelow));
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
