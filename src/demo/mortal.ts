/**
 * A process that can be killed at any moment, as `kill -9` does: from then on none of its timers fires, none of its calls
 * returns and nothing is called back, while what it had already handed to the database and to the nodes stays done.
 */
import type { Clock } from '../receive/clock.js';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import type { LedgerEvent } from '../receive/ledger/types.js';
import type { InterceptHandlers, InterceptPort, InterceptSession, NodePort } from '../receive/node-port.js';

export class Life {
  #over = false;
  readonly #atEnd = new Set<() => void>();

  get over(): boolean {
    return this.#over;
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const task of this.#atEnd) task();
  }

  /** Calls `task` at the end: what the operating system does with what a dead process leaves behind. */
  atEnd(task: () => void): void {
    this.#atEnd.add(task);
  }

  /** The call's outcome, as long as there is somebody to learn of it. */
  gate<T>(call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#over) return;
      call().then(
        (value) => {
          if (!this.#over) resolve(value);
        },
        (reason: unknown) => {
          if (!this.#over) reject(reason instanceof Error ? reason : new Error(String(reason)));
        },
      );
    });
  }

  /** The same function, without effect after the end. */
  guard<A extends readonly unknown[]>(task: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      if (!this.#over) task(...args);
    };
  }
}

export function mortalClock(life: Life, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    after: (delay, task) => clock.after(delay, life.guard(task)),
    soon: (task) => clock.soon(life.guard(task)),
  };
}

/** @param committed told of every commit that wrote events before the process learns of it: the place to kill it at */
export function mortalStore(
  life: Life,
  store: LedgerStore,
  committed: (events: readonly LedgerEvent[]) => void,
): LedgerStore {
  return {
    transact: (paymentHashes, body) =>
      life.gate(async () => {
        let events: LedgerEvent[] = [];
        const value = await store.transact(paymentHashes, (view) => {
          events = [];
          return body({
            now: view.now,
            leases: view.leases,
            account: (paymentHash) => view.account(paymentHash),
            putAccount: (account) => view.putAccount(account),
            putLease: (lease) => view.putLease(lease),
            emit(event) {
              events.push(event);
              view.emit(event);
            },
          });
        });
        if (events.length > 0 && !life.over) committed(events);
        return value;
      }),
    now: () => life.gate(() => store.now()),
    leases: () => life.gate(() => store.leases()),
    unfinishedParts: (nodeId) => life.gate(() => store.unfinishedParts(nodeId)),
    prune: (decidedBefore) => life.gate(() => store.prune(decidedBefore)),
    decidedParts: (nodeId) => life.gate(() => store.decidedParts(nodeId)),
    dueHashes: (now, deadlineBelow, limit) => life.gate(() => store.dueHashes(now, deadlineBelow, limit)),
    overdueParts: (decidedBefore, deadlineBelow) => life.gate(() => store.overdueParts(decidedBefore, deadlineBelow)),
  };
}

export function mortalNode(life: Life, node: NodePort): NodePort {
  const { name, kind, intercept } = node;
  return {
    name,
    kind,
    info: () => life.gate(() => node.info()),
    channels: () => life.gate(() => node.channels()),
    ...(intercept && { intercept: mortalIntercept(life, intercept) }),
  };
}

function mortalIntercept(life: Life, port: InterceptPort): InterceptPort {
  return {
    nodeFailureCodes: port.nodeFailureCodes,
    lookupFinal: (key) => life.gate(() => port.lookupFinal(key)),
    open: (handlers) =>
      life.gate(async () => {
        const session = await port.open(guardedHandlers(life, handlers));
        life.atEnd(() => session.close());
        if (life.over) session.close();
        return mortalSession(life, session);
      }),
  };
}

function guardedHandlers(life: Life, handlers: InterceptHandlers): InterceptHandlers {
  return {
    onHtlc: life.guard((htlc) => handlers.onHtlc(htlc)),
    onFinal: life.guard((result) => handlers.onFinal(result)),
    onHeight: life.guard((height) => handlers.onHeight(height)),
    onClosed: life.guard((reason) => handlers.onClosed(reason)),
  };
}

function mortalSession(life: Life, session: InterceptSession): InterceptSession {
  return {
    answer: (key, answer) => (life.over ? 'closed' : session.answer(key, answer)),
    heartbeat: () => life.gate(() => session.heartbeat()),
    close: () => session.close(),
  };
}
