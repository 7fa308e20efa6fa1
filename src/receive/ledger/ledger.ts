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
  | { readonly type: 'held'; readonly by: string; readonly remainingMs: Millis };

interface Waiting {
  readonly command: LedgerCommand;
  readonly stillTrue: (() => boolean) | undefined;
  resolve(reply: LedgerReply): void;
  reject(error: unknown): void;
}

/** More than this in one transaction gains nothing and makes a retry dear. */
const MAX_BATCH = 128;

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
   *
   * @param stillTrue asked inside the transaction: if what the command tells of no longer holds, nothing is done and the
   *   reply is `overtaken`
   */
  submit(command: LedgerCommand, stillTrue?: () => boolean): Promise<LedgerReply> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ command, stillTrue, resolve, reject });
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
    let committed: { readonly replies: LedgerReply[]; readonly decided: DecidedPart[] };
    try {
      committed = await this.#commit(batch);
    } catch (error) {
      if (batch.length === 1 || isRetryable(error)) for (const waiting of batch) waiting.reject(error);
      // One command that the database refuses must not take the others with it.
      else for (const waiting of batch) await this.#runBatch([waiting]);
      return;
    }
    batch.forEach((waiting, i) => {
      waiting.resolve(committed.replies[i]!);
    });
    if (committed.decided.length > 0) for (const listener of this.#listeners) listener(committed.decided);
  }

  #commit(batch: readonly Waiting[]): Promise<{ replies: LedgerReply[]; decided: DecidedPart[] }> {
    const hashes = [...new Set(batch.map(({ command }) => paymentHashOf(command)))];
    return this.#store.transact(hashes, (view) => {
      const decided: DecidedPart[] = [];
      const replies = batch.map((waiting) => this.#apply(view, waiting, decided));
      return { replies, decided };
    });
  }

  #apply(view: LedgerView, { command, stillTrue }: Waiting, decided: DecidedPart[]): LedgerReply {
    if (stillTrue?.() === false) return { type: 'overtaken' };
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
      const mayLive = this.#store.soleWriter !== true;
      if (mayLive && current && current.owner !== this.owner && current.expiresAt > view.now) {
        return { type: 'held', by: current.owner, remainingMs: current.expiresAt - view.now };
      }
      const epoch = (current?.epoch ?? 0) + 1;
      const lease = { nodeId, owner: this.owner, epoch, expiresAt: view.now + ttl, height };
      view.putLease(lease);
      return { type: 'owned', lease };
    });
  }

  /**
   * Says at which height the stream was alive, and until when that counts: some time after the database's clock was read
   * *before* the node was asked. A renewal may be carried out late, even for a process that died meanwhile, so it must not
   * count from the moment of its transaction. False if somebody else has taken the stream: stop answering.
   */
  renewLease(nodeId: string, epoch: number, height: BlockHeight, expiresAt: Millis): Promise<boolean> {
    return this.#store.transact([], (view) => {
      const current = view.leases.get(nodeId);
      if (current?.owner !== this.owner || current.epoch !== epoch) return false;
      view.putLease({ ...current, expiresAt, height });
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

export function paymentHashOf(command: LedgerCommand): string {
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
