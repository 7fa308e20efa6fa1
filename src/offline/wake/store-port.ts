/** What waking needs of a database. Implemented in `store/`. */
import type { Millis } from '../../wire/units.js';
import type { OwedCall, WakeClient } from './lsps5/state.js';

/** One of our nodes and a client of it, both by node id in lower-case hex. */
export interface WakeKey {
  readonly nodeId: string;
  readonly client: string;
}

export interface WakeView {
  /** The database's clock. */
  readonly now: Millis;
  /** `NO_CLIENT` if nothing is known of it. */
  readonly client: WakeClient;
  /** Other clients of the node that have webhooks and no channel; counted only if asked for. */
  readonly strangers: number;
}

/** A call that this process has to make before `claimedUntil`; nobody else gets it until then. */
export interface ClaimedCall extends OwedCall {
  readonly key: WakeKey;
  readonly url: string;
  /** Failures before this attempt. */
  readonly attempts: number;
  /** Tells apart who claimed it last, and whether it was replaced since. */
  readonly claim: number;
  readonly claimedUntil: Millis;
}

export type CallResult =
  /** It was taken, or is not to be made any more. */
  | { readonly type: 'over' }
  | { readonly type: 'failed'; readonly status: string; readonly dueAt: Millis }
  /** Not tried. */
  | { readonly type: 'put_off'; readonly dueAt: Millis };

export interface WakeStore {
  now(): Promise<Millis>;

  /**
   * Runs `body` in one serializable transaction over one client and writes the client that it returns; resolves when that is
   * durable. `body` is pure and may run several times. A client without webhooks is forgotten.
   */
  transactWake<T>(
    key: WakeKey,
    options: { readonly countStrangers: boolean },
    body: (view: WakeView) => { readonly client: WakeClient; readonly value: T },
  ): Promise<T>;

  /** As last committed. */
  readWakeClient(key: WakeKey): Promise<WakeClient>;

  /** Clients of the node in the order of their ids, those after `after`. */
  wakeClients(nodeId: string, limit: number, after?: string): Promise<readonly string[]>;

  /** Clients that were last reviewed before this time, the longest waiting first. */
  wakeClientsToReview(nodeId: string, before: Millis, limit: number): Promise<readonly string[]>;

  /**
   * Takes calls of the node that are due, at most `limit`. Behind the word of its registration no other call of a webhook
   * is given out. After a crash they are due again when the claim ends.
   */
  claimCalls(nodeId: string, limit: number, claimMs: Millis): Promise<readonly ClaimedCall[]>;

  /** Of a call that was replaced, dropped or claimed by another in the meantime nothing is recorded. */
  recordCall(call: Pick<ClaimedCall, 'key' | 'appName' | 'notification' | 'claim'>, result: CallResult): Promise<void>;

  /** Drops calls that are stale, of all nodes. Resolves with how many. */
  dropStaleCalls(): Promise<number>;
}
