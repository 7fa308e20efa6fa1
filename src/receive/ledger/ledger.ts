/**
 * The ledger at work: commands in, one transaction for all that arrived while the last one ran, replies out after the
 * commit. Also keeps the leases that say who owns which node's stream (R4).
 */
import type { BlockHeight, Millis } from '../../wire/units.js';
import { isRetryable, type LedgerStore, type LedgerView } from './store-port.js';
import { step } from './step.js';
import {
  type DecidedPart,
  DEFAULT_LEDGER_POLICY,
  type Lease,
  type LedgerCommand,
  type LedgerPolicy,
  type LedgerReply,
  type Part,
  partKeyText,
} from './types.js';

export interface LedgerOptions {
  readonly store: LedgerStore;
  /** Name of this process, unique among all that share the database and among its own restarts. */
  readonly owner: string;
  readonly policy?: LedgerPolicy;
}

export type LeaseResult =
  | { readonly type: 'owned'; readonly lease: Lease }
  | { readonly type: 'held'; readonly by: string; readonly until: Millis };

interface Waiting {
  readonly command: LedgerCommand;
  resolve(reply: LedgerReply): void;
  reject(error: unknown): void;
}

/** More than this in one transaction gains nothing and makes a retry dear. */
const MAX_BATCH = 256;

export class Ledger {
  readonly owner: string;
  readonly policy: LedgerPolicy;
  readonly #store: LedgerStore;
  readonly #listeners = new Set<(decided: readonly DecidedPart[]) => void>();
  #queue: Waiting[] = [];
  #running = false;

  constructor({ store, owner, policy = DEFAULT_LEDGER_POLICY }: LedgerOptions) {
    this.#store = store;
    this.owner = owner;
    this.policy = policy;
  }

  /**
   * Carries a command out. The promise resolves after the commit is durable. It rejects when the store is lost; then the
   * command may or may not have been carried out, and submitting it again is safe.
   */
  submit(command: LedgerCommand): Promise<LedgerReply> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ command, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /** Called after every commit with the parts it decided, whichever node they are on. Returns a function that unsubscribes. */
  onDecided(listener: (decided: readonly DecidedPart[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, MAX_BATCH);
      this.#queue = this.#queue.slice(MAX_BATCH);
      await this.#runBatch(batch);
    }
    this.#running = false;
  }

  async #runBatch(batch: readonly Waiting[]): Promise<void> {
    const commands = batch.map(({ command }) => command);
    try {
      const { replies, decided } = await this.#commit(commands);
      batch.forEach((waiting, i) => {
        waiting.resolve(replies[i]!);
      });
      if (decided.length > 0) for (const listener of this.#listeners) listener(decided);
    } catch (error) {
      if (batch.length === 1 || isRetryable(error)) for (const waiting of batch) waiting.reject(error);
      // One command that the database refuses must not take the others with it.
      else for (const waiting of batch) await this.#runBatch([waiting]);
    }
  }

  #commit(commands: readonly LedgerCommand[]): Promise<{ replies: LedgerReply[]; decided: DecidedPart[] }> {
    const hashes = [...new Set(commands.map(paymentHashOf))];
    return this.#store.transact(hashes, (view) => {
      const decided: DecidedPart[] = [];
      const replies = commands.map((command) => this.#apply(view, command, decided));
      return { replies, decided };
    });
  }

  #apply(view: LedgerView, command: LedgerCommand, decided: DecidedPart[]): LedgerReply {
    const before = view.account(paymentHashOf(command));
    const { now, leases } = view;
    const { account, reply, events } = step(before, command, { now, leases, policy: this.policy, owner: this.owner });
    if (account === before) return reply;
    view.putAccount(account);
    for (const event of events) view.emit(event);
    decided.push(...newlyDecided(before.parts, account.parts, account.sets));
    return reply;
  }

  /**
   * Takes or keeps the stream of a node with a new epoch: for the first start, for every reconnect, and for a take-over
   * once the old lease has run out. Parts shown under older epochs no longer count until they are shown again.
   */
  acquireLease(nodeId: string, height: BlockHeight, ttl: Millis): Promise<LeaseResult> {
    return this.#store.transact<LeaseResult>([], (view) => {
      const current = view.leases.get(nodeId);
      if (current && current.owner !== this.owner && current.expiresAt > view.now) {
        return { type: 'held', by: current.owner, until: current.expiresAt };
      }
      const epoch = (current?.epoch ?? 0) + 1;
      const lease = { nodeId, owner: this.owner, epoch, expiresAt: view.now + ttl, height };
      view.putLease(lease);
      return { type: 'owned', lease };
    });
  }

  /** Says that the stream is alive and at which height. False if somebody else has taken it: stop answering. */
  renewLease(nodeId: string, epoch: number, height: BlockHeight, ttl: Millis): Promise<boolean> {
    return this.#store.transact([], (view) => {
      const current = view.leases.get(nodeId);
      if (current?.owner !== this.owner || current.epoch !== epoch) return false;
      view.putLease({ ...current, expiresAt: view.now + ttl, height });
      return true;
    });
  }

  /** Says that the stream has ended: nothing shown on it counts from now on, and anybody may take it. */
  endLease(nodeId: string, epoch: number): Promise<void> {
    return this.#store.transact([], (view) => {
      const current = view.leases.get(nodeId);
      if (current?.owner !== this.owner || current.epoch !== epoch) return;
      view.putLease({ ...current, epoch: epoch + 1, expiresAt: view.now });
    });
  }
}

function paymentHashOf(command: LedgerCommand): string {
  return command.type === 'admit' || command.type === 'refuse' ? command.part.paymentHash : command.paymentHash;
}

function newlyDecided(
  before: readonly Part[],
  after: readonly Part[],
  sets: readonly { readonly id: string; readonly preimage: string | undefined }[],
): DecidedPart[] {
  const decidedBefore = new Set(
    before.filter(({ decision }) => decision.type !== 'none').map(({ key }) => partKeyText(key)),
  );
  return after
    .filter(({ key, decision }) => decision.type !== 'none' && !decidedBefore.has(partKeyText(key)))
    .map(({ key, paymentHash, decision, setId }) => ({
      key,
      paymentHash,
      decision,
      preimage: decision.type === 'settle' ? sets.find(({ id }) => id === setId)?.preimage : undefined,
    }));
}
